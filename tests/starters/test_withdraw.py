"""HR withdraws a starter in any state. A live pass is deleted first."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import graph, jobs
from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import IssueState
from onboarding.models import AuditEvent, Mail, PassIssue, Starter
from onboarding.passes import handover
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.creation import create_pass
from onboarding.passes.errors import PageOutdated, PassNotCreated
from onboarding.starters import invitations, recording, withdrawal
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.rescheduling import Schedule
from tests.conftest import creations, live_passes
from tests.support.hr_forms import click
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def press_withdraw(browser, starter, reason="Signed with somebody else"):
    """Open the form and send it. Returns the response."""
    form = browser.get(f"/hr/{starter.public_id}/withdraw/").content.decode()
    version = re.search(r'name="version" value="(\d+)"', form)[1]
    return browser.post(f"/hr/{starter.public_id}/withdraw/", {"reason": reason, "version": version})


def page_after(browser, starter):
    return html.unescape(browser.get(f"/hr/{starter.public_id}/").content.decode())


def withdraw(starter, person):
    return withdrawal.withdraw_starter(
        starter=Starter.objects.get(pk=starter.pk), by=person("hanna"), reason="Not coming"
    )


def state():
    return Starter.objects.get().state


# --- In every state ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["record", "invite"])
def test_before_a_pass_it_is_withdrawn_at_once(request, browser_of, tenant, how):
    starter = request.getfixturevalue(how)("noor")

    response = press_withdraw(browser_of("henry"), starter)

    assert response.status_code == 302
    assert state() == "withdrawn" and Starter.objects.get().ended_at is not None
    assert not creations(tenant)


def test_reason_and_person_are_in_the_audit_log(browser_of, record):
    starter, henry = record("noor"), browser_of("henry")

    press_withdraw(henry, starter, reason="Signed with somebody else")

    event = AuditEvent.objects.get(event="starter.withdrawn")
    assert event.detail.values["by_name"] == "Henry Osei"
    assert event.detail.values["reason"] == "Signed with somebody else"
    assert "somebody else" not in str(event.facts)
    assert "Withdrawn: Signed with somebody else" in page_after(henry, starter)


def test_an_expected_account_can_be_withdrawn(browser_of, person, tenant):
    now = timezone.localtime()
    starter = recording.record_starter(
        entry=AccountEntry("lotte.vos@contoso.example"),
        schedule=Schedule(now.date(), now.time(), "UTC"),
        by=person("hanna"),
    )

    press_withdraw(browser_of("hanna"), starter)

    assert state() == "withdrawn"


@pytest.mark.parametrize("how", ["shown", "held"])
def test_live_pass_is_deleted_before_the_withdrawal(request, browser_of, tenant, run_jobs, how):
    request.getfixturevalue(how)("noor")
    starter = Starter.objects.get()
    assert live_passes(tenant)

    press_withdraw(browser_of("hanna"), starter)
    between = (state(), PassIssue.objects.get().state)
    run_jobs()

    assert between == ("issued", "revoking")
    assert not live_passes(tenant)
    assert (state(), PassIssue.objects.get().state) == ("withdrawn", "revoked")
    gone = AuditEvent.objects.get(event="issue.revoked").seq
    assert AuditEvent.objects.get(event="starter.withdrawn").seq > gone


def test_withdrawal_waits_while_the_pass_cannot_be_deleted(held, person, tenant, run_jobs, settings):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter = held("noor").starter
    tenant.tenant.faults.add([{"method": "DELETE", "status": 403, "times": 1}])

    finished = withdraw(starter, person)
    run_jobs()

    assert finished is False
    assert state() == "issued" and live_passes(tenant)
    job = jobs.Job.objects.get(key=f"issue:{PassIssue.objects.get().pk}")
    assert job.attempts == 1 and job.done_at is None


def test_the_pass_is_tried_again_until_it_is_gone(held, person, tenant, run_jobs, time_machine, settings):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter = held("noor").starter
    tenant.tenant.faults.add([{"method": "DELETE", "status": 403, "times": 3}])
    withdraw(starter, person)

    for _ in range(4):
        run_jobs()
        time_machine.move_to(timezone.now() + timedelta(seconds=11))

    assert not live_passes(tenant) and state() == "withdrawn"


def test_a_pass_being_cancelled_ends_withdrawn(held, person, tenant, run_jobs):
    issue = held("noor")
    cancel_pass(issue, reason=PassIssue.Reason.LOST, by=issue.actor)

    finished = withdraw(issue.starter, person)
    run_jobs()

    assert finished is False
    assert state() == "withdrawn" and not live_passes(tenant)


def test_withdrawal_during_the_deletion_is_not_lost(held, person, tenant, run_jobs, monkeypatch):
    issue = held("noor")
    cancel_pass(issue, reason=PassIssue.Reason.LOST, by=issue.actor)
    delete = graph.Graph.delete_pass

    def withdrawn_meanwhile(client, *which):
        withdraw(issue.starter, person)
        return delete(client, *which)

    monkeypatch.setattr(graph.Graph, "delete_pass", withdrawn_meanwhile)
    run_jobs()

    assert state() == "withdrawn" and not live_passes(tenant)


def test_withdrawal_right_after_the_deletion_is_refused(held, person, run_jobs, monkeypatch):
    issue = held("noor")
    cancel_pass(issue, reason=PassIssue.Reason.LOST, by=issue.actor)
    stale = Starter.objects.get().open_issue()
    run_jobs()
    assert state() == "invited"

    monkeypatch.setattr(Starter, "open_issue", lambda _: stale)
    with pytest.raises(ConcurrentUpdate):
        withdraw(issue.starter, person)

    assert not AuditEvent.objects.filter(event="starter.withdrawal_asked").exists()


def test_pass_requested_during_a_withdrawal_is_never_shown(invite, person, confirmation, tenant, monkeypatch):
    starter, create = invite("noor"), create_pass

    def withdrawn_meanwhile(issue):
        assert withdraw(starter, person)
        return create(issue)

    monkeypatch.setattr(handover, "create_pass", withdrawn_meanwhile)
    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, PassNotCreated)
    assert len(creations(tenant)) == 1 and not live_passes(tenant)
    assert state() == "withdrawn"


def test_lost_pass_of_a_withdrawn_starter_is_still_deleted(
    invite, person, confirmation, tenant, run_jobs, settings
):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": "temporaryAccessPassMethods", "drop": "after"}])
    outcome_of(confirmation(starter))
    assert PassIssue.objects.get().state == "unknown" and live_passes(tenant)

    assert withdraw(starter, person)
    run_jobs()

    assert not live_passes(tenant)
    assert (state(), PassIssue.objects.get().state) == ("withdrawn", "revoked")


@pytest.mark.parametrize("finished", ["registered", "withdrawn"])
def test_what_is_finished_is_not_withdrawn_again(browser_of, record, finished):
    starter, hanna = record("noor"), browser_of("hanna")
    Starter.objects.update(state=finished)

    response = press_withdraw(hanna, starter)

    assert "did not save your changes" in response.content.decode()
    assert state() == finished
    assert f"/hr/{starter.public_id}/withdraw/" not in page_after(hanna, starter)


# --- What it means for others -------------------------------------------------------------------------------------------


def test_only_the_manager_sees_that_it_was_withdrawn(browser_of, invite, person):
    starter = invite("noor")
    withdraw(starter, person)

    answers = {
        key: browser_of(key).get(f"/starters/{starter.public_id}/") for key in ("maria", "tom", "outsider")
    }

    assert answers["maria"].status_code == 200
    assert "This starter has been withdrawn" in answers["maria"].content.decode()
    assert [answers[key].status_code for key in ("tom", "outsider")] == [404, 404]


def test_no_pass_can_be_created_after_a_withdrawal(invite, person, confirmation, tenant):
    starter = invite("noor")
    withdraw(starter, person)

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, PageOutdated)
    assert not creations(tenant)


def test_a_withdrawal_sends_no_mail_before_an_invitation(held, person, run_jobs):
    issue = held("noor")
    run_jobs()
    before = set(Mail.objects.values_list("pk", flat=True))

    withdraw(issue.starter, person)
    run_jobs()

    assert set(Mail.objects.values_list("pk", flat=True)) == before


# --- The form -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("", "Enter a reason."),
        ("   ", "Enter a reason."),
        ("x" * 301, "at most 300 characters"),
        ("never\u202emind", "contains invisible characters"),
    ],
)
def test_a_reason_is_needed_and_what_was_typed_stays(browser_of, record, reason, error):
    starter = record("noor")

    response = press_withdraw(browser_of("hanna"), starter, reason)

    page = html.unescape(response.content.decode())
    assert response.status_code == 400
    assert error in re.search(r'id="id_reason_error">(.*?)</div>', page, re.S)[1]
    assert not reason.strip() or f'value="{reason}"' in page
    assert state() == "recorded"


def test_form_explains_the_withdrawal(browser_of, record):
    page = browser_of("hanna").get(f"/hr/{record('noor').public_id}/withdraw/").content.decode()

    assert "If you do, the onboarding starts again." in page
    assert state() == "recorded"


def test_old_form_shows_the_current_state(browser_of, invite, person):
    starter, hanna = invite("noor"), browser_of("hanna")
    old = {"reason": "Not coming", "version": str(starter.version)}
    invitations.send_link(starter=Starter.objects.get(), by=person("henry"))
    Starter.objects.update(version=starter.version + 1)

    response = hanna.post(f"/hr/{starter.public_id}/withdraw/", old)

    page = response.content.decode()
    assert "page was out of date" in page and 'value="Not coming"' in page
    assert state() == "invited"


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_withdraws(browser_of, record, key):
    starter, browser = record("noor"), browser_of(key)

    answers = [
        browser.get(f"/hr/{starter.public_id}/withdraw/").status_code,
        browser.post(f"/hr/{starter.public_id}/withdraw/", {"reason": "x", "version": "1"}).status_code,
    ]

    assert answers == [403, 403] and state() == "recorded"


# --- Only the pass ----------------------------------------------------------------------------------------------------------


def test_hr_can_take_back_a_pass_without_stopping_the_onboarding(browser_of, held, tenant, run_jobs):
    starter = held("noor").starter
    hanna = browser_of("hanna")

    click(hanna, starter, "take-back")
    run_jobs()

    issue = PassIssue.objects.get()
    assert not live_passes(tenant)
    assert (issue.state, issue.reason) == (IssueState.REVOKED, PassIssue.Reason.TAKEN_BACK)
    assert state() == "invited"
    assert Mail.objects.get(kind="taken_back").to == "maria.lindqvist@contoso.example"
