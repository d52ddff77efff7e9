"""Where the starter uses the pass: accepted once, in its window; then ten minutes to register a passkey.

For scripts: POST `account` and `pass` to /mysignins; keep the cookie; POST `name` to /mysignins/register.
POST `account` to /mysignins/passkey signs in with the passkey. A refusal answers 403 with its AADSTS number.
"""

from __future__ import annotations

import secrets

from portal.sandbox.pages import page
from portal.sandbox.records import Account, passkey_method
from portal.sandbox.sessions import StarterSession
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response, cookie_header, redirect, tag

COOKIE, PLACE = "starter", "/mysignins"
REGISTRATION_SECONDS = 600
PASSKEY_TYPE = "#microsoft.graph.fido2AuthenticationMethod"
REFUSALS = {
    "NotYetValid": (130503, "This pass is not valid yet. Look at the time it starts."),
    "Expired": (130504, "Your Temporary Access Pass has expired. Ask your manager for a new one."),
    "OneTimeUsed": (130505, "Your Temporary Access Pass was used already; it works once."),
    "DisabledByPolicy": (
        130501,
        "Temporary Access Pass sign in was blocked due to User Credential Policy. Ask the service desk.",
    ),
}


def answer(tenant: Tenant, request: Request) -> Response | None:
    """None when the address is not the starter's."""
    handler = HANDLERS.get((request.method, request.path))
    if handler is None:
        return None
    with tenant.lock:
        response = handler(tenant, request)
        if request.method == "POST":
            tenant.save()
    return response


def show(_tenant: Tenant, _request: Request) -> Response:
    return _form("")


def use_pass(tenant: Tenant, request: Request) -> Response:
    account = tenant.find(request.form.get("account", "").strip())
    found = tenant.pass_of(account) if account else None
    # Nothing is trimmed or repaired: every character of a pass counts.
    if account is None or found is None or not found.opens_with(request.form.get("pass", "")):
        return _form("AADSTS130507: The account name or the pass is not right. Check capitals and signs.")
    if not account.properties["accountEnabled"]:
        return _form("AADSTS50057: The user account is disabled.")
    reason = tenant.unusable_because(found)
    if reason:
        number, text = REFUSALS[reason]
        return _form(f"AADSTS{number}: {text}")
    found.used = tenant.clock.now()
    return _let_in(tenant, account, found.id, f"{PLACE}/register")


def use_passkey(tenant: Tenant, request: Request) -> Response:
    account = tenant.find(request.form.get("account", "").strip())
    if account is None or not any(method["@odata.type"] == PASSKEY_TYPE for method in account.methods):
        return _form("AADSTS50034: No passkey is registered for this account.")
    if not account.properties["accountEnabled"]:
        return _form("AADSTS50057: The user account is disabled.")
    return _let_in(tenant, account, None, f"{PLACE}/done")


def ask_for_passkey(tenant: Tenant, request: Request) -> Response:
    account = _registering(tenant, request)
    if account is None:
        return _over()
    return page(
        f"Welcome, {account.properties['givenName']}",
        tag("p", "The pass has done its work. Register a passkey now: it is how you sign in from here on."),
        tag("p", "You have ten minutes from the moment the pass was accepted.", class_="note"),
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
    )


def register(tenant: Tenant, request: Request) -> Response:
    account = _registering(tenant, request)
    if account is None:
        return _over()
    name = request.form.get("name", "").strip()[:30] or "Passkey"
    account.methods.append(passkey_method(name, tenant.clock.now()))
    return redirect(f"{PLACE}/done")


def done(tenant: Tenant, request: Request) -> Response:
    session = tenant.sessions.starters.get(request.cookie(COOKIE))
    if session is None:
        return _over()
    account = tenant.accounts[session.person]
    passkeys = [method["displayName"] for method in account.methods if method["@odata.type"] == PASSKEY_TYPE]
    return page(
        "You are signed in",
        tag("p", f"{account.name}, this is where the first day begins."),
        tag("h2", "Your passkeys"),
        tag("ul", *(tag("li", name) for name in passkeys)),
        tag("p", "In a minute the portal notices, and removes what is left of the pass."),
    )


def _let_in(tenant: Tenant, account: Account, pass_id: str | None, place: str) -> Response:
    now = tenant.clock.now()
    account.last_sign_in = now
    cookie = secrets.token_urlsafe(24)
    tenant.sessions.starters[cookie] = StarterSession(account.key, now, pass_id)
    return redirect(place, headers=cookie_header(COOKIE, cookie, PLACE))


def _registering(tenant: Tenant, request: Request) -> Account | None:
    """Whoever came in with a pass, less than ten minutes ago, and the pass was not taken back since."""
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


def _over() -> Response:
    return page(
        "This sign-in is over",
        tag(
            "p",
            "A method must be registered within ten minutes after the pass, while the pass is valid.",
            class_="refusal",
        ),
        tag("p", tag("a", "Sign in", href=PLACE)),
        status=403,
    )


def _form(refusal: str) -> Response:
    return page(
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
    ("GET", PLACE): show,
    ("POST", PLACE): use_pass,
    ("POST", f"{PLACE}/passkey"): use_passkey,
    ("GET", f"{PLACE}/register"): ask_for_passkey,
    ("POST", f"{PLACE}/register"): register,
    ("GET", f"{PLACE}/done"): done,
}
