"""Recording many for one day: all are looked up and shown in a table, and those that were ticked are saved."""

from __future__ import annotations

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

from onboarding import caps, directory, earlier, services
from onboarding.hr import words
from onboarding.hr.forms import OBJECT_ID, SeveralForm, is_account
from onboarding.hr.views.recording import TOO_MANY, kept
from onboarding.hr.wanted import Wanted
from onboarding.models import Starter
from onboarding.permissions import hr_only

GUARDS_MAY_TAKE = 10.0  # seconds; the worker checks whoever is not reached in them, right after the save
NOT_A_NAME = _("This is neither an account name, like name@contoso.example, nor an object id.")
NO_SUCH_ID = _("No account has this object id. Check it, or type the account name instead.")
RECORDED = _("This account is already recorded, and not finished.")
CHECKED_NEXT = _("Each account is checked now; what stands in the way of a pass shows here within minutes.")
NOTHING_TICKED = _("Look at each, then tick those that are right.")


@dataclass
class Row:
    """One account that was typed: what the directory says, and what is wrong with it."""

    typed: str
    looked: directory.Looked = field(default_factory=directory.Looked)
    trouble: str = ""  # it cannot be recorded like this
    unfinished: Starter | None = None
    before: list[earlier.Earlier] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    is_ticked: bool = False
    saved: Starter | None = None

    @property
    def who(self) -> earlier.Who:
        return self.looked.found.account if self.looked.found else self.typed

    @property
    def take(self) -> str:
        """What a tick says: which account was seen, and which earlier records of it. Another account is another tick."""
        known = ",".join(one.starter.public_id for one in self.before)
        return f"{earlier.key(self.who)}:{known}"

    @property
    def is_clean(self) -> bool:
        """Nothing about it needs a second look, so it is ticked at once."""
        return bool(self.looked.found) and not (self.trouble or self.before or self.told["warnings"])

    @property
    def is_unchecked(self) -> bool:
        """Whether the guards were asked in vain, so that they have yet to say anything."""
        found = self.looked.found
        return found is not None and not (self.trouble or found.facts)

    @property
    def before_in_words(self) -> list[dict[str, str]]:
        return words.recorded_before(self.before)

    @property
    def unfinished_url(self) -> str:
        return reverse("hr:starter", args=[self.unfinished.public_id]) if self.unfinished else ""


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def record_several(request: HttpRequest) -> HttpResponse:
    """Nothing is saved but the very accounts whose row was seen and ticked; all else stays in the form."""
    if request.method != "POST":
        return _page(request, SeveralForm(initial=kept(request)))
    form, saving = SeveralForm(request.POST), request.POST.get("step") == "save"
    if not form.is_valid() and (saving or not form.look_only()):
        if "accounts" in form.errors:
            return _page(request, form, status=400)
        return _page(request, form, _rows(request, form), status=400)
    rows = _rows(request, form)
    if not saving:
        return _page(request, form, rows)
    if not any(row.is_ticked for row in rows):
        return _page(request, form, rows, nothing_ticked=True, status=400)
    return _saved(request, form, rows)


def _rows(request: HttpRequest, form: SeveralForm) -> list[Row]:
    """What the directory and the portal know of each, and what the guards say, in few questions to either."""
    names = form.cleaned_data["accounts"]
    rows = [Row(name) for name in names]
    looked = directory.look_up_several([name for name in names if is_account(name)])
    for row in rows:
        row.looked = looked.get(row.typed, directory.Looked())
        row.trouble = _trouble(row)
    known = [row.who for row in rows if not row.trouble]
    before, unfinished = earlier.records_of_several(known), earlier.unfinished_of_several(known)
    for row in rows:
        row.before = before.get(earlier.key(row.who), [])
        row.unfinished = unfinished.get(earlier.key(row.who))
        if row.unfinished and not row.trouble:
            row.trouble = str(RECORDED)
    ticked, shown = set(request.POST.getlist("take")), set(request.POST.get("shown", "").split())
    _check(sorted(rows, key=lambda row: row.take not in ticked))  # whom it is about to save first
    saving = request.POST.get("step") == "save"
    for row in rows:
        if found := row.looked.found:
            when = form.cleaned_data if found.facts else None
            row.told = directory.in_words(found, recorder=request.user, when=when)
        by_itself = not saving and row.typed not in shown and row.is_clean
        row.is_ticked = not row.trouble and (row.take in ticked or by_itself)
    return rows


def _check(rows: list[Row]) -> None:
    """Read what the guards look at, of each who can be recorded."""
    asked = [(row, found) for row in rows if (found := row.looked.found) and not row.trouble]
    checked = directory.check_several([found for _row, found in asked], seconds=GUARDS_MAY_TAKE)
    for (row, _found), found in zip(asked, checked, strict=True):
        row.looked = directory.Looked(found)


def _trouble(row: Row) -> str:
    if not is_account(row.typed):
        return str(NOT_A_NAME)
    if row.looked.trouble:
        return row.looked.trouble
    return str(NO_SUCH_ID) if row.looked.found is None and OBJECT_ID.fullmatch(row.typed) else ""


def _saved(request: HttpRequest, form: SeveralForm, rows: list[Row]) -> HttpResponse:
    for row in rows:
        if row.is_ticked:
            _save(request, form, row)
    saved = [row.saved for row in rows if row.saved]
    left = [row for row in rows if not row.saved]
    if not left:
        recorded = ngettext("%(count)s starter is recorded.", "%(count)s starters are recorded.", len(saved))
        messages.success(request, f"{recorded % {'count': len(saved)}} {CHECKED_NEXT}")
        return redirect(Wanted(on=request.POST["start_date"], state="all").url())
    rest = SeveralForm({**request.POST.dict(), "accounts": "\n".join(row.typed for row in left)})
    return _page(request, rest, left, saved=saved, status=200 if saved else 409)


def _save(request: HttpRequest, form: SeveralForm, row: Row) -> None:
    found = row.looked.found
    try:
        row.saved = services.record_starter(
            account_name=found.account.user_principal_name if found else row.typed,
            account=found.account if found else None,
            manager=found.manager if found else None,
            facts=found.facts if found else None,
            by=request.user,
            knowing=[one.starter.public_id for one in row.before],
            **form.when(),
        )
    except caps.TooMany:
        row.trouble, row.is_ticked = str(TOO_MANY), False
    except services.AlreadyRecorded:
        row.trouble, row.is_ticked = str(RECORDED), False
    except services.RecordedBefore:
        row.trouble, row.is_ticked = gettext("There is a new record of this person. Look it up again."), False


def _page(
    request: HttpRequest,
    form: SeveralForm,
    rows: list[Row] | None = None,
    *,
    saved: list[Starter] | None = None,
    nothing_ticked: bool = False,
    status: int = 200,
) -> HttpResponse:
    rows = rows or []
    # What cannot be recorded stands first, then what needs a second look: both are what somebody has to do.
    rows = sorted(rows, key=lambda row: (not row.trouble, row.is_clean))
    context = {
        "form": form,
        "rows": rows,
        "shown": " ".join(row.typed for row in rows),
        "troubles": sum(bool(row.trouble) for row in rows),
        "unchecked": sum(row.is_unchecked for row in rows),
        "saved": [
            {"name": one.name, "url": reverse("hr:starter", args=[one.public_id])} for one in saved or []
        ],
        "nothing_ticked": NOTHING_TICKED if nothing_ticked else "",
        "one_url": f"{reverse('hr:record')}?{urlencode(kept(request))}",
    }
    return render(request, "hr/several.html", context, status=status)
