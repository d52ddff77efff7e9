"""Errors about a whole file. Errors about one cell are in `findings.py`."""

from __future__ import annotations

from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding.errors import OnboardingError
from onboarding.imports.limits import MAX_CELL, MAX_COLUMNS, MAX_ROWS

MESSAGES = {
    "empty": _("The file is empty. Choose a file with one row per starter."),
    "no_rows": _("The file has a header but no rows. Add one row per starter."),
    "encoding": _(
        "The portal cannot read the characters of this file. In Excel, save it as “CSV UTF-8” or as a workbook "
        "(.xlsx)."
    ),
    "quotes": _(
        "A cell near row {row} has an opening quotation mark but no closing one. Correct the cell, or "
        "save the file as a workbook (.xlsx)."
    ),
    "long_cell": _("A cell in row {row} has more than {most} characters. Shorten the text in this cell."),
    "columns": _("Row {row} has more than {most} columns. Remove the columns that the portal does not need."),
    "rows": _("The file has more than {most} rows. Split the file into several files."),
    "old_workbook": _(
        "This workbook is from an old version of Excel, or it has a password. Save the workbook as "
        ".xlsx without a password."
    ),
    "no_table": _(
        "This file does not contain a table. Use CSV, tab-separated text or an Excel workbook (.xlsx)."
    ),
    "workbook": _(
        "The portal cannot read this workbook. Open it in Excel and save it again as .xlsx or CSV."
    ),
    "unpacked": _("The content of this workbook is too large. Copy the rows to a new workbook."),
    "too_large": _("The file is larger than 5 MB. Split the file into several files."),
    "daily_limit": _(
        "You can import at most {most} rows a day. Continue tomorrow, or ask an admin to raise the limit."
    ),
}
NUMBERS: dict[str, Any] = {
    "long_cell": {"most": MAX_CELL},
    "columns": {"most": MAX_COLUMNS},
    "rows": {"most": MAX_ROWS},
}


class UnreadableFile(OnboardingError):
    """The portal did not import the file. `code` says why, `message` tells HR what to do."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = format_lazy(MESSAGES[code], **{"row": "?", **NUMBERS.get(code, {}), **values})
