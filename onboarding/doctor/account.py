"""Reads what the guards read, part by part, for a test account, before a manager runs into a problem."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding.doctor.context import DoctorRun
from onboarding.doctor.read_failures import unreadable_finding
from onboarding.doctor.runner import Check, Finding
from onboarding.graph.diagnostics.probe_results import Outcome, ReadResult
from onboarding.i18n import Words
from onboarding.passes import graph_quota, sign_in_quota

USERS, GROUPS, ROLES = "User.Read.All", "GroupMember.Read.All", "RoleManagement.Read.Directory"
METHODS, SIGN_INS = "UserAuthenticationMethod.Read.All", "AuditLog.Read.All"
ELIGIBLE_GROUPS = "PrivilegedEligibilitySchedule.Read.AzureADGroup"
PIM = _("Entra ID P2 or ID Governance")


@dataclass(frozen=True, slots=True)
class GuardFact:
    """One part of what the guards read. `rule` is the policy setting that may let the portal continue without it."""

    part: str
    title: Words
    permission: str
    rule: str = ""
    licence: Words = ""

    @property
    def id(self) -> str:
        return f"fact.{self.part}"


FACTS = (
    GuardFact("manager", _("Access to the account’s manager"), USERS),
    GuardFact("restricted", _("Access to the account’s restricted management administrative units"), USERS),
    GuardFact("methods", _("Access to the account’s sign-in methods"), METHODS),
    GuardFact("roles", _("Access to the account’s administrator roles"), ROLES),
    GuardFact("assignments", _("Access to the account’s role assignments"), ROLES),
    GuardFact("eligible", _("Access to the account’s eligible roles"), ROLES, "eligible_roles", PIM),
    GuardFact("groups", _("Access to the account’s role-assignable groups"), GROUPS),
    GuardFact("owned", _("Access to the role-assignable groups that the account owns"), GROUPS),
    GuardFact(
        "eligible_groups",
        _("Access to the account’s eligible groups"),
        ELIGIBLE_GROUPS,
        "eligible_groups",
        PIM,
    ),
    GuardFact("sign_ins", _("Access to the account’s last sign-in"), SIGN_INS, "sign_ins", "Entra ID P1"),
)


def check_account(run: DoctorRun) -> Finding:
    if not run.account:
        return Finding(
            "skipped",
            gettext(
                "To run this check and the checks that depend on it, enter a test account (on the command line: "
                "--account NAME_OR_ID). The test account must be set up like a starter's account."
            ),
        )
    parts = run.parts
    look = parts.missing or parts.read_result("account")
    if look.outcome == Outcome.ABSENT:
        return Finding(
            "wrong",
            gettext("Entra has no such account."),
            gettext("Copy the user principal name or object ID of the test account from Entra."),
        )
    if not look.is_read:
        return unreadable_finding(look, run.rules, permission=USERS)
    return Finding("ok", gettext("Object ID %(object_id)s.") % {"object_id": parts.object_id})


def check_fact(fact: GuardFact, run: DoctorRun) -> Finding:
    look = _read_fact(fact, run)
    if look is None:
        seconds = round(run.wait_for_sign_ins if fact.part == "sign_ins" else run.wait_for_methods)
        return Finding(
            "unknown",
            ngettext(
                "Skipped: the Microsoft Graph request limit is reached. The portal can ask again in %(seconds)s "
                "second.",
                "Skipped: the Microsoft Graph request limit is reached. The portal can ask again in %(seconds)s "
                "seconds.",
                seconds,
            )
            % {"seconds": seconds},
            gettext("Run the doctor again in a moment."),
        )
    if look.outcome == Outcome.BUSY and fact.part == "methods":
        graph_quota.back_off(look.seconds)  # no process asks again before that
    if look.outcome == Outcome.BUSY and fact.part == "sign_ins":
        sign_in_quota.back_off(look.seconds)
    if not look.is_read:
        return unreadable_finding(
            look, run.rules, permission=fact.permission, rule=fact.rule, licence=fact.licence
        )
    if fact.part == "manager" and run.parts.manager is None:
        return Finding(
            "wrong",
            gettext(
                "No manager is set for this account in Entra, so nobody can create a pass for it in the portal."
            ),
            gettext("Set a manager for the test account in Entra, or enter another account."),
        )
    return Finding("ok", gettext("The portal can read this data."))


def _read_fact(fact: GuardFact, run: DoctorRun) -> ReadResult | None:
    if fact.part == "methods":
        return None if run.wait_for_methods else run.read_methods()
    if fact.part == "sign_ins":
        return None if run.wait_for_sign_ins else run.read_sign_ins()
    return run.parts.read_result(fact.part)


def check_account_in_scope(run: DoctorRun) -> Finding:
    """Find out before a manager does whether Entra would refuse."""
    parts, rules = run.parts, run.pass_rules[1]
    assert rules is not None  # noqa: S101 (this check depends on the one that read it)
    if rules.gives_to(parts.object_id, parts.groups):
        return Finding(
            "ok", gettext("The tenant's Temporary Access Pass policy allows passes for this account.")
        )
    return Finding(
        "wrong",
        gettext("The tenant's pass policy does not allow passes for this account."),
        gettext(
            "Add the account to a group that the policy includes. Remove the account from any group that "
            "the policy excludes."
        ),
    )


CHECKS = (
    Check(
        "fact.account",
        _("Access to the test account"),
        check_account,
        needs=("graph.reach", "database.migrations", f"permission.{USERS}"),
    ),
    *(
        Check(
            fact.id,
            fact.title,
            partial(check_fact, fact),
            needs=("fact.account", f"permission.{fact.permission}"),
        )
        for fact in FACTS
    ),
    Check(
        "account.scope",
        _("Test account in the tenant’s pass policy"),
        check_account_in_scope,
        needs=("policy.on", "policy.scope", "fact.account", "fact.groups"),
    ),
)
