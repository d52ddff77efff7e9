"""The state of the audit chain as a page for admins and auditors: looked at now, whole or broken where.

To look at the page checks the end of the chain; the button walks all of it. Neither changes anything.
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

AT_A_LOOK = 500  # events that every look at the page checks
MOST = 50_000  # events that a page can walk through while somebody waits for it; beyond, the command does it
FAULTS_SHOWN = 20


@never_cache
def audit_chain(request: HttpRequest) -> HttpResponse:
    head = AuditHead.objects.get(id=1)
    anchor = request.POST.get("head", "").strip()[:64]
    whole = request.method == "POST" and head.seq <= MOST
    found = audit.verify(anchor) if whole else audit.verify_end(AT_A_LOOK)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("Audit chain"),
        "head": head,
        "anchor": anchor,
        "whole": whole,
        "events": head.seq if whole else min(head.seq, AT_A_LOOK),
        "too_long": head.seq > MOST,
        "at": clock.now(),
        "faults": list(islice(found, FAULTS_SHOWN)),
    }
    return TemplateResponse(request, "admin/audit_chain.html", context)
