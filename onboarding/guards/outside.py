"""The one text for accounts that only IT may know of. Every other refusal has its texts beside its guard.

The portal must not reveal to HR and managers who is an administrator or can become one. Such accounts have one code and
one text for all guards. The audit log and the email to security contain the guard's own code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding.guards.engine import Guard
from onboarding.guards.table import BY_CODE
from onboarding.i18n import Words, join_sentences

HANDLED_BY_IT = "handled_by_it"
# Guards that refuse privileged, restricted and denied accounts.
FOR_IT = frozenset(
    {
        "not_denied",
        "no_active_role",
        "no_eligible_role",
        "no_role_group",
        "no_eligible_group",
        "not_restricted",
    }
)
# When HR adds a starter, only these notify security: the account is privileged, or somebody has used it.
ALARMING_WHEN_ADDED = FOR_IT | {"never_signed_in", "no_own_method"}

CANNOT = _("The portal cannot create a pass for this account.")
ASK_IT = _(
    "Check that this is the right account. If so, ask IT to help the starter sign in, and give IT the "
    "reference number {reference}."
)


@dataclass(frozen=True)
class Reason:
    """A code that may be shown, with a text for the manager, and for HR the reason and how to fix it."""

    code: str
    for_manager: Words
    for_hr: Words


def describe_it_referral(reference: object) -> Words:
    """Say what to do about an account that IT handles. `reference` is the number of the audit event with the reason."""
    return format_lazy(ASK_IT, reference=reference or "–")


def reasons_for_codes(codes: Iterable[str], *, reference: object) -> tuple[Reason, ...]:
    """Return the reasons that HR and managers may read for these codes. Codes that this release does not know are left out."""
    return reasons_for_guards((BY_CODE[code] for code in codes if code in BY_CODE), reference=reference)


def reasons_for_guards(refusing: Iterable[Guard], *, reference: object) -> tuple[Reason, ...]:
    """Return the reasons that HR and managers may read for these guards.

    For an account that IT handles, return only that reason: a second one could reveal which kind of account it is.
    """
    known = tuple(refusing)
    if any(guard.code in FOR_IT for guard in known):
        words = join_sentences((CANNOT, describe_it_referral(reference)))
        return (Reason(HANDLED_BY_IT, words, words),)
    return tuple(Reason(guard.code, guard.for_manager, guard.for_hr) for guard in known)
