"""What a second person reviews: changes in Entra, approvals, daily limits, and passes of other tools."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from onboarding import audit, clock, guards, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals, table
from onboarding.models import Approval, AuditEvent, GraphBudget, Mail, PassIssue, Starter
from onboarding.passes import graph_quota, handover
from onboarding.passes.confirmation import ForeignPass, Shown
from onboarding.passes.errors import PageOutdated, RefusedByGuards
from onboarding.passes.foreign_passes import may_still_exist
from onboarding.starters import accounts, attempts
from onboarding.starters.errors import OwnStarter
from onboarding.worker import starter_checks
from tests.conftest import BY_KEY, creations, live_passes
from tests.promises.test_6_the_outcome_is_always_known import form_of, page_of, words
from tests.support.hr_forms import version_of
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def reload(starter: Starter) -> Starter:
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def fields_of(page, action: str) -> dict[str, str]:
    """The hidden fields of the form on this page with this action."""
    form = re.search(rf'action="{re.escape(action)}".*?</form>', page.content.decode(), re.S)
    assert form, f"no form leads to {action}"
    return dict(re.findall(r'<input type="hidden" name="(\w+)"\s+value="([^"]*)"', form[0]))


def offer_of(page) -> tuple[str, dict[str, str]]:
    """The action and the text of the form that replaces another tool's pass."""
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


def test_new_manager_gets_the_link_after_hr_accepts(
    invite, browser_of, run_jobs, tenant, confirmation, time_machine
):
    starter, hanna = invite("noor"), browser_of("hanna")
    run_jobs()
    tenant.tenant.accounts["noor"].manager = "tom"
    starter_checks.check_starter(str(starter.pk))
    run_jobs()
    before = [mail["to"] if "to" in mail else mail["recipients"] for mail in mails(tenant)]
    refused = browser_of("tom").get(page_of(starter))

    page = hanna.get(f"/hr/{starter.public_id}/")
    url = f"/hr/{starter.public_id}/look-again/"
    assert "Tom Becker" in words(page)
    hanna.post(url, fields_of(page, url))
    run_jobs()

    assert ["tom.becker@contoso.example"] not in before
    assert refused.context["page_state"].code == "refused"
    assert "The manager in Entra has changed since HR checked the account" in words(refused)
    assert mails(tenant)[-1]["recipients"] == ["tom.becker@contoso.example"]
    assert browser_of("tom").get(page_of(starter)).context["page_state"].code == "ready"
    event = AuditEvent.objects.get(event="starter.looked_again")
    assert event.facts["changed"] == ["manager_id"] and event.detail.values["by_name"] == "Hanna Reuter"
    assert isinstance(handover.confirm(confirmation(starter, by="tom")), Shown)


def mails(tenant) -> list[dict]:
    return [{"recipients": mail.recipients} for mail in tenant.tenant.mails]


def test_hr_accepts_only_the_changes_that_were_shown(invite, browser_of, tenant):
    starter, hanna = invite("noor"), browser_of("hanna")
    tenant.tenant.accounts["noor"].properties["displayName"] = "Noor Jansen"
    starter_checks.check_starter(str(starter.pk))
    page = hanna.get(f"/hr/{starter.public_id}/")
    url = f"/hr/{starter.public_id}/look-again/"
    shown = fields_of(page, url)
    tenant.tenant.accounts["noor"].properties["displayName"] = "Mallory Black"

    answer = hanna.post(url, shown, follow=True)

    assert "page was out of date" in words(answer)
    assert "Mallory Black" in words(answer)
    assert reload(starter).seen["name"] == "Noor de Vries"
    assert not AuditEvent.objects.filter(event="starter.looked_again").exists()


