"""Each metric: its name, type, labels and their values. `docs/reference/metrics.md` is written from this table.

A label has a few values that the code knows. None is an id, a name, an address or a text from outside, so that the
numbers hold no personal data and Prometheus keeps few series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from onboarding.counters import BUCKETS
from onboarding.graph.calls import CALL_NAMES, STATUS_NAMES
from onboarding.lifecycle import OPEN_ISSUE, IssueState
from onboarding.models import AuditOutlet, Mail, PassIssue

PREFIX = "starter_portal_"
OTHER = "other"
NONE = "none"


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric. `labels` has the values of each label that can occur."""

    name: str
    kind: Kind
    help: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return PREFIX + self.name

    def most_series(self) -> int:
        """Return how many series the metric can have."""
        number = len(BUCKETS) + 3 if self.kind == Kind.HISTOGRAM else 1
        for values in self.labels.values():
            number *= len(values)
        return number


# A kind of job whose handler is missing here is counted as `other`.
JOB_KINDS = (
    "audit_check", "audit_events", "audit_head", "daily", "directory_log", "hook", "import-add", "import-check", "issue",
    "look", "mail", "policy-in-force", "post", "probe", "proposals", "restored", "retry", "sign_ins", "stopped",
)  # fmt: skip
PROBLEMS = ("no_answer", "login", "schema", "error")
QUOTAS = ("passes", "sign_in_activity")
REASONS = tuple(sorted(reason or NONE for reason in PassIssue.Reason.values))
_JOBS = {"kind": (*JOB_KINDS, OTHER)}
_QUOTA = {"quota": QUOTAS}
_OUTLET = {"outlet": tuple(sorted(AuditOutlet.Name.values))}
_FAULT = {"fault": (NONE, *sorted(Mail.Fault.values))}

METRICS: tuple[Metric, ...] = (
    Metric("up", Kind.GAUGE, "1 if the database answered. If it is 0, all other metrics but the next are missing."),
    Metric(
        "database_problem", Kind.GAUGE, "1 for the reason why the database did not answer.", {"reason": PROBLEMS}
    ),
    Metric(
        "pass_requests_total",
        Kind.COUNTER,
        "Confirmations by managers, by how each ended.",
        {"outcome": ("shown", "refused", "queued", "try_later", "outdated", "not_created", "other", "error")},
    ),
    Metric(
        "pass_seconds",
        Kind.HISTOGRAM,
        "Seconds from the manager's click until the pass was recorded, just before it is shown.",
    ),
    Metric(
        "passes_total",
        Kind.COUNTER,
        "Attempts to hand over a pass that have ended, by their last state and the reason.",
        {"state": tuple(sorted({*IssueState} - OPEN_ISSUE)), "reason": REASONS},
    ),
    Metric(
        "passes_open",
        Kind.GAUGE,
        "Attempts that have not ended: a pass may exist.",
        {"state": tuple(sorted(OPEN_ISSUE))},
    ),
    Metric(
        "graph_calls_total",
        Kind.COUNTER,
        "Calls to Microsoft Graph, and parts of a batch, by the status of the answer. "
        "429 is throttling, `none` is no answer.",
        {"call": CALL_NAMES, "status": STATUS_NAMES},
    ),
    Metric("quota_limit_calls", Kind.GAUGE, "How many calls a quota of Graph allows in its time span.", _QUOTA),
    Metric("quota_used_calls", Kind.GAUGE, "How many of these calls are used at this moment.", _QUOTA),
    Metric(
        "quota_paused_seconds",
        Kind.GAUGE,
        "Seconds until the portal calls again, because Microsoft answered 429. 0: it does not wait.",
        _QUOTA,
    ),
    Metric("queue_length", Kind.GAUGE, "Managers who wait for the quota of passes."),
    Metric("queue_oldest_seconds", Kind.GAUGE, "How long the first of them has waited."),
    Metric("jobs_due", Kind.GAUGE, "Jobs that are due and not done.", _JOBS),
    Metric("jobs_oldest_due_seconds", Kind.GAUGE, "How long the oldest of them has been due.", _JOBS),
    Metric("jobs_failed", Kind.GAUGE, "Jobs that the portal stopped trying.", _JOBS),
    Metric(
        "mails_total",
        Kind.COUNTER,
        "Emails: sent; refused for good by the reader's server; dropped, because they were no longer relevant; "
        "and tries that failed and are repeated.",
        {"result": ("sent", "refused", "dropped", "failed")},
    ),
    Metric(
        "mails_waiting",
        Kind.GAUGE,
        "Emails that are not sent yet, by the last failure: `setup` (the server refuses the portal's settings), "
        "`later` (it cannot accept emails now), or none.",
        _FAULT,
    ),
    Metric("mails_oldest_waiting_seconds", Kind.GAUGE, "How long the oldest of them has waited.", _FAULT),
    Metric(
        "webhooks_total",
        Kind.COUNTER,
        "Deliveries to webhooks: delivered, tries that failed, and events that were given up.",
        {"result": ("delivered", "failed", "given_up")},
    ),
    Metric("webhooks_waiting", Kind.GAUGE, "Events that wait for a webhook."),
    Metric("webhooks_oldest_waiting_seconds", Kind.GAUGE, "How long the oldest of them has waited."),
    Metric("workers_alive", Kind.GAUGE, "Workers with a heartbeat in the last 90 seconds."),
    Metric("worker_heartbeat_age_seconds", Kind.GAUGE, "The age of the newest heartbeat of any worker."),
    Metric(
        "issuing_possible",
        Kind.GAUGE,
        "1 if a worker is alive and finishes jobs about passes. If it is 0, no pass is created.",
    ),
    Metric("audit_events_total", Kind.COUNTER, "Events of the audit log."),
    Metric(
        "audit_outlet_expected", Kind.GAUGE, "1 if the audit log is sent to this place, by the settings.", _OUTLET
    ),
    Metric(
        "audit_outlet_age_seconds",
        Kind.GAUGE,
        "The time since something was last sent there: an event, or the signed head of the chain.",
        _OUTLET,
    ),
    Metric(
        "audit_outlet_behind_events",
        Kind.GAUGE,
        "How many events are newer than what was last sent there.",
        _OUTLET,
    ),
    Metric("stops_in_force", Kind.GAUGE, "Starters with an emergency stop in force."),
    Metric("frozen", Kind.GAUGE, "1 while an admin has stopped all new passes."),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}
# Counted in processes, and stored as rows of MetricCount. All others are read from the rows that they are about.
COUNTED = {
    "pass_requests": "pass_requests_total",
    "graph_calls": "graph_calls_total",
    "mails": "mails_total",
    "webhooks": "webhooks_total",
}
