"""The words for columns, groups of rows and formats."""

from __future__ import annotations

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from onboarding.i18n import Words
from onboarding.imports import header_names as names
from onboarding.models import ImportRow

Status = ImportRow.Status
# Each label is also a title that the portal recognises (`header_names.py`), in every language.
FIELD_LABELS: dict[str, Words] = {
    names.ACCOUNT: pgettext_lazy("title of a column", "Account"),
    names.MAIL: pgettext_lazy("title of a column", "Email"),
    names.NAME: pgettext_lazy("title of a column", "Name"),
    names.FIRST_NAME: pgettext_lazy("title of a column", "First name"),
    names.LAST_NAME: pgettext_lazy("title of a column", "Last name"),
    names.EMPLOYEE_ID: pgettext_lazy("title of a column", "Employee number"),
    names.START_DATE: pgettext_lazy("title of a column", "Start date"),
    names.START_TIME: pgettext_lazy("title of a column", "Start time"),
    names.TIME_ZONE: pgettext_lazy("title of a column", "Time zone"),
    names.NOTE: pgettext_lazy("title of a column", "Note"),
    names.MANAGER: pgettext_lazy("title of a column", "Manager"),
}
DO_NOT_USE = _("Ignore this column")
# How HR tells the fields apart in the choice.
FIELD_CHOICES: tuple[tuple[str, Words], ...] = (
    *((name, label) for name, label in FIELD_LABELS.items() if name not in {names.NOTE, names.MANAGER}),
    (names.NOTE, _("Note for the manager")),
    (names.MANAGER, _("Manager, to compare with Entra")),
    (names.IGNORED, DO_NOT_USE),
)
PROBLEMS_TITLE = pgettext_lazy("title of a column", "Problems (ignored on import)")

# The groups of rows, in the order in which HR works through them: the address, the status, the kind of question, words.
GROUPS: tuple[tuple[str, str, str, Words], ...] = (
    ("errors", Status.ERROR, "", _("Needs correction")),
    ("good", Status.GOOD, "", _("Ready to add")),
    ("expected", Status.QUESTION, "expected", _("No account yet")),
    ("start", Status.QUESTION, "moved", _("New start date or note")),
    ("earlier", Status.QUESTION, "rehire", _("Possible duplicate")),
    ("differs", Status.QUESTION, "differs", _("Differs from Entra")),
    ("warned", Status.QUESTION, "warned", _("Warnings")),
    ("several", Status.QUESTION, "several", _("Several points to check")),
    ("unchanged", Status.UNCHANGED, "", _("Already added")),
    ("added", Status.ADDED, "", _("Added")),
    ("changed", Status.MOVED, "", _("Changed")),
)
# The question about a group, and what the button does.
QUESTIONS: dict[str, Words] = {
    "expected": _(
        "These accounts do not exist yet. If you add the starters now, the portal keeps looking for "
        "the accounts. When an account appears, HR gets an email and must accept the account."
    ),
    "start": _(
        "These starters were added before, but the list has a different start date, start time or "
        "note. If you change the starters, the portal uses the values in the list and emails the new "
        "start to managers who already have the link."
    ),
    "earlier": _(
        "HR may have added these people before, for example because they worked here earlier. Before you "
        "add a row, check that it is not a duplicate."
    ),
    "differs": _("Some details in the list differ from Entra. Check that each account is the right one."),
    "warned": _(
        "These starters cannot get a pass at the moment, or the portal could not check everything. Read the "
        "warning in each row before you add the row."
    ),
    "several": _(
        "Each of these rows has several points to check. Check all points of a row before you add the row."
    ),
}
# Every row of these groups has the same question, so HR can answer it once.
ANSWERED_TOGETHER = {"expected", "start"}
SEPARATORS: dict[str, Words] = {
    ";": _("separated by semicolons"),
    ",": _("separated by commas"),
    "\t": _("separated by tabs"),
    "|": _("separated by vertical bars"),
}
ENCODINGS = {
    "utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
}  # fmt: skip


def describe_source(source: dict[str, str]) -> Words:
    """Return how the file was read, so that HR notices a wrong guess."""
    if source["kind"] == "xlsx":
        return format_lazy(_("Sheet “{sheet}” of a workbook"), sheet=source["sheet"])
    separator = SEPARATORS.get(source["separator"], source["separator"])
    return format_lazy("{encoding}, {separator}", encoding=ENCODINGS[source["encoding"]], separator=separator)
