"""The page that verifies the audit chain, for admins and auditors.

Opening the page checks the end of the chain. The button checks all of it. Neither changes anything.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from onboarding import audit, clock
from onboarding.models import AuditHead

QUICK_CHECK_EVENTS = 500  # checked each time the page opens
FULL_CHECK_EVENTS = 50_000  # the most that the page checks; use the command for more
MAX_FAULTS = 20


@never_cache
def audit_chain_page(request: HttpRequest) -> HttpResponse:
    head = AuditHead.objects.filter(id=1).first() or AuditHead(id=1)
    anchor = request.POST.get("head", "").strip()[:64]
    whole = request.method == "POST" and head.seq <= FULL_CHECK_EVENTS
    found = audit.verify_chain(anchor) if whole else audit.verify_last_events(QUICK_CHECK_EVENTS)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("Audit chain"),
        "head": head,
        "anchor": anchor,
        "whole": whole,
        "events": head.seq if whole else min(head.seq, QUICK_CHECK_EVENTS),
        "too_long": head.seq > FULL_CHECK_EVENTS,
        "at": clock.now(),
        "faults": list(islice(found, MAX_FAULTS)),
    }
    return TemplateResponse(request, "admin/audit_chain.html", context)
