"""Each HR person chooses which emails they get."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from onboarding.hr.forms import MailChoiceForm
from onboarding.hr.views.feedback import run_action
from onboarding.mail import preferences
from onboarding.permissions import hr_only


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def choose_mails(request: HttpRequest) -> HttpResponse:
    """Show the choice, or save it with the current email address in Entra."""
    kept = preferences.find_choice(request.user)
    form = MailChoiceForm(request.POST or None, initial={"choice": kept.choice if kept else ""})
    if request.method == "POST" and form.is_valid():
        is_saved, message = run_action(lambda: _save_choice(request, form.cleaned_data["choice"]))
        if is_saved:
            messages.success(request, message)
            return redirect("hr:mail-choice")
        form.add_error("choice", message)
    context: dict[str, Any] = {
        "form": form,
        "address": kept.address if kept else "",
        "days": preferences.LAPSES_AFTER.days,
        "back_url": reverse("hr:list"),
    }
    return render(request, "hr/mail_choice.html", context, status=400 if form.errors else 200)


def _save_choice(request: HttpRequest, choice: str) -> str:
    """Save the choice and return the message. Raises MailboxNotFound, DirectoryError."""
    kept = preferences.save_choice(request.user, choice)
    message = (
        gettext("Saved. Your emails go to %(address)s.") if kept else gettext("Saved. You get no emails.")
    )
    return message % {"address": kept.address if kept else ""}
