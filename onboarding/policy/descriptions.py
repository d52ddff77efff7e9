"""The settings of the policy and their changes in words, for pages and mails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from onboarding.models import PolicyVersion
from onboarding.models.pass_issue import IdentityCheck
from onboarding.models.policy_settings import FORMER_SECOND_ADMIN, SETTING_NAMES, PolicySettings


@dataclass(frozen=True)
class SettingChange:
    """One setting that differs between two policies, in words."""

    name: str
    label: str
    before: str
    after: str


def setting_field(name: str) -> Any:
    """Return the model field of a setting: its label, help and choices."""
    return PolicyVersion._meta.get_field(name)


def format_setting(name: str, value: Any) -> str:
    """Format the value of a setting for people."""
    if name == "identity_checks":
        return ", ".join(str(dict(IdentityCheck.choices).get(check, check)) for check in value) or gettext(
            "none"
        )
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if value in (None, ""):
        return gettext("not set")
    choices = dict(setting_field(name).flatchoices)
    if name == "second_admin":
        choices |= FORMER_SECOND_ADMIN
    return str(choices.get(value, value)).replace("\n", ", ")


def describe_changes(before: PolicySettings, after: PolicySettings) -> list[SettingChange]:
    """List the settings that differ."""
    return [
        SettingChange(
            name=name,
            label=str(setting_field(name).verbose_name),
            before=format_setting(name, getattr(before, name)),
            after=format_setting(name, getattr(after, name)),
        )
        for name in SETTING_NAMES
        if getattr(before, name) != getattr(after, name)
    ]
