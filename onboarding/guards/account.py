"""Guards about the account: the one that HR added, enabled, new and within the policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.utils.translation import gettext_lazy as _

from onboarding.graph import Account, Manager
from onboarding.guards.engine import Guard, Question
from onboarding.guards.sign_in import may_never_have_been_used
from onboarding.models.hire_date import hire_day
from onboarding.models.policy_settings import HireDate
from onboarding.policy import pass_lifetime_minutes
from onboarding.policy.validation import split_lines


def same_account(q: Question) -> bool:
    return bool(q.starter.account_id) and q.account.object_id == q.starter.account_id


SAME_ACCOUNT = Guard(
    "same_account",
    _("Same account as HR added"),
    same_account,
    _("The account in Entra is not the one that HR added."),
    _(
        "Entra returned a different account from the one that HR added. Check which account is right, then "
        "choose that account."
    ),
    alarming=True,
)


def is_enabled(q: Question) -> bool:
    return q.account.enabled is True


ENABLED = Guard(
    "enabled",
    _("Status of the account"),
    is_enabled,
    _("The account is not enabled yet."),
    _("The account is disabled. Ask IT to enable it."),
    resolves_itself=True,
)


def internal_member(q: Question) -> bool:
    return q.account.kind == "member"


INTERNAL_MEMBER = Guard(
    "internal_member",
    _("Internal member or guest"),
    internal_member,
    _("This is a guest account. Guests sign in with the account of their own organisation."),
    _(
        "The account is a guest account. Only internal members can get a pass. Choose another account, "
        "or ask IT for an internal one."
    ),
)


def _hire_day(q: Question) -> date | None:
    """Return the hire date as a day in the starter's time zone."""
    return hire_day(q.account.hire_date, q.starter.zone_info) if q.account.hire_date else None


def is_new(q: Question) -> bool:
    """Check that the account was created near the start, or that it was never used and the hire date is near the start.

    HR's own systems write the hire date, so the hire date alone does not make an old account a new one.
    """
    earliest = q.starter.starts_at - timedelta(days=q.policy.new_days_before)
    latest = q.starter.starts_at + timedelta(days=q.policy.new_days_after)

    def near_start(moment: datetime | None) -> bool:
        return moment is not None and earliest <= moment <= latest

    def hired_near_start() -> bool:
        hired, zone = _hire_day(q), q.starter.zone_info
        return (
            hired is not None and earliest.astimezone(zone).date() <= hired <= latest.astimezone(zone).date()
        )

    return near_start(q.account.created_at) or (may_never_have_been_used(q) and hired_near_start())


IS_NEW = Guard(
    "is_new",
    _("Age of the account"),
    is_new,
    _("This account does not look new."),
    _(
        "The account was created too long before or after the start date. Check the account and the "
        "start date. If both are right, ask IT to check the hire date in Entra."
    ),
    alarming=True,
)


def same_person(q: Question) -> bool:
    """Check that name, account name and employee number are as HR saw them. A reused name may belong to a stranger."""
    seen = q.starter.seen
    now = identity_snapshot(q.account, None)
    return bool(seen) and all(
        seen[name] == now[name] for name in now if name in seen and name != "manager_id"
    )


SAME_PERSON = Guard(
    "same_person",
    _("Changes to name and employee number"),
    same_person,
    _("This account has changed since HR checked it."),
    _(
        "The name, account name or employee number has changed since HR checked the account. Check on the "
        "starter’s page whether the account still belongs to the same person."
    ),
    alarming=True,
    setting="same_person",
)


def identity_snapshot(account: Account, manager: Manager | None) -> dict[str, str]:
    """Return the details that HR checks: the person and the manager. They are compared on the day of the start."""
    return {
        "name": account.display_name,
        "account_name": account.user_principal_name.lower(),
        "employee_id": account.employee_id,
        "manager_id": manager.object_id if manager else "",
    }


def hire_date_agrees(q: Question) -> bool:
    """Compare days in the starter's time zone: HR's systems write a hire date as the start of a day in UTC."""
    hired = _hire_day(q)
    if hired is None:
        return q.policy.hire_date != HireDate.REQUIRED
    return abs((hired - q.starter.start_date).days) <= q.policy.hire_date_days


HIRE_DATE_AGREES = Guard(
    "hire_date_agrees",
    _("Hire date and start date"),
    hire_date_agrees,
    _("The start date does not match the hire date in Entra."),
    _("The hire date in Entra is missing or far from the start date. Check the account and the start date."),
    setting="hire_date",
)


def in_scope(q: Question) -> bool:
    """Check that the account is in every scope that the policy sets: a listed domain, department and group."""
    _, _, domain = q.account.user_principal_name.casefold().rpartition("@")
    department = " ".join(q.account.department.casefold().split())
    scopes: tuple[tuple[str, Iterable[str]], ...] = (
        (q.policy.scope_domains, {domain}),
        (q.policy.scope_departments, {department}),
        (q.policy.scope_groups, q.facts.groups),
    )
    return all(not listed or not set(split_lines(listed)).isdisjoint(own) for listed, own in scopes)


IN_SCOPE = Guard(
    "in_scope",
    _("Domains, departments and groups in the portal’s policy"),
    in_scope,
    _("The portal is not allowed to create passes for this account."),
    _(
        "The account is not in the groups, domains or departments that the policy allows. Ask IT to "
        "correct the account’s group, domain or department, or ask an admin to change the policy."
    ),
    resolves_itself=True,
)


def in_pass_policy(q: Question) -> bool:
    """Check that the tenant's pass policy in Entra includes this account and allows this lifetime."""
    tenant_policy, minutes = q.facts.pass_policy, pass_lifetime_minutes(q.policy)
    if tenant_policy is None:
        return False
    fits = tenant_policy.shortest_minutes <= minutes <= tenant_policy.longest_minutes
    return fits and tenant_policy.includes(q.account.object_id, q.facts.groups)


IN_PASS_POLICY = Guard(
    "in_pass_policy",
    _("Account in the tenant’s pass policy"),
    in_pass_policy,
    _("Microsoft does not allow a pass for this account yet."),
    _(
        "The Temporary Access Pass policy in Entra does not include this account, or does not allow the "
        "portal’s pass lifetime. Ask IT to correct the policy, or to add the account to a group that the "
        "policy includes. The change takes effect after a few minutes."
    ),
    setting="pass_policy",
    is_unreadable=lambda q: q.facts.pass_policy is None,
    resolves_itself=True,
)
