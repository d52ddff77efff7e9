"""The starter's sign-in: a pass works once during its lifetime; then they have ten minutes to register a method.

For scripts: POST `account` and `pass` to /mysignins; keep the cookie; POST `name` to /mysignins/register, with
`method` where it is something else than a passkey (`WAYS`). POST `account` to /mysignins/passkey signs in with what
signs in by itself. A refusal answers 403 with its AADSTS number.
"""

from __future__ import annotations

import secrets

from portal.sandbox.audit_log import REGISTERED_BY_USER
from portal.sandbox.methods import PASSKEY_TYPE, new_method, signs_in_alone
from portal.sandbox.pages.frame import render_page
from portal.sandbox.records import Account
from portal.sandbox.sessions import StarterSession
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response, cookie_header, redirect, tag

COOKIE, PLACE = "starter", "/mysignins"
REGISTRATION_SECONDS = 600
# What a starter may register, as the registration page of Microsoft offers it: kind, whether Graph says a time, fields.
WAYS: dict[str, tuple[str, str, bool, dict[str, str]]] = {
    "passkey": ("A passkey", "fido2", True, {}),
    "hello": ("Windows Hello", "windowsHelloForBusiness", True, {}),
    "authenticator": ("Authenticator, to sign in without a password", "microsoftAuthenticator", True, {}),
    "push": ("Authenticator, to approve requests", "microsoftAuthenticator", False, {}),
    "phone": ("A phone number", "phone", True, {"smsSignInState": "notAllowedByPolicy"}),
    "sms": ("A phone number, to sign in by SMS", "phone", True, {"smsSignInState": "ready"}),
    "code": ("Codes from another app", "softwareOath", True, {}),
    "email": ("An email address, to reset a password", "email", True, {}),
}
REFUSALS = {
    "NotYetValid": (130503, "This pass is not valid yet. Check its start time."),
    "Expired": (130504, "Your Temporary Access Pass has expired. Ask your manager for a new one."),
    "OneTimeUsed": (130505, "Your Temporary Access Pass has already been used. It works only once."),
    "DisabledByPolicy": (
        130501,
        "Temporary Access Pass sign in was blocked due to User Credential Policy. Ask the service desk.",
    ),
}


def answer_starter(tenant: Tenant, request: Request) -> Response | None:
    """None when the address is not the starter's."""
    handler = HANDLERS.get((request.method, request.path))
    if handler is None:
        return None
    with tenant.lock:
        response = handler(tenant, request)
        if request.method == "POST":
            tenant.save()
    return response


def show_form(_tenant: Tenant, _request: Request) -> Response:
    return _sign_in_page("")


def use_pass(tenant: Tenant, request: Request) -> Response:
    account = tenant.find_account(request.form.get("account", "").strip())
    found = tenant.pass_of(account) if account else None
    # Nothing is trimmed or repaired: every character of a pass counts.
    if account is None or found is None or not found.opens_with(request.form.get("pass", "")):
        if account is not None:
            account.fails_to_sign_in(tenant.clock.now())
        return _sign_in_page("AADSTS130507: The account name or the pass is wrong. Check each character.")
    if not account.properties["accountEnabled"]:
        return _sign_in_page("AADSTS50057: The user account is disabled.")
    reason = tenant.unusable_because(found)
    if reason:
        number, text = REFUSALS[reason]
        return _sign_in_page(f"AADSTS{number}: {text}")
    found.used = tenant.clock.now()
    return _sign_in_starter(tenant, account, found.id, f"{PLACE}/register")


def use_passkey(tenant: Tenant, request: Request) -> Response:
    account = tenant.find_account(request.form.get("account", "").strip())
    if account is None or not any(map(signs_in_alone, account.methods)):
        return _sign_in_page("AADSTS50034: This account has no sign-in method that works on its own.")
    if not account.properties["accountEnabled"]:
        return _sign_in_page("AADSTS50057: The user account is disabled.")
    return _sign_in_starter(tenant, account, None, f"{PLACE}/done")


def ask_for_passkey(tenant: Tenant, request: Request) -> Response:
    account = _account_registering(tenant, request)
    if account is None:
        return _session_over_page()
    return render_page(
        f"Welcome, {account.properties['givenName']}",
        tag("p", "The pass worked. Register a passkey now. From now on you sign in with the passkey."),
        tag("p", "You have ten minutes from the moment you signed in.", class_="note"),
        tag(
            "form",
            tag("label", "Name of the passkey", for_="name"),
            tag(
                "input",
                id="name",
                name="name",
                value="My computer",
                maxlength="30",
                required=True,
                autocomplete="off",
            ),
            tag("button", "Create the passkey"),
            method="post",
            action=f"{PLACE}/register",
        ),
        tag(
            "form",
            tag("h2", "Another method"),
            tag("p", "With some of these methods you cannot sign in again.", class_="note"),
            tag("label", "Method", for_="way"),
            tag(
                "select",
                *(tag("option", words, value=way) for way, (words, *_) in WAYS.items() if way != "passkey"),
                id="way",
                name="method",
            ),
            tag("button", "Register", class_="quiet"),
            method="post",
            action=f"{PLACE}/register",
        ),
    )


