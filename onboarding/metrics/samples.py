"""The numbers of one scrape. Each reader makes one query or two, over an index, whatever the size of the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min, Q, Value
from django.db.models.functions import StrIndex, Substr

from onboarding import clock, jobs, policy
from onboarding.counters import BUCKETS
from onboarding.lifecycle import OPEN_ISSUE
from onboarding.metrics.catalogue import BY_NAME, COUNTED, NONE, OTHER, Metric
from onboarding.models import (
    AuditHead,
    AuditOutlet,
    Heartbeat,
    HookDelivery,
    Job,
    Mail,
    MetricCount,
    PassIssue,
    Starter,
    Turn,
)
from onboarding.passes import graph_quota, sign_in_quota


@dataclass(frozen=True)
class Sample:
    """One line: the values of the metric's labels, in the order of the catalogue."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


Reader = Callable[[datetime], Iterator[tuple[Any, ...]]]


def read_samples() -> list[Sample]:
    """Read everything from the database. Raises DatabaseError."""
    now = clock.now()
    return [_make_sample(name, *rest) for reader in READERS for name, *rest in reader(now)]


def _make_sample(name: str, *rest: Any) -> Sample:
    *labels, value = rest
    return Sample(BY_NAME[name], tuple(labels), float(value))


def _age(moment: datetime | None, now: datetime) -> float:
    """Seconds since then; 0 for none, and for a moment that another clock put ahead of now."""
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def _read_counts(_now: datetime) -> Iterator[tuple[Any, ...]]:
    """The rows of MetricCount. A series that is not counted yet is 0, so that its first increase is one."""
    rows = dict(MetricCount.objects.values_list("series", "value"))
    for stored, name in COUNTED.items():
        for labels in _all_labels(BY_NAME[name]):
            key = " ".join((stored, *labels))
            # A call with a status that it never had is no line: there would be hundreds.
            if key in rows or len(labels) < 2:
                yield name, *labels, rows.get(key, 0)
    for limit in (*(f"{limit:g}" for limit in BUCKETS), "+Inf"):
        yield "pass_seconds", limit, rows.get(f"pass_seconds_bucket {limit}", 0)
    yield "pass_seconds", "sum", rows.get("pass_seconds_milliseconds", 0) / 1000


