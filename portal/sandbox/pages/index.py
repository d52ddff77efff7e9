"""The first page: the people, and what to try with each."""

from __future__ import annotations

from portal.sandbox.pages.frame import render_page
from portal.sandbox.people import BY_KEY, CAST, REFUSED, STAFF, STARTERS, Person
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Html, Request, Response, hidden_fields, redirect, tag

INTRODUCTIONS = {
    STAFF: "Sign in to the portal as one of these people. You need no password.",
    STARTERS: "These people start today and cannot sign in yet. Use the portal to give them a pass.",
    REFUSED: "Add one of these people as a starter. The portal refuses each for a different reason.",
}


def show_people(tenant: Tenant, _request: Request) -> Response:
    portal = tenant.options.portal_url
    return render_page(
        "Contoso, an invented company",
        tag(
            "p",
            "Contoso uses the portal at ",
            tag("a", portal, href=portal),
            ". These are the people, with something to try for each.",
            class_="lead",
        ),
        tag(
            "ul",
            tag("li", tag("a", "Mail", href="/mail"), ": all emails that the portal has sent."),
            tag(
                "li",
                tag("a", "Starter's sign-in", href="/mysignins"),
                ": where a starter signs in with the pass.",
            ),
        ),
        *(_render_section(tenant, section) for section in (STAFF, STARTERS, REFUSED)),
    )


def create_expected_account(tenant: Tenant, request: Request) -> Response:
    """Create an expected account now."""
    key = request.form.get("person", "")
    with tenant.lock:
        if key in tenant.accounts and not tenant.accounts[key].exists:
            tenant.create_expected_account(key)
            tenant.save()
    return redirect("/")


def _render_section(tenant: Tenant, section: str) -> Html:
    people = (person for person in CAST if person.section == section)
    return tag(
        "section",
        tag("h2", section),
        tag("p", INTRODUCTIONS[section]),
        tag("ul", *(_render_person(tenant, person) for person in people), class_="cast"),
    )


def _render_person(tenant: Tenant, person: Person) -> Html:
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
        hidden_fields({"person": person.key}),
        tag("button", "Create this account", class_="quiet"),
        method="post",
        action="/appear",
    )
