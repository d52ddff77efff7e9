"""Template variables of every page: the version that froze the portal, if any, and the versions that wait."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from onboarding import policy


def onboarding(_request: HttpRequest) -> dict[str, Any]:
    """The two lists are read only if a template uses them."""
    return {
        "freeze": policy.find_freeze(),
        "waiting_versions": policy.list_drafts,
        "scheduled_versions": policy.list_scheduled,
    }
