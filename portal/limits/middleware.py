"""Answers 429 to visitors who are not signed in, once their address has used up its points.

Signed-in people are never counted or refused. Applications are not either: a token is checked before it costs anything,
and policy limits what a caller can do in a day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from portal.limits.points import limiter
from portal.signin.checking import is_navigation
from portal.views import PLAIN, static_page

logger = logging.getLogger(__name__)

BEGUN_SIGN_IN = 1  # given back when the person has signed in
REFUSED = 1
FAILED_SIGN_IN = 10  # it can cost a request to Microsoft


class VisitorLimitMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_counted(request):
            return self.get_response(request)
        address = str(getattr(request, "client_address", ""))
        wait = limiter.seconds_to_wait(address)
        if wait and not request.user.is_authenticated:
            return too_many_requests(request, wait)
        response = self.get_response(request)
        points = points_of(request, response)
        if points and limiter.add(address, points):
            logger.warning("An address has reached the limit for visitors who are not signed in")
        return response


def is_counted(request: HttpRequest) -> bool:
    path = request.path_info
    return not (path in settings.HEALTH_PATHS or path.startswith((settings.STATIC_URL, "/api/v1/")))


def points_of(request: HttpRequest, response: HttpResponseBase) -> int:
    """What the answer to a visitor costs. A script that polls after a session has ended costs nothing."""
    route = request.resolver_match.view_name if request.resolver_match else ""
    if getattr(request, "has_signed_in", False):
        return -BEGUN_SIGN_IN
    is_failure = 400 <= response.status_code < 500 and not (
        response.status_code == 401 and request.method in {"GET", "HEAD"}
    )
    if not (is_failure or route == "signin:start") or request.user.is_authenticated:
        return 0
    if route == "signin:callback":
        return FAILED_SIGN_IN
    return BEGUN_SIGN_IN if route == "signin:start" else REFUSED


def too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    text = HttpResponse("Too many requests.\n", PLAIN, 429)  # for a script
    answer = static_page("429.html", 429) if is_navigation(request) else text
    answer["Retry-After"] = str(seconds)
    return answer
