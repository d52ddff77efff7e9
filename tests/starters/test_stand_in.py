"""HR assigns a stand-in for a manager who is away, with a reason, and removes the stand-in."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import graph, guards
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.passes import handover
from onboarding.passes.confirmation import Shown
from onboarding.passes.creation import create_pass
from onboarding.passes.errors import PassNotCreated, RefusedByGuards
from onboarding.starters import stand_ins, withdrawal
from onboarding.starters.errors import AccountChanged, OwnStarter, StandInRefused
from onboarding.worker import retention, starter_checks
from portal.models import User
from tests.conftest import BY_KEY, creations
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

CEO, MARIA = BY_KEY["ceo"], BY_KEY["maria"]


def now_of(starter):
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def codes(outcome):
    return [guard.code for guard in outcome.guards]


@pytest.fixture
def with_stand_in(invite, person):
    """Noor is invited, Maria is away, and Hanna has assigned Maria's manager as stand-in."""

    def done(starter=None, *, by="hanna", **how):
        starter = starter or invite("noor", **how)
        stand_ins.assign_stand_in(
            starter=now_of(starter), stand_in_id=CEO.object_id, by=person(by), reason="Maria is ill"
        )
        return now_of(starter)

    return done


def page_of(starter):
    return f"/starters/{starter.public_id}/"


# --- Who can confirm ---------------------------------------------------------------------------------------------


def test_stand_in_confirms_and_gets_the_pass(with_stand_in, confirmation, tenant):
    starter = with_stand_in()

    outcome = outcome_of(confirmation(starter, by="ceo"))

    assert isinstance(outcome, Shown) and len(creations(tenant)) == 1
    assert AuditEvent.objects.get(event="issue.intent").facts["stand_in"] is True


def test_manager_cannot_confirm_while_a_stand_in_is_assigned(with_stand_in, confirmation, browser_of, tenant):
    starter = with_stand_in()

    outcome = outcome_of(confirmation(starter, by="maria"))

    assert codes(outcome) == ["manager_now"] and not creations(tenant)
    assert browser_of("maria").get(page_of(starter)).status_code == 404
    assert starter.name not in browser_of("maria").get("/starters/").content.decode()


def test_stand_in_opens_the_page_and_sees_the_starter_listed(with_stand_in, browser_of):
    starter, ceo = with_stand_in(), browser_of("ceo")

    page = ceo.get(page_of(starter))

    assert page.status_code == 200 and page.context["page_state"].code == "ready"
    assert starter.name in ceo.get("/starters/").content.decode()


def test_managers_manager_cannot_confirm_without_an_assignment(invite, confirmation, browser_of, tenant):
    starter = invite("noor")

    outcome = outcome_of(confirmation(starter, by="ceo"))

    assert codes(outcome) == ["manager_now"] and not creations(tenant)
    assert browser_of("ceo").get(page_of(starter)).status_code == 404


@pytest.mark.parametrize("key", ["tom", "hanna", "henry", "outsider", "noor"])
def test_stand_in_gives_nobody_else_access(with_stand_in, confirmation, browser_of, tenant, key):
    starter = with_stand_in()

    assert "manager_now" in codes(outcome_of(confirmation(starter, by=key)))
    assert browser_of(key).get(page_of(starter)).status_code == 404
    assert not creations(tenant)


def test_click_of_a_stand_in_costs_two_round_trips(with_stand_in, confirmation, tenant):
    starter = with_stand_in()
    tenant.tenant.requests.clear()

    outcome_of(confirmation(starter, by="ceo"))

    trips = [request["path"] for request in tenant.tenant.requests if not request.get("batched")]
    assert [path.rsplit("/", 1)[-1] for path in trips] == ["$batch", "temporaryAccessPassMethods"]


def test_managers_manager_is_not_read_without_a_stand_in(invite, confirmation, tenant):
    starter = invite("noor")
    tenant.tenant.requests.clear()

    outcome_of(confirmation(starter))

    assert not [request for request in tenant.tenant.requests if MARIA.object_id in request["path"]]


# --- The directory at the click ----------------------------------------------------------------------------------


def change_manager(tenant, person):
    tenant.tenant.accounts["noor"].manager = "tom"


def change_above(tenant, person):
    tenant.tenant.accounts["maria"].manager = "tom"


def nobody_above(tenant, person):
    tenant.tenant.accounts["maria"].manager = None


def manager_gone(tenant, person):
    tenant.tenant.accounts["maria"].exists = False


def disable(tenant, person):
    tenant.tenant.accounts["ceo"].properties["accountEnabled"] = False


