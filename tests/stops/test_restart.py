"""Starting again after an emergency stop takes two people in HR, with a reason each."""

from __future__ import annotations

import html

import pytest
from django.utils import timezone

from onboarding import audit
from onboarding.errors import ConcurrentUpdate
from onboarding.guards.approvals import NotAnotherPerson
from onboarding.models import Approval, AuditDetail, AuditEvent, Starter
from onboarding.passes import handover
from onboarding.starters import directory, withdrawal
from onboarding.starters.errors import OwnStarter
from onboarding.stops import restarting
from onboarding.stops.stopping import Way, stop_starter
from portal.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def stopped(invite, person, settings):
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000
    starter = invite("noor")
    stop_starter(starter, way=Way.MAIL, by=person("maria"))
    return now_of(starter)


@pytest.fixture
def second(person):
    """Another person in HR, who had no part in the starter."""
    henry = person("henry")
    assert isinstance(henry, User) and henry.is_hr
    return henry


def now_of(starter):
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def submit(browser, starter, reason="Security says so"):
    """Fill in the form that the page shows, and return the page after it."""
    address = f"/hr/{starter.public_id}/restart/"
    shown = browser.get(address).content.decode()
    step = "agreed" if 'value="agreed"' in shown else "asked"
    form = {"reason": reason, "version": now_of(starter).version, "step": step}
    return html.unescape(browser.post(address, form, follow=True).content.decode())


def test_two_people_start_again_and_the_manager_gets_a_pass(
    stopped, browser_of, second, confirmation, run_jobs
):
    assert "An HR colleague must agree" in submit(browser_of("hanna"), stopped)
    assert now_of(stopped).stopped_at is not None
    assert "The emergency stop has ended" in submit(browser_of("henry"), stopped, "I called them")
    run_jobs()

    again = now_of(stopped)
    assert (again.stopped_at, again.problem) == (None, "")
    handover.confirm(confirmation(again)).code.wipe()
    events = AuditEvent.objects.filter(starter=stopped.public_id, event__contains="start")
    rows = {row.event: AuditDetail.objects.get(pk=row.pk).values for row in events}
    assert rows["starter.restart_asked"]["reason"] == "Security says so"
    assert rows["starter.started_again"] == rows["starter.started_again"] | {
        "reason": "I called them",
        "by_name": second.name,
    }
    assert list(audit.compare_rows()) == []
    Approval.objects.filter(starter=stopped, by=second).update(reason="Nobody asked")
    assert len(list(audit.compare_rows())) == 1


def test_one_person_alone_cannot_start_again(stopped, person, browser_of, monkeypatch, second):
    hanna = person("hanna")
    with pytest.raises(ConcurrentUpdate):
        monkeypatch.setattr(directory, "is_another_person", lambda *_: True)
        restarting.agree_to_restart(starter=now_of(stopped), by=second, reason="nobody asked")
    restarting.ask_to_restart(starter=now_of(stopped), by=hanna, reason="one")

    assert "you added, changed or approved this starter" in submit(browser_of("hanna"), stopped)
    with pytest.raises(ConcurrentUpdate):
        restarting.ask_to_restart(starter=now_of(stopped), by=second, reason="two")
    with pytest.raises(NotAnotherPerson):  # one person with two accounts
        monkeypatch.setattr(directory, "is_another_person", lambda *_: False)
        restarting.agree_to_restart(starter=now_of(stopped), by=second, reason="two")
    assert now_of(stopped).stopped_at is not None


def test_the_manager_cannot_ask(stopped, person):
    Starter.objects.update(manager_id=person("henry").oid)

    with pytest.raises(OwnStarter):
        restarting.ask_to_restart(starter=now_of(stopped), by=person("henry"), reason="mine")


def test_a_stop_outlives_withdrawal_and_restoring(stopped, person, run_jobs):
    withdrawal.withdraw_starter(starter=now_of(stopped), by=person("hanna"), reason="x")
    withdrawal.restore_starter(starter=now_of(stopped), by=person("hanna"), reason="y")
    run_jobs()

    again = now_of(stopped)
    assert again.stopped_at is not None and again.problem == Starter.Problem.STOPPED


def test_the_same_two_people_can_end_another_stop(stopped, person, browser_of):
    hanna, henry = browser_of("hanna"), browser_of("henry")
    submit(hanna, stopped)
    submit(henry, stopped)
    assert stop_starter(now_of(stopped), way=Way.CODE)

    submit(henry, stopped)
    assert "you added, changed or approved this starter" in submit(henry, stopped)  # not alone
    assert "you added, changed or approved this starter" in submit(hanna, stopped)  # she added the starter
    assert now_of(stopped).stopped_at is not None
    Starter.objects.update(stopped_at=timezone.now())  # a third stop

    submit(hanna, stopped)
    assert "The emergency stop has ended" in submit(henry, stopped)


@pytest.mark.both_databases
def test_a_second_stop_needs_two_people_again(stopped, person, second, monkeypatch):
    monkeypatch.setattr(directory, "is_another_person", lambda *_: True)
    restarting.ask_to_restart(starter=now_of(stopped), by=person("hanna"), reason="one")
    restarting.agree_to_restart(starter=now_of(stopped), by=second, reason="two")

    assert stop_starter(now_of(stopped), way=Way.CODE)

    assert restarting.find_request(now_of(stopped)) is None
