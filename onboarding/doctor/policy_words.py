"""What policy says about going on where something cannot be read."""

from __future__ import annotations

from django.utils.translation import gettext

from onboarding.models import PolicyVersion

# The settings that say so, and the optional permissions that they are about.
RULE_OF_PERMISSION = {
    "AuditLog.Read.All": "sign_ins",
    "Policy.Read.AuthenticationMethod": "pass_policy",
    "PrivilegedEligibilitySchedule.Read.AzureADGroup": "eligible_groups",
}
REFUSES, SKIPS, OFF = "refuse", "skip", "off"


def goes_on_without(rules: PolicyVersion, rule: str) -> bool:
    said: str = getattr(rules, rule)
    return said != REFUSES


def how_policy_asks(rules: PolicyVersion, rule: str) -> str:
    """In words, with the setting's own name, so that it is found in the administration."""
    name = str(PolicyVersion._meta.get_field(rule).verbose_name)  # type: ignore[union-attr]  # a field has one
    words = {
        REFUSES: gettext("Policy says (“%(setting)s”): without it no pass is made."),
        SKIPS: gettext(
            "Policy says (“%(setting)s”): passes are made without it, and that is written down with each."
        ),
        OFF: gettext("Policy says (“%(setting)s”): this is not checked."),
    }
    return words[getattr(rules, rule)] % {"setting": name}
