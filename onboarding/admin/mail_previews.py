"""Previews of every kind of mail for an invented starter, for admins and auditors.

The kinds come from the templates, so a new one appears here automatically. Nothing is sent or stored. The HTML of a
mail is a page of its own, under a content security policy that loads and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
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

from onboarding.mail.calendar_entries import build_calendar_file
from onboarding.mail.digest import render_digest
from onboarding.mail.kinds import BATCHED_KINDS, CALENDAR_METHODS, CONFIRMERS, DIGESTS, Reader
from onboarding.mail.policy_mails import policy_context
from onboarding.mail.rendering import common_context, notice_link, render_mail, starter_context
from onboarding.models import EffectivePolicy, Mail, PolicyVersion, Starter
from onboarding.policy import ChangeKind, PolicyChange

FOLDER = Path(settings.BASE_DIR) / "templates" / "emails"
# The readers of each kind. All other kinds go to the manager.
READERS = {
    "account_found": (Reader.HR,),
    "account_replaced": (Reader.FORMER,),
    "digest": (Reader.MANAGER, Reader.DUTY),
    "directory_alarm": (Reader.SECURITY,),
    "erasure": (Reader.SECURITY,),
    "escalation": (Reader.ABOVE, Reader.DUTY, Reader.HR),
    "hr_digest": (Reader.HR,),
    "invitation": (Reader.MANAGER, Reader.STAND_IN),
    "moved": (Reader.MANAGER, Reader.STAND_IN),
    "not_asked": (Reader.FORMER,),
    "policy_changed": (Reader.SECURITY, Reader.HR),
    "policy_draft": (Reader.SECURITY,),
    "problem": (Reader.HR, Reader.SECURITY),
    "refused": (Reader.MANAGER, Reader.HR, Reader.SECURITY),
    "registered": (Reader.MANAGER, Reader.HR),
    "sessions_ended": (Reader.PERSON, Reader.SECURITY),
    "stopped": (Reader.SECURITY, Reader.HR),
    "unexpected": (Reader.SECURITY, Reader.HR),
    "withdrawn": (Reader.FORMER,),
}
NAMES = {
    "account_found": _("Account found"),
    "account_replaced": _("Account replaced"),
    "digest": _("Digest"),
    "directory_alarm": _("Pass that the portal did not create"),
    "erasure": _("Erasure of personal data"),
    "escalation": _("Escalation"),
    "hr_digest": _("Digest for HR"),
    "invitation": _("Invitation"),
    "moved": _("Start date changed"),
    "not_asked": _("Manager changed"),
    "policy_changed": _("Policy changed"),
    "policy_draft": _("Policy draft"),
    "problem": _("Starter needs attention"),
    "refused": _("Starter cannot get a pass"),
    "registered": _("Sign-in method registered"),
    "reminder": _("Reminder on the first day"),
    "reminder_ahead": _("Reminder before the first day"),
    "sessions_ended": _("Sessions ended"),
    "stopped": _("Emergency stop"),
    "taken_back": _("Pass cancelled"),
    "unexpected": _("Unexpected event"),
    "withdrawn": _("Starter withdrawn"),
}
REASON = "This is where the reason stands, in a sentence or two."
ADDRESS = "reader@contoso.example"
STARTER = Starter(
    public_id="0" * 22,
    display_name="Robin Adler (invented)",
    start_date=date(2030, 9, 2),
    start_time=time(9),
    starts_at=datetime(2030, 9, 2, 9, tzinfo=UTC),
    time_zone="UTC",
)
BEFORE = EffectivePolicy(PolicyVersion(number=7))
DRAFT = PolicyVersion(number=8, lifetime_minutes=120, reason=REASON, created_at=STARTER.starts_at)
EXAMPLE_CHANGES = {
    "policy_changed": PolicyChange(
        ChangeKind.SCHEDULED, DRAFT, BEFORE, EffectivePolicy(DRAFT), "Robin Adler", REASON, STARTER.starts_at
    ),
    "policy_draft": PolicyChange(
        ChangeKind.DRAFT, DRAFT, BEFORE, EffectivePolicy(DRAFT), "Robin Adler", REASON
    ),
}
# What another mail about no starter says.
NOTICES: dict[str, dict[str, Any]] = {
    "directory_alarm": {
        "finding": "by_another",
        "person_name": "Robin Adler (invented)",
        "at": STARTER.starts_at,
        "zone": "UTC",
        "number": 4711,
    },
    "erasure": {"admin_name": "Sam Bakker (invented)", "why": REASON, "number": 123, "is_done": False},
    "sessions_ended": {
        "person_name": "Robin Adler (invented)",
        "admin_name": "Sam Bakker (invented)",
        "why": REASON,
        "passes": 1,
    },
}
# What the templates of these need beside what every mail about a starter needs.
DETAILS: dict[str, dict[str, Any]] = {
    "stopped": {
        "by_name": "Sam Bakker (invented)",
        "is_former": False,
        "account_name": "robin.adler@contoso.example",
        "methods": [{"type": "fido2", "id": "example", "at": "2 Sep 2030, 09:12"}],
    },
    "taken_back": {"occasion": ""},
}
# The styles of a mail are inline. The policy loads and runs nothing, and disables links.
MAIL_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


@dataclass(frozen=True)
class Preview:
    kind: str
    reader: Reader

    @property
    def title(self) -> str:
        return gettext("%(kind)s (email to %(reader)s)") % {
            "kind": NAMES[self.kind],
            "reader": self.reader.label,
        }

    @cached_property
    def content(self) -> dict[str, str]:
        """Its `subject`, `text` and `html`."""
        if self.kind in DIGESTS:
            return render_digest(
                [
                    Mail(
                        kind=kind,
                        starter=STARTER,
                        recipient=self.reader,
                        reason=REASON if kind == "problem" else "",
                    )
                    for kind in self.line_kinds
                ]
            )
        if self.kind in EXAMPLE_CHANGES:
            return render_mail(self.kind, policy_context(EXAMPLE_CHANGES[self.kind]))
        if self.kind in NOTICES:
            return render_mail(
                self.kind,
                {
                    **common_context(),
                    "recipient": self.reader,
                    **NOTICES[self.kind],
                    "link": notice_link(self.reader),
                },
            )
        common = {**starter_context(STARTER, self.reader, REASON), "may_go_on": True}
        return render_mail(self.kind, {**common, **DETAILS.get(self.kind, {})})

    @property
    def calendar_text(self) -> str:
        """Return the first version of the mail's calendar file, or an empty text."""
        method = CALENDAR_METHODS.get(self.kind, "")
        mail = Mail(
            starter=STARTER, recipient=self.reader, calendar=method, starts_at=STARTER.starts_at,
            calendar_sequence=1, written_at=STARTER.starts_at,
        )  # fmt: skip
        return build_calendar_file(mail, ADDRESS) if method else ""

    @property
    def line_kinds(self) -> tuple[str, ...]:
        """Return the kinds of the lines in a digest for this reader."""
        if self.reader == Reader.HR:
            return ("problem", "account_found", "registered")
        asked = tuple(kind for kind in BATCHED_KINDS if kind != "escalation")
        return asked if self.reader in CONFIRMERS else ("escalation", "escalation")


def list_kinds() -> list[str]:
    return sorted(path.name.removesuffix(".subject.txt") for path in FOLDER.glob("*.subject.txt"))


def list_previews() -> Iterator[Preview]:
    for kind in list_kinds():
        for reader in READERS.get(kind, (Reader.MANAGER,)):
            yield Preview(kind, reader)


@require_safe
def mail_previews_page(request: HttpRequest) -> HttpResponse:
    """Show all previews as text, or one as HTML if the query has `kind` and `to`."""
    if kind := request.GET.get("kind", ""):
        return _html_page(kind, request.GET.get("to", ""))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": gettext("Email previews"),
        "previews": list(list_previews()),
    }
    return TemplateResponse(request, "admin/mails.html", context)


def _html_page(kind: str, reader: str) -> HttpResponse:
    for preview in list_previews():
        if (preview.kind, preview.reader) == (kind, reader):
            return HttpResponse(preview.content["html"], headers={"Content-Security-Policy": MAIL_CSP})
    raise Http404
