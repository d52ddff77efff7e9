"""The worker: does the jobs of the database, one after the other, until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from onboarding import clock, graph, installation, jobs, post, reconciler, routine
from onboarding.models import Job

log = logging.getLogger(__name__)
BEAT_EVERY = 5.0  # seconds
# Ten times as often as Microsoft lets anybody ask (five calls in ten seconds). Where thousands of passes are out and
# the budget is larger, looking after them must not take the machine from managers, nor their turn from mails.
WATCH_EVERY = 0.2  # seconds
# Importing these modules names their handlers.
HANDLERS = (reconciler.reconcile, routine.look, routine.forget, post.send, post.post)


class Command(BaseCommand):
    stopping = False
    watch_every = WATCH_EVERY
    beats_at = watches_at = 0.0  # by the monotonic clock

    help = "Sends mail, clears unknown passes, looks at the directory: everything that nobody waits for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, then stop")
        parser.add_argument(
            "--pause", type=float, default=1.0, help="seconds between looks at an empty table"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if words := installation.complaint():
            raise CommandError(words)
        if options["once"]:
            self.watch_every = 0.0  # all that is due
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        name = f"{socket.gethostname()}:{os.getpid()}"
        routine.start_daily()
        log.info("worker started", extra={"worker": name})
        while not self.stopping:
            idle = not self.one(name)
            if idle and options["once"]:
                return
            if idle:
                time.sleep(self.until_a_watch() or options["pause"])
        log.info("worker stopped", extra={"worker": name})

    def one(self, name: str) -> bool:
        """Beat, and do one job if one is due. A database that is away is waited for."""
        try:
            close_old_connections()
            self.beat(name)
            job = self.claim()
            if job is not None:
                jobs.work(job)
                # From its end, or a slow one would be followed by the next.
                if job.priority == Job.Priority.WATCH:
                    self.watches_at = time.monotonic() + self.watch_every
        except DatabaseError:
            log.exception("the database did not answer; trying again")
            time.sleep(2)
            return False
        return job is not None

    def beat(self, name: str) -> None:
        if time.monotonic() >= self.beats_at:
            jobs.beat(name, clock_skew=graph.client().sight.clock_skew)
            self.beats_at = time.monotonic() + BEAT_EVERY

    def claim(self) -> Job | None:
        """The most urgent, and when it is time for one, a pass that was handed over before mails and looks."""
        now = clock.now()
        if not self.until_a_watch() and (job := jobs.claim(now, jobs.FOR_A_PASS)):
            return job
        return jobs.claim(now, jobs.NO_WATCH)

    def until_a_watch(self) -> float:
        """Seconds until this worker may look after the next pass that was handed over."""
        return max(0.0, self.watches_at - time.monotonic())

    def stop(self, *_: object) -> None:
        """Finish what is in hand, then end."""
        self.stopping = True
