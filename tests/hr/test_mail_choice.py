"""Each HR person chooses their emails: none, a digest, or a digest and urgent emails."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import audit
from onboarding.mail import delivery, notifications
from onboarding.models import HrMailChoice, Mail, Starter
from portal.models import User
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
URL = "/hr/mail/"
HANNA, HR = BY_KEY["hanna"], "hr@contoso.example"


@pytest.fixture
def chooses(browser_of, tenant):
    """Hanna chooses her emails on the page."""

    def chosen(choice):
        return browser_of("hanna").post(URL, {"choice": choice}, follow=True)

    return chosen


def write_problem(starter, *, problem="no_manager"):
    Starter.objects.filter(pk=starter.pk).update(problem=problem)
    with audit.transaction():
        notifications.write_problem(Starter.objects.get(pk=starter.pk))


def sent_to(tenant, address):
    return [mail for mail in tenant.tenant.mails if mail.recipients == [address]]


def test_without_choices_only_the_address_of_hr_gets_mail(record, tenant, run_jobs, browser_of):
    browser_of("hanna").get(URL)
    write_problem(record("noor", starts_in=timedelta(days=20)))

    run_jobs(timedelta(minutes=3))

    assert len(sent_to(tenant, HR)) == 1 and sent_to(tenant, HANNA.mail) == []


def test_digest_goes_to_its_subscribers_with_a_link_to_change(chooses, record, tenant, run_jobs, settings):
    page = chooses("digest").content.decode()
    for key in ("noor", "liam"):
        write_problem(record(key, starts_in=timedelta(days=20)))

    run_jobs()
    before = sent_to(tenant, HANNA.mail)
    run_jobs(timedelta(minutes=3))

    assert f"Saved. Your emails go to {HANNA.mail}." in page
    [mail] = sent_to(tenant, HANNA.mail)
    assert before == [] and mail.subject == "News about 2 starters"
    assert f"{settings.PORTAL_URL}{URL}" in mail.text and URL not in sent_to(tenant, HR)[0].text


@pytest.mark.parametrize(("choice", "at_once"), [("digest", 0), ("urgent", 1)])
def test_urgent_mail_is_sent_immediately_to_its_subscribers(
    chooses, record, tenant, run_jobs, choice, at_once
):
    chooses(choice)
    write_problem(record("noor"))  # a pass can already be created

    run_jobs()
    now = len(sent_to(tenant, HANNA.mail))
    run_jobs(timedelta(minutes=3))

    assert now == at_once and len(sent_to(tenant, HANNA.mail)) == 1


def test_the_choice_is_shown_and_can_be_undone(chooses, browser_of, record, tenant, run_jobs):
    chooses("urgent")
    shown = browser_of("hanna").get(URL).content.decode()
    page = chooses("").content.decode()
    write_problem(record("noor"))

    run_jobs(timedelta(minutes=3))

    assert 'value="urgent"' in shown and "checked" in shown.partition('value="urgent"')[2].partition(">")[0]
    assert "Saved. You get no emails." in page and sent_to(tenant, HANNA.mail) == []


def test_waiting_mail_is_not_sent_after_unsubscribing(chooses, record, tenant, run_jobs):
    chooses("digest")
    write_problem(record("noor", starts_in=timedelta(days=20)))
    chooses("")

    run_jobs(timedelta(minutes=3))

    assert sent_to(tenant, HANNA.mail) == [] and Mail.objects.get(to=HANNA.mail).dropped_at is not None


@pytest.mark.parametrize("gone", ["no longer in HR", "not signed in for long"])
def test_person_who_left_hr_gets_no_mail(chooses, record, tenant, run_jobs, gone):
    chooses("digest")
    person = User.objects.filter(oid=HANNA.object_id)
    if gone == "no longer in HR":
        person.update(roles=[])
    else:
        person.update(last_login=timezone.now() - timedelta(days=31))
    write_problem(record("noor", starts_in=timedelta(days=20), by="henry"))

    run_jobs(timedelta(minutes=3))

    assert sent_to(tenant, HANNA.mail) == [] and len(sent_to(tenant, HR)) == 1


def test_person_without_an_email_address_sees_an_error(chooses, tenant):
    tenant.tenant.accounts["hanna"].properties["mail"] = None

    response = chooses("digest")

    assert response.status_code == 400
    assert (
        "You have no email address in Entra, so the portal cannot email you. Ask IT to add one."
        in response.content.decode()
    )
    assert not HrMailChoice.objects.exists()


def test_a_directory_that_does_not_answer_changes_nothing(chooses, tenant, fault):
    chooses("digest")
    fault(path=".*", status=503, times=None)

    response = chooses("urgent")

    assert response.status_code == 400 and HrMailChoice.objects.get().choice == "digest"


def test_another_choice_than_those_offered_is_refused(chooses):
    assert chooses("everything").status_code == 400 and not HrMailChoice.objects.exists()


def test_a_digest_asks_once_whether_its_reader_still_wants_it(chooses, record, django_assert_max_num_queries):
    chooses("digest")
    starter = record("noor", starts_in=timedelta(days=20))
    waiting = {
        "recipient": "hr",
        "reader_id": HANNA.object_id,
        "starter": starter,
        "to": HANNA.mail,
        "box": "h",
    }
    Mail.objects.bulk_create(
        Mail(kind=f"problem {number}", message_id=f"{number}", **waiting) for number in range(30)
    )

    with django_assert_max_num_queries(25):
        delivery.release_waiting_mails("h")

    assert Mail.objects.get(kind="hr_digest").parts.count() == 30