def test_person_who_accepted_changes_cannot_confirm(invite, person, tenant, confirmation, policy_says):
    """Henry is in HR and becomes the manager. He cannot accept himself, and the person who accepts him is involved."""
    starter = invite("noor")
    tenant.tenant.accounts["noor"].manager = "henry"
    expected = {
        "name": "Noor de Vries",
        "account_name": BY_KEY["noor"].user_principal_name,
        "employee_id": "000020",
        "manager_id": BY_KEY["henry"].object_id,
    }

    with pytest.raises(OwnStarter):
        accounts.accept_directory_changes(starter=starter, expected=expected, by=person("henry"))
    accounts.accept_directory_changes(starter=starter, expected=expected, by=person("hanna"))

    assert BY_KEY["hanna"].object_id in reload(starter).shaped_by
    assert isinstance(handover.confirm(confirmation(starter, by="henry")), Shown)


def test_a_change_back_needs_no_review(invite, tenant):
    starter = invite("noor")
    tenant.tenant.accounts["noor"].properties["displayName"] = "Somebody Else"
    starter_checks.check_starter(str(starter.pk))
    between = reload(starter).problem
    tenant.tenant.accounts["noor"].properties["displayName"] = "Noor de Vries"
    starter_checks.check_starter(str(starter.pk))

    assert (between, reload(starter).problem) == ("account_changed", "")


def test_hr_sees_why_it_was_refused_and_what_helps(record, browser_of, tenant):
    starter, hanna = record("noor"), browser_of("hanna")
    tenant.tenant.accounts["noor"].groups.append("Server operators")

    answer = hanna.post(f"/hr/{starter.public_id}/send/", {"version": version_of(starter)}, follow=True)

    assert "The link was not sent." in words(answer)
    event = AuditEvent.objects.get(event="starter.refused")
    assert f"ask IT to help the starter sign in, and give IT the reference number {event.seq}." in words(
        answer
    )
    assert event.facts["codes"] == ["no_role_group"]
    tenant.tenant.accounts["noor"].groups.clear()
    hanna.post(f"/hr/{starter.public_id}/send/", {"version": version_of(starter)})
    assert (reload(starter).state, reload(starter).refused_for) == ("invited", [])


def test_worker_checks_again_and_notifies_once(record, tenant, run_jobs, time_machine):
    record("noor", starts_in=timedelta(days=1))
    tenant.tenant.accounts["noor"].groups.append("Server operators")

    for _ in range(3):
        run_jobs()
        time_machine.move_to(timezone.now() + timedelta(minutes=16))

    assert AuditEvent.objects.filter(event="starter.refused").count() == 1
    assert Mail.objects.filter(kind="refused").count() == 2  # HR and security


def test_adding_a_privileged_account_notifies_security_immediately(browser_of, tenant):
    hanna, ceo = browser_of("hanna"), BY_KEY["ceo"]
    typed = {
        "account": ceo.user_principal_name, "start_date": f"{timezone.localdate():%Y-%m-%d}", "start_time": "09:00",
        "time_zone": "UTC", "note": "",
    }  # fmt: skip
    looked = hanna.post("/hr/new/", {**typed, "step": "look"})

    hanna.post("/hr/new/", {**typed, "step": "save", "seen": ceo.object_id})

    looked_up = AuditEvent.objects.get(event="account.looked_up")
    assert str(guards.BY_CODE["no_active_role"].for_hr) not in words(looked)
    assert f"ask IT to help the starter sign in, and give IT the reference number {looked_up.seq}." in words(
        looked
    )
    assert "no_active_role" in AuditEvent.objects.get(event="starter.recorded").facts["warned"]
    assert [mail.to for mail in Mail.objects.filter(kind="refused")] == ["security@contoso.example"]


def test_security_hears_once_though_the_portal_asks_twice(browser_of, tenant, run_jobs):
    """The portal checks the guards when HR saves the starter, and again in the worker."""
    tenant.tenant.accounts["noor"].groups.append("Server operators")
    typed = {
        "account": BY_KEY["noor"].user_principal_name, "start_date": f"{timezone.localdate():%Y-%m-%d}",
        "start_time": "09:00", "time_zone": "UTC", "note": "", "seen": BY_KEY["noor"].object_id,
    }  # fmt: skip
    browser_of("hanna").post("/hr/new/", {**typed, "step": "save"})

    run_jobs()

    assert Starter.objects.get().problem == "refused"
    told = Mail.objects.filter(kind="refused").values_list("to", flat=True)
    assert sorted(told) == ["hr@contoso.example", "security@contoso.example"]


