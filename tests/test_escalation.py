"""Nobody has confirmed by the set hour of the first day: others are told, once, as policy says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import handover, jobs, moments, policy, routing, services
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.models.rules import EscalateTo
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
CEO, MARIA = BY_KEY["ceo"], BY_KEY["maria"]
HR = "hr@contoso.example"


def escalated():
    return list(Mail.objects.filter(kind="escalation", sent_at__isnull=False).values_list("to", flat=True))


@pytest.fixture
def late(record, hurry, time_machine):
    """Noor was to start today, her manager was invited and reminded, and now it is the hour; `first` goes before that."""

    def passed(first=lambda starter: None, *, go_on=timedelta(seconds=1)):
        starter = record("noor", starts_in=timedelta(days=2))
        hurry()
        time_machine.move_to(starter.starts_at - timedelta(minutes=119))
        hurry()
        jobs.beat("a worker")
        first(Starter.objects.get(pk=starter.pk))
        time_machine.move_to(moments.of(starter, policy.in_force()).escalated + go_on)
        hurry()
        return Starter.objects.get(pk=starter.pk)

    return passed


def test_the_managers_manager_of_that_moment_is_told_once(late, tenant, hurry, time_machine):
    late(lambda _: setattr(tenant.tenant.accounts["maria"], "manager", "tom"))

    for _ in range(3):
        time_machine.move_to(timezone.now() + timedelta(minutes=20))
        hurry()

    assert escalated() == [BY_KEY["tom"].mail]
    event = AuditEvent.objects.get(event="starter.escalated")
    assert event.facts == {"to": "above", "found": True}
    assert event.detail.values["manager"] == BY_KEY["tom"].object_id


def test_the_mail_says_what_to_do_names_nobody_else_and_has_no_link(late):
    late()

    mail = Mail.objects.get(kind="escalation")
    assert "Noor de Vries" in mail.text and "stand in" in mail.text and mail.recipient == "above"
    assert "/starters/" not in mail.text + mail.html and "Maria" not in mail.text + mail.html


def test_who_was_confirmed_in_time_is_not_spoken_of(late, confirmation):
    late(lambda starter: handover.confirm(confirmation(starter)))

    assert escalated() == [] and not Mail.objects.filter(kind="escalation").exists()


def test_who_pressed_and_got_no_pass_has_acted_all_the_same(late, confirmation, tenant):
    def fails(starter):
        tenant.tenant.faults.add({"path": "temporaryAccessPassMethods", "method": "POST", "status": 400})
        assert isinstance(handover.confirm(confirmation(starter)), handover.Failed)

    late(fails)

    assert escalated() == []


def test_what_only_hr_can_put_right_is_no_fault_of_the_manager(late):
    late(
        lambda starter: Starter.objects.filter(pk=starter.pk).update(
            problem="refused", refused_for=["is_new"]
        )
    )

    assert escalated() == []


def test_a_withdrawn_starter_is_not_spoken_of(late, person):
    late(lambda starter: services.withdraw_starter(starter=starter, by=person("hanna"), reason="x"))

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
def test_where_nobody_above_gets_mail_the_duty_address_is_told_or_else_hr(late, tenant, policy_says, happens):
    late(lambda _: happens(tenant.tenant))

    assert escalated() == [HR]
    assert AuditEvent.objects.get(event="starter.escalated").facts["found"] is False


def test_policy_can_name_a_duty_address(late, policy_says, tenant):
    policy_says(escalate_to=EscalateTo.DUTY, duty_address="duty@contoso.example")
    asked = len(tenant.tenant.requests)

    starter = late()

    mail = Mail.objects.get(kind="escalation")
    assert escalated() == ["duty@contoso.example"] and f"/hr/{starter.public_id}/" in mail.text
    above = f"/users/{MARIA.object_id}/manager"
    assert not [one for one in list(tenant.tenant.requests)[asked:] if one["path"].endswith(above)]


def test_policy_can_leave_it_out(late, policy_says, record, hurry, time_machine):
    policy_says(escalate_to=EscalateTo.NOBODY)
    starter = record("noor", starts_in=timedelta(days=2))
    hurry()

    for hours in (-1, 2, 6, 30):
        time_machine.move_to(starter.starts_at + timedelta(hours=hours))
        hurry()

    assert escalated() == []


def test_a_directory_that_is_silent_puts_it_off_and_loses_nothing(late, tenant, hurry, time_machine):
    def silent(_):
        tenant.tenant.faults.add({"path": f"/users/{MARIA.object_id}/manager$", "status": 503, "times": None})

    late(silent)
    before = escalated()
    tenant.tenant.faults.end()
    time_machine.move_to(timezone.now() + timedelta(minutes=1))
    hurry()

    assert (before, escalated()) == ([], [CEO.mail])


def test_whoever_stands_in_and_does_not_act_is_told_of_to_who_is_above_them(late, tenant, person):
    tenant.tenant.accounts["ceo"].manager = "tom"

    def route(starter):
        routing.route(starter=starter, stand_in_id=CEO.object_id, by=person("hanna"), reason="ill")

    late(route)

    assert escalated() == [BY_KEY["tom"].mail]


def test_it_comes_anew_for_a_day_that_was_moved(late, person, hurry, time_machine):
    starter = late()
    assert escalated() == [CEO.mail]

    services.reschedule(
        starter=starter,
        start_date=starter.start_date + timedelta(days=3),
        start_time=starter.start_time,
        time_zone=starter.time_zone,
        note="",
        by=person("hanna"),
    )
    hurry()
    between = escalated()
    moved = Starter.objects.get()
    time_machine.move_to(moments.of(moved, policy.in_force()).escalated + timedelta(seconds=1))
    hurry()

    assert (between, escalated()) == ([CEO.mail], [CEO.mail] * 2)


def test_after_the_window_nobody_is_told(record, hurry, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    hurry()

    time_machine.move_to(starter.starts_at + timedelta(days=6))
    hurry()

    assert escalated() == []


def test_a_manager_who_was_invited_after_the_hour_has_an_hour_before_others_are_told(
    record, hurry, time_machine, tenant
):
    starter = record("noor", starts_in=timedelta(days=2))
    Starter.objects.update(problem="account_changed")
    late_hour = moments.of(starter, policy.in_force()).escalated + timedelta(hours=1)
    time_machine.move_to(late_hour)
    Starter.objects.update(problem="")
    hurry()
    jobs.beat("a worker")
    invited_at = Starter.objects.get().invited_at
    before = escalated()

    for minutes in (30, 31, 15):
        time_machine.move_to(timezone.now() + timedelta(minutes=minutes))
        hurry()

    assert invited_at is not None and before == []
    assert escalated() == [CEO.mail]
    assert Mail.objects.get(kind="escalation").written_at - invited_at >= timedelta(hours=1)
