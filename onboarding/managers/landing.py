"""The first page after sign-in: the one where this person has work to do."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from onboarding import clock
from onboarding.managers.my_starters import has_starter_to_do_now
from onboarding.permissions import may_audit, may_record


@require_safe
def redirect_to_landing_page(request: HttpRequest) -> HttpResponse:
    """Redirect to the signed-in person's first page."""
    return redirect(landing_page(request.user))


def landing_page(person: Any) -> str:
    """Return the URL name of a person's first page.

    A starter who needs their manager now comes first, whatever other roles the manager has: only the manager can help,
    and the starter is waiting. Otherwise HR's page comes before the administration, because HR works there every day. An
    auditor who is not an admin reads the audit log.
    """
    has_role = may_record(person) or person.is_staff
    if not has_role or has_starter_to_do_now(person, clock.now()):
        return "managers:list"
    if may_record(person):
        return "hr:today"
    return "audit:events" if may_audit(person) and not person.is_admin else "admin:index"
