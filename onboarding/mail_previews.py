"""Every kind of mail, as it would be written for an invented starter: to read, for admins and auditors.

The kinds come from the templates themselves, so that a new one is seen here without being named. Nothing is sent or
kept. The HTML of a mail is a page of its own under a policy that lets nothing in and nothing run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from onboarding import letters
from onboarding.letters import Reader
from onboarding.models import Mail, Starter

FOLDER = Path(settings.BASE_DIR) / "templates" / "emails"
# Whom each kind is written to; all others are written to the manager.
READERS = {
    "account_found": (Reader.HR,),
    "account_replaced": (Reader.FORMER,),
    "digest": (Reader.MANAGER, Reader.DUTY),
    "escalation": (Reader.ABOVE, Reader.DUTY, Reader.HR),
    "invitation": (Reader.MANAGER, Reader.STAND_IN),
    "not_asked": (Reader.FORMER,),
    "problem": (Reader.HR, Reader.SECURITY),
    "refused": (Reader.MANAGER, Reader.HR, Reader.SECURITY),
    "registered": (Reader.MANAGER, Reader.HR),
    "unexpected": (Reader.SECURITY, Reader.HR),
}
NAMES = {
    "account_found": _("Account found"),
    "account_replaced": _("Account replaced"),
    "digest": _("Several in one mail"),
    "escalation": _("Escalation"),
    "invitation": _("Invitation"),
    "not_asked": _("Not asked any more"),
    "problem": _("Problem"),
    "refused": _("Refused"),
    "registered": _("Registered"),
    "reminder": _("Reminder"),
    "reminder_ahead": _("Reminder ahead of the day"),
    "taken_back": _("Pass taken back"),
    "unexpected": _("Something unexpected"),
}
REASON = "This is where the reason stands, in a sentence or two."
STARTER = Starter(public_id="0" * 22, display_name="Robin Adler (invented)")
# A mail's own styles stand in its elements; it loads nothing, runs nothing, and its links lead nowhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


@dataclass(frozen=True)
class Preview:
    kind: str
    reader: Reader

    @property
    def title(self) -> str:
        return gettext("%(kind)s, to %(reader)s") % {"kind": NAMES[self.kind], "reader": self.reader.label}

    @cached_property
    def written(self) -> dict[str, str]:
        """Its `subject`, `text` and `html`."""
        if self.kind == letters.DIGEST:
            return letters.together(
                [Mail(kind=kind, starter=STARTER, recipient=self.reader) for kind in self.parts]
            )
        return letters.rendered(
            self.kind, {**letters.context(STARTER, self.reader, REASON), "may_go_on": True}
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """What a mail about several has lines for: who may confirm is asked to, others are told that nobody did."""
        asked = tuple(kind for kind in letters.GATHERED if kind != "escalation")
        return asked if self.reader in letters.CONFIRMERS else ("escalation", "escalation")


def kinds() -> list[str]:
    return sorted(path.name.removesuffix(".subject.txt") for path in FOLDER.glob("*.subject.txt"))


def previews() -> Iterator[Preview]:
    for kind in kinds():
        for reader in READERS.get(kind, (Reader.MANAGER,)):
            yield Preview(kind, reader)


@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    """All of them as text; with `kind` and `to` in the query, one as its HTML."""
    if kind := request.GET.get("kind", ""):
        return _one_as_html(kind, request.GET.get("to", ""))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("Mails, as they are written"),
        "previews": list(previews()),
    }
    return TemplateResponse(request, "admin/mails.html", context)


def _one_as_html(kind: str, reader: str) -> HttpResponse:
    for preview in previews():
        if (preview.kind, preview.reader) == (kind, reader):
            return HttpResponse(preview.written["html"], headers={"Content-Security-Policy": POLICY})
    raise Http404
