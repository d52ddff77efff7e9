"""The permissions of the workload identity in Microsoft Graph, and those that it must never have."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

from onboarding.graph.permissions import PERMISSIONS, TOO_WIDE

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_the_install_guide_lists_exactly_the_requested_permissions() -> None:
    rows = [
        f"| `{permission.name}`{' (optional)' if permission.optional else ''} | {permission.purpose} |"
        for permission in PERMISSIONS
    ]

    table = re.search(
        r"\| permission \| for \|\n *\|---\|---\|\n((?: *\|.*\n)+)",
        Path(settings.BASE_DIR, "docs/how-to/install.md").read_text(),
    )

    assert table is not None
    assert [row.strip() for row in table[1].splitlines()] == rows


def test_requested_permissions_are_not_too_broad() -> None:
    asked = {permission.name for permission in PERMISSIONS}

    assert asked.isdisjoint(TOO_WIDE)
    assert [name for name in asked if "Write" in name] == ["UserAuthMethod-TAP.ReadWrite.All"]


def test_every_permission_has_its_own_id() -> None:
    ids = [permission.app_role_id for permission in PERMISSIONS]

    assert all(GUID.fullmatch(each) for each in ids)
    assert len(set(ids)) == len({permission.name for permission in PERMISSIONS}) == len(PERMISSIONS)
