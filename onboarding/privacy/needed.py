"""What is still needed although its time is over: events and people behind a policy, and people of starters."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from onboarding import audit, clock, policy
from onboarding.models import (
    Approval,
    PassIssue,
    PolicyActivation,
    PolicyStop,
    PolicyVersion,
    Starter,
    Ticket,
)

# Fields of a starter that hold the object id of a person.
ID_FIELDS = (
    "account_id",
    "found_account_id",
    "manager_id",
    "first_manager_id",
    "stand_in_for",
    "stand_in_id",
)


def find_needed_policy_events(now: datetime | None = None) -> list[int]:
    """Events of the versions that are in force, wait for it, or were in force in the last `audit_days`."""
    return audit.find_policy_events(_needed_versions(now or clock.now()))


def needed_people(now: datetime | None = None) -> Q:
    """Match people who hold something open: a starter that is not erased, a needed policy version, a recent admin role."""
    moment = now or clock.now()
    return people_behind_policies(moment) | people_of(Starter.objects.filter(erased_at=None))


def people_of(starters: QuerySet[Starter]) -> Q:
    """Match the people who took part in any of these starters, or who are one of them."""
    rows = starters.order_by()
    found = Q(pk__in=rows.exclude(recorded_by=None).values("recorded_by"))
    found |= Q(pk__in=PassIssue.objects.filter(starter__in=rows).values("actor"))
    found |= Q(pk__in=Approval.objects.filter(starter__in=rows).values("by"))
    found |= Q(oid__in=Ticket.objects.filter(starter__in=rows).values("requested_by_id"))
    for name in ID_FIELDS:
        found |= Q(oid__in=rows.exclude(**{name: ""}).values(name))
    contributors = {oid for listed in rows.values_list("shaped_by", flat=True) for oid in listed}
    return found | Q(oid__in=sorted(contributors))


def people_behind_policies(now: datetime) -> Q:
    """Match the people behind a needed policy version. A recent admin cannot create a pass, so is needed too."""
    numbers = _needed_versions(now)
    authors = PolicyVersion.objects.filter(pk__in=numbers).exclude(created_by=None)
    activated = PolicyActivation.objects.filter(version__in=numbers).exclude(by=None)
    stopped = PolicyStop.objects.filter(activation__version__in=numbers).exclude(by=None)
    return (
        Q(pk__in=authors.values("created_by"))
        | Q(pk__in=activated.values("by"))
        | Q(pk__in=stopped.values("by"))
        | Q(last_admin_at__gt=now - timedelta(days=policy.for_site().admin_days))
    )


def _needed_versions(now: datetime) -> set[int]:
    return policy.find_versions_since(now - timedelta(days=policy.for_site().audit_days))
