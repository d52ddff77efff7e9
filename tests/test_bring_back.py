"""HR undoes a withdrawal: the starter is recorded again, and everything about them begins anew."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import corrections, handover, routine, services
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.moves import Changed
from onboarding.services import AlreadyRecorded, OwnStarter
from tests.conftest import BY_KEY, creations, live_passes

pytestmark = pytest.mark.django_db


def now_of(starter):
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def withdraw(starter, person, by="hanna"):
    services.withdraw_starter(starter=now_of(starter), by=person(by), reason="Not coming")
    return now_of(starter)


def bring_back(starter, person, by="henry"):
    corrections.bring_back(starter=now_of(starter), by=person(by), reason="Coming after all")
    return now_of(starter)


def press(browser, starter, reason="Coming after all"):
    page = browser.get(f"/hr/{starter.public_id}/bring-back/").content.decode()
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    return browser.post(f"/hr/{starter.public_id}/bring-back/", {"reason": reason, "version": version})


# --- What comes back, and what does not ---------------------------------------------------------------------------


def test_it_is_recorded_again_with_who_and_why_on_the_trail(browser_of, record, person):
    starter, henry = withdraw(record("noor"), person), browser_of("henry")

    response = press(henry, starter)

    back = now_of(starter)
    assert response.status_code == 302 and response["Location"] == f"/hr/{starter.public_id}/"
    assert (back.state, back.ended_at, back.problem) == ("recorded", None, "")
    event = AuditEvent.objects.get(event="starter.brought_back")
    assert event.detail.values["by_name"] == "Henry Osei"
    assert event.detail.values["reason"] == "Coming after all" and "after all" not in str(event.facts)
    page = henry.get(response["Location"]).content.decode()
    assert "Brought back, to begin anew: Coming after all" in page


def test_the_link_and_what_was_allowed_do_not_come_back(invite, person, tenant):
    starter = invite("noor")
    Starter.objects.update(extra_attempts=2, reminded_for=timezone.localdate())

    back = bring_back(withdraw(starter, person), person)

    assert (back.invited_at, back.reminded_for, back.extra_attempts) == (None, None, 0)
    assert (back.sign_in_looked_at, back.last_sign_in_at, back.sign_in_told) == (None, None, False)
    assert back.account_id == BY_KEY["noor"].object_id and back.start_date == starter.start_date


def test_a_mail_that_had_not_gone_out_yet_does_not_go_out(invite, person, tenant, hurry, mailoutbox):
    starter = invite("noor", starts_in=timedelta(days=20))
    back = bring_back(withdraw(starter, person), person)

    hurry()

    assert Mail.objects.get(kind="invitation").dropped_at is not None
    assert now_of(back).state == "recorded" and not tenant.tenant.mails


def test_it_does_not_go_out_after_a_new_invitation_either(invite, person, tenant, hurry):
    starter = bring_back(withdraw(invite("noor", starts_in=timedelta(days=20)), person), person)
    services.send_link(starter=starter, by=person("hanna"))

    hurry()

    assert Mail.objects.filter(kind="invitation", sent_at__isnull=False).count() == 1


def test_the_manager_is_sent_a_link_of_its_own_when_the_time_comes(invite, person, tenant, hurry):
    starter = invite("noor")
    hurry()
    assert Mail.objects.filter(kind="invitation", sent_at__isnull=False).count() == 1

    bring_back(withdraw(starter, person), person)
    hurry()
    hurry(timedelta(minutes=11))  # one manager gets no two mails within ten minutes

    assert now_of(starter).state == "invited"
    assert Mail.objects.filter(kind="invitation", sent_at__isnull=False).count() == 2


def test_no_pass_is_made_before_everything_was_read_again(invite, person, confirmation, tenant):
    starter = bring_back(withdraw(invite("noor"), person), person)
    services.send_link(starter=starter, by=person("henry"))

    early = handover.confirm(confirmation(starter))
    routine.look(str(starter.pk))
    later = handover.confirm(confirmation(starter))

    assert early == handover.NotNow("not_read_yet")
    assert isinstance(later, handover.Shown)


def test_passes_that_were_made_still_count_and_what_was_read_before_them_stays(held, person, tenant, hurry):
    starter = held("noor").starter
    read = now_of(starter).sign_in_looked_at
    services.withdraw_starter(starter=now_of(starter), by=person("hanna"), reason="x")
    hurry()
    assert now_of(starter).state == "withdrawn" and not live_passes(tenant)

    back = bring_back(starter, person)

    assert back.sign_in_looked_at == read is not None
    assert sum(issue.counted for issue in back.issues.all()) == 1


def test_who_brings_it_back_took_part_and_can_never_confirm(
    record, person, confirmation, tenant, worker_alive
):
    """Three people: also HR who becomes the manager afterwards."""
    starter = bring_back(withdraw(record("noor"), person), person, by="henry")
    tenant.tenant.accounts["noor"].manager = "henry"

    with pytest.raises(services.CannotInvite):
        services.send_link(starter=starter, by=person("hanna"))

    assert {BY_KEY["hanna"].object_id, BY_KEY["henry"].object_id} <= set(now_of(starter).shaped_by)
    assert not creations(tenant)


def test_an_account_that_was_expected_is_looked_for_again(person, tenant, hurry):
    now = timezone.localtime()
    starter = services.record_starter(
        account_name="lotte.vos@contoso.example", account=None, manager=None, start_date=now.date(),
        start_time=now.time(), time_zone="UTC", note="", by=person("hanna"),
    )  # fmt: skip
    tenant.tenant.appear("late")
    hurry()
    assert now_of(starter).found_account_id

    back = bring_back(withdraw(starter, person), person)
    assert (back.problem, back.found_account_id) == ("account_missing", "")
    hurry()

    assert now_of(starter).problem == "account_found"


# --- When it cannot be ----------------------------------------------------------------------------------------------


def test_it_is_refused_once_the_time_is_over(browser_of, record, person, time_machine):
    starter, hanna = withdraw(record("noor"), person), browser_of("hanna")
    time_machine.move_to(timezone.now() + timedelta(days=5, minutes=2))

    with pytest.raises(Changed):
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

    with pytest.raises(Changed):
        bring_back(starter, person)

    assert (
        now_of(starter).state == state
        and not AuditEvent.objects.filter(event="starter.brought_back").exists()
    )


def test_it_waits_until_no_pass_may_be_alive(invite, person, confirmation, tenant, hurry, settings):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": "temporaryAccessPassMethods", "drop": "after"}])
    handover.confirm(confirmation(starter))
    withdraw(starter, person)

    with pytest.raises(Changed):
        bring_back(starter, person)
    hurry()

    assert not live_passes(tenant)
    assert bring_back(starter, person).state == "recorded"


def test_an_account_that_was_recorded_anew_meanwhile_stays_with_that_record(browser_of, record, person):
    starter = withdraw(record("noor"), person)
    record("noor")

    with pytest.raises(AlreadyRecorded):
        bring_back(starter, person)
    page = html.unescape(press(browser_of("henry"), starter).content.decode())

    assert "Another unfinished starter has this account" in page and 'value="Coming after all"' in page
    assert now_of(starter).state == "withdrawn"


def test_who_was_forgotten_does_not_come_back(record, person):
    starter = withdraw(record("noor"), person)
    routine.erase(starter)

    with pytest.raises(Changed):
        bring_back(starter, person)


def test_their_own_manager_does_not_bring_them_back(record, person):
    starter = withdraw(record("nadia"), person)

    with pytest.raises(OwnStarter):
        bring_back(starter, person, by="henry")


def test_who_looks_at_an_older_state_is_told(browser_of, record, person):
    starter, hanna = withdraw(record("noor"), person), browser_of("hanna")
    old = {"reason": "Coming after all", "version": str(starter.version)}
    Starter.objects.update(version=9)

    page = hanna.post(f"/hr/{starter.public_id}/bring-back/", old).content.decode()

    assert "changed this starter meanwhile" in page and 'value="Coming after all"' in page
    assert now_of(starter).state == "withdrawn"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "x\u202e"])
def test_a_reason_is_needed(browser_of, record, person, reason):
    starter = withdraw(record("noor"), person)

    response = press(browser_of("hanna"), starter, reason)

    assert response.status_code == 400 and 'id="id_reason_error"' in response.content.decode()
    assert now_of(starter).state == "withdrawn"


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_brings_back(browser_of, record, person, key):
    starter = withdraw(record("noor"), person)

    fields = {"reason": "x", "version": starter.version}
    answer = browser_of(key).post(f"/hr/{starter.public_id}/bring-back/", fields)

    assert answer.status_code == 403 and now_of(starter).state == "withdrawn"
