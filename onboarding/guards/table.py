"""The table of all guards: may this account get a pass, from this person, now?

The portal's identity could create a pass for almost any account, so the portal itself must refuse. Each guard is a
function over facts that were read a moment ago. Missing or strange data counts as a refusal. The policy can switch some
guards off, or decide what happens if their data cannot be read. Guards without a `setting` always apply.
"""

from __future__ import annotations

from collections.abc import Iterable

from onboarding.guards import account, emergency_stop, people, privileges, sign_in
from onboarding.guards.engine import Guard, Question, Verdict, evaluate_guard, verdict_without_check

GUARDS: tuple[Guard, ...] = (
    account.SAME_ACCOUNT,
    emergency_stop.NOT_STOPPED,
    privileges.NOT_DENIED,
    account.ENABLED,
    account.INTERNAL_MEMBER,
    account.IS_NEW,
    sign_in.NEVER_SIGNED_IN,
    sign_in.NO_OWN_METHOD,
    privileges.NO_ACTIVE_ROLE,
    privileges.NO_ELIGIBLE_ROLE,
    privileges.NO_ROLE_GROUP,
    privileges.NO_ELIGIBLE_GROUP,
    privileges.NOT_RESTRICTED,
    account.IN_SCOPE,
    account.IN_PASS_POLICY,
    account.SAME_PERSON,
    account.HIRE_DATE_AGREES,
    people.SAME_MANAGER,
    people.MANAGER_NOW,
    people.MANAGER_ENABLED,
    people.RECORDER_IS_A_PERSON,
    people.THREE_PEOPLE,
    people.APPROVED,
    people.NOT_AN_ADMIN,
    people.MANAGER_HAS_ROOM,
    people.SITE_HAS_ROOM,
    sign_in.SIGN_IN_IS_FRESH,
    sign_in.STEP_UP_IS_FOR_THIS,
    sign_in.NO_FOREIGN_PASS,
    sign_in.NO_UNKNOWN_PASS,
)
BY_CODE = {variant.code: variant for guard in GUARDS for variant in (guard, guard.unread_variant)}
# A new sign-in of the manager is enough to fix these, so HR is not notified.
FIXED_BY_SIGNING_IN = frozenset({"sign_in_is_fresh", "step_up_is_for_this"})


def find_refusals(question: Question) -> tuple[Guard, ...]:
    """Return the guards that refuse at this place, in the order of the table."""
    asked = [guard for guard in GUARDS if guard.is_asked_at(question.place)]
    found = [(guard, evaluate_guard(guard, question)) for guard in asked]
    return tuple(
        guard.unread_variant if verdict == Verdict.UNREAD else guard.with_explanation(question)
        for guard, verdict in found
        if verdict in {Verdict.REFUSES, Verdict.UNREAD}
    )


def lasting_refusals(refusing: Iterable[Guard]) -> tuple[Guard, ...]:
    """Return the refusing guards that do not resolve themselves over time."""
    return tuple(guard for guard in refusing if not guard.resolves_itself)


def list_unchecked_codes(question: Question) -> list[str]:
    """Return the codes of the guards that the policy switched off or skips. The audit log records them with the pass."""
    unchecked = {Verdict.SKIPPED, Verdict.OFF}
    return [guard.code for guard in GUARDS if verdict_without_check(guard, question) in unchecked]
