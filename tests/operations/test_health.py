"""Health checks, and that a hanging Microsoft delays no other request."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial

import pytest
import requests
from django.conf import settings as django_settings
from django.db import OperationalError

from onboarding import clock, graph, jobs
from onboarding.graph import connection_health
from onboarding.graph.concurrency import CHECK_INTERVAL, ConcurrencyLimiter
from onboarding.managers import saved_choice
from onboarding.models import Heartbeat, Job, PassIssue
from onboarding.operations import health
from onboarding.passes import handover
from onboarding.passes.claim import claim_issue
from onboarding.passes.confirmation import Shown
from portal import gunicorn_conf
from portal.demo.process import wait_for
from portal.models import User
from tests.conftest import BY_KEY, creations
from tests.faults.replicas import Portal, portal
from tests.support.outcomes import outcome_of

EVERYTHING_OF_GRAPH = {"path": r"^/v1\.0/", "times": None}


@pytest.fixture(autouse=True)
def nobody_asked_before(monkeypatch: pytest.MonkeyPatch) -> health.DatabaseProbe:
    probe = health.DatabaseProbe()
    monkeypatch.setattr(health, "_database_probe", probe)
    return probe


# --- What it says -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_process_that_answers_is_alive(client, monkeypatch):
    monkeypatch.setattr(jobs, "worker_state", away)

    answer = client.get("/livez")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.django_db(transaction=True)
def test_a_process_with_database_migrations_and_worker_is_ready(client, tenant):
    jobs.record_heartbeat("a worker")

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "database": "answers",
        "migrations": "applied",
        "worker": "alive",
        "restored": "no",
        "graph": "not asked",
    }


@pytest.mark.django_db(transaction=True)
def test_a_process_without_a_worker_keeps_its_visitors(client, tenant):
    """All servers share the workers: without one, a load balancer that takes them out takes out all of them."""
    Heartbeat.objects.create(worker="one of yesterday", beat_at=clock.now() - timedelta(days=1))

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"], answer.json()["worker"]) == (
        200,
        "degraded",
        "missing",
    )


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_finishes_nothing_makes_it_degraded(client, tenant):
    """It has a heartbeat, as one that is restarted again and again, but a job about a pass is long overdue."""
    jobs.record_heartbeat("a worker")
    due = clock.now() - jobs.PASS_JOB_OVERDUE_AFTER - timedelta(seconds=1)
    jobs.enqueue_job("issue:1", priority=Job.Priority.PASS, due_at=due)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"], answer.json()["worker"]) == (200, "degraded", "late")


@pytest.mark.django_db(transaction=True)
def test_a_process_with_a_missing_migration_is_not_ready(client, tenant, monkeypatch):
    jobs.record_heartbeat("a worker")
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["one to come"])

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["migrations"]) == (503, "missing")


@pytest.mark.django_db(transaction=True)
def test_a_process_without_its_database_is_not_ready(client, tenant, monkeypatch):
    monkeypatch.setattr(jobs, "worker_state", away)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["database"]) == (503, "no answer")
    assert "10.1.2.3" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_hanging_database_holds_one_thread_and_no_request(client, tenant, monkeypatch, nobody_asked_before):
    hanging, asked = threading.Event(), []

    def hang() -> str:
        asked.append(threading.current_thread().name)
        return "alive" if hanging.wait(60) else "missing"

    monkeypatch.setattr(jobs, "worker_state", hang)
    monkeypatch.setattr(nobody_asked_before, "timeout", 0.2)
    try:
        answers = [client.get("/readyz").status_code for _ in range(5)]
        assert answers == [503] * 5
        assert asked == ["health"]
    finally:
        hanging.set()
    wait_for(lambda: client.get("/readyz").status_code == 200, "it to be ready again")


@pytest.mark.django_db(transaction=True)
def test_a_silent_microsoft_is_shown_but_keeps_processes_ready(client, tenant):
    jobs.record_heartbeat("a worker")
    tenant.tenant.faults.add({**EVERYTHING_OF_GRAPH, "drop": "before"})
    with pytest.raises(graph.Unavailable):
        graph.client().look_up("noor.devries@contoso.example")
    tenant.tenant.requests.clear()

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["graph"]) == (200, "silent")
    assert not tenant.tenant.requests


@pytest.mark.django_db
@pytest.mark.parametrize("path", django_settings.HEALTH_PATHS)
def test_a_load_balancer_can_check_by_ip_without_tls(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code in {200, 503}
    assert client.get("/", headers={"Host": "10.0.0.7:8000"}).status_code == 400


def away() -> bool:
    raise OperationalError("connection to server at 10.1.2.3 failed")


# --- Microsoft's clock and ours -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("minutes", [15, -15])
def test_a_wrong_clock_is_logged_now_and_then(tenant, caplog, minutes):
    tenant.tenant.clock.ahead = minutes * 60

    for _ in range(3):
        graph.client().look_up("noor.devries@contoso.example")

    told = [record for record in caplog.records if record.name == connection_health.__name__]
    assert [record.levelname for record in told] == ["WARNING"]
    assert "clock_skew" in told[0].getMessage()
    assert abs(told[0].seconds_microsoft_is_ahead - minutes * 60) <= 5
    assert abs(graph.client().connection_health.clock_skew - minutes * 60) <= 5


@pytest.mark.django_db
def test_agreeing_clocks_are_not_logged(tenant, caplog):
    graph.client().look_up("noor.devries@contoso.example")

    assert abs(graph.client().connection_health.clock_skew) <= 5
    assert not [record for record in caplog.records if record.name == connection_health.__name__]


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 32 Foo 2026 00:00:00 GMT"])
def test_an_invalid_date_header_is_ignored(date):
    seen = connection_health.ConnectionHealth()

    seen.record_answer(200, date)

    assert (seen.clock_skew, seen.status_text) == (None, "answers")


# --- A Microsoft that hangs -------------------------------------------------------------------------------------------


def test_requests_without_microsoft_always_get_a_thread():
    waiting = django_settings.GRAPH_AT_ONCE + django_settings.GRAPH_AT_THE_DOOR

    assert gunicorn_conf.threads - waiting >= 4


@contextmanager
def full(limiter: ConcurrencyLimiter) -> Iterator[None]:
    """Other requests hold every slot of the limiter until the end of the block."""
    leave, inside = threading.Event(), threading.Semaphore(0)

    def stay() -> None:
        with limiter.acquire():
            inside.release()
            leave.wait(60)

    places = limiter._limit - len(limiter._slots)
    threads = [threading.Thread(target=stay) for _ in range(places)]
    for thread in threads:
        thread.start()
    for _ in threads:
        inside.acquire()
    try:
        yield
    finally:
        leave.set()
        for thread in threads:
            thread.join()


def test_new_requests_are_refused_at_once_when_calls_are_slow():
    limiter = ConcurrencyLimiter(2, max_waiting=0, slow=0, timeout=60)

    with full(limiter), pytest.raises(graph.Overloaded), limiter.acquire():
        pass

    with limiter.acquire():  # afterwards there is a free slot again
        pass


def test_only_a_few_requests_wait_when_calls_are_slow():
    limiter = ConcurrencyLimiter(1, max_waiting=1, slow=0, timeout=60)
    with ThreadPoolExecutor(1) as threads:
        with full(limiter):
            waiting = threads.submit(entered, limiter)
            wait_for(lambda: limiter._waiting, "one waiting request")
            with pytest.raises(graph.Overloaded), limiter.acquire():
                pass
        assert waiting.result()


def test_requests_are_served_in_order_when_calls_are_quick():
    limiter = ConcurrencyLimiter(1, max_waiting=0, slow=60, timeout=60)
    with ThreadPoolExecutor(5) as threads:
        with full(limiter):
            waiting = [threads.submit(entered, limiter) for _ in range(5)]
            wait_for(lambda: len(limiter._waiting) == 5, "five waiting requests")
        assert all(future.result() for future in waiting)


def test_a_slow_machine_refuses_no_request():
    """A request that is slow because of this machine, not Microsoft, does not count as slow."""
    limiter = ConcurrencyLimiter(1, max_waiting=0, slow=0.2, timeout=60)
    leave = threading.Event()

    def call_once_and_work() -> None:
        with limiter.acquire():
            with limiter.acquire_for_request():
                pass
            leave.wait(60)

    with ThreadPoolExecutor(2) as threads:
        inside = threads.submit(call_once_and_work)
        wait_for(lambda: limiter._slots, "a request with a slot")
        waiting = threads.submit(entered, limiter)
        time.sleep(2 * CHECK_INTERVAL)
        assert not waiting.done()
        leave.set()
        assert waiting.result()
        inside.result()


def test_several_calls_count_as_slow_together():
    limiter = ConcurrencyLimiter(1, max_waiting=0, slow=0.2, timeout=60)
    leave, back = threading.Event(), threading.Event()

    def many_trips() -> None:
        with limiter.acquire():
            for _ in range(4):
                with limiter.acquire_for_request():
                    time.sleep(0.06)
            back.set()
            leave.wait(60)

    with ThreadPoolExecutor(1) as threads:
        inside = threads.submit(many_trips)
        back.wait(60)
        with pytest.raises(graph.Overloaded), limiter.acquire():
            pass
        leave.set()
        inside.result()


def test_no_request_waits_for_ever():
    limiter = ConcurrencyLimiter(1, max_waiting=5, slow=60, timeout=0.05)

    with full(limiter), pytest.raises(graph.Overloaded), limiter.acquire():
        pass


def test_a_request_with_a_slot_needs_no_second_slot():
    limiter = ConcurrencyLimiter(1, max_waiting=0, slow=0)

    with limiter.acquire(), limiter.acquire():
        pass


def counted(limiter: ConcurrencyLimiter, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record each request that asks for a slot from now on."""
    waits, asked = limiter._wait_for_slot, []
    monkeypatch.setattr(limiter, "_wait_for_slot", lambda me: (asked.append(me), waits(me)))
    return asked


