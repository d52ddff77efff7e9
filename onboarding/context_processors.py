"""What every page knows about the work: whether issuing is frozen, by whom and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from onboarding import policy


def onboarding(_request: HttpRequest) -> dict[str, Any]:
    return {"freeze": policy.find_freeze()}
