"""What the portal found in a row: errors at cells, questions and notices. Rows store codes; the words are here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from onboarding import guards
from onboarding.i18n import Words, join_sentences
from onboarding.models import Starter

ROW = "row"  # a finding about the whole row

# Errors: the row cannot be added. They are at the cell that HR must correct.
ERRORS: dict[str, Words] = {
    "missing": _("This cell is empty."),
    "extra_cells": _("This row has more cells than the header. Check the separators and quotation marks."),
    "spreadsheet_error": _("This cell contains a spreadsheet error, such as #N/A."),
    "two_accounts": _("This cell has more than one account. Enter one per row."),
    "not_an_account": _("This is not an account name or an email address."),
    "unknown_date": _("The portal does not recognise this date. Enter the date like this: 2026-12-31."),
    "no_such_date": _("This date does not exist."),
    "ambiguous_date": _(
        "The portal cannot tell which number is the day and which is the month. Choose “Change columns "
        "and check again”, then choose the order."
    ),
    "other_order": _(
        "This date does not match the order of day and month that you chose. Correct the date, or choose "
        "“Change columns and check again” and then the other order."
    ),
    "short_year": _("Enter the year with four digits."),
    "zoned_date": _("This date includes a time with a different time zone. Enter only the date."),
    "too_early": _("The start date can be at most 31 days ago. Check the year."),
    "too_late": _("The start date can be at most two years ahead. Check the year."),
    "unknown_time": _("This is not a valid time. Enter the time like this: 09:00."),
    "two_times": _("The date column and the time column contain different times. Correct one of them."),
    "unknown_zone": _("This is not a valid time zone. Enter the time zone like this: Europe/Amsterdam."),
    "too_long": _("This text is too long."),
    "hidden_characters": _("This text contains invisible characters. Delete the text and type it again."),
    "repeated": _("Row %(row)s has the same account. Keep only one of these rows."),
    "no_such_id": _("No account has this object ID. Check the ID, or enter the account name."),
    "no_such_mail": _("No account has this email address. Enter the account name instead."),
    "several_owners": _("Several accounts have this email address. Enter the account name."),
    "own_account": _("This is your own account. Ask an HR colleague to add you."),
    "you_manage": _("You cannot add someone you manage. Ask an HR colleague to add them."),
    "no_answer": _("Microsoft Entra did not respond. Later, choose “Change columns and check again”."),
    "in_progress": _(
        "Someone has already requested a pass for this starter, so you can no longer change the start date "
        "or the note."
    ),
    "changed": _(
        "The account in Entra or the starter’s details have changed since the check. Choose “Change columns "
        "and check again”."
    ),
}
# Questions: HR decides about the row.
QUESTIONS: dict[str, Words] = {
    "by_mail": _(
        "This email address belongs to the account %(account)s. If you add this row, the portal uses that "
        "account."
    ),
    "other_mail": _("The email address in Entra is %(mail)s."),
    "expected": _("This account does not exist yet. Check the spelling."),
    "added_before": _("This person may have been added before: %(name)s, %(start)s, %(state)s."),
    "moved": _("The start in the portal is %(before)s. The start in the list is %(after)s."),
    "new_note": _("The note in the list differs from the note in the portal."),
    "other_name": _("The name in Entra is %(name)s."),
    "other_number": _("The employee number in Entra is %(number)s."),
    "other_manager": _("The manager in Entra is %(manager)s."),
    "no_manager": _("No manager is set in Entra. Without a manager, no one can create a pass."),
    "disabled": _("The account is disabled. Ask IT to enable it before the start date."),
    "guest": _("This is a guest account. Guests cannot get a pass."),
    "unchecked": _(
        "The portal could not check everything yet. It will check again before it sends the link."
    ),
}
NOTICES: dict[str, Words] = {
    "no_mailbox": _(
        "The manager has no mailbox, so the portal cannot email the link. You must give the manager the link "
        "yourself. You will find the link on the starter’s page."
    ),
    "already": _(
        "This starter has already been added with the same start date and time. Nothing will change."
    ),
}
WORDS = ERRORS | QUESTIONS | NOTICES
GUARD = "guard:"  # the rest of the code is a guard's
# In place of the guards that would reveal a privileged account.
HANDLED_BY_IT = f"{GUARD}{guards.HANDLED_BY_IT}"
STARTS = {"start", "before", "after"}


class CellError(Exception):
    """The portal cannot use a cell. `code` is one of ERRORS."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


@dataclass(frozen=True)
class Finding:
    """`field` is the column that it is about, or ROW. `values` fill the text."""

    field: str
    code: str
    values: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_error(self) -> bool:
        return self.code in ERRORS

    @property
    def is_question(self) -> bool:
        return self.code in QUESTIONS or self.code.startswith(GUARD)

    @property
    def words(self) -> str:
        """Return the text in the reader's language."""
        if self.code == HANDLED_BY_IT:
            referral = guards.describe_it_referral(self.values.get("reference"))
            return str(join_sentences((guards.CANNOT, referral)))
        if self.code.startswith(GUARD):
            reasons = guards.reasons_for_codes([self.code.removeprefix(GUARD)], reference=None)
            return str(join_sentences(reason.for_hr for reason in reasons))
        return str(WORDS[self.code]) % self._texts()

    def _texts(self) -> dict[str, str]:
        """Return the values as texts: a state by its name, a start in the reader's format."""
        texts = {name: str(value) for name, value in self.values.items()}
        if "state" in texts:
            texts["state"] = str(Starter.State(texts["state"]).label)
        for name in STARTS & texts.keys():
            texts[name] = format_start(texts[name])
        return texts


def format_start(written: str) -> str:
    """Return a start like `2026-12-31 09:00 Europe/Amsterdam` in the reader's format."""
    day, at, zone = written.split()
    return f"{date_format(datetime.fromisoformat(f'{day} {at}'), 'STAMP')} ({zone})"


def as_json(findings: Iterable[Finding]) -> list[list[Any]]:
    return [[each.field, each.code, each.values] for each in findings]


def from_json(stored: Iterable[list[Any]]) -> list[Finding]:
    return [Finding(*each) for each in stored]
