"""An expected account appears, and HR accepts it before a manager is invited."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import jobs
from onboarding.models import AuditEvent, Job, Mail, Starter
from onboarding.passes.errors import PageOutdated
from onboarding.starters import accounts, recording, withdrawal
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.rescheduling import Schedule
from tests.conftest import BY_KEY, creations
from tests.support.hr_forms import version_of
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db
LATE = BY_KEY["late"]


@pytest.fixture
def expect(person, tenant):
    """Add Lotte Vos, whose account does not exist yet."""

    def expected(*, starts_in=timedelta(0)):
        start = timezone.localtime() + starts_in
        return recording.record_starter(
            entry=AccountEntry(LATE.user_principal_name),
            schedule=Schedule(start.date(), start.time().replace(microsecond=0), "Europe/Amsterdam"),
            by=person("hanna"),
        )

    return expected


@pytest.fixture
def found(expect, tenant, run_jobs):
    """Lotte Vos, after the worker found her new account."""

    def looked(**how):
        starter = expect(**how)
        tenant.tenant.create_expected_account("late")
        run_jobs()
        return Starter.objects.get(pk=starter.pk)

    return looked


def page_of(browser, starter):
    return html.unescape(browser.get(f"/hr/{starter.public_id}/").content.decode())


def press_accept(browser, starter):
    page = page_of(browser, starter)
    shown = re.search(r'name="found" value="([^"]*)"', page)[1]
    return browser.post(
        f"/hr/{starter.public_id}/accept/", {"found": shown, "version": version_of(starter)}, follow=True
    )


def test_what_was_found_is_shown_to_compare(browser_of, found):
    page = page_of(browser_of("hanna"), found())

    panel = page.split("An account was found</h2>")[1].split("</section>")[0]
    for fact in ("Lotte Vos", "Interaction designer", "Service design", "Maria Lindqvist"):
        assert fact in panel
    assert "Yes, this is the starter" in panel


def test_no_manager_is_invited_before_hr_accepts(found, run_jobs, confirmation, tenant):
    starter = found()
    run_jobs()

    outcome = outcome_of(confirmation(starter))

    assert Starter.objects.get().state == "recorded"
    assert not Mail.objects.filter(kind="invitation").exists()
    assert isinstance(outcome, PageOutdated) and not creations(tenant)


def test_manager_finds_no_page_before_hr_accepts(browser_of, found):
    starter = found()

    response = browser_of("maria").get(f"/starters/{starter.public_id}/")

    assert response.status_code == 404


def test_accepting_sets_the_account_and_invites_on_time(browser_of, found, run_jobs, tenant):
    starter = found()

    response = press_accept(browser_of("henry"), starter)
    run_jobs()

    accepted = Starter.objects.get()
    assert "You accepted the account." in response.content.decode()
    assert (accepted.account_id, accepted.found_account_id) == (LATE.object_id, "")
    assert BY_KEY["henry"].object_id in accepted.shaped_by
    assert accepted.state == "invited" and accepted.problem == ""
    assert ["maria.lindqvist@contoso.example"] in [mail.recipients for mail in tenant.tenant.mails]


def test_audit_log_shows_who_accepted_the_account(browser_of, found):
    starter = found()

    press_accept(browser_of("henry"), starter)

    event = AuditEvent.objects.get(event="starter.account_accepted")
    assert event.detail.values["by_name"] == "Henry Osei"
    assert event.detail.values["account"] == LATE.object_id
    assert LATE.object_id not in str(event.facts)


def test_person_who_accepted_the_account_cannot_confirm(
    browser_of, found, run_jobs, confirmation, tenant, person
):
    jobs.record_heartbeat("a worker")
    starter = found()
    accounts.accept_account(starter=starter, found_account_id=LATE.object_id, by=person("henry"))
    run_jobs()
    tenant.tenant.accounts["late"].manager = "henry"

    outcome = outcome_of(confirmation(starter, by="henry"))

    assert "three_people" in [guard.code for guard in outcome.guards]
    assert not creations(tenant)


def test_only_the_reviewed_account_is_accepted(browser_of, found):
    starter, hanna = found(), browser_of("hanna")
    page_of(hanna, starter)
    Starter.objects.update(found_account_id=BY_KEY["liam"].object_id)

    response = hanna.post(
        f"/hr/{starter.public_id}/accept/",
        {"found": LATE.object_id, "version": version_of(starter)},
        follow=True,
    )

    assert "did not save your changes" in response.content.decode()
    assert Starter.objects.get().account_id == ""


@pytest.mark.parametrize("what", ["", BY_KEY["liam"].object_id, BY_KEY["ceo"].object_id, LATE.alias])
def test_nothing_but_the_account_found_can_be_accepted(browser_of, found, what):
    starter = found()

    browser_of("hanna").post(
        f"/hr/{starter.public_id}/accept/", {"found": what, "version": version_of(starter)}
    )

    assert Starter.objects.get().account_id == ""
    assert not AuditEvent.objects.filter(event="starter.account_accepted").exists()


def test_name_of_another_account_is_found_again(found, run_jobs, tenant, time_machine):
    starter = found()
    tenant.tenant.accounts["late"].properties["id"] = "5c0ffee0-0000-4000-8000-0000000fffff"
    time_machine.move_to(timezone.now() + timedelta(minutes=16))

    run_jobs()

    again = Starter.objects.get()
    assert again.found_account_id.endswith("fffff") and again.account_id == ""
    assert AuditEvent.objects.filter(event="starter.account_found").count() == 2
    assert Mail.objects.filter(kind="account_found", starter=starter).count() == 2


def test_an_account_that_vanished_again_is_not_accepted(browser_of, found, tenant):
    starter = found()
    tenant.tenant.accounts["late"].exists = False

    response = press_accept(browser_of("hanna"), starter)

    assert "Nothing was changed" in response.content.decode()
    assert Starter.objects.get().account_id == ""


def test_a_directory_that_does_not_answer_changes_nothing(browser_of, found, tenant):
    starter = found()
    tenant.tenant.faults.add([{"path": r"/\$batch", "drop": "before", "times": None}])

    response = press_accept(browser_of("hanna"), starter)

    assert "Nothing was changed. Try again in a minute." in response.content.decode()
    assert Starter.objects.get().account_id == ""


def test_an_account_that_another_starter_has_is_not_accepted(browser_of, found, record):
    starter = found()
    record("late", by="henry")

    response = press_accept(browser_of("hanna"), starter)

    assert (
        "Another starter has the same account, and their onboarding is not finished."
        in response.content.decode()
    )
    assert Starter.objects.get(pk=starter.pk).account_id == ""


def test_it_is_accepted_once(browser_of, found, run_jobs):
    starter, hanna = found(), browser_of("hanna")
    fields = {"found": LATE.object_id, "version": version_of(starter)}
    hanna.post(f"/hr/{starter.public_id}/accept/", fields)

    response = hanna.post(f"/hr/{starter.public_id}/accept/", fields, follow=True)

    assert "did not save your changes" in response.content.decode()
    assert AuditEvent.objects.filter(event="starter.account_accepted").count() == 1
    assert "Yes, this is the starter" not in page_of(hanna, starter)


def test_nothing_is_accepted_for_an_onboarding_that_was_withdrawn(browser_of, found, person):
    starter, hanna = found(), browser_of("hanna")
    withdrawal.withdraw_starter(starter=Starter.objects.get(), by=person("hanna"), reason="A stranger")

    response = hanna.post(
        f"/hr/{starter.public_id}/accept/",
        {"found": LATE.object_id, "version": version_of(starter)},
        follow=True,
    )

    page = response.content.decode()
    assert "did not save your changes" in page and "Yes, this is the starter" not in page
    assert Starter.objects.get().account_id == ""


def test_accepting_looks_at_the_directory_once_more(browser_of, found, tenant):
    starter = found()
    tenant.tenant.accounts["late"].manager = "tom"

    press_accept(browser_of("hanna"), starter)

    assert Starter.objects.get().manager_name == "Tom Becker"
    assert Job.objects.get(key=f"look:{starter.pk}").due_at <= timezone.now()


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_accepts(browser_of, found, key):
    starter = found()

    response = browser_of(key).post(f"/hr/{starter.public_id}/accept/", {"found": LATE.object_id})

    assert response.status_code == 403 and Starter.objects.get().account_id == ""
