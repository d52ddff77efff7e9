"""Begins a session, renews its proof after a step-up, and renews its check after a silent sign-in."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth import authenticate, login
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from portal.models import EntraSession
from portal.own_sessions.browsers import describe_client
from portal.signin.flows import hash_of
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
    _store_check(request, person, auth_time=person.auth_time)
    if made_for:
        keep_proof(request, made_for, person)
    _remember_entra_session(request, person)


def renew_check(request: HttpRequest, person: Person) -> None:
    """Go on with this person's session: Entra has just confirmed them. Their roles are those of the new token.

    The session keeps its id, so that a page that another tab is loading still finds it; unless a role was added.
    """
    roles_before = set(request.user.roles)  # type: ignore[union-attr]  # our user model
    authenticate(request, person=person)  # saves the roles
    session = request.session
    session.update(
        type(session)(session.session_key).load()
    )  # what another tab saved during the call to Entra
    known = session.get("auth_time")
    newest = max(known, person.auth_time) if isinstance(known, int) else person.auth_time
    _store_check(request, person, auth_time=newest)
    if set(person.roles) - roles_before:
        session.cycle_key()
    _remember_entra_session(request, person)


def _store_check(request: HttpRequest, person: Person, *, auth_time: int) -> None:
    request.session["auth_time"] = auth_time
    request.session["login_hint"] = person.login_hint
    request.session["checked_at"] = int(time.time())
    request.session.pop("unchecked_until", None)


def _remember_entra_session(request: HttpRequest, person: Person) -> None:
    """Store the hash of `sid` beside the session, so that Entra's front-channel sign-out finds it."""
    if not person.sid:
        return
    request.session.save()  # a new session has its row only now
    key = request.session.session_key
    EntraSession.objects.update_or_create(session_id=key, defaults={"sid_hash": hash_of(person.sid)})


@receiver(user_logged_in, dispatch_uid="portal.session_began")
def record_session_start(request: HttpRequest, **_: Any) -> None:
    request.session["signed_in_at"] = request.session["checked_at"] = int(time.time())
    request.session["client"] = describe_client(request)  # its person sees it: portal/own_sessions
