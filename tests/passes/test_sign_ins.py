"""Sign-in activity is read in lists, within Microsoft's limit, in order of need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from onboarding import graph, guards, jobs, participants, policy
from onboarding.models import Job, SignInBudget, Starter
from onboarding.passes import sign_in_quota, sign_ins
from onboarding.passes.errors import RefusedByGuards
from onboarding.worker import starter_checks
from portal.sandbox.server import Sandbox
from tests.conftest import BY_KEY
from tests.support.outcomes import outcome_of
from tests.support.sign_ins import CREATED, TIMES, activity, proven
from tests.support.starters import many_invited, sign_in_calls

pytestmark = pytest.mark.django_db
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
LISTED, SINGLE = "/v1.0/users", "/v1.0/users/{id}"


@pytest.fixture(autouse=True)
def traveller() -> Iterator[Any]:
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def starters(tenant: Sandbox, person: Callable[[str], Any]) -> Callable[..., list[Starter]]:
    """Creates starters whose managers are invited and whose sign-ins were not read yet."""
    return lambda count, **how: many_invited(tenant, count, by=person("hanna"), **how)


def count_read() -> int:
    return Starter.objects.exclude(sign_in_looked_at=None).count()


def kinds_of_calls(tenant: Sandbox) -> list[str]:
    """The kind of each call: a list, or a single account."""
    return [LISTED if call["path"] == LISTED else SINGLE for call in sign_in_calls(tenant)]


def fault(tenant: Sandbox, **entry: Any) -> None:
    tenant.tenant.faults.add(entry)


# --- Lists ----------------------------------------------------------------------------------------------------------


def test_fifteen_accounts_are_read_with_one_call(tenant, starters):
    starters(16)

    assert sign_ins.read_next() is not None
    assert (count_read(), kinds_of_calls(tenant)) == (15, [LISTED])
    assert sign_ins.read_next() is None

    assert (count_read(), kinds_of_calls(tenant)) == (16, [LISTED, SINGLE])
    assert sign_ins.read_next() is None and len(kinds_of_calls(tenant)) == 2


def test_a_refused_list_is_retried_after_single_reads(tenant, starters, traveller):
    tenant.tenant.sign_in_lists = False
    starters(6)

    for _ in range(5):
        sign_ins.read_next()
    assert (count_read(), kinds_of_calls(tenant)) == (4, [LISTED, *[SINGLE] * 4])

    tenant.tenant.sign_in_lists = True
    traveller.shift(sign_ins.NO_LISTS_AFTER_REFUSAL + SECOND)
    sign_ins.read_next()
    assert (count_read(), kinds_of_calls(tenant)[-1]) == (6, LISTED)


def test_an_account_missing_in_the_response_stays_unread(tenant, starters):
    gone, *others = starters(4)
    tenant.tenant.find_account(gone.account_id).exists = False

    again = sign_ins.read_next()

    left_out = Starter.objects.get(pk=gone.pk)
    assert (left_out.sign_in_looked_at, left_out.sign_in_told, count_read()) == (None, False, len(others))
    assert again is not None and again >= timezone.now() + sign_ins.MISSED_DELAY - SECOND


def test_a_missing_account_delays_no_other(tenant, starters):
    for gone in starters(15):
        tenant.tenant.find_account(gone.account_id).exists = False
    sign_ins.read_next()
    later = starters(15, starts_in=timedelta(hours=3))

    sign_ins.read_next()

    assert (
        Starter.objects.filter(pk__in=[starter.pk for starter in later])
        .exclude(sign_in_looked_at=None)
        .count()
        == 15
    )


def test_accounts_on_later_pages_are_read_with_later_calls(tenant, starters):
    tenant.tenant.list_page = 4
    starters(10)

    counts = []
    for _ in range(3):
        sign_ins.read_next()
        counts.append(count_read())

    assert counts == [4, 8, 10]


@pytest.mark.parametrize(
    "answer", [{"status": 503, "times": 4}, {"status": 200, "body": "<html>"}, {"drop": "after"}]
)
def test_a_failed_list_is_followed_by_single_reads(tenant, starters, monkeypatch, answer):
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *arguments: None)
    starters(3)
    fault(tenant, path="^/v1.0/users$", **answer)

    with pytest.raises(graph.Unavailable):
        sign_ins.read_next()
    assert count_read() == 0
    sign_ins.read_next()

    assert (count_read(), kinds_of_calls(tenant)[-1]) == (1, SINGLE)


def test_a_failing_account_lets_others_come_first(tenant, starters):
    tenant.tenant.sign_in_lists = False
    first, *others = starters(3)
    fault(tenant, path=f"/users/{first.account_id}$", status=200, body="<html>", times=None)
    sign_ins.read_next()
    with pytest.raises(graph.Unavailable):
        sign_ins.read_next()

    sign_ins.read_next(), sign_ins.read_next()

    assert count_read() == len(others)
    assert Starter.objects.get(pk=first.pk).sign_in_looked_at is None


# --- A tenant without sign-in activity ------------------------------------------------------------------------------------


def test_a_tenant_without_sign_in_activity_is_asked_twice(tenant, starters):
    tenant.tenant.granted.discard("AuditLog.Read.All")
    tenant.tenant.expire_tokens()
    starters(15)

    assert sign_ins.read_next() is None

    assert kinds_of_calls(tenant) == [LISTED, SINGLE]
    assert Starter.objects.filter(sign_in_told=False).exclude(sign_in_looked_at=None).count() == 15


def test_a_missing_permission_is_noticed_with_one_call_a_minute(tenant, starters, settings, traveller):
    settings.GRAPH_SIGN_IN_CALLS = 1
    tenant.tenant.granted.discard("AuditLog.Read.All")
    tenant.tenant.expire_tokens()
    starters(3)

    for _ in range(4):
        sign_ins.read_next()
        traveller.shift(MINUTE + SECOND)

    assert kinds_of_calls(tenant) == [LISTED, *[SINGLE] * 3] and count_read() == 3


def test_a_forbidden_list_does_not_prove_a_missing_permission(tenant, starters):
    starters(3)
    fault(tenant, path="^/v1.0/users$", status=403)

    sign_ins.read_next(), sign_ins.read_next()

    assert kinds_of_calls(tenant) == [LISTED, SINGLE, SINGLE]
    assert (count_read(), Starter.objects.filter(sign_in_told=True).count()) == (2, 2)


def test_a_refused_account_proves_nothing_about_another(tenant, starters):
    tenant.tenant.sign_in_lists = False
    first, *_ = starters(2)
    fault(tenant, path=f"/users/{first.account_id}$", status=403)

    for _ in range(3):
        sign_ins.read_next()

    assert list(Starter.objects.order_by("pk").values_list("sign_in_told", flat=True)) == [False, True]


# --- What is stored ---------------------------------------------------------------------------------------------------

LATER_ANSWERS: dict[str, dict[str, Any]] = {
    "null now": {"mutate": {"signInActivity": {"lastSuccessfulSignInDateTime": None}}},
    "absent now": {"remove": ["signInActivity"]},
    "no right": {"status": 403},
    "not found": {"status": 404},
    "refused": {"status": 400},
}


@pytest.mark.parametrize("answer", LATER_ANSWERS.values(), ids=LATER_ANSWERS)
def test_a_known_sign_in_is_never_forgotten(tenant, starters, answer):
    (starter,) = starters(1)
    tenant.tenant.find_account(starter.account_id).last_sign_in = tenant.tenant.clock.now() - 60
    sign_ins.read_next()
    known = Starter.objects.get()
    assert known.last_sign_in_at is not None
    Starter.objects.update(sign_in_awaited_at=timezone.now())  # requests another reading
    fault(tenant, path=f"/users/{starter.account_id}$", **answer)

    sign_ins.read_next()

    assert len(sign_in_calls(tenant)) == 2
    after = Starter.objects.get()
    assert (after.last_sign_in_at, after.last_attempt_at) == (known.last_sign_in_at, known.last_attempt_at)


@pytest.mark.parametrize("status", [400, 404])
def test_a_400_or_404_keeps_what_is_known(tenant, starters, status):
    (starter,) = starters(1)
    sign_ins.read_next()
    before = Starter.objects.values("sign_in_looked_at", "sign_in_told").get()
    Starter.objects.update(sign_in_awaited_at=timezone.now())
    fault(tenant, path=f"/users/{starter.account_id}$", status=status)

    sign_ins.read_next()

    assert (
        before == Starter.objects.values("sign_in_looked_at", "sign_in_told").get() and before["sign_in_told"]
    )


def test_the_reading_of_a_replaced_account_is_discarded(tenant, starters, monkeypatch):
    (starter,) = starters(1)
    real = graph.Graph.read_sign_ins

    def replace_and_read(self: graph.Graph, object_id: str) -> graph.SignIns:
        Starter.objects.update(account_id=BY_KEY["liam"].object_id)
        return real(self, object_id)

    monkeypatch.setattr(graph.Graph, "read_sign_ins", replace_and_read)

    sign_ins.read_next()

    assert Starter.objects.get().sign_in_looked_at is None and starter.account_id != BY_KEY["liam"].object_id


def test_a_reading_after_the_first_pass_is_discarded(tenant, starters, monkeypatch):
    starters(1)
    real = graph.Graph.read_sign_ins

    def create_pass_and_read(self: graph.Graph, object_id: str) -> graph.SignIns:
        Starter.objects.update(first_pass_at=timezone.now())
        return real(self, object_id)

    monkeypatch.setattr(graph.Graph, "read_sign_ins", create_pass_and_read)

    sign_ins.read_next()

    assert Starter.objects.get().sign_in_looked_at is None


# --- The order --------------------------------------------------------------------------------------------------------


def reading_order() -> list[int]:
    return list(sign_ins.starters_to_read().values_list("pk", flat=True))


def test_accounts_are_read_in_order_of_need(starters, traveller):
    known, *_ = starters(1)
    Starter.objects.update(sign_in_looked_at=timezone.now() - HOUR, sign_in_told=True)
    (passed,) = starters(1, starts_in=-timedelta(days=3))
    (tomorrow,) = starters(1, starts_in=timedelta(days=1))
    (today,) = starters(1, starts_in=HOUR)
    (awaited,) = starters(1, starts_in=timedelta(days=2))
    sign_ins.request_reading(awaited)

    assert reading_order() == [starter.pk for starter in (awaited, today, tomorrow, passed, known)]
    traveller.shift(sign_ins.AWAITED_FOR + SECOND)
    assert reading_order()[0] == today.pk


def test_known_accounts_are_read_more_often_near_the_start(starters, traveller):
    (soon,), (far,) = starters(1, starts_in=HOUR), starters(1, starts_in=timedelta(days=10))
    sign_ins.read_next()
    assert reading_order() == []

    traveller.shift(sign_ins.REFRESH_NEAR + SECOND)
    assert reading_order() == [soon.pk]
    sign_ins.read_next()
    traveller.shift(sign_ins.REFRESH_FAR - sign_ins.REFRESH_NEAR)
    assert set(reading_order()) == {soon.pk, far.pk}


def test_accounts_that_need_no_reading_are_skipped(starters, traveller):
    for change in (
        {"state": "recorded"},
        {"state": "issued"},
        {"state": "withdrawn"},
        {"first_pass_at": timezone.now()},
        {"problem": "account_gone"},
        {"account_id": ""},
        {"sign_in_looked_at": timezone.now() - HOUR * 24, "last_sign_in_at": timezone.now()},
    ):
        (starter,) = starters(1)
        Starter.objects.filter(pk=starter.pk).update(**change)

    assert reading_order() == []


# --- Microsoft's limit ----------------------------------------------------------------------------------------------


WAITING = {"leave": sign_in_quota.WAITING_MANAGERS_LEAVE}


def test_the_worker_leaves_calls_for_clicks_and_waiting_managers(traveller):
    work = [sign_in_quota.acquire_call() for _ in range(7)]
    assert work[:6] == [0.0] * 6 and 55 < work[6] <= 60
    clicks = [sign_in_quota.acquire_call(leave=sign_in_quota.CLICKS_LEAVE) for _ in range(3)]
    assert clicks[:2] == [0.0, 0.0] and clicks[2] > 0 and not sign_in_quota.has_room_for_click()

    waiting = [sign_in_quota.acquire_call(**WAITING) for _ in range(3)]
    assert waiting[:2] == [0.0, 0.0] and waiting[2] > 0

    for _ in range(10):
        sign_in_quota.mark_answered()
    traveller.shift(61 * SECOND)
    assert sign_in_quota.has_room_for_click() and sign_in_quota.acquire_call() == 0.0


def test_a_call_counts_from_its_response_or_expires(traveller):
    sign_in_quota.acquire_call()
    traveller.shift(30 * SECOND)
    sign_in_quota.mark_answered()
    sign_in_quota.acquire_call()
    assert len(SignInBudget.objects.get().recent) == 1

    traveller.shift(59 * SECOND)
    assert [sign_in_quota.acquire_call(**WAITING) for _ in range(9)] == [0.0] * 8 + [
        pytest.approx(1, abs=0.5)
    ]
    traveller.shift(timedelta(minutes=5))
    assert sign_in_quota.acquire_call() == 0.0


@pytest.mark.django_db(transaction=True)
def test_all_workers_share_the_limit(transactional_db):
    together = Barrier(6)

    def worker() -> int:
        together.wait()
        try:
            return sum(sign_in_quota.acquire_call() == 0.0 for _ in range(3))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        taken = [future.result() for future in [threads.submit(worker) for _ in range(6)]]

    assert sum(taken) == 6


def test_all_readings_obey_retry_after(tenant, starters, traveller):
    starters(1)
    fault(tenant, path="/users/[^/]+$", status=429, headers={"Retry-After": "77"})

    with pytest.raises(graph.Throttled):
        sign_ins.read_next()
    asked = len(sign_in_calls(tenant))

    with pytest.raises(jobs.JobPostponed) as later:
        sign_ins.read_next()
    assert later.value.delay == 77 * SECOND
    assert 76 < sign_in_quota.acquire_call(**WAITING) <= 77 and len(sign_in_calls(tenant)) == asked
    traveller.shift(78 * SECOND)
    sign_ins.read_next()
    assert count_read() == 1


def test_a_clock_set_back_does_not_stop_the_readings(traveller):
    traveller.shift(timedelta(days=1))
    for _ in range(10):
        sign_in_quota.acquire_call(**WAITING)
        sign_in_quota.mark_answered()
    sign_in_quota.back_off(3000)

    traveller.shift(-timedelta(days=1))

    assert sign_in_quota.acquire_call() == 0.0


# --- The guard -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("says", ["skip", "refuse"])
@pytest.mark.parametrize("created", CREATED, ids=str)
def test_the_guard_refuses_used_accounts_and_asks_policy_if_unknown(
    tenant, starters, policy_says, says, created
):
    policy_says(sign_ins=says)
    (starter,) = starters(1)
    account = tenant.tenant.find_account(starter.account_id)
    account.properties["createdDateTime"] = created and created.isoformat()
    unknown = guards.Verdict.SKIPPED if says == "skip" else guards.Verdict.UNREAD
    expected = {True: guards.Verdict.REFUSES, False: guards.Verdict.HOLDS, None: unknown}
    facts = graph.client().issue_facts(starter.account_id)

    for times in TIMES:
        seen = _stored_times(activity(times))
        Starter.objects.update(
            sign_in_looked_at=timezone.now(),
            sign_in_told=True,
            last_sign_in_at=seen[0],
            last_attempt_at=seen[1],
        )
        now = Starter.objects.select_related("recorded_by").get()
        question = guards.Question(now, facts, None, None, policy.for_starter(now), timezone.now())

        verdict = guards.evaluate_guard(guards.BY_CODE["never_signed_in"], question)

        assert verdict == expected[proven(times, created)], times


def _stored_times(response: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The two of Graph's three times that the portal stores."""
    moments = {name: datetime.fromisoformat(value) for name, value in response.items() if value}
    success = moments.pop("lastSuccessfulSignInDateTime", None)
    attempted = max(moments.values(), default=None)
    return (success if "lastSuccessfulSignInDateTime" in response else attempted), attempted


