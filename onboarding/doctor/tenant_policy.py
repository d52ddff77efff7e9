"""The tenant's Temporary Access Pass policy, compared with each active policy of the portal."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import policy
from onboarding.doctor.context import DoctorRun
from onboarding.doctor.read_failures import unreadable_finding
from onboarding.doctor.runner import Check, Finding
from onboarding.graph.diagnostics.probe_results import PassRules, Target

PERMISSION = "Policy.Read.AuthenticationMethod"
ADMIN_CENTRE_PATH = _("Entra admin centre, Authentication methods, Temporary Access Pass")


def check_policy_readable(run: DoctorRun) -> Finding:
    look, rules = run.pass_rules
    if rules is None:
        return unreadable_finding(look, run.rules, permission=PERMISSION, rule="pass_policy")
    return Finding("ok", gettext("The portal can read this data."))


def check_policy_enabled(run: DoctorRun) -> Finding:
    if _tenant_rules(run).enabled:
        return Finding("ok", gettext("Enabled."))
    return Finding(
        "wrong",
        gettext("The tenant's Temporary Access Pass policy is turned off, so Entra refuses every pass."),
        gettext("Enable the policy (%(where)s).") % {"where": ADMIN_CENTRE_PATH},
    )


def check_lifetime_bounds(run: DoctorRun) -> Finding:
    """Entra refuses a lifetime outside the tenant's bounds."""
    theirs = _tenant_rules(run)
    low, high, ours = theirs.shortest_minutes, theirs.longest_minutes, _distinct_lifetimes(run)
    outside = [
        _requested_lifetime_text(department, minutes)
        for department, minutes in ours
        if not low <= minutes <= high
    ]
    if outside:
        return Finding(
            "wrong",
            gettext("Entra allows passes of %(low)s to %(high)s minutes, but %(outside)s.")
            % {"low": low, "high": high, "outside": "; ".join(outside)},
            gettext(
                "Change the allowed lifetime in Entra (%(where)s, Configure), or ask an admin to change the "
                "lifetime in the portal's policy."
            )
            % {"where": ADMIN_CENTRE_PATH},
        )
    words = {
        True: gettext(
            "Entra allows passes of %(low)s to %(high)s minutes that work only once. The portal creates "
            "only such passes. Lifetime in the portal: %(ours)s."
        ),
        False: gettext(
            "Entra allows passes of %(low)s to %(high)s minutes that work once or several times. The "
            "portal creates only passes that work once. Lifetime in the portal: %(ours)s."
        ),
        None: gettext(
            "Entra allows passes of %(low)s to %(high)s minutes. The portal creates only passes that work "
            "once. Lifetime in the portal: %(ours)s."
        ),
    }
    lifetimes = "; ".join(_lifetime_text(department, minutes) for department, minutes in ours)
    return Finding("ok", words[theirs.always_once] % {"low": low, "high": high, "ours": lifetimes})


def check_policy_targets(run: DoctorRun) -> Finding:
    rules = _tenant_rules(run)
    if not rules.included:
        return Finding(
            "wrong",
            gettext(
                "The tenant's Temporary Access Pass policy includes no accounts, so Entra refuses every pass."
            ),
            gettext(
                "In Entra, include the group of current starters in the policy (%(where)s, Enable and target)."
            )
            % {"where": ADMIN_CENTRE_PATH},
        )
    words = (
        gettext("Included: %(included)s. Excluded: %(excluded)s.")
        if rules.excluded
        else gettext("Included: %(included)s.")
    )
    return Finding(
        "ok", words % {"included": _join_targets(rules.included), "excluded": _join_targets(rules.excluded)}
    )


def _join_targets(targets: tuple[Target, ...]) -> str:
    return ", ".join(map(str, targets))


def _distinct_lifetimes(run: DoctorRun) -> list[tuple[str, int]]:
    """The site's lifetime, and those of departments with another."""
    found = [(department, policy.pass_lifetime_minutes(rules)) for department, rules in run.policies]
    return [
        (department, minutes)
        for department, minutes in found
        if (department, minutes) == found[0] or minutes != found[0][1]
    ]


def _requested_lifetime_text(department: str, minutes: int) -> str:
    words = (
        gettext("the department “%(department)s” needs %(minutes)s minutes")
        if department
        else gettext("the policy for the whole organisation needs %(minutes)s minutes")
    )
    return words % {"department": department, "minutes": minutes}


def _lifetime_text(department: str, minutes: int) -> str:
    words = (
        gettext("the department “%(department)s”: %(minutes)s minutes")
        if department
        else gettext("the policy for the whole organisation: %(minutes)s minutes")
    )
    return words % {"department": department, "minutes": minutes}


def _tenant_rules(run: DoctorRun) -> PassRules:
    rules = run.pass_rules[1]
    assert rules is not None  # noqa: S101 (these checks depend on the one that read it)
    return rules


CHECKS = (
    Check(
        "policy.read",
        _("Access to the tenant’s pass policy"),
        check_policy_readable,
        needs=("graph.reach", f"permission.{PERMISSION}"),
    ),
    Check("policy.on", _("Status of the tenant’s pass policy"), check_policy_enabled, needs=("policy.read",)),
    Check(
        "policy.bounds",
        _("Pass lifetime that the tenant allows"),
        check_lifetime_bounds,
        needs=("policy.read",),
    ),
    Check(
        "policy.scope",
        _("Accounts in the tenant’s pass policy"),
        check_policy_targets,
        needs=("policy.read",),
    ),
)
