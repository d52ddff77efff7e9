"""HR's review of a starter: changes in Entra, and approvals by a second HR person."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from onboarding import policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals
from onboarding.hr.forms import ApproveForm
from onboarding.hr.views.feedback import check_version, run_and_report, starter_or_404
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters import accounts, directory, invitations

DETAIL_NAMES = {
    "name": _("Name"),
    "account_name": _("Account name"),
    "employee_id": _("Employee number"),
    "manager_id": _("Manager"),
}


def review_context(starter: Starter, person: Any) -> dict[str, Any]:
    """Return the changes to review and the missing approvals, for the starter's page."""
    args = [starter.public_id]
    is_early = starter.state in {StarterState.RECORDED, StarterState.INVITED}
    waiting = (
        approvals.list_missing_approvals(starter, policy.for_starter(starter))
        if starter.is_unfinished
        else []
    )
    return {
        "changes": list_changes(starter) if is_early and starter.seen else [],
        "accept_url": reverse("hr:look-again", args=args),
        "waiting": [need.why_label for need in waiting],
        "approve_url": reverse("hr:approve", args=args) if approvals.can_approve(starter, person) else "",
        "approvals": [
            {
                "by": approval.by.name,
                "at": approval.at,
                "reason": approval.reason,
                "why": approval.get_why_display(),
            }
            for approval in starter.approvals.select_related("by")
        ],
    }


def current_details(starter: Starter) -> dict[str, str]:
    """Return the details that HR checks, as the directory had them at the last reading."""
    return {
        "name": starter.display_name,
        "account_name": starter.account_name,
        "employee_id": starter.employee_id,
        "manager_id": starter.manager_id,
    }


def list_changes(starter: Starter) -> list[dict[str, str]]:
    """List the details that changed since HR checked them, with the values that HR confirms."""
    now = current_details(starter)
    differ = any(starter.seen.get(name, value) != value for name, value in now.items())
    if not differ:
        return []
    return [
        {
            "name": name,
            "label": str(DETAIL_NAMES[name]),
            "before": "" if name == "manager_id" else starter.seen.get(name, ""),
            "now": starter.manager_name if name == "manager_id" else value,
            "value": value,
            "differs": "yes" if starter.seen.get(name, value) != value else "",
        }
        for name, value in now.items()
    ]


@require_POST
@hr_only
def accept_changes(request: HttpRequest, public_id: str) -> HttpResponse:
    """Accept the changes in Entra if HR was shown exactly these. If not, show the new ones."""
    starter = starter_or_404(public_id)
    expected = {name: request.POST.get(name, "") for name in DETAIL_NAMES}

    def accept_shown_changes() -> None:
        try:
            check_version(request, starter)
            accounts.accept_directory_changes(starter=starter, expected=expected, by=request.user)
        except ConcurrentUpdate:
            _read_again(starter)
            raise

    success = gettext("You confirmed the changes. The onboarding continues with the current details.")
    run_and_report(request, accept_shown_changes, success)
    return redirect("hr:starter", public_id=public_id)


def _read_again(starter: Starter) -> None:
    try:
        invitations.update_from_directory(starter)
    except (directory.DirectoryError, ConcurrentUpdate):
        return


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def approve_starter(request: HttpRequest, public_id: str) -> HttpResponse:
    """Record the approval of a second HR person, with a reason."""
    starter = starter_or_404(public_id)
    form = ApproveForm(request.POST or None, initial={"version": starter.version})
    if request.method == "POST" and form.is_valid():
        starter.version = form.cleaned_data["version"]

        def approve_with_reason() -> None:
            if not directory.is_another_person(request.user, starter):
                raise approvals.NotAnotherPerson
            approvals.approve_missing(starter=starter, by=request.user, reason=form.cleaned_data["reason"])

        if run_and_report(
            request,
            approve_with_reason,
            gettext("You approved the starter. This page shows the next step."),
        ):
            return redirect("hr:starter", public_id=public_id)
        form = ApproveForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter": starter,
        "waiting": [
            need.why_label for need in approvals.list_missing_approvals(starter, policy.for_starter(starter))
        ],
        "back_url": reverse("hr:starter", args=[public_id]),
    }
    return render(request, "hr/approve.html", context, status=400 if form.errors else 200)
