"""Combinations of settings that make no sense: each is refused beside its field, with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from django.utils.translation import gettext

from onboarding.models.rules import EscalateTo, HireDate, Rules

OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
MINUTES_A_DAY = 24 * 60


def lines(text: str) -> list[str]:
    """What stands in a list with one thing a line: trimmed, in lower case, each once."""
    return list(
        dict.fromkeys(" ".join(line.split()).casefold() for line in text.splitlines() if line.strip())
    )


def nonsense(rules: Rules) -> Iterator[tuple[str, str]]:
    """The fields that cannot stay as they are, and why."""
    if not rules.identity_checks:
        yield (
            "identity_checks",
            gettext("Choose at least one: a manager must be able to say how they checked."),
        )
    if rules.invite_days_before * MINUTES_A_DAY < rules.opens_minutes_before:
        yield (
            "invite_days_before",
            gettext(
                "The manager would get the link after the window has opened. Mail earlier, or open later."
            ),
        )
    if rules.remind_days_before and rules.remind_days_before >= rules.invite_days_before:
        yield (
            "remind_days_before",
            gettext("A reminder must come after the first mail. Choose fewer days than that one has."),
        )
    yield from _escalation(rules)
    if rules.hire_date != HireDate.OFF and rules.hire_date_days < rules.closes_days_after:
        yield (
            "hire_date_days",
            gettext(
                "Less than the window is long: HR could not move a late start within it. Choose at least as many days."
            ),
        )
    if rules.new_days_before * MINUTES_A_DAY < rules.opens_minutes_before:
        yield "new_days_before", gettext("An account made in time for the window would not count as new.")
    if rules.lifetime_minutes > MINUTES_A_DAY // 3 or rules.lifetime_minutes < rules.sign_in_minutes:
        yield (
            "lifetime_minutes",
            gettext("A pass should live at least as long as the manager's sign-in may be old."),
        )
    if rules.manager_daily < rules.attempts:
        yield "manager_daily", gettext("One manager could not make the passes that one starter may have.")
    if rules.site_daily < rules.manager_daily:
        yield "site_daily", gettext("All together must be at least what one manager may do.")
    if rules.audit_days < rules.retention_days:
        yield (
            "audit_days",
            gettext("The audit must keep its details at least as long as the starters' own are kept."),
        )
    if (rules.graph_calls is None) != (rules.graph_seconds is None):
        yield "graph_seconds", gettext("Give both the calls and their seconds, or neither.")
    yield from _lists(rules)


def _escalation(rules: Rules) -> Iterator[tuple[str, str]]:
    if rules.escalate_to == EscalateTo.DUTY and not rules.duty_address:
        yield (
            "duty_address",
            gettext("Nobody would be told. Give the address, or tell the manager’s manager or nobody."),
        )
    if rules.escalate_to != EscalateTo.NOBODY and not rules.remind_on_day:
        yield (
            "escalate_to",
            gettext(
                "Others would hear of it before the manager is reminded. Remind on the day as well, or tell nobody."
            ),
        )


def _lists(rules: Rules) -> Iterator[tuple[str, str]]:
    shapes: tuple[tuple[str, Callable[[str], object], str], ...] = (
        ("deny_list", OBJECT_ID.fullmatch, gettext("an object id")),
        ("scope_groups", OBJECT_ID.fullmatch, gettext("an object id")),
        ("scope_domains", DOMAIN.fullmatch, gettext("a domain")),
    )
    for name, fits, what in shapes:
        wrong = [line for line in lines(getattr(rules, name)) if not fits(line)]
        if wrong:
            yield (
                name,
                gettext("“%(line)s” is not %(what)s. Write one a line.")
                % {"line": wrong[0][:80], "what": what},
            )
    both = set(lines(rules.deny_list)) & set(lines(rules.scope_groups))
    if both:
        yield (
            "scope_groups",
            gettext("%(id)s is on the list of those that never get a pass.") % {"id": min(both)},
        )