def make_guest(tenant, person):
    tenant.tenant.accounts["ceo"].properties["userType"] = "Guest"


def make_admin(tenant, person):
    User.objects.filter(pk=person("ceo").pk).update(roles=["Admin"])


def took_part(tenant, person):
    Starter.objects.update(shaped_by=[BY_KEY["hanna"].object_id, CEO.object_id])


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (change_manager, "manager_now"),
        (change_above, "manager_now"),
        (nobody_above, "manager_now"),
        (manager_gone, "manager_now"),
        (disable, "manager_enabled"),
        (make_guest, "manager_enabled"),
        (make_admin, "not_an_admin"),
        (took_part, "three_people"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_directory_at_the_click_decides(
    with_stand_in, confirmation, tenant, person, policy_says, happens, code
):
    policy_says(same_manager=False)
    starter = with_stand_in()
    happens(tenant, person)

    outcome = outcome_of(confirmation(starter, by="ceo"))

    assert code in codes(outcome) and not creations(tenant)


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"remove": ["id"]}], ids=str)
def test_unreadable_managers_manager_gets_no_pass(with_stand_in, confirmation, tenant, fault):
    starter = with_stand_in()
    tenant.tenant.faults.add({"path": rf"/users/{MARIA.object_id}/manager$", "times": None, **fault})

    outcome = outcome_of(confirmation(starter, by="ceo"))

    assert outcome.code == "not_checkable" and not creations(tenant)


def test_nobody_confirms_without_the_managers_manager_being_known(with_stand_in, person):
    starter = with_stand_in()
    facts = graph.client().issue_facts(starter.account_id)

    for key in ("ceo", "maria"):
        question = guards.Question(starter, facts, person(key), None, None, timezone.now())  # type: ignore[arg-type]
        assert question.confirmer is None and not guards.manager_now(question)


def test_disabled_manager_does_not_block_the_stand_in(with_stand_in, confirmation, tenant):
    starter = with_stand_in()
    tenant.tenant.accounts["maria"].properties["accountEnabled"] = False

    assert isinstance(handover.confirm(confirmation(starter, by="ceo")), Shown)


def test_only_the_last_confirmer_waits_for_a_silent_directory(with_stand_in, browser_of, tenant):
    starter = with_stand_in()
    tenant.tenant.faults.add({"path": "/manager$", "status": 500, "times": None})

    answers = {key: browser_of(key).get(page_of(starter)).status_code for key in ("ceo", "maria", "tom")}

    assert answers == {"ceo": 503, "maria": 404, "tom": 404}


# --- A stand-in that is no longer valid --------------------------------------------------------------------------


def test_stand_in_is_void_when_the_manager_changes(
    with_stand_in, run_jobs, tenant, managers_may_change, browser_of, confirmation
):
    starter = with_stand_in()
    run_jobs()
    tenant.tenant.accounts["noor"].manager = "tom"

    starter_checks.check_starter(str(starter.pk))

    after = now_of(starter)
    assert (after.stand_in_id, after.stand_in_for, after.stand_in_mail) == ("", "", "")
    assert AuditEvent.objects.filter(event="starter.routing_void").count() == 1
    assert Mail.objects.get(kind="not_asked", to=CEO.mail)
    assert browser_of("ceo").get(page_of(starter)).status_code == 404
    assert isinstance(handover.confirm(confirmation(starter, by="tom")), Shown)


def test_new_manager_replaces_the_stand_in_before_the_worker_runs(
    with_stand_in, tenant, managers_may_change, confirmation, browser_of
):
    starter = with_stand_in()
    tenant.tenant.accounts["noor"].manager = "tom"

    assert browser_of("ceo").get(page_of(starter)).status_code == 404
    assert codes(outcome_of(confirmation(starter, by="ceo"))) == ["manager_now"]
    assert isinstance(handover.confirm(confirmation(starter, by="tom")), Shown)


def test_another_managers_manager_stops_confirmation_and_notifies_hr(
    with_stand_in, tenant, run_jobs, confirmation, browser_of
):
    starter = with_stand_in()
    tenant.tenant.accounts["maria"].manager = "tom"

    starter_checks.check_starter(str(starter.pk))

    assert now_of(starter).problem == Starter.Problem.NO_STAND_IN
    assert "Remove the stand-in" in browser_of("hanna").get(f"/hr/{starter.public_id}/").content.decode()
    assert Mail.objects.filter(kind="problem", to="hr@contoso.example").exists()
    for key in ("ceo", "tom", "maria"):
        assert isinstance(outcome_of(confirmation(starter, by=key)), RefusedByGuards)


# --- HR assigns and removes a stand-in ---------------------------------------------------------------------------


