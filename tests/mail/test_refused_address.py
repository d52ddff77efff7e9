"""A refused address is on HR's list at once, is not retried, and is cleared when the directory changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import AuditEvent, Job, Mail, Starter
from onboarding.starters import invitations
from tests.mail.test_mail import MANAGER

pytestmark = pytest.mark.django_db
REFUSED = Starter.Problem.MAIL_REFUSED


def by_smtp(request):
    request.getfixturevalue("peer").recipients_refused = ["550 5.1.1 No such person"] * 9


def by_graph(request):
    tenant = request.getfixturevalue("tenant").tenant
    error = {"error": {"code": "ErrorInvalidRecipients", "message": "At least one recipient is not valid."}}
    tenant.faults.add({"path": "sendMail", "method": "POST", "status": 400, "body": error, "times": None})


@pytest.fixture(params=[by_smtp, by_graph], ids=["smtp", "graph"])
def refusing(request, tenant):
    """The mail server permanently refuses the manager's address."""
    request.param(request)
    return tenant


def test_a_refused_address_is_listed_for_hr_and_audited(refusing, invite, run_jobs, browser_of):
    starter = invite("noor")

    run_jobs()

    after = Starter.objects.get()
    assert after.problem == REFUSED and Mail.objects.get(kind="invitation").refused_at
    event = AuditEvent.objects.get(event="mail.refused")
    assert event.facts == {"kind": "invitation"} and event.detail.values == {"to": MANAGER}
    hanna = browser_of("hanna")
    assert starter.name in hanna.get("/hr/?state=problem").content.decode()
    page = hanna.get(f"/hr/{starter.public_id}/").content.decode()
    assert (
        "The manager’s email address does not accept emails." in page
        and "(not sent: the address does not accept emails)" in page
    )


def test_a_refused_address_is_not_retried(refusing, invite, run_jobs):
    invite("noor")
    run_jobs()

    job = Job.objects.get(key=f"mail:{Mail.objects.get().pk}")

    assert job.done_at is not None and job.attempts == 0


def test_a_new_address_in_the_directory_is_used_automatically(invite, run_jobs, tenant, time_machine):
    error = {"error": {"code": "ErrorInvalidRecipients", "message": "At least one recipient is not valid."}}
    tenant.tenant.faults.add({"path": "sendMail", "method": "POST", "status": 400, "body": error, "times": 1})
    invite("noor")
    run_jobs()
    stuck = Starter.objects.get().problem
    tenant.tenant.accounts["maria"].properties["mail"] = "maria.new@contoso.example"

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    run_jobs()

    assert (stuck, Starter.objects.get().problem) == (REFUSED, "")
    assert [mail.recipients for mail in tenant.tenant.mails] == [["maria.new@contoso.example"]]


def test_a_refused_address_stays_listed_until_it_changes(refusing, invite, run_jobs, time_machine):
    invite("noor")
    run_jobs()

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    run_jobs()

    assert Starter.objects.get().problem == REFUSED and Mail.objects.filter(kind="invitation").count() == 1


def test_a_resent_link_that_arrives_clears_the_problem(invite, run_jobs, tenant, person):
    error = {"error": {"code": "ErrorInvalidRecipients", "message": "x"}}
    tenant.tenant.faults.add({"path": "sendMail", "method": "POST", "status": 400, "body": error, "times": 1})
    starter = invite("noor")
    run_jobs()

    invitations.send_link(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"))
    run_jobs()

    assert Starter.objects.get().problem == "" and len(tenant.tenant.mails) == 1


def test_a_manager_without_an_address_is_on_hrs_list(invite, tenant, run_jobs):
    tenant.tenant.accounts["maria"].properties["mail"] = None

    invite("noor")

    assert Starter.objects.get().problem == Starter.Problem.NO_MAILBOX


def test_a_refused_hr_address_is_no_starters_problem(refusing, record, run_jobs):
    record("ben", starts_in=timedelta(days=1))
    run_jobs()

    run_jobs(timedelta(minutes=3))

    assert Mail.objects.get(to="hr@contoso.example").refused_at
    assert Starter.objects.get().problem == Starter.Problem.NO_MANAGER
