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

log = logging.getLogger(__name__)
# Importing these modules names their handlers.
HANDLERS = (reconciler.reconcile, routine.look, routine.forget, post.send, post.post)


class Command(BaseCommand):
    help = "Sends mail, clears unknown passes, looks at the directory: everything that nobody waits for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, then stop")
        parser.add_argument(
            "--pause", type=float, default=1.0, help="seconds between looks at an empty table"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if words := installation.complaint():
            raise CommandError(words)
        self.stopping = False
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
                time.sleep(options["pause"])
        log.info("worker stopped", extra={"worker": name})

    def one(self, name: str) -> bool:
        """Beat, and do one job if one is due. A database that is away is waited for."""
        try:
            close_old_connections()
            jobs.beat(name, clock_skew=graph.client().sight.clock_skew)
            job = jobs.claim(clock.now())
            if job is not None:
                jobs.work(job)
        except DatabaseError:
            log.exception("the database did not answer; trying again")
            time.sleep(2)
            return False
        return job is not None

    def stop(self, *_: object) -> None:
        """Finish what is in hand, then end."""
        self.stopping = True
