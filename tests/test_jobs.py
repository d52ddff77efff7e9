"""Work in the background is durable: asked for with its cause, done once, retried, and never lost by a kill."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from onboarding import jobs
from onboarding.management.commands import worker
from onboarding.models import Heartbeat, Job

pytestmark = pytest.mark.django_db
MAIL, PASS, LOOK, WATCH = Job.Priority.MAIL, Job.Priority.PASS, Job.Priority.LOOK, Job.Priority.WATCH


@pytest.fixture
def done(monkeypatch):
    """A kind of job that notes what it was asked to do, and does what a test puts into `done.how`."""

    class Done(list):
        how = staticmethod(lambda what: None)

    noted = Done()

    def handle(what):
        noted.append(what)
        return noted.how(what)

    monkeypatch.setitem(jobs._handlers, "note", handle)
    return noted


def ask(what="x", priority=MAIL, **more):
    jobs.ask(f"note:{what}", priority=priority, **more)


def the_job(what="x"):
    return Job.objects.get(key=f"note:{what}")


def fail(_):
    raise ValueError("the mailbox is full")


# --- Asking ---------------------------------------------------------------------------------------------------------------


def test_what_was_asked_in_a_transaction_that_failed_was_not_asked(done, hurry):
    with pytest.raises(RuntimeError), transaction.atomic():
        ask("x")
        raise RuntimeError("the change did not happen")

    hurry()

    assert done == [] and not Job.objects.exists()


def test_what_was_asked_is_done_once(done, hurry):
    ask("x")

    hurry()
    hurry()

    assert done == ["x"] and the_job().done_at is not None


def test_asking_for_the_same_twice_asks_once(done, hurry):
    ask("x")
    ask("x")

    hurry()

    assert done == ["x"]


def test_asking_for_what_is_done_does_it_again(done, hurry):
    ask("x")
    hurry()

    ask("x")
    hurry()

    assert done == ["x", "x"]


def test_asking_brings_forward_and_never_puts_off(done, hurry):
    soon, late = timezone.now() + timedelta(minutes=1), timezone.now() + timedelta(hours=1)
    ask("x", due_at=late)
    ask("x", due_at=soon)
    first = the_job().due_at

    ask("x", due_at=late)
    hurry()

    assert first == the_job().due_at == soon and done == []


def test_what_is_due_later_is_not_done_before(done, hurry, time_machine):
    ask("x", due_at=timezone.now() + timedelta(minutes=10))
    hurry()
    before = list(done)

    time_machine.move_to(timezone.now() + timedelta(minutes=10, seconds=1))
    hurry()

    assert (before, done) == ([], ["x"])


def test_passes_go_before_mail_and_mail_before_looking(done, hurry):
    ask("look", priority=LOOK)
    ask("mail", priority=MAIL)
    ask("pass", priority=PASS)

    hurry()

    assert done == ["pass", "mail", "look"]


def test_a_job_that_says_when_is_done_again_then(done, hurry, time_machine):
    done.how = lambda _: timezone.now() + timedelta(minutes=5)
    ask("x")
    hurry()
    first = len(done)

    time_machine.move_to(timezone.now() + timedelta(minutes=5, seconds=1))
    hurry()

    assert (first, len(done)) == (1, 2)


# --- Killed, overtaken, asked meanwhile -----------------------------------------------------------------------------------


def test_what_a_killed_worker_held_is_done_by_another_after_its_lock(done, hurry, time_machine):
    ask("x")
    assert jobs.claim(timezone.now()) is not None  # and the worker is killed here
    hurry()
    while_locked = list(done)

    time_machine.move_to(timezone.now() + jobs.LOCK + timedelta(seconds=1))
    hurry()

    assert (while_locked, done) == ([], ["x"])


def test_a_worker_that_was_only_slow_cannot_finish_what_another_took_over(done, time_machine):
    ask("x")
    slow = jobs.claim(timezone.now())
    time_machine.move_to(timezone.now() + jobs.LOCK + timedelta(seconds=1))
    other = jobs.claim(timezone.now())

    jobs.work(slow)
    between = the_job()
    jobs.work(other)

    assert between.done_at is None and between.locked_until is not None
    assert the_job().done_at is not None


def test_what_is_asked_while_it_runs_is_done_once_more(done, hurry):
    def asked_meanwhile(_):
        if len(done) == 1:
            ask("x")

    done.how = asked_meanwhile
    ask("x")
    hurry()

    assert done == ["x", "x"] and the_job().done_at is not None


def test_what_is_asked_while_it_runs_is_not_put_off_to_when_it_wanted_to_run_again(done, hurry):
    def asked_meanwhile(_):
        if len(done) == 1:
            ask("x")
        return timezone.now() + timedelta(hours=6)

    done.how = asked_meanwhile
    ask("x")
    hurry()

    assert done == ["x", "x"]
    assert the_job().due_at > timezone.now() + timedelta(hours=5)


def test_what_is_asked_while_it_fails_is_done_without_waiting(done, hurry):
    def asked_and_failing(_):
        if len(done) == 1:
            ask("x")
            raise ValueError("too early")

    done.how = asked_and_failing
    ask("x")
    hurry()

    assert done == ["x", "x"] and the_job().attempts == 0


# --- Failing ----------------------------------------------------------------------------------------------------------------


def test_a_failure_is_tried_again_later_and_each_time_later_still(done, hurry, time_machine):
    done.how = fail
    ask("x")
    pauses = []

    for _ in range(12):
        hurry()
        pauses.append((the_job().due_at - timezone.now()).total_seconds())
        time_machine.move_to(the_job().due_at + timedelta(seconds=1))

    planned = [min(2.0**n, 600) for n in range(12)]
    assert all(0.7 * plan <= pause <= 1.21 * plan for pause, plan in zip(pauses, planned, strict=True))
    assert len(done) == 12 and the_job().attempts == 12


def test_a_failure_says_what_it_was(done, hurry):
    done.how = fail
    ask("x")

    hurry()

    assert the_job().last_error == "ValueError: the mailbox is full"
    assert the_job().locked_until is None


def test_a_success_forgets_the_failures_before_it(done, hurry, time_machine):
    done.how = fail
    ask("x")
    hurry()
    done.how = lambda _: None
    time_machine.move_to(timezone.now() + timedelta(seconds=5))

    hurry()

    assert (the_job().attempts, the_job().last_error) == (0, "") and the_job().done_at is not None


def test_one_job_that_fails_does_not_hold_up_another(done, hurry):
    done.how = lambda what: fail(what) if what == "bad" else None
    ask("bad", priority=PASS)
    ask("good")

    hurry()

    assert done == ["bad", "good"] and the_job("good").done_at is not None


def test_a_job_of_a_kind_that_nobody_knows_fails_and_stays(hurry):
    jobs.ask("riddle:1", priority=MAIL)

    hurry()

    job = Job.objects.get(key="riddle:1")
    assert job.attempts == 1 and job.done_at is None and "KeyError" in job.last_error


def given_up(done, hurry, time_machine):
    done.how = fail
    ask("x")
    started = timezone.now()
    while the_job().failed_at is None:
        hurry()
        time_machine.move_to(the_job().due_at + timedelta(seconds=1))
        assert len(done) < 400, "it never gives up"
    return the_job().failed_at - started


def test_after_a_day_of_failures_a_job_is_given_up_and_seen(done, hurry, time_machine):
    lasted = given_up(done, hurry, time_machine)

    tried = len(done)
    time_machine.move_to(timezone.now() + timedelta(days=2))
    hurry()

    assert timedelta(hours=18) < lasted < timedelta(hours=30)
    assert len(done) == tried and Job.objects.filter(failed_at__isnull=False).count() == 1


def test_an_admin_starts_a_job_again_with_all_its_attempts(done, hurry, time_machine, browser_of):
    given_up(done, hurry, time_machine)
    tried, ada = len(done), browser_of("ada")
    listed = ada.get("/admin/onboarding/job/").content.decode()

    ada.post(
        "/admin/onboarding/job/",
        {"action": "start_again", "_selected_action": [str(the_job().pk)]},
        follow=True,
    )
    hurry()

    assert "note:x" in listed and len(done) == tried + 1
    assert the_job().failed_at is None and the_job().attempts == 1


def test_starting_again_leaves_what_was_not_given_up(done, hurry, browser_of):
    ask("x")
    hurry()

    browser_of("ada").post(
        "/admin/onboarding/job/", {"action": "start_again", "_selected_action": [str(the_job().pk)]}
    )
    hurry()

    assert done == ["x"]


@pytest.mark.parametrize("key", ["hanna", "maria", "audrey"])
def test_nobody_but_an_admin_starts_a_job_again(done, hurry, browser_of, key):
    ask("x")
    Job.objects.update(failed_at=timezone.now())

    browser_of(key).post(
        "/admin/onboarding/job/", {"action": "start_again", "_selected_action": [str(the_job().pk)]}
    )
    hurry()

    assert the_job().failed_at is not None and done == []


def test_a_job_about_a_pass_is_never_given_up(done, hurry, time_machine):
    done.how = fail
    ask("x", priority=PASS)
    Job.objects.update(attempts=5000)  # more than a month of failures

    hurry()

    assert the_job().failed_at is None and the_job().attempts == 5001
    assert the_job().due_at - timezone.now() < timedelta(minutes=13)


def test_coming_back_later_is_no_failure(done, hurry, time_machine):
    def not_yet(_):
        raise jobs.TryLater(30)

    done.how = not_yet
    ask("x")
    hurry()

    assert timedelta(seconds=25) < the_job().due_at - timezone.now() <= timedelta(seconds=30)
    assert (the_job().attempts, the_job().last_error, the_job().locked_until) == (0, "", None)


def test_coming_back_later_is_never_given_up(done, hurry, time_machine):
    def not_yet(_):
        raise jobs.TryLater(3600)

    done.how = not_yet
    ask("x")
    for _ in range(60):
        hurry()
        time_machine.move_to(the_job().due_at + timedelta(seconds=1))

    assert the_job().failed_at is None and len(done) == 60


# --- Workers ----------------------------------------------------------------------------------------------------------------


def test_a_worker_that_beats_is_alive_and_one_that_stopped_is_not(time_machine):
    before = jobs.a_worker_lives()
    jobs.beat("one")
    beating = jobs.a_worker_lives()

    time_machine.move_to(timezone.now() + jobs.ALIVE + timedelta(seconds=1))

    assert (before, beating, jobs.a_worker_lives()) == (False, True, False)


def test_one_row_a_worker_however_long_it_beats():
    jobs.beat("one")
    jobs.beat("one")
    jobs.beat("two")

    assert Heartbeat.objects.count() == 2


@pytest.fixture
def worker_here(monkeypatch):
    """The worker's command inside this test: with the test's own connection, and without its signals."""
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)
    monkeypatch.setattr(worker.time, "sleep", lambda _: None)


def test_the_worker_command_does_what_is_due_and_plans_the_daily_work(done, worker_here):
    ask("x")
    ask("later", due_at=timezone.now() + timedelta(hours=1))

    call_command("worker", "--once")

    assert done == ["x"] and jobs.a_worker_lives()
    assert Job.objects.get(key="daily:forget").due_at > timezone.now()


def test_a_worker_outlives_a_database_that_was_away(done, worker_here, monkeypatch):
    command = worker.Command()
    ask("x")
    with monkeypatch.context() as broken:
        broken.setattr(jobs, "beat", lambda *_, **__: (_ for _ in ()).throw(DatabaseError("away")))
        first = command.one("w")

    second = command.one("w")

    assert (first, second) == (False, True) and done == ["x"]


def test_looking_after_passes_takes_nobodys_turn(done, worker_here, monkeypatch):
    """With thousands of passes out the worker would do nothing else: now and then one, in between whatever there is."""
    monkeypatch.setattr(worker.Command, "watch_every", 60.0)
    command = worker.Command()
    for what in ("watch 1", "watch 2"):
        ask(what, priority=WATCH)
    for what in ("mail 1", "mail 2"):
        ask(what, priority=MAIL)
    ask("pass", priority=PASS)  # one that nobody may use

    worked = [command.one("w") for _ in range(5)]

    assert done == ["pass", "watch 1", "mail 1", "mail 2"] and worked[-1] is False
    assert 0 < command.until_a_watch() <= 60
    command.watches_at = 0.0
    assert command.one("w") and done[-1] == "watch 2"


def test_after_a_slow_look_at_a_pass_something_else_has_its_turn(done, worker_here, monkeypatch):
    monkeypatch.setattr(worker.Command, "watch_every", 0.01)
    done.how = lambda _: threading.Event().wait(0.05) or None
    command = worker.Command()
    for number in (1, 2):
        ask(f"watch {number}", priority=WATCH)
        ask(f"mail {number}", priority=MAIL)

    command.one("w"), command.one("w")

    assert done == ["watch 1", "mail 1"]


def test_doing_what_is_due_now_leaves_no_pass_unwatched(done, worker_here):
    for number in range(3):
        ask(f"watch {number}", priority=WATCH)

    call_command("worker", "--once")

    assert done == ["watch 0", "watch 1", "watch 2"]


def test_a_job_becomes_as_urgent_as_it_was_asked_for_last(done, hurry):
    """A pass that was handed over is taken back: from then on it is deleted before anything else is done."""
    ask("x", priority=WATCH)
    ask("mail", priority=MAIL)
    ask("x", priority=PASS)

    hurry()

    assert done == ["x", "mail"] and the_job().priority == PASS


def test_a_worker_that_does_much_says_now_and_then_that_it_lives(done, worker_here, monkeypatch):
    beats = []
    monkeypatch.setattr(jobs, "beat", lambda name, **_: beats.append(name))
    command = worker.Command()
    for what in ("x", "y", "z"):
        ask(what)
        command.one("w")

    assert (done, beats) == (["x", "y", "z"], ["w"])
    command.beats_at -= worker.BEAT_EVERY
    command.one("w")
    assert beats == ["w", "w"]


def test_a_claimed_job_cannot_be_claimed_again():
    jobs.ask("note:x", priority=MAIL)

    first, second = jobs.claim(timezone.now()), jobs.claim(timezone.now())

    assert first is not None and second is None


def test_a_claim_that_another_worker_won_in_between_is_none(monkeypatch):
    """Between choosing a job and taking it another replica takes it: the taking notices."""
    jobs.ask("note:x", priority=MAIL)
    query = type(Job.objects.all())
    choose = query.first

    def chosen_by_both(rows):
        job = choose(rows)
        Job.objects.filter(pk=job.pk).update(claim=job.claim + 1, locked_until=timezone.now() + jobs.LOCK)
        return job

    monkeypatch.setattr(query, "first", chosen_by_both)

    assert jobs.claim(timezone.now()) is None


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_take_the_same_job():
    for number in range(24):
        jobs.ask(f"note:{number}", priority=MAIL)
    taken, together = [], threading.Barrier(2)

    def work():
        together.wait()
        patience = time.monotonic() + 120
        while time.monotonic() < patience:
            try:
                job = jobs.claim(timezone.now())
            except DatabaseError:  # SQLite has one writer; a worker waits for it in the same way
                time.sleep(0.001)
                continue
            if job is None:
                if not Job.objects.filter(locked_until=None).exists():
                    break
                continue
            taken.append(job.key)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert sorted(taken) == sorted(f"note:{number}" for number in range(24))