# --- Another person approves ----------------------------------------------------------------------------------------


def test_another_in_hr_approves_before_the_manager_can_confirm(invite, browser_of, policy_says, person):
    policy_says(approve_all=True)
    starter, maria = invite("noor"), browser_of("maria")
    before = maria.get(page_of(starter))
    pressed = maria.post(page_of(starter), form_of(starter))
    url = f"/hr/{starter.public_id}/approve/"
    own = browser_of("hanna").post(url, {"reason": "I know her", "version": reload(starter).version})
    empty = browser_of("henry").post(url, {"reason": "", "version": reload(starter).version})

    browser_of("henry").post(url, {"reason": "Met her at the interview", "version": reload(starter).version})

    assert (before.context["page_state"].code, pressed.status_code) == ("refused", 403)
    assert "Ask an HR colleague to do it" in words(own)
    assert empty.status_code == 400 and "Enter a reason." in words(empty)
    event = AuditEvent.objects.get(event="starter.approved")
    approval = Approval.objects.get()
    assert event.facts == {"why": ["starter"], "approvals": [approval.pk]}
    assert event.detail.values["reason"] == "Met her at the interview"
    assert "Met her at the interview" not in str(event.facts)
    assert maria.post(page_of(starter), form_of(starter)).status_code == 200


def test_approver_cannot_confirm(invite, person, tenant, policy_says, confirmation):
    policy_says(approve_all=True, same_manager=False)
    starter = invite("noor")
    approvals.approve_missing(starter=reload(starter), by=person("henry"), reason="I know her")
    tenant.tenant.accounts["noor"].manager = "henry"

    outcome = outcome_of(confirmation(starter, by="henry"))

    assert isinstance(outcome, RefusedByGuards)
    assert "three_people" in {guard.code for guard in outcome.guards}


def test_the_manager_cannot_approve_their_own_starter(invite, person, policy_says, tenant):
    policy_says(approve_all=True)
    starter = invite("nadia")  # her manager Henry is in HR; Hanna recorded her

    with pytest.raises(approvals.NotAnotherPerson):
        approvals.approve_missing(starter=reload(starter), by=person("henry"), reason="Mine")


def test_changed_manager_needs_its_own_approval(invite, person, tenant, policy_says, confirmation):
    policy_says(approve_manager=True)
    starter = invite("noor")
    assert approvals.list_missing_approvals(reload(starter), policy_says()) == []
    tenant.tenant.accounts["noor"].manager = "tom"
    seen = dict(reload(starter).seen) | {"manager_id": BY_KEY["tom"].object_id}
    accounts.accept_directory_changes(starter=reload(starter), expected=seen, by=person("hanna"))

    refused = outcome_of(confirmation(starter, by="tom"))
    approvals.approve_missing(starter=reload(starter), by=person("henry"), reason="Tom leads the team now")

    assert [guard.code for guard in refused.guards] == ["approved"]
    assert isinstance(handover.confirm(confirmation(starter, by="tom")), Shown)


def test_each_extra_pass_needs_its_own_approval(invite, person, policy_says, confirmation):
    policy_says(approve_beyond=True, attempts=1)
    starter = invite("noor")
    PassIssue.objects.create(
        starter=starter, account_id=starter.account_id, number=1, state="revoked", counted=True, lifetime_minutes=60,
        actor=person("maria"), policy_id=policy.for_site().number, lease_until=clock.now(), identity_check="known",
        method_id="gone",
    )  # fmt: skip
    attempts.allow_another(starter=reload(starter), by=person("hanna"), reason="She is here")

    refused = outcome_of(confirmation(starter))
    approvals.approve_missing(starter=reload(starter), by=person("henry"), reason="The first one was lost")
    allowed = outcome_of(confirmation(starter))

    assert [guard.code for guard in refused.guards] == ["approved"]
    assert isinstance(allowed, Shown)
    with pytest.raises(ConcurrentUpdate):
        approvals.approve_missing(starter=reload(starter), by=person("henry"), reason="Once more")


