"""Step 1 of the hand-over: commit the intent before anything is sent."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import DatabaseError, IntegrityError

from onboarding import audit, clock, graph, guards, jobs, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import daily_limits, emergency_stop, step_up
from onboarding.models import EffectivePolicy, PassIssue, ProbePass, Starter
from onboarding.models.job import Job
from onboarding.passes import sign_ins
from onboarding.passes.confirmation import Confirmation
from onboarding.passes.errors import PageOutdated, TryAgainLater
from onboarding.passes.refusal import guard_question, refuse_pass
from onboarding.restored import use
from onboarding.transitions import move_starter

log = logging.getLogger(__name__)


def claim_issue(confirmation: Confirmation, rules: EffectivePolicy, facts: graph.Facts) -> PassIssue:
    """Commit the intent in one short transaction, if starter and policy are unchanged. Raises PassNotIssued."""
    starter = confirmation.starter
    try:
        with audit.transaction():
            now = clock.now()
            _recheck_database(starter)
            _recheck_session(confirmation)
            _recheck_daily_limits(confirmation, rules)
            if emergency_stop.is_account_stopped(starter.account_id, starter.account_name):
                raise ConcurrentUpdate("somebody has just used the emergency stop")
            _recheck_probes(starter)
            issue = PassIssue(
                starter=starter,
                account_id=starter.account_id,
                number=starter.issues.count() + 1,
                actor=confirmation.person,
                identity_check=confirmation.identity_check,
                policy=rules,
                override=rules.own,
                lifetime_minutes=policy.pass_lifetime_minutes(rules),
                intended_at=now,
                lease_until=now + settings.PASS_LEASE,
                seen_before=[seen.method_id for seen in facts.passes or ()],
                methods_before=[method.method_id for method in facts.methods or () if method.method_id],
            )
            move_starter(
                starter,
                None,
                event="issue.intent",
                by=confirmation.person,
                issue=issue,
                facts=_intent_facts(issue, confirmation, rules, facts),
                personal={"account": issue.account_id},
            )
            step_up.consume_proof(
                confirmation.proof, starter=starter, person=confirmation.person, rules=rules, now=now
            )
            issue.save(force_insert=True)
            if policy.for_starter(starter).version_key != rules.version_key:
                raise ConcurrentUpdate("the policy has changed")
            jobs.enqueue_job(f"issue:{issue.pk}", priority=Job.Priority.PASS, due_at=issue.lease_until)
    except (ConcurrentUpdate, IntegrityError):
        raise PageOutdated from None
    except step_up.ProofAlreadyUsed:
        refuse_pass(confirmation, rules, (guards.BY_CODE["step_up_is_for_this"],))
    except DatabaseError:
        log.exception("could not save the attempt; no request was sent")
        raise TryAgainLater("busy") from None
    return issue


def _recheck_database(starter: Starter) -> None:
    """Check that the database is no restored copy, and that the starter was checked since it was adopted."""
    if use.find_cause() is not None:
        raise TryAgainLater("not_in_use")
    if use.is_unchecked(starter):
        raise ConcurrentUpdate("the starter was not checked since the database was restored")


def _recheck_probes(starter: Starter) -> None:
    if ProbePass.objects.filter(account_id=starter.account_id, ended_at=None).exists():
        raise ConcurrentUpdate("a probe pass of the same account is not gone yet")


def _recheck_session(confirmation: Confirmation) -> None:
    """Check that nobody ended the session of this click, or all sessions of the person, since the click began.

    An end after this is seen when the pass is recorded. Both take the audit lock, so none falls in between.
    """
    person = confirmation.person
    ended_at = get_user_model().objects.filter(pk=person.pk).values_list("sessions_ended_at", flat=True)
    if list(ended_at) != [person.sessions_ended_at]:
        raise ConcurrentUpdate("the sessions of this person were ended")
    key = confirmation.session_key
    if key is not None and not Session.objects.filter(session_key=key).exists():
        raise ConcurrentUpdate("this session was ended")


def _recheck_daily_limits(confirmation: Confirmation, rules: EffectivePolicy) -> None:
    """Check the daily limits again. The audit lock serialises claims, so this count is exact."""
    if not daily_limits.are_both_below_limit(confirmation.person, rules):
        raise ConcurrentUpdate("the daily limit is reached")


def _intent_facts(
    issue: PassIssue, confirmation: Confirmation, rules: EffectivePolicy, facts: graph.Facts
) -> dict[str, Any]:
    """Return the facts of the audit event `issue.intent`."""
    unchecked = guards.list_unchecked_codes(guard_question(confirmation, rules, facts))
    read_before = sign_ins_read_before(confirmation.starter, facts)
    return {
        **({"not_checked": unchecked} if unchecked else {}),
        **({"sign_ins_read_at": read_before.isoformat()} if read_before else {}),
        **({"department_policy": issue.override_id} if issue.override_id else {}),
        **({"stand_in": True} if confirmation.starter.has_stand_in else {}),
        "number": issue.number,
        "identity_check": issue.identity_check,
        "policy": issue.policy_id,
        "lifetime_minutes": issue.lifetime_minutes,
        "single_use": True,
        **({"step_up": issue.policy.step_up_context} if issue.policy.step_up_context else {}),
    }


def sign_ins_read_before(starter: Starter, facts: graph.Facts) -> datetime | None:
    """Return when it was last read that nobody has signed in, or None if that was read just now."""
    return None if isinstance(facts.sign_ins, graph.SignIns) else sign_ins.known_since(starter)
