"""The policy in force: the site's, what a department has otherwise, and the floors that no admin can lower."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Max
from django.utils.translation import gettext

from onboarding import audit, clock
from onboarding.audit import Person
from onboarding.models import PolicyActivation, PolicyVersion, Starter
from onboarding.models.rules import LONGEST_LIFETIME, SETTINGS, SHORTEST_LIFETIME, SecondAdmin

# Who has not signed in for so long is no longer counted on to agree with another admin.
STILL_AN_ADMIN = timedelta(days=90)
# Settings that may name somebody: the audit trail, which is never erased, says only that they changed.
NOT_TOLD = frozenset({"deny_list", "hr_address", "security_address", "duty_address"})


class CannotActivate(Exception):
    """This version cannot be put in force; the words say why."""


def in_force() -> PolicyVersion:
    """The site's policy; before an admin adds one, the defaults that the installation brought."""
    return _newest([""]).get("") or _missing()


def for_starter(starter: Starter) -> PolicyVersion:
    """The policy for one starter: the site's, and over it what their department has otherwise. Never saved."""
    return of_department(starter.department)


def of_department(department: str) -> PolicyVersion:
    return of_departments({department})[department]


def of_departments(departments: Iterable[str]) -> dict[str, PolicyVersion]:
    """The policies of several departments, under the names that were given, in one query for all."""
    keys = {department: normal(department) for department in departments}
    newest = _newest({"", *keys.values()})
    site = newest.get("") or _missing()
    own = {department: newest.get(key) if key else None for department, key in keys.items()}
    return {department: merged(site, version) if version else site for department, version in own.items()}


def merged(site: PolicyVersion, own: PolicyVersion) -> PolicyVersion:
    """The site's policy with what a department has otherwise. Only what the department names is its own."""
    rules = copy(site)
    rules.own = own
    for name in own.overrides:
        setattr(rules, name, getattr(own, name))
    return rules


def normal(department: str) -> str:
    """A department's name as it is compared: the directory's capitals and spaces do not make another one."""
    return " ".join(department.split()).casefold()[:128]


@dataclass(frozen=True)
class Origin:
    """One setting in force for somebody, and the version that says so."""

    name: str
    value: Any
    version: PolicyVersion


def origins(rules: PolicyVersion) -> list[Origin]:
    """Where each value of a policy in force comes from."""
    site = in_force()
    return [
        Origin(name, getattr(rules, name), rules.own if rules.own and name in rules.own.overrides else site)
        for name in SETTINGS
    ]


def lifetime(version: PolicyVersion) -> int:
    """Minutes a pass lives. The floor holds here even if a row were to say otherwise."""
    return min(max(version.lifetime_minutes, SHORTEST_LIFETIME), LONGEST_LIFETIME)


def attempts_left(starter: Starter, version: PolicyVersion) -> int:
    return version.attempts + starter.extra_attempts - sum(issue.counted for issue in starter.issues.all())


# --- Changing it --------------------------------------------------------------------------------------------------


@audit.change()
def add_version(version: PolicyVersion, *, by: Person) -> bool:
    """Add a version; those before it stay as they are. True: it is in force. False: it waits for a second admin.

    To freeze is never put off: stopping harms nobody.
    """
    before = _newest([version.department]).get(version.department) or in_force()
    version.pk = None
    version._state.adding = True
    version.created_by = by  # type: ignore[assignment]  # the user model
    version.needs_second = _needs_second(in_force()) and not _only_freezes(before, version)
    version.save(force_insert=True)
    audit.record(
        "policy.proposed" if version.needs_second else "policy.changed",
        by=by,
        facts=differences(before, version),
        personal={"reason": version.reason},
    )
    return not version.needs_second


