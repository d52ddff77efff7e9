"""An address that takes no mail is on HR's list at once, is not tried again, and mends itself with the directory."""

from __future__ import annotations

import smtplib
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import graph, post, services
from onboarding.models import AuditEvent, Job, Mail, Starter
from tests.test_mail import MANAGER

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
    """The manager's address is refused for good."""
    request.param(request)
    return tenant


def test_it_is_on_hrs_list_at_once_and_on_the_trail(refusing, invite, hurry, browser_of):
    starter = invite("noor")

    hurry()

    after = Starter.objects.get()
    assert after.problem == REFUSED and Mail.objects.get(kind="invitation").refused_at
    event = AuditEvent.objects.get(event="mail.refused")
    assert event.facts == {"kind": "invitation"} and event.detail.values == {"to": MANAGER}
    hanna = browser_of("hanna")
    assert starter.name in hanna.get("/hr/?state=problem").content.decode()
    page = hanna.get(f"/hr/{starter.public_id}/").content.decode()
    assert "The manager’s address takes no mail." in page and "(not sent: the address takes no mail)" in page


def test_it_is_not_tried_again(refusing, invite, hurry):
    invite("noor")
    hurry()

    job = Job.objects.get(key=f"mail:{Mail.objects.get().pk}")

    assert job.done_at is not None and job.attempts == 0


def test_another_address_in_the_directory_is_written_to_by_itself(invite, hurry, tenant, time_machine):
    error = {"error": {"code": "ErrorInvalidRecipients", "message": "At least one recipient is not valid."}}
    tenant.tenant.faults.add({"path": "sendMail", "method": "POST", "status": 400, "body": error, "times": 1})
    invite("noor")
    hurry()
    stuck = Starter.objects.get().problem
    tenant.tenant.accounts["maria"].properties["mail"] = "maria.new@contoso.example"

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    hurry()

    assert (stuck, Starter.objects.get().problem) == (REFUSED, "")
    assert [mail.recipients for mail in tenant.tenant.mails] == [["maria.new@contoso.example"]]


def test_it_stays_on_the_list_while_the_address_is_the_same(refusing, invite, hurry, time_machine):
    invite("noor")
    hurry()

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    hurry()

    assert Starter.objects.get().problem == REFUSED and Mail.objects.filter(kind="invitation").count() == 1


def test_a_link_that_hr_sends_again_and_that_arrives_ends_it(invite, hurry, tenant, person):
    error = {"error": {"code": "ErrorInvalidRecipients", "message": "x"}}
    tenant.tenant.faults.add({"path": "sendMail", "method": "POST", "status": 400, "body": error, "times": 1})
    starter = invite("noor")
    hurry()

    services.send_link(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"))
    hurry()

    assert Starter.objects.get().problem == "" and len(tenant.tenant.mails) == 1


def test_a_manager_without_an_address_is_on_hrs_list_at_once(invite, tenant, hurry):
    tenant.tenant.accounts["maria"].properties["mail"] = None

    invite("noor")

    assert Starter.objects.get().problem == Starter.Problem.NO_MAILBOX


def test_an_address_that_hr_left_out_of_service_is_no_problem_of_a_starter(refusing, record, hurry):
    record("ben", starts_in=timedelta(days=1))

    hurry()

    assert Mail.objects.get(to="hr@contoso.example").refused_at
    assert Starter.objects.get().problem == Starter.Problem.NO_MANAGER


@pytest.mark.parametrize(
    ("error", "is_refusal"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"5.1.1 unknown")}), True),
        (smtplib.SMTPRecipientsRefused({"a@b.example": (554, b"5.7.1 no")}), True),
        (smtplib.SMTPRecipientsRefused({"a@b.example": (452, b"4.2.2 full")}), False),
        (smtplib.SMTPDataError(550, b"5.1.1 unknown"), True),
        (smtplib.SMTPDataError(554, b"5.6.0 bad content"), False),
        (smtplib.SMTPDataError(451, b"4.3.0 later"), False),
        (smtplib.SMTPSenderRefused(550, b"5.1.8 no", "us@b.example"), False),
        (smtplib.SMTPServerDisconnected("gone"), False),
        (graph.Refused("no", status=400, code="ErrorInvalidRecipients"), True),
        (graph.Refused("no", status=403, code="ErrorAccessDenied"), False),
        (graph.Unavailable("no"), False),
        (OSError("no"), False),
    ],
    ids=repr,
)
def test_only_a_definite_no_to_the_address_counts(error, is_refusal):
    assert post.refuses_the_address(error) is is_refusal
