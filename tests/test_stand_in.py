"""A manager who is away: HR routes a starter to the manager's own manager, with a reason, and takes it back."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import approvals, graph, guards, handover, routine, routing, services
from onboarding.models import AuditEvent, Mail, Starter
from portal.models import User
from tests.conftest import BY_KEY, creations

pytestmark = pytest.mark.django_db

CEO, MARIA = BY_KEY["ceo"], BY_KEY["maria"]


def now_of(starter):
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def codes(outcome):
    return [guard.code for guard in outcome.guards]


@pytest.fixture
def routed(invite, person):
    """Noor is invited, Maria is away, and Hanna has routed it to who is above Maria."""

    def done(starter=None, *, by="hanna", **how):
        starter = starter or invite("noor", **how)
        routing.route(
            starter=now_of(starter), stand_in_id=CEO.object_id, by=person(by), reason="Maria is ill"
        )
        return now_of(starter)

    return done


def page_of(starter):
    return f"/starters/{starter.public_id}/"


# --- Who may confirm then -----------------------------------------------------------------------------------------


def test_who_stands_in_confirms_and_is_shown_the_pass(routed, confirmation, tenant):
    starter = routed()

    outcome = handover.confirm(confirmation(starter, by="ceo"))

    assert isinstance(outcome, handover.Shown) and len(creations(tenant)) == 1
    assert AuditEvent.objects.get(event="issue.intent").facts["stand_in"] is True


def test_the_manager_past_whom_it_was_routed_can_not(routed, confirmation, browser_of, tenant):
    starter = routed()

    outcome = handover.confirm(confirmation(starter, by="maria"))

    assert codes(outcome) == ["manager_now"] and not creations(tenant)
    assert browser_of("maria").get(page_of(starter)).status_code == 404
    assert starter.name not in browser_of("maria").get("/").content.decode()


def test_who_stands_in_has_the_page_and_their_list_tells_of_it(routed, browser_of):
    starter, ceo = routed(), browser_of("ceo")

    page = ceo.get(page_of(starter))

    assert page.status_code == 200 and page.context["situation"].code == "ready"
    assert starter.name in ceo.get("/").content.decode()


def test_without_a_routing_the_managers_manager_may_nothing(invite, confirmation, browser_of, tenant):
    starter = invite("noor")

    outcome = handover.confirm(confirmation(starter, by="ceo"))

    assert codes(outcome) == ["manager_now"] and not creations(tenant)
    assert browser_of("ceo").get(page_of(starter)).status_code == 404


@pytest.mark.parametrize("key", ["tom", "hanna", "henry", "outsider", "noor"])
def test_a_routing_lets_nobody_else_in(routed, confirmation, browser_of, tenant, key):
    starter = routed()

    assert "manager_now" in codes(handover.confirm(confirmation(starter, by=key)))
    assert browser_of(key).get(page_of(starter)).status_code == 404
    assert not creations(tenant)


def test_the_press_costs_the_same_two_round_trips(routed, confirmation, tenant):
    starter = routed()
    tenant.tenant.requests.clear()

    handover.confirm(confirmation(starter, by="ceo"))

    trips = [one["path"] for one in tenant.tenant.requests if not one.get("batched")]
    assert [path.rsplit("/", 1)[-1] for path in trips] == ["$batch", "temporaryAccessPassMethods"]


def test_nobody_is_read_above_the_manager_where_nothing_is_routed(invite, confirmation, tenant):
    starter = invite("noor")
    tenant.tenant.requests.clear()

    handover.confirm(confirmation(starter))

    assert not [one for one in tenant.tenant.requests if MARIA.object_id in one["path"]]


# --- As the directory says at that moment -------------------------------------------------------------------------


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
    ids=lambda one: getattr(one, "__name__", one),
)
def test_at_the_press_the_directory_of_that_moment_decides(
    routed, confirmation, tenant, person, policy_says, happens, code
):
    policy_says(same_manager=False)
    starter = routed()
    happens(tenant, person)

    outcome = handover.confirm(confirmation(starter, by="ceo"))

    assert code in codes(outcome) and not creations(tenant)


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"remove": ["id"]}], ids=str)
def test_what_cannot_be_read_above_the_manager_makes_no_pass(routed, confirmation, tenant, fault):
    starter = routed()
    tenant.tenant.faults.add({"path": rf"/users/{MARIA.object_id}/manager$", "times": None, **fault})

    outcome = handover.confirm(confirmation(starter, by="ceo"))

    assert outcome == handover.NotNow("not_checkable") and not creations(tenant)


def test_facts_that_were_read_without_who_is_above_let_nobody_confirm(routed, person):
    starter = routed()
    facts = graph.client().issue_facts(starter.account_id)

    for key in ("ceo", "maria"):
        question = guards.Question(starter, facts, person(key), None, None, timezone.now())  # type: ignore[arg-type]
        assert question.in_charge is None and not guards.manager_now(question)


def test_a_disabled_manager_does_not_stand_in_the_way_of_who_stands_in(routed, confirmation, tenant):
    starter = routed()
    tenant.tenant.accounts["maria"].properties["accountEnabled"] = False

    assert isinstance(handover.confirm(confirmation(starter, by="ceo")), handover.Shown)


def test_while_the_directory_is_silent_only_who_was_last_in_charge_is_asked_to_wait(
    routed, browser_of, tenant
):
    starter = routed()
    tenant.tenant.faults.add({"path": "/manager$", "status": 500, "times": None})

    answers = {key: browser_of(key).get(page_of(starter)).status_code for key in ("ceo", "maria", "tom")}

    assert answers == {"ceo": 503, "maria": 404, "tom": 404}


# --- A routing that does not hold any more ------------------------------------------------------------------------


def test_a_routing_is_void_when_the_manager_changes(
    routed, hurry, tenant, managers_may_change, browser_of, confirmation
):
    starter = routed()
    hurry()
    tenant.tenant.accounts["noor"].manager = "tom"

    routine.look(str(starter.pk))

    after = now_of(starter)
    assert (after.stand_in_id, after.stand_in_for, after.stand_in_mail) == ("", "", "")
    assert AuditEvent.objects.filter(event="starter.routing_void").count() == 1
    assert Mail.objects.get(kind="not_asked", to=CEO.mail)
    assert browser_of("ceo").get(page_of(starter)).status_code == 404
    assert isinstance(handover.confirm(confirmation(starter, by="tom")), handover.Shown)


def test_before_the_worker_knows_the_new_manager_may_confirm_and_who_stood_in_may_not(
    routed, tenant, managers_may_change, confirmation, browser_of
):
    starter = routed()
    tenant.tenant.accounts["noor"].manager = "tom"

    assert browser_of("ceo").get(page_of(starter)).status_code == 404
    assert codes(handover.confirm(confirmation(starter, by="ceo"))) == ["manager_now"]
    assert isinstance(handover.confirm(confirmation(starter, by="tom")), handover.Shown)


def test_when_another_comes_above_the_manager_hr_is_told_and_nobody_may_confirm(
    routed, tenant, hurry, confirmation, browser_of
):
    starter = routed()
    tenant.tenant.accounts["maria"].manager = "tom"

    routine.look(str(starter.pk))

    assert now_of(starter).problem == Starter.Problem.NO_STAND_IN
    assert "Take the routing back" in browser_of("hanna").get(f"/hr/{starter.public_id}/").content.decode()
    assert Mail.objects.filter(kind="problem", to="hr@contoso.example").exists()
    for key in ("ceo", "tom", "maria"):
        assert isinstance(handover.confirm(confirmation(starter, by=key)), handover.Refused)


# --- HR routes, and takes it back ---------------------------------------------------------------------------------


def fields(page, **typed):
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode())
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"} | typed


def test_hr_is_shown_who_would_stand_in_says_why_and_it_is_on_the_trail(browser_of, invite):
    starter, hanna = invite("noor"), browser_of("hanna")
    url = f"/hr/{starter.public_id}/stand-in/"
    page = hanna.get(url)

    answer = hanna.post(url, fields(page, reason="Maria is ill"), follow=True)

    said = html.unescape(answer.content.decode())
    assert CEO.name in page.content.decode() and "They can confirm instead of the manager" in said
    event = AuditEvent.objects.get(event="starter.routed")
    assert (
        event.detail.values["reason"] == "Maria is ill" and event.detail.values["by_name"] == "Hanna Reuter"
    )
    assert event.detail.values["stand_in"] == CEO.object_id and "ill" not in str(event.facts)
    assert "Routed to the manager’s manager, who stands in: Maria is ill" in said


def test_who_stands_in_is_sent_the_link_and_the_manager_is_told_that_theirs_is_over(
    invite, routed, hurry, tenant
):
    starter = invite("noor")
    hurry()

    routed(starter)
    hurry()

    to = [(mail.recipients[0], mail.subject) for mail in tenant.tenant.mails]
    assert sorted(to[1:]) == sorted(
        [
            (MARIA.mail, "Your link for Noor de Vries is not needed any more"),
            (CEO.mail, "The first day of Noor de Vries"),
        ]
    )
    theirs = Mail.objects.get(to=CEO.mail)
    assert page_of(starter) in theirs.text and "stand in for the manager" in theirs.text
    assert page_of(starter) not in Mail.objects.get(kind="not_asked").text


def test_a_link_to_the_manager_that_was_not_sent_yet_is_not_sent(routed, hurry, tenant):
    routed()

    hurry()

    assert [mail.recipients for mail in tenant.tenant.mails] == [[CEO.mail]]


def test_reminders_go_to_who_stands_in(record, routed, hurry, tenant, time_machine):
    starter = routed(record("noor", starts_in=timedelta(days=2)))
    hurry()

    time_machine.move_to(now_of(starter).starts_at - timedelta(minutes=119))
    hurry()

    assert {mail.recipients[0] for mail in tenant.tenant.mails} == {CEO.mail}
    assert Mail.objects.get(kind="reminder").recipient == "stand-in"


def test_hr_takes_it_back_and_the_manager_confirms_again(routed, browser_of, confirmation, hurry, tenant):
    starter, hanna = routed(), browser_of("hanna")
    hurry()
    url = f"/hr/{starter.public_id}/stand-in/"

    hanna.post(url, fields(hanna.get(url), reason="Maria is back"))
    hurry()

    after = now_of(starter)
    assert (after.stand_in_id, after.in_charge_id) == ("", MARIA.object_id)
    assert AuditEvent.objects.get(event="starter.routing_ended").detail.values["reason"] == "Maria is back"
    told = [(mail.kind, mail.to) for mail in Mail.objects.filter(sent_at__isnull=False).order_by("pk")]
    assert ("not_asked", CEO.mail) in told and ("invitation", MARIA.mail) in told
    assert browser_of("ceo").get(page_of(starter)).status_code == 404
    assert codes(handover.confirm(confirmation(starter, by="ceo"))) == ["manager_now"]
    assert isinstance(handover.confirm(confirmation(starter, by="maria")), handover.Shown)


def test_whoever_routes_takes_part_and_so_does_not_confirm(routed, person):
    starter = routed(by="henry")

    assert BY_KEY["henry"].object_id in starter.shaped_by


def test_nobody_of_hr_routes_to_themselves(invite, person, tenant):
    starter = invite("noor")
    tenant.tenant.accounts["maria"].manager = "henry"

    with pytest.raises(services.OwnStarter):
        routing.route(
            starter=now_of(starter), stand_in_id=BY_KEY["henry"].object_id, by=person("henry"), reason="x"
        )


@pytest.mark.parametrize("happens", [disable, make_guest, make_admin, took_part, nobody_above])
def test_who_could_not_confirm_is_not_routed_to(invite, person, tenant, browser_of, happens):
    starter = invite("noor")
    happens(tenant, person)

    with pytest.raises((routing.CannotStandIn, services.AccountMoved)):
        routing.route(starter=now_of(starter), stand_in_id=CEO.object_id, by=person("henry"), reason="x")
    page = browser_of("henry").get(f"/hr/{starter.public_id}/stand-in/").content.decode()

    assert not now_of(starter).is_routed and 'name="reason"' not in page


def test_only_exactly_the_one_whom_hr_was_shown_is_taken(invite, person, tenant, browser_of):
    starter, hanna = invite("noor"), browser_of("hanna")
    url = f"/hr/{starter.public_id}/stand-in/"
    page = hanna.get(url)
    tenant.tenant.accounts["maria"].manager = "tom"

    answer = hanna.post(url, fields(page, reason="x"))

    assert "nothing of yours was saved" in answer.content.decode() and not now_of(starter).is_routed


def test_a_reason_is_needed(invite, browser_of):
    starter, hanna = invite("noor"), browser_of("hanna")
    url = f"/hr/{starter.public_id}/stand-in/"

    answer = hanna.post(url, fields(hanna.get(url), reason=" "))

    assert answer.status_code == 400 and not now_of(starter).is_routed


def test_nothing_is_routed_once_a_pass_is_out(held, person, browser_of):
    starter = held("noor").starter

    page = browser_of("hanna").get(f"/hr/{starter.public_id}/stand-in/").content.decode()

    assert "This cannot be done now" in page
    with pytest.raises(services.Changed):
        routing.route(starter=now_of(starter), stand_in_id=CEO.object_id, by=person("hanna"), reason="x")


@pytest.mark.parametrize("key", ["maria", "ceo", "outsider", "ada", "audrey"])
def test_nobody_but_hr_routes(browser_of, invite, key):
    starter = invite("noor")
    url = f"/hr/{starter.public_id}/stand-in/"
    form = {"reason": "x", "version": starter.version, "seen": CEO.object_id, "step": "route"}

    assert browser_of(key).get(url).status_code == 403
    assert browser_of(key).post(url, form).status_code == 403
    assert not now_of(starter).is_routed


def test_a_pass_that_is_being_made_while_hr_routes_is_not_shown(
    invite, confirmation, person, tenant, monkeypatch
):
    starter, create = invite("noor"), handover.create

    def routed_meanwhile(issue):
        routing.route(
            starter=now_of(starter), stand_in_id=CEO.object_id, by=person("hanna"), reason="Maria is ill"
        )
        return create(issue)

    monkeypatch.setattr(handover, "create", routed_meanwhile)

    assert isinstance(handover.confirm(confirmation(starter)), handover.Failed)


# --- Where policy asks for approvals ------------------------------------------------------------------------------


def test_a_routing_counts_as_a_changed_manager(invite, routed, policy_says, confirmation, person):
    policy_says(approve_manager=True)
    starter = routed()

    refused = handover.confirm(confirmation(starter, by="ceo"))
    approvals.approve(starter=now_of(starter), by=person("henry"), reason="I asked Maria")

    assert codes(refused) == ["approved"]
    assert isinstance(handover.confirm(confirmation(starter, by="ceo")), handover.Shown)


def test_the_same_routing_a_second_time_needs_an_approval_of_its_own(
    invite, routed, policy_says, confirmation, person
):
    policy_says(approve_manager=True)
    starter = routed()
    approvals.approve(starter=now_of(starter), by=person("henry"), reason="I asked Maria")
    routing.take_back(starter=now_of(starter), by=person("hanna"), reason="She is back")

    routed(starter)

    assert codes(handover.confirm(confirmation(starter, by="ceo"))) == ["approved"]


def test_who_stands_in_does_not_approve_it(routed, policy_says, person):
    policy_says(approve_manager=True)
    starter = routed()
    ceo = person("ceo")
    User.objects.filter(pk=ceo.pk).update(roles=["HR"])

    with pytest.raises(approvals.NotAnother):
        approvals.approve(starter=now_of(starter), by=User.objects.get(pk=ceo.pk), reason="x")


# --- What begins anew ---------------------------------------------------------------------------------------------


def test_a_withdrawal_that_is_undone_is_not_routed_any_more(routed, person):
    from onboarding import corrections

    starter = routed()
    services.withdraw_starter(starter=starter, by=person("hanna"), reason="x")

    corrections.bring_back(starter=now_of(starter), by=person("hanna"), reason="x")

    assert not now_of(starter).is_routed


def test_who_stood_in_is_forgotten_with_the_rest(routed):
    starter = routed()

    routine.erase(starter)

    after = now_of(starter)
    assert (after.stand_in_id, after.stand_in_name, after.stand_in_mail, after.stand_in_for) == ("",) * 4
