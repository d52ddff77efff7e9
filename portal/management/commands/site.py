"""`manage.py site`: only the site, for containers. The worker runs beside it as `manage.py worker`."""

from __future__ import annotations

import os
import resource
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from portal.management import start


class Command(BaseCommand):
    help = "Run the site (gunicorn) without the worker. Start `manage.py worker` beside it."
    # Django's own checks are about the code, and load every page. What the installation needs is checked below.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind", default="", help="host:port to listen on (default 127.0.0.1 and the port of PORTAL_URL)"
        )
        parser.add_argument("--processes", type=int, default=2, help="number of site processes (default 2)")

    def handle(self, *, bind: str, processes: int, **_: Any) -> None:
        address = start.free_address(bind)
        start.refuse_metrics_address(address)
        start.prepare_folders()
        start.refuse_foreign_database()
        start.refuse_unprepared("site")
        connections.close_all()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # gunicorn and its processes inherit it
        environment = {**os.environ, **start.site_environment(address, processes)}
        # In place of this process, so that signals reach gunicorn and nothing is kept in memory twice.
        os.execve(start.GUNICORN[0], start.GUNICORN, environment)  # noqa: S606 (no shell is wanted)
