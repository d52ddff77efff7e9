"""What the guards read, part by part, tried with a named test account: so that no manager is the first to find out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding import budget
from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.reads import not_read
from onboarding.doctor.visit import Visit
from onboarding.graph.outcomes import Look, Outcome
from onboarding.language import Words

USERS, GROUPS, ROLES = "User.Read.All", "GroupMember.Read.All", "RoleManagement.Read.Directory"
METHODS, SIGN_INS = "UserAuthenticationMethod.Read.All", "AuditLog.Read.All"
ELIGIBLE_GROUPS = "PrivilegedEligibilitySchedule.Read.AzureADGroup"
PIM = _("Entra ID P2 or ID Governance")


@dataclass(frozen=True, slots=True)
class Fact:
    """One part of what the guards read; `rule` is the setting of policy that may do without it."""

    part: str
    title: Words
    permission: str
    rule: str = ""
    licence: Words = ""

    @property
    def id(self) -> str:
        return f"fact.{self.part}"


FACTS = (
    Fact("manager", _("The account's manager can be read"), USERS),
    Fact("restricted", _("Whether the account is in a restricted unit can be read"), USERS),
    Fact("methods", _("The account's ways to sign in can be read"), METHODS),
    Fact("roles", _("The administrator roles that the account holds can be read"), ROLES),
    Fact("assignments", _("The account's role assignments can be read"), ROLES),
    Fact("eligible", _("The roles that the account may activate can be read"), ROLES, "eligible_roles", PIM),
    Fact("groups", _("Which of its groups can carry roles can be read"), GROUPS),
    Fact("owned", _("Which of the groups it owns can carry roles can be read"), GROUPS),
    Fact(
        "eligible_groups",
        _("The groups that the account may activate can be read"),
        ELIGIBLE_GROUPS,
        "eligible_groups",
        PIM,
    ),
    Fact("sign_ins", _("When the account last signed in can be read"), SIGN_INS, "sign_ins", "Entra ID P1"),
)


def account_can_be_read(visit: Visit) -> Finding:
    if not visit.account:
        return Finding(
            "skipped",
            gettext(
                "No test account was named. Give one that could be a starter's, and this and what rests on it is tried."
            ),
        )
    parts = visit.parts
    look = parts.missing or parts.look("account")
    if look.outcome == Outcome.ABSENT:
        return Finding(
            "wrong",
            gettext("The directory has no account of this name."),
            gettext("Give the test account's user principal name or object id as the directory has it."),
        )
    if not look.is_read:
        return not_read(look, visit.rules, permission=USERS)
    return Finding("ok", gettext("Object id %(object_id)s.") % {"object_id": parts.object_id})


def fact_can_be_read(fact: Fact, visit: Visit) -> Finding:
    look = _look(fact, visit)
    if look is None:
        seconds = round(visit.wait_for_methods)
        return Finding(
            "unknown",
            ngettext(
                "Not asked: people or the worker use Graph's small budget now; free in %(seconds)s second.",
                "Not asked: people or the worker use Graph's small budget now; free in %(seconds)s seconds.",
                seconds,
            )
            % {"seconds": seconds},
            gettext("Run the doctor again in a moment."),
        )
    if look.outcome == Outcome.BUSY and fact.part == "methods":
        budget.pause(look.seconds)  # nobody asks again before that
    if not look.is_read:
        return not_read(look, visit.rules, permission=fact.permission, rule=fact.rule, licence=fact.licence)
    if fact.part == "manager" and visit.parts.manager is None:
        return Finding(
            "wrong",
            gettext("The directory names no manager for this account, so nobody could confirm."),
            gettext("Give the test account a manager in the directory, or name another account."),
        )
    return Finding("ok", gettext("Read."))


def _look(fact: Fact, visit: Visit) -> Look | None:
    if fact.part == "methods":
        return None if visit.wait_for_methods else visit.read_methods()
    if fact.part == "sign_ins":
        return visit.diagnosis.add_sign_ins(visit.parts)
    return visit.parts.look(fact.part)


def is_in_scope(visit: Visit) -> Finding:
    """Where Entra would refuse, a manager would learn it from the refusal."""
    parts, rules = visit.parts, visit.pass_rules[1]
    assert rules is not None  # noqa: S101 (this check rests on the one that read it)
    if rules.gives_to(parts.object_id, parts.groups):
        return Finding("ok", gettext("Entra would give this account a pass."))
    return Finding(
        "wrong",
        gettext("The tenant's pass policy excludes this account, or does not include it."),
        gettext(
            "Put the account into a group that the policy includes, and take it out of those that it excludes."
        ),
    )


CHECKS = (
    Check(
        "fact.account",
        _("The test account can be read"),
        account_can_be_read,
        needs=("graph.reach", "database.migrations", f"permission.{USERS}"),
    ),
    *(
        Check(
            fact.id,
            fact.title,
            partial(fact_can_be_read, fact),
            needs=("fact.account", f"permission.{fact.permission}"),
        )
        for fact in FACTS
    ),
    Check(
        "account.scope",
        _("The tenant's pass policy gives the test account a pass"),
        is_in_scope,
        needs=("policy.on", "policy.scope", "fact.account", "fact.groups"),
    ),
)
