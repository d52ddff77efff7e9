"""`manage.py serve`: the site and the worker on one server, started and stopped as one."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from portal.one_at_a_time import folder_to_oneself
from portal.supervisor import CLEAN_MEMORY, Program, Supervisor, manage, port_is_free


class Command(BaseCommand):
    help = "Serve the portal on this machine: the site by gunicorn, and the worker beside it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind", default="", help="host:port to listen on (default 127.0.0.1 and the port of PORTAL_URL)"
        )
        parser.add_argument("--processes", type=int, default=2, help="processes of the site (default 2)")
        parser.add_argument(
            "--prepare", action="store_true", help="first migrate the database and collect static files"
        )

    def handle(self, *, bind: str, processes: int, prepare: bool, **_: Any) -> None:
        address = bind or f"127.0.0.1:{urlsplit(settings.PORTAL_URL).port or 8000}"
        host, _colon, port = address.rpartition(":")
        if not port.isdigit() or not port_is_free(int(port), host):
            raise CommandError(
                f"{address} cannot be listened on: is the port in use? Choose another with --bind."
            )
        os.umask(0o077)  # the database holds sessions: only this user reads what is written
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        refuse_another_installations_database()
        if prepare:
            prepare_everything()
        self.refuse_half_made()
        supervisor = Supervisor(programs(address, processes))
        supervisor.start()
        sys.exit(supervisor.run())

    def refuse_half_made(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(
                "The database is not up to date. Run `manage.py migrate`, or serve with --prepare."
            )
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            raise CommandError(
                "The static files are not collected. Run `manage.py collectstatic`, or serve with --prepare."
            )


def refuse_another_installations_database() -> None:
    """Before anything is changed in it. Whose a database is, the work knows: it registers the check."""
    for message in run_checks(tags=["installation"], include_deployment_checks=True):
        raise CommandError(str(message.msg))


def prepare_everything() -> None:
    """Migrate, and collect the static files. Who does it at the same time waits: one after the other."""
    call_command("migrate", interactive=False, verbosity=0)
    with folder_to_oneself(settings.VAR_DIR):
        call_command("collectstatic", interactive=False, verbosity=0)


def programs(address: str, processes: int) -> list[Program]:
    # One key for all of them, also where a sandbox made one up.
    key = {"SECRET_KEY": settings.SECRET_KEY, "SECRET_KEY_FILE": ""}
    site = {"PORTAL_BIND": address, "PORTAL_PROCESSES": str(processes), **CLEAN_MEMORY}
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn_conf"]
    return [
        Program("The site", gunicorn, {**key, **site}, needed_to_start=True),
        Program("The worker", manage("worker"), key),
    ]
