"""An admin ends all sessions of a person, for example after a theft. A pass that nobody has seen yet is deleted."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth import get_user_model

from onboarding import audit, clock, graph
from onboarding.lifecycle import IssueState
from onboarding.mail import notifications
from onboarding.models import PassIssue
from onboarding.passes.cancellation import cancel_pass
from onboarding.sessions.freshness import require_fresh_sign_in

log = logging.getLogger(__name__)


def end_sessions(person: Any, *, by: Any, reason: str) -> int:
    """End every session that the person has now. Returns how many passes are being deleted. Raises SignInNotFresh.

    A pass that is still being created is not shown: see `record_pass`. A pass that was handed over stays.
    """
    require_fresh_sign_in(by)
    address = _mail_address(person)
    with audit.transaction():
        now = clock.now()
        get_user_model().objects.filter(pk=person.pk).update(sessions_ended_at=now)
        unseen = PassIssue.objects.filter(actor=person, state=IssueState.SHOWN).select_related("starter")
        for issue in unseen:
            cancel_pass(issue, reason=PassIssue.Reason.SESSIONS_ENDED, by=by)
        event = audit.record(
            "session.ended_all",
            by=by,
            facts={"passes": len(unseen)},
            personal={"person": f"{person.tid}/{person.oid}", "person_name": person.name, "reason": reason},
        )
        notifications.write_sessions_ended(
            person, address=address, by=by, reason=reason, passes=len(unseen), number=event.seq
        )
    return len(unseen)


def _mail_address(person: Any) -> str:
    """The person's address in Entra; while Entra does not respond, the account name, which is often the address."""
    try:
        account, _manager = graph.client().look_up(person.oid)
    except graph.GraphError as error:
        log.warning("the address of a person was not read: %s", error)
        return str(person.user_principal_name)
    return account.mail or str(person.user_principal_name)
