"""What the audit log says of each policy version: its settings, author, reason, and who put it in force.

Events since this release have a hash of all settings. Of earlier ones the differences from the version before are known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from onboarding.audit.rows.expectations import Difference, Expectations, is_actor, is_personal_value
from onboarding.models import AuditEvent, PolicyActivation, PolicyVersion
from onboarding.models.policy_settings import REDACTED_SETTINGS, SETTING_NAMES, SecondAdmin

WRITTEN = ("policy.changed", "policy.proposed")
ACTIVATED = ("policy.activated", "policy.scheduled")
STOPPED = "policy.stopped"
OF_ONE_VERSION = (*ACTIVATED, STOPPED)  # these events name the version; those above also name the one before


def hash_settings(version: PolicyVersion) -> dict[str, Any]:
    """Return the hash of all settings that name nobody, and the names of all: a later release can have more."""
    names = sorted(set(SETTING_NAMES) - REDACTED_SETTINGS)
    return {"sha256": _hash(version, names), "names": names, "redacted": sorted(REDACTED_SETTINGS)}


def hash_redacted_settings(version: PolicyVersion, names: Iterable[str] = REDACTED_SETTINGS) -> str:
    """Return the hash of the settings that may name a person. Only a commitment to it is in the chain."""
    return _hash(version, names)


def _hash(version: PolicyVersion, names: Iterable[str]) -> str:
    values = {name: getattr(version, name) for name in names}
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def compare_version(
    version: PolicyVersion, events: Sequence[AuditEvent], before: PolicyVersion | None
) -> list[Difference]:
    """Compare a version with its events. `before` is the version from which the event counts its differences."""
    written = next(event for event in events if event.event in WRITTEN)
    told = Expectations()
    told.expect(
        written,
        needs_second=written.event == "policy.proposed",
        department=written.facts.get("department", ""),
        overrides=written.facts.get("overrides", []),
    )
    told.expect_time(written, "created_at")
    told.expect_personal(written, reason="reason")
    told.expect_that(written, "created_by", lambda person: is_actor(written, person))
    return [
        *told.differences(version),
        *(Difference(name, written.seq) for name in _changed_settings(version, written, before)),
        *_compare_activation(version, events),
    ]


def _changed_settings(version: PolicyVersion, written: AuditEvent, before: PolicyVersion | None) -> list[str]:
    """The settings that are not as the event says; `settings` where only the hash of all of them tells."""
    names = written.facts.get("overrides") or SETTING_NAMES
    told = written.facts.get("changed", {})
    wrong = [name for name in names if not _is_as_told(name, version, told.get(name), before)]
    if wrong:
        return wrong
    hashed = written.facts.get("settings", {})
    known = {*hashed.get("names", ()), *hashed.get("redacted", ())}
    if not hashed or not known <= set(SETTING_NAMES):  # a setting that this release no longer has
        return []
    redacted = hash_redacted_settings(version, hashed["redacted"])
    is_as_written = _hash(version, hashed["names"]) == hashed["sha256"] and is_personal_value(
        written, "redacted_settings", redacted
    )
    return [] if is_as_written else ["settings"]


def _is_as_told(
    name: str, version: PolicyVersion, told: Sequence[Any] | None, before: PolicyVersion | None
) -> bool:
    """Whether one setting has the value that the event names, or is that of the version before."""
    if name not in SETTING_NAMES or name in REDACTED_SETTINGS:
        return True
    if told is not None:
        return meaning_of(name, told[1]) == meaning_of(name, getattr(version, name))
    if before is None or is_of_another_version(name, before):
        return True
    return meaning_of(name, getattr(before, name)) == meaning_of(name, getattr(version, name))


def meaning_of(name: str, value: object) -> object:
    """The value of a setting as the portal reads it today: an earlier release had others for the second admin."""
    return SecondAdmin.current(str(value)) if name == "second_admin" else value


def is_of_another_version(name: str, before: PolicyVersion) -> bool:
    """Whether the value before came from the version of the site, because the department did not set it."""
    return bool(before.department) and name not in before.overrides


def _compare_activation(version: PolicyVersion, events: Sequence[AuditEvent]) -> list[Difference]:
    """Compare the rows that put a draft in force, now or later, or stop it, with their events."""
    activated = next((event for event in events if event.event in ACTIVATED), None)
    activation = getattr(version, "activation", None)
    if activated is None:
        return [Difference("activation", events[-1].seq)] if activation else []
    if activation is None:
        return [Difference("activation", activated.seq)]
    told = Expectations()
    told.expect_time(activated, "at")
    told.expect_that(activated, "by", lambda person: is_actor(activated, person))
    told.expect_that(activated, "in_force_at", lambda moment: _is_moment(moment, activated))
    found = [Difference(f"activation.{one.field}", one.seq) for one in told.differences(activation)]
    return found + _compare_stop(activation, events)


def _is_moment(moment: datetime | None, scheduled: AuditEvent) -> bool:
    """Whether a version comes into force when the event says; an event without a time means at once."""
    named = scheduled.facts.get("in_force_at")
    return bool(named == (moment.isoformat(timespec="seconds") if moment else None))


def _compare_stop(activation: PolicyActivation, events: Sequence[AuditEvent]) -> list[Difference]:
    stopped = next((event for event in events if event.event == STOPPED), None)
    stop = getattr(activation, "stop", None)
    if stopped is None:
        return [Difference("activation.stop", events[-1].seq)] if stop else []
    if stop is None:
        return [Difference("activation.stop", stopped.seq)]
    told = Expectations()
    told.expect_time(stopped, "at")
    told.expect_that(stopped, "by", lambda person: is_actor(stopped, person))
    return [Difference(f"activation.stop.{one.field}", one.seq) for one in told.differences(stop)]
