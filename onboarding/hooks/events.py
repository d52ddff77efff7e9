"""Which audit events become webhook events, and what a card says of each."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onboarding.i18n import Words

# Each audit event, and the last word of the webhook event: `issue.revoked` is sent as `starter.` + `pass_cancelled`.
NAMES = {
    "starter.recorded": "recorded",
    "starter.brought_back": "recorded",  # it starts again from there
    "starter.accepted": "accepted",
    "starter.account_found": "account_found",
    "starter.refused": "refused",
    "starter.blocked": "refused",
    "starter.invited": "invited",
    "starter.escalated": "escalated",
    "starter.issued": "pass_created",
    "issue.used": "pass_used",
    "starter.registered": "registered",
    "issue.revoked": "pass_cancelled",
    "starter.withdrawn": "withdrawn",
    "starter.stopped": "stopped",
    "starter.started_again": "started_again",
    "starter.lapsed": "lapsed",
}
TYPES = tuple(dict.fromkeys(f"starter.{name}" for name in NAMES.values()))

# What a card in Teams says. It never names anybody.
TITLES: dict[str, Words] = {
    "recorded": _("A starter was added or restored"),
    "accepted": _("HR accepted a starter"),
    "account_found": _("The account of a starter appeared in Entra"),
    "refused": _("A starter needs attention"),
    "invited": _("A starter’s manager or stand-in can now open the starter’s page"),
    "escalated": _("On the first day, nobody requested a pass for a starter in time"),
    "pass_created": _("A pass was created for a starter"),
    "pass_used": _("A starter’s pass was used"),
    "registered": _("A starter can sign in without a pass"),
    "pass_cancelled": _("The pass of a starter was cancelled"),
    "withdrawn": _("HR or another system withdrew a starter"),
    "stopped": _("Someone used the emergency stop for a starter"),
    "started_again": _("Two people in HR ended an emergency stop"),
    "lapsed": _("A starter did not complete the first sign-in in time"),
}


def type_of(audit_event: str) -> str:
    """Return the type of the webhook event, or nothing if this audit event is not sent."""
    name = NAMES.get(audit_event)
    return f"starter.{name}" if name else ""


def title_of(event_type: str) -> str:
    return str(TITLES[event_type.partition(".")[2]])
