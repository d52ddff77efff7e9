"""Recording that somebody read the audit log: each search, each export and each opened starter is an event.

What somebody searched for is personal, so it is kept with the details and erased with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from onboarding import clock
from onboarding.audit.trail import Person, record, transaction
from onboarding.models import AuditEvent

SEARCHED = "audit.searched"
EXPORTED = "audit.exported"
STARTER_OPENED = "audit.starter_opened"
# An admin looks for everything about one person, or exports it.
PERSON_SEARCHED, PERSON_EXPORTED = "person.searched", "person.exported"
READING_EVENTS = (SEARCHED, EXPORTED, STARTER_OPENED)

VALID_FOR = timedelta(hours=8)  # as long as a session


@transaction()
def record_reading(
    event: str,
    *,
    by: Person | None,
    facts: Mapping[str, Any],
    personal: Mapping[str, str] | None = None,
) -> int:
    """Record that somebody reads the log, and return the number of the event. Call this before anything is shown."""
    return record(event, by=by, facts=facts, personal=personal).seq


def was_recorded(
    seq: int,
    event: str,
    *,
    by: Person,
    facts: Mapping[str, Any],
    personal: Mapping[str, str] | None = None,
) -> bool:
    """Whether event `seq` says that this person read exactly this, at most eight hours ago."""
    found = AuditEvent.objects.select_related("detail").filter(seq=seq, event=event).first()
    if found is None or not hasattr(found, "detail"):
        return False
    values = {name: value for name, value in found.detail.values.items() if name != "by_name"}
    expected = {**(personal or {}), "by": f"{by.tid}/{by.oid}"}
    is_recent = clock.now() - datetime.fromisoformat(found.at) < VALID_FOR
    return is_recent and found.facts == dict(facts) and values == expected
