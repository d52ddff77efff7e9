"""The active policy: the site's, what a department overrides, and the limits that no admin can pass."""

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
from onboarding.models import EffectivePolicy, PolicyActivation, PolicyVersion, SitePolicy, Starter
from onboarding.models.policy_settings import LONGEST_LIFETIME, SETTING_NAMES, SHORTEST_LIFETIME, SecondAdmin
from onboarding.policy import applications, destinations

# An admin who has not signed in for so long does not count as a second admin.
ADMIN_ACTIVE_FOR = timedelta(days=90)
# Settings that may name a person. The audit log is never erased, so it says only that they changed.
REDACTED_SETTINGS = frozenset({"deny_list", "hr_address", "security_address", "duty_address"})


class CannotActivate(Exception):
    """This version cannot be activated; the message says why."""


class PolicyHasChanged(Exception):
    """Another version was activated after the form was opened, so this one would silently undo it."""


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
    site = PolicyVersion.objects.ever_active().filter(department="")
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


# --- Changing it --------------------------------------------------------------------------------------------------


def newest_version_number() -> int:
    """The highest number of any version that was ever active. A form carries it from when it was opened."""
    return PolicyVersion.objects.ever_active().aggregate(newest=Max("number"))["newest"] or 0


def has_changed_since(number: int, department: str) -> bool:
    """Whether the policy of the site (empty `department`), or of a department, changed after the version `number`.

    A number that no active version has counts as changed.
    """
    newer = PolicyVersion.objects.ever_active().filter(number__gt=number, department=department)
    return not 0 < number <= newest_version_number() or newer.exists()


def version_at(number: int, department: str) -> PolicyVersion | None:
    """The version of the site, or of a department, that was active when `number` was the newest."""
    earlier = PolicyVersion.objects.ever_active().filter(number__lte=number, department=department)
    return earlier.order_by("-number").first()


@audit.transaction()
def add_version(version: PolicyVersion, *, by: Person, opened_on: int | None = None) -> bool:
    """Add a version. True: it is active. False: it is a draft that waits for a second admin.

    A freeze never waits, and neither does taking rights from other systems: both only stop something. `opened_on` is
    the newest number when the form was opened. Raises PolicyHasChanged if another version was activated since.
    """
    if opened_on is not None and has_changed_since(opened_on, version.department):
        raise PolicyHasChanged
    before = _newest_versions([version.department]).get(version.department) or for_site()
    version.pk = None
    version._state.adding = True
    version.created_by = by  # type: ignore[assignment]  # the user model
    version.needs_second = _needs_second_admin(for_site()) and not _only_stops(before, version)
    version.save(force_insert=True)
    audit.record(
        "policy.proposed" if version.needs_second else "policy.changed",
        by=by,
        facts=compare_versions(before, version),
        personal={"reason": version.reason},
    )
    return not version.needs_second


@audit.transaction()
def activate_version(number: int, *, by: Person) -> PolicyVersion:
    """A second admin activates a draft. Raises CannotActivate."""
    version = PolicyVersion.objects.drafts().select_related("created_by").filter(pk=number).first()
    if version is None:
        raise CannotActivate(gettext("This version is already in force or does not exist."))
    if version.created_by is None or version.created_by.oid == by.oid:
        raise CannotActivate(gettext("You wrote this version. Another admin must activate it."))
    if not can_activate(version):
        raise CannotActivate(
            gettext(
                "This draft is out of date, because the policy was changed after the draft was written. Write a new "
                "version from the current policy."
            )
        )
    PolicyActivation.objects.create(version=version, by=by, at=clock.now())  # type: ignore[misc]  # the user model
    audit.record("policy.activated", by=by, facts={"version": version.number})
    return version


def can_activate(version: PolicyVersion) -> bool:
    """Whether no other version was activated after this one was written: this one would silently undo it."""
    return not PolicyVersion.objects.ever_active().filter(number__gt=version.number).exists()


