"""Changing the policy. What only tightens a rule is in force at once; what loosens one takes two people.

The second person is another admin. An installation with one admin uses the server's console: a version that is
activated there comes into force after `CONSOLE_DELAY`, and any admin can stop it until then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db.models import Q
from django.utils.translation import gettext

from onboarding import audit, clock
from onboarding.audit import Person
from onboarding.models import EffectivePolicy, PassIssue, PolicyActivation, PolicyStop, PolicyVersion
from onboarding.models.policy_settings import REDACTED_SETTINGS, SETTING_NAMES, PolicySettings, SecondAdmin
from onboarding.policy import current, loosening
from onboarding.policy.followers import ChangeKind, PolicyChange, notify_followers

# A version that was activated on the console is in force after this time, unless an admin stops it.
CONSOLE_DELAY = timedelta(hours=24)
# What other systems can do. An admin can always take their rights away alone.
API_SETTINGS = frozenset(
    {"api_applications", "api_trusted_sources", "api_agents", "hook_hosts", "hook_private_ranges"}
)


class Admin(Person, Protocol):
    """A person whose role is checked at the act."""

    @property
    def is_admin(self) -> bool: ...


class CannotActivate(Exception):
    """This version cannot be activated, or cannot be stopped; the message says why."""


class PolicyHasChanged(Exception):
    """Another version was activated after the form was opened, so this one would silently undo it."""


class AlreadyFrozen(Exception):
    """The portal is frozen already, or was not frozen; the message says which."""


@audit.transaction()
def add_version(
    version: PolicyVersion, *, by: Person | None, opened_on: int | None = None, operator: str = ""
) -> bool:
    """Add a version. True: it is in force. False: it loosens a rule, so it is a draft that waits for a second admin.

    `opened_on` is the newest number when the form was opened. Raises PolicyHasChanged if another version came into
    force since. Without `by` the version was written on the console, by the `operator`.
    """
    if opened_on is not None and current.has_changed_since(opened_on, version.department):
        raise PolicyHasChanged
    before, after = current.for_department(version.department), current.effective_with(version)
    loosened = loosening.list_loosened(before, after)
    version.pk = None
    version._state.adding = True
    version.created_by = by  # type: ignore[assignment]  # the user model
    version.created_at = clock.now()
    version.needs_second = bool(loosened) or _waits_although_it_tightens(before, after)
    version.save(force_insert=True)
    is_active = not version.needs_second
    facts = compare_versions(before, version, after) | ({"loosens": loosened} if loosened else {})
    record_version(version, facts, by=by, operator=operator)
    if is_active:
        _stop_scheduled(superseded_by=version)
    kind = ChangeKind.IN_FORCE if is_active else ChangeKind.DRAFT
    notify_followers(PolicyChange(kind, version, before, after, version.by_name, version.reason))
    return is_active


def record_version(
    version: PolicyVersion, facts: dict[str, Any], *, by: Person | None, operator: str = ""
) -> None:
    """Record a version that was added, with a hash of all its settings: `verify_audit` compares the row with it."""
    audit.record(
        "policy.proposed" if version.needs_second else "policy.changed",
        by=by,
        facts=facts | {"settings": audit.hash_settings(version)},
        personal=_personal(version.reason, operator)
        | {"redacted_settings": audit.hash_redacted_settings(version)},
    )


@audit.transaction()
def activate_version(number: int, *, by: Admin) -> PolicyVersion:
    """A second admin activates a draft, and it is in force. Raises CannotActivate."""
    version = _find_draft(number)
    if not by.is_admin:
        raise CannotActivate(gettext("Only an admin can activate a version."))
    if version.created_by is None or version.created_by.oid == by.oid:
        raise CannotActivate(gettext("You wrote this version. Another admin must activate it."))
    return _put_in_force(version, by=by, reason=version.reason)


@audit.transaction()
def activate_on_console(number: int, *, reason: str, operator: str) -> datetime | None:
    """Somebody with access to the console activates a draft. Returns when it comes into force; None: it is in force.

    Before the first pass ever there is no delay: the portal is being set up. Raises CannotActivate.
    """
    version, now = _find_draft(number), clock.now()
    if not has_created_passes():
        _put_in_force(version, by=None, reason=reason, operator=operator)
        return None
    if other := PolicyVersion.objects.scheduled(now).first():
        raise CannotActivate(
            gettext("Version %(number)s is already scheduled to come into force. Stop that version first.")
            % {"number": other.number}
        )
    in_force_at = now + CONSOLE_DELAY
    before, after = current.effective_before(version), current.effective_with(version)
    PolicyActivation.objects.create(version=version, by=None, at=now, in_force_at=in_force_at)
    audit.record(
        "policy.scheduled",
        facts={"version": version.number, "in_force_at": in_force_at.isoformat(timespec="seconds")},
        personal=_personal(reason, operator),
    )
    notify_followers(
        PolicyChange(
            ChangeKind.SCHEDULED, version, before, after, _console_name(operator), reason, in_force_at
        )
    )
    return in_force_at


@audit.transaction()
def stop_version(number: int, *, by: Admin | None, reason: str, operator: str = "") -> PolicyVersion:
    """Stop a version that has not come into force yet. It never does. Raises CannotActivate."""
    if by is not None and not by.is_admin:
        raise CannotActivate(gettext("Only an admin can stop a version."))
    scheduled = PolicyVersion.objects.scheduled(clock.now()).select_related("activation", "created_by")
    version = scheduled.filter(pk=number).first()
    if version is None:
        raise CannotActivate(gettext("This version is not scheduled to come into force."))
    who = by.name if by else _console_name(operator)
    _stop(version, by=by, by_name=who, reason=reason, personal=_personal(reason, operator))
    return version


@audit.transaction()
def set_frozen(frozen: bool, *, by: Person | None, reason: str, operator: str = "") -> PolicyVersion:
    """Freeze at once, or write a draft that ends the freeze.

    Raises AlreadyFrozen if nothing would change.
    """
    now = current.for_site()
    if now.frozen == frozen:
        raise AlreadyFrozen(
            gettext("The portal is already frozen.") if frozen else gettext("The portal is not frozen.")
        )
    settings = {name: getattr(now, name) for name in SETTING_NAMES} | {"frozen": frozen}
    version = PolicyVersion(**settings, reason=reason)
    add_version(version, by=by, operator=operator)
    return version


def can_activate(version: PolicyVersion) -> bool:
    """Whether no other version came into force after this one was written: this one would silently undo it."""
    written = version.created_at
    later = Q(number__gt=version.number) | Q(activation__in_force_at__gt=written)
    later |= Q(activation__in_force_at=None, activation__at__gt=written)
    others = PolicyVersion.objects.ever_active(clock.now()).exclude(pk=version.pk)
    return not others.filter(later).exists()


def list_drafts() -> list[PolicyVersion]:
    """The drafts that a second admin can activate, of the site and of departments."""
    newer = PolicyVersion.objects.drafts().filter(number__gt=current.newest_version_number())
    return [version for version in newer.select_related("created_by") if can_activate(version)]


def list_scheduled() -> list[PolicyVersion]:
    """The versions that come into force later, unless somebody stops them."""
    return list(PolicyVersion.objects.scheduled(clock.now()).select_related("created_by", "activation__by"))


def has_created_passes() -> bool:
    """Whether a pass may ever have been created. Until then the portal is being set up."""
    none = (PassIssue.State.REJECTED, PassIssue.State.VOID)
    return PassIssue.objects.exclude(state__in=none).exists()


def compare_versions(
    before: EffectivePolicy, version: PolicyVersion, after: EffectivePolicy
) -> dict[str, Any]:
    """The settings that `version` changes: {name: [old, new]}, with the number of each version."""
    changed = {
        name: ["changed", "changed"]
        if name in REDACTED_SETTINGS
        else [getattr(before, name), getattr(after, name)]
        for name in SETTING_NAMES
        if getattr(before, name) != getattr(after, name)
    }
    former = before.own or before
    facts: dict[str, Any] = {"from": former.number, "to": version.number, "changed": changed}
    return facts | (
        {"department": version.department, "overrides": version.overrides} if version.department else {}
    )


def _find_draft(number: int) -> PolicyVersion:
    """Return a draft that is not out of date. Raises CannotActivate."""
    version = PolicyVersion.objects.drafts().select_related("created_by").filter(pk=number).first()
    if version is None:
        raise CannotActivate(
            gettext(
                "This version is not a draft, or does not exist. Perhaps someone has already activated it."
            )
        )
    if not can_activate(version):
        raise CannotActivate(
            gettext(
                "This draft is out of date, because the policy was changed after the draft was written. Write a new "
                "version from the current policy."
            )
        )
    return version


def _put_in_force(
    version: PolicyVersion, *, by: Admin | None, reason: str, operator: str = ""
) -> PolicyVersion:
    before, after = current.effective_before(version), current.effective_with(version)
    PolicyActivation.objects.create(version=version, by=by, at=clock.now())  # type: ignore[misc]  # the user model
    personal = {} if by else _personal(reason, operator)
    audit.record("policy.activated", by=by, facts={"version": version.number}, personal=personal)
    _stop_scheduled(superseded_by=version)
    who = by.name if by else _console_name(operator)
    notify_followers(PolicyChange(ChangeKind.ACTIVATED, version, before, after, who, reason))
    return version


def _stop_scheduled(*, superseded_by: PolicyVersion) -> None:
    """Stop what was to come into force later: it would silently undo the version that is in force now."""
    reason = gettext("Version %(number)s came into force before this version.") % {
        "number": superseded_by.number
    }
    for version in list_scheduled():
        facts = {"superseded_by": superseded_by.number}
        _stop(version, by=None, by_name=superseded_by.by_name, reason=reason, personal={}, facts=facts)


def _stop(
    version: PolicyVersion,
    *,
    by: Admin | None,
    by_name: str,
    reason: str,
    personal: dict[str, str],
    facts: dict[str, Any] | None = None,
) -> None:
    before, after = current.effective_before(version), current.effective_with(version)
    PolicyStop.objects.create(activation=version.activation, by=by, at=clock.now())  # type: ignore[misc]
    audit.record(
        "policy.stopped", by=by, facts={"version": version.number, **(facts or {})}, personal=personal
    )
    notify_followers(PolicyChange(ChangeKind.STOPPED, version, before, after, by_name, reason))


def _waits_although_it_tightens(before: PolicySettings, after: PolicySettings) -> bool:
    """Whether the policy asks for a second admin for every change. What only stops something never waits."""
    if SecondAdmin.current(current.for_site().second_admin) != SecondAdmin.ALWAYS:
        return False
    changed = {name for name in SETTING_NAMES if getattr(before, name) != getattr(after, name)}
    return not changed or not changed <= {"frozen", *API_SETTINGS}


def _personal(reason: str, operator: str) -> dict[str, str]:
    return {"reason": reason} | ({"operator": operator} if operator else {})


def _console_name(operator: str) -> str:
    return gettext("%(operator)s, on the server’s console") % {"operator": operator}
