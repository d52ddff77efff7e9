"""May this account get a pass, from this person, now? A table of named guards.

The portal's identity could make a pass for almost anybody, so the portal is the guard. Each guard is one
function over facts that were read a moment ago; what is missing or strange counts as a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from onboarding.graph import Account, Facts
from onboarding.models import PolicyVersion, Starter

# An account counts as new when it was made, or its person was hired, this close to the start.
NEW_BEFORE, NEW_AFTER = timedelta(days=90), timedelta(days=31)


@dataclass(frozen=True)
class Question:
    """All that a guard may look at."""

    starter: Starter
    facts: Facts
    person: Any  # who is signed in: tid, oid, is_admin
    signed_in_at: datetime | None
    policy: PolicyVersion
    now: datetime

    @property
    def account(self) -> Account:
        return self.facts.account


@dataclass(frozen=True)
class Guard:
    """A check, its code for the audit, a kind sentence for the manager, and the reason in words for HR."""

    code: str
    passes: Callable[[Question], bool]
    for_manager: str
    for_hr: str
    alarming: bool = False  # security is told at once


def same_account(q: Question) -> bool:
    return bool(q.starter.account_id) and q.account.object_id == q.starter.account_id


def enabled(q: Question) -> bool:
    return q.account.enabled is True


def internal_member(q: Question) -> bool:
    return q.account.kind == "member"


def is_new(q: Question) -> bool:
    """Made around the start; or hired around it, into an account that is known never to have been signed in to.

    HR's own systems write the hire date, so that alone does not make an old account a new one.
    """
    earliest, latest = q.starter.starts_at - NEW_BEFORE, q.starter.starts_at + NEW_AFTER

    def around(moment: datetime | None) -> bool:
        return moment is not None and earliest <= moment <= latest

    return around(q.account.created_at) or (q.starter.sign_in_told and around(q.account.hire_date))


def never_signed_in(q: Question) -> bool:
    """Judged by what the worker read before our first pass. Where the tenant does not tell, it asked in vain."""
    return q.starter.sign_in_looked_at is not None and q.starter.last_sign_in_at is None


def no_own_method(q: Question) -> bool:
    return not any(method.is_own for method in q.facts.methods)


def no_active_role(q: Question) -> bool:
    return not q.facts.active_roles


def no_eligible_role(q: Question) -> bool:
    return not q.facts.eligible_roles


def no_role_group(q: Question) -> bool:
    """Only role-assignable groups can carry a directory role, active or eligible: none of them, then."""
    return not q.facts.role_groups


def manager_now(q: Question) -> bool:
    manager = q.facts.manager
    return manager is not None and manager.object_id == q.person.oid


def manager_enabled(q: Question) -> bool:
    manager = q.facts.manager
    return manager is not None and manager.enabled is True and manager.kind == "member"


def three_people(q: Question) -> bool:
    """Who in HR recorded, chose the account or set the time; who confirms; who receives."""
    hr = {q.starter.recorded_by.oid, *q.starter.shaped_by}
    return q.person.oid not in hr and q.account.object_id not in {q.person.oid, *hr}


def not_an_admin(q: Question) -> bool:
    return not q.person.is_admin


def is_fresh(signed_in_at: datetime | None, policy: PolicyVersion, now: datetime) -> bool:
    """By `auth_time` of the token. Two minutes of clock difference are forgiven, a time far ahead is not."""
    return signed_in_at is not None and timedelta(minutes=-2) <= now - signed_in_at <= policy.freshness


def sign_in_is_fresh(q: Question) -> bool:
    return is_fresh(q.signed_in_at, q.policy, q.now)


def no_foreign_pass(q: Question) -> bool:
    """A live pass that the portal did not make is never touched silently."""
    ours = set(q.starter.issues.exclude(method_id="").values_list("method_id", flat=True))
    return all(live.method_id in ours or not _may_live(live.reason) for live in q.facts.passes)


def _may_live(reason: str) -> bool:
    return reason not in {"Expired", "OneTimeUsed"}


_HELP = "Nothing was made and nothing is lost. HR has been told and will sort it out with you."

GUARDS: tuple[Guard, ...] = (
    Guard(
        "same_account",
        same_account,
        f"The account in the directory is not the one that HR recorded. {_HELP}",
        "The directory answers with another account than the one recorded. Look at it and record the right one.",
        alarming=True,
    ),
    Guard(
        "enabled",
        enabled,
        f"The account is not switched on yet. {_HELP}",
        "The account is disabled. Ask IT to enable it; the manager can then confirm again.",
    ),
    Guard(
        "internal_member",
        internal_member,
        f"This kind of account signs in with its own organisation. {_HELP}",
        "The account is a guest. Only internal members can get a pass.",
    ),
    Guard(
        "is_new",
        is_new,
        f"This does not look like a new account. {_HELP}",
        "The account was neither made nor hired around the start date. Is it the right account, and is the date right?",
        alarming=True,
    ),
    Guard(
        "never_signed_in",
        never_signed_in,
        f"Somebody has signed in with this account before. {_HELP}",
        "The account was signed in to before its first pass. Ask security who it was.",
        alarming=True,
    ),
    Guard(
        "no_own_method",
        no_own_method,
        f"This person can already sign in by their own means, so they need no pass. {_HELP}",
        "The account has its own sign-in method already. If the starter cannot use it, IT must remove it first.",
        alarming=True,
    ),
    Guard(
        "no_active_role",
        no_active_role,
        f"Passes for this kind of account are handled by IT. {_HELP}",
        "The account holds an administrator role. The portal never makes a pass for one; IT hands it over.",
        alarming=True,
    ),
    Guard(
        "no_eligible_role",
        no_eligible_role,
        f"Passes for this kind of account are handled by IT. {_HELP}",
        "The account can activate an administrator role. The portal never makes a pass for one; IT hands it over.",
        alarming=True,
    ),
    Guard(
        "no_role_group",
        no_role_group,
        f"Passes for this kind of account are handled by IT. {_HELP}",
        "The account is in a group that can carry administrator roles. IT hands its pass over.",
        alarming=True,
    ),
    Guard(
        "manager_now",
        manager_now,
        f"The directory no longer names you as this person's manager. {_HELP}",
        "Who confirmed is not the manager in the directory. The manager named there can confirm.",
        alarming=True,
    ),
    Guard(
        "manager_enabled",
        manager_enabled,
        f"Your own account cannot do this. {_HELP}",
        "The manager's account is disabled or a guest.",
        alarming=True,
    ),
    Guard(
        "three_people",
        three_people,
        f"Who recorded a starter cannot also confirm them. {_HELP}",
        "Recorder, manager and starter must be three people. Another HR person must record this starter.",
    ),
    Guard(
        "not_an_admin",
        not_an_admin,
        f"Whoever sets the portal's policy cannot make a pass. {_HELP}",
        "The manager is an admin of this portal. Name another manager in the directory, or take the role away.",
    ),
    Guard(
        "sign_in_is_fresh",
        sign_in_is_fresh,
        "You signed in too long ago for this step. Sign in again and confirm; nothing was made.",
        "The manager's sign-in was too old. They are asked to sign in again.",
    ),
    Guard(
        "no_foreign_pass",
        no_foreign_pass,
        f"There is already a pass for this account that was made elsewhere. {_HELP}",
        "A live pass made by another tool is on the account. Ask who made it; IT can delete it, then the manager "
        "can confirm.",
        alarming=True,
    ),
)
BY_CODE = {guard.code: guard for guard in GUARDS}


def refusals(question: Question) -> tuple[Guard, ...]:
    """The guards that refuse, in the order of the table. A guard that fails refuses."""
    return tuple(guard for guard in GUARDS if not _holds(guard, question))


def _holds(guard: Guard, question: Question) -> bool:
    try:
        return guard.passes(question) is True
    except Exception:  # fail closed: a guard that cannot answer has said no
        return False
