"""The people picker. A script signs in by POSTing the same fields as the page's form:

    the query of the authorize address, and `person` = a key of the cast, a user principal name
    or an object id; optionally `signed_in_ago` = seconds, to be someone who signed in that long ago.

The answer is a redirect to `redirect_uri` with `code` and `state`.
"""

from __future__ import annotations

import time

from portal.sandbox.api_tokens import (
    NotAssigned,
    UnknownScope,
    check_person_is_assigned,
    read_api_request,
)
from portal.sandbox.entra import authorize_request
from portal.sandbox.entra.authorize_request import AuthorizeRequest, UnknownApplication
from portal.sandbox.entra.errors import error_page
from portal.sandbox.pages.frame import render_page
from portal.sandbox.people import BY_KEY, CAST, REFUSED, STAFF, STARTERS
from portal.sandbox.records import Account
from portal.sandbox.sessions import Grant
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Html, Request, Response, cookie_header, hidden_fields, tag

COOKIE = "entra"
CANCEL = "cancel"


def show_sign_in(tenant: Tenant, request: Request) -> Response:
    """Show the people picker, or redirect at once if single sign-on is enough."""
    try:
        asked = authorize_request.read_authorize_request(tenant, request.query)
    except UnknownApplication as mistake:
        return error_page(mistake.number, mistake.message)
    if asked.error:
        return asked.redirect_with_error("invalid_request", asked.error)
    signed_in = tenant.sessions.signed_in(request.cookie(COOKIE))
    account = _single_sign_on_account(tenant, asked, signed_in)
    if account and (refusal := _refusal_without_a_page(tenant, asked, account)):
        return refusal
    if account and account.key not in tenant.interaction:
        return _redirect_with_code(tenant, request, asked, account, signed_in[account.key])
    if account and "none" in asked.prompts:
        return asked.redirect_with_error(
            "interaction_required",
            "AADSTS50076: Due to a configuration change made by your administrator, you must use "
            "multi-factor authentication.",
        )
    if "none" in asked.prompts:
        return asked.redirect_with_error(
            "login_required", "AADSTS50058: A silent sign-in request was sent but no user is signed in."
        )
    return _people_picker(tenant, asked, signed_in)


def sign_in_as_chosen(tenant: Tenant, request: Request) -> Response:
    try:
        asked = authorize_request.read_authorize_request(tenant, request.form)
    except UnknownApplication as mistake:
        return error_page(mistake.number, mistake.message)
    if asked.error:
        return asked.redirect_with_error("invalid_request", asked.error)
    chosen = request.form.get("person", "")
    if chosen == CANCEL:
        description = "AADSTS65004: User declined to consent to access the app."
        return asked.redirect_with_error("access_denied", description, error_subcode="cancel")
    account = tenant.accounts.get(chosen) or tenant.find_account(chosen)
    if account is None or not account.exists:
        return error_page(50034, f"The user account {chosen} does not exist in this directory.")
    if not account.properties["accountEnabled"]:
        return error_page(50057, "The user account is disabled.")
    if refusal := _api_refusal(tenant, asked, account):
        return refusal
    return _redirect_with_code(tenant, request, asked, account, _auth_time(tenant, request, asked, account))


def _refusal_without_a_page(tenant: Tenant, asked: AuthorizeRequest, account: Account) -> Response | None:
    """Why single sign-on fails for this account. With `prompt=none` Entra shows no page: the application gets the error."""
    if not account.exists or not account.properties["accountEnabled"]:
        if "none" not in asked.prompts:
            return error_page(50057, "The user account is disabled.")
        return asked.redirect_with_error("interaction_required", "AADSTS50057: The user account is disabled.")
    principal = tenant.registrations.principal_of(asked["client_id"].lower()) or {}
    if principal.get("appRoleAssignmentRequired") and not account.app_roles and not asked.is_for_api:
        return asked.redirect_with_error(
            "access_denied", "AADSTS50105: The signed in user is not assigned to a role for the application."
        )
    return _api_refusal(tenant, asked, account)


