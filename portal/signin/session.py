"""Begins a session, and renews its proof after a step-up."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth import authenticate, login
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from portal.signin.step_up import keep_proof
from portal.signin.tokens import Person


def begin_session(request: HttpRequest, person: Person, *, made_for: str = "") -> None:
    """Begin a session, or renew the proof in the one this person already has; `made_for` is what a step-up with an
    authentication context is for.

    Renewing changes the session's id and keeps its CSRF token: pages open in other tabs can still be sent.
    """
    user = authenticate(request, person=person)
    if user is not None and request.user == user:
        request.session.cycle_key()
    else:
        login(request, user)
    request.session["auth_time"] = person.auth_time
    request.session["login_hint"] = person.login_hint
    if made_for:
        keep_proof(request, made_for, person)


@receiver(user_logged_in, dispatch_uid="portal.session_began")
def record_session_start(request: HttpRequest, **_: Any) -> None:
    request.session["signed_in_at"] = int(time.time())
