"""Erasing who a person is that signed in: the row stays, because other rows refer to it.

Each erasure is an audit event that names the row. `verify_audit` accepts an erased person as the one who acted only if
there is such an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from onboarding import audit, policy
from onboarding.audit import Person
from onboarding.models import HrMailChoice, SavedFilter, Turn
from onboarding.privacy.needed import needed_people
from onboarding.privacy.rule_types import ERASED, NO_NAME


def find_forgotten_people(now: datetime) -> QuerySet[Any]:
    """People who have not signed in for `audit_days` and hold nothing open."""
    since = now - timedelta(days=policy.for_site().audit_days)
    old = Q(last_login=None) | Q(last_login__lt=since)
    people = get_user_model().objects.filter(old).exclude(oid__startswith=ERASED)
    return people.exclude(needed_people(now)).order_by("pk")


@audit.transaction()
def erase_person(person: Any, *, by: Person | None = None, facts: Mapping[str, Any] | None = None) -> bool:
    """Erase who this person is, unless they have signed in meanwhile. Somebody who signs in again gets a new row."""
    row = get_user_model().objects.filter(pk=person.pk, oid=person.oid, last_login=person.last_login)
    erased = row.update(
        oid=f"{ERASED}{person.pk}",
        name=NO_NAME,
        user_principal_name="",
        roles=[],
        last_login=None,
        last_admin_at=None,
        sessions_ended_at=None,
    )
    if erased:
        HrMailChoice.objects.filter(user=person).delete()
        SavedFilter.objects.filter(owner=person).delete()
        Turn.objects.filter(person=person).delete()
        audit.record(audit.PERSON_ERASED, by=by, facts={"person": person.pk, **(facts or {})})
    return bool(erased)
