"""Everything that the portal keeps about one person, through all tables, by the links that the rules name.

A row about the person is listed whole: the starter, what belongs to it, and the person's own row. A row that only
names the person, such as another starter of the same manager, is listed with the fields that name them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.text import capfirst

from onboarding.models import AuditDetail, HrMailChoice, PolicyVersion, Starter
from onboarding.models.hire_date import hire_day
from onboarding.models.starter import StarterQuerySet
from onboarding.privacy.rule_types import Link, Personal, TableRule, is_erased_value
from onboarding.privacy.rules import RULES

MOST_ROWS = 5000  # of one table
# Of a detail that the person caused or that names them: what they wrote.
OWN_WORDS = ("by_name", "reason", "q")
VERSION_FIELDS = ("number", "created_at", "department", "needs_second")

# What a search takes. A part of either would name other people too.
OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class FoundTable:
    """The rows of one table about the person."""

    rule: TableRule
    rows: list[dict[str, Any]]

    @property
    def title(self) -> str:
        return capfirst(str(self.rule.model._meta.verbose_name_plural))

    def labelled_rows(self, most: int) -> list[list[tuple[str, Any]]]:
        """What the first rows say about the person: pairs of a field's name, as the administration shows it, and a value.

        The export also has what the rows say of times and states, and the HTML of mails.
        """
        personal = {name for one in self.rule.personal for name in one.fields} - {"starter", "html"}
        named = personal | {"event", "at", "what"}
        readable = map(_with_hire_day, self.rows[:most])
        rows = [{name: value for name, value in row.items() if name in named} for row in readable]
        names = self._names_of_people(rows)
        return [
            [(self._label(name), names.get((name, value), value)) for name, value in _flatten(row)]
            for row in rows
        ]

    def _names_of_people(self, rows: list[dict[str, Any]]) -> dict[tuple[str, Any], str]:
        """Names for references to people's rows: the number of a row says nothing to a reader."""
        fields = {
            field.name
            for field in self.rule.model._meta.concrete_fields
            if field.related_model is get_user_model()
        }
        numbers = {(name, row[name]) for row in rows for name in fields & row.keys() if row[name]}
        people = get_user_model().objects.in_bulk({number for _, number in numbers})
        return {(name, number): people[number].name for name, number in numbers if number in people}

    def _label(self, name: str) -> str:
        try:
            return capfirst(str(self.rule.model._meta.get_field(name).verbose_name))  # type: ignore[union-attr]
        except FieldDoesNotExist:  # a value of an audit event, or of the details that HR checked
            return capfirst(name.replace("_", " "))


@dataclass(frozen=True)
class OnePerson:
    """One person: object ids, account names and addresses that the portal links with what was typed."""

    object_ids: frozenset[str]
    names: frozenset[str]
    user_ids: frozenset[int] = field(default=frozenset())

    @property
    def identifiers(self) -> list[str]:
        return sorted(self.object_ids | self.names)

    @cached_property
    def starters(self) -> StarterQuerySet:
        """The starters who are this person."""
        return Starter.objects.filter(
            Q(account_id__in=self.object_ids)
            | Q(found_account_id__in=self.object_ids)
            | _any_iexact("account_name", self.names)
        )

    @cached_property
    def users(self) -> QuerySet[Any]:
        return get_user_model().objects.filter(pk__in=self.user_ids)


def find_person(typed: str) -> OnePerson:
    """Return the person with this object id, account name or email address, with what else identifies them here."""
    given = typed.strip().lower()
    if not (OBJECT_ID.fullmatch(given) or ADDRESS.fullmatch(given)):
        return OnePerson(frozenset(), frozenset(), frozenset())
    users = list(get_user_model().objects.filter(Q(oid__iexact=given) | Q(user_principal_name__iexact=given)))
    users += [
        choice.user for choice in HrMailChoice.objects.filter(address__iexact=given).select_related("user")
    ]
    ids, names = {given}, {given}
    ids |= {user.oid for user in users if user.oid}
    names |= {user.user_principal_name.lower() for user in users if user.user_principal_name}
    pairs = (
        ("account_id", "account_name"), ("manager_id", "manager_mail"), ("stand_in_id", "stand_in_mail")
    )  # fmt: skip
    for identifier, address in pairs:
        rows = Starter.objects.filter(Q(**{f"{identifier}__in": ids}) | _any_iexact(address, names))
        for oid, name in rows.order_by().values_list(identifier, address).distinct():
            ids |= {oid} - {""}  # somebody without a mailbox is not everybody without one
            names |= {name.lower()} - {""}
    known = [name for name in ids | names if not is_erased_value(name)]
    by_id = get_user_model().objects.filter(oid__in=ids - {""}).values_list("pk", "user_principal_name")
    names |= {name.lower() for _, name in by_id}
    return OnePerson(
        frozenset(name for name in ids if name in known and "@" not in name),
        frozenset(name for name in names if name and "@" in name),
        frozenset({*(user.pk for user in users), *(pk for pk, _ in by_id)}),
    )


def find_tables(person: OnePerson) -> list[FoundTable]:
    """Return each table that has something about this person, in the order of the rules."""
    found = [FoundTable(rule, list(_find_rows(rule, person))) for rule in RULES if rule.personal]
    return [table for table in found if table.rows]


def describe_export(typed: str, person: OnePerson, tables: Collection[FoundTable]) -> dict[str, Any]:
    """Return everything as it is exported. Each table names what it is, and the rules of what was found."""
    return {
        "asked_for": typed,
        "object_ids": sorted(person.object_ids),
        "account_names_and_addresses": sorted(person.names),
        "tables": [
            {
                "table": table.rule.db_table,
                "what": table.rule.what,
                "rules": [
                    {
                        "fields": list(one.fields),
                        "what": one.what,
                        "why": one.why,
                        "kept": one.kept,
                        "erased": one.erased,
                    }
                    for one in table.rule.personal
                ],
                "rows": table.rows,
            }
            for table in tables
        ],
    }


