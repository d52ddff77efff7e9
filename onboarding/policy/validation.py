"""Combinations of settings that contradict each other: each is an error beside its field, with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from django.utils.translation import gettext

from onboarding.inputs.addresses import single_address
from onboarding.models.policy_settings import (
    LONGEST_LIFETIME,
    SHORTEST_LIFETIME,
    EscalateTo,
    HireDate,
    PolicySettings,
)
from onboarding.policy import applications, destinations

ADDRESSES = frozenset({"hr_address", "security_address", "duty_address"})
OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
MINUTES_A_DAY = 24 * 60


def split_lines(text: str) -> list[str]:
    """The entries of a list with one entry a line: trimmed, in lower case, without duplicates."""
    return list(
        dict.fromkeys(" ".join(line.split()).casefold() for line in text.splitlines() if line.strip())
    )


def find_contradictions(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    """Yield each field that contradicts another, with the reason."""
    yield from _check_confirmation_and_mails(rules)
    yield from _check_escalation(rules)
    yield from _check_new_account(rules)
    yield from _check_lifetime(rules)
    yield from _check_limits_and_retention(rules)
    yield from _check_lists(rules)
    yield from _check_addresses(rules)
    yield from applications.find_faults(rules)
    yield from destinations.find_faults(rules)


def _check_confirmation_and_mails(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    if not rules.identity_checks:
        yield (
            "identity_checks",
            gettext("Choose at least one identity check. Without one, managers cannot create a pass."),
        )
    if rules.invite_days_before * MINUTES_A_DAY < rules.opens_minutes_before:
        yield (
            "invite_days_before",
            gettext(
                "With these settings, managers could create passes before they get the link. Send the "
                "invitation earlier, or choose fewer minutes in “passes can be created from”."
            ),
        )
    if rules.remind_days_before and rules.remind_days_before >= rules.invite_days_before:
        yield (
            "remind_days_before",
            gettext(
                "The reminder must come after the invitation. Choose fewer days than for the invitation."
            ),
        )


def _check_new_account(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    if rules.hire_date != HireDate.OFF and rules.hire_date_days < rules.closes_days_after:
        yield (
            "hire_date_days",
            gettext(
                "Choose at least as many days as in “passes can be created until”. Otherwise this check can "
                "prevent a pass after HR has moved the start date."
            ),
        )
    if rules.new_days_before * MINUTES_A_DAY < rules.opens_minutes_before:
        yield (
            "new_days_before",
            gettext(
                "Choose more days. With this setting, a manager could request a pass on a day when no "
                "account counts as new yet."
            ),
        )


def _check_lifetime(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    if not SHORTEST_LIFETIME <= rules.lifetime_minutes <= LONGEST_LIFETIME:
        yield (
            "lifetime_minutes",
            gettext("The lifetime must be from %(shortest)d to %(longest)d minutes.")
            % {"shortest": SHORTEST_LIFETIME, "longest": LONGEST_LIFETIME},
        )
    elif rules.lifetime_minutes < rules.sign_in_minutes:
        yield (
            "lifetime_minutes",
            gettext(
                "The lifetime of a pass must be at least as long as the maximum age of the manager's sign-in."
            ),
        )


def _check_limits_and_retention(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    if rules.manager_daily < rules.attempts:
        yield "manager_daily", gettext("This number must not be lower than “passes per starter”.")
    if rules.site_daily < rules.manager_daily:
        yield "site_daily", gettext("This number must not be lower than “passes per manager per day”.")
    if rules.hr_look_ups_daily < rules.hr_daily:
        yield (
            "hr_look_ups_daily",
            gettext(
                "This number must not be lower than the number of starters that one person in HR can add per day."
            ),
        )
    if rules.audit_days < rules.retention_days:
        yield (
            "audit_days",
            gettext("Keep names in the audit log at least as long as personal details."),
        )
    if (rules.graph_calls is None) != (rules.graph_seconds is None):
        yield "graph_seconds", gettext("Enter both the number of calls and the seconds, or leave both empty.")


def _check_escalation(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    if rules.escalate_to == EscalateTo.DUTY and not rules.duty_address:
        yield (
            "duty_address",
            gettext("Enter the on-call address, or choose another recipient for the escalation."),
        )
    if rules.escalate_to != EscalateTo.NOBODY and not rules.remind_on_day:
        yield (
            "escalate_to",
            gettext(
                "The manager must get a reminder before the escalation. Turn on “reminder on the first "
                "day”, or choose “nobody” for the escalation."
            ),
        )


def _check_addresses(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    for name in sorted(ADDRESSES):
        address = getattr(rules, name)
        if address and single_address(address) != address:
            yield (
                name,
                gettext(
                    "Enter exactly one email address, like hr@contoso.example, without a name, quotation marks "
                    "or a list."
                ),
            )


def _check_lists(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    shapes: tuple[tuple[str, Callable[[str], object], str], ...] = (
        ("deny_list", OBJECT_ID.fullmatch, gettext("an object ID")),
        ("probe_accounts", OBJECT_ID.fullmatch, gettext("an object ID")),
        ("scope_groups", OBJECT_ID.fullmatch, gettext("an object ID")),
        ("scope_domains", DOMAIN.fullmatch, gettext("a domain")),
    )
    for name, fits, what in shapes:
        wrong = [line for line in split_lines(getattr(rules, name)) if not fits(line)]
        if wrong:
            yield (
                name,
                gettext("“%(line)s” is not %(what)s. Enter one per line.")
                % {"line": wrong[0][:80], "what": what},
            )
    both = set(split_lines(rules.deny_list)) & set(split_lines(rules.scope_groups))
    if both:
        yield (
            "scope_groups",
            gettext(
                "%(id)s is also on the list of accounts and groups that never get a pass. Remove it from one of "
                "the two lists."
            )
            % {"id": min(both)},
        )
