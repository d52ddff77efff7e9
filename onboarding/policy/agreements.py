"""Which two people agreed to a switch of the policy that is on."""

from __future__ import annotations

from typing import Any

from django.db.models import Max

from onboarding import clock
from onboarding.models import PolicyVersion
from onboarding.policy.current import for_site


def find_two_people(name: str) -> tuple[Any, Any] | None:
    """Return the author and the activator of the version that turned this switch of the site's policy on.

    None if it is off, or if two people did not agree: a version that was written or activated on the console has one.
    """
    if not getattr(for_site(), name):
        return None
    site = PolicyVersion.objects.ever_active(clock.now()).filter(department="")
    off = site.filter(**{name: False}).aggregate(newest=Max("number"))["newest"] or 0
    turned_on = site.filter(**{name: True}, number__gt=off).select_related("created_by", "activation__by")
    version = turned_on.order_by("number").first()
    activation = getattr(version, "activation", None)
    if version is None or activation is None or version.created_by is None or activation.by is None:
        return None
    return None if version.created_by.oid == activation.by.oid else (version.created_by, activation.by)
