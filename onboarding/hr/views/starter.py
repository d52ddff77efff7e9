"""One starter's page: where things stand, what can be done, and what happened."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from onboarding import clock, corrections, policy, routing, services
from onboarding.hr import hands, second_look, story, told, words
from onboarding.hr.views.answers import starter_or_404
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import Starter
from onboarding.permissions import hr_only


@require_safe
@hr_only
def starter(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    version, now = policy.for_starter(one), clock.now()
    hand = hands.hand_of(one, version, now)
    context = {
        "starter": one,
        "badge": words.badge(one),
        "hand": hand,
        "hand_url": hands.place_of(one, hand) if hand and hand.place != "starter" else "",
        "steps": story.steps(one, version),
        "next_step": {
            "text": words.next_step(one, version, now),
            "lines": [] if hand else [story.if_not(one, version, now)],
        },
        "found": bool(one.is_unfinished and one.found_account_id and not one.account_id),
        "accept_url": reverse("hr:accept", args=[public_id]),
        "link": settings.PORTAL_URL + reverse("managers:starter", args=[public_id]) if one.account_id else "",
        "urls": _urls(one),
        "send_label": gettext("Send the link now")
        if one.state == StarterState.RECORDED
        else gettext("Send the link again"),
        "issues": words.issues(one),
        "history": words.history(one),
        "second_look": second_look.of(one, request.user),
        "mails": told.mails(one),
    }
    return render(request, "hr/starter.html", context)


def _urls(one: Starter) -> dict[str, str | None]:
    """What can be done now; what cannot is absent."""
    state, issue = StarterState(one.state), one.open_issue()
    possible = {
        "edit": one.is_unfinished and state != StarterState.ISSUED,
        "send": bool(one.account_id) and state in {StarterState.RECORDED, StarterState.INVITED},
        "withdraw": one.is_unfinished,
        "allow": services.may_allow_another(one),
        "bring_back": corrections.may_bring_back(one),
        "account": corrections.may_replace_account(one),
        "stand_in": routing.may_route(one),
        "take_back": issue is not None and issue.state in {IssueState.SHOWN, IssueState.HELD},
    }
    names = {"take_back": "take-back", "bring_back": "bring-back", "stand_in": "stand-in"}
    return {
        name: reverse(f"hr:{names.get(name, name)}", args=[one.public_id]) if may else None
        for name, may in possible.items()
    }
