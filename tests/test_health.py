"""Health: what a load balancer is told, and that a Microsoft which hangs makes nobody else wait."""

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

from onboarding import clock, graph, handover, health, jobs
from onboarding.graph import sight
from onboarding.graph.waiting import GLANCE, Room
from onboarding.managers import said
from onboarding.models import Heartbeat, PassIssue
from portal import gunicorn_conf
from portal.models import User
from portal.running import wait_for
from tests.conftest import BY_KEY, creations
from tests.replicas import Portal, portal

EVERYTHING_OF_GRAPH = {"path": r"^/v1\.0/", "times": None}


@pytest.fixture(autouse=True)
def nobody_asked_before(monkeypatch: pytest.MonkeyPatch) -> health.Probe:
    probe = health.Probe()
    monkeypatch.setattr(health, "_probe", probe)
    return probe


# --- What it says -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_process_that_answers_is_alive_whatever_else_is_broken(client, monkeypatch):
    monkeypatch.setattr(jobs, "a_worker_lives", away)

    answer = client.get("/livez")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.django_db(transaction=True)
def test_it_is_ready_with_its_database_its_migrations_and_a_worker(client, tenant):
    jobs.beat("a worker")

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "database": "answers",
        "migrations": "applied",
        "worker": "alive",
        "graph": "not asked",
    }


@pytest.mark.django_db(transaction=True)
def test_without_a_worker_it_is_not_ready(client, tenant):
    Heartbeat.objects.create(worker="one of yesterday", beat_at=clock.now() - timedelta(days=1))

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["worker"]) == (503, "missing")


@pytest.mark.django_db(transaction=True)
def test_with_a_migration_to_come_it_is_not_ready(client, tenant, monkeypatch):
    jobs.beat("a worker")
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["one to come"])

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["migrations"]) == (503, "missing")


@pytest.mark.django_db(transaction=True)
def test_without_its_database_it_is_not_ready_and_tells_nobody_why(client, tenant, monkeypatch):
    monkeypatch.setattr(jobs, "a_worker_lives", away)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["database"]) == (503, "no answer")
    assert "10.1.2.3" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_hangs_holds_one_thread_and_no_visitor(client, tenant, monkeypatch):
    hanging, asked = threading.Event(), []

    def hang() -> bool:
        asked.append(threading.current_thread().name)
        return hanging.wait(60)

    monkeypatch.setattr(jobs, "a_worker_lives", hang)
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    try:
        answers = [client.get("/readyz").status_code for _ in range(5)]
        assert answers == [503] * 5
        assert asked == ["health"]
    finally:
        hanging.set()
    wait_for(lambda: client.get("/readyz").status_code == 200, "it to be ready again")


@pytest.mark.django_db(transaction=True)
def test_a_silent_microsoft_is_told_and_makes_nobody_unready(client, tenant):
    jobs.beat("a worker")
    tenant.tenant.faults.add({**EVERYTHING_OF_GRAPH, "drop": "before"})
    with pytest.raises(graph.Unavailable):
        graph.client().look_up("noor.devries@contoso.example")
    tenant.tenant.requests.clear()

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["graph"]) == (200, "silent")
    assert not tenant.tenant.requests


