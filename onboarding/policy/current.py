"""The active policy: the site's, what a department overrides, and the limits that no admin can pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Max, Q

from onboarding import clock
from onboarding.models import EffectivePolicy, PolicyVersion, SitePolicy, Starter
from onboarding.models.policy import IN_FORCE_AT_ONCE, SCHEDULED
from onboarding.models.policy_settings import LONGEST_LIFETIME, SETTING_NAMES, SHORTEST_LIFETIME, SecondAdmin


def for_site() -> SitePolicy:
    """The site's policy; before an admin adds one, the defaults of the installation.

    For one starter use `for_starter`: their department may override settings.
    """
    return SitePolicy(_newest_versions([""]).get("") or _raise_missing_policy())


def find_freeze() -> PolicyVersion | None:
    """The version that froze the portal, if it is frozen now; not a later version that left it frozen."""
    now = for_site()
    if not now.frozen:
        return None
    site = PolicyVersion.objects.ever_active(clock.now()).filter(department="")
    going_on = site.filter(frozen=False).aggregate(newest=Max("number"))["newest"] or 0
    stopped = site.filter(frozen=True, number__gt=going_on).select_related("created_by")
    return stopped.order_by("number").first() or now


def for_starter(starter: Starter) -> EffectivePolicy:
    """The policy for one starter: the site's, with what their department overrides. Never saved."""
    return for_department(starter.department)


def for_department(department: str) -> EffectivePolicy:
    return for_departments({department})[department]


def for_departments(departments: Iterable[str]) -> dict[str, EffectivePolicy]:
    """The policies of several departments, by the names that were given, in one query."""
    keys = {department: normalise_department(department) for department in departments}
    newest = _newest_versions({"", *keys.values()})
    site = SitePolicy(newest.get("") or _raise_missing_policy())
    own = {department: newest.get(key) if key else None for department, key in keys.items()}
    return {
        department: merge_department_policy(site, version) if version else EffectivePolicy(site)
        for department, version in own.items()
    }


def department_policies_with(name: str) -> dict[str, EffectivePolicy]:
    """The policy of each department that overrides this setting, by its normalised name; one query."""
    newest = _newest_versions(None)
    site = SitePolicy(newest.pop("") if "" in newest else _raise_missing_policy())
    return {key: merge_department_policy(site, own) for key, own in newest.items() if name in own.overrides}


def merge_department_policy(site: SitePolicy, own: PolicyVersion) -> EffectivePolicy:
    """The site's policy with the settings that a department overrides."""
    rules = EffectivePolicy(copy(site))
    rules.own = own
    for name in own.overrides:
        setattr(rules, name, getattr(own, name))
    return rules


def normalise_department(department: str) -> str:
    """A department's name for comparisons: capitals and extra spaces make no difference."""
    return " ".join(department.split()).casefold()[:128]


@dataclass(frozen=True)
class Origin:
    """The value of one setting, and the version that sets it."""

    name: str
    value: Any
    version: PolicyVersion


def list_origins(rules: EffectivePolicy) -> list[Origin]:
    """Each setting of a policy with the version that sets it."""
    site = for_site()
    return [
        Origin(name, getattr(rules, name), rules.own if rules.own and name in rules.own.overrides else site)
        for name in SETTING_NAMES
    ]


def list_author_ids(rules: EffectivePolicy) -> set[str]:
    """Object ids of the admins who wrote or activated the versions behind this policy."""
    versions = [rules, *([rules.own] if rules.own else [])]
    activations = [getattr(version, "activation", None) for version in versions]
    activated_by = [activation.by for activation in activations if activation]
    people = [version.created_by for version in versions] + activated_by
    return {person.oid for person in people if person is not None}


def pass_lifetime_minutes(version: EffectivePolicy) -> int:
    """Minutes that a pass lives. The limits hold even if a row in the database is outside them."""
    return min(max(version.lifetime_minutes, SHORTEST_LIFETIME), LONGEST_LIFETIME)


def attempts_left(starter: Starter, version: EffectivePolicy) -> int:
    return version.attempts + starter.extra_attempts - sum(issue.counted for issue in starter.issues.all())


# --- The versions that were in force ------------------------------------------------------------------------------


def newest_version_number() -> int:
    """The highest number of any version that was ever active. A form carries it from when it was opened."""
    return PolicyVersion.objects.ever_active(clock.now()).aggregate(newest=Max("number"))["newest"] or 0


def has_changed_since(number: int, department: str) -> bool:
    """Whether the policy of the site (empty `department`), or of a department, changed after the version `number`.

    A number that no active version has counts as changed.
    """
    newer = PolicyVersion.objects.ever_active(clock.now()).filter(number__gt=number, department=department)
    return not 0 < number <= newest_version_number() or newer.exists()


def version_at(number: int, department: str) -> PolicyVersion | None:
    """The version of the site, or of a department, that was active when `number` was the newest."""
    earlier = PolicyVersion.objects.ever_active(clock.now()).filter(number__lte=number, department=department)
    return earlier.select_related("created_by", "activation__by").order_by("-number").first()


def list_active_versions() -> list[tuple[datetime, int]]:
    """For each version of the whole organisation: since when it has been in force, and its number; the oldest first."""
    versions = PolicyVersion.objects.ever_active(clock.now()).filter(department="")
    return [
        (one.in_force_since, one.number) for one in versions.select_related("activation").order_by("number")
    ]


