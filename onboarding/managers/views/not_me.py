"""The page "That was not me" of a mail to a manager: its button stops everything for one starter."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods

from onboarding.lifecycle import IssueState
from onboarding.models import Starter
from onboarding.permissions import answers_unchecked, starter_of_mail_reader
from onboarding.stops.stopping import Way, stop_starter


@answers_unchecked("GET", "POST")  # everything can always be stopped
@require_http_methods(["GET", "HEAD", "POST"])
def stop_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Explain the button, or say that the stop is in force. POST stops."""
    starter = starter_of_mail_reader(request.user, public_id)
    if request.method == "POST":
        stop_starter(starter, way=Way.MAIL, by=request.user)
        return redirect("managers:not-me", public_id=public_id)
    return render(request, "managers/not_me.html", _build_context(starter))


def _build_context(starter: Starter) -> dict[str, object]:
    issue, stopped_at = starter.open_issue(), starter.stopped_at
    local = stopped_at.astimezone(starter.zone_info) if stopped_at else None
    return {
        "starter_name": starter.name,
        "start_words": f"{starter.start_words} ({starter.time_zone})",
        "stopped_words": f"{date_format(local, 'MOMENT')} ({starter.time_zone})" if local else "",
        "is_pass_going": issue is not None and issue.state == IssueState.REVOKING,
        "is_pass_unclear": issue is not None and issue.state != IssueState.REVOKING,
    }
