"""Sign-ins in progress: each is finished once, by the same browser, within ten minutes."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from portal.models import SignIn, User
from portal.signin.app import browser_url, msal_application
from portal.signin.step_up import claims_challenge

BROWSER = re.compile(r"[A-Za-z0-9_-]{43}")


def begin_sign_in(
    request: HttpRequest,
    *,
    next_path: str,
    max_age: int | None = None,
    prompt: str | None = None,
    purpose: SignIn.Purpose = SignIn.Purpose.SIGN_IN,
    same: User | None = None,
    made_for: str = "",
    context: str = "",
) -> HttpResponse:
    """Remember the flow and send the browser to Microsoft; at a step-up and a check `same` is the person who must sign
    in, and `context` the authentication context that the purpose `made_for` needs."""
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
    browser = browser_of(request) or secrets.token_urlsafe(32)
    remember_browser(response, browser)
    delete_expired_sign_ins()
    SignIn.objects.create(
        state_hash=hash_of(flow["state"]),
        browser_hash=hash_of(browser),
        flow=flow,
        next_path=next_path,
        purpose=purpose,
        expected_oid=same.oid if same else "",
        made_for=made_for,
        context=context,
        created_at=timezone.now(),
    )
    return response


def delete_expired_sign_ins() -> None:
    """Delete the sign-ins that nobody finished in time. Each new sign-in does, and retention once a day."""
    SignIn.objects.expired().delete()


def claim_sign_in(request: HttpRequest, state: str) -> SignIn | None:
    """Take the sign-in that this answer belongs to. A second request with the same answer gets None."""
    begun = SignIn.objects.filter(
        state_hash=hash_of(state), browser_hash=hash_of(browser_of(request))
    ).first()
    if begun is None:
        return None
    taken, _ = SignIn.objects.filter(pk=begun.pk).delete()
    return begun if taken and timezone.now() - begun.created_at < SignIn.LASTS else None


def browser_of(request: HttpRequest) -> str:
    """One value a browser, so that sign-ins begun in two tabs can both be finished."""
    value = request.COOKIES.get(cookie_name(), "")
    return value if BROWSER.fullmatch(value) else ""


def cookie_name() -> str:
    """Browsers keep a `__Host-` cookie from being set by a neighbour, and take it over TLS only."""
    return "signin" if settings.LOOPBACK else "__Host-signin"


def remember_browser(response: HttpResponse, browser: str) -> None:
    response.set_cookie(
        cookie_name(),
        browser,
        max_age=SignIn.LASTS,
        secure=not settings.LOOPBACK,
        httponly=True,
        samesite="Lax",
    )


def hash_of(value: str) -> str:
    return sha256(value.encode()).hexdigest()


def safe_path(wanted: str) -> str:
    """Where to go after signing in: a path of this site, else home."""
    inside = wanted.startswith("/") and len(wanted) <= 2000 and url_has_allowed_host_and_scheme(wanted, None)
    return wanted if inside and not wanted.startswith(("/signin/", "/signout/")) else reverse("home")


def referring_page(request: HttpRequest) -> str:
    """The page that the request came from. The form's own address may answer only POST."""
    page = urlsplit(request.headers.get("Referer", ""))
    ours = f"{page.scheme}://{page.netloc}" == settings.PORTAL_URL
    return safe_path(page.path + (f"?{page.query}" if page.query else "") if ours else "")
