"""What the portal knows, to compare the files for each platform with: its variables and its commands."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.core.management import get_commands, load_command_class

TOP = Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"


@cache
def known_variables() -> frozenset[str]:
    return frozenset(re.findall(r"^#?([A-Z_]+)=", (TOP / ".env.example").read_text(), re.M))


# What a real tenant needs; the settings refuse to load without them.
NEEDED = {
    "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "SIGN_IN_CLIENT_ID", "PORTAL_URL", "SECRET_KEY_FILE", "MAIL_FROM", "HR_ADDRESS",
    "SECURITY_ADDRESS", "BEHIND_PROXY",
}  # fmt: skip


def variables_of(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def assert_command(arguments: list[str]) -> None:
    """The portal has this command, with these options. Otherwise CommandError."""
    name, *options = arguments
    command = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(options)
