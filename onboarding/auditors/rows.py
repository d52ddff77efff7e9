"""Audit events as rows for a page or a file: in words, with names where they are kept, and verified again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from onboarding import audit, policy
from onboarding.auditors.search import PUBLIC_ID
from onboarding.history.event_words import explain_event, name_event
from onboarding.models import AuditDetail, AuditEvent, PassIssue, Starter

PSEUDONYM_LENGTH = 8
ISSUE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Values that a row shows in columns of their own.
SHOWN_ELSEWHERE = {"by", "by_name", "reason"}


@dataclass(frozen=True)
class Name:
    """The name of a person, or a pseudonym if the name was erased. Both empty: the portal itself."""

    text: str = ""
    pseudonym: str = ""
    note: str = ""


@dataclass(frozen=True)
class EventRow:
    """One event as auditors read it."""

    seq: int
    at: datetime | None  # None: what is there is no time
    event: str
    words: str
    actor: Name
    starter: Name
    starter_id: str
    issue: str
    reasons: list[str]
    policies: tuple[int, ...]
    facts: Mapping[str, Any]
    personal: Mapping[str, str]
    hash: str
    previous: str
    faults: list[str] = field(default_factory=list)

    @property
    def story_id(self) -> str:
        """The public id whose story can be opened; empty if there is none, or what is there is no public id."""
        return self.starter_id if PUBLIC_ID.fullmatch(self.starter_id) else ""

    @property
    def fact_lines(self) -> list[tuple[str, str]]:
        """The facts for the page."""
        return [(name, _format_value(value)) for name, value in self.facts.items()]

    @property
    def personal_lines(self) -> list[tuple[str, str]]:
        """The personal values that have no column."""
        return [(name, value) for name, value in self.personal.items() if name not in SHOWN_ELSEWHERE]


def build_rows(numbers: Sequence[int]) -> list[EventRow]:
    """Return these events as rows, in this order. The number of queries does not depend on the number of events."""
    found = AuditEvent.objects.select_related("detail", "code").in_bulk(list(numbers))
    events = [found[seq] for seq in numbers if seq in found]
    for event in events:  # only a change outside the portal writes something else
        event.facts = event.facts if isinstance(event.facts, dict) else {"": event.facts}
        event.commitments = event.commitments if isinstance(event.commitments, dict) else {}
    names = find_starter_names({_subject_of(event) for event in events} - {""})
    hashes = dict(
        AuditEvent.objects.filter(seq__in=[event.seq - 1 for event in events]).values_list("seq", "hash")
    )
    policies = PolicyNumbers(events)
    return [_build_row(event, names, policies, hashes) for event in events]


def _build_row(
    event: AuditEvent, names: Mapping[str, Name], policies: PolicyNumbers, hashes: Mapping[int, str]
) -> EventRow:
    faults = find_faults(event, hashes.get(event.seq - 1))
    personal = _values_of(event)
    starter_id = _subject_of(event)
    return EventRow(
        seq=event.seq,
        at=_parse_time(event.at),
        event=event.event,
        words=name_event(event),
        actor=_name_actor(event, personal),
        starter=names.get(starter_id, Name()),
        starter_id=starter_id,
        issue=event.issue,
        reasons=_explain(event, personal, is_changed=bool(faults)),
        policies=policies.of_event(event),
        facts=event.facts,
        personal=personal,
        hash=event.hash,
        previous=event.previous,
        faults=faults,
    )


def _explain(event: AuditEvent, personal: Mapping[str, str], *, is_changed: bool) -> list[str]:
    """Return the reasons. A changed event can hold anything, and must not stop the page that reports it."""
    try:
        reasons = explain_event(event, personal)
    except (AttributeError, KeyError, TypeError, ValueError):
        if not is_changed:
            raise
        return []
    if "reason" in event.commitments and "reason" not in personal:
        reasons.append(gettext("The reason was erased."))
    return reasons


def _parse_time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _values_of(event: AuditEvent) -> dict[str, str]:
    detail = getattr(event, "detail", None)
    values = detail.values if detail else {}
    return {name: str(value) for name, value in values.items()} if isinstance(values, dict) else {}


def _subject_of(event: AuditEvent) -> str:
    """The public id of the starter that the event is about."""
    return event.starter or str(event.facts.get("opened", ""))


def _name_actor(event: AuditEvent, personal: Mapping[str, str]) -> Name:
    if "by" in event.commitments:
        if "by" in personal:
            return Name(personal.get("by_name") or personal["by"])
        return Name(pseudonym=event.commitments["by"][:PSEUDONYM_LENGTH])
    if "operator" in event.commitments:
        note = gettext("on the command line")
        if "operator" in personal:
            return Name(personal["operator"], note=note)
        return Name(pseudonym=event.commitments["operator"][:PSEUDONYM_LENGTH], note=note)
    return Name()


def find_starter_names(public_ids: Iterable[str]) -> dict[str, Name]:
    """Return the name of each starter: as the audit log has it, else as the starter's row has it, else a pseudonym."""
    ids = list(public_ids)
    names = {public_id: Name(pseudonym=public_id) for public_id in ids}
    kept = Starter.objects.filter(public_id__in=ids, erased_at=None)
    for starter in kept.only("public_id", "display_name", "account_name"):
        names[starter.public_id] = Name(starter.name)
    for public_id, found in audit.read_names(ids).items():
        names[public_id] = Name(found[-1]) if found else names[public_id]
    return names


class PolicyNumbers:
    """The policy versions under which events happened."""

    def __init__(self, events: Sequence[AuditEvent]) -> None:
        issues = {event.issue for event in events if ISSUE_ID.fullmatch(event.issue)}
        rows = PassIssue.objects.filter(pk__in=issues).values_list("pk", "policy", "override")
        self._of_issue = {
            str(issue): tuple(number for number in numbers if number) for issue, *numbers in rows
        }
        self._active_since = policy.list_active_versions()

    def of_event(self, event: AuditEvent) -> tuple[int, ...]:
        """The version that the event or its pass names, or the version of the whole organisation at that time."""
        named = event.facts.get("to") if event.event.startswith("policy.") else None
        named = named or event.facts.get("version") or event.facts.get("policy")
        if isinstance(named, int):
            return (named,)
        if event.issue in self._of_issue:
            return self._of_issue[event.issue]
        at = _parse_time(event.at)
        return tuple([number for since, number in self._active_since if at and since <= at][-1:])


def find_faults(event: AuditEvent, hash_before: str | None) -> list[str]:
    """Recompute what can be proven from this row alone, and return what does not match.

    `hash_before` is the hash of the event before. Whether an erasure was due is checked by `verify_audit`.
    """
    found = []
    if audit.hash_event(event) != event.hash:
        found.append(gettext("This event was changed."))
    if event.previous != (audit.GENESIS if event.seq == 1 else hash_before):
        found.append(gettext("This event’s hash does not match the previous event."))
    if not audit.has_genuine_code(event):
        found.append(gettext("The code that proves that the portal wrote this event is missing or wrong."))
    detail = getattr(event, "detail", None)
    if detail is None:
        found.append(gettext("The details of this event are missing."))
    elif (detail.salt or detail.values) and not _matches_commitments(detail, event):
        found.append(gettext("The details of this event were changed."))
    return found


def _matches_commitments(detail: AuditDetail, event: AuditEvent) -> bool:
    if not isinstance(detail.values, dict):
        return False
    kept = {name: audit.make_commitment(detail.salt, value) for name, value in detail.values.items()}
    return bool(kept == event.commitments)


def _format_value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
