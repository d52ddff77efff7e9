"""Nobody has confirmed by the set hour of the first day: others are notified once, as policy says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import jobs, policy
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.models.policy_settings import EscalateTo
from onboarding.passes.errors import PassNotCreated
from onboarding.starters import rescheduling, stand_ins, timetable, withdrawal
from tests.conftest import BY_KEY
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db
CEO, MARIA = BY_KEY["ceo"], BY_KEY["maria"]
HR = "hr@contoso.example"


def escalated():
    return list(Mail.objects.filter(kind="escalation", sent_at__isnull=False).values_list("to", flat=True))


@pytest.fixture
def late(record, run_jobs, time_machine):
    """Noor starts today, her manager got the link and the reminder, and the hour is reached. `first` runs before that."""

    def passed(first=lambda starter: None, *, go_on=timedelta(seconds=1)):
        starter = record("noor", starts_in=timedelta(days=2))
        run_jobs()
        time_machine.move_to(starter.starts_at - timedelta(minutes=119))
        run_jobs()
        jobs.record_heartbeat("a worker")
        first(Starter.objects.get(pk=starter.pk))
        time_machine.move_to(timetable.plan_timetable(starter, policy.for_site()).escalated + go_on)
        run_jobs()
        return Starter.objects.get(pk=starter.pk)

    return passed


def test_the_managers_manager_is_notified_once(late, tenant, run_jobs, time_machine):
    late(lambda _: setattr(tenant.tenant.accounts["maria"], "manager", "tom"))

    for _ in range(3):
        time_machine.move_to(timezone.now() + timedelta(minutes=20))
        run_jobs()

    assert escalated() == [BY_KEY["tom"].mail]
    event = AuditEvent.objects.get(event="starter.escalated")
    assert event.facts == {"to": "above", "found": True}
    assert event.detail.values["manager"] == BY_KEY["tom"].object_id


def test_the_escalation_has_no_link_but_the_stop(late):
    late()

    mail = Mail.objects.get(kind="escalation")
    assert "Noor de Vries" in mail.text and "stand-in" in mail.text and mail.recipient == "above"
    words = mail.text + mail.html
    assert "/starters/not-me/" in words and "/starters/" not in words.replace("/starters/not-me/", "")
    assert "Maria" not in words


def test_a_starter_confirmed_in_time_is_not_escalated(late, confirmation):
    late(lambda starter: outcome_of(confirmation(starter)))

    assert escalated() == [] and not Mail.objects.filter(kind="escalation").exists()


def test_a_manager_who_tried_is_not_escalated(late, confirmation, tenant):
    def fails(starter):
        tenant.tenant.faults.add({"path": "temporaryAccessPassMethods", "method": "POST", "status": 400})
        assert isinstance(outcome_of(confirmation(starter)), PassNotCreated)

    late(fails)

    assert escalated() == []


def test_a_problem_that_only_hr_can_fix_is_not_escalated(late, tenant):
    old = {"createdDateTime": "2020-01-01T00:00:00Z", "employeeHireDate": None}
    late(lambda _: tenant.tenant.accounts["noor"].properties.update(old))

    assert escalated() == []


def test_a_withdrawn_starter_is_not_escalated(late, person):
    late(lambda starter: withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="x"))

    assert escalated() == []


@pytest.mark.parametrize(
    "happens",
    [
        lambda tenant: setattr(tenant.accounts["maria"], "manager", None),
        lambda tenant: tenant.accounts["ceo"].properties.update(mail=None),
        lambda tenant: tenant.accounts["ceo"].properties.update(accountEnabled=False),
        lambda tenant: tenant.accounts["ceo"].properties.update(userType="Guest"),
    ],
    ids=["nobody above", "no mailbox", "disabled", "a guest"],
)
def test_without_a_managers_manager_duty_or_hr_is_notified(late, tenant, policy_says, happens):
    late(lambda _: happens(tenant.tenant))

    assert escalated() == [HR]
    assert AuditEvent.objects.get(event="starter.escalated").facts["found"] is False


def test_policy_can_escalate_to_a_duty_address(late, policy_says, tenant):
    policy_says(escalate_to=EscalateTo.DUTY, duty_address="duty@contoso.example")
    asked = len(tenant.tenant.requests)

    starter = late()

    mail = Mail.objects.get(kind="escalation")
    assert escalated() == ["duty@contoso.example"] and f"/hr/{starter.public_id}/" in mail.text
    above = f"/users/{MARIA.object_id}/manager"
    assert not [
        request for request in list(tenant.tenant.requests)[asked:] if request["path"].endswith(above)
    ]


def test_policy_can_turn_escalation_off(late, policy_says, record, run_jobs, time_machine):
    policy_says(escalate_to=EscalateTo.NOBODY)
    starter = record("noor", starts_in=timedelta(days=2))
    run_jobs()

    for hours in (-1, 2, 6, 30):
        time_machine.move_to(starter.starts_at + timedelta(hours=hours))
        run_jobs()

    assert escalated() == []


def test_a_silent_directory_delays_the_escalation(late, tenant, run_jobs, time_machine):
    def silent(_):
        tenant.tenant.faults.add({"path": f"/users/{MARIA.object_id}/manager$", "status": 503, "times": None})

    late(silent)
    before = escalated()
    tenant.tenant.faults.end_all()
    time_machine.move_to(timezone.now() + timedelta(minutes=1))
    run_jobs()

    assert (before, escalated()) == ([], [CEO.mail])


def test_an_inactive_stand_in_is_escalated_to_their_manager(late, tenant, person):
    tenant.tenant.accounts["ceo"].manager = "tom"

    def route(starter):
        stand_ins.assign_stand_in(
            starter=starter, stand_in_id=CEO.object_id, by=person("hanna"), reason="ill"
        )

    late(route)

    assert escalated() == [BY_KEY["tom"].mail]


def test_a_moved_start_is_escalated_again(late, person, run_jobs, time_machine):
    starter = late()
    assert escalated() == [CEO.mail]

    rescheduling.reschedule_starter(
        starter=starter,
        schedule=rescheduling.Schedule(
            starter.start_date + timedelta(days=3), starter.start_time, starter.time_zone
        ),
        note="",
        by=person("hanna"),
    )
    run_jobs()
    between = escalated()
    moved = Starter.objects.get()
    time_machine.move_to(timetable.plan_timetable(moved, policy.for_site()).escalated + timedelta(seconds=1))
    run_jobs()

    assert (between, escalated()) == ([CEO.mail], [CEO.mail] * 2)


def test_nothing_is_escalated_after_the_window(record, run_jobs, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    run_jobs()

    time_machine.move_to(starter.starts_at + timedelta(days=6))
    run_jobs()

    assert escalated() == []


def test_a_late_invited_manager_has_an_hour_before_escalation(record, run_jobs, time_machine, tenant):
    starter = record("noor", starts_in=timedelta(days=2))
    Starter.objects.update(problem="account_changed")
    late_hour = timetable.plan_timetable(starter, policy.for_site()).escalated + timedelta(hours=1)
    time_machine.move_to(late_hour)
    Starter.objects.update(problem="")
    run_jobs()
    jobs.record_heartbeat("a worker")
    invited_at = Starter.objects.get().invited_at
    before = escalated()

    for minutes in (30, 31, 15):
        time_machine.move_to(timezone.now() + timedelta(minutes=minutes))
        run_jobs()

    assert invited_at is not None and before == []
    assert escalated() == [CEO.mail]
    assert Mail.objects.get(kind="escalation").written_at - invited_at >= timedelta(hours=1)
