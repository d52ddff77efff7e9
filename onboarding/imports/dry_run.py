"""The check of all rows, as a job: each run checks one batch, so that mails and passes never wait for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from onboarding import clock
from onboarding.imports import comparison, findings
from onboarding.imports.comparison import Candidate
from onboarding.imports.header_names import ACCOUNT, MAIL, START_DATE, START_TIME, TIME_ZONE
from onboarding.imports.uploads import columns_of
from onboarding.imports.values import Columns, read_row
from onboarding.jobs import job_handler
from onboarding.models import ImportRow, StarterImport
from onboarding.starters import directory
from onboarding.starters.directory import FoundAccount
from onboarding.starters.duplicates import (
    duplicate_key,
    find_duplicates_of_several,
    find_unfinished_of_several,
)
from onboarding.starters.input_rules import OBJECT_ID, check_start_date

log = logging.getLogger(__name__)
Phase, Status = StarterImport.Phase, ImportRow.Status
BATCH = 60  # rows in one run: four round trips one after the other, some seconds where Graph is slow
FACTS_SECONDS = 10.0
RETRY_AFTER, MAX_FAILURES = timedelta(seconds=20), 15
SEVERAL = "several"
# The kind of question of each code. Rows with one kind can be answered together.
KINDS = {
    "expected": "expected",
    "added_before": "rehire",
    "moved": "moved",
    "new_note": "moved",
    "by_mail": "differs",
    "other_mail": "differs",
    "other_name": "differs",
    "other_number": "differs",
    "other_manager": "differs",
}
WARNED = "warned"


class DirectorySilent(Exception):
    """The directory did not answer for a row, so the batch must be checked again."""


@job_handler("import-check")
def check_next_rows(import_id: str) -> datetime | None:
    """Check the next rows, and return when to go on. Rows stay unchecked while the directory does not answer."""
    stored = (
        StarterImport.objects.select_related("uploaded_by").filter(pk=import_id, phase=Phase.CHECKING).first()
    )
    if stored is None:
        return None
    rows = list(stored.rows.filter(status=Status.WAITING)[:BATCH])
    if not rows:
        _finish(stored)
        return None
    try:
        check_rows(stored, rows)
    except DirectorySilent:
        if stored.failures < MAX_FAILURES:
            stored.failures += 1
            stored.save(update_fields=["failures"])
            return clock.now() + RETRY_AFTER
        for row in rows:
            set_findings(row, [findings.Finding(findings.ROW, "no_answer")])
    save_rows(rows)
    stored.failures = 0
    stored.save(update_fields=["failures"])
    return clock.now()


def _finish(stored: StarterImport) -> None:
    StarterImport.objects.filter(pk=stored.pk, phase=Phase.CHECKING).update(
        phase=Phase.CHECKED, touched_at=clock.now()
    )


def save_rows(rows: Sequence[ImportRow]) -> None:
    ImportRow.objects.bulk_update(
        rows, ["status", "question", "values", "findings", "shown", "identity", "starter_id", "is_wanted"]
    )


def check_rows(stored: StarterImport, rows: Sequence[ImportRow]) -> list[Candidate]:
    """Check rows and set what was found on them, without saving. Raises DirectorySilent."""
    recorder = stored.uploaded_by
    candidates = [_read_candidate(stored, row, columns_of(stored)) for row in rows]
    readable = [candidate for candidate in candidates if not candidate.has_error]
    _look_up(readable)
    _refuse_repeated(stored, readable)
    going_on = [candidate for candidate in readable if not candidate.has_error]
    _find_starters(going_on)
    new = [candidate for candidate in going_on if not _compare_with_starters(candidate, recorder)]
    _ask_guards(new, recorder)
    for candidate in candidates:
        _set_verdict(candidate)
    return candidates


# --- The steps --------------------------------------------------------------------------------------------------------


def _read_candidate(stored: StarterImport, row: ImportRow, columns: Columns) -> Candidate:
    read = read_row(row.cells, columns)
    row.starter_id = ""
    candidate = Candidate(row, dict(read.values), frozenset(read.values), list(read.findings))
    for name in (START_TIME, TIME_ZONE):
        candidate.values.setdefault(name, stored.choices[name])
    if START_DATE in read.values:
        try:
            check_start_date(date.fromisoformat(read.values[START_DATE]))
        except ValidationError as error:
            candidate.add(START_DATE, error.code or "unknown_date")
    return candidate


def _look_up(candidates: Sequence[Candidate]) -> None:
    """Find the account of each row. A name that no account has can be an email address. Raises DirectorySilent."""
    results = directory.look_up_several([candidate.typed for candidate in candidates])
    owners: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        result = results[candidate.typed]
        if result.error:
            raise DirectorySilent
        candidate.found = result.found
        if result.found is None and len(result.owners) == 1:
            owners.setdefault(result.owners[0].object_id, []).append(candidate)
        elif result.found is None:
            _explain_missing(candidate, is_owned=bool(result.owners))
    for object_id, answer in directory.look_up_several(list(owners)).items():
        if answer.found is None:
            raise DirectorySilent
        for candidate in owners[object_id]:
            _use_owner(candidate, answer.found)


def _explain_missing(candidate: Candidate, *, is_owned: bool) -> None:
    if is_owned:
        candidate.add(candidate.column, "several_owners")
    elif OBJECT_ID.fullmatch(candidate.typed):
        candidate.add(candidate.column, "no_such_id")
    elif candidate.column == MAIL:
        candidate.add(MAIL, "no_such_mail")
    else:
        candidate.is_expected = True


def _use_owner(candidate: Candidate, found: FoundAccount) -> None:
    """A column for addresses says that it has addresses. In a column for accounts, HR confirms the account."""
    candidate.found = found
    if candidate.column == ACCOUNT:
        candidate.add(ACCOUNT, "by_mail", account=found.account.user_principal_name)


def _refuse_repeated(stored: StarterImport, candidates: Sequence[Candidate]) -> None:
    """The first row of an account counts; a later one is an error, even if it says the same."""
    for candidate in candidates:
        candidate.row.identity = duplicate_key(candidate.account_or_name)
    identities = [candidate.row.identity for candidate in candidates]
    earlier = (
        stored.rows.filter(identity__in=identities).order_by("-number").values_list("identity", "number")
    )
    first = dict(earlier)
    for candidate in sorted(candidates, key=lambda each: each.row.number):
        number = first.setdefault(candidate.row.identity, candidate.row.number)
        if number < candidate.row.number:
            candidate.add(candidate.column, "repeated", row=number)


def _find_starters(candidates: Sequence[Candidate]) -> None:
    people = [candidate.account_or_name for candidate in candidates]
    duplicates, unfinished = find_duplicates_of_several(people), find_unfinished_of_several(people)
    for candidate in candidates:
        key = duplicate_key(candidate.account_or_name)
        candidate.duplicates, candidate.unfinished = duplicates[key], unfinished.get(key)


def _compare_with_starters(candidate: Candidate, recorder: Any) -> bool:
    """Return whether the row is about a starter that there is. Otherwise ask about earlier ones of this person."""
    starter = comparison.find_same_starter(candidate)
    if starter is None:
        comparison.compare_with_earlier(candidate)
        if candidate.is_expected:
            candidate.add(candidate.column, "expected")
        return False
    candidate.row.starter_id = starter.public_id
    comparison.compare_with_starter(candidate, starter, recorder)
    if any(finding.code == "moved" for finding in candidate.findings):
        comparison.compare_details(candidate)
    return True


def _ask_guards(candidates: Sequence[Candidate], recorder: Any) -> None:
    asked = [(candidate, found) for candidate in candidates if (found := candidate.found)]
    facts = directory.read_facts_of_several(
        [found for _, found in asked], seconds=FACTS_SECONDS, recorder=recorder
    )
    for (candidate, _), found in zip(asked, facts, strict=True):
        candidate.found = found
    several = [
        (found, asdict(comparison.schedule_of(candidate.values)) if found.facts else None)
        for (candidate, _), found in zip(asked, facts, strict=True)
    ]
    refusals = directory.find_refusals_of_several(several, recorder=recorder)
    for (candidate, _), refused in zip(asked, refusals, strict=True):
        candidate.refusals = refused
        comparison.compare_details(candidate)
        comparison.warn_about_account(candidate, recorder)


# --- The verdict ------------------------------------------------------------------------------------------------------


def _set_verdict(candidate: Candidate) -> None:
    row, found = candidate.row, candidate.found
    row.values = candidate.values
    row.shown = {
        "account": found.account.object_id if found else "",
        "account_name": found.account.user_principal_name if found else candidate.typed,
        "name": found.account.display_name if found else "",
        "manager": found.manager.object_id if found and found.manager else "",
        "manager_name": found.manager.display_name if found and found.manager else "",
        "known": [duplicate.starter.public_id for duplicate in candidate.duplicates],
    }
    set_findings(row, candidate.findings)


def set_findings(row: ImportRow, found: Iterable[findings.Finding]) -> None:
    """Set the findings, and the status and kind of question that follow from them."""
    several = list(found)
    kinds = {KINDS.get(finding.code, WARNED) for finding in several if finding.is_question}
    row.findings, row.question = findings.as_json(several), ""
    if any(finding.is_error for finding in several):
        row.status = Status.ERROR
    elif any(finding.code == "already" for finding in several):
        row.status = Status.UNCHANGED
    elif kinds:
        row.status, row.question = Status.QUESTION, kinds.pop() if len(kinds) == 1 else SEVERAL
    else:
        row.status = Status.GOOD