@pytest.mark.both_databases
def test_one_occasion_has_one_approval(invite, person):
    starter = invite("noor")
    approval = {
        "starter": starter,
        "why": "starter",
        "occasion": starter.account_id,
        "by": person("henry"),
        "reason": "x",
    }
    Approval.objects.create(**approval)

    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(**approval)


# --- How many a day ----------------------------------------------------------------------------------------------------


def test_daily_limit_of_added_starters_per_person(record, browser_of, policy_says, person):
    policy_says(hr_daily=1)
    record("noor")
    liam = BY_KEY["liam"]
    typed = {
        "account": liam.user_principal_name, "start_date": f"{timezone.localdate():%Y-%m-%d}", "start_time": "09:00",
        "time_zone": "UTC", "note": "Kept as typed", "step": "save", "seen": liam.object_id,
    }  # fmt: skip

    answer = browser_of("hanna").post("/hr/new/", typed)

    assert answer.status_code == 409
    assert "you have reached the daily limit" in words(answer)
    assert "Kept as typed" in words(answer)
    assert browser_of("henry").post("/hr/new/", typed).status_code == 302


@pytest.mark.parametrize("limit", ["manager", "site"])
def test_daily_limit_is_counted_again_at_the_claim(invite, confirmation, policy_says, monkeypatch, limit):
    """The guards let two clicks through. The second one reaches the daily limit at its claim."""
    policy_says(**{f"{limit}_daily": 1}, attempts=1)
    first, second = confirmation(invite("noor")), confirmation(invite("liam"))
    monkeypatch.setattr(table, "GUARDS", tuple(g for g in guards.GUARDS if g.code != f"{limit}_has_room"))

    assert isinstance(handover.confirm(first), Shown)
    assert isinstance(outcome_of(second), PageOutdated)


# --- A pass of another tool -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second_post", ["replace", "refuse"])
def test_pass_of_another_tool_is_replaced_only_by_choice(invite, browser_of, tenant, second_post):
    tenant.tenant.second_post = second_post
    starter, maria = invite("haspass"), browser_of("maria")
    (theirs,) = live_passes(tenant, "haspass")

    first = maria.post(page_of(starter), form_of(starter))
    untouched = live_passes(tenant, "haspass") == [theirs]
    address, choice = offer_of(first)
    second = maria.post(address, choice)

    assert (first.status_code, untouched) == (403, True)
    assert "already has a pass" in words(first) and "It works once" in words(first)
    assert choice["replace"] == theirs.id and choice["identity_check"] == "in_person"
    assert second.status_code == 200 and b"data-pass" in second.content
    (ours,) = live_passes(tenant, "haspass")
    assert ours.id != theirs.id and len(creations(tenant)) == 1
    event = AuditEvent.objects.get(event="issue.replaced_foreign")
    assert event.facts == {"method_id": theirs.id} and event.detail.values["by_name"] == "Maria Lindqvist"
    assert (event.starter, event.issue) == (starter.public_id, str(starter.issues.get().pk))
    assert len(GraphBudget.objects.get().recent) == 4 + 1  # the refused click read the methods once


def test_pass_of_another_tool_is_not_offered_with_other_refusals(invite, confirmation, tenant):
    starter = invite("haspass")
    tenant.tenant.accounts["haspass"].properties["accountEnabled"] = False

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    assert {guard.code for guard in outcome.guards} == {"enabled", "no_foreign_pass"}
    assert outcome.foreign == ()


