"""The first page: what this is, who lives here, and what to try with each."""

from __future__ import annotations

from portal.sandbox.pages import page
from portal.sandbox.people import BY_KEY, CAST, REFUSED, STAFF, STARTERS, Person
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Html, Request, Response, hidden, redirect, tag

INTRODUCTIONS = {
    STAFF: "Sign in to the portal as one of them. There are no passwords: a page lets you pick.",
    STARTERS: "Each is new today and has no way to sign in. That is what the portal is for.",
    REFUSED: "Record them as if they were starters. Each stands for one reason to say no.",
}


def show(tenant: Tenant, _request: Request) -> Response:
    portal = tenant.options.portal_url
    return page(
        "A company that does not exist",
        tag(
            "p",
            "Contoso plays the Microsoft Entra tenant of the portal at ",
            tag("a", portal, href=portal),
            ". Whatever the portal asks of Microsoft, it asks of these people.",
            class_="lead",
        ),
        tag(
            "ul",
            tag("li", tag("a", "Mail", href="/mail"), ": what the portal has sent, and to whom."),
            tag("li", tag("a", "Starter's sign-in", href="/mysignins"), ": where a starter uses the pass."),
        ),
        *(_section(tenant, section) for section in (STAFF, STARTERS, REFUSED)),
    )


def appear(tenant: Tenant, request: Request) -> Response:
    """The button: an account that was expected is created now."""
    key = request.form.get("person", "")
    with tenant.lock:
        if key in tenant.accounts and not tenant.accounts[key].exists:
            tenant.appear(key)
            tenant.save()
    return redirect("/")


def _section(tenant: Tenant, section: str) -> Html:
    people = (person for person in CAST if person.section == section)
    return tag(
        "section",
        tag("h2", section),
        tag("p", INTRODUCTIONS[section]),
        tag("ul", *(_card(tenant, person) for person in people), class_="cast"),
    )


def _card(tenant: Tenant, person: Person) -> Html:
    account = tenant.accounts[person.key]
    manager = BY_KEY.get(account.manager or "")
    facts = [tag("span", account.user_principal_name)]
    if person.section != STAFF:
        facts.append(tag("span", f"Manager: {manager.name if manager else 'none'}"))
    return tag(
        "li",
        tag("h3", account.name),
        tag("p", person.who, class_="who"),
        tag("p", person.try_this),
        tag("p", *(Html(f"{fact} ") for fact in facts), class_="facts"),
        "" if account.exists else _appear_form(person),
    )


def _appear_form(person: Person) -> Html:
    return tag(
        "form",
        hidden({"person": person.key}),
        tag("button", "Let the account appear", class_="quiet"),
        method="post",
        action="/appear",
    )
