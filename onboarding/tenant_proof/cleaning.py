"""Deleting probe passes: in the command, in the next run, or by the worker. Only Microsoft's list says that one is gone.

It follows the reconciler of the portal's other passes (`onboarding/passes/reconciler`): an answer to a DELETE and "not
found" are hints, and a list without the pass counts when it cannot mean "not listed yet".
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from onboarding import audit, clock, graph
from onboarding.jobs import JobPostponed, job_handler
from onboarding.models import ProbePass
from onboarding.passes import graph_quota
from onboarding.passes.recognition import is_of_probe
from onboarding.passes.reconciler.late_passes import (
    SWEEP_AFTER_REFUSAL,
    SWEEP_BEYOND_LIFETIME,
    SWEEP_INTERVAL,
)
from onboarding.tenant_proof.requests import record_event

Answer = ProbePass.Answer
AGAIN = timedelta(seconds=5)
# After the lease, a request can no longer be sent. A pass of it lives at most this much longer than a list is delayed.
MARGIN = timedelta(minutes=2)


@job_handler("probe")
def clean_up_later(probe_id: str) -> datetime | None:
    """Delete one probe pass, and return when to try again. None: it is gone."""
    probe = ProbePass.objects.get(pk=probe_id)
    try:
        if probe.ended_at is not None:
            return _sweep(probe, probe.ended_at)
        is_gone = clean_up(probe)
    except graph.Throttled as error:
        graph_quota.back_off(error.retry_after)
        raise JobPostponed(error.retry_after) from None
    if not is_gone:
        return clock.now() + AGAIN
    return clock.now() + SWEEP_INTERVAL if _may_come_late(probe) else None


def _may_come_late(probe: ProbePass) -> timedelta | None:
    """Return for how long a pass of this request may still appear after the list was seen without one."""
    if probe.method_id or probe.answer == Answer.NOT_SENT:
        return None
    if probe.answer == Answer.REFUSED:
        return SWEEP_AFTER_REFUSAL
    return timedelta(minutes=probe.lifetime_minutes) + SWEEP_BEYOND_LIFETIME


def _sweep(probe: ProbePass, ended_at: datetime) -> datetime | None:
    """Look for a pass that appeared late, less and less often, and open its row again to delete it."""
    span, since = _may_come_late(probe), clock.now() - ended_at
    if span is None:
        return None
    if seconds := graph_quota.acquire_for_worker(1, yields=False):
        raise JobPostponed(seconds)
    try:
        late = next((live for live in _list_passes(probe) if is_of_probe(probe, live)), None)
    finally:
        graph_quota.mark_answered()
    if late is not None:
        _record_found(probe, late)
        return clock.now()
    return None if since > span else clock.now() + max(SWEEP_INTERVAL, since)


def open_probes() -> list[ProbePass]:
    """Return the probe passes that may still exist, the oldest first: the list may still show what replaced it."""
    return list(ProbePass.objects.filter(ended_at=None).order_by("intended_at"))


def clean_up(probe: ProbePass) -> bool:
    """Delete the pass of this request if there is one. True: Microsoft's list was seen without it.

    Raises JobPostponed if the quota has no room, and GraphError.
    """
    # Two calls, also where one is enough: deleting must not wait for the quota between them.
    if seconds := graph_quota.acquire_for_worker(2, yields=False):
        raise JobPostponed(seconds)
    try:
        return _delete_and_look(probe)
    finally:
        graph_quota.mark_answered(2)


def _delete_and_look(probe: ProbePass) -> bool:
    is_deleted, problem = False, None
    if probe.method_id:
        try:
            is_deleted = graph.client().delete_pass(probe.account_id, probe.method_id)
        except graph.Throttled:
            raise
        except graph.GraphError as error:  # the list decides
            problem = error
    listed = _list_passes(probe)
    mine = next((live for live in listed if is_of_probe(probe, live)), None)
    if mine is not None:
        _record_found(probe, mine)
        if problem is not None:
            raise problem
        return False
    if is_deleted:
        return _end(probe, "deleted")
    if _shows_later_pass(probe, listed):
        return _end(probe, "replaced")
    if clock.now() < settled_at(probe):
        return False
    return _end(probe, "not listed")


def settled_at(probe: ProbePass) -> datetime:
    """Return when a list without the pass begins to mean that there is none.

    After a refusal that is at once. Without an answer, a pass may appear until its request can no longer take effect, and
    would end by itself a few minutes later.
    """
    if probe.answer == Answer.REFUSED:
        return probe.intended_at
    quarantine: timedelta = settings.PASS_QUARANTINE
    lives = timedelta(0) if probe.method_id else timedelta(minutes=probe.lifetime_minutes)
    return probe.lease_until + max(quarantine, MARGIN) + lives


def _list_passes(probe: ProbePass) -> tuple[graph.LivePass, ...]:
    """An account that was deleted has no passes. "Not found" shows that only later than a new account is known everywhere."""
    try:
        return graph.client().list_passes(probe.account_id)
    except graph.NotFound:
        if clock.now() < settled_at(probe):
            raise
        return ()


def _shows_later_pass(probe: ProbePass, listed: tuple[graph.LivePass, ...]) -> bool:
    """Whether the list shows the pass of a later request for this account: then it is newer than this pass."""
    later = ProbePass.objects.filter(account_id=probe.account_id, intended_at__gt=probe.intended_at)
    ids = {*later.exclude(method_id="").values_list("method_id", flat=True)}
    return bool(probe.method_id) and any(live.method_id in ids for live in listed)


@audit.transaction()
def _record_found(probe: ProbePass, live: graph.LivePass) -> None:
    """Record a pass that the list shows and no answer named, before it is deleted."""
    if probe.method_id == live.method_id:
        return
    probe.method_id, probe.ended_at = live.method_id, None
    if ProbePass.objects.filter(pk=probe.pk, method_id="").update(method_id=live.method_id, ended_at=None):
        record_event(probe, "probe.found", method_id=live.method_id)


@audit.transaction()
def _end(probe: ProbePass, how: str) -> bool:
    probe.ended_at = clock.now()
    # The command and the worker may see it at the same time.
    if ProbePass.objects.filter(pk=probe.pk, ended_at=None).update(ended_at=probe.ended_at):
        record_event(probe, "probe.gone", method_id=probe.method_id, how=how)
    return True
