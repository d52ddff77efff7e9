"""Changing what was recorded: the first day and the note, and stopping an onboarding."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from onboarding import services
from onboarding.hr.forms import EditForm, WithdrawForm
from onboarding.hr.views.answers import done, starter_or_404
from onboarding.permissions import hr_only


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    form = EditForm(request.POST) if request.method == "POST" else EditForm.of(one)
    if form.is_bound and form.is_valid():
        when = {name: form.cleaned_data[name] for name in ("start_date", "start_time", "time_zone", "note")}
        one.version = form.cleaned_data["version"]
        if done(request, lambda: services.reschedule(starter=one, by=request.user, **when), "Saved."):
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
                "Withdrawn."
                if over
                else "A pass is out. It is being deleted, and then the starter is withdrawn."
            )

        if done(request, act):
            return redirect("hr:starter", public_id=public_id)
        form = WithdrawForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter_name": one.name,
        "back_url": reverse("hr:starter", args=[public_id]),
        "consequence": "The manager can no longer create a pass, and a pass that is out is deleted. This cannot be undone.",
    }
    return render(request, "hr/withdraw.html", context, status=400 if form.errors else 200)
