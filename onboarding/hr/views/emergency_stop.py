"""Emergency stops in HR: the stop code with its letter, and starting again, for which one asks and another agrees."""

from __future__ import annotations

import segno
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from onboarding.errors import ConcurrentUpdate
from onboarding.hr.forms import RestartForm
from onboarding.hr.views.feedback import check_version, run_and_report, starter_or_404
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.stops import codes, restarting


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def restart_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask to start again, or agree if somebody else has asked. The form says which of the two HR was shown."""
    starter = starter_or_404(public_id)
    asked = restarting.find_request(starter)
    step = restarting.AGREED if asked else restarting.ASKED
    form = RestartForm(request.POST or None, initial={"version": starter.version, "step": step})
    if request.method == "POST" and form.is_valid():
        starter.version, chosen = form.cleaned_data["version"], form.cleaned_data["step"]
        reason = form.cleaned_data["reason"]

        def ask_or_agree() -> str:
            if chosen == restarting.ASKED:
                restarting.ask_to_restart(starter=starter, by=request.user, reason=reason)
                return gettext(
                    "You asked to end the emergency stop. An HR colleague must agree. To do so, your "
                    "colleague chooses “End the emergency stop…” on this page."
                )
            restarting.agree_to_restart(starter=starter, by=request.user, reason=reason)
            return gettext("The emergency stop has ended. This page shows the next step.")

        if run_and_report(request, ask_or_agree):
            return redirect("hr:starter", public_id=public_id)
        starter = starter_or_404(public_id)
        asked = restarting.find_request(starter)
        step = restarting.AGREED if asked else restarting.ASKED
        form = RestartForm({**request.POST.dict(), "version": starter.version, "step": step})
    context = {
        "form": form,
        "starter": starter,
        "stopped_words": _format_stop(starter),
        "asked": {"by": asked.by.name, "reason": asked.reason} if asked else None,
        "submit": gettext("End the emergency stop") if asked else gettext("Ask to end the emergency stop"),
        "back_url": reverse("hr:starter", args=[public_id]),
    }
    return render(request, "hr/restart.html", context, status=400 if form.errors else 200)


@require_POST
@hr_only
@sensitive_variables()
def create_stop_code(request: HttpRequest, public_id: str) -> HttpResponse:
    """Create a stop code, and show it in the letter for the starter. Only this answer ever shows it."""
    starter = starter_or_404(public_id)
    try:
        check_version(request, starter)
        code = codes.create_code(starter=starter, by=request.user)
    except ConcurrentUpdate as error:
        messages.error(request, str(error.message))
        return redirect("hr:starter", public_id=public_id)
    address = settings.PORTAL_URL + reverse("sheet")
    context = {
        "starter_name": starter.name,
        "start_words": f"{starter.start_words} ({starter.time_zone})",
        "groups": codes.group_characters(code),
        "address": address,
        "stop_address": settings.PORTAL_URL + reverse("stop"),
        "picture": draw_qr_code(address),
        "valid_words": date_format(codes.valid_until(starter).astimezone(starter.zone_info), "DAY_YEAR"),
        "back_url": reverse("hr:starter", args=[public_id]),
        "keep_page": True,
    }
    try:
        return render(request, "hr/stop_letter.html", context)
    finally:
        code.wipe()
        context.clear()


def draw_qr_code(address: str) -> SafeString:
    """Draw the address as SVG, black on white also in the dark. It has no styles, which the browser would refuse."""
    drawn = segno.make(address, error="m", micro=False)
    picture = drawn.svg_inline(scale=4, light="white", svgclass=None, lineclass=None)
    # The figure around it has its name.
    return mark_safe(picture.replace("<svg ", '<svg aria-hidden="true" ', 1))  # noqa: S308


def _format_stop(starter: Starter) -> str:
    since = restarting.find_stop(starter)
    return date_format(localtime(since), "AGREED") if since else ""
