"""The design of the portal on one page, for whoever builds it: each named thing in each of its states."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.colour import contrast, tokens

TONES = (
    ("todo", "Waiting for you", "Somebody here has something to do."),
    ("wait", "Not yet", "Nothing to do: time or another person moves it on."),
    ("done", "Done", "It went well and is over."),
    ("problem", "Ask HR", "It did not go well, and the words say what to do."),
    ("stopped", "Withdrawn", "It is over, and was not finished."),
    ("info", "Good to know", "Words that are no state."),
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


# Pages that say why not, with what they are given; `?page=` shows each as it is.
REFUSALS: dict[str, dict[str, object]] = {
    "400.html": {},
    "403.html": {},
    "403_csrf.html": {"page_url": "/"},
    "403_elsewhere.html": {},
    "404.html": {},
    "405.html": {},
    "413.html": {},
    "500.html": {},
    "503.html": {},
    "managers/unavailable.html": {
        "title": "The directory does not answer",
        "text": "We cannot check just now that you are this person's manager.",
        "url": "/",
    },
    "signin/again.html": {"url": "/"},
    "signin/failed.html": {},
    "signin/refused.html": {"text": "This site accepts accounts of one organisation only."},
    "signin/session_over.html": {"sign_in_url": "/", "fields": [("note", "What was typed")], "action": "/"},
    "signin/signed_out.html": {"end_session_url": "https://login.sandbox.invalid/"},
}


class Sample(forms.Form):
    """A form with everything that forms have here."""

    account = forms.CharField(
        label="Account", help_text="The account name, as in noor.devries@contoso.example."
    )
    start = forms.TimeField(label="Time", widget=forms.TimeInput(attrs={"type": "time"}))
    zone = forms.ChoiceField(label="Time zone", choices=[("a", "Europe/Amsterdam"), ("b", "Asia/Tokyo")])
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    check = forms.ChoiceField(
        label="How did you check?",
        choices=[("a", "In person, with an identity document"), ("b", "I know this person from before")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how you checked."},
    )


@login_not_required
@require_safe
def components(request: HttpRequest) -> HttpResponse:
    """Where nothing is real; with a real tenant there is no such page."""
    if not (settings.SANDBOX or settings.DEBUG):
        raise Http404
    refusal = request.GET.get("page", "")
    if refusal in REFUSALS:
        return render(request, refusal, {**REFUSALS[refusal], "names_nobody": True})
    context = {
        "refusals": list(REFUSALS),
        "tones": [{"tone": tone, "word": word, "says": says} for tone, word, says in TONES],
        "colours": [measured(one, on) for one, on in COLOURS],
        "empty": Sample(initial={"account": "noor.devries@contoso.example"}, prefix="fine"),
        "wrong": Sample({"wrong-account": "noor.devries@", "wrong-zone": "a"}, prefix="wrong"),
        "names_nobody": True,
    }
    return render(request, "components.html", context)


def measured(one: str, on: str) -> dict[str, str]:
    """How well one colour is read on another, in the light and in the dark."""
    light, dark = tokens("light"), tokens("dark")
    return {
        "one": one,
        "on": on,
        "light": f"{contrast(light[one], light[on]):.1f}",
        "dark": f"{contrast(dark[one], dark[on]):.1f}",
    }