@pytest.mark.django_db
@pytest.mark.parametrize("path", django_settings.HEALTH_PATHS)
def test_a_load_balancer_asks_by_number_and_without_tls(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code in {200, 503}
    assert client.get("/", headers={"Host": "10.0.0.7:8000"}).status_code == 400


def away() -> bool:
    raise OperationalError("connection to server at 10.1.2.3 failed")


# --- Microsoft's clock and ours -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("minutes", [15, -15])
def test_a_clock_that_is_wrong_is_told_once_in_a_while(tenant, caplog, minutes):
    tenant.tenant.clock.ahead = minutes * 60

    for _ in range(3):
        graph.client().look_up("noor.devries@contoso.example")

    told = [record for record in caplog.records if record.name == sight.__name__]
    assert [record.levelname for record in told] == ["WARNING"]
    assert "clock_skew" in told[0].getMessage()
    assert abs(told[0].seconds_microsoft_is_ahead - minutes * 60) <= 5
    assert abs(graph.client().sight.clock_skew - minutes * 60) <= 5


@pytest.mark.django_db
def test_clocks_that_agree_are_no_news(tenant, caplog):
    graph.client().look_up("noor.devries@contoso.example")

    assert abs(graph.client().sight.clock_skew) <= 5
    assert not [record for record in caplog.records if record.name == sight.__name__]


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 32 Foo 2026 00:00:00 GMT"])
def test_a_date_that_makes_no_sense_says_nothing_about_a_clock(date):
    seen = sight.Sight()

    seen.heard(200, date)

    assert (seen.clock_skew, seen.words) == (None, "answers")


# --- A Microsoft that hangs -------------------------------------------------------------------------------------------


def test_there_are_always_threads_for_those_who_need_no_microsoft():
    waiting = django_settings.GRAPH_AT_ONCE + django_settings.GRAPH_AT_THE_DOOR

    assert gunicorn_conf.threads - waiting >= 4


@contextmanager
def full(room: Room) -> Iterator[None]:
    """Somebody else is in each place of the room until the end of the block."""
    leave, inside = threading.Event(), threading.Semaphore(0)

    def stay() -> None:
        with room.turn():
            inside.release()
            leave.wait(60)

    places = room._places - len(room._stays)
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


def test_where_it_is_slow_inside_who_comes_is_told_at_once():
    room = Room(2, at_the_door=0, slow=0, patience=60)

    with full(room), pytest.raises(graph.Crowded), room.turn():
        pass

    with room.turn():  # and afterwards there is room again
        pass


def test_where_it_is_slow_a_few_may_stand_at_the_door():
    room = Room(1, at_the_door=1, slow=0, patience=60)
    with ThreadPoolExecutor(1) as threads:
        with full(room):
            at_the_door = threads.submit(entered, room)
            wait_for(lambda: room._door, "somebody at the door")
            with pytest.raises(graph.Crowded), room.turn():
                pass
        assert at_the_door.result()


def test_where_it_goes_quickly_all_may_wait_and_go_in_as_they_came():
    room = Room(1, at_the_door=0, slow=60, patience=60)
    with ThreadPoolExecutor(5) as threads:
        with full(room):
            crowd = [threads.submit(entered, room) for _ in range(5)]
            wait_for(lambda: len(room._door) == 5, "a crowd at the door")
        assert all(one.result() for one in crowd)


def test_a_machine_that_is_slow_itself_turns_nobody_away():
    """Who is inside for long, and hardly with Microsoft, is held up by this machine; so is whoever comes back."""
    room = Room(1, at_the_door=0, slow=0.2, patience=60)
    leave = threading.Event()

    def one_trip_and_much_else() -> None:
        with room.turn():
            with room.trip():
                pass
            leave.wait(60)

    with ThreadPoolExecutor(2) as threads:
        inside = threads.submit(one_trip_and_much_else)
        wait_for(lambda: room._stays, "somebody inside")
        at_the_door = threads.submit(entered, room)
        time.sleep(2 * GLANCE)
        assert not at_the_door.done()
        leave.set()
        assert at_the_door.result()
        inside.result()


def test_several_trips_that_are_long_together_are_slow_as_well():
    room = Room(1, at_the_door=0, slow=0.2, patience=60)
    leave, back = threading.Event(), threading.Event()

    def many_trips() -> None:
        with room.turn():
            for _ in range(4):
                with room.trip():
                    time.sleep(0.06)
            back.set()
            leave.wait(60)

    with ThreadPoolExecutor(1) as threads:
        inside = threads.submit(many_trips)
        back.wait(60)
        with pytest.raises(graph.Crowded), room.turn():
            pass
        leave.set()
        inside.result()


def test_nobody_stands_at_the_door_for_ever():
    room = Room(1, at_the_door=5, slow=60, patience=0.05)

    with full(room), pytest.raises(graph.Crowded), room.turn():
        pass


def test_whoever_is_inside_needs_no_second_place():
    room = Room(1, at_the_door=0, slow=0)

    with room.turn(), room.turn():
        pass


def counted(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Whoever asks for a place from now on, once for each time."""
    waits, asked = room._wait, []
    monkeypatch.setattr(room, "_wait", lambda me: (asked.append(me), waits(me)))
    return asked


def entered(room: Room) -> bool:
    with room.turn():
        return True


@pytest.mark.django_db
def test_a_press_in_a_crowd_makes_nothing_and_says_so(tenant, invite, browser_of, monkeypatch):
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    room = Room(1, at_the_door=0, slow=0)
    monkeypatch.setattr(graph.client(), "_room", room)
    monkeypatch.setattr(graph.client()._transport, "_room", room)

    with full(room):
        asked = counted(room, monkeypatch)
        answer = maria.post(f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen})

    text = answer.content.decode()
    assert answer.status_code == 503
    assert "Too many people are waiting for Microsoft at this moment, so no pass was made" in text
    assert "Noor" not in text, "nobody could ask whether this is the manager"
    assert len(asked) == 1, "who asked in vain for a place asked for another"
    assert creations(tenant) == []
    assert not PassIssue.objects.exists()
    again = maria.get(answer.context["url"])
    assert again.context["form"]["identity_check"].value() == "in_person"


@pytest.mark.django_db
def test_what_was_said_outlives_a_look_in_a_crowd(tenant, invite, browser_of, monkeypatch):
    starter, maria = invite("noor"), browser_of("maria")
    address = said.in_address(
        f"/starters/{starter.public_id}/",
        starter,
        User.objects.get(oid=BY_KEY["maria"].object_id),
        said.Said("by_video"),
    )
    room = Room(1, at_the_door=0, slow=0)
    monkeypatch.setattr(graph.client(), "_room", room)
    monkeypatch.setattr(graph.client()._transport, "_room", room)

    with full(room):
        crowded = maria.get(address)
    again = maria.get(crowded.context["url"])

    assert crowded.status_code == 503
    assert again.context["form"]["identity_check"].value() == "by_video"


@pytest.mark.django_db
def test_a_look_in_a_crowd_says_so_and_not_that_microsoft_is_silent(
    tenant, invite, browser_of, monkeypatch, caplog
):
    starter, maria = invite("noor"), browser_of("maria")
    room = Room(1, at_the_door=0, slow=0)
    monkeypatch.setattr(graph.client(), "_room", room)
    monkeypatch.setattr(graph.client()._transport, "_room", room)

    with full(room):
        asked = counted(room, monkeypatch)
        answer = maria.get(f"/starters/{starter.public_id}/")

    page = answer.content.decode()
    assert answer.status_code == 503
    assert "Too many people are waiting for Microsoft" in page
    assert "The directory does not answer" not in page
    assert "enough are waiting for it already" in caplog.text
    assert len(asked) == 1, "who asked in vain for a place asked for another"


@pytest.mark.django_db
def test_a_press_that_was_begun_is_never_turned_away(tenant, invite, confirmation, monkeypatch):
    """The room is full and slow when the pass is asked for; whoever asks is one of those inside."""
    asked = confirmation(invite("noor"))
    room, claim = Room(2, at_the_door=0, slow=0), handover.claim
    monkeypatch.setattr(graph.client(), "_room", room)
    monkeypatch.setattr(graph.client()._transport, "_room", room)

    with ExitStack() as crowd:

        def then_the_crowd_comes(*args, **kwargs):
            crowd.enter_context(full(room))
            return claim(*args, **kwargs)

        monkeypatch.setattr(handover, "claim", then_the_crowd_comes)
        outcome = handover.confirm(asked)

    assert isinstance(outcome, handover.Shown)


@pytest.fixture(scope="module")
def site() -> Iterator[Portal]:
    with portal(GRAPH_READ_TIMEOUT_SECONDS="20") as running:
        yield running


def test_lists_and_health_are_answered_while_microsoft_hangs(site: Portal) -> None:
    """Far more managers wait than the two processes have threads; each of them gets an honest page in the end."""
    hanna, maria = site.person("hanna"), site.person("maria")
    starter = site.starters(1)[0]
    maria.get("/")
    cookies = maria.http.cookies
    address = f"{site.urls[0]}{starter.page}"
    look = partial(requests.get, address, cookies=cookies, timeout=120)
    crowd = 80
    site.tenant.tenant.faults.add({**EVERYTHING_OF_GRAPH, "delay": 60})
    with ThreadPoolExecutor(crowd) as threads:
        waiting = [threads.submit(look) for _ in range(crowd)]
        wait_for(lambda: asked_of(site) >= 10, "Microsoft to be asked")

        lists = [hanna.get("/hr/").status_code for _ in range(5)]
        health_of_it = [requests.get(f"{site.urls[0]}{path}", timeout=60) for path in ("/livez", "/readyz")]
        still = still_waiting(waiting)
        wait_for(lambda: still_waiting(waiting) <= 2 * gunicorn_conf.threads, "most to be turned away")
        site.tenant.tenant.faults.end()
        answers = [one.result() for one in waiting]

    assert lists == [200] * 5
    assert [one.status_code for one in health_of_it] == [200, 200]
    assert still >= django_settings.GRAPH_AT_ONCE, "Microsoft had given up before the lists came"
    assert {one.status_code for one in answers} <= {200, 503}
    turned_away = [one for one in answers if one.status_code == 503]
    assert len(turned_away) >= crowd - 2 * gunicorn_conf.threads
    assert all("Nothing is lost" in one.text for one in turned_away)


def asked_of(site: Portal) -> int:
    return sum(1 for thread in threading.enumerate() if "process_request_thread" in thread.name)


def still_waiting(answers: list[Future[requests.Response]]) -> int:
    return sum(1 for one in answers if not one.done())
