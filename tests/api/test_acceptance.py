"""HR accepts what other systems added. Until then, no pass can be created."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import audit, graph, guards, policy
from onboarding.guards import approvals
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.passes import handover
from onboarding.passes.confirmation import Shown
from onboarding.starters import rescheduling
from onboarding.starters.errors import LinkNotSent
from onboarding.starters.invitations import send_link
from onboarding.starters.rescheduling import Schedule
from onboarding.stops.stopping import Way, stop_starter
from onboarding.tickets import acceptance
from onboarding.worker import starter_checks
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


def test_the_list_leads_to_the_page_about_the_api(browser_of, settings):
    link = 'href="/api/"'
    assert link in browser_of("hanna").get(PAGE).content.decode()

    settings.API_CLIENT_ID = ""
    assert link not in browser_of("hanna").get(PAGE).content.decode()


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


def test_page_says_that_nothing_is_selected(add, browser_of):
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


# --- What was accepted stays accepted, and nothing else --------------------------------------------------------------


def guards_refusing(starter: Starter, person) -> list[str]:
    facts = graph.client().issue_facts(starter.account_id, scarce=True, people=[])
    moment = timezone.now()
    question = guards.Question(starter, facts, person, moment, policy.for_starter(starter), moment)
    return [guard.code for guard in guards.find_refusals(question)]


def current() -> Starter:
    return Starter.objects.select_related("recorded_by", "ticket").get()


def test_nobody_approves_before_hr_accepts(policy_says, allowed, add, person):
    policy_says(approve_all=True, api_applications=policy.for_site().api_applications)
    add()

    assert not approvals.can_approve(current(), person("hanna"))
    with pytest.raises(approvals.NotAnotherPerson):
        approvals.approve_missing(starter=current(), by=person("hanna"), reason="x")


def test_two_people_end_a_stop_before_hr_accepts(add, accept, browser_of, person, settings):
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000
    add()
    assert stop_starter(current(), way=Way.CODE)
    page = f"/hr/{current().public_id}/restart/"
    form = {"reason": "Security says so", "step": "asked"}

    browser_of("hanna").post(page, form | {"version": current().version})
    again = browser_of("hanna").post(page, form | {"step": "agreed", "version": current().version})
    assert again.status_code == 200 and current().stopped_at is not None  # one person alone
    browser_of("henry").post(page, form | {"step": "agreed", "version": current().version})

    assert current().stopped_at is None and current().awaits_acceptance
    assert accept(current(), by="henry").status_code == 302  # they have only found that the account is safe
    assert "not_stopped" not in guards_refusing(current(), person("maria"))
    assert list(audit.compare_rows()) == []


def test_who_approved_cannot_accept_after_a_change(policy_says, allowed, add, accept, person):
    policy_says(approve_all=True, api_applications=policy.for_site().api_applications)
    add()
    accept(current(), by="henry")
    approvals.approve_missing(starter=current(), by=person("hanna"), reason="x")
    add(requestedBy=BY_KEY["henry"].object_id)

    assert accept(current(), by="hanna").status_code == 409
    assert accept(current(), by="henry").status_code == 302
    assert "approved" in guards_refusing(current(), person("maria"))


def test_an_approval_ends_when_its_approver_changes_the_starter(policy_says, invite, person):
    policy_says(approve_all=True)
    starter = invite()
    approvals.approve_missing(starter=starter, by=person("henry"), reason="x")
    assert "approved" not in guards_refusing(current(), person("maria"))
    schedule = Schedule.of_starter(current())

    rescheduling.reschedule_starter(starter=current(), schedule=schedule, note="x", by=person("henry"))

    assert "approved" in guards_refusing(current(), person("maria"))


def test_hr_reads_the_note_that_it_accepts(add, browser_of, accept):
    add(note="Dictate the pass by phone")
    assert "Dictate the pass by phone" in browser_of("hanna").get(PAGE).content.decode()
    shown = current()
    add(note="Another note")

    assert accept(shown).status_code == 409
    accept(current())
    assert add(note="A third note").json()["acceptance"] == "waiting"


def test_an_earlier_start_needs_acceptance_again(add, accept):
    add(startTime="09:00")
    accept(current())

    assert add(startTime="08:00").json()["acceptance"] == "waiting"


def test_an_invited_starter_waits_for_hr_again(add, accept, run_jobs):
    add(startDate=f"{timezone.localdate() + timedelta(days=1)}")
    run_jobs()
    accept(current())
    run_jobs()
    assert current().state == "invited"

    add(startDate=f"{timezone.localdate() + timedelta(days=1)}", requestedBy=BY_KEY["henry"].object_id)

    assert current().state == "recorded"
    assert AuditEvent.objects.filter(event="starter.acceptance_cancelled").get().facts["was_invited"]


def selected_rows(browser) -> int:
    boxes = re.findall(r'<input type="checkbox"[^>]*>', browser.get(PAGE).content.decode())
    assert boxes
    return sum(" checked" in box for box in boxes)


def test_rows_with_a_warning_are_not_selected(add, browser_of, run_jobs):
    add()
    assert selected_rows(browser_of("hanna")) == 0  # not checked by the worker yet
    run_jobs()
    assert selected_rows(browser_of("hanna")) == 1

    Starter.objects.update(problem="manager_changed")

    assert selected_rows(browser_of("hanna")) == 0


def test_a_request_of_the_manager_is_a_warning(add, browser_of, run_jobs, person):
    add(requestedBy=BY_KEY["maria"].object_id)
    run_jobs()

    page = browser_of("hanna").get(PAGE).content.decode()

    assert "The starter or their manager made this request in the other system." in page
    assert selected_rows(browser_of("hanna")) == 0


def test_a_disabled_requester_is_no_recorder(trusted, add, person, tenant):
    signed_in_lately(person("hanna"))
    tenant.tenant.accounts["hanna"].properties["accountEnabled"] = False

    assert add(requestedBy=person("hanna").oid).json()["acceptance"] == "waiting"


def test_the_audit_log_names_a_trusted_recorder(trusted, add, person):
    signed_in_lately(person("hanna"))
    add(requestedBy=person("hanna").oid)

    assert AuditEvent.objects.get(event="starter.recorded").facts["trusted"] is True


def test_the_starter_cannot_accept_themselves(add, accept, tenant, run_jobs):
    account = tenant.tenant.accounts["henry"]
    account.exists = False
    add(account=BY_KEY["henry"].user_principal_name)
    run_jobs()
    account.exists = True
    run_jobs(timedelta(hours=7))

    assert accept(current(), by="henry").status_code == 409
    assert current().recorded_by is None


# --- The same request again ------------------------------------------------------------------------------------------


def test_a_repeated_request_keeps_what_hr_changed(add, accept, person):
    add(note="From the ticket")
    accept(current())
    starter = current()
    later = replace(Schedule.of_starter(starter), start_date=starter.start_date + timedelta(days=3))
    rescheduling.reschedule_starter(starter=starter, schedule=later, note="Private", by=person("hanna"))

    body = add(note="From the ticket").json()

    assert current().start_date == later.start_date
    assert current().note == "Private"
    assert body["note"] == "From the ticket"


def test_no_change_reaches_a_starter_with_a_requested_pass(add, accept, run_jobs, confirmation, tenant):
    now = timezone.localtime()
    add(startDate=f"{now:%Y-%m-%d}", startTime=f"{now:%H:%M}")
    run_jobs()
    accept(current())
    run_jobs()
    starter_checks.check_starter(str(current().pk))
    assert isinstance(handover.confirm(confirmation(current())), Shown)
    Starter.objects.update(state="invited")  # as after a pass that was lost

    answer = add(startDate=f"{now:%Y-%m-%d}", startTime="23:59")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_changeable")
