"""Another account for a starter who was recorded with the wrong one: looked up, seen, and only then taken."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from onboarding import corrections, directory, earlier, services
from onboarding.hr import words
from onboarding.hr.forms import ReplaceForm
from onboarding.hr.views.answers import done, starter_or_404
from onboarding.hr.views.recording import NOT_KNOWN
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.permissions import hr_only


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def replace(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    if request.method != "POST":
        return _page(request, one, ReplaceForm(initial={"version": one.version}))
    form = ReplaceForm(request.POST)
    if not form.is_valid():
        return _page(request, one, form, status=400)
    looked = directory.look_up(form.cleaned_data["account"])
    if looked.trouble:
        form.add_error("account", looked.trouble)
        return _page(request, one, form, status=503)
    if looked.found is None and form.is_object_id:
        form.add_error(
            "account", gettext("No account has this object id. Check it, or type the account name instead.")
        )
        return _page(request, one, form, status=400)
    seen = looked.found is None or form.cleaned_data["seen"] == looked.found.account.object_id
    if request.POST.get("step") == ("save" if looked.found else "expect") and seen:
        return _take(request, one, form, looked.found)
    shown = {"seen": looked.found.account.object_id if looked.found else ""}
    return _page(request, one, ReplaceForm({**request.POST.dict(), **shown}), looked=looked)


def _take(
    request: HttpRequest, one: Starter, form: ReplaceForm, found: directory.Found | None
) -> HttpResponse:
    one.version, typed = form.cleaned_data["version"], form.cleaned_data["account"]

    def act() -> None:
        corrections.replace_account(
            starter=one,
            account_name=found.account.user_principal_name if found else typed,
            account=found.account if found else None,
            manager=found.manager if found else None,
            by=request.user,
            knowing=request.POST.get("known", "").split(),
        )

    try:
        if done(request, act, gettext("The account is changed. Everything about it is judged anew.")):
            return redirect("hr:starter", public_id=one.public_id)
    except services.RecordedBefore:
        return _page(request, one, form, looked=directory.Looked(found), known=str(NOT_KNOWN), status=409)
    fresh = starter_or_404(one.public_id)
    again = ReplaceForm({**request.POST.dict(), "version": fresh.version})
    return _page(request, fresh, again, looked=directory.Looked(found))


def _page(
    request: HttpRequest,
    one: Starter,
    form: ReplaceForm,
    *,
    looked: directory.Looked | None = None,
    known: str = "",
    status: int = 200,
) -> HttpResponse:
    found, before = None, []
    if looked is not None and form.is_valid():
        when = {name: getattr(one, name) for name in ("start_date", "start_time", "time_zone")}
        if looked.found:
            found = directory.in_words(looked.found, recorder=request.user, when=when)
        who = looked.found.account if looked.found else form.cleaned_data["account"]
        before = words.recorded_before(each for each in earlier.records_of(who) if each.starter.pk != one.pk)
    context = {
        "form": form,
        "found": found,
        "expected": looked is not None and looked.found is None,
        "before": before,
        "before_ids": " ".join(each["public_id"] for each in before),
        "known": known,
        "ticked": request.POST.get("known", ""),
        "starter": one,
        "is_possible": corrections.may_replace_account(one),
        "was_invited": one.state == StarterState.INVITED,
        "back_url": reverse("hr:starter", args=[one.public_id]),
    }
    return render(request, "hr/account.html", context, status=status)
