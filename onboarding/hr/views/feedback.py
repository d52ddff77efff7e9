"""Shared by HR's views: the starter of a URL, and the result of an action as a message.

Every error of the services becomes a message here, and only here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from onboarding.errors import ConcurrentUpdate, OnboardingError
from onboarding.guards import daily_limits
from onboarding.lifecycle import NotPermitted
from onboarding.models import Starter
from onboarding.starters import directory


def starter_or_404(public_id: str) -> Starter:
    starter: Starter = get_object_or_404(
        Starter.objects.select_related("recorded_by", "ticket"), public_id=public_id
    )
    return starter


def check_version(request: HttpRequest, starter: Starter) -> None:
    """Refuse the form of an old page. Raises ConcurrentUpdate if the starter has another version now."""
    if request.POST.get("version") != str(starter.version):
        raise ConcurrentUpdate("the page was opened on another version")


def wait_until_tomorrow(response: HttpResponse) -> HttpResponse:
    """Say in the header when the daily limits begin again."""
    response["Retry-After"] = str(daily_limits.seconds_until_tomorrow())
    return response


def describe_recent_link(sent_at: datetime) -> str:
    """Answer a request for a link that was sent a moment ago."""
    return gettext("The link was sent at %(time)s. You can send it again ten minutes later.") % {
        "time": date_format(timezone.localtime(sent_at), "CLOCK")
    }


def run_action(action: Callable[[], str | None], success: str = "") -> tuple[bool, str]:
    """Run the action. Return whether it succeeded, and the message: what it returns, else `success`, or its error."""
    try:
        return True, action() or success
    except NotPermitted:
        return False, str(ConcurrentUpdate.message)
    except OnboardingError as error:
        return False, str(error.message)
    except directory.DirectoryError:
        return False, gettext("Microsoft Entra does not respond. Nothing was changed. Try again in a minute.")


def run_and_report(request: HttpRequest, action: Callable[[], str | None], success: str = "") -> bool:
    """Run the action and show its message on the next page. Return whether it succeeded."""
    is_done, message = run_action(action, success)
    (messages.success if is_done else messages.error)(request, message)
    return is_done
