"""The portal's middleware: security headers, origin checks, session limits, sign-in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.models import Session
from django.core.exceptions import DisallowedHost
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    JsonResponse,
    StreamingHttpResponse,
)
from django.middleware.common import CommonMiddleware
from django.shortcuts import resolve_url
from django.utils import timezone

from portal.impossible_input import forget_impossible_cookies, impossible_part, is_upload
from portal.signin.checking import is_navigation, is_queueing
from portal.signin.front_channel import FRONT_CHANNEL_PATH
from portal.signin.session_times import is_too_old, session_time
from portal.signin.step_up import step_up_proofs
from portal.views import PLAIN, session_over, static_page, unreadable_request

logger = logging.getLogger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]
API_PREFIX = "/api/v1/"
MANAGERS_PREFIX = "/starters/"
PROBLEM_TYPE = "application/problem+json"
KEPT_API_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")
API_ERROR_CODES = {
    400: "bad_request",
    404: "no_such_address",
    405: "wrong_method",
    413: "too_large",
    414: "bad_request",  # these two are gunicorn's own refusals
    431: "bad_request",
    503: "unavailable",
}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), clipboard-read=(), "
    "clipboard-write=(), browsing-topics=()",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-DNS-Prefetch-Control": "off",
    "Reporting-Endpoints": 'csp="/csp-report"',
}


class SecurityHeadersMiddleware:
    """The outermost: an answer that another layer gives early, or gives up with, carries the headers too."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            if name == "X-Frame-Options" and getattr(response, "xframe_options_exempt", False):
                continue  # its own `frame-ancestors` says who may frame it
            response.headers.setdefault(name, value)  # static files bring their own Cache-Control
        return response


class ApiErrorsMiddleware:
    """Answers every error of the API as problem details (RFC 9457), whichever layer refused.

    The status stays, and so do the headers that programs read.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not request.path_info.startswith(API_PREFIX) or response.status_code < 400:
            return response
        if isinstance(response, HttpResponse) and response.get("Content-Type") == PROBLEM_TYPE:
            return response
        return problem_response(response)


def problem_response(response: HttpResponseBase) -> JsonResponse:
    status = HTTPStatus(response.status_code)
    code = API_ERROR_CODES.get(status.value, status.name.lower())
    body = {
        "type": f"{settings.PORTAL_URL}/api/#{code}",
        "title": status.phrase,
        "status": status.value,
        "code": code,
    }
    kept = {name: response[name] for name in KEPT_API_HEADERS if response.has_header(name)}
    return JsonResponse(body, status=status.value, content_type=PROBLEM_TYPE, headers=kept)


class HeadWithoutBodyMiddleware:
    """A HEAD request gets the headers of its GET and no body (RFC 9110, 9.3.2).

    Django leaves that to the server, and gunicorn logs a warning for each body that it has to drop.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method == "HEAD":
            drop_body(response)
        return response


def drop_body(response: HttpResponseBase) -> None:
    """Empty a response and keep its headers, `Content-Length` of the full body among them."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = ()
    elif isinstance(response, HttpResponse):
        response.content = b""


class WrongMethodMiddleware:
    """Shows people a page for a wrong method; Django's own answer is empty."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_read = request.method != "HEAD" and "text/html" in request.headers.get("Accept", "")
        if not (isinstance(response, HttpResponseNotAllowed) and is_read):
            return response
        page = static_page("405.html", 405)
        page["Allow"] = response["Allow"]
        return page


class SmallBodiesMiddleware:
    """Refuses a large body before anything reads it or writes it to a disk. Uploads have a limit of their own."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        most = settings.UPLOAD_MAX_BYTES if is_upload(request) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if not length.isdigit() or int(length) > most:
            return static_page("413.html", 413)
        return self.get_response(request)


class KnownHostMiddleware:
    """Only the portal's own name is answered, except about health: a load balancer asks each machine by its number."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info in settings.HEALTH_PATHS:
            return self.get_response(request)
        try:
            request.get_host()
        except DisallowedHost:
            host = str(request.META.get("HTTP_HOST", ""))[:200]
            logger.warning(
                "A request for another host was refused: PORTAL_URL is %s",
                settings.PORTAL_URL,
                extra={"host": host},
            )
            return unreadable_request()
        return self.get_response(request)