def find_versions_since(since: datetime) -> set[int]:
    """The numbers of all versions that were in force after this moment, or that may still come into force."""
    now, found, newest = clock.now(), set[int](), dict[str, datetime]()
    for version in PolicyVersion.objects.ever_active(now).select_related("activation").order_by("-number"):
        replaced_at = newest.get(version.department)
        if replaced_at is None or replaced_at > since:
            found.add(version.number)
        newest[version.department] = version.in_force_since
    waiting = PolicyVersion.objects.drafts().filter(
        Q(created_at__gt=since) | Q(number__gt=newest_version_number())
    )
    later = PolicyVersion.objects.scheduled(now)
    return found | {*waiting.values_list("pk", flat=True), *later.values_list("pk", flat=True)}


def effective_before(version: PolicyVersion) -> EffectivePolicy:
    """The policy of the site, or of the version's department, when this version was written."""
    site = _site_before(version)
    own = version_at(version.number - 1, version.department) if version.department else None
    return merge_department_policy(site, own) if own else EffectivePolicy(site)


def effective_with(version: PolicyVersion) -> EffectivePolicy:
    """The policy of the site, or of the version's department, with this version. It may not be saved yet."""
    if not version.department:
        return EffectivePolicy(version)
    return merge_department_policy(for_site() if version.pk is None else _site_before(version), version)


def only_stops_passes(version: PolicyVersion) -> bool:
    """Whether this version, which is not saved yet, does nothing but freeze the portal."""
    now = for_site()
    changed = {name for name in SETTING_NAMES if getattr(now, name) != getattr(version, name)}
    return not version.department and version.frozen and changed <= {"frozen"}


def _site_before(version: PolicyVersion) -> SitePolicy:
    """The first version has none before it, so it changes nothing."""
    return SitePolicy(version_at(version.number - 1, "") or version)


# A version that was read: its department, its number, and when it was created (as the database writes it).
_VersionKey = tuple[str, int, object]
_version_cache: dict[_VersionKey, PolicyVersion] = {}
_seen_in_force: set[_VersionKey] = set()  # of those that came into force some time after their activation
MAX_CACHED_VERSIONS = 256


def _newest_versions(departments: Collection[str] | None) -> dict[str, PolicyVersion]:
    """The newest active version of each of these departments that has one; None asks for all, with the site.

    The database is asked each time which version is the newest. A version itself is read once and cached, because the
    database never changes one. The key has the time of creation, because a rollback or a restored backup can give the
    same number to another version.
    """
    keys = [key for key in _newest_keys() if departments is None or key[0] in departments]
    found = {key: version for key in keys if (version := _version_cache.get(key))}
    if missing := [key for key in keys if key not in found]:
        whole = PolicyVersion.objects.select_related("created_by", "activation__by")
        rows = whole.in_bulk([number for _, number, _ in missing])
        found |= {key: rows[key[1]] for key in missing}
        _cache_versions(found)
    return {key[0]: _copy_of(version) for key, version in found.items()}


def _copy_of(version: PolicyVersion) -> PolicyVersion:
    """A copy, because a caller may build a department's policy from it. It has today's values."""
    copied = copy(version)
    copied.second_admin = SecondAdmin.current(version.second_admin)
    return copied


_read_once: ContextVar[list[list[_VersionKey]] | None] = ContextVar("policy_read_once", default=None)


@contextmanager
def read_once() -> Iterator[None]:
    """Read only once which versions are in force, for a page that changes nothing. All its parts then say the same."""
    token = _read_once.set([])
    try:
        yield
    finally:
        _read_once.reset(token)


def _newest_keys() -> list[_VersionKey]:
    """The newest active version of the site and of each department, read now or, within `read_once`, before."""
    kept = _read_once.get()
    if kept:
        return kept[0]
    keys = _read_newest_keys()
    if kept is not None:
        kept.append(keys)
    return keys


def _read_newest_keys() -> list[_VersionKey]:
    """The newest active version of the site and of each department.

    Most versions are in force at once. The others have a moment, and the clock is asked only while the newest has not
    been seen in force yet: once a version is in force, nothing ends that but a newer one.
    """
    with connection.cursor() as cursor:
        cursor.execute(*_newest_versions_query())
        rows = sorted(cursor.fetchall(), key=lambda row: row[1], reverse=True)
    newest: dict[str, _VersionKey] = {}
    for department, number, created_at, in_force_at in rows:
        key = (department, number, created_at)
        if department not in newest and (in_force_at is None or _has_come_into_force(key, in_force_at)):
            newest[department] = key
    return list(newest.values())


def _has_come_into_force(key: _VersionKey, in_force_at: datetime | str) -> bool:
    if key in _seen_in_force:
        return True
    moment = datetime.fromisoformat(in_force_at) if isinstance(in_force_at, str) else in_force_at
    has_come = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= clock.now()
    if has_come:
        _seen_in_force.add(key)
    return has_come


@cache
def _newest_versions_query() -> tuple[str, tuple[Any, ...]]:
    """The SQL that finds the newest version of the site and each department that was in force at once, and all that
    have a moment of their own. It runs many times in each request, and compiling it takes longer than running it."""
    numbers = PolicyVersion.objects.filter(IN_FORCE_AT_ONCE).order_by().values("department")
    newest = numbers.annotate(newest=Max("number")).values("newest")
    named = PolicyVersion.objects.filter(Q(number__in=newest) | SCHEDULED).order_by()
    columns = named.values_list("department", "number", "created_at", "activation__in_force_at")
    return columns.query.sql_with_params()


def _cache_versions(found: dict[_VersionKey, PolicyVersion]) -> None:
    if len(_version_cache) + len(found) > MAX_CACHED_VERSIONS:
        _version_cache.clear()
    _version_cache.update(found)


def clear_version_cache() -> None:
    """Forget the versions that were read, as if the process had just started."""
    _version_cache.clear()
    _seen_in_force.clear()


def _raise_missing_policy() -> PolicyVersion:
    raise RuntimeError("There is no policy: run `manage.py migrate`, which adds the first version.")