def test_pass_that_was_not_chosen_is_not_touched(invite, confirmation, tenant):
    starter = invite("haspass")
    (theirs,) = live_passes(tenant, "haspass")

    outcome = outcome_of(confirmation(starter, replacing=frozenset({"another-pass"})))

    assert isinstance(outcome, RefusedByGuards)
    assert live_passes(tenant, "haspass") == [theirs]
    assert creations(tenant) == []


def test_pass_that_cannot_be_removed_stops_the_request(invite, browser_of, tenant, fault):
    starter, maria = invite("haspass"), browser_of("maria")
    (theirs,) = live_passes(tenant, "haspass")
    fault(method="DELETE", status=403)

    answer = maria.post(page_of(starter), form_of(starter) | {"replace": theirs.id})

    assert "could not delete the existing pass, so it did not create a new one" in words(answer)
    assert live_passes(tenant, "haspass") == [theirs] and creations(tenant) == []
    issue = starter.issues.get()
    assert (issue.state, issue.reason, issue.counted) == ("rejected", "not_replaced", False)


def test_choice_to_replace_is_kept_during_the_wait(invite, browser_of, tenant, time_machine):
    starter, maria = invite("haspass"), browser_of("maria")
    (theirs,) = live_passes(tenant, "haspass")
    address, choice = offer_of(maria.post(page_of(starter), form_of(starter)))
    graph_quota.acquire_for_worker(1, yields=False)  # a call of another request: fewer than four are left

    line = maria.post(address, choice)
    waiting = maria.get(line.context["refresh_url"])
    time_machine.move_to(timezone.now() + timedelta(seconds=line.context["wait"]["seconds"]))
    turn = maria.get(line.context["refresh_url"])

    assert "Please wait a moment" in words(line) and "Please wait a moment" in words(waiting)
    assert creations(tenant) == [] and live_passes(tenant, "haspass") == [theirs]
    assert "already has a pass" in words(turn) and "It works once" in words(turn)
    address, again = offer_of(turn)
    assert again == choice
    assert b"data-pass" in maria.post(address, again).content
    (ours,) = live_passes(tenant, "haspass")
    assert ours.id != theirs.id


def test_replaced_pass_is_not_offered_again_during_the_wait(invite, browser_of, tenant, fault, time_passes):
    starter, maria = invite("haspass"), browser_of("maria")
    address, choice = offer_of(maria.post(page_of(starter), form_of(starter)))
    fault(method="POST", status=429, headers={"Retry-After": "20"})

    line = maria.post(address, choice)
    time_passes(timedelta(seconds=line.context["wait"]["seconds"] + 2))  # the worker reads the list first
    turn = maria.get(line.context["refresh_url"])

    assert "Please wait a moment" in words(line) and live_passes(tenant, "haspass") == []
    assert "already has a pass" not in words(turn) and "with you?" in words(turn)
    assert turn.context["form"]["identity_check"].value() == "in_person"
    assert b"data-pass" in maria.post(page_of(starter), form_of(starter)).content


def test_pass_that_ended_during_the_wait_is_not_offered(invite, browser_of, tenant, time_machine):
    starter, maria = invite("noor"), browser_of("maria")
    made_at = tenant.tenant.clock.now() - 58 * 60
    tenant.tenant.add_pass(tenant.tenant.accounts["noor"], made_at, made_at, 60, True, "help desk's pass")
    address, _ = offer_of(maria.post(page_of(starter), form_of(starter)))
    alive = maria.get(address)

    time_machine.move_to(timezone.now() + timedelta(minutes=2, seconds=1))
    ended = maria.get(address)

    assert "already has a pass" in words(alive) and "with you?" not in words(alive)
    assert "already has a pass" not in words(ended) and "with you?" in words(ended)
    assert ended.context["form"]["identity_check"].value() == "in_person"