def find_sessions(person: OnePerson) -> list[str]:
    """The keys of the sessions of this person. Only decoding shows whose a session is."""
    wanted = {str(pk) for pk in person.user_ids}
    with transaction.atomic():  # in which PostgreSQL returns the rows in chunks
        sessions = Session.objects.order_by("expire_date").iterator()
        return [one.session_key for one in sessions if one.get_decoded().get("_auth_user_id") in wanted]


def _with_hire_day(row: dict[str, Any]) -> dict[str, Any]:
    """A hire date is a day, although Graph has a time."""
    if not row.get("hire_date"):
        return row
    return row | {"hire_date": hire_day(row["hire_date"], ZoneInfo(row["time_zone"]))}


def _flatten(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else value


# --- The rows of one table ----------------------------------------------------------------------------------------


def _find_rows(rule: TableRule, person: OnePerson) -> Iterator[dict[str, Any]]:
    whole = _rows_about(rule, person)
    listed = set()
    for row in _read(whole):
        listed.add(row.pk)
        yield _describe_row(rule, row, rule.personal)
    linked = {one: rows_linked(rule, one, person) for one in rule.personal if one.link}
    matched: dict[Any, tuple[Model, list[Personal]]] = {}
    for one, rows in linked.items():
        for row in _read(rows):
            matched.setdefault(row.pk, (row, []))[1].append(one)
    for pk, (row, groups) in sorted(matched.items(), key=lambda item: str(item[0])):
        if pk not in listed:
            yield _describe_row(rule, row, groups, person)


def _read(rows: QuerySet[Any]) -> list[Any]:
    return list(rows.order_by("pk")[:MOST_ROWS])


def _rows_about(rule: TableRule, person: OnePerson) -> QuerySet[Any]:
    """The rows that are about the person as a whole: their row as a starter or as a person, and what belongs to it."""
    rows = rule.model._default_manager.all()
    fields = {one.name for one in rule.model._meta.concrete_fields}
    if rule.label == "onboarding.Starter":
        return person.starters
    if rule.model is get_user_model():
        return person.users
    if rule.label == "sessions.Session":
        return rows.filter(pk__in=find_sessions(person))
    if rule.label == "portal.EntraSession":
        return rows.filter(session__in=find_sessions(person))
    if rule.label == "onboarding.AuditDetail":
        return rows.filter(event__starter__in=_public_ids(person)).exclude(values={})
    if rule.label == "onboarding.AuditWord":
        return rows.filter(starter__in=_public_ids(person))
    return rows.filter(starter__in=person.starters) if "starter" in fields else rows.none()


def _public_ids(person: OnePerson) -> list[str]:
    """The starters who are this person, also those that only the audit log still knows."""
    recorded = AuditDetail.objects.filter(
        Q(values__account__in=sorted(person.object_ids)) | Q(values__account_name__in=sorted(person.names))
    ).exclude(event__starter="")
    kept = person.starters.values_list("public_id", flat=True)
    return [*kept, *recorded.values_list("event__starter", flat=True).distinct()]


def rows_linked(rule: TableRule, one: Personal, person: OnePerson) -> QuerySet[Any]:
    """The rows in which these fields name the person."""
    rows = rule.model._default_manager.all()
    if not person.identifiers:
        return rows.none()
    found = Q()
    for name in one.fields:
        if one.link == Link.USER:
            target = rule.model._meta.get_field(name).related_model
            found |= Q(**{f"{name}__in": person.user_ids}) if target is get_user_model() else Q()
        elif one.link == Link.OBJECT_ID:
            found |= Q(**{f"{name}__in": person.object_ids})
        elif one.link == Link.ADDRESS:
            found |= _any_iexact(name, person.identifiers)
        else:
            rows = rows.alias(**{f"text_of_{name}": Cast(name, TextField())})
            for text in person.identifiers:
                found |= Q(**{f"text_of_{name}__icontains": text})
    return rows.filter(found) if found else rows.none()


def _any_iexact(name: str, texts: Collection[str]) -> Q:
    """Match any of these texts in a field; nothing if there is none."""
    found = Q(pk__in=[])
    for text in texts:
        found |= Q(**{f"{name}__iexact": text})
    return found


def _describe_row(
    rule: TableRule, row: Any, groups: Collection[Personal], person: OnePerson | None = None
) -> dict[str, Any]:
    """The fields of these groups that hold something, with what the row says without a name."""
    names = [name for one in groups if not one.is_secret for name in one.fields]
    # The settings of a policy say nothing about a person.
    others = VERSION_FIELDS if isinstance(row, PolicyVersion) else rule.other
    shown = {name: row.serializable_value(name) for name in [*others, *names]}
    if rule.label == "onboarding.AuditDetail":
        shown = _describe_detail(row, person)
    return {name: value for name, value in shown.items() if not is_erased_value(value)}


def _describe_detail(row: AuditDetail, person: OnePerson | None) -> dict[str, Any]:
    """An event with its personal values. Of an event about somebody else: only the values that name the person."""
    event, values = row.event, row.values
    if person is not None:
        mine = {name for name, value in values.items() if _names(value, person)}
        own = set(OWN_WORDS) if "by" in mine else set()
        values = {name: value for name, value in values.items() if name in mine | own}
    return {"event": event.seq, "at": event.at, "what": event.event, "values": values}


def _names(value: Any, person: OnePerson) -> bool:
    text = str(value).lower()
    return any(identifier in text for identifier in person.identifiers)
