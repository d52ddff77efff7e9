"""What the numbers say, and what reading them costs."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding import clock, counters, jobs, policy
from onboarding.lifecycle import IssueState
from onboarding.management.commands import worker
from onboarding.metrics import catalogue
from onboarding.metrics.exposition import UnknownLabel, render_samples
from onboarding.metrics.samples import Sample, read_samples
from onboarding.metrics.storing import store_counts
from onboarding.models import (
    AuditHead,
    AuditOutlet,
    GraphBudget,
    Heartbeat,
    Hook,
    HookDelivery,
    Job,
    Mail,
    PassIssue,
    SignInBudget,
    Starter,
    Turn,
)
from tests.metrics.page import parse_page, value_of

pytestmark = pytest.mark.django_db

MOST_QUERIES = 20
MOST_SERIES = 1000


def page() -> str:
    return render_samples(read_samples())


@pytest.fixture
def issue_of(record, person):
    """Add an attempt of one starter in this state."""
    starter = record("noor")

    def added(state: str, reason: str = "") -> PassIssue:
        return PassIssue.objects.create(
            starter=starter, account_id=str(uuid4()), number=starter.issues.count() + 1, state=state, reason=reason,
            actor=person("maria"), policy=policy.for_site(), lifetime_minutes=60, lease_until=clock.now(),
        )  # fmt: skip

    return added


def a_mail(*, fault: str = "", age: timedelta = timedelta(0), **ended: object) -> None:
    Mail.objects.create(
        kind="link", to="maria@contoso.example", subject="Noor de Vries", message_id=str(uuid4()), fault=fault,
        written_at=clock.now() - age, **ended,
    )  # fmt: skip


def a_job(key: str, **values: object) -> None:
    Job.objects.create(**{"key": key, "priority": Job.Priority.LOOK, "due_at": clock.now()} | values)


def test_passes_are_counted_by_state_and_reason(issue_of):
    for state, reason in (
        (IssueState.CLOSED, "registered"), (IssueState.CLOSED, "registered"), (IssueState.REVOKED, "lost"),
        (IssueState.VOID, ""), (IssueState.UNKNOWN, "no_answer"), (IssueState.UNKNOWN, "throttled"),
    ):  # fmt: skip
        issue_of(state, reason)

    text = page()

    assert value_of(text, "passes_total", state="closed", reason="registered") == 2
    assert value_of(text, "passes_total", state="revoked", reason="lost") == 1
    assert value_of(text, "passes_total", state="void", reason="none") == 1
    assert value_of(text, "passes_open", state="unknown") == 2
    assert value_of(text, "passes_open", state="held") == 0


def test_jobs_are_counted_by_kind():
    hour = timedelta(hours=1)
    Job.objects.all().delete()
    a_job("issue:1", priority=Job.Priority.PASS, due_at=clock.now() - hour)
    a_job("issue:2", priority=Job.Priority.PASS)
    a_job("issue:3", due_at=clock.now() + hour)  # not yet
    a_job("mail:1", done_at=clock.now())
    a_job("mail:2", failed_at=clock.now())
    a_job("of-the-next-release:1", failed_at=clock.now())

    text = page()

    assert value_of(text, "jobs_due", kind="issue") == 2
    assert 3600 <= value_of(text, "jobs_oldest_due_seconds", kind="issue") < 3700
    assert (value_of(text, "jobs_due", kind="mail"), value_of(text, "jobs_failed", kind="mail")) == (0, 1)
    assert value_of(text, "jobs_failed", kind="other") == 1


def test_each_kind_of_job_has_its_own_number():
    assert worker.HANDLERS  # importing the command registers all of them

    own = {kind for kind, handler in jobs._handlers.items() if handler.__module__.startswith("onboarding")}

    assert own == {*catalogue.JOB_KINDS}


def test_waiting_mails_and_webhooks_are_counted(record):
    a_mail(age=timedelta(minutes=5))
    a_mail(fault="setup", age=timedelta(hours=1))
    for ended in ("sent_at", "dropped_at", "refused_at"):
        a_mail(**{ended: clock.now()})
    hook = Hook.objects.create(source="hr", application_id=str(uuid4()), host="hooks.contoso.example")
    for number, status in enumerate(("waiting", "waiting", "given_up")):
        HookDelivery.objects.create(
            message_id=str(number), hook=hook, starter=record(("noor", "emma", "liam")[number]), event="starter.added",
            status=status, created_at=clock.now() - timedelta(hours=2), give_up_at=clock.now(),
        )  # fmt: skip

    text = page()

    written_by_recording = Mail.objects.filter(
        sent_at=None, dropped_at=None, refused_at=None, fault=""
    ).count()
    assert value_of(text, "mails_waiting", fault="none") == written_by_recording
    assert 300 <= value_of(text, "mails_oldest_waiting_seconds", fault="none") < 400
    assert value_of(text, "mails_waiting", fault="setup") == 1
    assert value_of(text, "mails_waiting", fault="later") == 0
    assert value_of(text, "webhooks_waiting") == 2
    assert 7200 <= value_of(text, "webhooks_oldest_waiting_seconds") < 7300


def test_quota_pause_and_queue_are_shown(record, person, settings):
    now = clock.now()
    starter, maria = record("noor"), person("maria")
    GraphBudget.objects.filter(id=1).update(
        recent=[now.timestamp() - 1, now.timestamp() - 1000],
        on_their_way=[now.timestamp()],
        paused_until=now + timedelta(seconds=90),
    )
    SignInBudget.objects.update_or_create(id=1, defaults={"recent": [now.timestamp()] * 4})
    Turn.objects.create(
        starter=starter, person=maria, asked_at=now - timedelta(seconds=30), opens_at=now, lapses_at=now + timedelta(hours=1)
    )  # fmt: skip

    text = page()

    assert value_of(text, "quota_limit_calls", quota="passes") == settings.GRAPH_BUDGET_CALLS
    assert value_of(text, "quota_used_calls", quota="passes") == 2
    assert 80 < value_of(text, "quota_paused_seconds", quota="passes") <= 90
    assert value_of(text, "quota_used_calls", quota="sign_in_activity") == 4
    assert value_of(text, "quota_paused_seconds", quota="sign_in_activity") == 0
    assert value_of(text, "queue_length") == 1
    assert 30 <= value_of(text, "queue_oldest_seconds") < 60


def test_workers_are_counted_without_their_names():
    before = page()
    jobs.record_heartbeat("pod-a:1")
    jobs.record_heartbeat("pod-b:1")
    Heartbeat.objects.filter(worker="pod-b:1").update(beat_at=clock.now() - timedelta(minutes=5))

    text = page()

    assert (value_of(before, "workers_alive"), value_of(before, "issuing_possible")) == (0, 0)
    assert value_of(before, "worker_heartbeat_age_seconds") is None
    assert (value_of(text, "workers_alive"), value_of(text, "issuing_possible")) == (1, 1)
    assert value_of(text, "worker_heartbeat_age_seconds") < 10
    assert "pod-" not in text


def test_outlets_of_the_audit_log_have_an_age(settings):
    settings.AUDIT_SIGNING_KEY_FILE, settings.AUDIT_HEAD_FILE, settings.AUDIT_TO_LOG = "/key", "/heads", False
    seq = AuditHead.objects.get(id=1).seq
    AuditOutlet.objects.create(name="head_log", seq=seq, sent_at=clock.now() - timedelta(hours=3))

    text = page()

    expected = {
        name: value_of(text, "audit_outlet_expected", outlet=name) for name in AuditOutlet.Name.values
    }
    assert expected == {"events": 0, "head_log": 1, "head_file": 1, "head_url": 0}
    assert 10800 <= value_of(text, "audit_outlet_age_seconds", outlet="head_log") < 10900
    assert value_of(text, "audit_outlet_behind_events", outlet="head_log") == 0
    assert value_of(text, "audit_outlet_age_seconds", outlet="head_file") is None
    assert value_of(text, "audit_events_total") == seq


def test_stops_and_a_freeze_are_shown(record, policy_says):
    Starter.objects.filter(pk=record("noor").pk).update(stopped_at=clock.now())
    before = page()

    policy_says(frozen=True)

    assert (value_of(before, "stops_in_force"), value_of(before, "frozen")) == (1, 0)
    assert value_of(page(), "frozen") == 1


# --- What it costs, and what it never has -------------------------------------------------------------------------


def test_a_scrape_makes_few_queries_over_any_rows(issue_of):
    jobs.record_heartbeat("a worker")
    with CaptureQueriesContext(connection) as few:
        page()
    for number in range(30):
        issue_of(IssueState.VOID)
        a_mail()
        a_job(f"look:{1000 + number}")
        jobs.record_heartbeat(f"worker {number}")
        counters.count("graph_calls", "batch", "200")
    store_counts()

    with CaptureQueriesContext(connection) as many:
        page()

    assert len(few) == len(many) <= MOST_QUERIES
    assert not [query["sql"] for query in many if not query["sql"].startswith("SELECT")]
    assert not [query["sql"] for query in many if "FOR UPDATE" in query["sql"]]


def test_the_page_has_no_names_and_no_ids(record, issue_of):
    starter = record("emma")
    issue = issue_of(IssueState.HELD)
    a_mail()

    text = page().casefold()

    for secret in (
        starter.display_name, starter.account_id, starter.public_id, starter.account_name, str(issue.pk),
        "contoso", "noor", "maria", django_settings.TENANT_ID,
    ):  # fmt: skip
        assert secret.casefold() not in text, secret


def test_a_label_outside_the_catalogue_is_never_shown():
    metric = catalogue.BY_NAME["mails_total"]

    with pytest.raises(UnknownLabel):
        render_samples([Sample(metric, ("maria@contoso.example",), 1)])


def test_there_are_few_series():
    assert sum(metric.most_series() for metric in catalogue.METRICS) < MOST_SERIES


def test_promtool_accepts_the_page_where_it_is_found():
    text = page()
    assert parse_page(text)
    if not shutil.which("promtool"):
        return  # every line was parsed

    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
