"""HR assigns a stand-in for a manager who is away, or removes the stand-in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from onboarding import policy
from onboarding.hr.forms import StandInForm
from onboarding.hr.views.feedback import run_and_report, starter_or_404
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters import directory, stand_ins

ENTRA_SILENT = _(
    "Microsoft Entra does not respond, so the portal cannot find the manager’s manager. Try again in a minute."
)
NOT_NOW = _(
    "You cannot assign or remove a stand-in now. Possible reasons: there is already a pass, the onboarding "
    "is finished, or the starter has no manager."
)


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def stand_in_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show the possible stand-in as read from Entra now. Assign only the person that HR was shown."""
    starter = starter_or_404(public_id)
    if request.method != "POST":
        return _render_page(request, starter)
    form = StandInForm(request.POST)
    if form.is_valid():
        entered = form.cleaned_data
        starter.version = entered["version"]

        def assign_stand_in() -> None:
            stand_ins.assign_stand_in(
                starter=starter, stand_in_id=entered["seen"], by=request.user, reason=entered["reason"]
            )

        def remove_stand_in() -> None:
            stand_ins.remove_stand_in(starter=starter, by=request.user, reason=entered["reason"])

        action, success = (
            remove_stand_in,
            gettext("You removed the stand-in. The manager now creates the pass."),
        )
        if entered["step"] == "route":
            action, success = (
                assign_stand_in,
                gettext("From now on, the stand-in creates the pass instead of the manager."),
            )
        if run_and_report(request, action, success):
            return redirect("hr:starter", public_id=public_id)
    return _render_page(request, starter_or_404(public_id), form)


def _render_page(request: HttpRequest, starter: Starter, form: StandInForm | None = None) -> HttpResponse:
    found, objection = None, "" if stand_ins.can_assign_stand_in(starter) else NOT_NOW
    if not objection and not starter.has_stand_in:
        try:
            found = stand_ins.find_stand_in(starter, by=request.user)
        except directory.DirectoryError:
            objection = ENTRA_SILENT
        else:
            objection = found.objection
    fresh: dict[str, Any] = {
        "version": starter.version,
        "seen": found.managers_manager.object_id if found and found.managers_manager else "",
        "step": "end" if starter.has_stand_in else "route",
    }
    shown = StandInForm(initial=fresh) if form is None else StandInForm({**request.POST.dict(), **fresh})
    context = {
        "form": shown,
        "starter": starter,
        "above_name": found.managers_manager.display_name if found and found.managers_manager else "",
        "objection": objection,
        "needs_approval": policy.for_starter(starter).approve_manager and not starter.has_stand_in,
        "back_url": reverse("hr:starter", args=[starter.public_id]),
    }
    return render(request, "hr/stand_in.html", context, status=400 if shown.errors else 200)
