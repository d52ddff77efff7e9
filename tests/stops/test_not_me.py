"""A manager says "That was not me": everything stops, and it holds at every entrance."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from onboarding import graph, guards
from onboarding.audit.rows import starter_rows
from onboarding.graph import Method
from onboarding.guards.emergency_stop import is_account_stopped
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.mail.relevance import is_still_relevant
from onboarding.models import AuditEvent, Job, Mail, PassIssue, Starter
from onboarding.passes import handover
from onboarding.passes.errors import PageOutdated, PassNotCreated, RefusedByGuards
from onboarding.starters import accounts, invitations, withdrawal
from onboarding.starters.errors import LinkNotSent
from onboarding.stops import security_mail
from onboarding.stops.stopping import Way, stop_starter
from onboarding.tickets import representation
from onboarding.worker import retention
from tests.conftest import BY_KEY, creations, live_passes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def addresses(settings):
    settings.SECURITY_ADDRESS, settings.HR_ADDRESS = "security@contoso.example", "hr@contoso.example"
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000


def page(starter):
    return f"/starters/not-me/{starter.public_id}/"


def text_of(answer):
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


def now_of(starter):
    return Starter.objects.get(pk=starter.pk)


# --- One click stops everything --------------------------------------------------------------------------------------


def test_one_click_stops_everything(tenant, held, browser_of, run_jobs):
    starter, maria = held("noor").starter, browser_of("maria")
    before = maria.get(page(starter))
    assert "Stop everything" in text_of(before) and len(before.content) <= 20_000

    answer = maria.post(page(starter))

    after = text_of(maria.get(answer["Location"]))
    assert "An emergency stop is in force" in after and "The portal is deleting it" in after
    run_jobs()
    assert live_passes(tenant) == []
    events = list(AuditEvent.objects.filter(starter=starter.public_id).values_list("event", flat=True))
    assert {"starter.stopped", "issue.revoking", "issue.revoked", "starter.stop_kept"} <= set(events)
    assert "starter.opened_again" not in events
    stopped = now_of(starter)
    assert (stopped.state, stopped.problem) == (StarterState.INVITED, Starter.Problem.STOPPED)
    assert set(Mail.objects.filter(kind="stopped").values_list("recipient", flat=True)) == {"hr", "security"}
    told = Mail.objects.get(kind="taken_back").text
    assert "until two people in HR end it" in told and "You can create a new pass" not in told
    assert "An emergency stop is in force" in text_of(maria.get(f"/starters/{starter.public_id}/"))
    assert "Emergency stop" in text_of(maria.get("/starters/"))
    assert "End the emergency stop…" in text_of(browser_of("hanna").get(f"/hr/{starter.public_id}/"))


def test_the_mails_about_a_stop_wait_for_no_others(invite, person, run_jobs):
    stop_starter(invite("liam"), way=Way.CODE)
    run_jobs()
    stop_starter(invite("noor"), way=Way.CODE)  # HR got a mail a moment ago
    run_jobs()

    mails = Mail.objects.filter(kind="stopped")
    assert sorted(mails.values_list("recipient", flat=True)) == ["hr", "hr", "security", "security"]
    assert not mails.filter(sent_at=None).exists()


def test_a_second_click_changes_nothing(held, browser_of):
    starter, maria = held("noor").starter, browser_of("maria")
    maria.post(page(starter))
    before = (now_of(starter).version, Mail.objects.count(), AuditEvent.objects.count())

    assert maria.post(page(starter)).status_code == 302

    assert (now_of(starter).version, Mail.objects.count(), AuditEvent.objects.count()) == before


def test_the_stop_holds_while_microsoft_is_silent(tenant, held, browser_of, run_jobs, monkeypatch):
    starter = held("noor").starter

    def no_answer(*_):
        raise graph.Unavailable("no answer")

    with monkeypatch.context() as silent:
        silent.setattr(graph.Graph, "read_methods", no_answer)
        silent.setattr(graph.Graph, "delete_pass", no_answer)
        assert browser_of("maria").post(page(starter)).status_code == 302
        run_jobs()

    assert now_of(starter).stopped_at is not None
    assert PassIssue.objects.get().state == "revoking"
    unread = Mail.objects.get(kind="stopped", recipient="security")
    assert "could not read which sign-in methods were added" in unread.text
    run_jobs(ahead=timedelta(minutes=15))
    assert live_passes(tenant) == []
    assert Mail.objects.filter(kind="stopped", recipient="security").count() == 2


# --- Nobody gets past it ------------------------------------------------------------------------------------------------


def test_every_entrance_refuses(invite, browser_of, confirmation, run_jobs):
    starter = invite("noor")
    clicked = confirmation(starter)  # on a page from before the stop
    stop_starter(starter, way=Way.MAIL, by=clicked.person)

    with pytest.raises(PageOutdated):
        handover.confirm(clicked)
    with pytest.raises(PageOutdated):
        handover.confirm(confirmation(starter))
    with pytest.raises(LinkNotSent):
        invitations.send_link(starter=now_of(starter), by=starter.recorded_by)
    run_jobs()
    run_jobs(ahead=timedelta(hours=1))

    assert now_of(starter).problem == Starter.Problem.STOPPED
    assert not accounts.can_replace_account(now_of(starter))
    notifications.write_reminder(now_of(starter))
    assert not is_still_relevant(Mail.objects.get(kind="reminder", dropped_at=None))
    maria = browser_of("maria")
    asked = maria.get(f"/starters/{starter.public_id}/")
    assert "data-choice" not in asked.content.decode()
    now = now_of(starter)
    form = {"identity_check": "in_person", "version": now.version, "policy": clicked.policy_key}
    assert maria.post(f"/starters/{starter.public_id}/", form).status_code == 409
    assert not PassIssue.objects.exists()


def test_adding_the_account_again_does_not_end_the_stop(
    tenant, invite, record, confirmation, person, run_jobs
):
    starter = invite("noor")
    stop_starter(starter, way=Way.MAIL, by=person("maria"))
    withdrawal.withdraw_starter(starter=now_of(starter), by=person("hanna"), reason="again")

    again = record("noor")
    with pytest.raises(LinkNotSent):
        invitations.send_link(starter=again, by=again.recorded_by)
    run_jobs()
    Starter.objects.filter(pk=again.pk).update(
        state="invited", problem="", refused_for=[], sign_in_looked_at=timezone.now()
    )
    with pytest.raises(RefusedByGuards) as refused:
        handover.confirm(confirmation(again))

    assert "not_stopped" in {guard.code for guard in refused.value.guards}
    assert creations(tenant) == []


def test_a_stop_before_the_account_exists_holds_for_it(record, person):
    starter = record("noor")
    Starter.objects.filter(pk=starter.pk).update(account_id="", state="withdrawn", stopped_at=timezone.now())

    assert is_account_stopped(BY_KEY["noor"].object_id, BY_KEY["noor"].user_principal_name.upper())
    assert not is_account_stopped(BY_KEY["liam"].object_id, BY_KEY["liam"].user_principal_name)


def test_a_pass_created_during_the_stop_is_not_shown(
    tenant, invite, confirmation, monkeypatch, person, run_jobs
):
    starter = invite("noor")
    real = handover.create_pass

    def stopped_meanwhile(issue):
        made = real(issue)
        assert stop_starter(starter, way=Way.MAIL, by=person("maria"))
        return made

    monkeypatch.setattr(handover, "create_pass", stopped_meanwhile)

    with pytest.raises(PassNotCreated):
        handover.confirm(confirmation(starter))

    assert PassIssue.objects.get().reason == PassIssue.Reason.STOPPED
    run_jobs(ahead=timedelta(minutes=5))
    assert live_passes(tenant) == []


def test_other_systems_see_the_stop_as_an_obstacle(invite, person):
    starter = invite("noor")
    stop_starter(starter, way=Way.MAIL, by=person("maria"))

    found = representation.list_obstacles(now_of(starter))

    assert [obstacle["code"] for obstacle in found] == ["stopped"]
    assert representation.next_actor(now_of(starter), found) == "hr"
    assert guards.BY_CODE["not_stopped"].setting == ""  # no policy switches it off


def test_the_audit_log_shows_a_stop_that_was_removed(invite, person):
    starter = invite("noor")
    stop_starter(starter, way=Way.MAIL, by=person("maria"))
    Starter.objects.update(stopped_at=None)

    events = AuditEvent.objects.filter(starter=starter.public_id).select_related("detail").order_by("seq")
    differences = starter_rows.compare_starter(now_of(starter), list(events))

    assert "stopped_at" in {difference.field for difference in differences}


# --- Who can use the link, and how long ----------------------------------------------------------------------------------


def test_only_recent_readers_find_the_page(invite, browser_of, run_jobs):
    starter = invite("noor")
    run_jobs()
    strangers = [browser_of(key).get(page(starter)) for key in ("tom", "hanna", "ada")]
    unknown = browser_of("tom").get("/starters/not-me/" + "A" * 22 + "/")
    assert {answer.status_code for answer in (*strangers, unknown)} == {404}
    assert strangers[0].content.count(b"Noor") == 0

    with time_machine.travel(timezone.now() + timedelta(days=29)):
        assert browser_of("maria").get(page(starter)).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert browser_of("maria").get(page(starter)).status_code == 404
        assert browser_of("maria").post(page(starter)).status_code == 404
    assert now_of(starter).stopped_at is None


def test_every_mail_to_a_manager_has_the_link(shown, browser_of, run_jobs):
    starter = shown("noor").issue.starter
    run_jobs(ahead=timedelta(minutes=10))

    to_managers = Mail.objects.filter(recipient__in=Mail.TO_MANAGERS, starter=starter)
    assert {"invitation", "taken_back"} <= set(to_managers.values_list("kind", flat=True))
    for mail in to_managers:
        assert page(starter) in mail.text and page(starter) in mail.html and mail.reader_id, mail.kind
    for mail in Mail.objects.exclude(recipient__in=Mail.TO_MANAGERS):
        assert "not-me" not in mail.text + mail.html, mail.kind


# --- What security gets ------------------------------------------------------------------------------------------------


def test_security_reads_what_entra_still_needs(invite, person, held):
    starter = held("noor").starter
    issue = PassIssue.objects.get()
    PassIssue.objects.update(methods_before=["old"])
    found = [
        Method("password", "p"),
        Method("phone", "old", created_at=issue.intended_at - timedelta(days=1)),
        Method("fido2", "new", created_at=issue.intended_at + timedelta(minutes=3)),
        Method("softwareOath", "timeless"),
    ]
    stop_starter(starter, way=Way.MAIL, by=person("maria"))

    methods = list(security_mail.describe_methods(now_of(starter), found))
    security_mail._write_mail(now_of(starter), methods)

    assert [method["id"] for method in methods] == ["new", "timeless"]
    mail = Mail.objects.get(kind="stopped", recipient="security")
    assert "Maria Lindqvist used the emergency stop" in mail.text
    order = [
        mail.text.index(words)
        for words in ("Block sign-in", "Revoke all sessions of the account", "Remove each one")
    ]
    assert order == sorted(order)
    assert f"fido2, added {methods[0]['at']}" in mail.text and "softwareOath, time not known" in mail.text
    assert methods[0]["at"] and starter.account_name in mail.text


def test_a_finished_starter_can_be_stopped(held, browser_of, run_jobs):
    starter = held("noor").starter
    Starter.objects.filter(pk=starter.pk).update(state="registered", ended_at=timezone.now())
    PassIssue.objects.update(state="closed", ended_at=timezone.now())

    browser_of("maria").post(page(starter))
    run_jobs()
    retention.run_retention("")

    stopped = now_of(starter)
    assert stopped.stopped_at is not None and stopped.erased_at is None and stopped.state == "registered"
    assert "End the emergency stop…" in text_of(browser_of("hanna").get(f"/hr/{starter.public_id}/"))
    assert not Job.objects.filter(key=f"stopped:{starter.pk}", failed_at__isnull=False).exists()
