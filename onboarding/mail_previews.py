"""Every kind of mail, as it would be written for an invented starter: to read, for admins and auditors.

The kinds come from the templates themselves, so that a new one is seen here without being named. Nothing is sent or
kept. The HTML of a mail is a page of its own under a policy that lets nothing in and nothing run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from onboarding import notifications
from onboarding.models import Starter

FOLDER = Path(settings.BASE_DIR) / "templates" / "emails"
# Mails whose words depend on who reads them; all others are written to the manager or to HR alone.
READERS = {
    "problem": ("hr", "security"),
    "refused": ("manager", "hr", "security"),
    "registered": ("manager", "hr"),
    "account_found": ("hr",),
    "account_replaced": ("former manager",),
}
REASON = "This is where the reason stands, in a sentence or two."
STARTER = Starter(public_id="0" * 22, display_name="Robin Adler (invented)")
# A mail's own styles stand in its elements; it loads nothing, runs nothing, and its links lead nowhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


@dataclass(frozen=True)
class Preview:
    kind: str
    reader: str

    @property
    def title(self) -> str:
        return f"{self.kind.replace('_', ' ').capitalize()}, to {self.reader.replace('hr', 'HR')}"

    @property
    def subject(self) -> str:
        return " ".join(self._of("subject.txt").split())

    @property
    def text(self) -> str:
        return self._of("txt")

    @property
    def html(self) -> str:
        return self._of("html")

    def _of(self, ending: str) -> str:
        context = notifications._context(STARTER, self.reader, REASON)
        return render_to_string(f"emails/{self.kind}.{ending}", {**context, "may_go_on": True})


def kinds() -> list[str]:
    return sorted(path.name.removesuffix(".subject.txt") for path in FOLDER.glob("*.subject.txt"))


def previews() -> Iterator[Preview]:
    for kind in kinds():
        for reader in READERS.get(kind, ("manager",)):
            yield Preview(kind, reader)


@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    """All of them as text; with `kind` and `to` in the query, one as its HTML."""
    if kind := request.GET.get("kind", ""):
        return one_as_html(kind, request.GET.get("to", ""))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Mails, as they are written",
        "previews": list(previews()),
    }
    return TemplateResponse(request, "admin/mails.html", context)


def one_as_html(kind: str, reader: str) -> HttpResponse:
    chosen = Preview(kind, reader)
    if chosen not in list(previews()):
        raise Http404
    return HttpResponse(chosen.html, headers={"Content-Security-Policy": POLICY})
