"""Accounts that the portal never creates a pass for: administrators, and those on the deny list. IT handles them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onboarding.guards.engine import Guard, Question
from onboarding.policy.validation import split_lines


def not_denied(q: Question) -> bool:
    return set(split_lines(q.policy.deny_list)).isdisjoint({q.account.object_id, *q.facts.groups})


NOT_DENIED = Guard(
    "not_denied",
    _("Deny list in the policy"),
    not_denied,
    _("IT handles passes for this kind of account."),
    _(
        "The account or one of its groups is on the deny list in the policy. Only an admin can change the "
        "list."
    ),
    alarming=True,
)


def no_active_role(q: Question) -> bool:
    return not q.facts.active_roles


NO_ACTIVE_ROLE = Guard(
    "no_active_role",
    _("Administrator roles of the account"),
    no_active_role,
    _("IT handles passes for this kind of account."),
    _(
        "The account has an administrator role. The portal never creates a pass for such an account. Ask IT "
        "to create the pass."
    ),
    alarming=True,
)


def no_eligible_role(q: Question) -> bool:
    return q.facts.eligible_roles == ()


NO_ELIGIBLE_ROLE = Guard(
    "no_eligible_role",
    _("Administrator roles that the account can activate"),
    no_eligible_role,
    _("IT handles passes for this kind of account."),
    _(
        "The account can activate an administrator role. The portal never creates a pass for such an "
        "account. Ask IT to create the pass."
    ),
    alarming=True,
    setting="eligible_roles",
    is_unreadable=lambda q: q.facts.eligible_roles is None,
)


def no_role_group(q: Question) -> bool:
    """Check that the account is no member or owner of a role-assignable group. Only these can have directory roles."""
    return not q.facts.role_groups


NO_ROLE_GROUP = Guard(
    "no_role_group",
    _("Role-assignable groups of the account"),
    no_role_group,
    _("IT handles passes for this kind of account."),
    _("The account is in a group that can have administrator roles. Ask IT to create the pass."),
    alarming=True,
)


def no_eligible_group(q: Question) -> bool:
    """Check that the account cannot make itself a member or owner of a group through PIM for groups."""
    return q.facts.eligible_groups == ()


NO_ELIGIBLE_GROUP = Guard(
    "no_eligible_group",
    _("Groups that the account can join through PIM"),
    no_eligible_group,
    _("IT handles passes for this kind of account."),
    _(
        "The account can make itself a member or owner of a group through Privileged Identity Management "
        "(PIM). Ask IT to create the pass."
    ),
    alarming=True,
    setting="eligible_groups",
    is_unreadable=lambda q: q.facts.eligible_groups is None,
)


def not_restricted(q: Question) -> bool:
    return q.account.restricted is False


NOT_RESTRICTED = Guard(
    "not_restricted",
    _("Restricted management administrative units of the account"),
    not_restricted,
    _("IT handles passes for this kind of account."),
    _(
        "The account is in a restricted management administrative unit, where the portal has no rights. "
        "Ask IT to create the pass."
    ),
    alarming=True,
    setting="restricted_unit",
)
