"""HR replaces a wrong account before any pass, and all checks start again."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import graph
from onboarding.errors import ConcurrentUpdate
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.passes import handover
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import PageOutdated
from onboarding.starters import accounts, directory_sync, invitations, withdrawal
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from onboarding.starters.errors import AlreadyRecorded, LinkNotSent, OwnStarter
from onboarding.worker import starter_checks
from tests.conftest import BY_KEY, creations
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db
NOOR, LIAM, LATE = (BY_KEY[key] for key in ("noor", "liam", "late"))


def now_of(starter):
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def replace_with(starter, person, key="liam", by="hanna", entry=None, acknowledged_ids=()):
    found = FoundAccount(*graph.client().look_up(BY_KEY[key].object_id))
    entry = entry or AccountEntry.from_look_up(found, typed="")
    accounts.replace_account(
        starter=now_of(starter), entry=entry, by=person(by), acknowledged_ids=acknowledged_ids
    )
    return now_of(starter)


def page_of(response, status=200):
    assert response.status_code == status
    return html.unescape(response.content.decode())


def fields_on(page):
    return dict(re.findall(r'<input type="hidden" name="(version|seen)" value="([^"]*)"', page))


def address(starter):
    return f"/hr/{starter.public_id}/account/"


def look_up(browser, starter, account=LIAM.object_id):
    fields = {"account": account, "step": "look", "version": starter.version}
    return page_of(browser.post(address(starter), fields))


# --- Seen first, taken then ---------------------------------------------------------------------------------------


def test_looking_shows_the_other_account_and_changes_nothing(browser_of, record):
    starter = record("noor")

    page = look_up(browser_of("henry"), starter)

    assert "Content designer" in page and "Use this account" in page
    assert now_of(starter).account_id == NOOR.object_id


def test_what_was_seen_is_taken_and_the_first_day_stays(browser_of, record):
    starter, henry = record("noor"), browser_of("henry")
    Starter.objects.update(note="By the side door")
    page = look_up(henry, starter)

    response = henry.post(address(starter), fields_on(page) | {"account": LIAM.object_id, "step": "save"})

    after = now_of(starter)
    assert response.status_code == 302
    assert (after.account_id, after.display_name) == (LIAM.object_id, LIAM.name)
    assert (after.start_date, after.start_time, after.note) == (
        starter.start_date,
        starter.start_time,
        "By the side door",
    )
    event = AuditEvent.objects.get(event="starter.account_replaced")
    assert event.detail.values["from"] == NOOR.object_id and event.detail.values["account"] == LIAM.object_id
    assert event.detail.values["by_name"] == "Henry Osei"
    assert not [fact for fact in (NOOR.object_id, LIAM.object_id, "contoso") if fact in str(event.facts)]


@pytest.mark.parametrize("seen", ["", NOOR.object_id, BY_KEY["sofia"].object_id])
def test_nothing_is_taken_that_was_not_seen(browser_of, record, seen):
    starter = record("noor")
    fields = {"account": LIAM.object_id, "step": "save", "seen": seen, "version": starter.version}

    page = page_of(browser_of("henry").post(address(starter), fields))

    assert "Content designer" in page and fields_on(page)["seen"] == LIAM.object_id
    assert now_of(starter).account_id == NOOR.object_id


def test_an_account_that_does_not_exist_yet_can_be_expected(browser_of, record, tenant, run_jobs):
    starter, hanna = record("noor", starts_in=timedelta(days=20)), browser_of("hanna")
    page = look_up(hanna, starter, LATE.user_principal_name)
    assert "This account does not exist yet" in page

    hanna.post(address(starter), fields_on(page) | {"account": LATE.user_principal_name, "step": "expect"})

    after = now_of(starter)
    assert (after.account_id, after.account_name) == ("", LATE.user_principal_name)
    assert (after.display_name, after.manager_id, after.problem) == ("", "", "account_missing")
    tenant.tenant.create_expected_account("late")
    run_jobs()
    assert now_of(starter).problem == "account_found"


# --- All checks start again --------------------------------------------------------------------------------------


def test_results_about_the_old_account_are_deleted(invite, person, tenant):
    starter = invite("noor")
    Starter.objects.update(problem="refused", extra_attempts=1, last_sign_in_at=timezone.now())

    after = replace_with(starter, person)

    assert (after.state, after.invited_at, after.problem, after.extra_attempts) == ("recorded", None, "", 0)
    assert (after.sign_in_looked_at, after.last_sign_in_at, after.sign_in_told) == (None, None, False)
    assert after.manager_id == BY_KEY["maria"].object_id


def test_open_page_creates_no_pass_for_either_account(invite, person, confirmation, tenant):
    starter = invite("noor")
    before = confirmation(starter)
    replace_with(starter, person)

    for tried in (before, confirmation(starter)):
        assert isinstance(outcome_of(tried), PageOutdated)
    assert not creations(tenant)


def test_pass_is_for_the_new_account_after_it_was_read(invite, person, confirmation, tenant):
    starter = replace_with(invite("noor"), person)
    invitations.send_link(starter=starter, by=person("hanna"))
    assert outcome_of(confirmation(starter)).code == "not_read_yet"
    starter_checks.check_starter(str(starter.pk))

    assert isinstance(handover.confirm(confirmation(starter)), Shown)
    assert [pass_.person for pass_ in tenant.tenant.passes if not pass_.ended][-1] == "liam"


def test_former_manager_is_notified_and_the_new_one_invited(invite, person, tenant, run_jobs):
    starter = invite("noor")
    run_jobs()
    tenant.tenant.accounts["liam"].manager = "tom"

    replace_with(starter, person)
    run_jobs()

    told = Mail.objects.get(kind="account_replaced")
    assert told.to == "maria.lindqvist@contoso.example" and told.sent_at is not None
    assert "Liam" not in told.text + told.html
    assert Mail.objects.filter(kind="invitation").latest("pk").to == "tom.becker@contoso.example"
    assert now_of(starter).state == "invited"


def test_unsent_invitation_is_not_sent(invite, person, tenant, run_jobs):
    starter = invite("noor", starts_in=timedelta(days=20))

    replace_with(starter, person)
    run_jobs()

    assert Mail.objects.get(kind="invitation").dropped_at is not None


def test_waiting_link_never_goes_out_under_the_old_name(invite, person, tenant, run_jobs):
    starter = replace_with(invite("noor", starts_in=timedelta(days=20)), person)
    invitations.send_link(starter=starter, by=person("hanna"))

    run_jobs()

    mail = Mail.objects.get(kind="invitation", sent_at__isnull=False)
    assert mail.subject.startswith(f"Help {LIAM.name} sign in on the first day (")


def test_no_mail_is_sent_if_nobody_was_invited(record, person, run_jobs):
    replace_with(record("noor", starts_in=timedelta(days=20)), person)
    run_jobs()

    assert not Mail.objects.exists()


def test_only_the_new_accounts_manager_finds_the_starter(browser_of, invite, person, tenant):
    starter = invite("noor")
    tenant.tenant.accounts["liam"].manager = "tom"
    replace_with(starter, person)

    answers = [browser_of(key).get(f"/starters/{starter.public_id}/").status_code for key in ("maria", "tom")]

    assert answers == [404, 200]


def test_person_who_chose_the_account_can_never_confirm(record, person, tenant):
    starter = replace_with(record("noor"), person, by="henry")
    tenant.tenant.accounts["liam"].manager = "henry"

    with pytest.raises(LinkNotSent):
        invitations.send_link(starter=starter, by=person("hanna"))

    assert {BY_KEY["hanna"].object_id, BY_KEY["henry"].object_id} <= set(now_of(starter).shaped_by)


# --- When it cannot be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["shown", "held"])
def test_after_a_pass_the_account_stays(request, browser_of, person, how):
    request.getfixturevalue(how)("noor")
    starter = Starter.objects.get()

    with pytest.raises(ConcurrentUpdate):
        replace_with(starter, person)

    assert "You cannot change the account now" in page_of(browser_of("hanna").get(address(starter)))
    assert now_of(starter).account_id == NOOR.object_id


def test_an_account_cannot_be_replaced_after_a_cancelled_pass(held, person, tenant, run_jobs):
    issue = held("noor")
    cancel_pass(issue, reason="lost", by=issue.actor)
    run_jobs()
    assert now_of(issue.starter).state == "invited"

    with pytest.raises(ConcurrentUpdate):
        replace_with(issue.starter, person)


def test_account_stays_while_the_outcome_is_unknown(invite, person, confirmation, tenant):
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": "temporaryAccessPassMethods", "drop": "after"}])
    outcome_of(confirmation(starter))

    with pytest.raises(ConcurrentUpdate):
        replace_with(starter, person)


def test_account_stays_after_a_possible_pass(invite, person, confirmation, tenant, time_passes):
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": "temporaryAccessPassMethods", "drop": "before"}])
    outcome_of(confirmation(starter))
    time_passes(timedelta(minutes=10))
    assert now_of(starter).issues.get().state == "void"

    with pytest.raises(ConcurrentUpdate):
        replace_with(starter, person)


def test_account_can_change_after_a_click_without_a_pass(invite, person, confirmation, tenant, time_passes):
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": "temporaryAccessPassMethods", "status": 400}])
    outcome_of(confirmation(starter))
    time_passes(timedelta(minutes=5))  # the portal reads the list, and it has no pass

    assert replace_with(starter, person).account_id == LIAM.object_id


@pytest.mark.parametrize("finished", ["registered", "withdrawn", "issued"])
def test_what_has_gone_further_stays(record, person, finished):
    starter = record("noor")
    Starter.objects.update(state=finished)

    with pytest.raises(ConcurrentUpdate):
        replace_with(starter, person)


def test_an_account_with_an_unfinished_starter_is_not_taken(browser_of, record, person):
    starter, other = record("noor"), record("liam")
    with pytest.raises(AlreadyRecorded):
        replace_with(starter, person)

    hanna = browser_of("hanna")
    page = look_up(hanna, starter)
    after = page_of(
        hanna.post(address(starter), fields_on(page) | {"account": LIAM.object_id, "step": "save"})
    )

    assert (
        "Another starter has the same account, and their onboarding is not finished" in after
        and LIAM.object_id in after
    )
    assert (now_of(starter).account_id, now_of(other).account_id) == (NOOR.object_id, LIAM.object_id)


def test_an_account_that_was_recorded_before_needs_a_tick(browser_of, record, person):
    before, starter, hanna = record("liam"), record("noor"), browser_of("hanna")
    withdrawal.withdraw_starter(starter=before, by=person("hanna"), reason="x")
    page = look_up(hanna, starter)
    fields = fields_on(page) | {"account": LIAM.object_id, "step": "save"}

    refused = page_of(hanna.post(address(starter), fields), 409)
    assert "confirm that this is not a duplicate" in refused and now_of(starter).account_id == NOOR.object_id

    assert hanna.post(address(starter), fields | {"known": before.public_id}).status_code == 302
    assert now_of(starter).account_id == LIAM.object_id


def test_the_account_that_it_has_is_no_other(browser_of, record, person):
    starter, hanna = record("noor"), browser_of("hanna")
    page = look_up(hanna, starter, NOOR.object_id)

    after = page_of(
        hanna.post(address(starter), fields_on(page) | {"account": NOOR.object_id, "step": "save"})
    )

    assert "The starter already has this account" in after and now_of(starter).version == starter.version


def test_their_own_manager_does_not_choose_the_account(record, person):
    with pytest.raises(OwnStarter):
        replace_with(record("noor"), person, key="nadia", by="henry")


def test_old_page_is_refused_and_entries_stay(browser_of, record):
    starter, hanna = record("noor"), browser_of("hanna")
    page = look_up(hanna, starter)
    Starter.objects.update(version=9)

    fields = fields_on(page) | {"account": LIAM.object_id, "step": "save"}
    after = page_of(hanna.post(address(starter), fields))

    assert "page was out of date" in after and f'value="{LIAM.object_id}"' in after
    assert fields_on(after)["version"] == "9"
    assert now_of(starter).account_id == NOOR.object_id


@pytest.mark.parametrize(("typed", "error"), [("", "Enter the account"), ("noor", "Enter an account name")])
def test_error_is_beside_its_field(browser_of, record, typed, error):
    starter = record("noor")

    page = page_of(browser_of("hanna").post(address(starter), {"account": typed, "version": 1}), 400)

    assert error in re.search(r'<div id="id_account_error">(.*?)</div>', page, re.S)[1]


def test_a_directory_that_does_not_answer_changes_nothing(browser_of, record, tenant):
    starter = record("noor")
    tenant.tenant.faults.add([{"path": r"/\$batch", "status": 403}])

    fields = {"account": LIAM.object_id, "step": "save", "seen": LIAM.object_id, "version": starter.version}
    page = page_of(browser_of("hanna").post(address(starter), fields), 503)

    assert "Microsoft Entra does not respond" in page and now_of(starter).account_id == NOOR.object_id


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_replaces_an_account(browser_of, record, key):
    starter = record("noor")

    fields = {"account": LIAM.object_id, "step": "save", "seen": LIAM.object_id, "version": starter.version}

    assert browser_of(key).post(address(starter), fields).status_code == 403
    assert now_of(starter).account_id == NOOR.object_id


def test_reading_of_the_old_account_is_discarded(invite, person, monkeypatch):
    starter, read = invite("noor"), directory_sync.read_account

    def read_and_replaced(*of):
        found = read(*of)
        monkeypatch.setattr(directory_sync, "read_account", read)
        replace_with(starter, person)
        return found

    monkeypatch.setattr(directory_sync, "read_account", read_and_replaced)
    again = starter_checks.check_starter(str(starter.pk))

    now = now_of(starter)
    assert (now.account_id, now.account_name, now.display_name) == (
        LIAM.object_id, LIAM.user_principal_name.lower(), LIAM.name
    )  # fmt: skip
    assert again <= timezone.now() + starter_checks.CHECK_SOON
