"""`manage.py demo`: the sandbox tenant, the site and the worker, with everything kept inside the checkout."""

from __future__ import annotations

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

from portal.management.commands.serve import site_and_worker
from portal.management.start import (
    port_is_free,
    prepare_everything,
    prepare_folders,
    refuse_foreign_database,
)
from portal.sandbox.people import BY_KEY, CAST
from portal.supervisor import Program, Supervisor, manage_command

NOOR = BY_KEY["noor"]
ASK_FOR_PEOPLE = "All people you can sign in as:           PEOPLE=1 make demo\n"
LAST_WORDS = "\nPress Ctrl-C to stop. The data is kept; `make demo-reset` deletes it.\n"
OPENING_HOUR = 7  # o'clock: two hours before the start, by the policy that a new installation has


class Command(BaseCommand):
    help = "Try the portal with a sandbox tenant. Ctrl-C stops everything. The data is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset", action="store_true", help="delete all data of the demo, then stop")
        parser.add_argument(
            "--throttle",
            default="5/10",
            help="the rate limit of the sandbox Graph as calls/seconds (default %(default)s), or off",
        )
        parser.add_argument(
            "--forget",
            action="store_true",
            help="keep the sandbox tenant only in memory; faster with thousands of people",
        )
        parser.add_argument("--people", action="store_true", help="also list all people you can sign in as")
        parser.add_argument("--quiet", action="store_true", help="print only that it is ready")

    def handle(
        self, *, reset: bool, throttle: str, forget: bool, people: bool, quiet: bool, **_: Any
    ) -> None:
        if not settings.SANDBOX:
            raise CommandError("AZURE_TENANT_ID is a real tenant. The demo uses only the sandbox tenant.")
        if reset:
            return self.reset_data()
        site, sandbox = urlsplit(settings.PORTAL_URL), urlsplit(settings.SANDBOX_URL)
        for port, variable in ((site.port or 80, "PORT"), (sandbox.port or 80, "SANDBOX_PORT")):
            if not port_is_free(port):
                raise CommandError(
                    f"Port {port} is in use. Choose another: {variable}={port + 1000} make demo"
                )
        prepare_folders()
        key = {"SECRET_KEY_FILE": str(keep_secret_key(settings.VAR_DIR / "secret-key"))}
        refuse_foreign_database()
        prepare_everything()
        kept = [] if forget else ["--state", str(settings.VAR_DIR / "sandbox.json")]
        tenant = Program(
            "The sandbox tenant",
            manage_command("sandbox", "--verbosity", "0", *kept, "--throttle", throttle),
            address=f"127.0.0.1:{sandbox.port or 80}",
        )
        programs = [tenant, *site_and_worker(f"127.0.0.1:{site.port or 80}", 2, key=key)]
        supervisor = Supervisor(programs, logs=settings.LOG_LEVEL != "ERROR")
        supervisor.start()
        words = (
            "" if quiet else describe_main_job() + (list_people() if people else ASK_FOR_PEOPLE) + LAST_WORDS
        )
        threading.Thread(target=self.announce_when_ready, args=[supervisor, words], daemon=True).start()
        sys.exit(supervisor.run())

    def reset_data(self) -> None:
        if is_answering(f"{settings.PORTAL_URL}/livez"):
            raise CommandError("The demo is running. Stop it before you delete its data.")
        for name in (
            "portal.sqlite3",
            "portal.sqlite3-journal",
            "sandbox.json",
            "secret-key",
            "static.sha256",
        ):
            (settings.VAR_DIR / name).unlink(missing_ok=True)
        shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
        self.stdout.write("The demo's data is deleted. Run `make demo` to start again.")

    def announce_when_ready(self, supervisor: Supervisor, words: str) -> None:
        while not supervisor.stopping and not (
            is_answering(f"{settings.PORTAL_URL}/livez") and is_answering(settings.SANDBOX_URL)
        ):
            time.sleep(0.1)
        if supervisor.stopping:
            return
        self.stdout.write(f"\nThe portal is ready:  {settings.PORTAL_URL}")
        self.stdout.write(words)
        self.stdout.flush()


def describe_main_job() -> str:
    """Tell the main job: three people, three steps."""
    return f"""
The main job in three steps. On the sign-in page, choose the person. There are no passwords.

  1. Hanna Reuter, HR            {settings.PORTAL_URL}/hr/new/
     Add {NOOR.user_principal_name}, who starts {start_today()}. Then send the link.

  2. Maria Lindqvist, manager    {settings.PORTAL_URL}/starters/
     Sign out and sign in as Maria. Open Noor and create the pass. It is shown once.

  3. Noor de Vries, starter      {settings.SANDBOX_URL}/mysignins
     Sign in as Noor with the pass, and register a passkey.

Emails and people of the sandbox tenant:  {settings.SANDBOX_URL}
"""


def list_people() -> str:
    """List everybody to sign in as, with what to try."""
    width = max(len(person.who) for person in CAST)
    people = "\n".join(f"  {person.name:<20} {person.who:<{width}}  {person.try_this}" for person in CAST)
    return f"\nAll people you can sign in as, and what to try:\n\n{people}\n"


def start_today() -> str:
    """A start for which the manager's page is open already: at nine, as HR's form has it, opens at seven."""
    now = timezone.localtime()
    return "today" if now.hour >= OPENING_HOUR else f"today, start time {now:%H:%M}"


def keep_secret_key(file: Path) -> Path:
    """The file with the demo's key, made once, so that sessions outlive a restart."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(60))
    return file


def is_answering(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1) as response:  # noqa: S310  (our own loopback address)
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
