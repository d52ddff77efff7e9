"""Where people see a difference between the two audit logs, until an admin closes it with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import clock
from onboarding.directory_log import findings
from onboarding.directory_log.findings import Kind, record_finding
from onboarding.doctor.directory_log import check_directory_log
from onboarding.models import AuditEvent, DirectoryFinding, DirectoryLog, LoggedPass
from onboarding.worker import retention
from tests.support.shown_form import ShownForm

pytestmark = pytest.mark.django_db


@pytest.fixture
def found(record) -> DirectoryFinding:
    starter = record("noor")
    record_finding(
        Kind.BY_ANOTHER, key="entry", at=clock.now(), starter=starter, facts={}, personal={"account": "a"}
    )
    return DirectoryFinding.objects.get()


def read_until_now(**changes: object) -> None:
    DirectoryLog.objects.update_or_create(id=1, defaults={"read_at": clock.now(), **changes})


def test_an_admin_closes_it_with_a_reason(found, browser_of):
    browser = browser_of("ada")
    page = browser.get("/admin/").content.decode()
    form, close = (
        ShownForm(page, f"close-finding-{found.pk}"),
        f"/admin/onboarding/directoryfinding/{found.pk}/close/",
    )
    assert "Noor de Vries" in page and f"Event {found.event}" in page

    browser.post(close, form.fill({"What did you find out?": ""}))
    assert DirectoryFinding.objects.get().closed_at is None
    answer = browser.post(close, form.fill({"What did you find out?": "The help desk did"}), follow=True)

    assert "Marked as resolved. The audit log contains your reason." in answer.content.decode()
    event = AuditEvent.objects.get(event=findings.CLOSED)
    assert event.facts == {"finding": found.event, "kind": "by_another"}
    assert event.detail.values["reason"] == "The help desk did"
    assert 'id="directory-findings"' not in browser.get("/admin/").content.decode()
    with pytest.raises(findings.AlreadyClosed):
        findings.close_finding(found.pk, by=found.closed_by, reason="Again")


def test_auditors_see_it_and_cannot_close_it(found, browser_of):
    browser = browser_of("audrey")

    assert "/close/" not in browser.get("/admin/").content.decode()
    assert "Noor de Vries" in browser.get("/admin/").content.decode()
    assert "Entra’s audit log and this audit log differ" in browser.get("/audit/").content.decode()
    assert browser.post(f"/admin/onboarding/directoryfinding/{found.pk}/close/").status_code == 403


def test_the_doctor_says_how_it_is(found):
    read_until_now()
    assert check_directory_log(None)[0] == "wrong"
    DirectoryFinding.objects.update(kind=Kind.NOT_LOGGED)
    assert check_directory_log(None)[0] == "unknown"
    DirectoryFinding.objects.all().delete()
    assert check_directory_log(None)[0] == "ok"
    read_until_now(read_at=clock.now() - timedelta(hours=4))
    assert check_directory_log(None)[0] == "wrong"
    read_until_now(refused_at=clock.now())
    assert check_directory_log(None)[0] == "skipped"
    DirectoryLog.objects.all().delete()
    assert check_directory_log(None)[0] == "unknown"


def test_retention_deletes_old_rows_and_erases_the_details(found, person, policy_says):
    policy_says(audit_days=30, retention_days=30)
    record_finding(
        Kind.NO_TRAIL, key="stranger", at=clock.now(), starter=None, facts={}, personal={"account": "b"}
    )
    open_one = DirectoryFinding.objects.get(key="stranger")
    findings.close_finding(found.pk, by=person("ada"), reason="Known")
    old = clock.now() - timedelta(days=91)
    DirectoryFinding.objects.filter(pk=found.pk).update(closed_at=old)
    LoggedPass.objects.create(entry_id="old", at=old, by_portal=True)
    past = (timezone.now() - timedelta(days=31)).isoformat(timespec="milliseconds")
    AuditEvent.objects.filter(seq=open_one.event).update(at=past)

    retention.run_retention("forget")

    assert list(DirectoryFinding.objects.all()) == [open_one]
    assert not LoggedPass.objects.exists()
    assert AuditEvent.objects.get(seq=open_one.event).detail.values == {}
    assert AuditEvent.objects.filter(event="audit.details_erased").exists()
