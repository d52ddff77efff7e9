"""The only page that shows the pass, and the receipts it sends back."""

from __future__ import annotations

from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from onboarding import clock
from onboarding.errors import ConcurrentUpdate
from onboarding.guidance.instructions import sign_in_address
from onboarding.lifecycle import NotPermitted
from onboarding.managers import spelling
from onboarding.managers.pass_progress import describe_progress
from onboarding.managers.views.access import actors_only
from onboarding.managers.views.starter_page import format_clock
from onboarding.models import PassIssue, Starter
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.confirmation import Shown
from onboarding.passes.receipt import confirm_receipt
from onboarding.permissions import answers_unchecked


@sensitive_variables()
def show_pass(request: HttpRequest, starter: Starter, shown: Shown) -> HttpResponse:
    """Render the pass into this answer, then wipe it from memory."""
    issue = shown.issue
    code = shown.code.reveal()
    ids = [starter.public_id, issue.pk]
    now, until = clock.now(), shown.valid_until.astimezone(starter.zone_info)
    other_day = until.date() != now.astimezone(starter.zone_info).date()
    context = {
        "starter_name": starter.name,
        "account_name": starter.account_name,
        "groups": spelling.group_characters(code),
        "spelled": spelling.spell_characters(code),
        "valid_until": until,
        "valid_until_words": date_format(until, "WEEKDAY_CLOCK" if other_day else "CLOCK"),
        "zone": starter.time_zone,
        "seconds_left": max(int((until - now).total_seconds()), 0),
        "receipt_url": reverse("managers:receipt", args=ids),
        "not_seen_url": reverse("managers:not-seen", args=ids),
        "progress_url": reverse("managers:progress", args=ids),
        "receipt_seconds": int(settings.PASS_RECEIPT.total_seconds()),
        "sign_ins_read": format_clock(shown.sign_ins_read_at, starter),
        "where_to_go": sign_in_address(),
        "sheet_url": reverse("sheet"),
        "keep_page": True,
        "page_url": reverse("managers:starter", args=[starter.public_id]),
    }
    try:
        return render(request, "managers/pass.html", context)
    finally:
        shown.code.wipe()
        context.clear()


@answers_unchecked("POST")
@require_POST
@actors_only
def record_receipt(request: HttpRequest, issue: PassIssue) -> HttpResponse:
    """The page reports that it shows the pass. Return 204, or 410 if the page must clear the pass."""
    return HttpResponse(status=204 if confirm_receipt(issue, by=request.user) else 410)


@answers_unchecked("GET")
@require_safe
@actors_only
def read_progress(request: HttpRequest, issue: PassIssue) -> HttpResponse:  # noqa: ARG001
    """Return what happened to the pass, for the open page. It never contains the pass itself."""
    progress = describe_progress(issue, clock.now())
    return JsonResponse(
        {
            "code": progress.code,
            "title": progress.title,
            "lines": [line for line in progress.lines if line],
            "tone": progress.tone,
            "is_final": progress.is_final,
        }
    )


@answers_unchecked("POST")  # a pass can always be cancelled
@require_POST
@actors_only
def cancel_unseen_pass(request: HttpRequest, issue: PassIssue) -> HttpResponse:
    return _cancel_pass(request, issue, PassIssue.Reason.NOT_SEEN)


@answers_unchecked("POST")
@require_POST
@actors_only
def cancel_lost_pass(request: HttpRequest, issue: PassIssue) -> HttpResponse:
    return _cancel_pass(request, issue, PassIssue.Reason.LOST)


def _cancel_pass(request: HttpRequest, issue: PassIssue, reason: str) -> HttpResponse:
    # If this is not possible, the pass is being deleted or gone. The page says which.
    with suppress(NotPermitted, ConcurrentUpdate):
        cancel_pass(issue, reason=reason, by=request.user)
    return redirect("managers:starter", public_id=issue.starter.public_id)
