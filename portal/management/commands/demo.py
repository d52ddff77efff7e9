"""`manage.py demo`: the pretend tenant, the site and the worker, with everything kept inside the checkout."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import threading
import time
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.management.commands.serve import (
    prepare_everything,
    programs,
    refuse_another_installations_database,
)
from portal.sandbox.people import CAST
from portal.supervisor import Program, Supervisor, manage, port_is_free

OPENS = 7  # o'clock: two hours before the start, by the policy that a new installation has


class Command(BaseCommand):
    help = "Try the portal against a pretend tenant. Ctrl-C stops everything; the data stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset", action="store_true", help="forget all data of the demo, then stop")
        parser.add_argument("--throttle", default="5/10", help="the pretend Graph's limit, or off")
        parser.add_argument(
            "--forget",
            action="store_true",
            help="keep the pretend tenant in memory only: quick with thousands",
        )
        parser.add_argument("--quiet", action="store_true", help="print only that it is ready")

    def handle(self, *, reset: bool, throttle: str, forget: bool, quiet: bool, **_: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError(
                "AZURE_TENANT_ID names a real tenant; the demo runs against the pretend one only."
            )
        if reset:
            return self.reset()
        site, sandbox = urlsplit(settings.PORTAL_URL), urlsplit(settings.SANDBOX_URL)
        for port, variable in ((site.port or 80, "PORT"), (sandbox.port or 80, "SANDBOX_PORT")):
            if not port_is_free(port):
                raise CommandError(
                    f"Port {port} is in use. Choose another: {variable}={port + 1000} make demo"
                )
        os.umask(0o077)  # the database holds sessions: only this user reads what is written
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        settings.SECRET_KEY = kept_key(settings.VAR_DIR / "secret-key")
        refuse_another_installations_database()
        prepare_everything()
        kept = [] if forget else ["--state", str(settings.VAR_DIR / "sandbox.json")]
        tenant = Program("The pretend tenant", manage("sandbox", *kept, "--throttle", throttle))
        supervisor = Supervisor([tenant, *programs(f"127.0.0.1:{site.port or 80}", 2)])
        supervisor.start()
        threading.Thread(target=self.announce, args=[supervisor, quiet], daemon=True).start()
        sys.exit(supervisor.run())

    def reset(self) -> None:
        if answers(f"{settings.PORTAL_URL}/livez"):
            raise CommandError("The demo is running. Stop it first, then forget its data.")
        for name in ("portal.sqlite3", "portal.sqlite3-journal", "sandbox.json", "secret-key"):
            (settings.VAR_DIR / name).unlink(missing_ok=True)
        shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
        self.stdout.write("The demo's data is forgotten. `make demo` starts over.")

    def announce(self, supervisor: Supervisor, quiet: bool) -> None:
        while not supervisor.stopping and not (
            answers(f"{settings.PORTAL_URL}/livez") and answers(settings.SANDBOX_URL)
        ):
            time.sleep(0.1)
        if supervisor.stopping:
            return
        self.stdout.write(f"\nThe portal is ready:  {settings.PORTAL_URL}")
        if not quiet:
            self.stdout.write(guide())
        self.stdout.flush()


def guide() -> str:
    """Who can sign in as what, with what to try."""
    people = "\n".join(f"  {person.name:<20} {person.who:<38} {person.try_this}" for person in CAST)
    return f"""
Mailbox, people and the starter's own sign-in (a pretend tenant; nothing there is real):
                      {settings.SANDBOX_URL}

Sign in as anybody on this list; there are no passwords.

{people}

The main job: sign in as Hanna Reuter and record noor.devries@contoso.example for {today()}; "Send the link now".
Sign out, sign in as Maria Lindqvist, open the starter, confirm. The pass is shown once; use it at
{settings.SANDBOX_URL}/mysignins as Noor.   Ctrl-C stops everything; the data stays (make demo-reset forgets it).
"""


def today() -> str:
    """A start for which the manager's page is open already: at nine, as HR's form has it, opens at seven."""
    now = timezone.localtime()
    return "today" if now.hour >= OPENS else f"today, start time {now:%H:%M}"


def kept_key(file: Path) -> str:
    """The demo's key, made once, so that sessions outlive a restart."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(60))
    return file.read_text().strip()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1) as response:  # noqa: S310  (our own loopback address)
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
