"""What is done to a starter with one press: send the link, accept an account, allow another pass, take one back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from onboarding import handover, services
from onboarding.hr.views.answers import done, starter_or_404
from onboarding.lifecycle import StarterState
from onboarding.models import PassIssue
from onboarding.moves import Changed
from onboarding.permissions import hr_only


@require_POST
@hr_only
def send(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)

    def act() -> str | None:
        try:
            services.send_link(starter=one, by=request.user)
        except Changed:
            now = starter_or_404(public_id)
            if now.state != StarterState.INVITED:
                raise
            if not services.hurry_link(starter=now, by=request.user):
                return gettext("The portal sent the link a moment ago.")
            return None
        return None if one.in_charge_mail else gettext("No mail was sent: the manager has no mailbox.")

    done(request, act, gettext("The link is on its way to the manager."))
    return redirect("hr:starter", public_id=public_id)


@require_POST
@hr_only
def accept(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    found = request.POST.get("found", "")  # the one that HR was shown, or none

    def act() -> None:
        services.accept_account(starter=one, found_account_id=found, by=request.user)

    done(request, act, gettext("The account is accepted."))
    return redirect("hr:starter", public_id=public_id)


@require_POST
@hr_only
def allow(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    done(
        request,
        lambda: services.allow_another(starter=one, by=request.user),
        gettext("Another pass is allowed."),
    )
    return redirect("hr:starter", public_id=public_id)


@require_POST
@hr_only
def take_pass_back(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    issue = one.open_issue()
    if issue is not None:
        done(
            request,
            lambda: handover.take_back(issue, reason=PassIssue.Reason.TAKEN_BACK, by=request.user),
            gettext("The pass is being taken back; in a moment nobody can use it."),
        )
    return redirect("hr:starter", public_id=public_id)
