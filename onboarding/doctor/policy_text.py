"""What the policy says about data that cannot be read."""

from __future__ import annotations

from django.utils.translation import gettext

from onboarding.models import PolicyVersion, SitePolicy

# The policy setting for each optional permission.
SETTING_OF_PERMISSION = {
    "AuditLog.Read.All": "sign_ins",
    "Policy.Read.AuthenticationMethod": "pass_policy",
    "PrivilegedEligibilitySchedule.Read.AzureADGroup": "eligible_groups",
}
REFUSES, SKIPS, OFF = "refuse", "skip", "off"


def continues_without(rules: SitePolicy, rule: str) -> bool:
    setting: str = getattr(rules, rule)
    return setting != REFUSES


def policy_setting_text(rules: SitePolicy, rule: str) -> str:
    """What the setting says, with its name, so that an admin finds it."""
    name = str(PolicyVersion._meta.get_field(rule).verbose_name)  # type: ignore[union-attr]  # a field has one
    words = {
        REFUSES: gettext(
            "Because of the policy setting “%(setting)s”, the portal creates no passes while this check fails."
        ),
        SKIPS: gettext(
            "Because of the policy setting “%(setting)s”, the portal continues without this check and records "
            "that with each pass."
        ),
        OFF: gettext("Because of the policy setting “%(setting)s”, the portal does not run this check."),
    }
    return words[getattr(rules, rule)] % {"setting": name}
