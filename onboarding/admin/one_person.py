"""The page *One person*, for admins: what the portal keeps about a person, the export, and erasure by two admins.

Each search and each export is an audit event. Looking at the empty page is none.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache

from onboarding import audit
from onboarding.admin.policy_notices import LONGEST_REASON
from onboarding.privacy import requests, search
from onboarding.privacy.requests import ErasureRefused

LONGEST_NAME = 320
MOST_SHOWN_ROWS = 20  # of one table; the export has all


@never_cache
def one_person_page(request: HttpRequest) -> HttpResponse:
    if not request.user.is_admin:  # type: ignore[union-attr]  # our user model
        raise PermissionDenied
    act = {"search": _search, "export": _export, "ask": _ask, "erase": _erase}.get(
        request.POST.get("action", ""), _show
    )
    return act(request)


def _search(request: HttpRequest) -> HttpResponse:
    typed = _read(request, "person", LONGEST_NAME)
    if not typed:
        return _show(request, {"person": gettext("Enter an object ID, an account name or an email address.")})
    audit.record_reading(audit.PERSON_SEARCHED, by=request.user, facts={}, personal={"person": typed})  # type: ignore[arg-type]
    return _show(request, typed=typed)


def _export(request: HttpRequest) -> HttpResponse:
    typed = _read(request, "person", LONGEST_NAME)
    if not typed:
        return _search(request)
    audit.record_reading(audit.PERSON_EXPORTED, by=request.user, facts={}, personal={"person": typed})  # type: ignore[arg-type]
    person = search.find_person(typed)
    answer = JsonResponse(
        search.describe_export(typed, person, search.find_tables(person)),
        json_dumps_params={"indent": 2, "ensure_ascii": False},
    )
    answer["Content-Disposition"] = 'attachment; filename="person.json"'
    return answer


def _ask(request: HttpRequest) -> HttpResponse:
    typed, reason = _read(request, "person", LONGEST_NAME), _read(request, "reason", LONGEST_REASON)
    if not reason or not typed:
        return _show(request, {"reason": gettext("Enter a reason.")}, typed=typed, is_searched=False)
    try:
        requests.ask_for_erasure(typed, by=request.user, reason=reason)
    except ErasureRefused as refused:
        return _show(request, {"reason": str(refused)}, typed=typed, is_searched=False)
    messages.success(
        request, gettext("You requested the erasure. Another admin must carry it out within 14 days.")
    )
    return redirect("one-person")


def _erase(request: HttpRequest) -> HttpResponse:
    number = request.POST.get("number", "")
    if not request.POST.get("is_sure"):
        return _show(
            request, {"erase": gettext("Tick the box to confirm that you want to erase this person’s data.")}
        )
    try:
        counts = requests.carry_out(
            int(number) if number.isdecimal() and len(number) < 19 else 0, by=request.user
        )
    except ErasureRefused as refused:
        return _show(request, {"erase": str(refused)})
    erased = ngettext(
        "The portal erased this person’s data, including %(count)s finished onboarding. The audit log "
        "keeps this person’s details until the retention period ends.",
        "The portal erased this person’s data, including %(count)s finished onboardings. The audit log "
        "keeps this person’s details until the retention period ends.",
        counts["starters"],
    )
    messages.success(request, erased % {"count": counts["starters"]})
    return redirect("one-person")


def _show(
    request: HttpRequest,
    errors: dict[str, str] | None = None,
    typed: str = "",
    *,
    is_searched: bool = True,
) -> HttpResponse:
    """The page. With `typed` it lists what was found about this person, if the audit log has the search."""
    person = search.find_person(typed) if typed else None
    tables = search.find_tables(person) if person and is_searched else []
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("Data about one person"),
        "typed": typed,
        "reason": _read(request, "reason", LONGEST_REASON),
        "errors": dict.fromkeys(("person", "reason", "erase"), "") | (errors or {}),
        "was_searched": person is not None,
        "reason_against": requests.find_reason_against(person) if person else "",
        "tables": [
            {
                "title": table.title,
                "count": len(table.rows),
                "rows": table.labelled_rows(MOST_SHOWN_ROWS),
                "is_cut": len(table.rows) > MOST_SHOWN_ROWS,
            }
            for table in tables
        ],
        "requests": [(one, one.is_of(request.user)) for one in requests.list_requests()],
    }
    return TemplateResponse(request, "admin/one_person.html", context, status=400 if errors else 200)


def _read(request: HttpRequest, name: str, longest: int) -> str:
    """What was typed, without characters that cannot be seen."""
    return "".join(c for c in request.POST.get(name, "") if c.isprintable()).strip()[:longest]
