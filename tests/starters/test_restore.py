"""HR restores a withdrawn starter, and the onboarding starts again."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.errors import ConcurrentUpdate
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.passes.confirmation import Shown
from onboarding.starters import invitations, recording, withdrawal
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.errors import AlreadyRecorded, LinkNotSent, OwnStarter
from onboarding.starters.rescheduling import Schedule
from onboarding.worker import retention, starter_checks
from tests.conftest import BY_KEY, creations, live_passes
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def now_of(starter):
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def withdraw(starter, person, by="hanna"):
    withdrawal.withdraw_starter(starter=now_of(starter), by=person(by), reason="Not coming")
    return now_of(starter)


def bring_back(starter, person, by="henry"):
    withdrawal.restore_starter(starter=now_of(starter), by=person(by), reason="Coming after all")
    return now_of(starter)


def click_restore(browser, starter, reason="Coming after all"):
    page = browser.get(f"/hr/{starter.public_id}/bring-back/").content.decode()
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    return browser.post(f"/hr/{starter.public_id}/bring-back/", {"reason": reason, "version": version})


# --- What comes back, and what does not ---------------------------------------------------------------------------


def test_restored_starter_has_person_and_reason_in_audit_log(browser_of, record, person):
    starter, henry = withdraw(record("noor"), person), browser_of("henry")

    response = click_restore(henry, starter)

    back = now_of(starter)
    assert response.status_code == 302 and response["Location"] == f"/hr/{starter.public_id}/"
    assert (back.state, back.ended_at, back.problem) == ("recorded", None, "")
    event = AuditEvent.objects.get(event="starter.brought_back")
    assert event.detail.values["by_name"] == "Henry Osei"
    assert event.detail.values["reason"] == "Coming after all" and "after all" not in str(event.facts)
    page = henry.get(response["Location"]).content.decode()
    assert "HR undid the withdrawal: Coming after all" in page


def test_the_link_and_what_was_allowed_do_not_come_back(invite, person, tenant):
    starter = invite("noor")
    Starter.objects.update(extra_attempts=2, reminded_for=timezone.localdate())

    back = bring_back(withdraw(starter, person), person)

    assert (back.invited_at, back.reminded_for, back.extra_attempts) == (None, None, 0)
    assert (back.sign_in_looked_at, back.last_sign_in_at, back.sign_in_told) == (None, None, False)
    assert back.account_id == BY_KEY["noor"].object_id and back.start_date == starter.start_date


def test_unsent_mail_is_not_sent_after_restoring(invite, person, tenant, run_jobs, mailoutbox):
    starter = invite("noor", starts_in=timedelta(days=20))
    back = bring_back(withdraw(starter, person), person)

    run_jobs()

    assert Mail.objects.get(kind="invitation").dropped_at is not None
    assert now_of(back).state == "recorded" and not tenant.tenant.mails


def test_it_does_not_go_out_after_a_new_invitation_either(invite, person, tenant, run_jobs):
    starter = bring_back(withdraw(invite("noor", starts_in=timedelta(days=20)), person), person)
    invitations.send_link(starter=starter, by=person("hanna"))

    run_jobs()

    assert Mail.objects.filter(kind="invitation", sent_at__isnull=False).count() == 1


def test_manager_gets_a_new_link_when_it_is_due(invite, person, tenant, run_jobs):
    starter = invite("noor")
    run_jobs()
    assert Mail.objects.filter(kind="invitation", sent_at__isnull=False).count() == 1

    bring_back(withdraw(starter, person), person)
    run_jobs()
    run_jobs(timedelta(minutes=11))  # a manager gets at most one mail within ten minutes

    assert now_of(starter).state == "invited"
    assert Mail.objects.filter(kind="invitation", sent_at__isnull=False).count() == 2


def test_no_pass_is_created_before_a_new_check(invite, person, confirmation, tenant):
    starter = bring_back(withdraw(invite("noor"), person), person)
    invitations.send_link(starter=starter, by=person("henry"))

    early = outcome_of(confirmation(starter))
    starter_checks.check_starter(str(starter.pk))
    later = outcome_of(confirmation(starter))

    assert early.code == "not_read_yet"
    assert isinstance(later, Shown)


def test_earlier_passes_and_sign_in_facts_still_count(held, person, tenant, run_jobs):
    starter = held("noor").starter
    read = now_of(starter).sign_in_looked_at
    withdrawal.withdraw_starter(starter=now_of(starter), by=person("hanna"), reason="x")
    run_jobs()
    assert now_of(starter).state == "withdrawn" and not live_passes(tenant)

    back = bring_back(starter, person)

    assert back.sign_in_looked_at == read is not None
    assert sum(issue.counted for issue in back.issues.all()) == 1


def test_person_who_restored_a_starter_can_never_confirm(record, person, confirmation, tenant, worker_alive):
    """Three people are needed. So the person in HR who restored the starter cannot confirm as their new manager."""
    starter = bring_back(withdraw(record("noor"), person), person, by="henry")
    tenant.tenant.accounts["noor"].manager = "henry"

    with pytest.raises(LinkNotSent):
        invitations.send_link(starter=starter, by=person("hanna"))

    assert {BY_KEY["hanna"].object_id, BY_KEY["henry"].object_id} <= set(now_of(starter).shaped_by)
    assert not creations(tenant)


def test_an_expected_account_is_searched_for_again(person, tenant, run_jobs):
    now = timezone.localtime()
    starter = recording.record_starter(
        entry=AccountEntry("lotte.vos@contoso.example"),
        schedule=Schedule(now.date(), now.time(), "UTC"),
        by=person("hanna"),
    )
    tenant.tenant.create_expected_account("late")
    run_jobs()
    assert now_of(starter).found_account_id

    back = bring_back(withdraw(starter, person), person)
    assert (back.problem, back.found_account_id) == ("account_missing", "")
    run_jobs()

    assert now_of(starter).problem == "account_found"


# --- When it cannot be ----------------------------------------------------------------------------------------------


def test_it_is_refused_once_the_time_is_over(browser_of, record, person, time_machine):
    starter, hanna = withdraw(record("noor"), person), browser_of("hanna")
    time_machine.move_to(timezone.now() + timedelta(days=5, minutes=2))

    with pytest.raises(ConcurrentUpdate):
        bring_back(starter, person)
    page = hanna.get(f"/hr/{starter.public_id}/")

    assert now_of(starter).state == "withdrawn"
    assert f"/hr/{starter.public_id}/bring-back/" not in page.content.decode()


def test_it_is_possible_until_then(record, person, time_machine):
    starter = withdraw(record("noor"), person)
    time_machine.move_to(timezone.now() + timedelta(days=4, hours=23))

    assert bring_back(starter, person).state == "recorded"


@pytest.mark.parametrize("state", ["recorded", "invited", "issued", "registered"])
def test_what_is_not_withdrawn_is_not_brought_back(record, person, state):
    starter = record("noor")
    Starter.objects.update(state=state)

    with pytest.raises(ConcurrentUpdate):
        bring_back(starter, person)

    assert (
        now_of(starter).state == state
        and not AuditEvent.objects.filter(event="starter.brought_back").exists()
    )


def test_it_waits_until_no_pass_may_be_alive(invite, person, confirmation, tenant, run_jobs, settings):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": "temporaryAccessPassMethods", "drop": "after"}])
    outcome_of(confirmation(starter))
    withdraw(starter, person)

    with pytest.raises(ConcurrentUpdate):
        bring_back(starter, person)
    run_jobs()

    assert not live_passes(tenant)
    assert bring_back(starter, person).state == "recorded"


def test_account_added_again_meanwhile_stays_with_the_new_starter(browser_of, record, person):
    starter = withdraw(record("noor"), person)
    record("noor")

    with pytest.raises(AlreadyRecorded):
        bring_back(starter, person)
    page = html.unescape(click_restore(browser_of("henry"), starter).content.decode())

    assert (
        "Another starter has the same account, and their onboarding is not finished" in page
        and 'value="Coming after all"' in page
    )
    assert now_of(starter).state == "withdrawn"


def test_erased_starter_cannot_be_restored(record, person):
    starter = withdraw(record("noor"), person)
    retention.erase_starter(starter)

    with pytest.raises(ConcurrentUpdate):
        bring_back(starter, person)


def test_their_own_manager_does_not_bring_them_back(record, person):
    starter = withdraw(record("nadia"), person)

    with pytest.raises(OwnStarter):
        bring_back(starter, person, by="henry")


def test_restoring_from_an_old_page_is_refused(browser_of, record, person):
    starter, hanna = withdraw(record("noor"), person), browser_of("hanna")
    old = {"reason": "Coming after all", "version": str(starter.version)}
    Starter.objects.update(version=9)

    page = hanna.post(f"/hr/{starter.public_id}/bring-back/", old).content.decode()

    assert "page was out of date" in page and 'value="Coming after all"' in page
    assert now_of(starter).state == "withdrawn"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "x\u202e"])
def test_a_reason_is_needed(browser_of, record, person, reason):
    starter = withdraw(record("noor"), person)

    response = click_restore(browser_of("hanna"), starter, reason)

    assert response.status_code == 400 and 'id="id_reason_error"' in response.content.decode()
    assert now_of(starter).state == "withdrawn"


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_only_hr_restores_a_starter(browser_of, record, person, key):
    starter = withdraw(record("noor"), person)

    fields = {"reason": "x", "version": starter.version}
    answer = browser_of(key).post(f"/hr/{starter.public_id}/bring-back/", fields)

    assert answer.status_code == 403 and now_of(starter).state == "withdrawn"
