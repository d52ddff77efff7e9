"""What the events say that a row must be, field by field, and whether it is."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from onboarding.audit import codes
from onboarding.audit.trail import make_commitment
from onboarding.models import AuditEvent

PERSON_ERASED = "person.erased"
# One admin asks for the erasure of a person, and another carries it out.
ERASURE_ASKED, ERASURE_DONE = "person.erasure_asked", "person.erasure_done"
# A time is stored a moment before its event, and a transaction can wait for its turn in between.
TOLERANCE = timedelta(minutes=10)


@dataclass(frozen=True)
class Difference:
    """A field of a row that is not what an event says."""

    field: str
    seq: int


class Expectations:
    """What is known of one row so far. Events are added in their order, so that the last one about a field counts."""

    def __init__(self) -> None:
        self._checks: dict[str, tuple[Callable[[Any], bool], int]] = {}

    def expect(self, event: AuditEvent, **values: Any) -> None:
        """These fields have these values from this event on."""
        for field, value in values.items():
            self._checks[field] = (partial(operator.eq, value), event.seq)

    def expect_time(self, event: AuditEvent, *fields: str) -> None:
        """These fields hold the time of this event."""
        at = datetime.fromisoformat(event.at)
        for field in fields:
            self._checks[field] = (lambda actual: is_about(actual, at), event.seq)

    def expect_personal(self, event: AuditEvent, **names: str) -> None:
        """These fields hold personal values of this event: {field: name of the value}. None is known once erased."""
        for field, name in names.items():
            self.forget(field)
            if name in event.commitments and salt_of(event):
                self._checks[field] = (partial(_is_optional_value, event, name), event.seq)

    def expect_that(self, event: AuditEvent, field: str, holds: Callable[[Any], bool]) -> None:
        """The value of this field meets a condition."""
        self._checks[field] = (holds, event.seq)

    def forget(self, *fields: str) -> None:
        """Nothing is known of these fields any more: what changed them told no value."""
        for field in fields:
            self._checks.pop(field, None)

    def differences(self, row: Any) -> list[Difference]:
        return [
            Difference(field, seq)
            for field, (holds, seq) in self._checks.items()
            if not holds(getattr(row, field))
        ]


def is_about(actual: datetime | None, at: datetime) -> bool:
    return actual is not None and abs(actual - at) <= TOLERANCE


def salt_of(event: AuditEvent) -> str:
    """The salt of an event's details; empty once they were erased."""
    detail = getattr(event, "detail", None)
    return detail.salt if detail else ""


def is_personal_value(event: AuditEvent, name: str, value: str) -> bool:
    """Whether the event committed to this value. True if its details were erased: then nobody can tell."""
    salt = salt_of(event)
    return not salt or event.commitments.get(name) == make_commitment(salt, value)


def _is_optional_value(event: AuditEvent, name: str, value: str | None) -> bool:
    return is_personal_value(event, name, value or "")


def is_actor(event: AuditEvent, person: Any | None) -> bool:
    """Whether this person acted in the event, or nobody did and `person` is None.

    Once the details were erased, the code of the event still tells.
    """
    if person is None:
        return "by" not in event.commitments
    if "by" not in event.commitments or not codes.may_be(event, codes.ROW, str(person.pk)):
        return False
    identity = f"{person.tid}/{person.oid}"
    is_the_same = is_personal_value(event, "by", identity) and codes.may_be(event, codes.BY, identity)
    return is_the_same or is_erased_person(person)


def is_erased_person(person: Any) -> bool:
    """Whether an event says that this person's row was erased. Then nobody can tell whose it was."""
    events = AuditEvent.objects.filter(event=PERSON_ERASED, facts__person=person.pk)
    return bool(person.oid == f"erased-{person.pk}") and events.exists()


def actor_oid(event: AuditEvent) -> str:
    """The object id of the person who acted; empty if it was erased, or if the portal or an application acted."""
    detail = getattr(event, "detail", None)
    by = detail.values.get("by", "") if detail and "application" not in event.facts else ""
    return str(by).partition("/")[2]
