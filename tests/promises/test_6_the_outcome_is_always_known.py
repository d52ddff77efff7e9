"""Promise 6: after any failure, either one pass was shown or none is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.db.models import F
from django.urls import reverse

from onboarding import audit, graph, policy
from onboarding.graph.client import Graph
from onboarding.lifecycle import IssueState, StarterState
from onboarding.managers.views import confirm as confirm_view
from onboarding.models import AuditEvent, GraphBudget, PassIssue, PolicyVersion, Starter
from onboarding.passes import handover
from onboarding.passes.claim import claim_issue
from onboarding.starters import rescheduling, withdrawal
from tests.conftest import creations

pytestmark = pytest.mark.django_db

MINUTES = timedelta(minutes=1)
PASSES = "temporaryAccessPassMethods"
HTML = "<html><title>Gateway</title><p>Your pass is ready.</p></html>"


class Killed(BaseException):
    """The process ends here. None of its code runs afterwards."""


@pytest.fixture(autouse=True, params=["replace", "refuse"])
def second_post(request: pytest.FixtureRequest, tenant: Any) -> Iterator[str]:
    """Microsoft documents two ways to treat a second POST. The promise holds with both."""
    tenant.tenant.second_post = request.param
    return request.param


@pytest.fixture
def during_the_post(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Runs an action after Graph created the pass and before its response arrives."""

    def run(action: Callable[[], object]) -> None:
        create = Graph.create_pass

        def create_and_act(self: Graph, *args: Any, **kwargs: Any) -> graph.CreatedPass:
            monkeypatch.setattr(Graph, "create_pass", create)
            created = create(self, *args, **kwargs)
            action()
            return created

        monkeypatch.setattr(Graph, "create_pass", create_and_act)

    return run


def form_of(starter: Starter, **differently: Any) -> dict[str, Any]:
    """What the manager's page sends on a click."""
    version = Starter.objects.values_list("version", flat=True).get(pk=starter.pk)
    seen = {"identity_check": "in_person", "version": version, "policy": policy.for_site().number}
    return seen | differently


def page_of(starter: Starter) -> str:
    return reverse("managers:starter", args=[starter.public_id])


def words(answer: Any) -> str:
    """The main part of the page, in one line."""
    _, _, page = answer.content.decode().partition("<main")
    return " ".join(page.partition("</main>")[0].split())


def live(tenant: Any) -> list[Any]:
    """Every pass with which Noor could sign in now."""
    passes = [found for found in tenant.tenant.passes if not found.ended and found.person == "noor"]
    return [found for found in passes if tenant.tenant.unusable_because(found) is None]


def assert_outcomes_known(tenant: Any) -> None:
    """Every usable pass was acknowledged, and every request has one audited intent."""
    acknowledged = set(PassIssue.objects.filter(state=IssueState.HELD).values_list("method_id", flat=True))
    assert {found.id for found in live(tenant)} <= acknowledged

    intents = set(AuditEvent.objects.filter(event="issue.intent").values_list("issue", flat=True))
    requests = Counter(request["client_request_id"] for request in creations(tenant))
    assert set(requests) <= intents
    assert set(requests.values()) <= {1}
    assert list(audit.verify_chain()) == []


def assert_a_new_pass_works(tenant: Any, starter: Starter, browser: Any) -> None:
    """The page offers the button again, and a click creates a pass that stays."""
    page = browser.get(page_of(starter))
    assert page.context["page_state"].code == "ready", words(page)

    answer = browser.post(page_of(starter), form_of(starter))

    assert "data-pass" in words(answer), words(answer)
    issue = starter.issues.get(state=IssueState.SHOWN)
    assert browser.post(reverse("managers:receipt", args=[starter.public_id, issue.pk])).status_code == 204
    assert [found.id for found in live(tenant)] == [PassIssue.objects.get(pk=issue.pk).method_id]
    assert_outcomes_known(tenant)


# --- Two clicks ---------------------------------------------------------------------------------------------


