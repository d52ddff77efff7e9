"""The public page on which a starter enters the stop code of their letter. It stops, and does nothing else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from onboarding.stops import code_tries, codes
from onboarding.stops.stopping import Way, stop_starter


class StopForm(forms.Form):
    """The code as a person types it."""

    code = forms.CharField(
        label=_("Stop code"),
        max_length=60,
        help_text=_(
            "Twelve letters and digits, in three groups of four. You can type small letters and leave out "
            "the hyphens."
        ),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "translate": "no",
                "class": "exact",
            }
        ),
        error_messages={"required": _("Enter the stop code from your letter.")},
    )

    @sensitive_variables()
    def clean_code(self) -> str:
        code = codes.normalise_code(self.cleaned_data["code"])
        if not code:
            raise ValidationError(
                gettext("A stop code has twelve letters and digits. Check the code in your letter from HR.")
            )
        return code


# The code alone gives the right to stop, so a form token would add nothing. It would need a session, and so a row in the
# database, for each stranger.
@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables()
def stop_page(request: HttpRequest) -> HttpResponse:
    """Show the form, or stop. Wrong, replaced and old codes have one answer. 429 if no try is left."""
    if request.method != "POST":
        return _render(request, StopForm())
    form = StopForm(request.POST)
    if not form.is_valid():
        return _render(request, form, status=400)
    if wait := code_tries.take_try(getattr(request, "client_address", "")):
        form.add_error(
            None, gettext("Too many attempts. Call your manager or HR now, or try again in an hour.")
        )
        response = _render(request, form, status=429)
        response["Retry-After"] = str(wait)
        return response
    starter = codes.find_starter(form.cleaned_data["code"])
    if starter is None:
        form.add_error(
            "code",
            gettext(
                "This code does not work. Check each character. If they are all right, call your manager or HR."
            ),
        )
        return _render(request, form, status=400)
    stop_starter(starter, way=Way.CODE)
    return _render(request, StopForm(), is_stopped=True)


def _render(
    request: HttpRequest, form: StopForm, *, is_stopped: bool = False, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "is_stopped": is_stopped, "names_nobody": True}
    return render(request, "stop.html", context, status=status)
