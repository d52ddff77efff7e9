"""HR accepts what other systems added: one starter by its button, or all that are selected."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from onboarding import obstacles
from onboarding.guards import daily_limits
from onboarding.hr import labels
from onboarding.hr.views.feedback import run_action
from onboarding.hr.views.recording import DAILY_LIMIT_REACHED
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.starters.duplicates import find_duplicates_of_stored
from onboarding.starters.errors import UnacknowledgedDuplicate
from onboarding.tickets import acceptance

PAGE_SIZE = 50
WAITS = "recorder_is_a_person"  # each row says so already
DUPLICATES_NOT_SHOWN = _(
    "This person may have been added before. Open “Starters to accept” again and check the possible "
    "duplicate, then accept the starter."
)


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def accept_starters(request: HttpRequest) -> HttpResponse:
    """Each row carries what HR was shown, so that exactly that is accepted."""
    if request.method != "POST":
        return _render_page(request)
    one = request.POST.get("accept")
    chosen = [one] if one else request.POST.getlist("starter")[:PAGE_SIZE]
    if not chosen:
        return _render_page(
            request, error=gettext("Select the starters that you want to accept."), status=400
        )
    rows = [_accept_row(request, *_split(value)) for value in chosen]
    if not all(row["is_done"] for row in rows):
        failed = sum(not row["is_done"] for row in rows)
        rows.sort(key=lambda row: row["is_done"])
        context = {
            "rows": rows,
            "failed": failed,
            "count": len(rows),
            "back_url": reverse("hr:to-accept"),
            "back_label": gettext("← Starters to accept"),
        }
        return render(request, "hr/bulk_results.html", context, status=200 if failed < len(rows) else 409)
    if len(rows) == 1:
        messages.success(request, gettext("You accepted %(name)s.") % {"name": rows[0]["name"]})
    else:
        messages.success(request, gettext("You accepted %(count)s starters.") % {"count": len(rows)})
    return redirect("hr:to-accept")


def _split(value: str) -> tuple[str, str, list[str]]:
    """Return the starter's public id, what HR was shown, and the earlier starters of the same person that HR was shown."""
    public_id, _, rest = value.partition(":")
    shown, _, known = rest.partition(":")
    return public_id, shown, known.split(",") if known else []


def _accept_row(request: HttpRequest, public_id: str, shown: str, known: list[str]) -> dict[str, Any]:
    starter = acceptance.waiting_starters().filter(public_id=public_id).first()
    if starter is None:
        gone = (
            Starter.objects.filter(public_id=public_id, erased_at=None).select_related("recorded_by").first()
        )
        why = gettext("This starter has already been accepted or withdrawn.")
        return {**(_describe(gone) if gone else {"name": "–"}), "is_done": False, "message": why}

    def accept() -> None:
        acceptance.accept_starter(starter=starter, shown=shown, by=request.user, acknowledged_ids=known)

    try:
        is_done, message = run_action(accept, gettext("Accepted."))
    except UnacknowledgedDuplicate:
        is_done, message = False, str(DUPLICATES_NOT_SHOWN)
    except daily_limits.DailyLimitReached:
        is_done, message = False, str(DAILY_LIMIT_REACHED)
    return {**_describe(starter), "is_done": is_done, "message": message}


def _describe(starter: Starter) -> dict[str, Any]:
    return {
        "public_id": starter.public_id,
        "name": starter.name,
        "account_name": starter.account_name,
        "department": starter.department,
        "manager_name": starter.manager_name,
        "when": labels.format_start(starter),
        "url": reverse("hr:starter", args=[starter.public_id]),
    }


def _render_page(request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    page = Paginator(acceptance.waiting_starters(), PAGE_SIZE).get_page(request.GET.get("page", 1))
    starters = list(page.object_list)
    earlier = find_duplicates_of_stored(starters)
    context = {
        "rows": [
            _build_row(starter, labels.describe_duplicates(earlier[starter.pk])) for starter in starters
        ],
        "page": page,
        "count": page.paginator.count,
        "error": error,
        "previous_url": f"?page={page.previous_page_number()}" if page.has_previous() else None,
        "api_url": reverse("api-page") if settings.API_CLIENT_ID else "",
        "next_url": f"?page={page.next_page_number()}" if page.has_next() else None,
    }
    return render(request, "hr/to_accept.html", context, status=status)


def _build_row(starter: Starter, duplicates: list[dict[str, str]]) -> dict[str, Any]:
    known = ",".join(duplicate["public_id"] for duplicate in duplicates)
    warnings = _list_warnings(starter)
    return _describe(starter) | {
        "value": f"{starter.public_id}:{acceptance.review_key(starter)}:{known}",
        "ticket": starter.ticket,
        "note": starter.note,
        "duplicates": duplicates,
        "warnings": warnings,
        "is_selected": not duplicates and not warnings,
    }


def _list_warnings(starter: Starter) -> list[str]:
    ticket = starter.ticket
    reasons = [str(reason.for_hr) for reason in obstacles.stored_reasons(starter) if reason.code != WAITS]
    if starter.problem not in {"", Starter.Problem.REFUSED}:
        reasons.insert(0, str(starter.get_problem_display()))
    if starter.account_id and WAITS not in starter.refused_for and not reasons:
        reasons.append(
            gettext("The portal has not checked this account yet. Open this page again in a minute.")
        )
    if ticket.requested_by_id and ticket.requested_by_id in {starter.account_id, starter.manager_id}:
        reasons.append(
            gettext(
                "The starter or their manager made this request in the other system. Before you accept the "
                "starter, ask someone else whether the request is right."
            )
        )
    return reasons
