"""A stop outlives the details of its starter: the account's object id stays, and every entrance goes on refusing."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import audit, policy
from onboarding.guards.emergency_stop import find_stopped_accounts, is_account_stopped
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.passes import handover
from onboarding.passes.errors import RefusedByGuards
from onboarding.privacy import requests, search
from onboarding.starters import directory, invitations, withdrawal
from onboarding.starters.errors import LinkNotSent
from onboarding.stops.stopping import Way, stop_starter
from onboarding.worker import retention
from tests.conftest import BY_KEY, creations

pytestmark = pytest.mark.django_db
NOOR = BY_KEY["noor"]


@pytest.fixture(autouse=True)
def tenant_that_answers(settings):
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000


@pytest.fixture
def erased(invite, person):
    """Noor was stopped and withdrawn, and retention has erased her details."""
    starter = invite("noor")
    stop_starter(starter, way=Way.MAIL, by=person("maria"))
    withdrawal.withdraw_starter(starter=now_of(starter), by=person("hanna"), reason="Not coming")
    ended = timezone.now()
    Starter.objects.update(ended_at=ended - policy.for_site().retention_period - timedelta(hours=1))
    retention.run_retention("")
    Starter.objects.update(ended_at=ended)
    return now_of(starter)


def now_of(starter):
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def is_stopped():
    return is_account_stopped(NOOR.object_id, NOOR.user_principal_name)


def page_of(browser, starter):
    return html.unescape(browser.get(f"/hr/{starter.public_id}/").content.decode())


def submit(browser, starter):
    """Fill in the form of the page that ends a stop."""
    address = f"/hr/{starter.public_id}/restart/"
    step = "agreed" if 'value="agreed"' in browser.get(address).content.decode() else "asked"
    form = {"reason": "Security says so", "version": now_of(starter).version, "step": step}
    return html.unescape(browser.post(address, form, follow=True).content.decode())


def test_only_the_object_id_stays(erased):
    personal = {name: getattr(erased, name) for name in Starter.PERSONAL_FIELDS if getattr(erased, name)}

    assert erased.erased_at is not None and personal == {"account_id": NOOR.object_id}
    assert erased.account_name.startswith("erased-") and erased.seen == {} and erased.shaped_by == []
    assert is_stopped()


def test_every_entrance_refuses_the_account(erased, tenant, record, confirmation, browser_of, run_jobs):
    found = directory.look_up(NOOR.user_principal_name).found
    assert find_stopped_accounts([found.account]) == {NOOR.object_id}

    again = record("noor")
    with pytest.raises(LinkNotSent):
        invitations.send_link(starter=again, by=again.recorded_by)
    run_jobs()
    assert now_of(again).refused_for == ["not_stopped"]
    Starter.objects.filter(pk=again.pk).update(
        state="invited", problem="", refused_for=[], sign_in_looked_at=timezone.now()
    )
    with pytest.raises(RefusedByGuards) as refused:
        handover.confirm(confirmation(now_of(again)))

    assert "not_stopped" in {guard.code for guard in refused.value.guards}
    assert creations(tenant) == [] and not PassIssue.objects.filter(starter=again).exclude(state="refused")


def test_two_people_end_it_on_the_new_starters_page(erased, record, browser_of, confirmation, run_jobs):
    again = record("noor")
    run_jobs()
    hanna, henry = browser_of("hanna"), browser_of("henry")
    assert "End the emergency stop…" in page_of(hanna, again)

    assert "An HR colleague must agree" in submit(hanna, again)
    assert "you added, changed or approved this starter" in submit(hanna, again) and is_stopped()
    assert "The emergency stop has ended" in submit(henry, again)
    run_jobs()

    assert not is_stopped() and "End the emergency stop…" not in page_of(hanna, again)
    assert (now_of(erased).stopped_at, now_of(erased).account_id) == (None, "")
    ended = AuditEvent.objects.get(starter=erased.public_id, event="starter.kept_stop_ended")
    assert ended.facts == {"why": "two_people"} and list(ended.commitments) == []
    assert list(audit.verify_chain()) == [] and list(audit.compare_rows()) == []
    invitations.send_link(starter=now_of(again), by=now_of(again).recorded_by)
    handover.confirm(confirmation(now_of(again))).code.wipe()


def test_the_old_page_says_that_the_stop_holds(erased, browser_of):
    page = " ".join(page_of(browser_of("hanna"), erased).split())

    assert "the emergency stop for the account is still in force" in page
    assert "End the emergency stop…" not in page and NOOR.name not in page


def test_it_ends_when_its_time_is_over(erased, time_machine):
    kept = timedelta(days=policy.for_site().audit_days)
    time_machine.move_to(erased.erased_at + kept - timedelta(hours=1))
    retention.run_retention("")
    assert is_stopped()

    time_machine.move_to(erased.erased_at + kept + timedelta(hours=1))
    retention.run_retention("")

    assert not is_stopped() and now_of(erased).account_id == ""
    event = AuditEvent.objects.get(event="starter.kept_stop_ended")
    assert event.facts == {"why": "time"}


def test_an_erasure_on_request_does_not_end_it(erased, person):
    listed = search.find_tables(search.find_person(NOOR.object_id))
    assert "onboarding_starter" in {found.rule.db_table for found in listed}  # the person learns of it

    number = requests.ask_for_erasure(NOOR.object_id, by=person("ada"), reason="Article 17")
    requests.carry_out(number, by=person("amir"))

    assert is_stopped()


def test_nobody_ends_it_unseen_in_the_database(erased):
    Starter.objects.filter(pk=erased.pk).update(ended_at=erased.ended_at)
    assert "account_id" not in fields_that_differ(erased)

    Starter.objects.filter(pk=erased.pk).update(account_id="")
    assert "account_id" in fields_that_differ(erased)
    Starter.objects.filter(pk=erased.pk).update(account_id=NOOR.object_id, stopped_at=None)
    assert "stopped_at" in fields_that_differ(erased)


def fields_that_differ(starter):
    events = AuditEvent.objects.filter(starter=starter.public_id).select_related("detail").order_by("seq")
    return {one.field for one in audit.rows.starter_rows.compare_starter(now_of(starter), list(events))}