def test_a_second_click_creates_no_second_pass(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    form = form_of(starter)

    first = maria.post(page_of(starter), form)
    again = [maria.post(page_of(starter), form) for _ in range(3)]

    assert first.status_code == 200
    assert {answer.status_code for answer in again} == {409}
    assert all("The pass was shown at" in words(answer) for answer in again)
    assert len(creations(tenant)) == 1


def test_a_second_tab_creates_no_second_pass(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    maria.post(page_of(starter), form_of(starter))

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 409
    assert len(creations(tenant)) == 1


@pytest.mark.django_db(transaction=True)
def test_one_of_many_concurrent_clicks_gets_the_pass(tenant, transactional_db, settings, invite, browser_of):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter, together = invite("noor"), Barrier(8)
    form, browsers = form_of(starter), [browser_of("maria") for _ in range(8)]

    def click(browser: Any) -> Any:
        together.wait()
        try:
            return browser.post(page_of(starter), form)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(click, browsers))

    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    assert sum("data-pass" in words(answer) for answer in answers) == 1
    assert len(creations(tenant)) == 1
    assert len(live(tenant)) == 1


# --- Lost, late and unusable responses of Graph ------------------------------------------------------------

LOST = {
    "never arrived": {"drop": "before"},
    "lost after the work": {"drop": "after"},
    "500 after the work": {"status": 500, "applied": True},
    "502 after the work": {"status": 502, "applied": True, "body": HTML},
    "503 before the work": {"status": 503},
    "503 with a date to come back": {"status": 503, "applied": True, "headers": {"Retry-After": "1"}},
    "504 after the work": {"status": 504, "applied": True},
    "408 after the work": {"status": 408, "applied": True},
    "a redirect after the work": {"status": 302, "applied": True, "headers": {"Location": "/elsewhere"}},
    "200 instead of 201": {"status": 200, "applied": True, "body": {"id": "x"}},
    "HTML": {"status": 201, "applied": True, "body": HTML},
    "an empty body": {"status": 201, "applied": True, "body": ""},
    "a list": {"status": 201, "applied": True, "body": [1]},
    "cut short": {"cut_at": 60},
    "nothing of the body": {"cut_at": 0},
    "huge": {"mutate": {"padding": "x" * 200_000}},
}
STRANGE = {
    "not usable": {"mutate": {"isUsable": False, "methodUsabilityReason": "DisabledByPolicy"}},
    "usable more than once": {"mutate": {"isUsableOnce": False}},
    "silent about how often": {"remove": ["isUsableOnce"]},
    "longer than asked": {"mutate": {"lifetimeInMinutes": 480}},
    "no code": {"remove": ["temporaryAccessPass"]},
    "a code of null": {"mutate": {"temporaryAccessPass": None}},
    "a code of three": {"mutate": {"temporaryAccessPass": "abc"}},
    "a code of nine lines": {"mutate": {"temporaryAccessPass": "abcdefgh\n" * 9}},
    "no times": {"remove": ["startDateTime"]},
    "for somebody else": {
        "mutate": {"@odata.context": "$metadata#users('5c0ffee0-0000-4000-8000-000000000040')/x"}
    },
    "not usable, under a wrong id": {"mutate": {"isUsable": False, "id": "not-the-one"}},
    "not usable, without an id": {"mutate": {"isUsable": False}, "remove": ["id"]},
}


@pytest.mark.parametrize("entry", [*LOST.values(), *STRANGE.values()], ids=[*LOST, *STRANGE])
def test_an_unusable_response_leaves_no_pass(tenant, fault, invite, browser_of, time_passes, entry):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", **entry)

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "data-pass" not in words(answer)
    assert maria.get(page_of(starter)).context["page_state"].code == "unknown"

    time_passes(3 * MINUTES)

    assert live(tenant) == []
    assert starter.issues.get().state in {IssueState.VOID, IssueState.REVOKED}
    assert_outcomes_known(tenant)
    explained = words(browser_of("maria").get(page_of(starter)))
    assert "did not create a pass:" in explained or "no longer works" in explained
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_a_response_after_the_timeout_leaves_no_pass(
    tenant, fault, loses_patience, invite, browser_of, time_passes
):
    starter, maria = invite("noor"), browser_of("maria")
    loses_patience("create_pass", 0.3)
    fault(method="POST", delay_after=0.6)

    answer = maria.post(page_of(starter), form_of(starter))
    time_passes(3 * MINUTES)

    assert "Microsoft’s answer did not reach the portal." in words(answer)
    assert starter.issues.get().state == IssueState.REVOKED
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_a_pass_created_after_the_first_check_is_deleted(
    tenant, fault, invite, browser_of, run_jobs, time_passes
):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", drop="before", apply_after=600)

    maria.post(page_of(starter), form_of(starter))
    run_jobs()
    checked, before = starter.issues.get(), live(tenant)
    tenant.tenant.faults.run_scheduled()
    after = live(tenant)
    time_passes(3 * MINUTES)

    assert len(after) == 1
    assert (checked.state, checked.first_empty_at is not None, before) == (IssueState.UNKNOWN, True, [])
    assert starter.issues.get().state == IssueState.REVOKED
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_a_lost_pass_listed_late_is_deleted(tenant, fault, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", drop="after", hide_for=60)

    maria.post(page_of(starter), form_of(starter))
    time_passes(4 * MINUTES)

    assert starter.issues.get().state == IssueState.REVOKED
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


# --- A refusal ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "refused"), (401, "refused"), (403, "refused"), (404, "not_known_yet"), (409, "refused")],
)
def test_a_refusal_costs_no_attempt_and_needs_the_lists_confirmation(
    tenant, fault, invite, browser_of, time_passes, status, reason
):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", status=status)

    answer = maria.post(page_of(starter), form_of(starter))

    issue = starter.issues.get()
    assert (answer.status_code, issue.state, issue.reason) == (503, IssueState.UNKNOWN, reason)
    assert "Microsoft refused" in words(answer) or "does not know this account yet" in words(answer)
    assert maria.get(page_of(starter)).context["page_state"].code == "checking"
    assert maria.post(page_of(starter), form_of(starter)).status_code == 409

    time_passes(timedelta(seconds=10))

    assert starter.issues.get().state == IssueState.REJECTED
    assert policy.attempts_left(starter, policy.for_site()) == 3
    assert_a_new_pass_works(tenant, starter, maria)


def test_a_throttled_post_is_not_repeated_without_a_click(tenant, fault, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", status=429, headers={"Retry-After": "30"})

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.context["page_state"].code == "waiting"
    assert starter.issues.get().reason == "throttled"
    clicked_too_early = maria.post(page_of(starter), form_of(starter))
    assert clicked_too_early.context["page_state"].code == "waiting"
    assert len(creations(tenant)) == 1

    time_passes(timedelta(seconds=32))
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_an_unsent_request_leaves_nothing_unclear(tenant, settings, invite, browser_of, monkeypatch):
    starter, maria = invite("noor"), browser_of("maria")
    create = Graph.create_pass

    def create_on_a_closed_port(self: Graph, *args: Any, **kwargs: Any) -> graph.CreatedPass:
        monkeypatch.setattr(Graph, "create_pass", create)
        graph.forget_client()
        settings.GRAPH_URL = "http://127.0.0.1:9"
        try:
            return graph.client().create_pass(*args, **kwargs)
        finally:
            settings.GRAPH_URL = tenant.url
            graph.forget_client()

    monkeypatch.setattr(Graph, "create_pass", create_on_a_closed_port)

    answer = maria.post(page_of(starter), form_of(starter))

    issue = starter.issues.get()
    assert (issue.state, issue.reason, issue.counted) == (IssueState.REJECTED, "unreachable", False)
    assert "Microsoft could not be reached, so no pass was created." in words(answer)
    assert_a_new_pass_works(tenant, starter, maria)


# --- The process is killed ----------------------------------------------------------------------------------------------


def kill_in(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, *, first: bool = False) -> None:
    """Kills the process in this function: before its work with `first`, otherwise right after it."""
    work = getattr(place, name)

    def killed(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(place, name, work)
        if not first:
            work(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(place, name, killed)


DEATHS = {
    "before the claim": (handover, "claim_issue", True, None),
    "claim committed": (handover, "claim_issue", False, IssueState.VOID),
    "as the POST would leave": (handover, "create_pass", True, IssueState.VOID),
    "in the middle of the POST": (Graph, "create_pass", False, IssueState.REVOKED),
    "before it was recorded": (handover, "record_pass", True, IssueState.REVOKED),
    "recorded, before it is shown": (confirm_view, "show_pass", True, IssueState.REVOKED),
    "shown, before it left the process": (confirm_view, "show_pass", False, IssueState.REVOKED),
}


@pytest.mark.parametrize(("place", "name", "first", "ends"), DEATHS.values(), ids=DEATHS)
def test_a_killed_process_leaves_no_pass(
    tenant, monkeypatch, invite, browser_of, time_passes, place, name, first, ends
):
    starter, maria = invite("noor"), browser_of("maria")
    kill_in(monkeypatch, place, name, first=first)

    with pytest.raises(Killed):
        maria.post(page_of(starter), form_of(starter))
    time_passes(5 * MINUTES)

    assert live(tenant) == []
    assert [issue.state for issue in starter.issues.all()] == ([ends] if ends else [])
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_a_request_killed_during_the_post_is_shown_at_once(tenant, monkeypatch, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    kill_in(monkeypatch, Graph, "create_pass")

    with pytest.raises(Killed):
        maria.post(page_of(starter), form_of(starter))

    assert starter.issues.get().state == IssueState.UNKNOWN
    assert "We are checking what happened" in words(maria.get(page_of(starter)))


def test_the_page_explains_a_killed_process(tenant, monkeypatch, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    kill_in(monkeypatch, handover, "record_pass", first=True)
    with pytest.raises(Killed):
        maria.post(page_of(starter), form_of(starter))

    at_once = words(maria.get(page_of(starter)))
    time_passes(timedelta(seconds=61))
    later = words(browser_of("maria").get(page_of(starter)))

    assert "Do not request it again" in at_once
    assert "the request was interrupted before the portal knew the result" in later


# --- The database fails ---------------------------------------------------------------------------------------------


def fail_event(
    monkeypatch: pytest.MonkeyPatch, event: str, error: type[Exception], *, times: int = 1
) -> None:
    """The database refuses this event, and rolls back its transaction."""
    write, left = audit.record, [times]

    def refuses(name: str, **kwargs: Any) -> Any:
        if name == event and left[0]:
            left[0] -= 1
            raise error("disk I/O error")
        return write(name, **kwargs)

    monkeypatch.setattr(audit, "record", refuses)


def test_nothing_is_sent_without_a_saved_intent(tenant, monkeypatch, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    fail_event(monkeypatch, "issue.intent", DatabaseError)

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "so it sent nothing to Microsoft" in words(answer)
    assert creations(tenant) == []
    assert_a_new_pass_works(tenant, starter, maria)


@pytest.mark.parametrize("error", [DatabaseError, RuntimeError])
def test_an_unsaved_pass_is_deleted_and_not_shown(
    tenant, monkeypatch, invite, browser_of, time_passes, error
):
    starter, maria = invite("noor"), browser_of("maria")
    fail_event(monkeypatch, "issue.shown", error)

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "Microsoft created the pass, but the portal could not save the result" in words(answer)
    assert len(creations(tenant)) == 1
    assert live(tenant) == []

    time_passes(3 * MINUTES)
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_database_outage_and_failed_deletion_leave_no_pass(
    tenant, fault, monkeypatch, invite, browser_of, time_passes
):
    starter, maria = invite("noor"), browser_of("maria")
    for event in ("issue.shown", "issue.unknown"):
        fail_event(monkeypatch, event, DatabaseError)
    fault(method="DELETE", status=403, times=2)

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert len(live(tenant)) == 1
    time_passes(4 * MINUTES)
    assert live(tenant) == []
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


# --- Something changes meanwhile ------------------------------------------------------------------------------------------


def test_a_starter_withdrawn_meanwhile_gets_no_pass(
    tenant, invite, browser_of, person, during_the_post, time_passes
):
    starter, maria = invite("noor"), browser_of("maria")
    during_the_post(
        lambda: withdrawal.withdraw_starter(
            starter=Starter.objects.get(pk=starter.pk), by=person("hanna"), reason="Does not come"
        )
    )

    answer = maria.post(page_of(starter), form_of(starter))

    assert "data-pass" not in words(answer)
    assert live(tenant) == []
    time_passes(3 * MINUTES)
    assert Starter.objects.get(pk=starter.pk).state == StarterState.WITHDRAWN
    assert starter.issues.get().state == IssueState.REVOKED
    assert "This starter has been withdrawn" in words(browser_of("maria").get(page_of(starter)))
    assert_outcomes_known(tenant)


def test_a_starter_rescheduled_meanwhile_gets_no_pass(
    tenant, invite, browser_of, person, during_the_post, time_passes
):
    starter, maria = invite("noor"), browser_of("maria")
    during_the_post(
        lambda: rescheduling.reschedule_starter(
            starter=Starter.objects.get(pk=starter.pk),
            schedule=rescheduling.Schedule(
                starter.start_date + timedelta(days=7), starter.start_time, starter.time_zone
            ),
            note="",
            by=person("hanna"),
        )
    )

    answer = maria.post(page_of(starter), form_of(starter))

    assert "data-pass" not in words(answer)
    assert live(tenant) == []
    time_passes(3 * MINUTES)
    assert starter.issues.get().state == IssueState.REVOKED
    assert "It is too early" in words(browser_of("maria").get(page_of(starter)))
    assert_outcomes_known(tenant)


def test_a_freeze_meanwhile_deletes_the_pass(
    tenant, invite, browser_of, person, during_the_post, time_passes
):
    starter, maria = invite("noor"), browser_of("maria")
    during_the_post(
        lambda: policy.add_version(PolicyVersion(frozen=True, reason="An attack"), by=person("ada"))
    )

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "data-pass" not in words(answer)
    assert live(tenant) == []
    time_passes(3 * MINUTES)
    assert starter.issues.get().state == IssueState.REVOKED
    assert_outcomes_known(tenant)


def test_a_policy_change_meanwhile_keeps_the_requested_pass(
    tenant, invite, browser_of, person, during_the_post
):
    starter, maria = invite("noor"), browser_of("maria")
    requested_policy = policy.for_site()
    during_the_post(
        lambda: policy.add_version(PolicyVersion(lifetime_minutes=30, reason="Shorter"), by=person("ada"))
    )

    answer = maria.post(page_of(starter), form_of(starter))

    assert "data-pass" in words(answer)
    assert (starter.issues.get().policy, starter.issues.get().lifetime_minutes) == (requested_policy, 60)


@pytest.mark.parametrize("deletions_fail", [0, 8])
@pytest.mark.parametrize("paused", [timedelta(seconds=61), 2 * MINUTES, 5 * MINUTES])
def test_a_process_paused_beyond_its_lease_shows_no_pass(
    tenant, fault, invite, browser_of, during_the_post, time_passes, paused, deletions_fail
):
    starter, maria = invite("noor"), browser_of("maria")
    during_the_post(lambda: time_passes(paused))
    if deletions_fail:
        fault(method="DELETE", status=403, times=deletions_fail)

    answer = maria.post(page_of(starter), form_of(starter))

    assert "data-pass" not in words(answer)
    time_passes(6 * MINUTES)
    assert live(tenant) == []
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_an_expired_lease_counts_before_the_worker_notices(tenant, invite, browser_of, during_the_post):
    starter, maria = invite("noor"), browser_of("maria")
    during_the_post(lambda: PassIssue.objects.update(lease_until=F("lease_until") - timedelta(seconds=61)))

    answer = maria.post(page_of(starter), form_of(starter))

    assert "data-pass" not in words(answer)
    assert starter.issues.get().state == IssueState.UNKNOWN
    assert live(tenant) == []


def test_a_process_paused_before_sending_sends_nothing(tenant, monkeypatch, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    claim = claim_issue

    def claim_and_pause(*args: Any) -> PassIssue:
        issue = claim(*args)
        PassIssue.objects.filter(pk=issue.pk).update(lease_until=F("lease_until") - timedelta(seconds=45))
        issue.refresh_from_db()
        return issue

    monkeypatch.setattr(handover, "claim_issue", claim_and_pause)

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert creations(tenant) == []
    assert starter.issues.get().state == IssueState.REJECTED
    monkeypatch.undo()


@pytest.mark.parametrize("deletions_fail", [0, 4])
def test_a_request_resumed_after_voiding_leaves_no_pass(
    tenant, fault, monkeypatch, invite, browser_of, time_passes, deletions_fail
):
    starter, maria = invite("noor"), browser_of("maria")
    create = Graph.create_pass

    def sleep_and_create(self: Graph, *args: Any, **kwargs: Any) -> graph.CreatedPass:
        monkeypatch.setattr(Graph, "create_pass", create)
        time_passes(5 * MINUTES)
        assert starter.issues.get().state == IssueState.VOID
        return create(self, *args, **kwargs)

    monkeypatch.setattr(Graph, "create_pass", sleep_and_create)
    if deletions_fail:
        fault(method="DELETE", status=403, times=deletions_fail)

    answer = maria.post(page_of(starter), form_of(starter))

    assert "data-pass" not in words(answer)
    time_passes(3 * MINUTES)
    assert live(tenant) == []
    assert_outcomes_known(tenant)
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


# --- The page is on its way to the manager -----------------------------------------------------------------------------


def test_an_unacknowledged_pass_is_deleted(tenant, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    maria.post(page_of(starter), form_of(starter))

    time_passes(timedelta(seconds=150))

    assert live(tenant) == []
    page = browser_of("maria").get(page_of(starter))
    assert "the page did not confirm that the pass arrived" in words(page)
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_a_late_receipt_makes_the_page_wipe_itself(tenant, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    maria.post(page_of(starter), form_of(starter))
    address = reverse("managers:receipt", args=[starter.public_id, starter.issues.get().pk])

    time_passes(timedelta(seconds=125))

    assert browser_of("maria").post(address).status_code == 410
    assert live(tenant) == []


@pytest.mark.parametrize(
    "entry",
    [
        {"status": 403, "times": 8},
        {"status": 429, "headers": {"Retry-After": "25"}, "times": 4},
        {"drop": "before", "times": 3},
        {"status": 503, "times": 5},
    ],
    ids=["refused", "throttled", "no answer", "failing"],
)
def test_a_failed_deletion_is_retried_until_it_succeeds(
    tenant, fault, invite, browser_of, time_passes, entry
):
    starter, maria = invite("noor"), browser_of("maria")
    maria.post(page_of(starter), form_of(starter))
    fault(method="DELETE", **entry)

    time_passes(timedelta(seconds=121))
    assert "The pass is being cancelled" in words(browser_of("maria").get(page_of(starter)))
    time_passes(5 * MINUTES)

    assert starter.issues.get().state == IssueState.REVOKED
    assert live(tenant) == []
    assert_a_new_pass_works(tenant, starter, browser_of("maria"))


def test_the_attempts_of_one_starter_are_limited(tenant, fault, invite, browser_of, time_passes):
    starter = invite("noor")
    for _ in range(3):
        fault(method="POST", drop="after")
        browser_of("maria").post(page_of(starter), form_of(starter))
        time_passes(3 * MINUTES)

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert answer.status_code == 409
    assert "HR must allow another pass" in words(answer)
    assert len(creations(tenant)) == 3
    assert_outcomes_known(tenant)


def test_a_refused_click_uses_no_quota(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    form = form_of(starter)
    maria.post(page_of(starter), form)
    spent = GraphBudget.objects.get().recent

    maria.post(page_of(starter), form)

    assert GraphBudget.objects.get().recent == spent
