"""What the audit log says of each policy version: its settings, author, reason, and who put it in force.

Events since this release have a hash of all settings. Of earlier ones the differences from the version before are known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from onboarding.audit.expectations import Difference, Expectations, is_actor, is_personal_value
from onboarding.models import AuditEvent, PolicyVersion
from onboarding.models.policy_settings import REDACTED_SETTINGS, SETTING_NAMES

WRITTEN = ("policy.changed", "policy.proposed")
ACTIVATED = "policy.activated"


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
        return bool(told[1] == getattr(version, name))
    return before is None or bool(getattr(before, name) == getattr(version, name))


def _compare_activation(version: PolicyVersion, events: Sequence[AuditEvent]) -> list[Difference]:
    """Compare the row that puts a draft in force with its event."""
    activated = next((event for event in events if event.event == ACTIVATED), None)
    activation = getattr(version, "activation", None)
    if activated is None:
        return [Difference("activation", events[-1].seq)] if activation else []
    if activation is None:
        return [Difference("activation", activated.seq)]
    told = Expectations()
    told.expect_time(activated, "at")
    told.expect_that(activated, "by", lambda person: is_actor(activated, person))
    return [Difference(f"activation.{found.field}", found.seq) for found in told.differences(activation)]
