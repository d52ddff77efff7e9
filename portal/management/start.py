"""What must hold before the site starts, and how gunicorn is started. Each refusal is one sentence."""

from __future__ import annotations

import errno
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from portal.locks import lock_folder
from portal.management.static_files import are_collected, collect_static_files
from portal.supervisor import CLEAN_MEMORY

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn_conf"]


def free_address(bind: str) -> str:
    """Return `bind`, or the default, as host:port. Refuse one that is in use."""
    address = bind or f"127.0.0.1:{urlsplit(settings.PORTAL_URL).port or 8000}"
    host, _colon, port = address.rpartition(":")
    if not port.isdigit() or not port_is_free(int(port), host):
        raise CommandError(
            f"The portal cannot listen on {address}. The port may be in use. Choose another with --bind."
        )
    return address


def refuse_metrics_address(site: str) -> None:
    """Refuse an address for metrics that is the site's own, or that this machine does not have.

    A port in use is no fault: another process of the portal may answer there.
    """
    if settings.METRICS_ADDRESS is None:
        return
    host, port = settings.METRICS_ADDRESS
    if port == int(site.rpartition(":")[2]):
        raise CommandError(
            f"METRICS_ADDRESS must not have the port of the site, {port}. Choose another port."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise CommandError(
                f"METRICS_ADDRESS: the portal cannot listen on {host}, port {port}: {error.strerror}. Use an address of "
                "this machine. Example: METRICS_ADDRESS=127.0.0.1:9464"
            ) from None


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def prepare_folders() -> None:
    """Create the data folder. Refuse a machine where the site could not write what it must."""
    os.umask(0o077)  # the database holds sessions: only this user reads what is written
    try:
        tempfile.gettempdir()
    except OSError:
        raise CommandError(
            "TMPDIR must be a folder that the portal can write, because each process of the site keeps a small file "
            "there. Mount a writable folder at /tmp, or set TMPDIR. Example: TMPDIR=/dev/shm"
        ) from None
    try:
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise CommandError(
            f"The portal cannot create its data folder {settings.VAR_DIR}. Set PORTAL_DATA_DIR to a folder that it can "
            "write. Example: PORTAL_DATA_DIR=/var/lib/portal"
        ) from None


def refuse_foreign_database() -> None:
    """Before anything is changed in it. Whose a database is, the work knows: it registers the check."""
    for message in run_checks(tags=["installation"], include_deployment_checks=True):
        raise CommandError(str(message.msg))


def prepare_everything() -> None:
    """Migrate, and collect the static files. Who does it at the same time waits: one after the other."""
    call_command("migrate", interactive=False, verbosity=0)
    with lock_folder(settings.VAR_DIR):
        collect_static_files()


def refuse_unprepared(command: str) -> None:
    """`command` is the one that was started. Only `serve` can also prepare."""
    otherwise = ", or serve with --prepare" if command == "serve" else ""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError(f"The database is not up to date. Run `manage.py migrate`{otherwise}.")
    if not are_collected():
        raise CommandError(f"The static files are not collected. Run `manage.py collectstatic`{otherwise}.")


def site_environment(address: str, processes: int) -> Mapping[str, str]:
    """The variables that gunicorn needs in addition to the portal's own."""
    site = {"PORTAL_BIND": address, "PORTAL_PROCESSES": str(processes), **CLEAN_MEMORY}
    # gunicorn finds the portal's modules here, wherever it was started from.
    site["PYTHONPATH"] = os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")]))
    return site
