"""Compare rows with the directory and with the starters that there are: what HR's own form would show of each."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

from onboarding import guards
from onboarding.imports.findings import GUARD, HANDLED_BY_IT, ROW, Finding
from onboarding.imports.header_names import (
    ACCOUNT,
    EMPLOYEE_ID,
    FIRST_NAME,
    LAST_NAME,
    MAIL,
    MANAGER,
    NAME,
    NOTE,
    START_DATE,
    START_TIME,
    TIME_ZONE,
)
from onboarding.models import ImportRow, Starter
from onboarding.starters.directory import FoundAccount, Refusals
from onboarding.starters.duplicates import AccountOrName, Duplicate
from onboarding.starters.input_rules import OBJECT_ID
from onboarding.starters.preconditions import CHANGEABLE
from onboarding.starters.rescheduling import Schedule

Values = Mapping[str, str]


@dataclass
class Candidate:
    """One row during its check, with what the directory and the database have about it."""

    row: ImportRow
    values: dict[str, str]
    given: frozenset[str] = frozenset()  # the fields that the file has; the others have HR's default
    findings: list[Finding] = field(default_factory=list)
    found: FoundAccount | None = None
    is_expected: bool = False  # the account does not exist yet
    refusals: Refusals = field(default_factory=Refusals)
    duplicates: list[Duplicate] = field(default_factory=list)
    unfinished: Starter | None = None

    @property
    def has_error(self) -> bool:
        return any(finding.is_error for finding in self.findings)

    @property
    def typed(self) -> str:
        """The account as the file has it: from the column for accounts, else from the one for email addresses."""
        return self.values.get(ACCOUNT) or self.values.get(MAIL, "")

    @property
    def column(self) -> str:
        return ACCOUNT if self.values.get(ACCOUNT) else MAIL

    @property
    def account_or_name(self) -> AccountOrName:
        return self.found.account if self.found else self.typed

    def add(self, column: str, code: str, **values: Any) -> None:
        self.findings.append(Finding(column, code, values))


def schedule_of(values: Values) -> Schedule:
    return Schedule(
        date.fromisoformat(values[START_DATE]), time.fromisoformat(values[START_TIME]), values[TIME_ZONE]
    )


def write_start(schedule: Schedule) -> str:
    """Write a start as findings keep it; `findings.format_start` shows it."""
    return f"{schedule.start_date} {schedule.start_time:%H:%M} {schedule.time_zone}"


def compare_details(candidate: Candidate) -> None:
    """Compare the name, numbers, address and manager of the file with the directory's. A difference is a question."""
    found, values = candidate.found, candidate.values
    if found is None:
        return
    account = found.account
    name = values.get(NAME) or " ".join(filter(None, (values.get(FIRST_NAME), values.get(LAST_NAME))))
    if name and not _is_same_name(name, account.display_name):
        candidate.add(NAME if values.get(NAME) else LAST_NAME, "other_name", name=account.display_name or "–")
    number = values.get(EMPLOYEE_ID)
    if number and account.employee_id and number.lstrip("0") != account.employee_id.lstrip("0"):
        candidate.add(EMPLOYEE_ID, "other_number", number=account.employee_id)
    mail = values.get(MAIL, "")
    if mail and account.mail and mail not in {account.mail.lower(), account.user_principal_name.lower()}:
        candidate.add(MAIL, "other_mail", mail=account.mail)
    if (manager := values.get(MANAGER)) and not _is_manager(manager, found):
        shown = found.manager.display_name if found.manager else "–"
        candidate.add(MANAGER, "other_manager", manager=shown)


def _is_manager(text: str, found: FoundAccount) -> bool:
    manager = found.manager
    if manager is None:
        return False
    word = text.casefold()
    if "@" in word:
        return word in {manager.user_principal_name.casefold(), manager.mail.casefold()}
    if OBJECT_ID.fullmatch(word):
        return word == manager.object_id
    if word.isdigit():
        return bool(manager.employee_id) and word.lstrip("0") == manager.employee_id.lstrip("0")
    return _is_same_name(text, manager.display_name)


def _is_same_name(first: str, second: str) -> bool:
    """Return whether two names have the same words in any order, without accents and case."""
    return _name_words(first) == _name_words(second)


def _name_words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return sorted(letters.split())


def warn_about_account(candidate: Candidate, recorder: Any) -> None:
    """Add what HR's form warns about: the account, its manager, and the guards that will refuse."""
    found = candidate.found
    if found is None:
        return
    account, manager, column = found.account, found.manager, candidate.column
    if account.object_id == recorder.oid:
        candidate.add(column, "own_account")
    if manager is not None and manager.object_id == recorder.oid:
        candidate.add(column, "you_manage")
    checks = {
        "disabled": account.enabled is not True,
        "guest": account.kind != "member",
        "no_manager": manager is None,
        "no_mailbox": manager is not None and not manager.mail,
        "unchecked": found.facts is None,
    }
    for code, applies in checks.items():
        if applies:
            candidate.add(column, code)
    refusing = candidate.refusals.guards
    if any(guard.code in guards.FOR_IT for guard in refusing):
        candidate.add(column, HANDLED_BY_IT, reference=candidate.refusals.reference)
    else:
        for guard in refusing:
            candidate.add(column, f"{GUARD}{guard.code}")


def find_same_starter(candidate: Candidate) -> Starter | None:
    """Return the starter of this account that the row is about: an unfinished one, or a finished one of that day.

    A withdrawn starter is no such one: HR decides whether to add the person again.
    """
    if candidate.unfinished:
        return candidate.unfinished
    for duplicate in candidate.duplicates:
        starter = duplicate.starter
        if duplicate.match == "account" and starter.is_unfinished:
            return starter  # recorded under this name before the account existed
        is_same_day = f"{starter.start_date}" == candidate.values[START_DATE]
        if duplicate.match == "account" and is_same_day and starter.state != Starter.State.WITHDRAWN:
            return starter
    return None


def compare_with_starter(candidate: Candidate, starter: Starter, recorder: Any) -> None:
    """Say what the row would change. A column that the file does not have keeps the starter's own value."""
    values = candidate.values
    kept = {START_TIME: f"{starter.start_time:%H:%M}", TIME_ZONE: starter.time_zone}
    values |= {name: value for name, value in kept.items() if name not in candidate.given}
    before, after = Schedule.of_starter(starter), schedule_of(values)
    has_new_note = bool(values.get(NOTE)) and values[NOTE] != starter.note
    if not starter.is_unfinished or (before == after and not has_new_note):
        candidate.add(ROW, "already")
        return
    if starter.state not in CHANGEABLE:
        candidate.add(START_DATE, "in_progress")
    if recorder.oid in {starter.manager_id, starter.stand_in_id}:
        candidate.add(candidate.column, "you_manage")
    if before != after:
        candidate.add(START_DATE, "moved", before=write_start(before), after=write_start(after))
    if has_new_note:
        candidate.add(NOTE, "new_note")


def compare_with_earlier(candidate: Candidate) -> None:
    """Ask about earlier starters of this person, such as a re-hire."""
    for duplicate in candidate.duplicates:
        starter = duplicate.starter
        start = write_start(Schedule.of_starter(starter))
        candidate.add(
            candidate.column,
            "added_before",
            name=starter.name,
            start=start,
            state=starter.state,
            starter=starter.public_id,
        )
