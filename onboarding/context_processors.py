"""Template variables of every page: the version that froze the portal, if any, and what waits for admins."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest

from onboarding import policy
from onboarding.directory_log import findings
from onboarding.restored import use


def onboarding(_request: HttpRequest) -> dict[str, Any]:
    """The lists are read only if a template uses them."""
    return {
        "freeze": policy.find_freeze(),
        "waiting_versions": policy.list_drafts,
        "scheduled_versions": policy.list_scheduled,
        "open_findings": findings.list_open,
        "not_in_use": is_restored_copy,
    }


def is_restored_copy() -> bool:
    """Whether the database is a copy that nobody has adopted. A database that does not answer is not called one."""
    try:
        return use.last_cause() is not None
    except DatabaseError:
        return False
