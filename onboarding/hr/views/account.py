"""HR chooses another account for a starter: look up, check, save."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from onboarding.guards.look_up_limit import LookUpLimitReached
from onboarding.hr import choosing, labels
from onboarding.hr.forms import ReplaceAccountForm
from onboarding.hr.views.feedback import run_and_report, starter_or_404, wait_until_tomorrow
from onboarding.hr.views.recording import DUPLICATES_NOT_CONFIRMED
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters import accounts, directory, duplicates
from onboarding.starters.errors import UnacknowledgedDuplicate


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def replace_account(request: HttpRequest, public_id: str) -> HttpResponse:
    starter = starter_or_404(public_id)
    if request.method != "POST":
        return _render_page(request, starter, ReplaceAccountForm(initial={"version": starter.version}))
    choosing.apply_choice(request)
    form = ReplaceAccountForm(request.POST)
    if not form.is_valid():
        if request.POST.get("step") == "look" and form.name_to_find:
            return _show_named_accounts(request, starter, form)
        return _render_page(request, starter, form, status=400)
    try:
        looked = directory.look_up(form.cleaned_data["account"], recorder=request.user)
    except LookUpLimitReached as error:
        form.add_error("account", error.message)
        return wait_until_tomorrow(_render_page(request, starter, form, status=429))
    if looked.error:
        form.add_error("account", looked.error)
        return _render_page(request, starter, form, status=503)
    if looked.found is None and form.is_object_id:
        form.add_error(
            "account", gettext("No account has this object ID. Check the ID, or enter the account name.")
        )
        return _render_page(request, starter, form, status=400)
    was_shown = looked.found is None or form.cleaned_data["seen"] == looked.found.account.object_id
    if request.POST.get("step") == ("save" if looked.found else "expect") and was_shown and not looked.owners:
        return _save_account(request, starter, form, looked.found)
    shown = {"seen": looked.found.account.object_id if looked.found else ""}
    return _render_page(request, starter, ReplaceAccountForm({**request.POST.dict(), **shown}), looked=looked)


def _show_named_accounts(request: HttpRequest, starter: Starter, form: ReplaceAccountForm) -> HttpResponse:
    named, status = choosing.find_named_accounts(form, request.user)
    page = _render_page(request, starter, form, named=named, status=status)
    return wait_until_tomorrow(page) if status == HTTPStatus.TOO_MANY_REQUESTS else page


def _save_account(
    request: HttpRequest, starter: Starter, form: ReplaceAccountForm, found: directory.FoundAccount | None
) -> HttpResponse:
    starter.version, typed = form.cleaned_data["version"], form.cleaned_data["account"]

    def replace_with_found() -> None:
        accounts.replace_account(
            starter=starter,
            entry=accounts.AccountEntry.from_look_up(found, typed=typed),
            by=request.user,
            acknowledged_ids=request.POST.get("known", "").split(),
        )

    try:
        if run_and_report(
            request,
            replace_with_found,
            gettext("The starter now has the account that you chose. All checks will start again."),
        ):
            return redirect("hr:starter", public_id=starter.public_id)
    except UnacknowledgedDuplicate:
        return _render_page(
            request,
            starter,
            form,
            looked=directory.LookupResult(found),
            known_error=str(DUPLICATES_NOT_CONFIRMED),
            status=409,
        )
    fresh = starter_or_404(starter.public_id)
    again = ReplaceAccountForm({**request.POST.dict(), "version": fresh.version})
    return _render_page(request, fresh, again, looked=directory.LookupResult(found))


def _render_page(
    request: HttpRequest,
    starter: Starter,
    form: ReplaceAccountForm,
    *,
    looked: directory.LookupResult | None = None,
    named: directory.NameResult | None = None,
    known_error: str = "",
    status: int = 200,
) -> HttpResponse:
    found, before = None, []
    if looked is not None and form.is_valid():
        when = {name: getattr(starter, name) for name in ("start_date", "start_time", "time_zone")}
        if looked.found:
            found = directory.describe_account(looked.found, recorder=request.user, when=when)
        who = looked.found.account if looked.found else form.cleaned_data["account"]
        before = labels.describe_duplicates(
            duplicate for duplicate in duplicates.find_duplicates(who) if duplicate.starter.pk != starter.pk
        )
    context = {
        "form": form,
        "found": found,
        "is_expected": looked is not None and looked.found is None and not looked.owners,
        "owners": looked.owners if looked else (),
        "named": named,
        "duplicates": before,
        "duplicate_ids": " ".join(duplicate["public_id"] for duplicate in before),
        "known_error": known_error,
        "ticked": request.POST.get("known", ""),
        "starter": starter,
        "is_possible": accounts.can_replace_account(starter),
        "was_invited": starter.state == StarterState.INVITED,
        "back_url": reverse("hr:starter", args=[starter.public_id]),
    }
    return render(request, "hr/account.html", context, status=status)
