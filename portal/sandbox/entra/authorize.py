"""The people picker. A script signs in by POSTing the same fields as the page's form:

    the query of the authorize address, and `person` = a key of the cast, a user principal name
    or an object id; optionally `signed_in_ago` = seconds, to be someone who signed in that long ago.

The answer is a redirect to `redirect_uri` with `code` and `state`.
"""

from __future__ import annotations

import time

from portal.sandbox.entra import asking
from portal.sandbox.entra.asking import Asked, Mistaken
from portal.sandbox.entra.errors import error_page
from portal.sandbox.pages import page
from portal.sandbox.people import BY_KEY, CAST, REFUSED, STAFF, STARTERS
from portal.sandbox.records import Account
from portal.sandbox.sessions import Grant
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Html, Request, Response, cookie_header, hidden, tag

COOKIE = "entra"
CANCEL = "cancel"


def show(tenant: Tenant, request: Request) -> Response:
    """The picker; or at once back to the portal when this browser is signed in and that will do."""
    try:
        asked = asking.read(tenant, request.query)
    except Mistaken as mistake:
        return error_page(mistake.number, mistake.message)
    if asked.fault:
        return asked.refused("invalid_request", asked.fault)
    signed_in = tenant.sessions.signed_in(request.cookie(COOKIE))
    account = _silently(tenant, asked, signed_in)
    if account:
        return _granted(tenant, request, asked, account, signed_in[account.key])
    if "none" in asked.prompts:
        return asked.refused(
            "login_required", "AADSTS50058: A silent sign-in request was sent but no user is signed in."
        )
    return _picker(tenant, asked, signed_in)


def choose(tenant: Tenant, request: Request) -> Response:
    try:
        asked = asking.read(tenant, request.form)
    except Mistaken as mistake:
        return error_page(mistake.number, mistake.message)
    if asked.fault:
        return asked.refused("invalid_request", asked.fault)
    chosen = request.form.get("person", "")
    if chosen == CANCEL:
        description = "AADSTS65004: User declined to consent to access the app."
        return asked.refused("access_denied", description, error_subcode="cancel")
    account = tenant.accounts.get(chosen) or tenant.find(chosen)
    if account is None or not account.exists:
        return error_page(50034, f"The user account {chosen} does not exist in this directory.")
    if not account.properties["accountEnabled"]:
        return error_page(50057, "The user account is disabled.")
    return _granted(tenant, request, asked, account, _auth_time(tenant, request, asked, account))


def _silently(tenant: Tenant, asked: Asked, signed_in: dict[str, int]) -> Account | None:
    """Single sign-on: one person it can be, who signed in recently enough, and no wish to ask."""
    if asked.prompts & {"login", "select_account"}:
        return None
    people = [
        tenant.accounts[key] for key in signed_in if _matches(tenant.accounts[key], asked["login_hint"])
    ]
    if len(people) != 1 or not _recent(asked, signed_in[people[0].key]):
        return None
    return people[0]


def _matches(account: Account, hint: str) -> bool:
    return not hint or hint.lower() in (account.user_principal_name.lower(), account.id)


def _recent(asked: Asked, auth_time: int) -> bool:
    return asked.max_age is None or time.time() - auth_time < asked.max_age


def _auth_time(tenant: Tenant, request: Request, asked: Asked, account: Account) -> int:
    """Now, unless the person was signed in and was only asked which account to use."""
    ago = request.form.get("signed_in_ago", "")
    if ago.isdecimal():
        return int(time.time()) - int(ago)
    before = tenant.sessions.signed_in(request.cookie(COOKIE)).get(account.key)
    if before is not None and "login" not in asked.prompts and _recent(asked, before):
        return before
    return int(time.time())


def _granted(tenant: Tenant, request: Request, asked: Asked, account: Account, auth_time: int) -> Response:
    session = tenant.sessions.sign_in(request.cookie(COOKIE), account.key, auth_time)
    code = tenant.sessions.grant(
        Grant(
            person=account.key,
            auth_time=auth_time,
            session=session,
            client_id=asked["client_id"].lower(),
            redirect_uri=asked["redirect_uri"],
            challenge=asked["code_challenge"],
            nonce=asked["nonce"],
            contexts=tenant.met(account, asked.contexts),
        )
    )
    return asked.back({"code": code, "session_state": session[:16]}, cookie_header(COOKIE, session))


def _picker(tenant: Tenant, asked: Asked, signed_in: dict[str, int]) -> Response:
    def buttons(section: str) -> Html:
        accounts = [tenant.accounts[person.key] for person in CAST if person.section == section]
        choices = [_button(account, signed_in, asked) for account in accounts if account.exists]
        return tag("ul", *(tag("li", choice) for choice in choices), class_="people")

    return page(
        "Pick an account",
        tag(
            "p",
            "Nobody has a password here: choose who you are, and you are signed in to ",
            tag("b", asked.origin),
            ".",
        ),
        tag(
            "form",
            hidden(asked.fields),
            tag("h2", STAFF),
            buttons(STAFF),
            tag("details", tag("summary", STARTERS), buttons(STARTERS)),
            tag("details", tag("summary", REFUSED), buttons(REFUSED)),
            tag("p", tag("button", "Cancel", name="person", value=CANCEL, class_="quiet")),
            method="post",
        ),
        # Chromium holds a form's redirect to form-action as well.
        form_to=asked.origin,
    )


def _button(account: Account, signed_in: dict[str, int], asked: Asked) -> Html:
    person = BY_KEY[account.key]
    who = f"{person.who} · signed in" if account.key in signed_in else person.who
    return tag(
        "button",
        tag("b", account.name),
        tag("span", who),
        tag("span", account.user_principal_name),
        name="person",
        value=account.key,
        autofocus=bool(asked["login_hint"]) and _matches(account, asked["login_hint"]),
    )