def entered(limiter: ConcurrencyLimiter) -> bool:
    with limiter.acquire():
        return True


@pytest.mark.django_db
def test_a_click_under_overload_creates_nothing_and_explains_it(tenant, invite, browser_of, monkeypatch):
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    limiter = ConcurrencyLimiter(1, max_waiting=0, slow=0)
    monkeypatch.setattr(graph.client(), "_limiter", limiter)
    monkeypatch.setattr(graph.client().transport, "_limiter", limiter)

    with full(limiter):
        asked = counted(limiter, monkeypatch)
        answer = maria.post(f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen})

    text = answer.content.decode()
    assert answer.status_code == 503
    assert "Too many requests to Microsoft are waiting, so no pass was created" in text
    assert "Noor" not in text, "the portal could not check the manager"
    assert len(asked) == 1, "a refused request asked for a second slot"
    assert creations(tenant) == []
    assert not PassIssue.objects.exists()
    again = maria.get(answer.context["url"])
    assert again.context["form"]["identity_check"].value() == "in_person"


@pytest.mark.django_db
def test_the_saved_choice_survives_an_overloaded_page(tenant, invite, browser_of, monkeypatch):
    starter, maria = invite("noor"), browser_of("maria")
    address = saved_choice.add_to_address(
        f"/starters/{starter.public_id}/",
        starter,
        User.objects.get(oid=BY_KEY["maria"].object_id),
        saved_choice.SavedChoice("by_video"),
    )
    limiter = ConcurrencyLimiter(1, max_waiting=0, slow=0)
    monkeypatch.setattr(graph.client(), "_limiter", limiter)
    monkeypatch.setattr(graph.client().transport, "_limiter", limiter)

    with full(limiter):
        overloaded = maria.get(address)
    again = maria.get(overloaded.context["url"])

    assert overloaded.status_code == 503
    assert again.context["form"]["identity_check"].value() == "by_video"


