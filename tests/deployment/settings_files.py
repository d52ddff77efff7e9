"""The variables that the portal knows, and the settings files that are shipped for each platform."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

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
