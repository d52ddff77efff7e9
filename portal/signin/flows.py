"""Sign-ins in progress: each is finished once, by the same browser, within ten minutes.

Until Microsoft has confirmed a person, everything about the sign-in is in a cookie. Then one row says that it was
finished, so that the same answer cannot be used again.
"""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from portal.models import SignIn, User
from portal.signin import flow_cookies
from portal.signin.app import browser_url, msal_application
from portal.signin.step_up import claims_challenge
from portal.signin.used_flows import used_flows

# What Entra does before it answers: it asks nothing, lets the person choose an account, or asks who they are.
Prompt = Literal["none", "select_account", "login"]
LONGEST_PATH = 2000  # bytes as JSON, so that a sign-in fits into a cookie


def begin_sign_in(
    request: HttpRequest,
    *,
    next_path: str,
    prompt: Prompt,
    max_age: int | None = None,
    purpose: SignIn.Purpose = SignIn.Purpose.SIGN_IN,
    same: User | None = None,
    made_for: str = "",
    context: str = "",
) -> HttpResponse:
    """Let the browser keep the flow, and send it to Microsoft; at a step-up and a check `same` is the person who must sign
    in, and `context` the authentication context that the purpose `made_for` needs.

    Raises ValueError for a silent sign-in that is no check, because no session may begin without an action of its person.
    """
    if (prompt == "none") != (purpose == SignIn.Purpose.SILENT):
        raise ValueError("only the check of a session is silent")
    flow = msal_application().initiate_auth_code_flow(
        [],
        redirect_uri=settings.PORTAL_URL + reverse("signin:callback"),
        response_mode="query",
        prompt=prompt,
        max_age=max_age,
        login_hint=same.user_principal_name if same else None,
        claims_challenge=claims_challenge(context),
    )
    # We check the age of the proof ourselves; MSAL's complaint about it would contain the whole token.
    flow.pop("max_age", None)
    response = HttpResponseRedirect(browser_url(flow.pop("auth_uri")))
    begun = {
        "flow": flow,
        "next_path": next_path,
        "purpose": purpose.value,
        "expected_oid": same.oid if same else "",
        "made_for": made_for,
        "context": context,
        "created_at": timezone.now().isoformat(),
    }
    flow_cookies.store_flow(request, response, hash_of(flow["state"]), begun)
    return response


def read_sign_in(request: HttpRequest, state: str) -> SignIn | None:
    """The sign-in that this answer belongs to. None if this browser did not begin it, or if it is finished or too old.

    It is not saved: `finish_sign_in` does that.
    """
    state_hash = hash_of(state)
    begun = flow_cookies.read_flow(request, state_hash)
    if begun is None or SignIn.objects.filter(state_hash=state_hash).exists():
        return None
    created_at = datetime.fromisoformat(begun.pop("created_at"))
    return SignIn(state_hash=state_hash, created_at=created_at, **begun)


def is_own_sign_in(request: HttpRequest, state: str) -> bool:
    """Return whether this browser began the sign-in, and has not come back with it before. It asks no database."""
    state_hash = hash_of(state)
    return not used_flows.is_used(state_hash) and flow_cookies.read_flow(request, state_hash) is not None


def delete_expired_sign_ins() -> None:
    """Delete what is kept of finished sign-ins, once their time is over. Each new one does, and retention once a day."""
    SignIn.objects.expired().delete()


def finish_sign_in(begun: SignIn) -> bool:
    """Record that this sign-in is finished. Return False if another request with the same answer has finished it."""
    delete_expired_sign_ins()
    values = {field.attname: getattr(begun, field.attname) for field in SignIn._meta.local_fields}
    values.pop("id")
    _row, is_first = SignIn.objects.get_or_create(
        state_hash=values.pop("state_hash"), defaults=values | {"flow": {}}
    )
    return is_first


def hash_of(value: str) -> str:
    return sha256(value.encode()).hexdigest()


def safe_path(wanted: str) -> str:
    """Where to go after signing in: a path of this site, else home."""
    is_short = len(json.dumps(wanted, ensure_ascii=False).encode(errors="replace")) <= LONGEST_PATH
    inside = is_short and wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, None)
    return wanted if inside and not wanted.startswith(("/signin/", "/signout/")) else reverse("home")


def referring_page(request: HttpRequest) -> str:
    """The page that the request came from. The form's own address may answer only POST."""
    page = urlsplit(request.headers.get("Referer", ""))
    ours = f"{page.scheme}://{page.netloc}" == settings.PORTAL_URL
    return safe_path(page.path + (f"?{page.query}" if page.query else "") if ours else "")