def fields(page, **typed):
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode())
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"} | typed


def test_hr_assigns_the_shown_stand_in_with_a_reason(browser_of, invite):
    starter, hanna = invite("noor"), browser_of("hanna")
    url = f"/hr/{starter.public_id}/stand-in/"
    page = hanna.get(url)

    answer = hanna.post(url, fields(page, reason="Maria is ill"), follow=True)

    said = html.unescape(answer.content.decode())
    assert CEO.name in page.content.decode() and "creates the pass instead of the manager" in said
    event = AuditEvent.objects.get(event="starter.routed")
    assert (
        event.detail.values["reason"] == "Maria is ill" and event.detail.values["by_name"] == "Hanna Reuter"
    )
    assert event.detail.values["stand_in"] == CEO.object_id and "ill" not in str(event.facts)
    assert "HR assigned the manager’s manager as stand-in: Maria is ill" in said


def test_stand_in_gets_the_link_and_the_manager_is_notified(invite, with_stand_in, run_jobs, tenant):
    starter = invite("noor")
    run_jobs()

    with_stand_in(starter)
    run_jobs()

    to = [(mail.recipients[0], mail.subject.partition(" (")[0]) for mail in tenant.tenant.mails]
    assert sorted(to[1:]) == sorted(
        [
            (MARIA.mail, "Link no longer needed: Noor de Vries"),
            (CEO.mail, "Help Noor de Vries sign in on the first day"),
        ]
    )
    theirs = Mail.objects.get(to=CEO.mail)
    assert page_of(starter) in theirs.text and "stand in for the manager" in theirs.text
    assert page_of(starter) not in Mail.objects.get(kind="not_asked").text


def test_unsent_link_to_the_manager_is_not_sent(with_stand_in, run_jobs, tenant):
    with_stand_in()

    run_jobs()

    assert [mail.recipients for mail in tenant.tenant.mails] == [[CEO.mail]]


def test_reminders_go_to_the_stand_in(record, with_stand_in, run_jobs, tenant, time_machine):
    starter = with_stand_in(record("noor", starts_in=timedelta(days=2)))
    run_jobs()

    time_machine.move_to(now_of(starter).starts_at - timedelta(minutes=119))
    run_jobs()

    assert {mail.recipients[0] for mail in tenant.tenant.mails} == {CEO.mail}
    assert Mail.objects.get(kind="reminder").recipient == "stand-in"


def test_hr_removes_the_stand_in_and_the_manager_confirms_again(
    with_stand_in, browser_of, confirmation, run_jobs, tenant
):
    starter, hanna = with_stand_in(), browser_of("hanna")
    run_jobs()
    url = f"/hr/{starter.public_id}/stand-in/"

    hanna.post(url, fields(hanna.get(url), reason="Maria is back"))
    run_jobs()

    after = now_of(starter)
    assert (after.stand_in_id, after.confirmer_id) == ("", MARIA.object_id)
    assert AuditEvent.objects.get(event="starter.routing_ended").detail.values["reason"] == "Maria is back"
    told = [(mail.kind, mail.to) for mail in Mail.objects.filter(sent_at__isnull=False).order_by("pk")]
    assert ("not_asked", CEO.mail) in told and ("invitation", MARIA.mail) in told
    assert browser_of("ceo").get(page_of(starter)).status_code == 404
    assert codes(outcome_of(confirmation(starter, by="ceo"))) == ["manager_now"]
    assert isinstance(handover.confirm(confirmation(starter, by="maria")), Shown)


def test_person_who_assigned_the_stand_in_cannot_confirm(with_stand_in, person):
    starter = with_stand_in(by="henry")

    assert BY_KEY["henry"].object_id in starter.shaped_by


def test_hr_cannot_assign_themselves_as_stand_in(invite, person, tenant):
    starter = invite("noor")
    tenant.tenant.accounts["maria"].manager = "henry"

    with pytest.raises(OwnStarter):
        stand_ins.assign_stand_in(
            starter=now_of(starter), stand_in_id=BY_KEY["henry"].object_id, by=person("henry"), reason="x"
        )


@pytest.mark.parametrize("happens", [disable, make_guest, make_admin, took_part, nobody_above])
def test_person_who_could_not_confirm_is_not_assigned(invite, person, tenant, browser_of, happens):
    starter = invite("noor")
    happens(tenant, person)

    with pytest.raises((StandInRefused, AccountChanged)):
        stand_ins.assign_stand_in(
            starter=now_of(starter), stand_in_id=CEO.object_id, by=person("henry"), reason="x"
        )
    page = browser_of("henry").get(f"/hr/{starter.public_id}/stand-in/").content.decode()

    assert not now_of(starter).has_stand_in and 'name="reason"' not in page


