"""`manage.py setup_tenant`: what this installation needs in its tenant, in words, or as a script to review and run."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from portal.tenant_setup.installation import IDENTITY, RESOURCE_GROUP, Installation, this_installation
from portal.tenant_setup.plan import plan
from portal.tenant_setup.script import script
from portal.tenant_setup.words import words

EXAMPLE = """\
AZURE_TENANT_ID names no tenant, so this is the plan for the pretend one, as an example. For yours, set
AZURE_TENANT_ID, PORTAL_URL, MAIL_FROM, HR_ADDRESS, SECURITY_ADDRESS and ORGANISATION_NAME.
"""


class Command(BaseCommand):
    help = (
        "Say what this installation needs in its Microsoft Entra tenant; with --script write that as a shell script "
        "for the Azure CLI. The command itself calls nobody and changes nothing."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--script", metavar="FILE", help="write the script there (- for standard output)")
        parser.add_argument(
            "--identity",
            default=IDENTITY,
            help="the name of the managed identity (default %(default)s); not used where AZURE_CLIENT_ID is set",
        )
        parser.add_argument(
            "--resource-group",
            default=RESOURCE_GROUP,
            help="the Azure resource group it is made in (default %(default)s)",
        )
        parser.add_argument(
            "--acrs",
            action="store_true",
            help="ask for the optional claim acrs too, for an authentication context of Conditional Access",
        )

    def handle(self, *, script: str | None, identity: str, resource_group: str, acrs: bool, **_: Any) -> None:
        try:
            here = this_installation(
                identity=identity, resource_group=resource_group, authentication_context=acrs
            )
        except ImproperlyConfigured as problem:
            raise CommandError(str(problem)) from None
        if settings.SANDBOX:
            self.stderr.write(EXAMPLE)
        if script is None:
            self.stdout.write(words(plan(here)))
        elif script == "-":
            self.stdout.write(written(here), ending="")
        else:
            self.save(Path(script), written(here))

    def save(self, file: Path, text: str) -> None:
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as problem:
            raise CommandError(f"{file} cannot be written: {problem.strerror}.") from None
        self.stderr.write(f"The script is in {file}. Read it, then run: sh {file} > tenant.env")


def written(here: Installation) -> str:
    return script(plan(here), portal=here.portal_url, tenant=here.tenant_id, graph=here.graph_url)
