"""The page that verifies the audit log, for admins and auditors.

Opening the page checks the end of the chain. The button checks everything that `manage.py verify_audit` checks. Neither
changes anything. A long log is left to the command, and the page shows the command's last result.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from onboarding import audit, clock
from onboarding.audit import triggers
from onboarding.models import AuditCheck, AuditHead

QUICK_CHECK_EVENTS = 500  # checked each time the page opens
FULL_CHECK_EVENTS = 20_000  # the most that the page checks; use the command for more
MAX_FAULTS = 20


@never_cache
def audit_chain_page(request: HttpRequest) -> HttpResponse:
    head = AuditHead.objects.filter(id=1).first() or AuditHead(id=1)
    anchor = request.POST.get("head", "").strip()[:64]
    whole = request.method == "POST" and head.seq <= FULL_CHECK_EVENTS
    found = check_everything(anchor) if whole else check_end()
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
        "last_check": AuditCheck.objects.filter(id=1).first(),
    }
    return TemplateResponse(request, "admin/audit_chain.html", context)


def check_end() -> Iterator[str]:
    """What is wrong with the last events, a sentence each."""
    for fault in audit.verify_last_events(QUICK_CHECK_EVENTS):
        yield _about_event(fault)


def check_everything(anchor: str) -> Iterator[str]:
    """What is wrong with the chain, with the rows that it tells of, and with the triggers, a sentence each."""
    for fault in audit.verify_chain(anchor):
        yield _about_event(fault)
    for row in audit.compare_rows():
        yield f"{row.subject}: {row.what}"
    for name in triggers.find_missing(connection):
        yield gettext("The database trigger %(name)s is missing or was changed.") % {"name": name}


def _about_event(fault: audit.ChainFault) -> str:
    return gettext("Event %(number)s: %(what)s") % {"number": fault.seq, "what": fault.what}
