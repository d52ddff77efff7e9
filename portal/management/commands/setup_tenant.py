"""`manage.py setup_tenant`: what this installation needs in its tenant, in words, or as a script to review and run."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from portal.models import ADMIN, AUDITOR, HR
from portal.tenant_setup.installation import IDENTITY, RESOURCE_GROUP, Installation, this_installation
from portal.tenant_setup.plan import setup_plan
from portal.tenant_setup.script import render_script
from portal.tenant_setup.summary import render_summary

EXAMPLE = """\
AZURE_TENANT_ID is not set, so this is an example plan for the sandbox tenant. For your tenant, set
AZURE_TENANT_ID, PORTAL_URL, MAIL_FROM, HR_ADDRESS, SECURITY_ADDRESS and ORGANISATION_NAME.
"""
GROUP_OPTIONS = {HR: "hr", ADMIN: "admin", AUDITOR: "auditor"}


class Command(BaseCommand):
    help = (
        "Describe what this installation needs in its Microsoft Entra tenant. With --script, write a "
        "shell script for the Azure CLI. The command itself makes no calls and changes nothing."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--script", metavar="FILE", help="write the script to this file (- for standard output)"
        )
        parser.add_argument(
            "--identity",
            default=IDENTITY,
            help="the name of the managed identity (default %(default)s); not used if AZURE_CLIENT_ID is set",
        )
        parser.add_argument(
            "--resource-group",
            default=RESOURCE_GROUP,
            help="the Azure resource group of the identity (default %(default)s)",
        )
        parser.add_argument(
            "--acrs",
            action="store_true",
            help="also add the optional claim acrs, for an authentication context of Conditional Access",
        )

        parser.add_argument(
            "--api",
            action="store_true",
            help="also plan the registration of the API for service desks; not planned without this option",
        )
        parser.add_argument(
            "--graph-registration",
            action="store_true",
            help="let an app registration call Microsoft Graph, with the managed identity as its only credential: its "
            "tokens last an hour, and Conditional Access for workload identities applies to it",
        )
        parser.add_argument(
            "--trusted",
            metavar="OBJECT-ID",
            action="append",
            default=[],
            help="a person, group or application that may also own the objects of the plan or have their roles, "
            "like the person who runs the script; can be repeated",
        )
        for role, option in GROUP_OPTIONS.items():
            parser.add_argument(
                f"--{option}-group",
                metavar="GROUP",
                action="append",
                default=[],
                help=f"a group that gets the role {role}: its object id or display name; can be repeated; needs "
                "Entra ID P1",
            )

    def handle(
        self,
        *,
        script: str | None,
        identity: str,
        resource_group: str,
        acrs: bool,
        api: bool,
        graph_registration: bool,
        trusted: list[str],
        **more: Any,
    ) -> None:
        groups = [
            (role, group) for role, option in GROUP_OPTIONS.items() for group in more[f"{option}_group"]
        ]
        try:
            here = this_installation(
                identity=identity,
                resource_group=resource_group,
                authentication_context=acrs,
                api=api,
                graph_registration=graph_registration,
                trusted=trusted,
                role_groups=groups,
            )
        except ImproperlyConfigured as problem:
            raise CommandError(str(problem)) from None
        if settings.SANDBOX:
            self.stderr.write(EXAMPLE)
        if script is None:
            self.stdout.write(render_summary(setup_plan(here)))
        elif script == "-":
            self.stdout.write(script_for(here), ending="")
        else:
            self.save_script(Path(script), script_for(here))

    def save_script(self, file: Path, text: str) -> None:
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as problem:
            raise CommandError(f"Could not write {file}: {problem.strerror}.") from None
        self.stderr.write(f"The script is in {file}. Read it, then run: sh {file} > tenant.env")


def script_for(here: Installation) -> str:
    return render_script(
        setup_plan(here), portal=here.portal_url, tenant=here.tenant_id, graph=here.graph_url
    )
