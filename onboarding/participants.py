"""Who took part in a starter's pass, and in the rules for it. They must be different people.

Two accounts are one person where they are the same account, or where the directory knows the same employee number
for both. A number that is not known is no proof either way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import prefetch_related_objects

from onboarding import graph, policy
from onboarding.models import EffectivePolicy, Starter


@dataclass(frozen=True)
class Identity:
    """An account, and the employee number that the directory has for it; empty where it has none."""

    object_id: str
    employee_number: str = ""

    def is_same_person(self, other: Identity) -> bool:
        """Compare the object ids, and the employee numbers if both are known."""
        mine, theirs = _normalise_number(self.employee_number), _normalise_number(other.employee_number)
        return self.object_id == other.object_id or (bool(mine) and mine == theirs)


def _normalise_number(number: str) -> str:
    return "".join(number.split()).casefold()


def hr_participant_ids(starter: Starter) -> set[str]:
    """Return the object ids of all HR people who recorded, chose the account, set the time or approved."""
    return starter.contributor_ids | approver_ids(starter)


def approver_ids(starter: Starter, *, excluding: Collection[str] = ()) -> set[str]:
    """Return the object ids of all who approved, including approvals that were voided since.

    `excluding` has kinds of approvals that do not count.
    """
    if starter._state.adding:  # still being recorded
        return set()
    return {approval.by.oid for approval in starter.approvals.all() if approval.why not in excluding}


class AdminInvolvement(StrEnum):
    """How an admin was involved with the policy, so that they cannot confirm under it."""

    IS_ADMIN = "is an admin"
    WROTE = "wrote or activated the policy in force"
    WAS_ADMIN = "was an admin not long ago"


def recent_admin_ids(rules: EffectivePolicy, now: datetime) -> set[str]:
    """Return the object ids of everybody who had the Admin role within the policy's `admin_days`."""
    admins = get_user_model().objects.filter(last_admin_at__gt=_admin_since(rules, now))
    return set(admins.values_list("oid", flat=True))


def _admin_since(rules: EffectivePolicy, now: datetime) -> datetime:
    return now - timedelta(days=rules.admin_days)


def find_admin_involvement(
    person: Any, rules: EffectivePolicy, now: datetime, *, identities: Iterable[Identity] = ()
) -> AdminInvolvement | None:
    """Return how this person was involved with the policy, None if they may confirm under it.

    `identities` are those of the person and of all authors of the policy, with their employee numbers.
    """
    if person.is_admin:
        return AdminInvolvement.IS_ADMIN
    others = _other_accounts(person.oid, identities)
    if {person.oid, *others} & policy.list_author_ids(rules):
        return AdminInvolvement.WROTE
    was = person.last_admin_at is not None and person.last_admin_at > _admin_since(rules, now)
    return AdminInvolvement.WAS_ADMIN if was or (others and others & recent_admin_ids(rules, now)) else None


def _other_accounts(object_id: str, identities: Iterable[Identity]) -> set[str]:
    """Return the object ids of the same person's other accounts."""
    known = {identity.object_id: identity for identity in identities}
    own = known.pop(object_id, None)
    return {
        identity.object_id for identity in known.values() if own is not None and own.is_same_person(identity)
    }


def ids_to_compare(starter: Starter, rules: EffectivePolicy, now: datetime) -> list[str]:
    """Return the object ids whose employee numbers must be compared with the confirmer's and the starter's."""
    if not starter._state.adding:
        prefetch_related_objects([starter], "approvals__by")
    hr = sorted(hr_participant_ids(starter))
    return list(
        dict.fromkeys([*hr, *sorted(policy.list_author_ids(rules)), *sorted(recent_admin_ids(rules, now))])
    )


def read_facts(
    starter: Starter, rules: EffectivePolicy, now: datetime, *, scarce: bool = False, sign_ins: bool = False
) -> graph.Facts:
    """Read all facts that decide about a pass for this starter, with the employee numbers. Raises GraphError.

    `scarce` also reads the methods and passes, `sign_ins` the sign-in activity. Each costs a call of its own quota.
    """
    people = ids_to_compare(starter, rules, now)
    return graph.client().issue_facts(
        starter.account_id, scarce=scarce, above=starter.stand_in_for, sign_ins=sign_ins, people=people
    )
