"""Mail faults: each mail arrives under one Message-ID, and only once unless an answer was lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from onboarding.models import Job, Mail, Starter

pytestmark = pytest.mark.django_db

# The fault, and how many copies arrive: a second copy only if the answer to an accepted mail was lost.
BY_SMTP = {
    "not now": ({"answers": ["451 4.3.0 Try again later"]}, 1),
    "too busy": ({"answers": ["421 4.7.0 Too busy"]}, 1),
    "never, but not for the address": ({"answers": ["554 5.3.0 Transaction failed"]}, 1),
    "never, thrice": ({"answers": ["550 5.7.1 Blocked by policy"] * 3}, 1),
    "hangs up after the last dot, having taken it": ({"answers": ["drop"]}, 2),
    "hangs up after the last dot, having taken nothing": ({"answers": ["drop it"]}, 1),
    "greets too late": ({"greeted_slowly": 1}, 1),
    "answers too late, having taken it": ({"answers": ["slow"]}, 2),
    "a mailbox that is full": ({"recipients_refused": ["452 4.2.2 Mailbox full"]}, 1),
}
BY_GRAPH = {
    "not found": ({"status": 404}, 1),
    "internal": ({"status": 500}, 1),
    "bad gateway, in HTML": ({"status": 502, "body": "<html><h1>502 Bad Gateway</h1></html>"}, 1),
    "unavailable": ({"status": 503, "headers": {"Retry-After": "1"}}, 1),
    "took too long": ({"status": 504}, 1),
    "unavailable, having taken it": ({"status": 503, "applied": True}, 2),
    "hangs up, having taken nothing": ({"drop": "before"}, 1),
    "hangs up, having taken it": ({"drop": "after"}, 2),
    "answers too late, having taken it": ({"delay_after": 1}, 2),
    "begins too late": ({"delay": 1, "status": 503}, 1),
}
A_WHILE = [timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=3), timedelta(minutes=15)]


def the_mail():
    return Mail.objects.get(kind="invitation")


def assert_arrives(run_jobs):
    """The first try fails and a later one succeeds. HR is not notified within an hour."""
    run_jobs()
    assert the_mail().sent_at is None and Job.objects.get(key=f"mail:{the_mail().pk}").attempts == 1
    for span in A_WHILE:
        run_jobs(span)
        assert Starter.objects.get().problem == ""
        if the_mail().sent_at is not None:
            return
    raise AssertionError("it was never sent")


@pytest.mark.parametrize(("fault", "copies"), BY_SMTP.values(), ids=BY_SMTP)
def test_a_mail_over_smtp_arrives(peer, invite, run_jobs, settings, fault, copies):
    invite("noor")
    patient, settings.EMAIL_TIMEOUT = settings.EMAIL_TIMEOUT, 0.4
    for name, value in fault.items():
        setattr(peer, name, value)

    run_jobs()
    settings.EMAIL_TIMEOUT = patient
    assert_arrives(run_jobs)

    assert [mime["Message-ID"] for _, mime in peer.got] == [the_mail().message_id] * copies


@pytest.mark.parametrize(("fault", "copies"), BY_GRAPH.values(), ids=BY_GRAPH)
def test_a_mail_over_graph_arrives(tenant, invite, run_jobs, loses_patience, fault, copies):
    invite("noor")
    loses_patience("send_mail", 0.4)
    tenant.tenant.faults.add([{"path": "sendMail", **fault}])

    assert_arrives(run_jobs)

    assert [mail.message_id for mail in tenant.tenant.mails] == [the_mail().message_id] * copies


@pytest.mark.parametrize("by", ["smtp", "graph"])
def test_after_ten_minutes_of_outage_every_mail_arrives_once(
    request, invite, record, run_jobs, tenant, settings, by
):
    peer = request.getfixturevalue("peer") if by == "smtp" else None
    port = settings.EMAIL_PORT
    settings.EMAIL_PORT = 9  # no server listens there
    tenant.tenant.faults.add([{"path": "sendMail", "status": 503, "times": None}])
    invite("noor")
    for minute in range(10):
        run_jobs(timedelta(minutes=minute))
        assert not Mail.objects.filter(sent_at__isnull=False).exists()
    settings.EMAIL_PORT = port
    tenant.tenant.faults.end_all()

    run_jobs(timedelta(minutes=20))
    run_jobs(timedelta(minutes=40))

    arrived = (
        [mime["Message-ID"] for _, mime in peer.got]
        if peer
        else [mail.message_id for mail in tenant.tenant.mails]
    )
    assert arrived == [the_mail().message_id] and the_mail().sent_at is not None
    assert Starter.objects.get().problem == ""
