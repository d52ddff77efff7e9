"""An administrator who sets up a tenant: writes the script and runs it against the sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from portal.sandbox.registrations import Registrations
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor
from tests.tenant.azure_cli import AzureCli

GROUP, UNIT, SIGN_IN = "Starters, Contoso", "Privileged accounts, Contoso", "Starter passes, Contoso"
PASS_POLICY = "authenticationMethodConfigurations/temporaryAccessPass"
Change = Callable[[Any], None]  # of the sandbox tenant
PORTAL = "https://starters.contoso.example"
# The permissions of a pipeline that does everything. A signed-in person cannot change the policy.
RIGHTS = (
    "AdministrativeUnit.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All",
    "Group.ReadWrite.All",
    "Policy.ReadWrite.AuthenticationMethod",
)
SETTER = "ada"
DONE: dict[tuple[str, ...], str] = {}  # the state after one set-up, by the options


class Setter(Visitor):
    """An administrator of a sandbox tenant before its set-up, with a CLI on their path."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        super().__init__(sandbox)
        self.folder, self.cli = folder, AzureCli(self.url)
        (folder / "bin").mkdir()
        self.cli.write(folder / "bin/az")
        sleep = folder / "bin/sleep"  # the simulated directory needs no waiting
        sleep.write_text("#!/bin/sh\n")
        sleep.chmod(0o755)
        self.change(set_up=False)

    def __enter__(self) -> Setter:
        self.cli.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.cli.__exit__()
        super().__exit__()

    def script(self, *options: str) -> str:
        said = StringIO()
        call_command("setup_tenant", "--script", "-", *options, stdout=said, stderr=StringIO())
        return said.getvalue()

    def run(
        self,
        script: str | None = None,
        *,
        rights: tuple[str, ...] = RIGHTS,
        signed_in: bool = True,
        shell: str = "sh",
        by: str = SETTER,
    ) -> subprocess.CompletedProcess[str]:
        """`by` is the key of a person. If it is empty, a pipeline runs the script."""
        tokens = self.change(administrator=list(rights), **({"as": by} if by else {}))["administrator"]
        self.cli.sign_in(tokens if signed_in else {"graph": ""}, tokens["subscription"], tokens["user"])
        file = self.folder / "setup.sh"
        file.write_text(self.script() if script is None else script, encoding="utf-8")
        return subprocess.run(
            [*([shell, "sh"] if shell == "busybox" else [shell]), str(file)],
            env={"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def complete(self, *options: str) -> None:
        """The state after a first run; cached, because a run takes a second."""
        tenant = self.sandbox.tenant
        if options not in DONE:
            assert self.run(self.script(*options)).returncode == 0
            DONE[options] = json.dumps(
                [tenant.registrations.as_document(), sorted(tenant.granted), tenant.policy]
            )
        registrations, granted, tenant.policy = json.loads(DONE[options])
        tenant.registrations, tenant.granted = Registrations.from_document(registrations), set(granted)

    def made(self) -> Any:
        """The objects in the tenant, without the values that differ between runs."""
        state = self.state()
        return {"policy": state["policy"], "permissions": state["permissions"], **state["registrations"]}

    def writes(self, script: Callable[[], Any]) -> list[str]:
        """The requests that write, during the block."""
        before = len(self.requests_seen())
        script()
        return [
            f"{seen['method']} {seen['path']}"
            for seen in self.requests_seen()[before:]
            if seen["method"] not in ("GET", "HEAD")
        ]


def variables(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())
