"""Guards decide whether an account may get a pass, from this person, now.

Each guard is a function and its row, with the texts of its refusal for the manager and for HR, in the module of its
subject: `account`, `emergency_stop`, `privileges`, `people` and `sign_in`. `table` has their order, `outside` what HR may
read of a refusal.
"""

from onboarding.guards.account import identity_snapshot
from onboarding.guards.engine import Guard, Place, Question, Verdict, evaluate_guard
from onboarding.guards.outside import (
    ALARMING_WHEN_ADDED,
    CANNOT,
    FOR_IT,
    HANDLED_BY_IT,
    Reason,
    describe_it_referral,
    reasons_for_codes,
    reasons_for_guards,
)
from onboarding.guards.people import manager_now
from onboarding.guards.sign_in import foreign_passes, is_sign_in_fresh, never_signed_in
from onboarding.guards.table import (
    BY_CODE,
    FIXED_BY_SIGNING_IN,
    GUARDS,
    find_refusals,
    lasting_refusals,
    list_unchecked_codes,
)

__all__ = [
    "ALARMING_WHEN_ADDED",
    "BY_CODE",
    "CANNOT",
    "FIXED_BY_SIGNING_IN",
    "FOR_IT",
    "GUARDS",
    "HANDLED_BY_IT",
    "Guard",
    "Place",
    "Question",
    "Reason",
    "Verdict",
    "describe_it_referral",
    "evaluate_guard",
    "find_refusals",
    "foreign_passes",
    "identity_snapshot",
    "is_sign_in_fresh",
    "lasting_refusals",
    "list_unchecked_codes",
    "manager_now",
    "never_signed_in",
    "reasons_for_codes",
    "reasons_for_guards",
]
