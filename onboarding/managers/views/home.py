"""The manager's home page: their starters, those to act on now first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from onboarding import clock, obstacles
from onboarding.managers import page_state
from onboarding.managers.my_starters import Group, page_of_starters
from onboarding.managers.views.starter_page import reasons_against_pass
from onboarding.permissions import may_record

GROUPS = {
    Group.NOW: _("To do now"),
    Group.COMING: _("Coming up"),
    Group.TOO_LATE: _("Too late for a pass"),
    Group.OVER: _("Finished"),
}


BADGES = {
    "ready": _("Waiting for you"),
    "early": _("Too early for a pass"),
    "late": _("Too late for a pass"),
    "held": _("Pass handed over"),
    "shown": _("Pass shown"),
    "issuing": _("Pass being created"),
    "unknown": _("The portal is checking"),
    "checking": _("The portal is checking"),
    "revoking": _("Pass being cancelled"),
    "registered": _("Can sign in"),
    "withdrawn": _("Withdrawn"),
    "stopped": _("Emergency stop"),
    "lapsed": _("Not completed"),
    "frozen": _("All passes stopped"),
    "used_up": _("No passes left: ask HR"),
    "refused": _("Pass not possible yet"),
    "waiting": _("In the queue"),
    "not_read_yet": _("The portal is checking"),
}


@require_safe
def list_my_starters(request: HttpRequest) -> HttpResponse:
    """List the starters whose confirmer this person is, by the last reading of Entra."""
    now = clock.now()
    page, rows = page_of_starters(request.user, request.GET.get("page", 1), now)
    entries = []
    for row in rows:
        state = page_state.build_page_state(
            row.starter,
            row.rules,
            now,
            signed_in_at=now,
            reasons=reasons_against_pass(row.starter, obstacles.stored_answer(row.starter).known_guards),
            hr_notified_at=row.starter.hr_notified_at,
        )
        entries.append(
            {
                "group": GROUPS[row.group],
                "name": row.starter.name,
                "when": row.starter.start_words,
                "url": reverse("managers:starter", args=[row.starter.public_id]),
                "badge": {"word": BADGES.get(state.code, state.title), "tone": state.tone},
            }
        )
    context = {"rows": entries, "page": page, "is_hr": may_record(request.user)}
    return render(request, "managers/home.html", context)
