"""The portal's mail, without sending one: by Graph from the sender's mailbox, or by a mail server."""

from __future__ import annotations

from smtplib import SMTPException

from django.conf import settings
from django.core.mail import get_connection
from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.doctor.account import USERS
from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.identity import NONE_TOO_WIDE
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
            "skipped",
            gettext("Not looked at: Graph, the identity or its permission to read accounts is not well."),
        )
    look = visit.diagnosis.mailbox(settings.MAIL_FROM)
    if look.outcome == Outcome.ABSENT:
        return Finding(
            "wrong",
            gettext("The directory has no account %(address)s: no mail can be sent from it.")
            % {"address": settings.MAIL_FROM},
            gettext(
                "Set MAIL_FROM to the user principal name of a mailbox in the tenant (a shared one is best)."
            ),
        )
    if not look.is_read:
        return not_read(look, visit.rules, permission=USERS)
    return Finding("ok", gettext("%(address)s, over Graph.") % {"address": settings.MAIL_FROM})


def server_answers(_visit: Visit) -> Finding:
    """Connect, change to TLS, sign in where a name was given; then hang up."""
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        connection.open()
        connection.close()
    except (OSError, SMTPException) as error:
        return Finding(
            "wrong",
            gettext("The mail server %(server)s cannot be used (%(error)s).")
            % {"server": server, "error": type(error).__name__},
            gettext(
                "Look at EMAIL_URL: host, port, smtp+tls or smtp+ssl, name and password; and whether this machine may "
                "reach the server."
            ),
        )
    words = (
        gettext("%(server)s answers, with TLS. Nothing was sent.")
        if settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
        else gettext("%(server)s answers, with no TLS. Nothing was sent.")
    )
    return Finding("ok", words % {"server": server})


def mail_may_be_sent(visit: Visit) -> Finding:
    """The right that Exchange gives for one mailbox is in no token: only a mail that went out shows it."""
    last = Mail.objects.aggregate(last=Max("sent_at"))["last"]
    over_graph = settings.EMAIL_BACKEND == OVER_GRAPH
    if over_graph and visit.states.get("identity.who") == "ok" and SEND in visit.identity.permissions:
        words = gettext("By %(permission)s, for every mailbox of the tenant; see “%(title)s”.")
        return Finding("ok", words % {"permission": SEND, "title": NONE_TOO_WIDE})
    if last:
        words = gettext("The last mail was accepted on %(moment)s UTC.")
        return Finding("ok", words % {"moment": date_format(last, "ENDED")})
    if not over_graph:
        return Finding("unknown", gettext("No mail was sent yet."))
    return Finding(
        "unknown",
        gettext(
            "No mail was sent yet, and a token does not show the right that Exchange gives (RBAC for Applications)."
        ),
        gettext(
            "To see it: `%(command)s` in Exchange Online PowerShell. It must say “%(said)s” and in scope."
        )
        % {
            "command": f"Test-ServicePrincipalAuthorization -Identity OBJECT-ID -Resource {settings.MAIL_FROM}",
            "said": "Application Mail.Send",
        },
    )


CHECKS = (
    Check("mail.sender", _("Mail has a sender"), sender_is_there, needs=("database.migrations",)),
    Check("mail.right", _("The portal may send mail"), mail_may_be_sent, needs=("database.migrations",)),
)
