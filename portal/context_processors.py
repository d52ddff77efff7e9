"""What every page may say about the site it belongs to."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(_request: HttpRequest | None = None) -> dict[str, Any]:
    return {
        "organisation_name": settings.ORGANISATION_NAME,
        "support_contact": settings.SUPPORT_CONTACT,
        "sandbox": settings.SANDBOX,
        "sandbox_url": settings.SANDBOX_URL if settings.SANDBOX else "",
    }
