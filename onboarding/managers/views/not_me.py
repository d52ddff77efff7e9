"""The page "That was not me" of a mail to a manager: its button stops everything for one starter."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods

from onboarding.lifecycle import IssueState
from onboarding.models import Starter
from onboarding.permissions import answers_unchecked, may_know_account, starter_of_mail_reader
from onboarding.stops.stopping import Way, stop_starter

# The starter that a person without its details has stopped in this session.
STOPPED_HERE = "stopped_unseen"
UNKNOWN: dict[str, object] = {"starter_name": "", "is_pass_going": False, "is_pass_unclear": False}


@answers_unchecked("GET", "POST")  # everything can always be stopped
@require_http_methods(["GET", "HEAD", "POST"])
def stop_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Explain the button, or say that the stop is in force. POST stops.

    A person whose mails are about the account before HR chose another one sees the button and nothing else: no name, no
    date, and whether a stop is in force only after they have used the button.
    """
    starter = starter_of_mail_reader(request.user, public_id)
    is_known = may_know_account(starter, request.user)
    if request.method == "POST":
        stop_starter(starter, way=Way.MAIL if is_known else Way.FORMER_MAIL, by=request.user)
        if not is_known:
            request.session[STOPPED_HERE] = public_id
        return redirect("managers:not-me", public_id=public_id)
    if is_known:
        context = _build_context(starter)
    else:
        is_own_stop = request.session.get(STOPPED_HERE) == public_id
        context = UNKNOWN | {"is_stopped": is_own_stop and starter.stopped_at is not None}
    return render(request, "managers/not_me.html", context)


def _build_context(starter: Starter) -> dict[str, object]:
    issue, stopped_at = starter.open_issue(), starter.stopped_at
    local = stopped_at.astimezone(starter.zone_info) if stopped_at else None
    return {
        "is_stopped": stopped_at is not None,
        "starter_name": starter.name,
        "start_words": f"{starter.start_words} ({starter.time_zone})",
        "stopped_words": f"{date_format(local, 'MOMENT')} ({starter.time_zone})" if local else "",
        "is_pass_going": issue is not None and issue.state == IssueState.REVOKING,
        "is_pass_unclear": issue is not None and issue.state != IssueState.REVOKING,
    }
