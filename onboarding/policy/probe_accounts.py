"""Which accounts may get probe passes: for one hour after two admins agreed to a version that names them."""

from __future__ import annotations

from datetime import datetime, timedelta

from onboarding import clock
from onboarding.models import PolicyVersion
from onboarding.policy.validation import split_lines

NAMED_FOR = timedelta(hours=1)


def find_end_of_probes(account_id: str) -> datetime | None:
    """Return until when probe passes for this account are allowed, None if they are not allowed now.

    The hour begins when the version that added the account came into force. A later version with the same entry does
    not begin another hour. Without two different admins there is no hour: the console counts as nobody.
    """
    now, added = clock.now(), None
    site = PolicyVersion.objects.ever_active(now).filter(department="").order_by("-number")
    for version in site.select_related("created_by", "activation__by").iterator():
        if account_id.lower() not in split_lines(version.probe_accounts):
            break
        added = version
    activation = getattr(added, "activation", None)
    if added is None or activation is None or added.created_by is None or activation.by is None:
        return None
    until = added.in_force_since + NAMED_FOR
    return until if added.created_by.oid != activation.by.oid and now < until else None
