"""An admin ends all sessions of a person, for example after a theft, or a person ends other sessions of their own.

A pass that nobody has seen yet is deleted. The portal does not know in which session a pass was created, so this is also
done when a person ends one session: perhaps a stranger created it there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session

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
        passes = _cancel_unseen_passes(person, reason=PassIssue.Reason.SESSIONS_ENDED, by=by)
        event = audit.record(
            "session.ended_all",
            by=by,
            facts={"passes": passes},
            personal={"person": f"{person.tid}/{person.oid}", "person_name": person.name, "reason": reason},
        )
        notifications.write_sessions_ended(
            person, address=address, by=by, reason=reason, passes=passes, number=event.seq
        )
    return passes


class Ended(NamedTuple):
    """How many sessions have ended, and how many passes are being deleted."""

    sessions: int
    passes: int


def end_own_sessions(person: Any, *, keys: Iterable[str]) -> Ended:
    """End those sessions of `keys` that are this person's. Raises SignInNotFresh.

    A pass that is still being created is not shown: see `record_pass`. A pass that was handed over stays.
    """
    require_fresh_sign_in(person)
    with audit.transaction():
        found = Session.objects.select_for_update().filter(session_key__in=list(keys))
        own = [row.session_key for row in found if row.get_decoded().get(SESSION_KEY) == str(person.pk)]
        _, deleted = Session.objects.filter(session_key__in=own).delete()
        sessions = deleted.get(Session._meta.label, 0)
        if not sessions:
            return Ended(0, 0)
        passes = _cancel_unseen_passes(person, reason=PassIssue.Reason.OWN_SESSION_ENDED, by=person)
        audit.record("session.ended_own", by=person, facts={"sessions": sessions, "passes": passes})
    return Ended(sessions, passes)


def _cancel_unseen_passes(person: Any, *, reason: str, by: Any) -> int:
    """Cancel each pass of this person whose arrival no page has confirmed. Returns how many."""
    unseen = PassIssue.objects.filter(actor=person, state=IssueState.SHOWN).select_related("starter")
    for issue in unseen:
        cancel_pass(issue, reason=reason, by=by)
    return len(unseen)


def _mail_address(person: Any) -> str:
    """The person's address in Entra; while Entra does not respond, the account name, which is often the address."""
    try:
        account, _manager = graph.client().look_up(person.oid)
    except graph.GraphError as error:
        log.warning("the address of a person was not read: %s", error)
        return str(person.user_principal_name)
    return account.mail or str(person.user_principal_name)
