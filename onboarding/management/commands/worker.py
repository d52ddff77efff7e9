"""The worker: runs the jobs of the database, one after the other, until it gets SIGTERM."""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from onboarding import audit, clock, graph, jobs
from onboarding.directory_log import after_restore
from onboarding.directory_log import reading as directory_log
from onboarding.hooks import delivery as hook_delivery
from onboarding.hooks import subscriptions
from onboarding.imports import adding, dry_run
from onboarding.mail import delivery, policy_mails
from onboarding.metrics import service as metrics
from onboarding.models import Job
from onboarding.operations import installation
from onboarding.passes import reconciler, sign_ins
from onboarding.proposals import reading as proposals
from onboarding.restored import heads, use
from onboarding.stops import security_mail
from onboarding.tenant_proof import cleaning
from onboarding.worker import audit_outlets, retention, starter_checks

log = logging.getLogger(__name__)
BEAT_EVERY = 5.0  # seconds
CLEAN_EVERY = 600.0
KEEP_HEAD_EVERY = BEAT_EVERY
# Ten times as often as Graph's quota allows (five calls in ten seconds). Where thousands of passes are out and the
# quota is larger, following them must not slow down managers' requests or mails.
WATCH_EVERY = 0.2  # seconds
# Importing these modules registers their handlers.
HANDLERS = (
    reconciler.reconcile,
    sign_ins.read_due,
    starter_checks.check_starter,
    retention.run_retention,
    delivery.send_mail,
    delivery.release_waiting_mails,
    policy_mails.write_when_in_force,
    dry_run.check_next_rows,
    adding.add_next_rows,
    hook_delivery.send_deliveries,
    security_mail.mail_security,
    audit_outlets.write_events,
    audit_outlets.send_head_hourly,
    audit_outlets.check_end,
    directory_log.read_log,
    after_restore.check_starter,
    proposals.read_proposals,
    cleaning.clean_up_later,
)


class Command(BaseCommand):
    stopping = False
    watch_every = WATCH_EVERY
    has_begun = False
    cause: use.Cause | None = None  # why the database is not in use, as of the last look
    beats_at = cleans_at = watches_at = keeps_head_at = 0.0  # by the monotonic clock

    help = "Run the background jobs: send mail, resolve unclear passes, read accounts from Entra."
    # Django's own checks are about the code, and load every page.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="run the jobs that are due, then stop")
        parser.add_argument("--pause", type=float, default=1.0, help="seconds between checks for due jobs")

    def handle(self, *args: Any, **options: Any) -> None:
        if words := installation.wrong_database_error():
            raise CommandError(words)
        if options["once"]:
            self.watch_every = 0.0  # all that is due
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # its memory contains tokens
        name = f"{socket.gethostname()}:{os.getpid()}"
        use.take_first_place()
        if not options["once"]:
            metrics.start()
        log.info("worker started", extra={"worker": name})
        while not self.stopping:
            idle = not self.run_one_job(name)
            if idle and options["once"]:
                return
            if idle:
                time.sleep(BEAT_EVERY if self.cause else self.seconds_until_watch() or options["pause"])
        metrics.stop()
        log.info("worker stopped", extra={"worker": name})

    def run_one_job(self, name: str) -> bool:
        """Record a heartbeat, and run one job if one is due. False: none is due, or the database does not answer."""
        try:
            close_old_connections()
            if not self.may_work():
                return False
            self.record_heartbeat(name)
            job = self.claim_job()
            if job is not None:
                jobs.run_job(job)
                # Counted from its end, or a slow watch would be followed at once by the next.
                if job.priority == Job.Priority.WATCH:
                    self.watches_at = time.monotonic() + self.watch_every
        except DatabaseError:
            log.exception("the database did not answer; trying again")
            time.sleep(2)
            return False
        return job is not None

    def may_work(self) -> bool:
        """Whether the database is in use. A worker of a restored copy waits, without a heartbeat, until it is adopted."""
        cause = use.find_cause()
        if cause is None and time.monotonic() >= self.keeps_head_at:
            if use.suspend_if_behind():
                cause = use.find_cause()
            else:
                heads.keep_head()
                self.keeps_head_at = time.monotonic() + KEEP_HEAD_EVERY
        if cause is not None and cause != self.cause:
            log.error(
                "a restored copy of the database: no job runs before `manage.py adopt`: %s", cause.value
            )
        self.cause = cause
        if cause is None and not self.has_begun:
            self.begin()
        return cause is None

    def begin(self) -> None:
        """Queue what is done again and again."""
        self.has_begun = True
        use.keep_address()  # DATABASE_URL changes only at a start
        retention.enqueue_retention()
        audit_outlets.enqueue_audit_jobs()
        directory_log.enqueue_reading()
        proposals.enqueue_proposals()
        subscriptions.reseal_hooks()  # SECRET_KEY changes only at a start
        audit.renew_keys()

    def record_heartbeat(self, name: str) -> None:
        if time.monotonic() >= self.beats_at:
            jobs.record_heartbeat(name, clock_skew=graph.client().connection_health.clock_skew)
            self.beats_at = time.monotonic() + BEAT_EVERY
        if time.monotonic() >= self.cleans_at:
            jobs.delete_dead_heartbeats()
            self.cleans_at = time.monotonic() + CLEAN_EVERY

    def claim_job(self) -> Job | None:
        """Claim the most urgent job; when a watch is due, a pass that was handed over comes before mails and checks."""
        now = clock.now()
        if not self.seconds_until_watch() and (job := jobs.claim_job(now, jobs.IS_ABOUT_A_PASS)):
            return job
        return jobs.claim_job(now, jobs.IS_NOT_A_WATCH)

    def seconds_until_watch(self) -> float:
        """Seconds until this worker may follow the next pass that was handed over."""
        return max(0.0, self.watches_at - time.monotonic())

    def stop(self, *_: object) -> None:
        """Finish the present job, then stop."""
        self.stopping = True
