"""Whether somebody was recorded before: the same account, employee number or name. A warning, and no guard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import Q

from onboarding import graph
from onboarding.models import Starter

Why = Literal["account", "employee", "name"]
MOST = 20  # of one person; who shares a name with more has been warned enough

# An account that the directory knows, or the name under which one is expected.
Who = graph.Account | str


@dataclass(frozen=True)
class Earlier:
    starter: Starter
    why: Why


def records_of(who: Who) -> list[Earlier]:
    return records_of_several([who])[key(who)]


def records_of_several(people: Sequence[Who]) -> dict[str, list[Earlier]]:
    """For each, by `key`, what was recorded before, the latest first. One query, however many they are.

    The same account is told only once its onboarding is finished: while it is not, it cannot be recorded again anyway.
    """
    rows = list(_rows(people))
    return {key(who): [one for row in rows if (one := _told(row, who))][:MOST] for who in people}


def unfinished_of_several(people: Sequence[Who]) -> dict[str, Starter]:
    """Whose account has an unfinished starter, by `key`: it cannot have another."""
    ids, names = _values(people, "object_id"), [name for name in people if isinstance(name, str)]
    rows = Starter.objects.unfinished().filter(
        Q(account_id__in=ids) | Q(account_id="", account_name__in=[name.lower() for name in names])
    )
    return {row.account_id or row.account_name: row for row in rows}


def key(who: Who) -> str:
    return who.lower() if isinstance(who, str) else who.object_id


def _rows(people: Sequence[Who]) -> Iterable[Starter]:
    names = [who.lower() if isinstance(who, str) else who.user_principal_name.lower() for who in people]
    same = (
        Q(account_id__in=_values(people, "object_id"))
        | Q(account_name__in=names)
        | Q(employee_id__in=_values(people, "employee_id"))
        | Q(display_name__in=_values(people, "display_name"))
    )
    return Starter.objects.filter(same, erased_at=None).order_by("-starts_at", "-id")[:2000]


def _values(people: Sequence[Who], name: str) -> list[str]:
    """What is empty is nobody's, and so the same as nobody else's."""
    return [value for who in people if not isinstance(who, str) and (value := getattr(who, name))]


def _told(row: Starter, who: Who) -> Earlier | None:
    if isinstance(who, str):
        same = row.account_name == who.lower() and not row.is_unfinished
        return Earlier(row, "account") if same else None
    if row.account_id == who.object_id:
        return None if row.is_unfinished else Earlier(row, "account")
    if row.account_name == who.user_principal_name.lower():
        return Earlier(row, "account")  # expected under this name, or another account that had it before
    if who.employee_id and row.employee_id == who.employee_id:
        return Earlier(row, "employee")
    return Earlier(row, "name") if who.display_name and row.display_name == who.display_name else None