def test_only_an_expired_or_deleted_pass_counts_as_gone(invite, person, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    now, noor, liam, maria = clock.now(), invite("noor"), invite("liam"), person("maria")

    def shown(method_id: str, left: timedelta = timedelta(minutes=9)) -> ForeignPass:
        return ForeignPass(method_id, now - timedelta(minutes=1), now + left, once=True)

    with audit.transaction():
        audit.record("issue.replaced_foreign", by=maria, starter=noor, facts={"method_id": "deleted"})
        audit.record("issue.shown", by=maria, starter=noor, facts={"method_id": "made"})
        audit.record("issue.replaced_foreign", by=maria, starter=liam, facts={"method_id": "liam's"})

    assert not may_still_exist(shown("deleted"), noor)
    assert may_still_exist(shown("another"), noor)
    assert may_still_exist(shown("made"), noor)
    assert may_still_exist(shown("liam's"), noor)
    assert may_still_exist(shown("another", timedelta(seconds=1)), noor)
    assert not may_still_exist(shown("another", timedelta(0)), noor)


def test_full_quota_for_the_deletion_queues_the_request(invite, browser_of, tenant, fault):
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
    assert [pass_.id for pass_ in live_passes(tenant)] == [issue.method_id]


# --- Reminders, and what is accepted --------------------------------------------------------------------------------------


def test_early_reminder_is_sent_once_if_the_policy_asks(record, run_jobs, tenant, time_machine, policy_says):
    policy_says(remind_days_before=1)
    starter = record("noor", starts_in=timedelta(days=10))
    for ahead in (timedelta(days=3), timedelta(days=1), timedelta(hours=20)):
        time_machine.move_to(starter.starts_at - ahead + timedelta(seconds=5))
        run_jobs()

    kinds = list(Mail.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["invitation", "reminder_ahead"]
    assert (
        "On the first day, open this link together with the starter"
        in Mail.objects.get(kind="reminder_ahead").text
    )


def test_the_reminder_of_the_day_can_be_switched_off(record, run_jobs, time_machine, policy_says):
    policy_says(remind_on_day=False)
    starter = record("noor", starts_in=timedelta(days=10))
    for moment in (starter.starts_at - timedelta(days=3), starter.starts_at - timedelta(minutes=90)):
        time_machine.move_to(moment + timedelta(seconds=5))
        run_jobs()

    assert set(Mail.objects.values_list("kind", flat=True)) == {"invitation"}


def test_only_identity_checks_of_the_policy_are_accepted(invite, browser_of, policy_says, tenant):
    starter, maria = invite("noor"), browser_of("maria")
    policy_says(identity_checks=["in_person"])

    page = maria.get(page_of(starter))
    answer = maria.post(
        page_of(starter), form_of(starter, identity_check="by_video", policy=policy_says().version_key)
    )

    assert "By video call" not in words(page) and "In person" in words(page)
    assert answer.status_code == 400 and creations(tenant) == []


def test_hand_over_refuses_an_identity_check_outside_the_policy(invite, confirmation, policy_says):
    starter = invite("noor")
    policy_says(identity_checks=["in_person"])

    assert isinstance(outcome_of(confirmation(starter, identity_check="known")), PageOutdated)


def test_the_size_of_graphs_budget_is_policy(invite, person, policy_says):
    policy_says(graph_calls=4, graph_seconds=60)
    for key in ("noor", "liam"):
        assert graph_quota.acquire_or_queue(invite(key), person("maria")) is None

    assert graph_quota.acquire_or_queue(invite("sofia"), person("maria")).seconds_left(clock.now()) in range(
        50, 62
    )


def test_mails_go_to_the_addresses_of_the_policy(invite, confirmation, policy_says, tenant):
    policy_says(hr_address="people@contoso.example", security_address="soc@contoso.example")
    tenant.tenant.accounts["noor"].directory_roles.append("User Administrator")
    starter = invite("noor")
    Mail.objects.all().delete()

    outcome_of(confirmation(starter))

    assert set(Mail.objects.values_list("to", flat=True)) == {"people@contoso.example", "soc@contoso.example"}
