"""HR adds a starter: look up the account, check it, save, and continue with the next one of the same day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from onboarding.guards import daily_limits
from onboarding.guards.look_up_limit import LookUpLimitReached
from onboarding.hr import choosing, labels
from onboarding.hr.filters import StarterFilters
from onboarding.hr.forms import RecordForm
from onboarding.hr.views.feedback import wait_until_tomorrow
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters import directory, duplicates, recording
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.errors import AlreadyRecorded, UnacknowledgedDuplicate

KEPT_FIELDS = ("start_date", "start_time", "time_zone")  # from one starter to the next
EXPECT_STEPS = {"expect", "expect-next"}  # the steps that save an account which does not exist yet
DAILY_LIMIT_REACHED = _(
    "You cannot add more starters today, because you have reached the daily limit. Continue tomorrow, or "
    "ask an admin to raise the limit."
)
DUPLICATES_NOT_CONFIRMED = _(
    "This person may have been added before. Check the starters shown, then confirm that this is not a "
    "duplicate."
)


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def record_starter(request: HttpRequest) -> HttpResponse:
    """Look up the account, then save what HR was shown. Each step shows the form again with all entries."""
    if request.method != "POST":
        return _record_page(request, RecordForm(initial=kept_schedule(request)))
    choosing.apply_choice(request)
    form = RecordForm(request.POST)
    looking = request.POST.get("step") == "look"
    is_complete = form.is_valid() or (looking and form.is_valid_for_look_up())
    if looking and "account" in form.errors and form.name_to_find:
        return _show_named_accounts(request, form)
    if not is_complete and not _was_looked_up(request, form):
        return _record_page(request, form, status=400)
    try:
        looked = directory.look_up(form.cleaned_data["account"], recorder=request.user)
    except LookUpLimitReached as error:
        form.add_error("account", error.message)
        return wait_until_tomorrow(_record_page(request, form, status=429))
    if not is_complete:
        return _show_missing_fields(request, form, looked)
    if looked.error:
        form.add_error("account", looked.error)
        return _record_page(request, form, status=503)
    if looked.found is None:
        return _handle_not_found(request, form, looked)
    return _handle_found(request, form, looked.found)


def _was_looked_up(request: HttpRequest, form: RecordForm) -> bool:
    """Return whether the submitted page showed the details of a valid account."""
    has_answer = bool(form.cleaned_data.get("seen")) or request.POST.get("step") in EXPECT_STEPS
    return has_answer and "account" in form.cleaned_data


def _show_missing_fields(
    request: HttpRequest, form: RecordForm, looked: directory.LookupResult
) -> HttpResponse:
    """Show the errors together with the account details, so that only the missing fields are left."""
    if looked.found is None:
        was_expected = request.POST.get("step") in EXPECT_STEPS and not form.is_object_id
        expected = was_expected and not looked.owners
        return _record_page(request, form, expected=expected, owners=looked.owners, status=400)
    shown = form.with_account_shown(looked.found.account.object_id)
    return _record_page(request, shown, found=looked.found, status=400)


def _show_named_accounts(request: HttpRequest, form: RecordForm) -> HttpResponse:
    named, status = choosing.find_named_accounts(form, request.user)
    page = _record_page(request, form, named=named, status=status)
    return wait_until_tomorrow(page) if status == HTTPStatus.TOO_MANY_REQUESTS else page


def kept_schedule(request: HttpRequest) -> dict[str, str]:
    """Return the schedule of the last starter, as the default for the next one."""
    return {name: request.GET[name][:64] for name in KEPT_FIELDS if request.GET.get(name)}


def _handle_not_found(request: HttpRequest, form: RecordForm, looked: directory.LookupResult) -> HttpResponse:
    if form.is_object_id:
        form.add_error(
            "account", gettext("No account has this object ID. Check the ID, or enter the account name.")
        )
        return _record_page(request, form, status=400)
    if looked.owners:  # an email address: HR decides which account is meant
        return _record_page(request, form, owners=looked.owners)
    if request.POST.get("step") in EXPECT_STEPS:
        return _save_starter(request, form, None)
    return _record_page(request, form, expected=True)


def _handle_found(request: HttpRequest, form: RecordForm, found: directory.FoundAccount) -> HttpResponse:
    was_shown = form.cleaned_data["seen"] == found.account.object_id
    if request.POST.get("step") in {"save", "save-next"} and was_shown:
        return _save_starter(request, form, found)
    # Nothing is saved before HR has seen the details of exactly this account.
    shown = form.with_account_shown(found.account.object_id)
    shown.is_valid_for_look_up()
    return _record_page(request, shown, found=found)


def _save_starter(
    request: HttpRequest, form: RecordForm, found: directory.FoundAccount | None
) -> HttpResponse:
    try:
        starter = recording.record_starter(
            entry=AccountEntry.from_look_up(found, typed=form.cleaned_data["account"]),
            schedule=form.schedule,
            note=form.cleaned_data["note"],
            by=request.user,
            acknowledged_ids=request.POST.get("known", "").split(),
        )
    except daily_limits.DailyLimitReached:
        form.add_error(None, DAILY_LIMIT_REACHED)
        return _record_page(request, form, found=found, expected=found is None, status=409)
    except AlreadyRecorded:
        form.add_error(
            "account",
            gettext(
                "A starter with this account already exists, and their onboarding is not finished. Find "
                "the starter under “All starters”."
            ),
        )
        return _record_page(request, form, found=found, status=409)
    except UnacknowledgedDuplicate:
        return _record_page(
            request,
            form,
            found=found,
            expected=found is None,
            known_error=str(DUPLICATES_NOT_CONFIRMED),
            status=409,
        )
    messages.success(request, gettext("%(name)s was added.") % {"name": starter.name})
    if not request.POST["step"].endswith("-next"):
        return redirect("hr:starter", public_id=starter.public_id)
    schedule = {name: request.POST[name] for name in KEPT_FIELDS}
    return redirect(f"{reverse('hr:record')}?{urlencode(schedule)}")


def _record_page(
    request: HttpRequest,
    form: RecordForm,
    *,
    found: directory.FoundAccount | None = None,
    expected: bool = False,
    owners: Sequence[Any] = (),
    named: directory.NameResult | None = None,
    known_error: str = "",
    status: int = 200,
) -> HttpResponse:
    """`known_error` is the error of the checkbox that confirms possible duplicates."""
    who: duplicates.AccountOrName | None = (
        found.account if found else form.cleaned_data["account"] if expected else None
    )
    before = labels.describe_duplicates(duplicates.find_duplicates(who)) if who else []
    details = (
        directory.describe_account(found, recorder=request.user, when=form.cleaned_data) if found else {}
    )
    typed = form.cleaned_data.get("start_date") if form.is_bound else None
    context = {
        "form": form,
        "found": details or None,
        "hire_date": choosing.offer_hire_date(details.get("hired_on"), typed),
        "is_expected": expected,
        "owners": owners,
        "named": named,
        "duplicates": before,
        "duplicate_ids": " ".join(duplicate["public_id"] for duplicate in before),
        "known_error": known_error,
        "ticked": request.POST.get("known", ""),
        "so_far": _count_so_far(request),
        "several_url": f"{reverse('hr:several')}?{urlencode(kept_schedule(request))}",
    }
    return render(request, "hr/record.html", context, status=status)


def _count_so_far(request: HttpRequest) -> dict[str, Any] | None:
    """Return how many starters of this day HR has added so far."""
    filters = StarterFilters.from_query({"on": request.GET.get("start_date", ""), "state": "all"})
    if not filters.since:
        return None
    start = date.fromisoformat(filters.since)
    count = Starter.objects.filter(start_date=start, erased_at=None).count()
    return {"count": count, "day": start, "url": filters.url_with()}
