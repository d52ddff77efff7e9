"""What needs a second pair of eyes: a changed directory, another person's approval, a day's limits, a foreign pass."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from onboarding import approvals, audit, budget, clock, guards, handover, policy, routine, services
from onboarding.models import Approval, AuditEvent, GraphBudget, Mail, PassIssue, Starter
from onboarding.moves import Changed
from tests.conftest import BY_KEY, creations, live_passes
from tests.promises.test_6_the_outcome_is_always_known import form_of, page_of, words

pytestmark = pytest.mark.django_db


def fresh(starter: Starter) -> Starter:
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def fields_of(page, action: str) -> dict[str, str]:
    """The hidden fields of the form on this page that leads there."""
    form = re.search(rf'action="{re.escape(action)}".*?</form>', page.content.decode(), re.S)
    assert form, f"no form leads to {action}"
    return dict(re.findall(r'<input type="hidden" name="(\w+)"\s+value="([^"]*)"', form[0]))


def offer_of(page) -> tuple[str, dict[str, str]]:
    """Where the form leads that replaces the pass of another tool, and what it says."""
    address, fields = re.search(
        r'<form class="act" method="post" action="([^"]+)" data-once>(.*?)</form>',
        page.content.decode(),
        re.S,
    ).groups()
    said = dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', fields))
    return unescape(address), {
        name: said[name] for name in ("version", "policy", "identity_check", "replace")
    }


# --- The directory changed ------------------------------------------------------------------------------------------


def test_a_changed_manager_waits_for_hr_to_look_and_then_gets_the_link(
    invite, browser_of, hurry, tenant, confirmation, time_machine
):
    starter, hanna = invite("noor"), browser_of("hanna")
    hurry()
    tenant.tenant.accounts["noor"].manager = "tom"
    routine.look(str(starter.pk))
    hurry()
    before = [mail["to"] if "to" in mail else mail["recipients"] for mail in mails(tenant)]
    refused = browser_of("tom").get(page_of(starter))

    page = hanna.get(f"/hr/{starter.public_id}/")
    url = f"/hr/{starter.public_id}/look-again/"
    assert "Tom Becker" in words(page)
    hanna.post(url, fields_of(page, url))
    hurry()

    assert ["tom.becker@contoso.example"] not in before
    assert refused.context["situation"].code == "refused"
    assert "another manager than HR saw" in words(refused)
    assert mails(tenant)[-1]["recipients"] == ["tom.becker@contoso.example"]
    assert browser_of("tom").get(page_of(starter)).context["situation"].code == "ready"
    event = AuditEvent.objects.get(event="starter.looked_again")
    assert event.facts["changed"] == ["manager_id"] and event.detail.values["by_name"] == "Hanna Reuter"
    assert isinstance(handover.confirm(confirmation(starter, by="tom")), handover.Shown)


def mails(tenant) -> list[dict]:
    return [{"recipients": mail.recipients} for mail in tenant.tenant.mails]


def test_hr_says_yes_only_to_what_they_were_shown(invite, browser_of, tenant):
    starter, hanna = invite("noor"), browser_of("hanna")
    tenant.tenant.accounts["noor"].properties["displayName"] = "Noor Jansen"
    routine.look(str(starter.pk))
    page = hanna.get(f"/hr/{starter.public_id}/")
    url = f"/hr/{starter.public_id}/look-again/"
    shown = fields_of(page, url)
    tenant.tenant.accounts["noor"].properties["displayName"] = "Mallory Black"

    answer = hanna.post(url, shown, follow=True)

    assert "changed this starter meanwhile" in words(answer)
    assert "Mallory Black" in words(answer)
    assert fresh(starter).seen["name"] == "Noor de Vries"
    assert not AuditEvent.objects.filter(event="starter.looked_again").exists()


def test_whoever_looked_again_cannot_confirm(invite, person, tenant, confirmation, policy_says):
    """Henry is in HR and becomes the manager: he cannot accept himself, and whoever accepts him takes part."""
    starter = invite("noor")
    tenant.tenant.accounts["noor"].manager = "henry"
    expected = {
        "name": "Noor de Vries",
        "account_name": BY_KEY["noor"].user_principal_name,
        "employee_id": "000020",
        "manager_id": BY_KEY["henry"].object_id,
    }

    with pytest.raises(services.OwnStarter):
        services.look_again(starter=starter, expected=expected, by=person("henry"))
    services.look_again(starter=starter, expected=expected, by=person("hanna"))

    assert BY_KEY["hanna"].object_id in fresh(starter).shaped_by
    assert isinstance(handover.confirm(confirmation(starter, by="henry")), handover.Shown)


def test_a_change_back_to_what_hr_saw_needs_nobody(invite, tenant):
    starter = invite("noor")
    tenant.tenant.accounts["noor"].properties["displayName"] = "Somebody Else"
    routine.look(str(starter.pk))
    between = fresh(starter).problem
    tenant.tenant.accounts["noor"].properties["displayName"] = "Noor de Vries"
    routine.look(str(starter.pk))

    assert (between, fresh(starter).problem) == ("account_changed", "")


def test_hr_sees_why_it_was_refused_and_what_helps(record, browser_of, tenant):
    starter, hanna = record("noor"), browser_of("hanna")
    tenant.tenant.accounts["noor"].groups.append("Server operators")

    answer = hanna.post(f"/hr/{starter.public_id}/send/", follow=True)

    assert "The link was not sent." in words(answer)
    assert str(guards.BY_CODE["no_role_group"].for_hr) in words(answer)
    assert AuditEvent.objects.get(event="starter.refused").facts["codes"] == ["no_role_group"]
    tenant.tenant.accounts["noor"].groups.clear()
    hanna.post(f"/hr/{starter.public_id}/send/")
    assert (fresh(starter).state, fresh(starter).refused_for) == ("invited", [])


def test_the_worker_asks_again_and_tells_once(record, tenant, hurry, time_machine):
    record("noor", starts_in=timedelta(days=1))
    tenant.tenant.accounts["noor"].groups.append("Server operators")

    for _ in range(3):
        hurry()
        time_machine.move_to(timezone.now() + timedelta(minutes=16))

    assert AuditEvent.objects.filter(event="starter.refused").count() == 1
    assert Mail.objects.filter(kind="refused").count() == 2  # HR and security


def test_security_hears_of_a_privileged_account_as_soon_as_somebody_records_it(browser_of, tenant):
    hanna, ceo = browser_of("hanna"), BY_KEY["ceo"]
    typed = {
        "account": ceo.user_principal_name, "start_date": f"{timezone.localdate():%Y-%m-%d}", "start_time": "09:00",
        "time_zone": "UTC", "note": "",
    }  # fmt: skip
    looked = hanna.post("/hr/new/", {**typed, "step": "look"})

    hanna.post("/hr/new/", {**typed, "step": "save", "seen": ceo.object_id})

    assert str(guards.BY_CODE["no_active_role"].for_hr) in words(looked)
    assert "no_active_role" in AuditEvent.objects.get(event="starter.recorded").facts["warned"]
    assert [mail.to for mail in Mail.objects.filter(kind="refused")] == ["security@contoso.example"]


def test_security_hears_once_though_the_portal_asks_twice(browser_of, tenant, hurry):
    """As HR saves it, and again when the worker asks all guards."""
    tenant.tenant.accounts["noor"].groups.append("Server operators")
    typed = {
        "account": BY_KEY["noor"].user_principal_name, "start_date": f"{timezone.localdate():%Y-%m-%d}",
        "start_time": "09:00", "time_zone": "UTC", "note": "", "seen": BY_KEY["noor"].object_id,
    }  # fmt: skip
    browser_of("hanna").post("/hr/new/", {**typed, "step": "save"})

    hurry()

    assert Starter.objects.get().problem == "refused"
    told = Mail.objects.filter(kind="refused").values_list("to", flat=True)
    assert sorted(told) == ["hr@contoso.example", "security@contoso.example"]


# --- Another person approves ----------------------------------------------------------------------------------------


def test_where_policy_asks_for_it_another_in_hr_approves_before_the_manager_can_confirm(
    invite, browser_of, policy_says, person
):
    policy_says(approve_all=True)
    starter, maria = invite("noor"), browser_of("maria")
    before = maria.get(page_of(starter))
    pressed = maria.post(page_of(starter), form_of(starter))
    url = f"/hr/{starter.public_id}/approve/"
    own = browser_of("hanna").post(url, {"reason": "I know her", "version": fresh(starter).version})
    empty = browser_of("henry").post(url, {"reason": "", "version": fresh(starter).version})

    browser_of("henry").post(url, {"reason": "Met her at the interview", "version": fresh(starter).version})

    assert (before.context["situation"].code, pressed.status_code) == ("refused", 403)
    assert "somebody else in HR must approve" in words(own)
    assert empty.status_code == 400 and "Say why, for the record." in words(empty)
    event = AuditEvent.objects.get(event="starter.approved")
    assert event.facts == {"why": ["starter"]} and event.detail.values["reason"] == "Met her at the interview"
    assert "Met her at the interview" not in str(event.facts)
    assert maria.post(page_of(starter), form_of(starter)).status_code == 200


def test_who_approved_takes_part_and_cannot_confirm(invite, person, tenant, policy_says, confirmation):
    policy_says(approve_all=True, same_manager=False)
    starter = invite("noor")
    approvals.approve(starter=fresh(starter), by=person("henry"), reason="I know her")
    tenant.tenant.accounts["noor"].manager = "henry"

    outcome = handover.confirm(confirmation(starter, by="henry"))

    assert isinstance(outcome, handover.Refused)
    assert "three_people" in {guard.code for guard in outcome.guards}


def test_the_manager_cannot_approve_their_own_starter(invite, person, policy_says, tenant):
    policy_says(approve_all=True)
    starter = invite("nadia")  # her manager Henry is in HR; Hanna recorded her

    with pytest.raises(approvals.NotAnother):
        approvals.approve(starter=fresh(starter), by=person("henry"), reason="Mine")


def test_an_accepted_change_of_manager_needs_an_approval_of_its_own(
    invite, person, tenant, policy_says, confirmation
):
    policy_says(approve_manager=True)
    starter = invite("noor")
    assert approvals.missing(fresh(starter), policy_says()) == []
    tenant.tenant.accounts["noor"].manager = "tom"
    seen = dict(fresh(starter).seen) | {"manager_id": BY_KEY["tom"].object_id}
    services.look_again(starter=fresh(starter), expected=seen, by=person("hanna"))

    refused = handover.confirm(confirmation(starter, by="tom"))
    approvals.approve(starter=fresh(starter), by=person("henry"), reason="Tom leads the team now")

    assert [guard.code for guard in refused.guards] == ["approved"]
    assert isinstance(handover.confirm(confirmation(starter, by="tom")), handover.Shown)


def test_each_pass_beyond_the_limit_needs_an_approval_of_its_own(invite, person, policy_says, confirmation):
    policy_says(approve_beyond=True, attempts=1)
    starter = invite("noor")
    PassIssue.objects.create(
        starter=starter, account_id=starter.account_id, number=1, state="revoked", counted=True, lifetime_minutes=60,
        actor=person("maria"), policy_id=policy.in_force().number, lease_until=clock.now(), identity_check="known",
        method_id="gone",
    )  # fmt: skip
    services.allow_another(starter=fresh(starter), by=person("hanna"))

    refused = handover.confirm(confirmation(starter))
    approvals.approve(starter=fresh(starter), by=person("henry"), reason="The first one was lost")
    allowed = handover.confirm(confirmation(starter))

    assert [guard.code for guard in refused.guards] == ["approved"]
    assert isinstance(allowed, handover.Shown)
    with pytest.raises(Changed):
        approvals.approve(starter=fresh(starter), by=person("henry"), reason="Once more")


def test_one_occasion_has_one_approval(invite, person):
    starter = invite("noor")
    one = {
        "starter": starter,
        "why": "starter",
        "occasion": starter.account_id,
        "by": person("henry"),
        "reason": "x",
    }
    Approval.objects.create(**one)

    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(**one)


# --- How many a day ----------------------------------------------------------------------------------------------------


def test_one_person_records_no_more_in_a_day_than_policy_allows(record, browser_of, policy_says, person):
    policy_says(hr_daily=1)
    record("noor")
    liam = BY_KEY["liam"]
    typed = {
        "account": liam.user_principal_name, "start_date": f"{timezone.localdate():%Y-%m-%d}", "start_time": "09:00",
        "time_zone": "UTC", "note": "Kept as typed", "step": "save", "seen": liam.object_id,
    }  # fmt: skip

    answer = browser_of("hanna").post("/hr/new/", typed)

    assert answer.status_code == 409
    assert "as many starters today as policy lets one person record" in words(answer)
    assert "Kept as typed" in words(answer)
    assert browser_of("henry").post("/hr/new/", typed).status_code == 302


@pytest.mark.parametrize("limit", ["manager", "site"])
def test_a_days_limit_is_counted_again_where_the_intent_is_written(
    invite, confirmation, policy_says, monkeypatch, limit
):
    """Two presses that were both let through by the guards: the second finds the day full at its claim."""
    policy_says(**{f"{limit}_daily": 1}, attempts=1)
    first, second = confirmation(invite("noor")), confirmation(invite("liam"))
    monkeypatch.setattr(guards, "GUARDS", tuple(g for g in guards.GUARDS if g.code != f"{limit}_has_room"))

    assert isinstance(handover.confirm(first), handover.Shown)
    assert isinstance(handover.confirm(second), handover.Overtaken)


# --- A pass of another tool -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second_post", ["replace", "refuse"])
def test_a_pass_of_another_tool_is_shown_and_replaced_only_on_explicit_choice(
    invite, browser_of, tenant, second_post
):
    tenant.tenant.second_post = second_post
    starter, maria = invite("haspass"), browser_of("maria")
    (theirs,) = live_passes(tenant, "haspass")

    first = maria.post(page_of(starter), form_of(starter))
    untouched = live_passes(tenant, "haspass") == [theirs]
    address, choice = offer_of(first)
    second = maria.post(address, choice)

    assert (first.status_code, untouched) == (403, True)
    assert "has a pass already" in words(first) and "by another tool, works once" in words(first)
    assert choice["replace"] == theirs.id and choice["identity_check"] == "in_person"
    assert second.status_code == 200 and b"data-pass" in second.content
    (ours,) = live_passes(tenant, "haspass")
    assert ours.id != theirs.id and len(creations(tenant)) == 1
    event = AuditEvent.objects.get(event="issue.replaced_foreign")
    assert event.facts == {"method_id": theirs.id} and event.detail.values["by_name"] == "Maria Lindqvist"
    assert (event.starter, event.issue) == (starter.public_id, str(starter.issues.get().pk))
    assert len(GraphBudget.objects.get().recent) == 3 + 1  # the refused press read the methods once


def test_a_pass_of_another_tool_is_not_offered_for_replacing_where_something_else_is_in_the_way_too(
    invite, confirmation, tenant
):
    starter = invite("haspass")
    tenant.tenant.accounts["haspass"].properties["accountEnabled"] = False

    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Refused)
    assert {guard.code for guard in outcome.guards} == {"enabled", "no_foreign_pass"}
    assert outcome.foreign == ()


def test_another_pass_than_the_one_that_was_chosen_is_not_touched(invite, confirmation, tenant):
    starter = invite("haspass")
    (theirs,) = live_passes(tenant, "haspass")

    outcome = handover.confirm(confirmation(starter, replacing=frozenset({"another-pass"})))

    assert isinstance(outcome, handover.Refused)
    assert live_passes(tenant, "haspass") == [theirs]
    assert creations(tenant) == []


def test_a_pass_that_cannot_be_removed_stops_everything_and_the_manager_is_told(
    invite, browser_of, tenant, fault
):
    starter, maria = invite("haspass"), browser_of("maria")
    (theirs,) = live_passes(tenant, "haspass")
    fault(method="DELETE", status=403)

    answer = maria.post(page_of(starter), form_of(starter) | {"replace": theirs.id})

    assert "could not be removed, so none was made" in words(answer)
    assert live_passes(tenant, "haspass") == [theirs] and creations(tenant) == []
    issue = starter.issues.get()
    assert (issue.state, issue.reason, issue.counted) == ("rejected", "not_replaced", False)


def test_who_chose_to_replace_a_pass_and_must_wait_for_it_chooses_once(
    invite, browser_of, tenant, time_machine
):
    starter, maria = invite("haspass"), browser_of("maria")
    (theirs,) = live_passes(tenant, "haspass")
    address, choice = offer_of(maria.post(page_of(starter), form_of(starter)))
    budget.take_for_work(2, yields=False)  # somebody else's calls: three are not left

    line = maria.post(address, choice)
    waiting = maria.get(line.context["refresh_url"])
    time_machine.move_to(timezone.now() + timedelta(seconds=line.context["wait"]["seconds"]))
    turn = maria.get(line.context["refresh_url"])

    assert "Please wait a moment" in words(line) and "Please wait a moment" in words(waiting)
    assert creations(tenant) == [] and live_passes(tenant, "haspass") == [theirs]
    assert "has a pass already" in words(turn) and "by another tool, works once" in words(turn)
    address, again = offer_of(turn)
    assert again == choice
    assert b"data-pass" in maria.post(address, again).content
    (ours,) = live_passes(tenant, "haspass")
    assert ours.id != theirs.id


def test_a_pass_that_was_replaced_is_not_offered_for_replacing_where_ours_must_wait(
    invite, browser_of, tenant, fault, time_machine
):
    starter, maria = invite("haspass"), browser_of("maria")
    address, choice = offer_of(maria.post(page_of(starter), form_of(starter)))
    fault(method="POST", status=429, headers={"Retry-After": "20"})

    line = maria.post(address, choice)
    time_machine.move_to(timezone.now() + timedelta(seconds=line.context["wait"]["seconds"]))
    turn = maria.get(line.context["refresh_url"])

    assert "Please wait a moment" in words(line) and live_passes(tenant, "haspass") == []
    assert "has a pass already" not in words(turn) and "with you?" in words(turn)
    assert turn.context["form"]["identity_check"].value() == "in_person"
    assert b"data-pass" in maria.post(page_of(starter), form_of(starter)).content


def test_a_pass_that_ended_while_they_waited_is_not_offered_for_replacing(
    invite, browser_of, tenant, time_machine
):
    starter, maria = invite("noor"), browser_of("maria")
    made_at = tenant.tenant.clock.now() - 58 * 60
    tenant.tenant.add_pass(tenant.tenant.accounts["noor"], made_at, made_at, 60, True, "help desk's pass")
    address, _ = offer_of(maria.post(page_of(starter), form_of(starter)))
    alive = maria.get(address)

    time_machine.move_to(timezone.now() + timedelta(minutes=2, seconds=1))
    ended = maria.get(address)

    assert "has a pass already" in words(alive) and "with you?" not in words(alive)
    assert "has a pass already" not in words(ended) and "with you?" in words(ended)
    assert ended.context["form"]["identity_check"].value() == "in_person"


def test_only_a_pass_whose_time_is_over_or_that_was_deleted_for_this_starter_is_held_to_be_gone(
    invite, person, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    now, noor, liam, maria = clock.now(), invite("noor"), invite("liam"), person("maria")

    def shown(method_id: str, left: timedelta = timedelta(minutes=9)) -> handover.ForeignPass:
        return handover.ForeignPass(method_id, now - timedelta(minutes=1), now + left, once=True)

    with audit.change():
        audit.record("issue.replaced_foreign", by=maria, starter=noor, facts={"method_id": "deleted"})
        audit.record("issue.shown", by=maria, starter=noor, facts={"method_id": "made"})
        audit.record("issue.replaced_foreign", by=maria, starter=liam, facts={"method_id": "liam's"})

    assert not handover.may_be_there(shown("deleted"), noor)
    assert handover.may_be_there(shown("another"), noor)
    assert handover.may_be_there(shown("made"), noor)
    assert handover.may_be_there(shown("liam's"), noor)
    assert handover.may_be_there(shown("another", timedelta(seconds=1)), noor)
    assert not handover.may_be_there(shown("another", timedelta(0)), noor)


def test_where_microsoft_has_no_room_to_delete_the_other_pass_everybody_waits_and_nothing_is_made(
    invite, browser_of, tenant, fault
):
    starter, maria = invite("haspass"), browser_of("maria")
    (theirs,) = live_passes(tenant, "haspass")
    address, choice = offer_of(maria.post(page_of(starter), form_of(starter)))
    fault(method="DELETE", status=429, headers={"Retry-After": "120"})
    before = len(GraphBudget.objects.get().recent)

    answer = maria.post(address, choice)

    assert "Please wait a moment" in words(answer) and answer.context["wait"]["seconds"] > 110
    row = GraphBudget.objects.get()
    assert (len(row.recent) - before, row.on_their_way) == (2, [])  # the read and the deletion
    assert timedelta(seconds=110) < row.paused_until - clock.now() <= timedelta(seconds=120)
    assert live_passes(tenant, "haspass") == [theirs] and creations(tenant) == []
    issue = starter.issues.get()
    assert (issue.state, issue.reason, issue.counted) == ("rejected", "throttled", False)
    assert not AuditEvent.objects.filter(event="issue.replaced_foreign").exists()
    turn = maria.get(answer.context["refresh_url"])
    assert "Please wait a moment" in words(turn)


def test_a_pass_of_ours_is_not_chosen_away(held, browser_of, tenant):
    issue = held("noor")

    answer = browser_of("maria").post(
        page_of(issue.starter), form_of(issue.starter) | {"replace": issue.method_id}
    )

    assert answer.status_code == 409
    assert [one.id for one in live_passes(tenant)] == [issue.method_id]


# --- Reminders, and what is accepted --------------------------------------------------------------------------------------


def test_a_reminder_goes_out_ahead_once_where_policy_says_so(
    record, hurry, tenant, time_machine, policy_says
):
    policy_says(remind_days_before=1)
    starter = record("noor", starts_in=timedelta(days=10))
    for ahead in (timedelta(days=3), timedelta(days=1), timedelta(hours=20)):
        time_machine.move_to(starter.starts_at - ahead + timedelta(seconds=5))
        hurry()

    kinds = list(Mail.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["invitation", "reminder_ahead"]
    assert "On the day, when you are together" in Mail.objects.get(kind="reminder_ahead").text


def test_the_reminder_of_the_day_can_be_switched_off(record, hurry, time_machine, policy_says):
    policy_says(remind_on_day=False)
    starter = record("noor", starts_in=timedelta(days=10))
    for moment in (starter.starts_at - timedelta(days=3), starter.starts_at - timedelta(minutes=90)):
        time_machine.move_to(moment + timedelta(seconds=5))
        hurry()

    assert set(Mail.objects.values_list("kind", flat=True)) == {"invitation"}


def test_only_the_ways_to_check_that_policy_accepts_are_offered_and_taken(
    invite, browser_of, policy_says, tenant
):
    starter, maria = invite("noor"), browser_of("maria")
    policy_says(identity_checks=["in_person"])

    page = maria.get(page_of(starter))
    answer = maria.post(
        page_of(starter), form_of(starter, identity_check="by_video", policy=policy_says().key)
    )

    assert "By video call" not in words(page) and "In person" in words(page)
    assert answer.status_code == 400 and creations(tenant) == []


def test_a_way_that_is_no_longer_accepted_is_refused_at_the_heart_too(invite, confirmation, policy_says):
    starter = invite("noor")
    policy_says(identity_checks=["in_person"])

    assert isinstance(handover.confirm(confirmation(starter, identity_check="known")), handover.Overtaken)


def test_the_size_of_graphs_budget_is_policy(invite, person, policy_says):
    policy_says(graph_calls=4, graph_seconds=60)
    for key in ("noor", "liam"):
        assert budget.take_turn(invite(key), person("maria")) is None

    assert budget.take_turn(invite("sofia"), person("maria")).seconds(clock.now()) in range(50, 62)


def test_notices_go_where_policy_says(invite, confirmation, policy_says, tenant):
    policy_says(hr_address="people@contoso.example", security_address="soc@contoso.example")
    tenant.tenant.accounts["noor"].directory_roles.append("User Administrator")
    starter = invite("noor")
    Mail.objects.all().delete()

    handover.confirm(confirmation(starter))

    assert set(Mail.objects.values_list("to", flat=True)) == {"people@contoso.example", "soc@contoso.example"}
