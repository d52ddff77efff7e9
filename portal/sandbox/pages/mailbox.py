"""All mails of the portal on one page, by recipient."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from portal.sandbox.pages.frame import HEADERS, render_page
from portal.sandbox.records import Mail
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Html, Request, Response, join_html, tag, with_query

ADDRESS = re.compile(r"https?://[^\s<>\"]+")
ONE = re.compile(r"/mail/(?P<number>\d+)(?P<html>/html)?")
# A mail's HTML is untrusted: no scripts, nothing loaded, and only the sandbox's own page can frame it.
HTML_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


def answer_mailbox(tenant: Tenant, request: Request) -> Response | None:
    """None when the address is not the mailbox's."""
    if request.method != "GET":
        return None
    if request.path == "/mail":
        return _show_list(tenant, request.query.get("to", "").lower())
    match = ONE.fullmatch(request.path)
    mail = next((found for found in tenant.mails if match and found.number == int(match["number"])), None)
    if match is None or mail is None:
        return None
    return _show_html(mail) if match["html"] else _show_mail(mail)


def _show_list(tenant: Tenant, to: str) -> Response:
    mails = [
        mail for mail in reversed(tenant.mails) if not to or to in (name.lower() for name in mail.recipients)
    ]
    everyone = sorted({name for mail in tenant.mails for name in mail.recipients})
    if not everyone:
        return render_page(
            "Mail",
            tag(
                "p",
                "The portal has not sent any email yet. Add a starter in the portal and choose “Send now”.",
            ),
        )
    boxes = [tag("li", tag("a", name, href=with_query("/mail", {"to": name}))) for name in everyone]
    rows = [
        tag(
            "tr",
            tag("td", tag("a", mail.subject or "(no subject)", href=f"/mail/{mail.number}")),
            tag("td", ", ".join(mail.recipients)),
            tag("td", _format_time(mail)),
        )
        for mail in mails
    ]
    head = tag("tr", *(tag("th", name, scope="col") for name in ("Subject", "To", "Sent")))
    return render_page(
        f"Mail to {to}" if to else "Mail",
        tag(
            "nav",
            tag("ul", tag("li", tag("a", "All", href="/mail")), *boxes),
            aria_label="Mailboxes",
        ),
        tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="wide"),
    )


def _show_mail(mail: Mail) -> Response:
    facts = (("From", mail.sender), ("To", ", ".join(mail.recipients)), ("Sent", _format_time(mail)))
    parts = [tag("h2", "Plain text"), tag("pre", link_addresses(mail.text))] if mail.text else []
    if mail.html:
        frame = tag(
            "iframe",
            title="The email in HTML",
            src=f"/mail/{mail.number}/html",
            sandbox="allow-popups allow-popups-to-escape-sandbox",
        )
        parts = [tag("h2", "HTML"), frame, *parts]
    return render_page(
        mail.subject or "(no subject)",
        tag("dl", *(join_html(tag("dt", name), tag("dd", value)) for name, value in facts)),
        *parts,
        tag("p", tag("a", "All mail", href="/mail")),
    )


def _show_html(mail: Mail) -> Response:
    # Links open in a new tab, because the frame cannot navigate.
    body = f'<!doctype html><base target="_blank">{mail.html}'
    headers = {**HEADERS, "Content-Security-Policy": HTML_POLICY}
    return Response(200, body.encode(), "text/html; charset=utf-8", headers)


def link_addresses(text: str) -> Html:
    """Plain text with its addresses as links."""
    parts: list[str] = []
    end = 0
    for match in ADDRESS.finditer(text):
        address = match[0].rstrip(".,;:)")
        parts += [text[end : match.start()], tag("a", address, href=address)]
        end = match.start() + len(address)
    return join_html(*parts, text[end:])


def _format_time(mail: Mail) -> str:
    return datetime.fromtimestamp(mail.time, UTC).strftime("%-d %B %Y, %H:%M UTC")
