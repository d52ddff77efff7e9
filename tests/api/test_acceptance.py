"""HR accepts what other systems added. Until then, no pass can be created."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import graph, guards, policy
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.starters.errors import LinkNotSent
from onboarding.starters.invitations import send_link
from onboarding.tickets import acceptance
from tests.conftest import BY_KEY

PAGE = "/hr/to-accept/"
pytestmark = pytest.mark.django_db


def row_value(starter: Starter, known: str = "") -> str:
    return f"{starter.public_id}:{acceptance.review_key(starter)}:{known}"


@pytest.fixture
def accept(browser_of):
    def send(*starters: Starter, by: str = "hanna", one: bool = False):
        values = [row_value(starter) for starter in starters]
        return browser_of(by).post(PAGE, {"accept": values[0]} if one else {"starter": values})

    return send


def test_the_list_shows_who_waits_and_from_which_ticket(add, browser_of, person):
    add(requestedBy=BY_KEY["henry"].object_id)

    page = browser_of("hanna").get(PAGE).content.decode()

    assert "Noor" in page
    assert "servicenow RITM0000001" in page
    assert BY_KEY["henry"].name in page


def test_hrs_list_says_that_starters_wait(add, browser_of):
    add()

    assert PAGE in browser_of("hanna").get("/hr/").content.decode()
    assert PAGE in browser_of("hanna").get(f"/hr/{Starter.objects.get().public_id}/").content.decode()


def test_who_accepts_is_the_recorder(add, accept, person):
    add()
    starter = Starter.objects.get()

    answer = accept(starter, one=True)

    assert answer.status_code == 302
    starter.refresh_from_db()
    assert starter.recorded_by == person("hanna")
    assert person("hanna").oid in starter.shaped_by
    event = AuditEvent.objects.get(event="starter.accepted")
    assert event.facts["source"] == "servicenow"
    assert event.detail.values["by"].endswith(person("hanna").oid)


def test_all_that_are_selected_are_accepted_together(add, accept):
    add()
    add(ticket="RITM0000002", account="liam.byrne@contoso.example")

    accept(*Starter.objects.all())

    assert not acceptance.waiting_starters().exists()


def test_nothing_selected_is_told_on_the_page(add, browser_of):
    add()

    answer = browser_of("hanna").post(PAGE, {})

    assert answer.status_code == 400
    assert "Select the starters that you want to accept." in answer.content.decode()


def test_no_link_leaves_before_hr_accepts(add, run_jobs, person):
    add(startDate=f"{timezone.localdate() + timedelta(days=1)}")
    run_jobs()
    starter = Starter.objects.get()

    assert starter.state == "recorded"
    assert not Mail.objects.filter(kind="invitation").exists()
    with pytest.raises(LinkNotSent):
        send_link(starter=starter, by=person("hanna"))


def test_after_acceptance_the_link_leaves_by_itself(add, accept, run_jobs):
    add(startDate=f"{timezone.localdate() + timedelta(days=1)}")
    run_jobs()
    accept(Starter.objects.get())
    run_jobs()

    assert Starter.objects.get().state == "invited"
    assert Mail.objects.filter(kind="invitation").exists()


def test_the_guard_refuses_a_click_without_a_recorder(invite, person):
    starter = invite()
    starter.recorded_by = None
    facts = graph.client().issue_facts(starter.account_id, scarce=True, people=[])
    question = guards.Question(
        starter, facts, person("maria"), timezone.now(), policy.for_starter(starter), timezone.now()
    )

    assert "recorder_is_a_person" in [guard.code for guard in guards.find_refusals(question)]


def test_a_manager_cannot_accept_their_own_starter(add, accept, person):
    add(account=BY_KEY["nadia"].object_id)

    answer = accept(Starter.objects.get(), by="henry")

    assert answer.status_code == 409
    assert "You are this person’s manager" in answer.content.decode()
    assert Starter.objects.get().recorded_by is None


def test_what_changed_since_the_page_is_shown_first(add, accept, tenant):
    add()
    starter = Starter.objects.get()
    tenant.tenant.accounts["noor"].properties["department"] = "Another department"

    answer = accept(starter)

    assert answer.status_code == 409
    assert Starter.objects.get().recorded_by is None
    assert accept(Starter.objects.get()).status_code == 302


def test_an_account_that_appears_is_taken_with_the_acceptance(add, accept, tenant, run_jobs):
    account = tenant.tenant.accounts["noor"]
    account.exists = False
    add()
    run_jobs()
    assert Starter.objects.get().account_id == ""
    account.exists = True
    run_jobs(timedelta(hours=7))

    accept(Starter.objects.get())

    assert Starter.objects.get().account_id == BY_KEY["noor"].object_id


@pytest.mark.parametrize(
    "changes", [{"account": "liam.byrne@contoso.example"}, {"requestedBy": BY_KEY["henry"].object_id}]
)
def test_another_account_or_requester_needs_acceptance_again(add, accept, changes):
    add()
    accept(Starter.objects.get())

    answer = add(**changes)

    assert answer.status_code == 200, answer.content
    assert answer.json()["acceptance"] == "waiting"
    assert Starter.objects.get().recorded_by is None


def test_a_changed_date_keeps_the_acceptance(add, accept):
    add()
    accept(Starter.objects.get())

    assert add(startTime="11:00").json()["acceptance"] == "accepted"


@pytest.fixture
def trusted(policy_says, allowed):
    policy_says(api_applications=policy.for_site().api_applications, api_trusted_sources="servicenow")


def signed_in_lately(person, days: int = 1) -> None:
    person.last_login = timezone.now() - timedelta(days=days)
    person.save()


def test_a_trusted_system_names_the_recorder(trusted, add, person):
    signed_in_lately(person("hanna"))

    body = add(requestedBy=person("hanna").oid).json()

    assert body["acceptance"] == "accepted"
    assert Starter.objects.get().recorded_by == person("hanna")


@pytest.mark.parametrize(
    ("requester", "days"), [("maria", 1), ("noor", 1), ("tom", 1), ("hanna", 91), ("", 1)]
)
def test_a_trusted_system_still_waits_for_hr_otherwise(trusted, add, person, requester, days):
    if requester:
        signed_in_lately(person(requester), days)

    body = add(requestedBy=person(requester).oid if requester else None).json()

    assert body["acceptance"] == "waiting"


def test_a_manager_in_hr_who_requests_cannot_skip_hr(trusted, add, person):
    signed_in_lately(person("henry"))

    body = add(account=BY_KEY["nadia"].object_id, requestedBy=person("henry").oid).json()

    assert body["acceptance"] == "waiting"
