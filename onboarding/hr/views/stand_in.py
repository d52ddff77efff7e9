"""Routing a starter past a manager who is away, to the manager of that manager; and taking that back."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from onboarding import directory, policy, routing
from onboarding.hr.forms import StandInForm
from onboarding.hr.views.answers import done, starter_or_404
from onboarding.models import Starter
from onboarding.permissions import hr_only

SILENT = _(
    "The directory does not answer, so nobody can say who is above the manager. Try again in a minute."
)
NOT_NOW = _("This cannot be done now: a pass is out, the onboarding is finished, or no manager is known.")


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def stand_in(request: HttpRequest, public_id: str) -> HttpResponse:
    """Who would stand in is read when the page is opened, and taken only if the directory still says so."""
    one = starter_or_404(public_id)
    if request.method != "POST":
        return _page(request, one)
    form = StandInForm(request.POST)
    if form.is_valid():
        one.version, said = form.cleaned_data["version"], form.cleaned_data

        def route() -> None:
            routing.route(starter=one, stand_in_id=said["seen"], by=request.user, reason=said["reason"])

        def take_back() -> None:
            routing.take_back(starter=one, by=request.user, reason=said["reason"])

        act, words = (take_back, gettext("The manager confirms again."))
        if said["step"] == "route":
            act, words = route, gettext("Routed. They can confirm instead of the manager.")
        if done(request, act, words):
            return redirect("hr:starter", public_id=public_id)
    return _page(request, starter_or_404(public_id), form)


def _page(request: HttpRequest, one: Starter, form: StandInForm | None = None) -> HttpResponse:
    found, trouble = None, "" if routing.may_route(one) else NOT_NOW
    if not trouble and not one.is_routed:
        try:
            found = routing.stand_in_of(one, by=request.user)
        except directory.Trouble:
            trouble = SILENT
        else:
            trouble = found.trouble
    fresh: dict[str, Any] = {
        "version": one.version,
        "seen": found.above.object_id if found and found.above else "",
        "step": "end" if one.is_routed else "route",
    }
    shown = StandInForm(initial=fresh) if form is None else StandInForm({**request.POST.dict(), **fresh})
    context = {
        "form": shown,
        "starter": one,
        "above_name": found.above.display_name if found and found.above else "",
        "trouble": trouble,
        "to_approve": policy.for_starter(one).approve_manager and not one.is_routed,
        "back_url": reverse("hr:starter", args=[one.public_id]),
    }
    return render(request, "hr/stand_in.html", context, status=400 if shown.errors else 200)