@pytest.mark.django_db
def test_an_overloaded_page_does_not_blame_microsoft(tenant, invite, browser_of, monkeypatch, caplog):
    starter, maria = invite("noor"), browser_of("maria")
    limiter = ConcurrencyLimiter(1, max_waiting=0, slow=0)
    monkeypatch.setattr(graph.client(), "_limiter", limiter)
    monkeypatch.setattr(graph.client().transport, "_limiter", limiter)

    with full(limiter):
        asked = counted(limiter, monkeypatch)
        answer = maria.get(f"/starters/{starter.public_id}/")

    page = answer.content.decode()
    assert answer.status_code == 503
    assert "Too many requests to Microsoft are waiting" in page
    assert "Microsoft Entra does not respond" not in page
    assert "enough requests are waiting for it already" in caplog.text
    assert len(asked) == 1, "a refused request asked for a second slot"


@pytest.mark.django_db
def test_a_click_in_progress_is_never_refused(tenant, invite, confirmation, monkeypatch):
    """The limiter is full and slow when the pass is created; this request already has a slot."""
    confirmed = confirmation(invite("noor"))
    limiter, claim = ConcurrencyLimiter(2, max_waiting=0, slow=0), claim_issue
    monkeypatch.setattr(graph.client(), "_limiter", limiter)
    monkeypatch.setattr(graph.client().transport, "_limiter", limiter)

    with ExitStack() as visitors:

        def fill_and_claim(*args, **kwargs):
            visitors.enter_context(full(limiter))
            return claim(*args, **kwargs)

        monkeypatch.setattr(handover, "claim_issue", fill_and_claim)
        outcome = outcome_of(confirmed)

    assert isinstance(outcome, Shown)


