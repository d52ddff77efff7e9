"""The job queue is durable: a job is queued with its cause, runs once, is retried, and survives a kill."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.utils import timezone

from onboarding import jobs
from onboarding.management.commands import worker
from onboarding.models import Heartbeat, Job

pytestmark = pytest.mark.django_db
MAIL, PASS, LOOK, WATCH = Job.Priority.MAIL, Job.Priority.PASS, Job.Priority.LOOK, Job.Priority.WATCH


@pytest.fixture
def done(monkeypatch):
    """A kind of job that records its subjects, and does what a test sets as `done.how`."""

    class Done(list):
        how = staticmethod(lambda what: None)

    noted = Done()

    def handle(what):
        noted.append(what)
        return noted.how(what)

    monkeypatch.setitem(jobs._handlers, "note", handle)
    return noted


def ask(what="x", priority=MAIL, **more):
    jobs.enqueue_job(f"note:{what}", priority=priority, **more)


def the_job(what="x"):
    return Job.objects.get(key=f"note:{what}")


def fail(_):
    raise ValueError("the mailbox is full")


# --- Queuing ---------------------------------------------------------------------------------------------------------------


def test_a_failed_transaction_queues_no_job(done, run_jobs):
    with pytest.raises(RuntimeError), transaction.atomic():
        ask("x")
        raise RuntimeError("the change did not happen")

    run_jobs()

    assert done == [] and not Job.objects.exists()


def test_a_queued_job_runs_once(done, run_jobs):
    ask("x")

    run_jobs()
    run_jobs()

    assert done == ["x"] and the_job().done_at is not None


def test_the_same_key_is_queued_once(done, run_jobs):
    ask("x")
    ask("x")

    run_jobs()

    assert done == ["x"]


def test_queuing_a_finished_job_runs_it_again(done, run_jobs):
    ask("x")
    run_jobs()

    ask("x")
    run_jobs()

    assert done == ["x", "x"]


def test_queuing_again_brings_forward_and_never_delays(done, run_jobs):
    soon, late = timezone.now() + timedelta(minutes=1), timezone.now() + timedelta(hours=1)
    ask("x", due_at=late)
    ask("x", due_at=soon)
    first = the_job().due_at

    ask("x", due_at=late)
    run_jobs()

    assert first == the_job().due_at == soon and done == []


def test_a_job_does_not_run_before_it_is_due(done, run_jobs, time_machine):
    ask("x", due_at=timezone.now() + timedelta(minutes=10))
    run_jobs()
    before = list(done)

    time_machine.move_to(timezone.now() + timedelta(minutes=10, seconds=1))
    run_jobs()

    assert (before, done) == ([], ["x"])


def test_passes_run_before_mail_and_mail_before_checks(done, run_jobs):
    ask("look", priority=LOOK)
    ask("mail", priority=MAIL)
    ask("pass", priority=PASS)

    run_jobs()

    assert done == ["pass", "mail", "look"]


def test_a_job_runs_again_when_its_handler_says(done, run_jobs, time_machine):
    done.how = lambda _: timezone.now() + timedelta(minutes=5)
    ask("x")
    run_jobs()
    first = len(done)

    time_machine.move_to(timezone.now() + timedelta(minutes=5, seconds=1))
    run_jobs()

    assert (first, len(done)) == (1, 2)


# --- Killed, taken over, queued meanwhile -----------------------------------------------------------------------------------


def test_another_worker_takes_over_after_a_killed_workers_lock(done, run_jobs, time_machine):
    ask("x")
    assert jobs.claim_job(timezone.now()) is not None  # the worker is killed here
    run_jobs()
    while_locked = list(done)

    time_machine.move_to(timezone.now() + jobs.LOCK_DURATION + timedelta(seconds=1))
    run_jobs()

    assert (while_locked, done) == ([], ["x"])


def test_a_slow_worker_cannot_finish_a_job_taken_over(done, time_machine):
    ask("x")
    slow = jobs.claim_job(timezone.now())
    time_machine.move_to(timezone.now() + jobs.LOCK_DURATION + timedelta(seconds=1))
    other = jobs.claim_job(timezone.now())

    jobs.run_job(slow)
    between = the_job()
    jobs.run_job(other)

    assert between.done_at is None and between.locked_until is not None
    assert the_job().done_at is not None


def test_a_job_queued_while_it_runs_runs_once_more(done, run_jobs):
    def asked_meanwhile(_):
        if len(done) == 1:
            ask("x")

    done.how = asked_meanwhile
    ask("x")
    run_jobs()

    assert done == ["x", "x"] and the_job().done_at is not None


def test_a_job_queued_while_it_runs_is_not_delayed(done, run_jobs):
    def asked_meanwhile(_):
        if len(done) == 1:
            ask("x")
        return timezone.now() + timedelta(hours=6)

    done.how = asked_meanwhile
    ask("x")
    run_jobs()

    assert done == ["x", "x"]
    assert the_job().due_at > timezone.now() + timedelta(hours=5)


def test_a_job_queued_while_it_fails_runs_without_waiting(done, run_jobs):
    def asked_and_failing(_):
        if len(done) == 1:
            ask("x")
            raise ValueError("too early")

    done.how = asked_and_failing
    ask("x")
    run_jobs()

    assert done == ["x", "x"] and the_job().attempts == 0


# --- Failing ----------------------------------------------------------------------------------------------------------------


def test_a_failed_job_is_retried_with_growing_delays(done, run_jobs, time_machine):
    done.how = fail
    ask("x")
    pauses = []

    for _ in range(12):
        run_jobs()
        pauses.append((the_job().due_at - timezone.now()).total_seconds())
        time_machine.move_to(the_job().due_at + timedelta(seconds=1))

    planned = [min(2.0**n, 600) for n in range(12)]
    assert all(0.7 * plan <= pause <= 1.21 * plan for pause, plan in zip(pauses, planned, strict=True))
    assert len(done) == 12 and the_job().attempts == 12


def test_a_failed_job_shows_its_error(done, run_jobs):
    done.how = fail
    ask("x")

    run_jobs()

    assert the_job().last_error == "ValueError: the mailbox is full"
    assert the_job().locked_until is None


def test_a_success_resets_the_failure_count(done, run_jobs, time_machine):
    done.how = fail
    ask("x")
    run_jobs()
    done.how = lambda _: None
    time_machine.move_to(timezone.now() + timedelta(seconds=5))

    run_jobs()

    assert (the_job().attempts, the_job().last_error) == (0, "") and the_job().done_at is not None


def test_a_failing_job_does_not_delay_another(done, run_jobs):
    done.how = lambda what: fail(what) if what == "bad" else None
    ask("bad", priority=PASS)
    ask("good")

    run_jobs()

    assert done == ["bad", "good"] and the_job("good").done_at is not None


def test_a_job_of_an_unknown_kind_fails_and_stays(run_jobs):
    jobs.enqueue_job("riddle:1", priority=MAIL)

    run_jobs()

    job = Job.objects.get(key="riddle:1")
    assert job.attempts == 1 and job.done_at is None and "KeyError" in job.last_error


def given_up(done, run_jobs, time_machine):
    done.how = fail
    ask("x")
    started = timezone.now()
    while the_job().failed_at is None:
        run_jobs()
        time_machine.move_to(the_job().due_at + timedelta(seconds=1))
        assert len(done) < 400, "it never gives up"
    return the_job().failed_at - started


def test_a_job_fails_for_good_after_a_day_of_failures(done, run_jobs, time_machine):
    lasted = given_up(done, run_jobs, time_machine)

    tried = len(done)
    time_machine.move_to(timezone.now() + timedelta(days=2))
    run_jobs()

    assert timedelta(hours=18) < lasted < timedelta(hours=30)
    assert len(done) == tried and Job.objects.filter(failed_at__isnull=False).count() == 1


def test_an_admin_restarts_a_failed_job_with_all_attempts(done, run_jobs, time_machine, browser_of):
    given_up(done, run_jobs, time_machine)
    tried, ada = len(done), browser_of("ada")
    listed = ada.get("/admin/onboarding/job/").content.decode()

    ada.post(
        "/admin/onboarding/job/",
        {"action": "start_again", "_selected_action": [str(the_job().pk)]},
        follow=True,
    )
    run_jobs()

    assert "note:x" in listed and len(done) == tried + 1
    assert the_job().failed_at is None and the_job().attempts == 1


def test_restarting_leaves_jobs_that_have_not_failed(done, run_jobs, browser_of):
    ask("x")
    run_jobs()

    browser_of("ada").post(
        "/admin/onboarding/job/", {"action": "start_again", "_selected_action": [str(the_job().pk)]}
    )
    run_jobs()

    assert done == ["x"]


@pytest.mark.parametrize("key", ["hanna", "maria", "audrey"])
def test_only_an_admin_restarts_a_job(done, run_jobs, browser_of, key):
    ask("x")
    Job.objects.update(failed_at=timezone.now())

    browser_of(key).post(
        "/admin/onboarding/job/", {"action": "start_again", "_selected_action": [str(the_job().pk)]}
    )
    run_jobs()

    assert the_job().failed_at is not None and done == []


def test_a_job_about_a_pass_is_never_given_up(done, run_jobs, time_machine):
    done.how = fail
    ask("x", priority=PASS)
    Job.objects.update(attempts=5000)  # more than a month of failures

    run_jobs()

    assert the_job().failed_at is None and the_job().attempts == 5001
    assert the_job().due_at - timezone.now() < timedelta(minutes=13)


def test_postponing_a_job_is_no_failure(done, run_jobs, time_machine):
    def not_yet(_):
        raise jobs.JobPostponed(30)

    done.how = not_yet
    ask("x")
    run_jobs()

    assert timedelta(seconds=25) < the_job().due_at - timezone.now() <= timedelta(seconds=30)
    assert (the_job().attempts, the_job().last_error, the_job().locked_until) == (0, "", None)


def test_a_postponed_job_is_never_given_up(done, run_jobs, time_machine):
    def not_yet(_):
        raise jobs.JobPostponed(3600)

    done.how = not_yet
    ask("x")
    for _ in range(60):
        run_jobs()
        time_machine.move_to(the_job().due_at + timedelta(seconds=1))

    assert the_job().failed_at is None and len(done) == 60


# --- Workers ----------------------------------------------------------------------------------------------------------------


def test_a_worker_with_a_recent_heartbeat_is_alive(time_machine):
    before = jobs.has_live_worker()
    jobs.record_heartbeat("one")
    beating = jobs.has_live_worker()

    time_machine.move_to(timezone.now() + jobs.HEARTBEAT_VALID_FOR + timedelta(seconds=1))

    assert (before, beating, jobs.has_live_worker()) == (False, True, False)


def test_each_worker_has_one_heartbeat_row():
    jobs.record_heartbeat("one")
    jobs.record_heartbeat("one")
    jobs.record_heartbeat("two")

    assert Heartbeat.objects.count() == 2


def test_a_worker_that_finishes_no_pass_job_is_late(time_machine):
    jobs.enqueue_job("issue:1", priority=Job.Priority.PASS)
    jobs.enqueue_job("mail:1", priority=Job.Priority.MAIL, due_at=timezone.now() - timedelta(days=1))
    jobs.record_heartbeat("one")
    before = jobs.worker_state()

    time_machine.move_to(timezone.now() + jobs.PASS_JOB_OVERDUE_AFTER + timedelta(seconds=1))
    jobs.record_heartbeat("one")

    assert (before, jobs.worker_state(), jobs.has_live_worker()) == ("alive", "late", False)


@pytest.fixture
def worker_here(monkeypatch):
    """The worker's command inside this test, with the test's connection and without signal handlers."""
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)
    monkeypatch.setattr(worker.time, "sleep", lambda _: None)


def test_heartbeats_of_dead_workers_are_deleted(worker_here, time_machine):
    jobs.record_heartbeat("a pod of the last release")
    time_machine.move_to(timezone.now() + jobs.HEARTBEAT_KEPT_FOR - timedelta(seconds=10))
    jobs.record_heartbeat("one that has just died")
    time_machine.move_to(timezone.now() + timedelta(seconds=20))

    call_command("worker", "--once")

    names = {beat.worker for beat in Heartbeat.objects.all()}
    assert len(names) == 2 and "one that has just died" in names and "a pod of the last release" not in names


def test_a_worker_that_may_not_delete_heartbeats_works_on(done, worker_here, monkeypatch):
    def refuse(*_, **__):
        raise ProgrammingError("permission denied for table onboarding_heartbeat")

    monkeypatch.setattr(jobs.Heartbeat.objects, "filter", refuse)
    ask("x")

    call_command("worker", "--once")

    assert done == ["x"]


def test_the_worker_runs_due_jobs_and_queues_retention(done, worker_here):
    ask("x")
    ask("later", due_at=timezone.now() + timedelta(hours=1))

    call_command("worker", "--once")

    assert done == ["x"] and jobs.has_live_worker()
    assert Job.objects.get(key="daily:forget").due_at > timezone.now()


def test_a_worker_survives_a_database_outage(done, worker_here, monkeypatch):
    command = worker.Command()
    ask("x")
    with monkeypatch.context() as broken:
        broken.setattr(
            jobs, "record_heartbeat", lambda *_, **__: (_ for _ in ()).throw(DatabaseError("away"))
        )
        first = command.run_one_job("w")

    second = command.run_one_job("w")

    assert (first, second) == (False, True) and done == ["x"]


def test_following_passes_does_not_delay_other_jobs(done, worker_here, monkeypatch):
    """With thousands of active passes, following them must not delay other jobs."""
    monkeypatch.setattr(worker.Command, "watch_every", 60.0)
    command = worker.Command()
    command.has_begun = True  # and has queued what is done again and again
    for what in ("watch 1", "watch 2"):
        ask(what, priority=WATCH)
    for what in ("mail 1", "mail 2"):
        ask(what, priority=MAIL)
    ask("pass", priority=PASS)  # a pass that nobody may use

    worked = [command.run_one_job("w") for _ in range(5)]

    assert done == ["pass", "watch 1", "mail 1", "mail 2"] and worked[-1] is False
    assert 0 < command.seconds_until_watch() <= 60
    command.watches_at = 0.0
    assert command.run_one_job("w") and done[-1] == "watch 2"


def test_another_job_runs_after_a_slow_pass_check(done, worker_here, monkeypatch):
    monkeypatch.setattr(worker.Command, "watch_every", 0.01)
    done.how = lambda _: threading.Event().wait(0.05) or None
    command = worker.Command()
    for number in (1, 2):
        ask(f"watch {number}", priority=WATCH)
        ask(f"mail {number}", priority=MAIL)

    command.run_one_job("w"), command.run_one_job("w")

    assert done == ["watch 1", "mail 1"]


def test_once_follows_every_pass_that_is_due(done, worker_here):
    for number in range(3):
        ask(f"watch {number}", priority=WATCH)

    call_command("worker", "--once")

    assert done == ["watch 0", "watch 1", "watch 2"]


def test_a_job_takes_the_priority_of_the_last_request(done, run_jobs):
    """When a handed-over pass is cancelled, its deletion comes before all other jobs."""
    ask("x", priority=WATCH)
    ask("mail", priority=MAIL)
    ask("x", priority=PASS)

    run_jobs()

    assert done == ["x", "mail"] and the_job().priority == PASS


def test_a_busy_worker_still_records_heartbeats(done, worker_here, monkeypatch):
    beats = []
    monkeypatch.setattr(jobs, "record_heartbeat", lambda name, **_: beats.append(name))
    command = worker.Command()
    for what in ("x", "y", "z"):
        ask(what)
        command.run_one_job("w")

    assert (done, beats) == (["x", "y", "z"], ["w"])
    command.beats_at -= worker.BEAT_EVERY
    command.run_one_job("w")
    assert beats == ["w", "w"]


def test_a_claimed_job_cannot_be_claimed_again():
    jobs.enqueue_job("note:x", priority=MAIL)

    first, second = jobs.claim_job(timezone.now()), jobs.claim_job(timezone.now())

    assert first is not None and second is None


def test_a_claim_lost_to_another_worker_returns_nothing(monkeypatch):
    """Another replica claims a job between the choice and the claim, and the claim notices it."""
    jobs.enqueue_job("note:x", priority=MAIL)
    query = type(Job.objects.all())
    choose = query.first

    def chosen_by_both(rows):
        job = choose(rows)
        Job.objects.filter(pk=job.pk).update(
            claim=job.claim + 1, locked_until=timezone.now() + jobs.LOCK_DURATION
        )
        return job

    monkeypatch.setattr(query, "first", chosen_by_both)

    assert jobs.claim_job(timezone.now()) is None


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_claim_the_same_job():
    for number in range(24):
        jobs.enqueue_job(f"note:{number}", priority=MAIL)
    taken, together = [], threading.Barrier(2)

    def work():
        together.wait()
        patience = time.monotonic() + 120
        while time.monotonic() < patience:
            try:
                job = jobs.claim_job(timezone.now())
            except DatabaseError:  # SQLite has one writer; a real worker waits and retries as well
                time.sleep(0.001)
                continue
            if job is None:
                if not Job.objects.filter(locked_until=None).exists():
                    break
                continue
            taken.append(job.key)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()

    assert sorted(taken) == sorted(f"note:{number}" for number in range(24))
