"""Add several starters for one date: look all up, show them in a table, and save the selected ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from onboarding.guards import daily_limits
from onboarding.guards.look_up_limit import LookUpLimitReached
from onboarding.hr import labels
from onboarding.hr.clipboard import PastedEntry, read_accounts
from onboarding.hr.filters import StarterFilters
from onboarding.hr.forms import BulkForm
from onboarding.hr.views.feedback import wait_until_tomorrow
from onboarding.hr.views.recording import DAILY_LIMIT_REACHED, kept_schedule
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters import directory, recording
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.duplicates import (
    AccountOrName,
    Duplicate,
    duplicate_key,
    find_duplicates_of_several,
    find_unfinished_of_several,
)
from onboarding.starters.errors import AlreadyRecorded, UnacknowledgedDuplicate
from onboarding.starters.input_rules import OBJECT_ID

GUARDS_TIME_LIMIT = 10.0  # seconds; the worker checks the remaining starters right after the save
MAX_IGNORED_WORDS = 40  # on the page
NO_SUCH_ID = _("No account has this object ID. Check the ID, or enter the account name.")
A_MAIL_ADDRESS = _("This is an email address, not an account name.")
ALREADY_ADDED = _("A starter with this account already exists, and their onboarding is not finished.")
CHECKS_FOLLOW = _(
    "The portal is now checking each account. Any problems will appear in this list within minutes."
)
NOTHING_SELECTED = _("Check the accounts, then select the right ones.")


@dataclass
class Row:
    """One pasted account, or one line without an account, with its details and errors."""

    pasted: PastedEntry
    lookup: directory.LookupResult = field(default_factory=directory.LookupResult)
    error: str = ""  # why it cannot be added
    unfinished: Starter | None = None
    duplicates: list[Duplicate] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    is_selected: bool = False
    saved: Starter | None = None

    def set_error(self, error: str) -> None:
        self.error, self.is_selected = error, False

    @property
    def typed(self) -> str:
        return self.pasted.typed

    @property
    def account_or_name(self) -> AccountOrName:
        return self.lookup.found.account if self.lookup.found else self.typed

    @property
    def entry(self) -> AccountEntry:
        return AccountEntry.from_look_up(self.lookup.found, typed=self.typed)

    @property
    def checkbox_value(self) -> str:
        """Return the value of the checkbox: the account and the earlier starters that HR was shown."""
        known = ",".join(duplicate.starter.public_id for duplicate in self.duplicates)
        return f"{duplicate_key(self.account_or_name)}:{known}"

    @property
    def is_clean(self) -> bool:
        """Return whether the row has no warning, so that it is selected by default."""
        return bool(self.lookup.found) and not (self.error or self.duplicates or self.details["warnings"])

    @property
    def is_unchecked(self) -> bool:
        """Return whether the guards could not be asked."""
        found = self.lookup.found
        return found is not None and not (self.error or found.facts)

    @property
    def described_duplicates(self) -> list[dict[str, str]]:
        return labels.describe_duplicates(self.duplicates)

    @property
    def unfinished_url(self) -> str:
        return reverse("hr:starter", args=[self.unfinished.public_id]) if self.unfinished else ""


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def record_several(request: HttpRequest) -> HttpResponse:
    """Save exactly the accounts whose rows HR saw and selected. All others stay in the form."""
    if request.method != "POST":
        return _render_page(request, BulkForm(initial=kept_schedule(request)))
    choose_accounts(request)
    form, saving = BulkForm(request.POST), request.POST.get("step") == "save"
    is_valid = form.is_valid() or (not saving and form.is_valid_for_look_up())
    if not is_valid and "accounts" in form.errors:
        return _render_page(request, form, status=400)
    try:
        rows = _look_up_rows(request, form)
    except LookUpLimitReached as error:
        form.add_error("accounts", error.message)
        return wait_until_tomorrow(_render_page(request, form, status=429))
    if not is_valid:
        return _render_page(request, form, rows, status=400)
    if not saving:
        return _render_page(request, form, rows)
    if not any(row.is_selected for row in rows):
        return _render_page(request, form, rows, nothing_selected=True, status=400)
    return _save_and_show_rest(request, form, rows)


def choose_accounts(request: HttpRequest) -> None:
    """Replace the email address by the account after a click on "Use this account": `address account`."""
    address, _, chosen = request.POST.get("use", "").partition(" ")
    if not chosen:
        return
    posted = request.POST.copy()
    read = read_accounts(posted.get("accounts", ""))
    posted["accounts"] = "\n".join(chosen if entry.account == address else entry.typed for entry in read)
    posted["step"] = "look"
    request.POST = posted  # type: ignore[assignment]  # Django's own is immutable


def _look_up_rows(request: HttpRequest, form: BulkForm) -> list[Row]:
    """Look up all accounts and ask the guards, with few requests."""
    rows = [Row(pasted) for pasted in form.cleaned_data["accounts"]]
    accounts = [row.pasted.account for row in rows if row.pasted.account]
    results = directory.look_up_several(accounts, recorder=request.user)
    for row in rows:
        row.lookup = results.get(row.typed, directory.LookupResult())
        row.error = _find_error(row)
    known = [row.account_or_name for row in rows if not row.error]
    found, unfinished = find_duplicates_of_several(known), find_unfinished_of_several(known)
    for row in rows:
        row.duplicates = found.get(duplicate_key(row.account_or_name), [])
        row.unfinished = unfinished.get(duplicate_key(row.account_or_name))
        if row.unfinished and not row.error:
            row.error = str(ALREADY_ADDED)
    selected, shown = set(request.POST.getlist("take")), set(request.POST.get("shown", "").split())
    # Selected rows come first, so that the time limit leaves out the others.
    _check_guards(request, sorted(rows, key=lambda row: row.checkbox_value not in selected))
    saving = request.POST.get("step") == "save"
    _describe_rows(request, form, rows)
    for row in rows:
        by_default = not saving and row.typed not in shown and row.is_clean
        row.is_selected = not row.error and (row.checkbox_value in selected or by_default)
    return rows


def _describe_rows(request: HttpRequest, form: BulkForm, rows: list[Row]) -> None:
    answered = [(row, found) for row in rows if (found := row.lookup.found)]
    several = [(found, form.cleaned_data if found.facts else None) for _row, found in answered]
    described = directory.describe_several(several, recorder=request.user)
    for (row, _found), details in zip(answered, described, strict=True):
        row.details = details


def _check_guards(request: HttpRequest, rows: list[Row]) -> None:
    """Read the facts for the guards for each account that can be added."""
    asked = [(row, found) for row in rows if (found := row.lookup.found) and not row.error]
    checked = directory.read_facts_of_several(
        [found for _row, found in asked], seconds=GUARDS_TIME_LIMIT, recorder=request.user
    )
    for (row, _found), found in zip(asked, checked, strict=True):
        row.lookup = directory.LookupResult(found)


def _find_error(row: Row) -> str:
    if row.pasted.error:
        return row.pasted.error
    if row.lookup.error:
        return row.lookup.error
    if row.lookup.owners:
        return str(A_MAIL_ADDRESS)
    return str(NO_SUCH_ID) if row.lookup.found is None and OBJECT_ID.fullmatch(row.typed) else ""


def _save_and_show_rest(request: HttpRequest, form: BulkForm, rows: list[Row]) -> HttpResponse:
    selected = [row for row in rows if row.is_selected]
    for first in range(0, len(selected), recording.SAVED_TOGETHER):
        _save_rows(request, form, selected[first : first + recording.SAVED_TOGETHER])
    saved = [row.saved for row in rows if row.saved]
    left = [row for row in rows if not row.saved]
    if not left:
        recorded = ngettext("%(count)s starter added.", "%(count)s starters added.", len(saved))
        messages.success(request, f"{recorded % {'count': len(saved)}} {CHECKS_FOLLOW}")
        return redirect(
            StarterFilters(
                since=request.POST["start_date"], until=request.POST["start_date"], state="all"
            ).url_with()
        )
    rest = BulkForm({**request.POST.dict(), "accounts": "\n".join(row.typed for row in left)})
    return _render_page(request, rest, left, saved=saved, status=200 if saved else 409)


def _save_rows(request: HttpRequest, form: BulkForm, rows: Sequence[Row]) -> None:
    with recording.save_together([row.entry for row in rows]) as together:
        for row in rows:
            _save_row(request, form, row, together)


def _save_row(request: HttpRequest, form: BulkForm, row: Row, together: recording.Together) -> None:
    try:
        row.saved = recording.record_starter(
            entry=row.entry,
            schedule=form.schedule,
            note=form.cleaned_data["note"],
            by=request.user,
            acknowledged_ids=[duplicate.starter.public_id for duplicate in row.duplicates],
            together=together,
        )
    except daily_limits.DailyLimitReached:
        row.set_error(str(DAILY_LIMIT_REACHED))
    except AlreadyRecorded:
        row.set_error(str(ALREADY_ADDED))
    except UnacknowledgedDuplicate:
        row.set_error(
            gettext(
                "A colleague has just added this person. Look up the account again to see the new starter."
            )
        )


def _render_page(
    request: HttpRequest,
    form: BulkForm,
    rows: list[Row] | None = None,
    *,
    saved: list[Starter] | None = None,
    nothing_selected: bool = False,
    status: int = 200,
) -> HttpResponse:
    rows = rows or []
    # Rows with errors come first, then those with warnings: HR has to act on both.
    rows = sorted(rows, key=lambda row: (not row.error, row.is_clean))
    context = {
        "form": form,
        "rows": rows,
        "shown": " ".join(row.pasted.account for row in rows),
        "ignored_words": [word for row in rows for word in row.pasted.ignored_words][:MAX_IGNORED_WORDS],
        "error_count": sum(bool(row.error) for row in rows),
        "unchecked_count": sum(row.is_unchecked for row in rows),
        "saved": [
            {"name": starter.name, "url": reverse("hr:starter", args=[starter.public_id])}
            for starter in saved or []
        ],
        "nothing_selected": NOTHING_SELECTED if nothing_selected else "",
        "one_url": f"{reverse('hr:record')}?{urlencode(kept_schedule(request))}",
    }
    return render(request, "hr/several.html", context, status=status)
