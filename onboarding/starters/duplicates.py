"""Find possible duplicates: starters with the same account, employee number or name. They are warnings, not guards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import Q

from onboarding import graph
from onboarding.models import Starter

Match = Literal["account", "employee", "name"]
MOST_DUPLICATES = 20  # of one person

# An account in Entra, or the name under which IT will create one.
AccountOrName = graph.Account | str


@dataclass(frozen=True)
class Duplicate:
    starter: Starter
    match: Match


class DuplicateSearch:
    """The starters that can be duplicates of these people, read in one query.

    An unfinished starter with the same account is left out: the account cannot be added again anyway.
    """

    def __init__(self, people: Sequence[AccountOrName]) -> None:
        self.rows = list(_candidate_rows(people))

    def find(self, person: AccountOrName) -> list[Duplicate]:
        """Return the possible duplicates of one of the people, latest first."""
        found = (_match_duplicate(row, person) for row in self.rows)
        return [duplicate for duplicate in found if duplicate][:MOST_DUPLICATES]

    def add(self, starter: Starter) -> None:
        """Take into account a starter that was added after the query."""
        self.rows.insert(0, starter)


def find_duplicates(person: AccountOrName) -> list[Duplicate]:
    return DuplicateSearch([person]).find(person)


def find_duplicates_of_several(people: Sequence[AccountOrName]) -> dict[str, list[Duplicate]]:
    """Return the possible duplicates of each person by `duplicate_key`, latest first, in one query."""
    search = DuplicateSearch(people)
    return {duplicate_key(person): search.find(person) for person in people}


def find_duplicates_of_stored(starters: Sequence[Starter]) -> dict[int, list[Duplicate]]:
    """Return the possible duplicates of starters that are stored already, by their primary key, in one query."""
    names = [starter.account_name for starter in starters]
    same = Q(account_name__in=names)
    for field in ("account_id", "employee_id", "display_name"):
        same |= Q(**{f"{field}__in": [value for starter in starters if (value := getattr(starter, field))]})
    rows = list(Starter.objects.filter(same, erased_at=None).order_by("-starts_at", "-id")[:2000])
    return {
        starter.pk: [
            Duplicate(row, match)
            for row in rows
            if row.pk != starter.pk and (match := _match_stored(row, starter)) is not None
        ][:MOST_DUPLICATES]
        for starter in starters
    }


def _match_stored(row: Starter, starter: Starter) -> Match | None:
    if (row.account_id and row.account_id == starter.account_id) or row.account_name == starter.account_name:
        return "account"
    if row.employee_id and row.employee_id == starter.employee_id:
        return "employee"
    return "name" if row.display_name and row.display_name == starter.display_name else None


def find_unfinished_of_several(people: Sequence[AccountOrName]) -> dict[str, Starter]:
    """Return the unfinished starters of these accounts, by `duplicate_key`. An account can have only one."""
    ids, names = _values_of(people, "object_id"), [name for name in people if isinstance(name, str)]
    rows = Starter.objects.unfinished().filter(
        Q(account_id__in=ids) | Q(account_id="", account_name__in=[name.lower() for name in names])
    )
    return {row.account_id or row.account_name: row for row in rows}


def duplicate_key(person: AccountOrName) -> str:
    return person.lower() if isinstance(person, str) else person.object_id


def _candidate_rows(people: Sequence[AccountOrName]) -> Iterable[Starter]:
    names = [
        person.lower() if isinstance(person, str) else person.user_principal_name.lower() for person in people
    ]
    same = (
        Q(account_id__in=_values_of(people, "object_id"))
        | Q(account_name__in=names)
        | Q(employee_id__in=_values_of(people, "employee_id"))
        | Q(display_name__in=_values_of(people, "display_name"))
    )
    return Starter.objects.filter(same, erased_at=None).order_by("-starts_at", "-id")[:2000]


def _values_of(people: Sequence[AccountOrName], name: str) -> list[str]:
    """Return the values without empty ones, which match nobody."""
    return [value for person in people if not isinstance(person, str) and (value := getattr(person, name))]


def _match_duplicate(row: Starter, person: AccountOrName) -> Duplicate | None:
    if isinstance(person, str):
        same = row.account_name == person.lower() and not row.is_unfinished
        return Duplicate(row, "account") if same else None
    if row.account_id == person.object_id:
        return None if row.is_unfinished else Duplicate(row, "account")
    if row.account_name == person.user_principal_name.lower():
        return Duplicate(row, "account")  # expected under this name, or an earlier account with this name
    if person.employee_id and row.employee_id == person.employee_id:
        return Duplicate(row, "employee")
    return Duplicate(row, "name") if person.display_name and row.display_name == person.display_name else None
