"""What the doctor's command reports about a wrong installation."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from onboarding import graph
from onboarding.models import Job, starter_search
from onboarding.worker import retention
from tests.conftest import forget_everything_cached

pytestmark = pytest.mark.django_db


def findings() -> dict[str, Any]:
    """The report of `manage.py doctor --json`, by check."""
    forget_everything_cached()
    out = StringIO()
    with suppress(SystemExit):
        call_command("doctor", "--json", stdout=out)
    return {check["id"]: check for check in json.loads(out.getvalue())["checks"]}


def wrong(report: dict[str, Any], *parts: str) -> list[str]:
    return [name for name, check in report.items() if check["state"] == "wrong" and name.startswith(parts)]


# --- O12 ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[200, 302, 401, 404])
def another_server(request) -> Iterator[str]:
    """A server that is not Microsoft's."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_o12_a_server_that_is_not_graph_is_one_finding(tenant, settings, another_server):
    settings.GRAPH_URL = another_server

    report = findings()

    assert wrong(report, "graph.", "identity.", "permission.") == ["graph.reach"]
    assert report["graph.reach"]["detail"] == f"The server at {another_server} is not Microsoft Graph."
    assert "GRAPH_URL" in report["graph.reach"]["fix"]


def test_o12_graph_is_recognised_as_graph(tenant):
    assert findings()["graph.reach"]["state"] == "ok"


# --- O13 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "User.EnableDisableAccount.All",
        "User.RevokeSessions.All",
        "User.Invite.All",
        "User.Export.All",
        "User.ManageIdentities.All",
        "User-PasswordProfile.ReadWrite.All",
        "Mail.Read",
        "Mail.ReadBasic.All",
        "MailboxSettings.Read",
        "Files.Read.All",
        "Sites.Read.All",
        "Chat.Read.All",
        "Calendars.Read",
        "Contacts.Read",
        "BitlockerKey.Read.All",
        "DeviceLocalCredential.Read.All",
        "Synchronization.ReadWrite.All",
        "Something.Nobody.Knows",
    ],
)
def test_o13_an_unneeded_permission_is_reported_as_too_wide(tenant, name):
    tenant.tenant.granted.add(name)

    report = findings()

    assert wrong(report, "permission.") == ["permission.too_wide"]
    assert name in report["permission.too_wide"]["detail"]
    assert name in report["permission.too_wide"]["fix"]


@pytest.mark.parametrize(
    "name", ["Group.Read.All", "Directory.Read.All", "User.ReadBasic.All", "Policy.Read.All"]
)
def test_o13_an_extra_directory_permission_is_reported_and_not_wrong(tenant, name):
    tenant.tenant.granted.add(name)

    report = findings()

    assert report["permission.too_wide"]["state"] == "ok"
    assert name in report["permission.too_wide"]["detail"]


# --- O6 -----------------------------------------------------------------------------------------------------------


def look_jobs() -> Any:
    return Job.objects.filter(key__startswith="look:")


def test_o6_a_failed_directory_job_is_shown_and_retried(
    tenant, record, worker_alive, time_passes, settings, tmp_path, browser_of
):
    file = tmp_path / "portal.pem"
    file.write_text("not a certificate")
    record("noor", starts_in=timedelta(days=10))
    settings.AZURE_CLIENT_CERTIFICATE_PATH = str(file)
    forget_everything_cached()

    time_passes(timedelta(hours=30))

    assert look_jobs().filter(failed_at__isnull=False).exists()
    report = findings()
    assert report["jobs.given_up"]["state"] == "wrong"
    assert "look" in report["jobs.given_up"]["detail"]
    page = browser_of("ada").get("/admin/onboarding/job/?failed_at__isempty=0").content.decode()
    assert "look:" in page and "failed" in page

    settings.AZURE_CLIENT_CERTIFICATE_PATH = ""
    forget_everything_cached()
    time_passes(timedelta(minutes=30))

    assert not look_jobs().filter(failed_at__isnull=False).exists()
    assert look_jobs().get().attempts == 0


# --- Jobs that are never given up ---------------------------------------------------------------------------------


def failing(report: dict[str, Any]) -> tuple[str, str]:
    return report["jobs.failing"]["state"], report["jobs.failing"]["detail"]


def test_a_failing_daily_job_is_reported_until_it_succeeds(tenant, worker_alive, time_passes, monkeypatch):
    def disk_full() -> None:
        raise OSError("No space left on device: /srv/private")

    with monkeypatch.context() as broken:
        broken.setattr(starter_search, "index_all_starters", disk_full)
        retention.enqueue_retention()
        time_passes(timedelta(minutes=5))
        first = failing(findings())
        time_passes(timedelta(days=1))
        after_a_day = findings()
    time_passes(timedelta(minutes=30))

    assert first[0] == "ok"  # the problem may be short
    state, detail = failing(after_a_day)
    assert (
        state == "wrong"
        and "daily" in detail
        and "The portal does not delete personal data on time." in detail
    )
    assert "“Jobs” in the administration" in after_a_day["jobs.failing"]["fix"]
    assert "/srv/private" not in json.dumps(after_a_day)
    assert failing(findings())[0] == "ok"


def test_sign_in_activity_unread_for_a_day_is_reported(
    tenant, record, worker_alive, time_passes, browser_of, monkeypatch
):
    def no_answer(self: graph.Graph, account_id: str) -> None:
        raise graph.Unavailable("no answer")

    starter = record("noor", starts_in=timedelta(days=2))
    browser_of("hanna").post(f"/hr/{starter.public_id}/send/", {"version": starter.version})
    monkeypatch.setattr(graph.Graph, "read_sign_ins", no_answer)

    time_passes(timedelta(days=1))

    state, detail = failing(findings())
    assert state == "wrong" and "sign_ins" in detail and "some starters cannot get their first pass" in detail


def test_failing_mails_and_checks_are_reported_once(tenant, worker_alive):
    for key, priority in (("mail:1", Job.Priority.MAIL), ("look:1", Job.Priority.LOOK)):
        Job.objects.create(key=key, priority=priority, attempts=100, due_at=timezone.now())

    assert failing(findings())[0] == "ok"
