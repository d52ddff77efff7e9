"""Template variables that every page can use."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.branding.views import branding_files
from portal.languages import language_context


def site_context(request: HttpRequest | None = None) -> dict[str, Any]:
    look = branding_files()
    return {
        "organisation_name": settings.ORGANISATION_NAME,
        "support_contact": settings.SUPPORT_CONTACT,
        "help_url": settings.HELP_URL,
        "privacy_url": settings.PRIVACY_NOTICE_URL,
        "look_url": look["/look.css"].address if "/look.css" in look else "",
        "logo_url": look["/logo"].address if "/logo" in look else "",
        "sandbox": settings.SANDBOX,
        "sandbox_url": settings.SANDBOX_URL if settings.SANDBOX else "",
        "session": session_ends(request) if request else None,
        **language_context(request),
    }


def session_ends(request: HttpRequest) -> dict[str, int] | None:
    """Seconds until the session ends: `idle` without activity, `ends` at the latest."""
    began = request.session.get("signed_in_at") if hasattr(request, "session") else None
    if not isinstance(began, int):
        return None
    ends = began + settings.SESSION_ABSOLUTE_AGE.total_seconds() - time.time()
    return {"idle": settings.SESSION_COOKIE_AGE, "ends": max(int(ends), 0)}
