"""The page `docs/reference/data-kept.md`, from the table of rules. `make privacy` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from onboarding.privacy.rule_types import TableRule
from onboarding.privacy.rules import RULES

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "reference" / "data-kept.md"
INTRODUCTION = """\
# Data that the portal keeps

This page is for data protection officers. It has each table of the database, and for each personal field what it says, why
and how long the portal keeps it, and how it is erased. `make privacy` writes it from `onboarding/privacy/rules.py`. A test
fails on a table or field without a rule.

The portal never stores a pass, a token of Microsoft's or a password. Of secrets it stores only those of webhooks, encrypted.

Retention runs once a day (`onboarding/worker/retention.py`). Two policy fields set its times: `retention_days` (30 by
default) and `audit_days` (365 by default). Both count from the end of the onboarding: the starter has registered a sign-in
method, HR withdrew the starter, or the starter *lapsed*. A starter lapses 30 days after the window has closed without a
result. While the portal does not know yet whether a pass exists, it does not lapse. If the worker notices the end late,
`retention_days` count from when the starter should have lapsed.
"""
OUTSIDE = """\
## Outside the database

**In the memory of the site.** How many requests of an address without a session have failed in the last minute, and how many
sign-ins it has begun; hashes of sign-ins that came back from Microsoft in the last ten minutes. No row, no file.

**In the browser.** Cookies for the session, a sign-in in progress (encrypted, ten minutes), the forms, the language and, on
the auditors' pages, the time zone, all from the portal itself. Signing out clears them.

**In logs.** JSON lines with object ids, public ids, visitors' addresses and error names. No pass, no token and no name.
[Logs](logs.md) lists every field. Your log system decides how long it keeps them.

**In backups.** What was erased is still in older backups of the database. Delete them after a time of your own.

**At Microsoft.** The pass, until the portal deletes it or it expires. Copies of mails in *Sent Items*, if Graph sends them.
"""


def write_page() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *_personal_sections(), *_other_tables(), OUTSIDE])


def save_page() -> None:
    DOCUMENT.write_text(write_page())


def _personal_sections() -> Iterator[str]:
    for rule in RULES:
        if rule.personal:
            yield "\n".join(_section(rule))


def _section(rule: TableRule) -> Iterator[str]:
    yield f"## `{rule.db_table}`\n"
    yield f"{rule.what} **The row:** {rule.row}\n"
    yield "| fields | what they say | why | how long | how they are erased |"
    yield "|---|---|---|---|---|"
    for one in rule.personal:
        names = ", ".join(f"`{name}`" for name in one.fields)
        yield f"| {names} | {one.what} | {one.why} | {one.kept} | {one.erased} |"
    yield ""


def _other_tables() -> Iterator[str]:
    yield "## Tables without personal data\n"
    yield "| table | what | the row |"
    yield "|---|---|---|"
    for rule in RULES:
        if not rule.personal:
            yield f"| `{rule.db_table}` | {rule.what} | {rule.row} |"
    yield "| `django_migrations` | Names of the migrations that ran. | As long as the portal. |\n"