def _api_refusal(tenant: Tenant, asked: AuthorizeRequest, account: Account) -> Response | None:
    """The redirect with an error if the API has no such scope, or has no role for this person."""
    try:
        requested = read_api_request(tenant, asked["scope"])
        if requested is not None:
            check_person_is_assigned(tenant, requested.api, account)
    except UnknownScope as mistake:
        return asked.redirect_with_error("invalid_scope", f"AADSTS70011: {mistake}")
    except NotAssigned as refusal:
        return asked.redirect_with_error("access_denied", f"AADSTS50105: {refusal}")
    return None


def _single_sign_on_account(
    tenant: Tenant, asked: AuthorizeRequest, signed_in: dict[str, int]
) -> Account | None:
    """The account for single sign-on: exactly one matches, signed in recently, and no prompt is requested."""
    if asked.prompts & {"login", "select_account"}:
        return None
    people = [
        tenant.accounts[key] for key in signed_in if _matches_hint(tenant.accounts[key], asked["login_hint"])
    ]
    if len(people) != 1 or not _is_recent_enough(asked, signed_in[people[0].key]):
        return None
    return people[0]


def _matches_hint(account: Account, hint: str) -> bool:
    return not hint or hint.lower() in (account.user_principal_name.lower(), account.id)


def _is_recent_enough(asked: AuthorizeRequest, auth_time: int) -> bool:
    return asked.max_age is None or time.time() - auth_time < asked.max_age


def _auth_time(tenant: Tenant, request: Request, asked: AuthorizeRequest, account: Account) -> int:
    """Now; but the earlier time if the person only chose between signed-in accounts."""
    ago = request.form.get("signed_in_ago", "")
    if ago.isdecimal():
        return int(time.time()) - int(ago)
    before = tenant.sessions.signed_in(request.cookie(COOKIE)).get(account.key)
    if before is not None and "login" not in asked.prompts and _is_recent_enough(asked, before):
        return before
    return int(time.time())


def _redirect_with_code(
    tenant: Tenant, request: Request, asked: AuthorizeRequest, account: Account, auth_time: int
) -> Response:
    session = tenant.sessions.sign_in(request.cookie(COOKIE), account.key, auth_time)
    code = tenant.sessions.issue_code(
        Grant(
            person=account.key,
            auth_time=auth_time,
            session=session,
            client_id=asked["client_id"].lower(),
            redirect_uri=asked["redirect_uri"],
            challenge=asked["code_challenge"],
            nonce=asked["nonce"],
            contexts=tenant.contexts_met_by(account, asked.contexts),
            scope=asked["scope"],
        )
    )
    return asked.redirect_back({"code": code, "session_state": session[:16]}, cookie_header(COOKIE, session))


def _people_picker(tenant: Tenant, asked: AuthorizeRequest, signed_in: dict[str, int]) -> Response:
    def buttons(section: str) -> Html:
        accounts = [tenant.accounts[person.key] for person in CAST if person.section == section]
        choices = [_person_button(account, signed_in, asked) for account in accounts if account.exists]
        return tag("ul", *(tag("li", choice) for choice in choices), class_="people")

    return render_page(
        "Pick an account",
        tag(
            "p",
            "You need no password. Choose a person to sign in to ",
            tag("b", asked.origin),
            ".",
        ),
        tag(
            "form",
            hidden_fields(asked.fields),
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


def _person_button(account: Account, signed_in: dict[str, int], asked: AuthorizeRequest) -> Html:
    person = BY_KEY[account.key]
    who = f"{person.who} · signed in" if account.key in signed_in else person.who
    return tag(
        "button",
        tag("b", account.name),
        tag("span", who),
        tag("span", account.user_principal_name),
        name="person",
        value=account.key,
        autofocus=bool(asked["login_hint"]) and _matches_hint(account, asked["login_hint"]),
    )