class ImpossibleInputMiddleware:
    """Answers impossible input with a page of status 400. The portal's own forms never send any."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        forget_impossible_cookies(request)
        part = impossible_part(request)
        if part:
            logger.info("A request with impossible characters or years was refused", extra={"part": part})
            return unreadable_request()
        return self.get_response(request)


class HostMiddleware(CommonMiddleware):
    """What Django does with every address, but not about health: a load balancer asks each machine by its number."""

    def process_request(self, request: HttpRequest) -> Any:
        return None if request.path_info in settings.HEALTH_PATHS else super().process_request(request)


class FetchMetadataMiddleware:
    """Allows other sites only plain links to the portal: no forms, frames or scripts.

    Browsers say where a request comes from; what says nothing is left to the CSRF check.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
            return HttpResponse(status=204)
        if not may_come_from_there(request):
            return static_page("403_elsewhere.html", 403)
        return self.get_response(request)


def may_come_from_there(request: HttpRequest) -> bool:
    if is_front_channel_sign_out(request):
        return True
    if request.headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}:
        return True
    return (
        request.method in {"GET", "HEAD"}
        and request.headers.get("Sec-Fetch-Mode") == "navigate"
        and request.headers.get("Sec-Fetch-Dest") == "document"
    )


def is_front_channel_sign_out(request: HttpRequest) -> bool:
    """Whether a page of another site loads Entra's front-channel sign-out in a frame. It can only end a session."""
    return (
        request.path_info == FRONT_CHANNEL_PATH
        and request.method == "GET"
        and request.headers.get("Sec-Fetch-Mode") == "navigate"
        and request.headers.get("Sec-Fetch-Dest") == "iframe"
    )


class SessionLimitsMiddleware:
    """Ends a session at its maximum age, extends its idle limit, and sets `auth_time` and `step_ups` on the request."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.auth_time = None  # type: ignore[attr-defined]
        request.step_ups = {}  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            if is_too_old(request.session, timezone.now()):
                logout(request)
            else:
                stay_signed_in(request, timezone.now())
                request.auth_time = session_time(request.session.get("auth_time"))  # type: ignore[attr-defined]
                request.user.signed_in_at = request.auth_time  # type: ignore[attr-defined]
                request.step_ups = step_up_proofs(request)  # type: ignore[attr-defined]
        return self.get_response(request)


def is_activity(request: HttpRequest) -> bool:
    """Whether a person opens a page, sends a form, or asks to stay signed in.

    A request of a script is none, and neither is a page that reloads itself: see static/js/poll_page.js.
    """
    if "X-Stay-Signed-In" in request.headers:
        return True
    return request.method != "HEAD" and is_navigation(request) and "reloaded" not in request.GET


def stay_signed_in(request: HttpRequest, now: datetime) -> None:
    """Extend the idle limit after activity, and for a manager in the queue, whose page polls until their turn.

    Update only the expiry. Saving the session would undo what another request saved meanwhile, and would end this
    request with an error if another tab has just signed in again."""
    is_active = is_activity(request)
    if not (is_active or request.path_info.startswith(MANAGERS_PREFIX)):
        return
    ends = now + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    expires_at = request.session.expires_at  # type: ignore[attr-defined]  # our own session store
    if expires_at is not None and expires_at >= ends - timedelta(minutes=1):
        return
    key = request.session.session_key
    due = Session.objects.filter(session_key=key, expire_date__lt=ends - timedelta(minutes=1))
    # A plain read first: on SQLite even an update of no row waits for the one writer.
    if due.exists() and (is_active or is_queueing(request)):
        due.update(expire_date=ends)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Every page needs sign-in unless marked otherwise. Only a page opened by a person redirects to Microsoft."""

    def get_login_url(self, view_func: Callable[..., Any]) -> str:
        return resolve_url(
            settings.LOGIN_URL
        )  # admin's views name a page of their own, and the portal has one sign-in page

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> Any:
        if request.method not in {"GET", "HEAD"}:
            return session_over(request)
        if not is_navigation(request):
            # A script that polls: a redirect would lead it nowhere.
            return HttpResponse("Signed out.\n", PLAIN, 401)
        return super().handle_no_permission(request, view_func)
