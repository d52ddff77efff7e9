"""What the portal says of a refusal outside the audit log and the mail to security.

HR and managers must not learn from the portal who is an administrator, or may become one: for such accounts there is
one code and one text, whatever the guard. The audit log and security have the guard's own code.
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
# When HR adds a starter, security hears of these only: the account is privileged, or somebody has used it.
ALARMING_WHEN_ADDED = FOR_IT | {"never_signed_in", "no_own_method"}

CANNOT = _("The portal cannot create a pass for this account.")
ASK_IT = _(
    "Check that it is the right account. If it is, ask IT to handle the sign-in and quote reference {reference}."
)


@dataclass(frozen=True)
class Reason:
    """A code that may be shown, with a sentence for the manager, and the reason with its fix for HR."""

    code: str
    for_manager: Words
    for_hr: Words


def describe_it_referral(reference: object) -> Words:
    """What to do about an account that IT handles. `reference` is the number of the audit event that says why."""
    return format_lazy(ASK_IT, reference=reference or "–")


def reasons_for_codes(codes: Iterable[str], *, reference: object) -> tuple[Reason, ...]:
    """What may be said outside of the refusals with these codes; those that this release does not know are left out."""
    return reasons_for_guards((BY_CODE[code] for code in codes if code in BY_CODE), reference=reference)


def reasons_for_guards(refusing: Iterable[Guard], *, reference: object) -> tuple[Reason, ...]:
    """What may be said outside of these guards' refusals.

    For an account that IT handles it is that alone: a second reason beside it could tell one kind from another.
    """
    known = tuple(refusing)
    if any(guard.code in FOR_IT for guard in known):
        words = join_sentences((CANNOT, describe_it_referral(reference)))
        return (Reason(HANDLED_BY_IT, words, words),)
    return tuple(Reason(guard.code, guard.for_manager, guard.for_hr) for guard in known)
