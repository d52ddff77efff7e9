"""Which changes of a setting loosen a rule of the policy. A version that loosens anything takes two people.

The table has each setting with the direction that loosens. Where no direction is clearly the safer one, any change
counts as loosening.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from onboarding.models.policy_settings import SETTING_NAMES, Check, HireDate, PolicySettings, SecondAdmin
from onboarding.policy import applications, validation


class Direction(StrEnum):
    """What kind of change loosens a setting, in words for the documents."""

    HIGHER = "a higher number"
    LOWER = "a lower number"
    ON = "yes"
    OFF = "no"
    ORDER = "a choice that comes later"
    MORE_ENTRIES = "another entry"
    FEWER_ENTRIES = "a removed entry"
    WIDER_SCOPE = "another entry, or an empty list"
    ANY = "any change"


def split_entries(value: Any) -> frozenset[Any]:
    """Return the entries of a list of choices, or of a text with one entry per line."""
    return frozenset(validation.split_lines(value) if isinstance(value, str) else value)


def split_words(value: str) -> frozenset[Any]:
    return frozenset(value.split())


def split_applications(value: str) -> frozenset[Any]:
    """Return each pair of an application and a system whose tickets it can use."""
    listed = applications.parse_applications(value).items()
    return frozenset((client_id, source) for client_id, sources in listed for source in sources)


@dataclass(frozen=True)
class Rule:
    """The direction in which a setting loosens, and why."""

    direction: Direction
    reason: str
    order: tuple[str, ...] = ()  # for ORDER: the choices, the strictest first
    entries: Callable[[Any], frozenset[Any]] = split_entries

    def is_loosened(self, before: Any, after: Any) -> bool:
        """Return whether the change from `before` to `after` loosens this setting."""
        if before == after:
            return False
        match self.direction:
            case Direction.HIGHER:
                return bool(after > before)
            case Direction.LOWER:
                return bool(after < before)
            case Direction.ON | Direction.OFF:
                return bool(after) is (self.direction == Direction.ON)
            case Direction.ORDER:
                return self._place(after) > self._place(before)
            case Direction.ANY:
                return True
        return self._has_looser_entries(self.entries(before), self.entries(after))

    def _place(self, choice: str) -> int:
        """An unknown choice counts as the loosest."""
        return self.order.index(choice) if choice in self.order else len(self.order)

    def _has_looser_entries(self, before: frozenset[Any], after: frozenset[Any]) -> bool:
        if self.direction == Direction.FEWER_ENTRIES:
            return not before <= after
        if self.direction == Direction.WIDER_SCOPE:
            return bool(before) and (not after or not after <= before)
        return not after <= before


HIGHER, LOWER, ANY = Direction.HIGHER, Direction.LOWER, Direction.ANY
ON, OFF, ORDER = Direction.ON, Direction.OFF, Direction.ORDER
MORE, FEWER, WIDER = Direction.MORE_ENTRIES, Direction.FEWER_ENTRIES, Direction.WIDER_SCOPE
CHECKS = (Check.REFUSE.value, Check.SKIP.value, Check.OFF.value)
HIRE_DATES = (HireDate.REQUIRED.value, HireDate.KNOWN.value, HireDate.OFF.value)
SECOND_ADMIN = (SecondAdmin.ALWAYS.value, SecondAdmin.LOOSENS.value)

RULES: dict[str, Rule] = {
    "frozen": Rule(OFF, "Managers can create passes again."),
    "lifetime_minutes": Rule(HIGHER, "A pass works longer."),
    "single_use": Rule(OFF, "A pass could be used more than once."),
    "attempts": Rule(HIGHER, "A starter can get more passes."),
    "identity_checks": Rule(MORE, "Managers can use another way to check the identity."),
    "sign_in_minutes": Rule(HIGHER, "An older sign-in of the manager is enough."),
    "step_up_context": Rule(ANY, "Entra decides what a context demands."),
    "opens_minutes_before": Rule(HIGHER, "Passes are possible earlier."),
    "closes_days_after": Rule(HIGHER, "Passes are possible longer."),
    "invite_days_before": Rule(LOWER, "The manager has fewer days to notice a wrong starter."),
    "remind_days_before": Rule(LOWER, "The portal notifies the manager of the starter later, or only once."),
    "remind_on_day": Rule(OFF, "The manager does not hear when passes become possible."),
    "escalate_to": Rule(ANY, "Other people hear when no pass was created."),
    "escalate_hour": Rule(HIGHER, "Others hear later that no pass was created."),
    "new_days_before": Rule(HIGHER, "Older accounts count as new."),
    "new_days_after": Rule(HIGHER, "Accounts created later count as new."),
    "hire_date": Rule(ORDER, "Fewer accounts are checked.", order=HIRE_DATES),
    "hire_date_days": Rule(HIGHER, "The hire date may differ more."),
    "same_person": Rule(OFF, "A reused account name is not noticed."),
    "same_manager": Rule(OFF, "A new manager in Entra can create passes."),
    "eligible_roles": Rule(ORDER, "Fewer accounts are checked.", order=CHECKS),
    "eligible_groups": Rule(ORDER, "Fewer accounts are checked.", order=CHECKS),
    "pass_policy": Rule(ORDER, "Fewer accounts are checked.", order=CHECKS),
    "sign_ins": Rule(ORDER, "Fewer accounts are checked.", order=CHECKS),
    "restricted_unit": Rule(OFF, "Accounts in restricted units can get a pass."),
    "phones_beforehand": Rule(ON, "An account with a phone can get a pass."),
    "scope_domains": Rule(WIDER, "More accounts can get a pass."),
    "scope_departments": Rule(WIDER, "More accounts can get a pass."),
    "scope_groups": Rule(WIDER, "More accounts can get a pass."),
    "deny_list": Rule(FEWER, "An account that never got a pass can get one."),
    "probe_accounts": Rule(MORE, "The command that proves the tenant can create a pass for another account."),
    "manager_daily": Rule(HIGHER, "One manager can create more passes."),
    "hr_daily": Rule(HIGHER, "One person in HR can add more starters."),
    "import_daily": Rule(HIGHER, "One person in HR can look up more accounts."),
    "hr_look_ups_daily": Rule(HIGHER, "One person in HR can look up more accounts."),
    "hr_links_daily": Rule(HIGHER, "One person in HR can send managers more emails."),
    "manager_refusals_daily": Rule(HIGHER, "One manager can make more requests that are refused."),
    "site_daily": Rule(HIGHER, "More passes are possible in an attack."),
    "second_admin": Rule(ORDER, "One admin can make more changes alone.", order=SECOND_ADMIN),
    "admin_days": Rule(LOWER, "A former admin can create passes earlier."),
    "approve_all": Rule(OFF, "Starters need no approval."),
    "approve_manager": Rule(OFF, "A changed manager needs no approval."),
    "approve_beyond": Rule(OFF, "A pass beyond the limit needs no approval."),
    "api_applications": Rule(MORE, "Another application can add starters.", entries=split_applications),
    "api_trusted_sources": Rule(MORE, "HR need not accept another system's starters.", entries=split_words),
    "api_agents": Rule(ON, "AI agents can add starters."),
    "propose_days": Rule(HIGHER, "More accounts are proposed as starters."),
    "accept_proposals": Rule(ON, "HR need not accept the portal's proposals."),
    "hook_hosts": Rule(MORE, "Another host receives events."),
    "hook_private_ranges": Rule(MORE, "The portal connects to another private network."),
    "retention_days": Rule(ANY, "A shorter time erases evidence, a longer one keeps personal details."),
    "audit_days": Rule(ANY, "A shorter time erases names, a longer one keeps them."),
    "hr_address": Rule(ANY, "Another address receives HR's mails."),
    "security_address": Rule(ANY, "Another address receives the alarms."),
    "duty_address": Rule(ANY, "Another address receives escalations."),
    "graph_calls": Rule(ANY, "Too many calls make Microsoft refuse them; too few delay passes."),
    "graph_seconds": Rule(ANY, "Too many calls make Microsoft refuse them; too few delay passes."),
}  # fmt: skip


def list_loosened(before: PolicySettings, after: PolicySettings) -> list[str]:
    """Return the settings that `after` loosens. A setting without a rule loosens with any change.

    For a department, both are its effective policy: the site's, merged with its own settings.
    """
    unknown = Rule(ANY, "")
    return [
        name
        for name in (*SETTING_NAMES, "single_use")
        if RULES.get(name, unknown).is_loosened(_value(before, name), _value(after, name))
    ]


def _value(settings: PolicySettings, name: str) -> Any:
    value = getattr(settings, name)
    return SecondAdmin.current(value).value if name == "second_admin" else value
