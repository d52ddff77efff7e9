"""An expected account appears: HR says whether it is the starter's before anyone is invited."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import handover, jobs, services
from onboarding.models import AuditEvent, Job, Mail, Starter
from tests.conftest import BY_KEY, creations

pytestmark = pytest.mark.django_db
LATE = BY_KEY["late"]


@pytest.fixture
def expect(person, tenant):
    """Record Lotte Vos, whose account does not exist yet."""

    def expected(*, starts_in=timedelta(0)):
        start = timezone.localtime() + starts_in
        return services.record_starter(
            account_name=LATE.user_principal_name,
            account=None,
            manager=None,
            start_date=start.date(),
            start_time=start.time().replace(microsecond=0),
            time_zone="Europe/Amsterdam",
            note="",
            by=person("hanna"),
        )

    return expected


@pytest.fixture
def found(expect, tenant, hurry):
    """Lotte Vos, after her account appeared and the worker looked again."""

    def looked(**how):
        starter = expect(**how)
        tenant.tenant.appear("late")
        hurry()
        return Starter.objects.get(pk=starter.pk)

    return looked


def page_of(browser, starter):
    return html.unescape(browser.get(f"/hr/{starter.public_id}/").content.decode())


def press_accept(browser, starter):
    page = page_of(browser, starter)
    shown = re.search(r'name="found" value="([^"]*)"', page)[1]
    return browser.post(f"/hr/{starter.public_id}/accept/", {"found": shown}, follow=True)


def test_what_was_found_is_shown_to_compare(browser_of, found):
    page = page_of(browser_of("hanna"), found())

    panel = page.split("An account was found</h2>")[1].split("</section>")[0]
    for fact in ("Lotte Vos", "Interaction designer", "Service design", "Maria Lindqvist"):
        assert fact in panel
    assert "Yes, this is the starter" in panel


def test_nobody_is_invited_before_hr_has_said_yes(found, hurry, confirmation, tenant):
    starter = found()
    hurry()

    outcome = handover.confirm(confirmation(starter))

    assert Starter.objects.get().state == "recorded"
    assert not Mail.objects.filter(kind="invitation").exists()
    assert isinstance(outcome, handover.Overtaken) and not creations(tenant)


def test_its_manager_finds_no_page_before_hr_has_said_yes(browser_of, found):
    starter = found()

    response = browser_of("maria").get(f"/starters/{starter.public_id}/")

    assert response.status_code == 404


def test_accepting_ties_the_starter_to_that_account_and_invites_in_time(browser_of, found, hurry, tenant):
    starter = found()

    response = press_accept(browser_of("henry"), starter)
    hurry()

    accepted = Starter.objects.get()
    assert "The account is accepted." in response.content.decode()
    assert (accepted.account_id, accepted.found_account_id) == (LATE.object_id, "")
    assert BY_KEY["henry"].object_id in accepted.shaped_by
    assert accepted.state == "invited" and accepted.problem == ""
    assert ["maria.lindqvist@contoso.example"] in [mail.recipients for mail in tenant.tenant.mails]


def test_the_trail_says_who_accepted_what(browser_of, found):
    starter = found()

    press_accept(browser_of("henry"), starter)

    event = AuditEvent.objects.get(event="starter.account_accepted")
    assert event.detail.values["by_name"] == "Henry Osei"
    assert event.detail.values["account"] == LATE.object_id
    assert LATE.object_id not in str(event.facts)


def test_who_accepted_the_account_cannot_confirm_it(browser_of, found, hurry, confirmation, tenant, person):
    jobs.beat("a worker")
    starter = found()
    services.accept_account(starter=starter, found_account_id=LATE.object_id, by=person("henry"))
    hurry()
    tenant.tenant.accounts["late"].manager = "henry"

    outcome = handover.confirm(confirmation(starter, by="henry"))

    assert "three_people" in [guard.code for guard in outcome.guards]
    assert not creations(tenant)


def test_another_account_than_the_one_looked_at_is_not_accepted(browser_of, found):
    starter, hanna = found(), browser_of("hanna")
    page_of(hanna, starter)
    Starter.objects.update(found_account_id=BY_KEY["liam"].object_id)

    response = hanna.post(f"/hr/{starter.public_id}/accept/", {"found": LATE.object_id}, follow=True)

    assert "nothing of yours was saved" in response.content.decode()
    assert Starter.objects.get().account_id == ""


@pytest.mark.parametrize("what", ["", BY_KEY["liam"].object_id, BY_KEY["ceo"].object_id, LATE.alias])
def test_nothing_but_the_account_found_can_be_accepted(browser_of, found, what):
    starter = found()

    browser_of("hanna").post(f"/hr/{starter.public_id}/accept/", {"found": what})

    assert Starter.objects.get().account_id == ""
    assert not AuditEvent.objects.filter(event="starter.account_accepted").exists()


def test_a_name_that_now_leads_to_another_account_is_found_anew(found, hurry, tenant, time_machine):
    starter = found()
    tenant.tenant.accounts["late"].properties["id"] = "5c0ffee0-0000-4000-8000-0000000fffff"
    time_machine.move_to(timezone.now() + timedelta(minutes=16))

    hurry()

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

    assert "Nothing was changed; try again in a minute." in response.content.decode()
    assert Starter.objects.get().account_id == ""


def test_an_account_that_another_starter_has_is_not_accepted(browser_of, found, record):
    starter = found()
    record("late", by="henry")

    response = press_accept(browser_of("hanna"), starter)

    assert "Another unfinished starter has this account." in response.content.decode()
    assert Starter.objects.get(pk=starter.pk).account_id == ""


def test_it_is_accepted_once(browser_of, found, hurry):
    starter, hanna = found(), browser_of("hanna")
    fields = {"found": LATE.object_id}
    hanna.post(f"/hr/{starter.public_id}/accept/", fields)

    response = hanna.post(f"/hr/{starter.public_id}/accept/", fields, follow=True)

    assert "nothing of yours was saved" in response.content.decode()
    assert AuditEvent.objects.filter(event="starter.account_accepted").count() == 1
    assert "Yes, this is the starter" not in page_of(hanna, starter)


def test_nothing_is_accepted_for_an_onboarding_that_was_withdrawn(browser_of, found, person):
    starter, hanna = found(), browser_of("hanna")
    services.withdraw_starter(starter=Starter.objects.get(), by=person("hanna"), reason="A stranger")

    response = hanna.post(f"/hr/{starter.public_id}/accept/", {"found": LATE.object_id}, follow=True)

    page = response.content.decode()
    assert "nothing of yours was saved" in page and "Yes, this is the starter" not in page
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
