"""`manage.py serve`: the site and the worker on one server, started and stopped as one."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from portal.management import start
from portal.supervisor import Program, become_supervisor, manage_command


class Command(BaseCommand):
    help = "Run the portal on this machine: the site (gunicorn) and the worker."
    # Django's own checks are about the code, and load every page. What the installation needs is checked below.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind", default="", help="host:port to listen on (default 127.0.0.1 and the port of PORTAL_URL)"
        )
        parser.add_argument("--processes", type=int, default=2, help="number of site processes (default 2)")
        parser.add_argument(
            "--prepare", action="store_true", help="first migrate the database and collect static files"
        )

    def handle(self, *, bind: str, processes: int, prepare: bool, **_: Any) -> None:
        address = start.free_address(bind)
        start.refuse_metrics_address(address)
        start.prepare_folders()
        start.refuse_foreign_database()
        if prepare:
            start.prepare_everything()
        start.refuse_unprepared("serve")
        made_up = {"SECRET_KEY": settings.SECRET_KEY} if settings.SECRET_KEY_IS_MADE_UP else {}
        connections.close_all()
        become_supervisor(site_and_worker(address, processes, key=made_up), log_level=settings.LOG_LEVEL)


def site_and_worker(address: str, processes: int, *, key: Mapping[str, str]) -> list[Program]:
    """The site and the worker. `key` is where they find the site's key, if not where this process found it."""
    site = {**key, **start.site_environment(address, processes)}
    return [
        Program("The site", start.GUNICORN, site, needed_to_start=True),
        Program("The worker", manage_command("worker"), key),
    ]
