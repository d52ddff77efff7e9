"""Changing what was recorded: the first day and the note; stopping an onboarding, and bringing it back."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from onboarding import clock, corrections, policy, services
from onboarding.hr import words
from onboarding.hr.forms import BringBackForm, EditForm, WithdrawForm
from onboarding.hr.views.answers import done, starter_or_404
from onboarding.models import Starter
from onboarding.permissions import hr_only


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    form = EditForm(request.POST) if request.method == "POST" else EditForm.of(one)
    if form.is_bound and form.is_valid():
        when = {name: form.cleaned_data[name] for name in ("start_date", "start_time", "time_zone", "note")}
        one.version = form.cleaned_data["version"]
        if done(
            request, lambda: services.reschedule(starter=one, by=request.user, **when), gettext("Saved.")
        ):
            return redirect("hr:starter", public_id=public_id)
        form = EditForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {"form": form, "starter_name": one.name, "back_url": reverse("hr:starter", args=[public_id])}
    return render(request, "hr/edit.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    form = (
        WithdrawForm(request.POST)
        if request.method == "POST"
        else WithdrawForm(initial={"version": one.version})
    )
    if form.is_bound and form.is_valid():
        one.version = form.cleaned_data["version"]

        def act() -> str:
            over = services.withdraw_starter(starter=one, by=request.user, reason=form.cleaned_data["reason"])
            return (
                gettext("Withdrawn.")
                if over
                else gettext("A pass is out. It is being deleted, and then the starter is withdrawn.")
            )

        if done(request, act):
            return redirect("hr:starter", public_id=public_id)
        form = WithdrawForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter_name": one.name,
        "back_url": reverse("hr:starter", args=[public_id]),
        "consequence": gettext(
            "The manager can no longer create a pass, and a pass that is out is deleted. %(way_back)s"
        )
        % {"way_back": _way_back(one)},
    }
    return render(request, "hr/withdraw.html", context, status=400 if form.errors else 200)


def _way_back(one: Starter) -> str:
    closes = (one.starts_at + policy.in_force().after).astimezone(one.zone)
    if clock.now() > closes:
        return gettext("This cannot be undone: the time for a pass is over.")
    return gettext("Until %(moment)s it can be brought back, and then begins anew.") % {
        "moment": words.moment(closes)
    }


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def bring_back(request: HttpRequest, public_id: str) -> HttpResponse:
    """Undo a withdrawal."""
    one = starter_or_404(public_id)
    form = (
        BringBackForm(request.POST)
        if request.method == "POST"
        else BringBackForm(initial={"version": one.version})
    )
    if form.is_bound and form.is_valid():
        one.version, reason = form.cleaned_data["version"], form.cleaned_data["reason"]

        def act() -> None:
            corrections.bring_back(starter=one, by=request.user, reason=reason)

        if done(request, act, gettext("Brought back. Nobody is invited yet.")):
            return redirect("hr:starter", public_id=public_id)
        form = BringBackForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter_name": one.name,
        "back_url": reverse("hr:starter", args=[public_id]),
        "is_possible": corrections.may_bring_back(starter_or_404(public_id)),
    }
    return render(request, "hr/bring_back.html", context, status=400 if form.errors else 200)