def _all_labels(metric: Metric) -> Iterator[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for values in metric.labels.values():
        found = [(*before, value) for before in found for value in values]
    yield from found


def _read_passes(_now: datetime) -> Iterator[tuple[Any, ...]]:
    is_open = dict.fromkeys(sorted(OPEN_ISSUE), 0)
    rows = PassIssue.objects.order_by().values_list("state", "reason").annotate(number=Count("pk"))
    for state, reason, number in rows:
        if state in is_open:
            is_open[state] += number
        else:
            yield "passes_total", state, reason or NONE, number
    for state, number in is_open.items():
        yield "passes_open", state, number


def _read_quotas(_now: datetime) -> Iterator[tuple[Any, ...]]:
    usages = {"passes": graph_quota.read_usage(), "sign_in_activity": sign_in_quota.read_usage()}
    for quota, usage in usages.items():
        yield "quota_limit_calls", quota, usage.limit
        yield "quota_used_calls", quota, usage.used
        yield "quota_paused_seconds", quota, usage.paused


def _read_queue(now: datetime) -> Iterator[tuple[Any, ...]]:
    waiting = Turn.objects.filter(lapses_at__gte=now).aggregate(number=Count("pk"), first=Min("asked_at"))
    yield "queue_length", waiting["number"]
    yield "queue_oldest_seconds", _age(waiting["first"], now)


def _read_jobs(now: datetime) -> Iterator[tuple[Any, ...]]:
    kinds = BY_NAME["jobs_due"].labels["kind"]
    # Each priority has its own part of the index, in the order of the due time.
    waiting = _by_kind(
        Job.objects.filter(priority__in=Job.Priority.values, due_at__lte=now, done_at=None, failed_at=None)
    )
    failed = _by_kind(Job.objects.filter(failed_at__isnull=False))
    for kind in kinds:
        number, oldest = waiting.get(kind, (0, None))
        yield "jobs_due", kind, number
        yield "jobs_oldest_due_seconds", kind, _age(oldest, now)
        yield "jobs_failed", kind, failed.get(kind, (0, None))[0]


def _by_kind(rows: Any) -> dict[str, tuple[int, datetime | None]]:
    """How many jobs there are of each kind, and when the oldest was due. The kind is the key up to the colon."""
    colon = StrIndex("key", Value(":"))
    named = rows.order_by().annotate(kind=Substr("key", 1, colon - 1)).values_list("kind")
    found: dict[str, tuple[int, datetime | None]] = {}
    for kind, number, oldest in named.annotate(number=Count("pk"), oldest=Min("due_at")):
        name = kind if kind in BY_NAME["jobs_due"].labels["kind"] else OTHER
        before, first = found.get(name, (0, None))
        found[name] = (before + number, min(filter(None, (first, oldest)), default=None))
    return found


def _read_mails(now: datetime) -> Iterator[tuple[Any, ...]]:
    waiting = (
        Mail.objects.filter(sent_at=None, dropped_at=None, refused_at=None).order_by().values_list("fault")
    )
    rows = {
        fault or NONE: (number, oldest)
        for fault, number, oldest in waiting.annotate(Count("pk"), Min("written_at"))
    }
    for fault in BY_NAME["mails_waiting"].labels["fault"]:
        number, oldest = rows.get(fault, (0, None))
        yield "mails_waiting", fault, number
        yield "mails_oldest_waiting_seconds", fault, _age(oldest, now)


def _read_webhooks(now: datetime) -> Iterator[tuple[Any, ...]]:
    waiting = HookDelivery.objects.filter(status=HookDelivery.Status.WAITING)
    row = waiting.aggregate(number=Count("pk"), oldest=Min("created_at"))
    yield "webhooks_waiting", row["number"]
    yield "webhooks_oldest_waiting_seconds", _age(row["oldest"], now)


def _read_workers(now: datetime) -> Iterator[tuple[Any, ...]]:
    alive = Q(beat_at__gt=now - jobs.HEARTBEAT_VALID_FOR)
    row = Heartbeat.objects.aggregate(alive=Count("pk", filter=alive), newest=Max("beat_at"))
    yield "workers_alive", row["alive"]
    if row["newest"]:
        yield "worker_heartbeat_age_seconds", _age(row["newest"], now)
    yield "issuing_possible", jobs.has_live_worker()


def _read_audit(now: datetime) -> Iterator[tuple[Any, ...]]:
    head = AuditHead.objects.values_list("seq", flat=True).get(id=1)
    yield "audit_events_total", head
    names = AuditOutlet.Name
    expected = {
        names.EVENTS: settings.AUDIT_TO_LOG,
        names.HEAD_LOG: settings.AUDIT_SIGNING_KEY_FILE,
        names.HEAD_FILE: settings.AUDIT_SIGNING_KEY_FILE and settings.AUDIT_HEAD_FILE,
        names.HEAD_URL: settings.AUDIT_SIGNING_KEY_FILE and settings.AUDIT_HEAD_URL,
    }
    rows = {row.name: row for row in AuditOutlet.objects.all()}
    for name, is_expected in expected.items():
        yield "audit_outlet_expected", name.value, bool(is_expected)
        row = rows.get(name)
        if row is not None and row.sent_at:
            yield "audit_outlet_age_seconds", name.value, _age(row.sent_at, now)
            yield "audit_outlet_behind_events", name.value, max(0, head - row.seq)


def _read_stops(_now: datetime) -> Iterator[tuple[Any, ...]]:
    yield "stops_in_force", Starter.objects.filter(stopped_at__isnull=False).count()
    yield "frozen", policy.for_site().frozen


READERS: tuple[Reader, ...] = (
    _read_counts, _read_passes, _read_quotas, _read_queue, _read_jobs, _read_mails, _read_webhooks, _read_workers,
    _read_audit, _read_stops,
)  # fmt: skip
