"""The text of a mail: its templates in the organisation's language, and what they can say."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import to_locale

from onboarding import i18n
from onboarding.i18n import Words
from onboarding.mail.kinds import Reader
from onboarding.models import Mail, Starter

LONGEST_NAME = 80  # in a subject, which holds 200 characters


def render_mail(kind: str, context: dict[str, Any]) -> dict[str, str]:
    """The `subject`, `text` and `html` of a kind of mail, in the organisation's language."""
    context = {**context, "language": to_locale(settings.ORGANISATION_LANGUAGE).replace("_", "-")}
    with i18n.default_language():
        return {
            "subject": _render_subject(kind, context),
            # Joined, it is no longer marked as safe HTML, which it is not: a page that shows it must escape it.
            "text": "".join(render_to_string(f"emails/{kind}.txt", context)),
            "html": render_to_string(f"emails/{kind}.html", context),
        }


def _render_subject(kind: str, context: dict[str, Any]) -> str:
    """One line. It ends with the start where the mail is about one starter, so a long name is cut and the date is not."""
    if name := str(context.get("starter_name", "")):
        context = {**context, "starter_name": Truncator(name).chars(LONGEST_NAME)}
    subject = " ".join(render_to_string(f"emails/{kind}.subject.txt", context).split())
    return f"{subject} ({context['start_short']})" if context.get("start_short") else subject


def starter_context(starter: Starter, recipient: Reader, reason: Words) -> dict[str, Words]:
    """What the templates can say to this reader in a mail about one starter."""
    return {
        **common_context(),
        "starter_name": starter.name,
        "start": format_start(starter),
        "start_short": format_start(starter, "LISTED"),
        "zone": starter.time_zone,
        "link": page_link(recipient, starter),
        "stop_link": stop_link(recipient, starter),
        "recipient": recipient,
        "reason": reason,
    }


def common_context() -> dict[str, Words]:
    """What the templates can say in every mail."""
    return {
        "portal_host": str(urlsplit(settings.PORTAL_URL).netloc),
        "organisation_name": settings.ORGANISATION_NAME,
        "support_contact": settings.SUPPORT_CONTACT,
        "stop_link": "",
    }


def format_start(starter: Starter, form: str = "LONG") -> str:
    """Day, date and time of the start in the starter's time zone, in the organisation's language."""
    with i18n.default_language():
        return date_format(starter.start_local, form)


def notice_link(recipient: Reader) -> str:
    """The page for a mail about no starter: the audit log for security, the reader's first page for others."""
    name = "admin:onboarding_auditevent_changelist" if recipient == Reader.SECURITY else "home"
    return settings.PORTAL_URL + reverse(name)


def page_link(recipient: Reader, starter: Starter) -> str:
    """The address of the page that this reader can open; empty where they have none."""
    page = _page_path(recipient, starter)
    return settings.PORTAL_URL + page if page else ""


def stop_link(recipient: Reader, starter: Starter) -> str:
    """The page "That was not me", in each mail to a manager; empty for others. It carries what `page_link` carries."""
    if recipient not in Mail.TO_MANAGERS:
        return ""
    return settings.PORTAL_URL + reverse("managers:not-me", args=[starter.public_id])


def _page_path(recipient: Reader, starter: Starter) -> str:
    """Confirmers and HR go to the starter, security to the starter's audit log, a former confirmer to their own list.

    The manager's manager cannot confirm, and has no page of this starter.
    """
    match recipient:
        case Reader.SECURITY:
            return f"{reverse('admin:onboarding_auditevent_changelist')}?q={starter.public_id}"
        case Reader.FORMER:
            return reverse("managers:list")
        case Reader.ABOVE:
            return ""
        case Reader.MANAGER | Reader.STAND_IN:
            return reverse("managers:starter", args=[starter.public_id])
    return reverse("hr:starter", args=[starter.public_id])


def in_organisation_language(words: Words) -> str:
    with i18n.default_language():
        return str(words)