# --- A failed reading ------------------------------------------------------------------------------


def test_a_failed_reading_is_shown_with_its_own_job(tenant, invite, run_jobs, traveller, monkeypatch):
    starter = invite("noor")
    Starter.objects.update(sign_in_looked_at=None)
    with monkeypatch.context() as silent:
        silent.setattr(graph.Graph, "read_sign_ins", Mock(side_effect=graph.Unavailable("no answer")))
        starter_checks.check_starter(str(starter.pk))
        traveller.shift(sign_ins.RETRY_DELAY + SECOND)
        run_jobs()

    job = Job.objects.get(key=sign_ins.DUE_JOB_KEY)
    assert job.last_error == "Unavailable: no answer" and job.attempts == 1
    assert not Job.objects.filter(key__startswith="look:").exclude(last_error="").exists()
    traveller.shift(MINUTE)
    run_jobs()
    assert count_read() == 1


# --- At a click -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reads_once_more", [True, False])
def test_a_sign_in_found_during_a_click_refuses_the_pass(
    tenant, invite, confirmation, monkeypatch, reads_once_more
):
    click, read_facts = confirmation(invite("noor")), participants.read_facts
    if not reads_once_more:
        monkeypatch.setattr(sign_ins, "take_call_for_click", lambda _: False)

    def sign_in_and_read_facts(*of, **how):
        Starter.objects.filter(pk=click.starter.pk).update(last_sign_in_at=timezone.now())
        return read_facts(*of, **how)

    monkeypatch.setattr(participants, "read_facts", sign_in_and_read_facts)
    outcome = outcome_of(click)

    assert isinstance(outcome, RefusedByGuards), outcome
    assert "never_signed_in" in [guard.code for guard in outcome.guards]
