"""The hand-over: a manager confirms, and one pass is created, recorded and shown once, or none is left alive.

The order of the steps is the guarantee. No transaction is open during a call to Graph. The intent is committed
before the one POST. The outcome is committed before a byte of the pass leaves this process. A pass that no screen
acknowledged is deleted. The reconciler resolves whatever is left unclear.

The steps: ready (here and in `refusal`), `claim`, `foreign_passes`, `creation`, `recording`, and then `receipt`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from django.views.decorators.debug import sensitive_variables

from onboarding import audit, clock, counters, graph, jobs, participants, policy
from onboarding.lifecycle import StarterState
from onboarding.models import EffectivePolicy, Starter
from onboarding.models.job import Job
from onboarding.passes import graph_quota, recognition, sign_in_quota, sign_ins
from onboarding.passes.claim import claim_issue, sign_ins_read_before
from onboarding.passes.confirmation import Confirmation, Shown
from onboarding.passes.creation import create_pass
from onboarding.passes.errors import (
    PageOutdated,
    PassNotCreated,
    PassNotIssued,
    Queued,
    RefusedByGuards,
    TryAgainLater,
)
from onboarding.passes.foreign_passes import calls_to_replace, replace_foreign_passes
from onboarding.passes.recording import record_pass
from onboarding.passes.refusal import (
    record_unreadable,
    refuse_before_queueing,
    require_below_refusal_limit,
    require_guards,
    require_sign_in,
)
from onboarding.restored import use

log = logging.getLogger(__name__)

# A request waits this long for the quota before the manager is sent to the queue, if at most so many are ahead.
HOLD_SECONDS = 2.0
MOST_AHEAD_OF_HELD = 1
# How a request that gave no pass is counted. The first match counts.
OUTCOMES: tuple[tuple[type[PassNotIssued], str], ...] = (
    (RefusedByGuards, "refused"),
    (Queued, "queued"),
    (TryAgainLater, "try_later"),
    (PageOutdated, "outdated"),
    (PassNotCreated, "not_created"),
    (PassNotIssued, "other"),
)


@sensitive_variables()
def confirm(confirmation: Confirmation) -> Shown:
    """Create one pass for one starter, and return it to be shown. Raises PassNotIssued, which says why there is none."""
    with _count_request():
        return _confirm(confirmation)


@contextmanager
def _count_request() -> Iterator[None]:
    """Count how the request ended, and how long it took if it ended with a pass."""
    began = time.monotonic()
    try:
        yield
    except PassNotIssued as ended:
        counters.count("pass_requests", next(name for kind, name in OUTCOMES if isinstance(ended, kind)))
        raise
    except Exception:
        counters.count("pass_requests", "error")
        raise
    counters.count("pass_requests", "shown")
    counters.observe("pass_seconds", time.monotonic() - began)


@sensitive_variables()
def _confirm(confirmation: Confirmation) -> Shown:
    try:
        # One slot for all calls: a confirmation that has begun is never turned away. The calls are booked at the end,
        # because a process that stops while it books would hold up every manager.
        with graph.client().hold_slot(), graph_quota.IssueCalls() as calls:
            rules, facts = check_ready(confirmation, calls)
            read_before = sign_ins_read_before(confirmation.starter, facts)
            issue = claim_issue(confirmation, rules, facts)
            replace_foreign_passes(issue, confirmation, calls)
            calls.made += 1
            shown = record_pass(issue, create_pass(issue))
            return replace(shown, sign_ins_read_at=read_before)
    except graph.Throttled as error:
        graph_quota.back_off(error.retry_after)
        raise _rejoin_queue(confirmation.starter, confirmation.person, calls.asked_at) from None
    except graph.Overloaded as error:
        log.warning("no pass was created: %s", error)
        raise TryAgainLater("crowded") from None


def check_ready(
    confirmation: Confirmation, calls: graph_quota.IssueCalls
) -> tuple[EffectivePolicy, graph.Facts]:
    """Step 0: check everything that can be checked before the claim. No transaction is open. Raises PassNotIssued."""
    starter = confirmation.starter
    rules = policy.for_starter(starter)
    _require_current_page(confirmation, rules)
    require_sign_in(confirmation, rules)
    require_below_refusal_limit(confirmation.person, rules)
    _require_adopted(starter)
    if not jobs.has_live_worker():
        log.error(
            "no worker finishes jobs about passes: passes are refused, since nothing would delete an unseen pass"
        )
        raise TryAgainLater("no_worker")
    try:
        graph.client().ensure_token()
    except graph.GraphError as error:
        log.error("no pass can be created: %s", error)
        raise TryAgainLater("unreachable") from None
    refuse_before_queueing(confirmation, rules)
    _wait_for_quota(confirmation, calls)
    facts = _read_facts(confirmation, rules, calls)
    if sign_ins.is_too_old(starter):
        sign_ins.request_reading(starter)
        raise TryAgainLater("not_read_yet")
    _clear_late_pass(starter, facts)
    require_guards(confirmation, rules, facts)
    return rules, facts


def _require_current_page(confirmation: Confirmation, rules: EffectivePolicy) -> None:
    """Stop if the starter, the policy or the time no longer allow what the manager's page offered."""
    starter = confirmation.starter
    if rules.frozen:
        raise TryAgainLater("frozen")
    if (starter.version, rules.version_key) != (confirmation.starter_version, confirmation.policy_key):
        raise PageOutdated
    if starter.state != StarterState.INVITED or starter.open_issue() is not None or starter.stopped_at:
        raise PageOutdated
    if confirmation.identity_check not in rules.identity_checks:
        raise PageOutdated
    opens, closes = starter.pass_window(rules.opens_before, rules.closes_after)
    if not opens <= clock.now() <= closes or policy.attempts_left(starter, rules) <= 0:
        raise PageOutdated
    if sign_ins.is_unread(starter):
        sign_ins.request_reading(starter)
        raise TryAgainLater("not_read_yet")


