"""Access to the manager's views: the current manager, and for a pass the person who was shown it.

`onboarding/permissions.py` decides who the current manager is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext

from onboarding import obstacles
from onboarding.managers import page_state, saved_choice
from onboarding.managers.views.starter_page import render_page
from onboarding.models import PassIssue, Starter
from onboarding.permissions import AccountGone, CannotTell, starter_of_manager

View = Callable[..., HttpResponse]


def managers_only(view: View) -> View:
    """Give the view the starter of its address, if the signed-in person is the manager now; else 404."""

    @wraps(view)
    def wrapper(request: HttpRequest, public_id: str, **kwargs: Any) -> HttpResponse:
        try:
            acting = request.method == "POST"
            starter = starter_of_manager(request.user, public_id, guarded=acting, with_facts=not acting)
        except AccountGone as gone:
            return show_account_gone(request, gone.starter)
        except CannotTell as problem:
            address = reverse("managers:starter", args=[public_id])
            return show_unavailable(
                request, *describe_unknown_manager(problem), saved_choice.keep_in_address(address, request)
            )
        return view(request, starter, **kwargs)

    return wrapper


def actors_only(view: View) -> View:
    """Give the view the issue of its address, if the signed-in person is the one who was shown its pass; else 404.

    It does not ask Entra: a receipt must arrive even while Entra does not respond.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, public_id: str, issue_id: Any) -> HttpResponse:
        issues = PassIssue.objects.select_related("starter").filter(
            actor=request.user, starter__public_id=public_id
        )  # type: ignore[misc]
        return view(request, get_object_or_404(issues, pk=issue_id))

    return wrapper


def require_current_manager(request: HttpRequest, starter: Starter) -> None:
    """Check the manager if the guards did not. While Entra does not respond, the page may be shown.

    Raises Http404, and AccountGone if the account no longer exists.
    """
    with suppress(CannotTell):
        starter_of_manager(request.user, starter.public_id)


def show_account_gone(request: HttpRequest, starter: Starter) -> HttpResponse:
    """Notify HR that the account was deleted, then say so on the page."""
    obstacles.store_answer(starter, obstacles.Answer(Starter.Problem.ACCOUNT_GONE))
    return render_page(request, starter, page_state.account_gone_state(starter), status=410)


def show_unavailable(request: HttpRequest, title: str, text: str, address: str) -> HttpResponse:
    """Show a page without details of the starter: the portal does not know whether this is the manager."""
    context = {"title": title, "text": text, "url": address}
    return render(request, "managers/unavailable.html", context, status=503)


def describe_unknown_manager(problem: CannotTell) -> tuple[str, str]:
    """Return the heading and the text of that page."""
    if problem.crowded:
        return gettext("The portal is busy"), gettext(
            "Too many requests to Microsoft are waiting, so the portal could not check whether you are this "
            "person’s manager."
        )
    return gettext("Microsoft Entra does not respond"), gettext(
        "The portal cannot check at the moment whether you are this person’s manager."
    )
