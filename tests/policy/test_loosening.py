"""Which change of each setting loosens a rule: the table, and a version that makes the change."""

from __future__ import annotations

from typing import Any

import pytest

from onboarding import policy
from onboarding.models import PolicyVersion
from onboarding.models.policy_settings import DEPARTMENT_SETTINGS, SETTING_NAMES, PolicySettings, SecondAdmin
from onboarding.policy.loosening import RULES, Direction, list_loosened

pytestmark = pytest.mark.django_db

ONE, TWO = "96000000-0000-4000-8000-000000000001", "96000000-0000-4000-8000-000000000002"
# For each setting: a strict value, and a looser one. Where any change loosens, both directions do.
VALUES: dict[str, tuple[Any, Any]] = {
    "frozen": (True, False),
    "lifetime_minutes": (30, 60),
    "single_use": (True, False),
    "attempts": (1, 2),
    "identity_checks": (["in_person"], ["in_person", "known"]),
    "sign_in_minutes": (2, 5),
    "step_up_context": ("c1", "c2"),
    "opens_minutes_before": (60, 120),
    "closes_days_after": (2, 5),
    "invite_days_before": (5, 3),
    "remind_days_before": (2, 0),
    "remind_on_day": (True, False),
    "escalate_to": ("above", "nobody"),
    "escalate_hour": (11, 14),
    "new_days_before": (30, 90),
    "new_days_after": (10, 31),
    "hire_date": ("known", "off"),
    "hire_date_days": (10, 31),
    "same_person": (True, False),
    "same_manager": (True, False),
    "eligible_roles": ("refuse", "skip"),
    "eligible_groups": ("skip", "off"),
    "pass_policy": ("refuse", "off"),
    "sign_ins": ("refuse", "skip"),
    "restricted_unit": (True, False),
    "phones_beforehand": (False, True),
    "scope_domains": ("a.example", "a.example\nb.example"),
    "scope_departments": ("legal", "legal\nit"),
    "scope_groups": (ONE, ""),
    "deny_list": (f"{ONE}\n{TWO}", ONE),
    "probe_accounts": (ONE, f"{ONE}\n{TWO}"),
    "manager_daily": (10, 20),
    "hr_daily": (10, 500),
    "import_daily": (10, 2000),
    "hr_look_ups_daily": (100, 1500),
    "hr_links_daily": (10, 200),
    "manager_refusals_daily": (5, 30),
    "site_daily": (100, 1000),
    "second_admin": ("always", "loosens"),
    "admin_days": (60, 30),
    "approve_all": (True, False),
    "approve_manager": (True, False),
    "approve_beyond": (True, False),
    "api_applications": (f"{ONE} servicenow", f"{ONE} servicenow topdesk"),
    "api_trusted_sources": ("", "servicenow"),
    "api_agents": (False, True),
    "propose_days": (0, 14),
    "accept_proposals": (False, True),
    "hook_hosts": ("a.example", "a.example\nb.example"),
    "hook_private_ranges": ("", "10.20.0.0/16"),
    "retention_days": (30, 31),
    "audit_days": (365, 366),
    "hr_address": ("hr@contoso.example", ""),
    "security_address": ("a@contoso.example", "b@contoso.example"),
    "duty_address": ("", "duty@contoso.example"),
    "graph_calls": (5, None),
    "graph_seconds": (10, 20),
}
EVERY_SETTING = pytest.mark.parametrize("name", sorted(VALUES))


def settings_with(**values: Any) -> PolicyVersion:
    return PolicyVersion(**values, reason="A test")


def test_every_setting_has_a_direction_and_values():
    named = {field.name for field in PolicySettings._meta.local_fields}

    assert set(RULES) == named == set(VALUES)
    assert named >= set(SETTING_NAMES)
    assert all(rule.reason.endswith(".") for rule in RULES.values())