def register_method(tenant: Tenant, request: Request) -> Response:
    account = _account_registering(tenant, request)
    if account is None:
        return _session_over_page()
    way = request.form.get("method", "passkey")
    if way not in WAYS:
        return _sign_in_page("The sandbox does not know this sign-in method.")
    _words, kind, timed, fields = WAYS[way]
    name = request.form.get("name", "").strip()[:30] or "Passkey"
    named = {"displayName": name} if kind == "fido2" else {}
    now = tenant.clock.now()
    account.methods.append(new_method(kind, now if timed else None, **fields, **named))
    tenant.log_activity(
        REGISTERED_BY_USER, f"User registered {kind} authentication method", account, by=account.id
    )
    return redirect(f"{PLACE}/done")


def show_registered(tenant: Tenant, request: Request) -> Response:
    session = tenant.sessions.starters.get(request.cookie(COOKIE))
    if session is None:
        return _session_over_page()
    account = tenant.accounts[session.person]
    passkeys = [method["displayName"] for method in account.methods if method["@odata.type"] == PASSKEY_TYPE]
    return render_page(
        "You are signed in",
        tag("p", f"Welcome to your first day, {account.name}."),
        *(
            (tag("h2", "Your passkeys"), tag("ul", *(tag("li", name) for name in passkeys)))
            if passkeys
            else ()
        ),
        tag(
            "p",
            "If you can now sign in without a pass, the portal sees this within a minute and deletes the pass.",
        ),
    )


def _sign_in_starter(tenant: Tenant, account: Account, pass_id: str | None, place: str) -> Response:
    now = tenant.clock.now()
    account.signs_in(now)
    cookie = secrets.token_urlsafe(24)
    tenant.sessions.starters[cookie] = StarterSession(account.key, now, pass_id)
    return redirect(place, headers=cookie_header(COOKIE, cookie, PLACE))


def _account_registering(tenant: Tenant, request: Request) -> Account | None:
    """The account that signed in with a pass less than ten minutes ago, if that pass still exists."""
    session = tenant.sessions.starters.get(request.cookie(COOKIE))
    if session is None or session.pass_id is None:
        return None
    account = tenant.accounts[session.person]
    found = tenant.pass_of(account)
    now = tenant.clock.now()
    if (
        found is None
        or found.id != session.pass_id
        or now > min(session.began + REGISTRATION_SECONDS, found.end)
    ):
        return None
    return account


def _session_over_page() -> Response:
    return render_page(
        "This sign-in is no longer valid",
        tag(
            "p",
            "Register a method within ten minutes of signing in, while the pass is valid.",
            class_="refusal",
        ),
        tag("p", tag("a", "Sign in", href=PLACE)),
        status=403,
    )


def _sign_in_page(refusal: str) -> Response:
    return render_page(
        "Sign in on your first day",
        tag("p", refusal, class_="refusal", role="alert") if refusal else "",
        tag(
            "form",
            tag("h2", "With the pass from your manager"),
            tag("label", "Account name", for_="account"),
            tag("input", id="account", name="account", placeholder="noor.devries@contoso.example", **TYPED),
            tag("label", "Temporary Access Pass", for_="pass"),
            tag("input", id="pass", name="pass", class_="pass", **TYPED),
            tag("button", "Sign in"),
            method="post",
            action=PLACE,
        ),
        tag(
            "form",
            tag("h2", "With your passkey"),
            tag("label", "Account name", for_="owner"),
            tag("input", id="owner", name="account", **TYPED),
            tag("button", "Use the passkey", class_="quiet"),
            method="post",
            action=f"{PLACE}/passkey",
        ),
        status=403 if refusal else 200,
    )


TYPED: dict[str, str | bool | None] = {
    "required": True,
    "autocomplete": "off",
    "autocapitalize": "none",
    "spellcheck": "false",
}
HANDLERS = {
    ("GET", PLACE): show_form,
    ("POST", PLACE): use_pass,
    ("POST", f"{PLACE}/passkey"): use_passkey,
    ("GET", f"{PLACE}/register"): ask_for_passkey,
    ("POST", f"{PLACE}/register"): register_method,
    ("GET", f"{PLACE}/done"): show_registered,
}
