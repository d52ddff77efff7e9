"""The policy in force, and the floors that no admin can lower."""

from __future__ import annotations

from typing import Any

from onboarding import audit
from onboarding.audit import Person
from onboarding.models import PolicyVersion, Starter
from onboarding.models.policy import LONGEST_LIFETIME, SHORTEST_LIFETIME

# What an admin may set; `single_use` is not among them: it is always so.
SETTABLE = (
    "frozen",
    "lifetime_minutes",
    "opens_minutes_before",
    "closes_days_after",
    "invite_days_before",
    "attempts",
    "sign_in_minutes",
)


def in_force() -> PolicyVersion:
    """The newest version; before an admin adds one, the defaults that the installation brought."""
    newest = PolicyVersion.objects.select_related("created_by").order_by("-number").first()
    if newest is None:
        raise RuntimeError("There is no policy: run `manage.py migrate`, which adds the first version.")
    return newest


def lifetime(version: PolicyVersion) -> int:
    """Minutes a pass lives. The floor holds here even if a row were to say otherwise."""
    return min(max(version.lifetime_minutes, SHORTEST_LIFETIME), LONGEST_LIFETIME)


def attempts_left(starter: Starter, version: PolicyVersion) -> int:
    return version.attempts + starter.extra_attempts - sum(issue.counted for issue in starter.issues.all())


@audit.change()
def add_version(version: PolicyVersion, *, by: Person) -> None:
    """Put a new version in force; the versions before it stay as they are."""
    before = in_force()
    version.pk = None
    version.created_by = by  # type: ignore[assignment]  # the user model
    version.save(force_insert=True)
    audit.record(
        "policy.changed", by=by, facts=differences(before, version), personal={"reason": version.reason}
    )


def differences(before: PolicyVersion, after: PolicyVersion) -> dict[str, Any]:
    """What `after` says differently: {name: [old, new]}, with the number of each."""
    changed = {
        n: [getattr(before, n), getattr(after, n)]
        for n in SETTABLE
        if getattr(before, n) != getattr(after, n)
    }
    return {"from": before.number, "to": after.number, "changed": changed}
