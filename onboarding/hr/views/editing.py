"""HR changes the start or the note, allows another pass, withdraws a starter, or restores one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from onboarding import clock, policy
from onboarding.hr import labels
from onboarding.hr.forms import AllowForm, EditForm, RestoreForm, WithdrawForm
from onboarding.hr.views.feedback import run_and_report, starter_or_404
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters import attempts, rescheduling, withdrawal


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def edit_starter(request: HttpRequest, public_id: str) -> HttpResponse:
    starter = starter_or_404(public_id)
    form = EditForm(request.POST) if request.method == "POST" else EditForm.for_starter(starter)
    if form.is_bound and form.is_valid():
        starter.version = form.cleaned_data["version"]

        def save_schedule() -> None:
            rescheduling.reschedule_starter(
                starter=starter, schedule=form.schedule, note=form.cleaned_data["note"], by=request.user
            )

        if run_and_report(request, save_schedule, gettext("Saved.")):
            return redirect("hr:starter", public_id=public_id)
        form = EditForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter_name": starter.name,
        "back_url": reverse("hr:starter", args=[public_id]),
    }
    return render(request, "hr/edit.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def allow_another(request: HttpRequest, public_id: str) -> HttpResponse:
    """Allow one more pass, with a reason."""
    starter = starter_or_404(public_id)
    form = (
        AllowForm(request.POST)
        if request.method == "POST"
        else AllowForm(initial={"version": starter.version})
    )
    if form.is_bound and form.is_valid():
        starter.version, reason = form.cleaned_data["version"], form.cleaned_data["reason"]

        def allow_one_more() -> None:
            attempts.allow_another(starter=starter, by=request.user, reason=reason)

        if run_and_report(request, allow_one_more, gettext("You allowed one more pass.")):
            return redirect("hr:starter", public_id=public_id)
        form = AllowForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter_name": starter.name,
        "back_url": reverse("hr:starter", args=[public_id]),
        "is_possible": attempts.can_allow_another(starter_or_404(public_id)),
    }
    return render(request, "hr/allow.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def withdraw_starter(request: HttpRequest, public_id: str) -> HttpResponse:
    starter = starter_or_404(public_id)
    form = (
        WithdrawForm(request.POST)
        if request.method == "POST"
        else WithdrawForm(initial={"version": starter.version})
    )
    if form.is_bound and form.is_valid():
        starter.version = form.cleaned_data["version"]

        def withdraw_with_reason() -> str:
            is_withdrawn = withdrawal.withdraw_starter(
                starter=starter, by=request.user, reason=form.cleaned_data["reason"]
            )
            return (
                gettext("The starter has been withdrawn.")
                if is_withdrawn
                else gettext(
                    "The starter still has a pass. The portal will delete the pass and then withdraw the starter."
                )
            )

        if run_and_report(request, withdraw_with_reason):
            return redirect("hr:starter", public_id=public_id)
        form = WithdrawForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter_name": starter.name,
        "back_url": reverse("hr:starter", args=[public_id]),
        "consequence": gettext(
            "If you withdraw this starter, nobody can create a pass for them. The portal will delete any "
            "pass that already exists. %(way_back)s"
        )
        % {"way_back": _restore_hint(starter)},
    }
    return render(request, "hr/withdraw.html", context, status=400 if form.errors else 200)


def _restore_hint(starter: Starter) -> str:
    closes = (starter.starts_at + policy.for_starter(starter).closes_after).astimezone(starter.zone_info)
    if clock.now() > closes:
        return gettext("You cannot undo the withdrawal, because it is now too late to create a pass.")
    return gettext(
        "You can restore the starter until %(moment)s. If you do, the onboarding starts again."
    ) % {"moment": labels.format_time(closes)}


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def restore_starter(request: HttpRequest, public_id: str) -> HttpResponse:
    """Undo a withdrawal."""
    starter = starter_or_404(public_id)
    form = (
        RestoreForm(request.POST)
        if request.method == "POST"
        else RestoreForm(initial={"version": starter.version})
    )
    if form.is_bound and form.is_valid():
        starter.version, reason = form.cleaned_data["version"], form.cleaned_data["reason"]

        def restore_with_reason() -> None:
            withdrawal.restore_starter(starter=starter, by=request.user, reason=reason)

        if run_and_report(
            request,
            restore_with_reason,
            gettext("You restored the starter. This page shows the next step."),
        ):
            return redirect("hr:starter", public_id=public_id)
        form = RestoreForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter_name": starter.name,
        "back_url": reverse("hr:starter", args=[public_id]),
        "is_possible": withdrawal.can_restore(starter_or_404(public_id)),
    }
    return render(request, "hr/bring_back.html", context, status=400 if form.errors else 200)
