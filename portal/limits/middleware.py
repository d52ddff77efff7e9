"""Answers 429 to visitors who are not signed in, once their address has used up its points.

An office often has one address, so one machine in it must not keep its colleagues from signing in. A stranger cannot be
told from a colleague before Microsoft has confirmed the colleague. So each address has two counts, and each count refuses
only the kind of request that it counts:

* **Failures**: answers 4xx. They refuse what no sign-in needs: forms, unknown addresses, and returns from Microsoft that do
  not belong to a sign-in of the same browser. These cost no request to Microsoft, and nothing can be guessed with them: the
  browser must hold the encrypted cookie of the sign-in.
* **Sign-ins that were begun and not finished.** They refuse to begin further ones. Each finished one gives its point back,
  so colleagues who sign in successfully use up nothing, however many they are.

A return from Microsoft with the cookie of the same browser is never refused. Only such a return can cost a request to
Microsoft, for a code that somebody guesses. It is bounded: each sign-in is answered once (`signin/used_flows.py`), so each
guess needs a sign-in that was begun, and there are at most `MOST_POINTS` of these per address, minute and process. They
count where sign-ins begin, and not here, because a limit on returns would refuse the colleagues' returns too.

What remains: a machine that begins more than `MOST_POINTS` sign-ins within a minute and finishes none delays others behind its
address who begin one, by less than a minute. Those who have begun can finish.

The page for a stop code has a limit of its own (`onboarding/stops/code_tries.py`), and must work while strangers fail.
Signed-in people are never counted or refused. Applications are not either: a token is checked before it costs anything,
and policy limits what a caller can do in a day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

from portal.limits.points import PointsLimiter, failures, sign_ins_begun
from portal.signin.checking import is_navigation
from portal.signin.flows import is_own_sign_in
from portal.views import PLAIN, static_page

logger = logging.getLogger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_LIMIT = frozenset({"stop"})  # routes that count for themselves


class Kind(Enum):
    """What a visitor asks for, as far as the limits tell it apart."""

    BEGIN = "begin a sign-in"
    OWN_RETURN = "a return from Microsoft to the browser that began the sign-in"
    PAGE = "a page that exists, or one with a limit of its own"
    OTHER = "all else, which no sign-in needs"


class VisitorLimitMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_counted(request):
            return self.get_response(request)
        address, kind = str(getattr(request, "client_address", "")), kind_of(request)
        wait = seconds_to_wait(address, kind)
        if wait and not request.user.is_authenticated:
            return too_many_requests(request, wait)
        response = self.get_response(request)
        count_answer(request, response, address, kind)
        return response


def is_counted(request: HttpRequest) -> bool:
    path = request.path_info
    return not (path in settings.HEALTH_PATHS or path.startswith((settings.STATIC_URL, "/api/v1/")))


def kind_of(request: HttpRequest) -> Kind:
    try:
        route = resolve(request.path_info).view_name
    except Resolver404:
        return Kind.OTHER
    if route == "signin:start":
        return Kind.BEGIN
    if route == "signin:callback":
        is_own = is_own_sign_in(request, request.GET.get("state", ""))
        return Kind.OWN_RETURN if is_own else Kind.OTHER
    return Kind.PAGE if request.method in SAFE_METHODS or route in OWN_LIMIT else Kind.OTHER


def seconds_to_wait(address: str, kind: Kind) -> int:
    """Return 0 if this request is answered, else the seconds until the address has points again."""
    if kind is Kind.BEGIN:
        return sign_ins_begun.seconds_to_wait(address)
    return failures.seconds_to_wait(address) if kind is Kind.OTHER else 0


def count_answer(request: HttpRequest, response: HttpResponseBase, address: str, kind: Kind) -> None:
    """Count what the answer to a visitor costs. A script that polls after a session has ended costs nothing."""
    if getattr(request, "has_signed_in", False):
        sign_ins_begun.add(address, -1)
        return
    is_poll = response.status_code == 401 and request.method in SAFE_METHODS
    is_failure = 400 <= response.status_code < 500 and not is_poll
    if kind is Kind.BEGIN:
        limiter: PointsLimiter | None = sign_ins_begun
    else:
        limiter = failures if is_failure and kind is not Kind.OWN_RETURN else None
    if limiter is not None and not request.user.is_authenticated and limiter.add(address, 1):
        logger.warning("An address has reached the limit for visitors who are not signed in")


def too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    text = HttpResponse("Too many requests.\n", PLAIN, 429)  # for a script
    answer = static_page("429.html", 429) if is_navigation(request) else text
    answer["Retry-After"] = str(seconds)
    return answer
