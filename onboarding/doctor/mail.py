"""The portal's mail, without sending one: by Graph from the sender's mailbox, or by a mail server."""

from __future__ import annotations

from smtplib import SMTPException

from django.conf import settings
from django.core.mail import get_connection
from django.db.models import Max

from onboarding.doctor.account import USERS
from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.reads import not_read
from onboarding.doctor.visit import Visit
from onboarding.graph.outcomes import Outcome
from onboarding.models import Mail

OVER_GRAPH = "onboarding.graph.mail.GraphMailBackend"
SEND = "Mail.Send"


def sender_is_there(visit: Visit) -> Finding:
    return mailbox_is_there(visit) if settings.EMAIL_BACKEND == OVER_GRAPH else server_answers(visit)


def mailbox_is_there(visit: Visit) -> Finding:
    if any(visit.states[need] != "ok" for need in ("graph.reach", f"permission.{USERS}")):
        return Finding(
            "skipped", "Not looked at: Graph, the identity or its permission to read accounts is not well."
        )
    look = visit.diagnosis.mailbox(settings.MAIL_FROM)
    if look.outcome == Outcome.ABSENT:
        return Finding(
            "wrong",
            f"The directory has no account {settings.MAIL_FROM}: no mail can be sent from it.",
            "Set MAIL_FROM to the user principal name of a mailbox in the tenant (a shared one is best).",
        )
    if not look.is_read:
        return not_read(look, visit.rules, permission=USERS)
    return Finding("ok", f"{settings.MAIL_FROM}, over Graph.")


def server_answers(_visit: Visit) -> Finding:
    """Connect, change to TLS, sign in where a name was given; then hang up."""
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
    try:
        connection.open()
        connection.close()
    except (OSError, SMTPException) as error:
        return Finding(
            "wrong",
            f"The mail server {settings.EMAIL_HOST}:{settings.EMAIL_PORT} cannot be used ({type(error).__name__}).",
            "Look at EMAIL_URL: host, port, smtp+tls or smtp+ssl, name and password; and whether this machine may "
            "reach the server.",
        )
    tls = "TLS" if settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL else "no TLS"
    return Finding(
        "ok", f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} answers, with {tls}. Nothing was sent."
    )


def mail_may_be_sent(visit: Visit) -> Finding:
    """The right that Exchange gives for one mailbox is in no token: only a mail that went out shows it."""
    last = Mail.objects.aggregate(last=Max("sent_at"))["last"]
    sent = f"The last mail was accepted on {last:%d %B %Y, %H:%M} UTC" if last else "No mail was sent yet"
    if settings.EMAIL_BACKEND != OVER_GRAPH:
        return Finding("ok" if last else "unknown", f"{sent}.")
    if visit.states.get("identity.who") == "ok" and SEND in visit.identity.permissions:
        return Finding("ok", f"By {SEND}, for every mailbox of the tenant; see “No permission is too wide”.")
    if last:
        return Finding("ok", f"{sent}.")
    return Finding(
        "unknown",
        f"{sent}, and a token does not show the right that Exchange gives (RBAC for Applications).",
        "To see it: `Test-ServicePrincipalAuthorization -Identity OBJECT-ID -Resource "
        f"{settings.MAIL_FROM}` in Exchange Online PowerShell. It must say “Application Mail.Send” and in scope.",
    )


CHECKS = (
    Check("mail.sender", "Mail has a sender", sender_is_there, needs=("database.migrations",)),
    Check("mail.right", "The portal may send mail", mail_may_be_sent, needs=("database.migrations",)),
)
