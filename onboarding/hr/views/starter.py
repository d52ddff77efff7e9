"""HR's page of one starter: the state, the actions and the history."""

from __future__ import annotations

from django.conf import settings
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from onboarding import clock, policy
from onboarding.hr import attention, labels, mail_log, progress, review
from onboarding.hr.views.feedback import starter_or_404
from onboarding.lifecycle import IssueState, StarterState
from onboarding.mail import health
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters import accounts, attempts, stand_ins, withdrawal
from onboarding.stops import codes


@require_safe
@hr_only
def starter_page(request: HttpRequest, public_id: str) -> HttpResponse:
    starter = starter_or_404(public_id)
    prefetch_related_objects([starter], "issues")  # a dozen questions below are about them
    rules, now = policy.for_starter(starter), clock.now()
    action = attention.find_action_needed(starter, rules, now)
    if attention.is_stopped(starter):
        action = attention.EMERGENCY_STOP  # also of a starter who is finished
    changes = review.review_context(starter, request.user)
    found = bool(starter.is_unfinished and starter.found_account_id and not starter.account_id)
    context = {
        "starter": starter,
        "ticket": getattr(starter, "ticket", None),
        "badge": labels.state_badge(starter),
        "action": None if _is_shown_below(starter, found, changes["changes"]) else action,
        "fix_url": attention.url_of_fix(starter, action) if action and action.page != "starter" else "",
        "steps": progress.list_steps(starter, rules),
        "next_step": {
            "text": labels.describe_next_step(starter, rules, now),
            "lines": [] if action else [progress.describe_fallback(starter, rules, now)],
        },
        "found": found,
        "is_send_primary": starter.state == StarterState.RECORDED and not action and not changes["changes"],
        "accept_url": reverse("hr:accept", args=[public_id]),
        "link": settings.PORTAL_URL + reverse("managers:starter", args=[public_id])
        if starter.account_id
        else "",
        "urls": _action_urls(starter),
        "send_label": gettext("Send the link now")
        if starter.state == StarterState.RECORDED
        else gettext("Send the link again"),
        "open_issue": starter.open_issue(),
        "issues": labels.describe_issues(starter),
        "history": labels.describe_history(starter),
        "review": changes,
        "mails": mail_log.list_mails(starter),
        "mail_delay": health.read_delay(),
    }
    return render(request, "hr/starter.html", context)


def _is_shown_below(starter: Starter, found: bool, changes: list[dict[str, str]]) -> bool:
    """Whether a part of the page is about this problem, with its values and its button: a second notice says no more."""
    if found:
        return starter.problem == Starter.Problem.ACCOUNT_FOUND
    about_changes = {Starter.Problem.ACCOUNT_CHANGED, Starter.Problem.MANAGER_CHANGED}
    return bool(changes) and starter.problem in about_changes


def _action_urls(starter: Starter) -> dict[str, str | None]:
    """Return the URL of each action, or None if HR cannot do it now."""
    state, issue = StarterState(starter.state), starter.open_issue()
    possible = {
        "edit": starter.is_unfinished and state != StarterState.ISSUED,
        "send": bool(starter.account_id)
        and starter.stopped_at is None
        and state in {StarterState.RECORDED, StarterState.INVITED},
        "withdraw": starter.is_unfinished,
        "stop_code": codes.can_create_code(starter),
        "allow": attempts.can_allow_another(starter),
        "bring_back": withdrawal.can_restore(starter),
        "account": accounts.can_replace_account(starter),
        "stand_in": stand_ins.can_assign_stand_in(starter),
        "take_back": issue is not None and issue.state in {IssueState.SHOWN, IssueState.HELD},
    }
    names = {
        "stop_code": "stop-code",
        "take_back": "take-back",
        "bring_back": "bring-back",
        "stand_in": "stand-in",
    }
    return {
        name: reverse(f"hr:{names.get(name, name)}", args=[starter.public_id]) if is_possible else None
        for name, is_possible in possible.items()
    }