@EVERY_SETTING
def test_the_looser_value_loosens(name):
    strict, loose = VALUES[name]

    assert list_loosened(settings_with(**{name: strict}), settings_with(**{name: loose})) == [name]


@EVERY_SETTING
def test_the_stricter_value_loosens_only_without_a_direction(name):
    strict, loose = VALUES[name]
    expected = [name] if RULES[name].direction == Direction.ANY else []

    assert list_loosened(settings_with(**{name: loose}), settings_with(**{name: strict})) == expected


@EVERY_SETTING
def test_no_change_loosens_nothing(name):
    for value in VALUES[name]:
        assert list_loosened(settings_with(**{name: value}), settings_with(**{name: value})) == []


@pytest.mark.parametrize("name", sorted(name for name in SETTING_NAMES if name != "second_admin"))
def test_a_looser_version_waits_and_a_stricter_does_not(policy_says, person, name):
    strict, loose = VALUES[name]
    policy_says(**{name: strict})
    site = {name: getattr(policy.for_site(), name) for name in SETTING_NAMES}

    looser = policy.add_version(settings_with(**site | {name: loose}), by=person("ada"))
    between = getattr(policy.for_site(), name)
    policy_says(**{name: loose})
    stricter = policy.add_version(settings_with(**site), by=person("ada"))

    assert (looser, between) == (False, strict)
    assert stricter is (RULES[name].direction != Direction.ANY)


@pytest.mark.parametrize("name", sorted(DEPARTMENT_SETTINGS))
def test_a_departments_looser_override_is_a_draft(policy_says, person, name):
    strict, loose = VALUES[name]
    policy_says(**{name: strict})
    own = settings_with(department="legal", overrides=[name], **{name: loose})

    assert policy.add_version(own, by=person("ada")) is False
    assert getattr(policy.for_department("Legal"), name) == strict


def test_a_removed_override_that_loosens_is_a_draft(adopt, person):
    adopt(settings_with(department="legal", overrides=["attempts"], attempts=1))

    removed = policy.add_version(settings_with(department="legal", overrides=[]), by=person("ada"))

    assert removed is False
    assert policy.for_department("Legal").attempts == 1


def test_a_removed_override_that_tightens_is_in_force(adopt, person):
    adopt(settings_with(department="legal", overrides=["attempts"], attempts=9))

    assert policy.add_version(settings_with(department="legal", overrides=[]), by=person("ada")) is True
    assert policy.for_department("Legal").attempts == 3


def test_an_override_equal_to_the_site_counts_when_removed(adopt, policy_says, person):
    """Equal at first, it loosens nothing. Its removal counts by the value that the site has then."""
    same = settings_with(department="legal", overrides=["attempts"], attempts=policy.for_site().attempts)
    assert policy.add_version(same, by=person("ada")) is True

    policy_says(attempts=5)
    removed = policy.add_version(settings_with(department="legal", overrides=[]), by=person("ada"))

    assert removed is False
    assert policy.for_department("Legal").attempts == 3
    policy_says(attempts=2)
    assert policy.add_version(settings_with(department="legal", overrides=[]), by=person("ada")) is True
    assert policy.for_department("Legal").attempts == 2


def test_a_departments_unused_values_loosen_nothing(person):
    """A version has a value for each setting. Only its overrides count."""
    own = settings_with(department="legal", overrides=["attempts"], attempts=1, lifetime_minutes=480)

    assert policy.add_version(own, by=person("ada")) is True


@pytest.mark.parametrize("before", ["when_two", "never"])
def test_former_values_mean_only_what_loosens(person, before):
    PolicyVersion.objects.create(reason="Of an earlier release", second_admin=before)
    now = policy.for_site()

    assert now.second_admin == SecondAdmin.LOOSENS
    assert list_loosened(settings_with(second_admin=before), settings_with()) == []
    assert policy.format_setting("second_admin", before).endswith("(setting of an earlier release)")
    assert policy.add_version(settings_with(lifetime_minutes=90), by=person("ada")) is False