@pytest.fixture(scope="module")
def site() -> Iterator[Portal]:
    with portal(GRAPH_READ_TIMEOUT_SECONDS="20") as running:
        yield running


def test_lists_and_health_are_answered_while_microsoft_hangs(site: Portal) -> None:
    """Far more managers wait than the two processes have threads. Each gets a true page in the end."""
    hanna, maria = site.person("hanna"), site.person("maria")
    starter = site.starters(1)[0]
    maria.get("/starters/")
    cookies = maria.http.cookies
    address = f"{site.urls[0]}{starter.page}"
    get_page = partial(requests.get, address, cookies=cookies, timeout=120)
    visitors = 80
    site.tenant.tenant.faults.add({**EVERYTHING_OF_GRAPH, "delay": 60})
    with ThreadPoolExecutor(visitors) as threads:
        waiting = [threads.submit(get_page) for _ in range(visitors)]
        wait_for(lambda: asked_of(site) >= 10, "calls to Microsoft")

        lists = [hanna.get("/hr/").status_code for _ in range(5)]
        health_of_it = [requests.get(f"{site.urls[0]}{path}", timeout=60) for path in ("/livez", "/readyz")]
        still = still_waiting(waiting)
        wait_for(lambda: still_waiting(waiting) <= 2 * gunicorn_conf.threads, "most requests to be refused")
        site.tenant.tenant.faults.end_all()
        answers = [future.result() for future in waiting]

    assert lists == [200] * 5
    assert [response.status_code for response in health_of_it] == [200, 200]
    assert still >= django_settings.GRAPH_AT_ONCE, "the calls to Microsoft ended before the lists came"
    assert {response.status_code for response in answers} <= {200, 503}
    refused = [response for response in answers if response.status_code == 503]
    assert len(refused) >= visitors - 2 * gunicorn_conf.threads
    assert all("already on your screen" in response.text for response in refused)


def asked_of(site: Portal) -> int:
    return sum(1 for thread in threading.enumerate() if "process_request_thread" in thread.name)


def still_waiting(answers: list[Future[requests.Response]]) -> int:
    return sum(1 for future in answers if not future.done())
