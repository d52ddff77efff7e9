"""A person's own sessions: the list, and the buttons that end one other session or all others."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from portal.own_sessions.listing import OwnSession, list_sessions

OTHERS = "others"


@require_http_methods(["GET", "HEAD", "POST"])
def own_sessions_page(request: HttpRequest) -> HttpResponse:
    """Show the person's sessions. A POST ends those that it names, after a recent sign-in; never the one it comes from."""
    found = list_sessions(request.user, this=request.session.session_key)  # type: ignore[arg-type]  # our user model
    if request.method == "POST":
        return end_chosen_sessions(request, found)
    has_others = any(not session.is_this for session in found)
    context = {"rows": [describe_session(session) for session in found], "has_others": has_others}
    return render(request, "signin/own_sessions.html", context)


def describe_session(session: OwnSession) -> dict[str, Any]:
    """The words of one row of the list."""
    client = describe_browser(session.browser, session.system)
    signed_in, last_used = ago(session.signed_in_at), ago(session.last_used_at)
    label = gettext("End this session: %(browser)s, last used: %(when)s")
    end_label = label % {"browser": client, "when": last_used}
    return {
        "session": session,
        "client": client,
        "signed_in": signed_in,
        "last_used": last_used,
        "end_label": end_label,
    }


def describe_browser(browser: str, system: str) -> str:
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or gettext("Unknown browser")


def ago(moment: datetime) -> str:
    """How long ago it was, at most some hours. No clock time: the portal does not know a person's time zone."""
    minutes = int((timezone.now() - moment).total_seconds() // 60)
    if minutes < 1:
        return gettext("less than a minute ago")
    if minutes < 60:
        return ngettext("%(count)s minute ago", "%(count)s minutes ago", minutes) % {"count": minutes}
    hours = minutes // 60
    return ngettext("%(count)s hour ago", "%(count)s hours ago", hours) % {"count": hours}


def end_chosen_sessions(request: HttpRequest, found: list[OwnSession]) -> HttpResponse:
    """End the chosen sessions and say what was stored about it. Raises what `settings.END_OWN_SESSIONS` raises."""
    chosen = request.POST.get("session", "")
    keys = [session.key for session in found if not session.is_this and chosen in {OTHERS, session.mark}]
    sessions, passes = import_string(settings.END_OWN_SESSIONS)(request.user, keys=keys)
    if sessions:
        messages.success(request, describe_end(sessions, passes))
    else:
        messages.info(request, gettext("The session had already ended."))
    return redirect("own-sessions")


def describe_end(sessions: int, passes: int) -> str:
    ended = ngettext("%(count)s session has ended.", "%(count)s sessions have ended.", sessions)
    if not passes:
        return ended % {"count": sessions}
    deleted = ngettext(
        "The portal is deleting %(count)s pass that you had just created, because no page had confirmed "
        "that it showed the pass.",
        "The portal is deleting %(count)s passes that you had just created, because no page had confirmed "
        "that it showed the passes.",
        passes,
    )
    return f"{ended % {'count': sessions}} {deleted % {'count': passes}}"
