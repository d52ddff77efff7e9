"""`manage.py serve`: the site and the worker on one server, started and stopped as one."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from portal.locks import lock_folder
from portal.management.static_files import are_collected, collect_static_files
from portal.supervisor import CLEAN_MEMORY, Program, Supervisor, manage_command, port_is_free


class Command(BaseCommand):
    help = "Run the portal on this machine: the site (gunicorn) and the worker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind", default="", help="host:port to listen on (default 127.0.0.1 and the port of PORTAL_URL)"
        )
        parser.add_argument("--processes", type=int, default=2, help="number of site processes (default 2)")
        parser.add_argument(
            "--prepare", action="store_true", help="first migrate the database and collect static files"
        )

    def handle(self, *, bind: str, processes: int, prepare: bool, **_: Any) -> None:
        address = bind or f"127.0.0.1:{urlsplit(settings.PORTAL_URL).port or 8000}"
        host, _colon, port = address.rpartition(":")
        if not port.isdigit() or not port_is_free(int(port), host):
            raise CommandError(
                f"The portal cannot listen on {address}. The port may be in use. Choose another with --bind."
            )
        os.umask(0o077)  # the database holds sessions: only this user reads what is written
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        refuse_foreign_database()
        if prepare:
            prepare_everything()
        self.refuse_unprepared()
        made_up = {"SECRET_KEY": settings.SECRET_KEY} if settings.SECRET_KEY_IS_MADE_UP else {}
        supervisor = Supervisor(site_and_worker(address, processes, key=made_up))
        supervisor.start()
        sys.exit(supervisor.run())

    def refuse_unprepared(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(
                "The database is not up to date. Run `manage.py migrate`, or serve with --prepare."
            )
        if not are_collected():
            raise CommandError(
                "The static files are not collected. Run `manage.py collectstatic`, or serve with --prepare."
            )


def refuse_foreign_database() -> None:
    """Before anything is changed in it. Whose a database is, the work knows: it registers the check."""
    for message in run_checks(tags=["installation"], include_deployment_checks=True):
        raise CommandError(str(message.msg))


def prepare_everything() -> None:
    """Migrate, and collect the static files. Who does it at the same time waits: one after the other."""
    call_command("migrate", interactive=False, verbosity=0)
    with lock_folder(settings.VAR_DIR):
        collect_static_files()


def site_and_worker(address: str, processes: int, *, key: Mapping[str, str]) -> list[Program]:
    """The site and the worker. `key` is where they find the site's key, if not where this process found it."""
    site = {"PORTAL_BIND": address, "PORTAL_PROCESSES": str(processes), **CLEAN_MEMORY}
    # gunicorn finds the portal's modules here, wherever it was started from.
    site["PYTHONPATH"] = os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")]))
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn_conf"]
    return [
        Program("The site", gunicorn, {**key, **site}, needed_to_start=True),
        Program("The worker", manage_command("worker"), key),
    ]