@audit.change()
def activate(number: int, *, by: Person) -> PolicyVersion:
    """A second admin puts a waiting version in force. Raises CannotActivate."""
    version = PolicyVersion.objects.waiting().select_related("created_by").filter(pk=number).first()
    if version is None:
        raise CannotActivate(gettext("It is in force already, or there is no such version."))
    if version.created_by is None or version.created_by.oid == by.oid:
        raise CannotActivate(gettext("Whoever wrote a version cannot put it in force: another admin must."))
    if not may_still_come(version):
        raise CannotActivate(
            gettext("The policy has changed since it was written. Write it anew, from what is in force now.")
        )
    PolicyActivation.objects.create(version=version, by=by, at=clock.now())  # type: ignore[misc]  # the user model
    audit.record("policy.activated", by=by, facts={"version": version.number})
    return version


def may_still_come(version: PolicyVersion) -> bool:
    """Nothing came into force after it was written: it would silently undo that."""
    return not PolicyVersion.objects.active().filter(number__gt=version.number).exists()


def _needs_second(rules: PolicyVersion) -> bool:
    match rules.second_admin:
        case SecondAdmin.NEVER:
            return False
        case SecondAdmin.ALWAYS:
            return True
    seen = get_user_model().objects.filter(last_login__gt=clock.now() - STILL_AN_ADMIN)
    return sum(1 for user in seen if user.is_admin) >= 2


def _only_freezes(before: PolicyVersion, after: PolicyVersion) -> bool:
    changed = {name for name in SETTINGS if getattr(before, name) != getattr(after, name)}
    return changed == {"frozen"} and after.frozen


def differences(before: PolicyVersion, after: PolicyVersion) -> dict[str, Any]:
    """What `after` says differently: {name: [old, new]}, with the number of each."""
    names = after.overrides if after.department else SETTINGS
    changed = {
        name: ["changed", "changed"] if name in NOT_TOLD else [getattr(before, name), getattr(after, name)]
        for name in names
        if getattr(before, name) != getattr(after, name)
    }
    told: dict[str, Any] = {"from": before.number, "to": after.number, "changed": changed}
    return told | ({"department": after.department, "overrides": after.overrides} if after.department else {})


# Versions as they were read: of what department, with what number, made when (as the database writes it).
_Seen = tuple[str, int, object]
_read: dict[_Seen, PolicyVersion] = {}
MOST_READ = 256


def _newest(departments: Collection[str]) -> dict[str, PolicyVersion]:
    """The newest version in force of each department that has one.

    Which one that is, is asked each time. What it says is read once: the database lets nobody change a version. When
    it was made tells it from one of the same number that came to nothing, or that another database had, before a
    backup was put back under this process.
    """
    with connection.cursor() as cursor:
        cursor.execute(*_which_count())
        seen: list[_Seen] = [one for one in cursor.fetchall() if one[0] in departments]
    found = {one: version for one in seen if (version := _read.get(one))}
    if missing := [one for one in seen if one not in found]:
        rows = PolicyVersion.objects.in_bulk([number for _, number, _ in missing])
        found |= {one: rows[one[1]] for one in missing}
        _keep(found)
    # A copy: whoever gets one may put a policy together from it.
    return {one[0]: copy(version) for one, version in found.items()}


@cache
def _which_count() -> tuple[str, tuple[Any, ...]]:
    """The question of which version counts, of the site and each department. It is asked many times in each press,
    and to put it into this database's words takes longer than to answer it."""
    numbers = PolicyVersion.objects.active().order_by().values("department").annotate(newest=Max("number"))
    named = PolicyVersion.objects.filter(number__in=numbers.values("newest")).order_by()
    return named.values_list("department", "number", "created_at").query.sql_with_params()


def _keep(found: dict[_Seen, PolicyVersion]) -> None:
    if len(_read) + len(found) > MOST_READ:
        _read.clear()
    _read.update(found)


def forget() -> None:
    """Read every version anew, as a process does that has just started."""
    _read.clear()


def _missing() -> PolicyVersion:
    raise RuntimeError("There is no policy: run `manage.py migrate`, which adds the first version.")
