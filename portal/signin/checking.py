"""The check of a session: every few minutes a silent sign-in asks Entra if the person may go on.

A page view is redirected to Entra with `prompt=none`, and comes back to the same page. A form is answered with a page
that keeps what was typed. A poll is answered from the session, which it does not extend. `silent.py` has the return
from Entra.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.module_loading import import_string

from portal.views import PLAIN, check_needed, fresh_sign_in_needed

# While Microsoft cannot be reached, a manager in the queue is asked again after so long.
RETRY_SECONDS = 60
View = Callable[..., HttpResponse]


class SignInCheckMiddleware:
    """Lets no request act on a session whose last check is too old, unless its view says that it may.

    An act that needs a recent sign-in says so by an exception, which becomes a page that keeps what was typed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not request.user.is_authenticated or not getattr(view, "login_required", True):
            return None
        if request.method == "HEAD" or not is_check_due(request.session):
            return None
        if request.method in getattr(view, "unchecked_methods", ()):
            forget_proof(request)
            return None
        if not is_navigation(request):
            return HttpResponse("The sign-in must be checked.\n", PLAIN, 401)
        if request.method == "GET":
            return HttpResponseRedirect(check_url(request.get_full_path()))
        return check_needed(request, check_url)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not getattr(exception, "needs_fresh_sign_in", False):
            return None
        return fresh_sign_in_needed(request, again_url)


def answers_unchecked(*methods: str) -> Callable[[View], View]:
    """Let these methods of a view work although Entra has not confirmed the person in the last minutes."""

    def mark(view: View) -> View:
        view.unchecked_methods = frozenset(methods)  # type: ignore[attr-defined]
        return view

    return mark


def check_url(page: str) -> str:
    """Where to have the sign-in checked, and come back to this page."""
    return f"{reverse('signin:check')}?{urlencode({'next': page})}"


def again_url(page: str) -> str:
    """Where to sign in again, and come back to this page."""
    return f"{reverse('signin:again')}?{urlencode({'next': page})}"


def is_check_due(session: SessionBase) -> bool:
    """Whether Entra must confirm the person before this session goes on. A missing time counts as too old."""
    now, checked_at = time.time(), session.get("checked_at")
    if isinstance(checked_at, int) and now - checked_at < settings.SESSION_CHECK_AGE.total_seconds():
        return False
    unchecked_until = session.get("unchecked_until")
    return not (isinstance(unchecked_until, int) and now < unchecked_until)


def may_go_on_unchecked(request: HttpRequest) -> bool:
    """Whether this session may go on for a while although Microsoft cannot be reached.

    Only that of a manager in the queue for a pass, who would lose the queue position. HR, admins and auditors wait.
    """
    checked_at = request.session.get("checked_at")
    if not isinstance(checked_at, int):
        return False
    in_time = time.time() - checked_at < settings.SESSION_CHECK_GRACE.total_seconds()
    return in_time and not request.user.roles and is_queueing(request)  # type: ignore[union-attr]


def go_on_unchecked(session: SessionBase) -> None:
    session["unchecked_until"] = int(time.time()) + RETRY_SECONDS


def is_queueing(request: HttpRequest) -> bool:
    """Whether this person waits in the queue for a pass."""
    return bool(import_string(settings.HAS_QUEUE_POSITION)(request.user))


def forget_proof(request: HttpRequest) -> None:
    """Nothing that needs a recent sign-in is done with a session that was not checked."""
    request.auth_time, request.step_ups = None, {}  # type: ignore[attr-defined]
    request.user.signed_in_at = None  # type: ignore[union-attr]


def is_navigation(request: HttpRequest) -> bool:
    """Whether a person opens a page or sends a form. Older browsers do not say."""
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