def test_only_the_shown_person_becomes_stand_in(invite, person, tenant, browser_of):
    starter, hanna = invite("noor"), browser_of("hanna")
    url = f"/hr/{starter.public_id}/stand-in/"
    page = hanna.get(url)
    tenant.tenant.accounts["maria"].manager = "tom"

    answer = hanna.post(url, fields(page, reason="x"))

    assert "did not save your changes" in answer.content.decode() and not now_of(starter).has_stand_in


def test_a_reason_is_needed(invite, browser_of):
    starter, hanna = invite("noor"), browser_of("hanna")
    url = f"/hr/{starter.public_id}/stand-in/"

    answer = hanna.post(url, fields(hanna.get(url), reason=" "))

    assert answer.status_code == 400 and not now_of(starter).has_stand_in


def test_no_stand_in_is_assigned_while_a_pass_exists(held, person, browser_of):
    starter = held("noor").starter

    page = browser_of("hanna").get(f"/hr/{starter.public_id}/stand-in/").content.decode()

    assert "You cannot assign or remove a stand-in now" in page
    with pytest.raises(ConcurrentUpdate):
        stand_ins.assign_stand_in(
            starter=now_of(starter), stand_in_id=CEO.object_id, by=person("hanna"), reason="x"
        )


@pytest.mark.parametrize("key", ["maria", "ceo", "outsider", "ada", "audrey"])
def test_only_hr_assigns_a_stand_in(browser_of, invite, key):
    starter = invite("noor")
    url = f"/hr/{starter.public_id}/stand-in/"
    form = {"reason": "x", "version": starter.version, "seen": CEO.object_id, "step": "route"}

    assert browser_of(key).get(url).status_code == 403
    assert browser_of(key).post(url, form).status_code == 403
    assert not now_of(starter).has_stand_in


def test_pass_requested_while_hr_assigns_is_not_shown(invite, confirmation, person, tenant, monkeypatch):
    starter, create = invite("noor"), create_pass

    def routed_meanwhile(issue):
        stand_ins.assign_stand_in(
            starter=now_of(starter), stand_in_id=CEO.object_id, by=person("hanna"), reason="Maria is ill"
        )
        return create(issue)

    monkeypatch.setattr(handover, "create_pass", routed_meanwhile)

    assert isinstance(outcome_of(confirmation(starter)), PassNotCreated)


# --- Where policy asks for approvals ------------------------------------------------------------------------------


def test_stand_in_counts_as_a_changed_manager(invite, with_stand_in, policy_says, confirmation, person):
    policy_says(approve_manager=True)
    starter = with_stand_in()

    refused = outcome_of(confirmation(starter, by="ceo"))
    approvals.approve_missing(starter=now_of(starter), by=person("henry"), reason="I asked Maria")

    assert codes(refused) == ["approved"]
    assert isinstance(handover.confirm(confirmation(starter, by="ceo")), Shown)


def test_assigning_the_same_stand_in_again_needs_new_approval(
    invite, with_stand_in, policy_says, confirmation, person
):
    policy_says(approve_manager=True)
    starter = with_stand_in()
    approvals.approve_missing(starter=now_of(starter), by=person("henry"), reason="I asked Maria")
    stand_ins.remove_stand_in(starter=now_of(starter), by=person("hanna"), reason="She is back")

    with_stand_in(starter)

    assert codes(outcome_of(confirmation(starter, by="ceo"))) == ["approved"]


def test_stand_in_cannot_approve(with_stand_in, policy_says, person):
    policy_says(approve_manager=True)
    starter = with_stand_in()
    ceo = person("ceo")
    User.objects.filter(pk=ceo.pk).update(roles=["HR"])

    with pytest.raises(approvals.NotAnotherPerson):
        approvals.approve_missing(starter=now_of(starter), by=User.objects.get(pk=ceo.pk), reason="x")


# --- Restored and erased starters --------------------------------------------------------------------------------


def test_restored_starter_has_no_stand_in(with_stand_in, person):

    starter = with_stand_in()
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="x")

    withdrawal.restore_starter(starter=now_of(starter), by=person("hanna"), reason="x")

    assert not now_of(starter).has_stand_in


def test_stand_in_is_erased_with_the_starter(with_stand_in):
    starter = with_stand_in()

    retention.erase_starter(starter)

    after = now_of(starter)
    assert (after.stand_in_id, after.stand_in_name, after.stand_in_mail, after.stand_in_for) == ("",) * 4
