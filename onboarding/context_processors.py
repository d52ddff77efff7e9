"""Template variables of every page: the version that froze the portal, if any, and what waits for admins."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from onboarding import policy
from onboarding.directory_log import findings


def onboarding(_request: HttpRequest) -> dict[str, Any]:
    """The lists are read only if a template uses them."""
    return {
        "freeze": policy.find_freeze(),
        "waiting_versions": policy.list_drafts,
        "scheduled_versions": policy.list_scheduled,
        "open_findings": findings.list_open,
    }
