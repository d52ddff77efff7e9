"""Template variables of every page: the policy version that froze the portal, if any."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from onboarding import policy


def onboarding(_request: HttpRequest) -> dict[str, Any]:
    return {"freeze": policy.find_freeze()}
