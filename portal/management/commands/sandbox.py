"""`manage.py sandbox`: the sandbox tenant, on this machine only, for as long as it runs."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.sandbox.options import PUBLISHED_LIMIT, Limit, Options
from portal.sandbox.server import HOST, Sandbox


class Command(BaseCommand):
    help = "Run a sandbox Entra tenant: sign-in, managed identity, Microsoft Graph, a mailbox."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--state", type=Path, help="a JSON file that keeps the tenant's data between runs"
        )
        parser.add_argument(
            "--throttle",
            default="{}/{:g}".format(*PUBLISHED_LIMIT),
            help="the limit for authentication methods as calls/seconds (Microsoft's is 5/10), or `off`",
        )

    def handle(self, *, state: Path | None, throttle: str, verbosity: int, **_options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError(
                "AZURE_TENANT_ID is a real tenant. The sandbox does not start with a real tenant."
            )
        address = urlsplit(settings.SANDBOX_URL)
        if address.hostname != HOST or address.scheme != "http":
            raise CommandError(
                f"SANDBOX_URL must begin with http://{HOST}. The sandbox serves only this machine."
            )
        options = Options(
            tenant_id=settings.TENANT_ID,
            identity_client_id=settings.AZURE_CLIENT_ID,
            sign_in_client_id=settings.SIGN_IN_CLIENT_ID,
            api_client_id=settings.API_CLIENT_ID,
            graph_client_id=settings.GRAPH_CLIENT_ID,
            portal_url=settings.PORTAL_URL,
            mailbox=settings.MAIL_FROM,
            tap_limit=parse_limit(throttle),
            state_file=state,
        )
        try:
            sandbox = Sandbox(address.port or 80, options)
        except OSError:
            raise CommandError(
                f"Port {address.port} on this machine is in use. Free it, or set another port in SANDBOX_URL."
            ) from None
        except (ValueError, KeyError, TypeError):
            raise CommandError(
                f"{state} does not contain the data of a sandbox. Delete it to start again."
            ) from None
        signal.signal(signal.SIGTERM, raise_keyboard_interrupt)
        if verbosity:
            self.stdout.write(f"The sandbox tenant is at {sandbox.url}")
        try:
            sandbox.serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("The sandbox tenant has stopped.")


def parse_limit(text: str) -> Limit | None:
    if text == "off":
        return None
    calls, _, seconds = text.partition("/")
    if not (calls.isdecimal() and seconds.isdecimal() and int(calls) and int(seconds)):
        raise CommandError("--throttle must be calls/seconds, for example 5/10, or off.")
    return int(calls), float(seconds)


def raise_keyboard_interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