def _require_adopted(starter: Starter) -> None:
    """Create no pass from a restored copy, nor for a starter who was not checked since the copy was adopted."""
    if use.find_cause() is not None:
        raise TryAgainLater("not_in_use")
    if use.is_unchecked(starter):
        jobs.enqueue_job(use.check_key(starter), priority=Job.Priority.PASS)
        raise TryAgainLater("not_read_yet")


def _wait_for_quota(confirmation: Confirmation, calls: graph_quota.IssueCalls) -> None:
    """Take the calls of this issue. A request whose turn comes within HOLD_SECONDS waits here instead of in the queue."""
    deadline = time.monotonic() + HOLD_SECONDS
    while wait := _acquire_or_queue(confirmation, calls):
        left = (wait.until - clock.now()).total_seconds()
        if wait.ahead > MOST_AHEAD_OF_HELD or time.monotonic() + left > deadline:
            raise Queued(wait)
        time.sleep(max(left, 0.05))


def _acquire_or_queue(confirmation: Confirmation, calls: graph_quota.IssueCalls) -> graph_quota.Wait | None:
    try:
        return calls.acquire_or_queue(
            confirmation.starter,
            confirmation.person,
            take_sign_in_call=partial(sign_ins.take_call_for_click, confirmation.starter),
            more=calls_to_replace(confirmation),
        )
    except graph_quota.QueueLimitReached:
        raise TryAgainLater("queue_limit") from None


def _rejoin_queue(starter: Starter, person: Any, asked_at: datetime | None) -> PassNotIssued:
    """Keep the queue position of a manager after Microsoft answered 429, and return the error that says so."""
    try:
        return Queued(graph_quota.join_queue(starter, person, asked_at=asked_at))
    except graph_quota.QueueLimitReached:
        return TryAgainLater("queue_limit")


def _read_facts(
    confirmation: Confirmation, rules: EffectivePolicy, calls: graph_quota.IssueCalls
) -> graph.Facts:
    """Read the facts for the guards, also the sign-in activity if a call for it was taken, and store that."""
    starter, facts = confirmation.starter, None
    calls.made += 1
    try:
        facts = participants.read_facts(
            starter, rules, clock.now(), scarce=True, sign_ins=calls.reads_sign_ins
        )
    except graph.Throttled:
        raise
    except graph.GraphError as error:
        raise record_unreadable(confirmation, error) from None
    finally:
        if calls.reads_sign_ins and facts is None:
            sign_in_quota.mark_answered()
    sign_ins.store_click_reading(starter, facts.sign_ins, was_read=calls.reads_sign_ins)
    return facts


def _clear_late_pass(starter: Starter, facts: graph.Facts) -> None:
    """Let the worker delete a pass of an earlier attempt that appeared late, before a new one is created."""
    late = recognition.find_late_passes(starter.account_id, facts.passes or ())
    if not late:
        return
    log.warning(
        "a pass of an earlier attempt still exists; deleting it first", extra={"passes": sorted(late)}
    )
    with audit.transaction():
        for issue in late.values():
            jobs.enqueue_job(f"issue:{issue.pk}", priority=Job.Priority.PASS)
    raise TryAgainLater("clearing")
