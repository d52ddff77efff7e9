"""The silent sign-in: Entra confirms the person of a session without asking them anything, or the session ends."""

from __future__ import annotations

import logging

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.models import SignIn
from portal.signin.checking import check_url, go_on_unchecked, may_go_on_unchecked
from portal.signin.tokens import Person, TokenRefused

logger = logging.getLogger(__name__)

# Refusals that have a page of their own. After any other the page says that Microsoft did not confirm the person.
EXPLAINED = frozenset({"guest", "other_tenant", "not_assigned", "unreadable", "not_set_up"})

# Errors with which Entra says that it cannot answer now: they are no word about the person.
UNAVAILABLE = frozenset({"temporarily_unavailable", "server_error"})


def is_of_this_session(request: HttpRequest, begun: SignIn) -> bool:
    """Whether the person who began the check is still the one who is signed in here."""
    return request.user.is_authenticated and oid_of(request) == begun.expected_oid


def oid_of(request: HttpRequest) -> str:
    return str(getattr(request.user, "oid", ""))


def end_refused_session(request: HttpRequest, refusal: TokenRefused) -> str:
    """End the session: Entra did not confirm its person. Returns the reason for the page."""
    logger.warning(
        "A session was ended: %s", refusal, extra={"reason": refusal.reason, "oid": oid_of(request)}
    )
    logout(request)
    return refusal.reason if refusal.reason in EXPLAINED else "not_confirmed"


def answer_unreachable(request: HttpRequest, next_path: str) -> HttpResponse:
    """Nobody can be checked, because Microsoft cannot be reached. A manager keeps a place in the queue."""
    if may_go_on_unchecked(request):
        logger.warning("A manager in the queue goes on unchecked", extra={"oid": oid_of(request)})
        go_on_unchecked(request.session)
        return redirect(next_path)
    return render(request, "signin/unreachable.html", {"url": check_url(next_path)}, status=503)


def require_same_person(begun: SignIn, person: Person) -> None:
    if person.oid != begun.expected_oid:
        raise TokenRefused("other_person", "another person answered the check of a session")
