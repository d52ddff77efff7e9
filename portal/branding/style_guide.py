"""The style guide: one page with every component of the portal in each of its states, for developers."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.branding.colour import contrast_ratio, theme_colours

TONES = (
    ("todo", "Waiting for you", "The reader has something to do."),
    ("wait", "Too early for a pass", "The reader waits for a time or for another person."),
    ("done", "Done", "It is finished and went well."),
    ("problem", "No passes left: ask HR", "It went wrong. The text says what to do."),
    ("stopped", "Withdrawn", "It was stopped before it was finished."),
    ("info", "Good to know", "Information that is not a state."),
)
COLOURS = (
    ("ink", "paper"),
    ("quiet", "paper"),
    ("accent", "surface"),
    ("accent", "accent-wash"),
    ("on-accent", "accent"),
    ("done", "done-wash"),
    ("problem", "problem-wash"),
    ("pretend", "pretend-wash"),
)


# Refusal pages with their context. `?page=` shows each one.
REFUSALS: dict[str, dict[str, object]] = {
    "400.html": {},
    "403.html": {},
    "403_csrf.html": {"page_url": "/"},
    "403_elsewhere.html": {},
    "404.html": {},
    "405.html": {},
    "408.html": {},
    "413.html": {},
    "429.html": {},
    "500.html": {},
    "503.html": {},
    "503_arriving.html": {},
    "not_in_use.html": {},
    "managers/unavailable.html": {
        "title": "Microsoft Entra does not respond",
        "text": "The portal cannot check at the moment whether you are this person's manager.",
        "url": "/",
    },
    "signin/again.html": {"url": "/"},
    "signin/failed.html": {},
    "signin/refused.html": {"text": "The portal accepts only accounts of the organisation that runs it."},
    "signin/session_over.html": {
        "sign_in_url": "/",
        "fields": [("note", "What was typed")],
        "action": "/",
        "has_token": False,
    },
    "signin/signed_out.html": {"end_session_url": "https://login.sandbox.invalid/"},
}


class Sample(forms.Form):
    """A form with every kind of field that the portal uses."""

    account = forms.CharField(
        label="Account", help_text="The account name, as in noor.devries@contoso.example."
    )
    start = forms.TimeField(label="Time", widget=forms.TimeInput(attrs={"type": "time"}))
    zone = forms.ChoiceField(label="Time zone", choices=[("a", "Europe/Amsterdam"), ("b", "Asia/Tokyo")])
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    check = forms.ChoiceField(
        label="How did you check?",
        choices=[("a", "In person, with an identity document"), ("b", "I already know this person")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how you checked."},
    )


@login_not_required
@require_safe
def style_guide(request: HttpRequest) -> HttpResponse:
    """Show the style guide with the sandbox tenant; with a real tenant answer 404."""
    if not (settings.SANDBOX or settings.DEBUG):
        raise Http404
    refusal = request.GET.get("page", "")
    if refusal in REFUSALS:
        return render(request, refusal, {**REFUSALS[refusal], "names_nobody": True})
    context = {
        "refusals": list(REFUSALS),
        "tones": [{"tone": tone, "word": word, "says": says} for tone, word, says in TONES],
        "colours": [measure_contrast(one, on) for one, on in COLOURS],
        "empty": Sample(initial={"account": "noor.devries@contoso.example"}, prefix="fine"),
        "wrong": Sample({"wrong-account": "noor.devries@", "wrong-zone": "a"}, prefix="wrong"),
        "names_nobody": True,
    }
    return render(request, "components.html", context)


def measure_contrast(one: str, on: str) -> dict[str, str]:
    """The contrast of one colour on another, in the light and the dark scheme."""
    light, dark = theme_colours("light"), theme_colours("dark")
    return {
        "one": one,
        "on": on,
        "light": f"{contrast_ratio(light[one], light[on]):.1f}",
        "dark": f"{contrast_ratio(dark[one], dark[on]):.1f}",
    }
