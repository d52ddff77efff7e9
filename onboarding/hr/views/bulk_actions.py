"""Actions for several selected starters: change the start date, send the link, withdraw, accept changes in Entra."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from onboarding.hr import labels, review
from onboarding.hr.filters import LONG_PAGE_SIZE, StarterFilters
from onboarding.hr.forms import BulkRescheduleForm, BulkWithdrawForm
from onboarding.hr.views.feedback import describe_recent_link, run_action
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters import accounts, invitations, rescheduling, withdrawal

CHANGED_MEANWHILE = _(
    "Nothing was changed, because this starter’s details have changed since you opened the list. Check the "
    "starter, then try again."
)

PASS_GOES_FIRST = _("The portal will delete the pass, and then withdraw the starter.")


@require_POST
@hr_only
def bulk_action(request: HttpRequest) -> HttpResponse:
    """Show the selected starters first; then run the action for each, and show the result of each."""
    chosen = _selected_starters(request)
    back = StarterFilters.from_query(QueryDict(request.POST.get("back", "")[:2000])).url_with()
    if not chosen:
        messages.error(request, gettext("Select starters in the list first."))
        return redirect(back)
    step = request.POST.get("step", "")
    kind = step.removeprefix("do-") if step.removeprefix("do-") in FORMS else "move"
    form_class = FORMS[kind]
    if step != f"do-{kind}":
        return _render_page(request, kind, chosen, back, form=form_class() if form_class else None)
    form = form_class(request.POST) if form_class else None
    if form is not None and not form.is_valid():
        return _render_page(request, kind, chosen, back, form=form, status=400)
    return _render_results(request, RUN[kind](request, chosen, form), back)


def _selected_starters(request: HttpRequest) -> list[Any]:
    link_count = Count("mails", filter=Q(mails__kind="invitation"))
    rows = Starter.objects.filter(
        public_id__in=list(_selected_versions(request))[:LONG_PAGE_SIZE], erased_at=None
    )
    found = rows.select_related("recorded_by").annotate(invitations=link_count)
    return list(found.order_by("starts_at", "id"))


def _selected_versions(request: HttpRequest) -> dict[str, str]:
    """Return the selected starters, and on the second page the version HR saw: one field `public id:version` each."""
    pairs = [value.partition(":") for value in request.POST.getlist("starter")]
    return {public_id: seen for public_id, _, seen in pairs}


def _version_seen(starter: Any) -> str:
    """Return what HR saw, so that the same page sent twice acts once."""
    details = json.dumps(review.current_details(starter)).encode()
    return f"{starter.version}.{starter.invitations}.{hashlib.sha256(details).hexdigest()[:16]}"


def _render_page(
    request: HttpRequest,
    kind: str,
    chosen: list[Any],
    back: str,
    *,
    form: forms.Form | None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "kind": kind,
        "rows": [
            _build_row(starter)
            | {
                "seen": _version_seen(starter),
                "changes": review.list_changes(starter) if kind == "accept" and starter.seen else [],
            }
            for starter in chosen
        ],
        "form": form,
        "count": len(chosen),
        "back_url": back,
        "back": back.partition("?")[2],
    }
    return render(request, "hr/bulk_action.html", context, status=status)


def _build_row(starter: Starter) -> dict[str, Any]:
    return {
        "public_id": starter.public_id,
        "name": starter.name,
        "when": labels.format_start(starter),
        "manager_name": starter.confirmer_name,
        "away_name": starter.away_name,
        "badge": labels.state_badge(starter),
        "problem": starter.get_problem_display() if starter.is_unfinished else "",
        "url": reverse("hr:starter", args=[starter.public_id]),
    }


def _render_results(request: HttpRequest, outcomes: list[dict[str, Any]], back: str) -> HttpResponse:
    failed = sum(not row["is_done"] for row in outcomes)
    # Failures come first: HR has to act on them.
    rows = sorted(outcomes, key=lambda row: row["is_done"])
    context = {"rows": rows, "failed": failed, "count": len(rows), "back_url": back}
    return render(request, "hr/bulk_results.html", context)


def _reschedule_all(request: HttpRequest, chosen: list[Any], form: Any) -> list[dict[str, Any]]:
    def reschedule_one(starter: Any) -> None:
        schedule = form.schedule_for(starter)
        rescheduling.reschedule_starter(
            starter=starter, schedule=schedule, note=starter.note, by=request.user
        )

    return [
        _run_for_one(request, starter, reschedule_one, gettext("The new start was saved."))
        for starter in chosen
    ]


def _send_links(request: HttpRequest, chosen: list[Any], _form: Any) -> list[dict[str, Any]]:
    """Send one link after the other. Each one costs one round trip for the facts of the guards."""

    without_mailbox = gettext("No email was sent, because the manager or stand-in has no mailbox.")
    success = gettext("The portal is emailing the link to the manager or stand-in.")

    def send_one(starter: Any) -> str | None:
        sent_at = invitations.send_link(starter=starter, by=request.user, in_bulk=True)
        if sent_at is not None:
            return describe_recent_link(sent_at)
        return None if starter.confirmer_mail else without_mailbox

    rows = [_run_for_one(request, starter, send_one, success) for starter in chosen]
    # Without an email HR has to give the link to the manager, so such a row is not done.
    return [{**row, "is_done": row["is_done"] and row["message"] != without_mailbox} for row in rows]


def _withdraw_all(request: HttpRequest, chosen: list[Any], form: Any) -> list[dict[str, Any]]:
    reason = form.cleaned_data["reason"]

    def withdraw_one(starter: Any) -> str | None:
        is_withdrawn = withdrawal.withdraw_starter(starter=starter, by=request.user, reason=reason)
        return None if is_withdrawn else str(PASS_GOES_FIRST)

    return [_run_for_one(request, starter, withdraw_one, gettext("Withdrawn.")) for starter in chosen]


def _accept_changes(request: HttpRequest, chosen: list[Any], _form: Any) -> list[dict[str, Any]]:
    """Accept what the page showed. Each starter's account is read again, and must still be like that."""

    def accept_one(starter: Any) -> str | None:
        if not review.list_changes(starter):
            return gettext("Entra has no changes to confirm for this starter.")
        accounts.accept_directory_changes(
            starter=starter, expected=review.current_details(starter), by=request.user
        )
        return None

    return [_run_for_one(request, starter, accept_one, gettext("Changes confirmed.")) for starter in chosen]


def _run_for_one(
    request: HttpRequest, starter: Any, action: Callable[[Any], str | None], success: str
) -> dict[str, Any]:
    if _selected_versions(request).get(starter.public_id) != _version_seen(starter):
        return {**_build_row(starter), "is_done": False, "message": CHANGED_MEANWHILE}
    is_done, message = run_action(lambda: action(starter), success)
    return {**_build_row(starter), "is_done": is_done, "message": message}


# The form of each action, if it has one, and the function that runs it.
FORMS: dict[str, type[forms.Form] | None] = {
    "move": BulkRescheduleForm,
    "send": None,
    "withdraw": BulkWithdrawForm,
    "accept": None,
}
RUN = {"move": _reschedule_all, "send": _send_links, "withdraw": _withdraw_all, "accept": _accept_changes}
