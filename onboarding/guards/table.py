"""May this account get a pass, from this person, now? A table of named guards, and where each is asked.

The portal's identity could make a pass for almost anybody, so the portal is the guard. Each guard is one
function over facts that were read a moment ago; what is missing or strange counts as a refusal. Policy may
switch some of them off, or say what follows where the tenant keeps their facts from the portal; the floor, which
has no `setting`, holds whatever a policy says.
"""

from __future__ import annotations

from collections.abc import Iterable

from onboarding.guards import account, people, privileges, sign_in
from onboarding.guards.engine import Guard, Question, Verdict, evaluate_guard, without_asking

GUARDS: tuple[Guard, ...] = (
    account.SAME_ACCOUNT,
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
    people.THREE_PEOPLE,
    people.APPROVED,
    people.NOT_AN_ADMIN,
    people.MANAGER_HAS_ROOM,
    people.SITE_HAS_ROOM,
    sign_in.SIGN_IN_IS_FRESH,
    sign_in.STEP_UP_IS_FOR_THIS,
    sign_in.NO_FOREIGN_PASS,
)
BY_CODE = {variant.code: variant for guard in GUARDS for variant in (guard, guard.unread_variant)}
# What a new sign-in mends by itself: nobody else need hear of it.
FIXED_BY_SIGNING_IN = frozenset({"sign_in_is_fresh", "step_up_is_for_this"})


def find_refusals(question: Question) -> tuple[Guard, ...]:
    """The guards that refuse at this place, in the order of the table."""
    asked = [guard for guard in GUARDS if guard.is_asked_at(question.place)]
    found = [(guard, evaluate_guard(guard, question)) for guard in asked]
    return tuple(
        guard.unread_variant if said == Verdict.UNREAD else guard.with_explanation(question)
        for guard, said in found
        if said in {Verdict.REFUSES, Verdict.UNREAD}
    )


def lasting_refusals(refusing: Iterable[Guard]) -> tuple[Guard, ...]:
    """Of those that refuse, the ones that the passing of time will not put right."""
    return tuple(guard for guard in refusing if not guard.resolves_itself)


def list_unchecked_codes(question: Question) -> list[str]:
    """Codes of the guards that policy switched off, or lets the portal go on without: it is written with the pass."""
    without = {Verdict.SKIPPED, Verdict.OFF}
    return [guard.code for guard in GUARDS if without_asking(guard, question) in without]