def _needs_second_admin(rules: SitePolicy) -> bool:
    match rules.second_admin:
        case SecondAdmin.NEVER:
            return False
        case SecondAdmin.ALWAYS:
            return True
    recent = get_user_model().objects.filter(last_login__gt=clock.now() - ADMIN_ACTIVE_FOR)
    return sum(1 for user in recent if user.is_admin) >= 2


API_SETTINGS = frozenset(
    {"api_applications", "api_trusted_sources", "api_agents", "hook_hosts", "hook_private_ranges"}
)


def only_stops_passes(version: PolicyVersion) -> bool:
    """Whether this version, which is not saved yet, does nothing but freeze the portal."""
    now = for_site()
    changed = {name for name in SETTING_NAMES if getattr(now, name) != getattr(version, name)}
    return not version.department and version.frozen and changed <= {"frozen"}


def _only_stops(before: PolicyVersion, after: PolicyVersion) -> bool:
    """Whether the new version differs only by a freeze, or by fewer rights of other systems."""
    changed = {name for name in SETTING_NAMES if getattr(before, name) != getattr(after, name)}
    freezes = "frozen" not in changed or after.frozen
    only = bool(changed) and changed <= {"frozen", *API_SETTINGS}
    fewer = (applications.only_removes_access, destinations.only_removes_access)
    return only and freezes and all(removes(before, after) for removes in fewer)


def compare_versions(before: PolicyVersion, after: PolicyVersion) -> dict[str, Any]:
    """The settings that `after` changes: {name: [old, new]}, with the number of each version."""
    names = after.overrides if after.department else SETTING_NAMES
    changed = {
        name: ["changed", "changed"]
        if name in REDACTED_SETTINGS
        else [getattr(before, name), getattr(after, name)]
        for name in names
        if getattr(before, name) != getattr(after, name)
    }
    facts: dict[str, Any] = {"from": before.number, "to": after.number, "changed": changed}
    return facts | (
        {"department": after.department, "overrides": after.overrides} if after.department else {}
    )


# A version that was read: its department, its number, and when it was created (as the database writes it).
_VersionKey = tuple[str, int, object]
_version_cache: dict[_VersionKey, PolicyVersion] = {}
MAX_CACHED_VERSIONS = 256


def _newest_versions(departments: Collection[str] | None) -> dict[str, PolicyVersion]:
    """The newest active version of each of these departments that has one; None asks for all, with the site.

    The database is asked each time which version is the newest. A version itself is read once and cached, because the
    database never changes one. The key has the time of creation, because a rollback or a restored backup can give the
    same number to another version.
    """
    with connection.cursor() as cursor:
        cursor.execute(*_newest_versions_query())
        keys: list[_VersionKey] = [
            key for key in cursor.fetchall() if departments is None or key[0] in departments
        ]
    found = {key: version for key in keys if (version := _version_cache.get(key))}
    if missing := [key for key in keys if key not in found]:
        whole = PolicyVersion.objects.select_related("created_by", "activation__by")
        rows = whole.in_bulk([number for _, number, _ in missing])
        found |= {key: rows[key[1]] for key in missing}
        _cache_versions(found)
    # A copy, because a caller may build a department's policy from it.
    return {key[0]: copy(version) for key, version in found.items()}


@cache
def _newest_versions_query() -> tuple[str, tuple[Any, ...]]:
    """The SQL that finds the newest version of the site and each department. It runs many times in each request, and
    compiling it takes longer than running it."""
    numbers = (
        PolicyVersion.objects.ever_active().order_by().values("department").annotate(newest=Max("number"))
    )
    named = PolicyVersion.objects.filter(number__in=numbers.values("newest")).order_by()
    return named.values_list("department", "number", "created_at").query.sql_with_params()


def _cache_versions(found: dict[_VersionKey, PolicyVersion]) -> None:
    if len(_version_cache) + len(found) > MAX_CACHED_VERSIONS:
        _version_cache.clear()
    _version_cache.update(found)


def clear_version_cache() -> None:
    """Forget the versions that were read, as if the process had just started."""
    _version_cache.clear()


def _raise_missing_policy() -> PolicyVersion:
    raise RuntimeError("There is no policy: run `manage.py migrate`, which adds the first version.")
