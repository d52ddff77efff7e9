"""The body of a webhook: JSON of Standard Webhooks, or a card for Teams. Never a pass, and nobody's name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from onboarding.hooks import events
from onboarding.i18n import default_language
from onboarding.models import Hook, Ticket
from onboarding.tickets.representation import describe

SENT = ("source", "ticket", "state", "nextActor", "obstacles", "changedAt")


def build_body(hook_format: str, event_type: str, at: datetime, ticket: Ticket) -> str:
    """Return what is sent. `at` is the time of the event."""
    with default_language():
        shown = describe(ticket)
        body = (
            _card(event_type, at, ticket)
            if hook_format == Hook.Format.TEAMS
            else _event(shown, event_type, at)
        )
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _event(shown: dict[str, Any], event_type: str, at: datetime) -> dict[str, Any]:
    data = {name: shown[name] for name in SENT}
    return {
        "type": event_type,
        "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {**data, "url": f"{settings.PORTAL_URL}{shown['url']}"},
    }


def _card(event_type: str, at: datetime, ticket: Ticket) -> dict[str, Any]:
    """The form that a Workflow of Teams takes. Teams shows the time in each reader's language and time zone."""
    moment = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    page = reverse("hr:starter", args=[ticket.starter.public_id])
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": events.title_of(event_type), "weight": "Bolder", "wrap": True},
            {
                "type": "TextBlock",
                "text": f"{{{{DATE({moment}, SHORT)}}}} {{{{TIME({moment})}}}}",
                "wrap": True,
            },
            {"type": "TextBlock", "text": f"{ticket.source} {ticket.number}", "isSubtle": True, "wrap": True},
        ],
        "actions": [
            {
                "type": "Action.OpenUrl",
                "title": gettext("Open the starter’s page"),
                "url": f"{settings.PORTAL_URL}{page}",
            }
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
    return {"type": "message", "attachments": [attachment]}
