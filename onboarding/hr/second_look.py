"""What needs HR's eyes once more: what changed in the directory, why a pass was refused, and what another must approve."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from onboarding import approvals, directory, guards, policy, services
from onboarding.hr.forms import ApproveForm
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.moves import Changed
from onboarding.permissions import hr_only

NAMES = {
    "name": _("Name"),
    "account_name": _("Account name"),
    "employee_id": _("Employee number"),
    "manager_id": _("Manager"),
}
MOVED = _(
    "Somebody or something changed this starter meanwhile. This is how it stands now; nothing of yours was saved."
)


def of(starter: Starter, person: Any) -> dict[str, Any]:
    """For the starter's page: the changes to look at, the refusals with their fixes, and what waits for approval."""
    args = [starter.public_id]
    early = starter.state in {StarterState.RECORDED, StarterState.INVITED}
    waiting = approvals.missing(starter, policy.for_starter(starter)) if starter.is_unfinished else []
    return {
        "changes": changes(starter) if early and starter.seen else [],
        "look_again_url": reverse("hr:look-again", args=args),
        "refusals": [guards.BY_CODE[code].for_hr for code in starter.refused_for if code in guards.BY_CODE]
        if starter.is_unfinished
        else [],
        "waiting": [need.words for need in waiting],
        "approve_url": reverse("hr:approve", args=args) if approvals.may_approve(starter, person) else "",
        "approvals": [
            {"by": one.by.name, "at": one.at, "reason": one.reason, "why": one.get_why_display()}
            for one in starter.approvals.select_related("by")
        ],
    }


def changes(starter: Starter) -> list[dict[str, str]]:
    """What the directory says otherwise than HR saw, with what they must send back to say that it is right."""
    now = {
        "name": starter.display_name,
        "account_name": starter.account_name,
        "employee_id": starter.employee_id,
        "manager_id": starter.manager_id,
    }
    differ = any(starter.seen.get(name, value) != value for name, value in now.items())
    if not differ:
        return []
    return [
        {
            "name": name,
            "label": str(NAMES[name]),
            "before": "" if name == "manager_id" else starter.seen.get(name, ""),
            "now": starter.manager_name if name == "manager_id" else value,
            "value": value,
            "differs": "yes" if starter.seen.get(name, value) != value else "",
        }
        for name, value in now.items()
    ]


@require_POST
@hr_only
def look_again(request: HttpRequest, public_id: str) -> HttpResponse:
    """HR says that what has changed is right: exactly what they were shown, or they are shown it anew."""
    starter = get_object_or_404(Starter.objects.select_related("recorded_by"), public_id=public_id)
    expected = {name: request.POST.get(name, "") for name in NAMES}
    try:
        services.look_again(starter=starter, expected=expected, by=request.user)
    except (Changed, services.AccountMoved):
        _read_anew(starter)
        messages.error(request, MOVED)
    except services.OwnStarter:
        messages.error(request, gettext("You are this person's manager: somebody else in HR must do this."))
    except directory.Trouble:
        messages.error(
            request, gettext("The directory does not answer. Nothing was changed; try again in a minute.")
        )
    else:
        messages.success(request, gettext("Noted. The onboarding goes on with what the directory says now."))
    return redirect("hr:starter", public_id=public_id)


def _read_anew(starter: Starter) -> None:
    try:
        services.refresh(starter)
    except directory.Trouble:
        return


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def approve(request: HttpRequest, public_id: str) -> HttpResponse:
    """Another person of HR agrees, and says why."""
    starter = get_object_or_404(Starter.objects.select_related("recorded_by"), public_id=public_id)
    form = ApproveForm(request.POST or None, initial={"version": starter.version})
    if request.method == "POST" and form.is_valid():
        starter.version = form.cleaned_data["version"]
        try:
            approvals.approve(starter=starter, by=request.user, reason=form.cleaned_data["reason"])
        except Changed:
            messages.error(request, MOVED)
            fresh = Starter.objects.get(pk=starter.pk).version
            form = ApproveForm({**request.POST.dict(), "version": fresh})
        except approvals.NotAnother:
            messages.error(
                request,
                gettext(
                    "You had a part in this starter, or are their manager: somebody else in HR must approve."
                ),
            )
        else:
            messages.success(request, gettext("Approved. The manager can go on."))
            return redirect("hr:starter", public_id=public_id)
    context = {
        "form": form,
        "starter": starter,
        "waiting": [need.words for need in approvals.missing(starter, policy.for_starter(starter))],
        "back_url": reverse("hr:starter", args=[public_id]),
    }
    return render(request, "hr/approve.html", context, status=400 if form.errors else 200)
