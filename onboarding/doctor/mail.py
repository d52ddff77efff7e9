"""The mail set-up, checked without sending a mail: Graph and the sender's mailbox, or a mail server."""

from __future__ import annotations

import re
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import get_connection
from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding.doctor.account import USERS
from onboarding.doctor.context import DoctorRun
from onboarding.doctor.identity import NONE_TOO_WIDE
from onboarding.doctor.read_failures import unreadable_finding
from onboarding.doctor.runner import Check, Finding
from onboarding.graph.diagnostics.probe_results import Outcome
from onboarding.mail import health
from onboarding.models import Mail

GRAPH_BACKEND = "onboarding.graph.mail.GraphMailBackend"
SEND_PERMISSION = "Mail.Send"
EXCHANGE_RIGHT = "Application Mail.Send"


def check_sender(run: DoctorRun) -> Finding:
    return _check_mailbox(run) if settings.EMAIL_BACKEND == GRAPH_BACKEND else _check_mail_server(run)


def _check_mailbox(run: DoctorRun) -> Finding:
    if any(run.states[need] != "ok" for need in ("graph.reach", f"permission.{USERS}")):
        return Finding(
            "skipped",
            gettext(
                "Skipped, because another check found a problem with Graph, with the portal’s identity or "
                "with the permission to read accounts."
            ),
        )
    look = run.diagnosis.find_mailbox(settings.MAIL_FROM)
    if look.outcome == Outcome.ABSENT:
        return Finding(
            "wrong",
            gettext("Entra has no account %(address)s, so the portal cannot send mail from it.")
            % {"address": settings.MAIL_FROM},
            gettext(
                "Set MAIL_FROM to the user principal name of a mailbox in the tenant, preferably a shared "
                "mailbox."
            ),
        )
    if not look.is_read:
        return unreadable_finding(look, run.rules, permission=USERS)
    return Finding("ok", gettext("Sender: %(address)s, over Graph.") % {"address": settings.MAIL_FROM})


def _check_mail_server(_run: DoctorRun) -> Finding:
    """Connect, start TLS and sign in as configured, then disconnect."""
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        connection.open()
        connection.close()
    except (OSError, SMTPException) as error:
        return Finding(
            "wrong",
            gettext("The portal cannot use the mail server %(server)s (%(error)s).")
            % {"server": server, "error": type(error).__name__},
            gettext(
                "Check EMAIL_URL (host, port, smtp+tls or smtp+ssl, name and password). Check that this machine "
                "can reach the server."
            ),
        )
    words = (
        gettext("%(server)s answers and uses TLS. The doctor does not send a test email.")
        if settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL
        else gettext(
            "%(server)s answers. The portal sends emails to it without TLS, because EMAIL_URL does not ask for "
            "TLS. The doctor does not send a test email."
        )
    )
    return Finding("ok", words % {"server": server})


def check_mail_right(run: DoctorRun) -> Finding:
    """No token shows Exchange's right for one mailbox, so the results of earlier mails decide.

    A waiting mail that was refused counts more than one that was sent earlier.
    """
    delay = health.read_delay()
    if delay is not None:
        return _delay_finding(delay)
    last = Mail.objects.aggregate(last=Max("sent_at"))["last"]
    over_graph = settings.EMAIL_BACKEND == GRAPH_BACKEND
    if over_graph and run.states.get("identity.who") == "ok" and SEND_PERMISSION in run.identity.permissions:
        words = gettext(
            "%(permission)s lets the portal send from every mailbox of the tenant. See the check “%(title)s”."
        )
        return Finding("ok", words % {"permission": SEND_PERMISSION, "title": NONE_TOO_WIDE})
    if last:
        words = gettext("The mail server last accepted an email on %(moment)s UTC.")
        return Finding("ok", words % {"moment": date_format(last, "ENDED")})
    if not over_graph:
        return Finding("unknown", gettext("The portal has not sent any email yet."))
    return Finding(
        "unknown",
        gettext(
            "The portal has not sent any email yet, so this check cannot tell whether sending works. It "
            "cannot see the permission either, because permissions from Exchange (RBAC for Applications) do "
            "not appear in tokens."
        ),
        gettext(
            "To check, run `%(command)s` in Exchange Online PowerShell. Replace OBJECT-ID with the object ID "
            "of the portal’s identity. The result must contain “%(said)s” and show that the mailbox is in "
            "scope."
        )
        % {"command": _test_command(), "said": EXCHANGE_RIGHT},
    )


def _delay_finding(delay: health.Delay) -> Finding:
    waits = ngettext(
        "%(count)s email has been waiting since %(since)s UTC.",
        "%(count)s emails are waiting, the oldest since %(since)s UTC.",
        delay.count,
    ) % {"count": delay.count, "since": date_format(delay.since, "ENDED")}
    what, fix = _delay_cause_and_fix(delay)
    return Finding("wrong", f"{what} {waits}", fix)


def _delay_cause_and_fix(delay: health.Delay) -> tuple[str, str]:
    values = {"answer": delay.answer, "sender": settings.MAIL_FROM, "right": EXCHANGE_RIGHT}
    if not delay.is_refused:
        return (
            gettext("The portal cannot deliver emails to the mail server at the moment (%(answer)s).")
            % values,
            gettext(
                "The portal will keep trying. If emails keep waiting, show this message to your mail "
                "administrator."
            ),
        )
    if settings.EMAIL_BACKEND == GRAPH_BACKEND and " 403 " in f"{delay.answer} ":
        words = gettext(
            "Microsoft refuses the email (%(answer)s), because the role “%(right)s” for %(sender)s is missing."
        )
        return words % values, _fix_missing_right()
    words = gettext("The mail server refuses the portal’s settings (%(answer)s).")
    return words % values, _fix_by_answer(delay.answer)


def _fix_missing_right() -> str:
    return gettext(
        "In Exchange Online PowerShell, give the portal’s identity the role “%(right)s” for this "
        "mailbox. Use RBAC for Applications: New-ServicePrincipal, New-ManagementScope and "
        "New-ManagementRoleAssignment. MAIL_FROM must be the mailbox’s own address. Then check with "
        "`%(command)s`. Replace OBJECT-ID with the object ID of the portal’s identity. The change can "
        "take up to two hours to take effect."
    ) % {"right": EXCHANGE_RIGHT, "command": _test_command()}


def _fix_by_answer(answer: str) -> str:
    """What IT can do, by the code in the answer (Exchange Online: non-delivery report codes)."""
    fix = next((words for sign, words in FIXES if re.search(sign, answer, re.IGNORECASE)), OTHER_FIX)
    return str(fix) % {"sender": settings.MAIL_FROM}


def _test_command() -> str:
    return f"Test-ServicePrincipalAuthorization -Identity OBJECT-ID -Resource {settings.MAIL_FROM}"


FIXES = (
    (
        r"^sign-in|5\.7\.(3|8|9|57|139)\b|\b53[045] ",
        _(
            "The mail server rejects the sign-in. Check the name and password in EMAIL_URL. Then check "
            "that the server allows this account to send over SMTP."
        ),
    ),
    (
        r"5\.7\.(54|64)\b|relay",
        _(
            "The mail server does not relay email for this machine. Allow this machine’s address in the "
            "connector or relay, or add a name and password to EMAIL_URL."
        ),
    ),
    (
        r"^MAIL|5\.1\.[78]\b|5\.7\.(2\d|60)\b|ErrorSendAsDenied|sender",
        _(
            "The server refuses the sender %(sender)s. Allow the portal’s account to send as MAIL_FROM. "
            "Check the domain’s SPF and DKIM records, and check that the sender is not blocked."
        ),
    ),
    (
        r"ErrorInvalidUser|MailboxNotEnabled|ErrorNonExistentMailbox",
        _(
            "%(sender)s has no mailbox in Exchange Online. Set MAIL_FROM to an account with a mailbox, or "
            "give this account a licence."
        ),
    ),
    (r"certificate", _("The certificate is not valid for the server’s name. Check the host in EMAIL_URL.")),
)
OTHER_FIX = _(
    "Show the mail server’s answer to your mail administrator. Once the problem is fixed, the portal "
    "will send the emails automatically."
)


CHECKS = (
    Check(
        "mail.sender",
        _("Mailbox or mail server"),
        check_sender,
        needs=("database.migrations",),
    ),
    Check("mail.right", _("Sending of emails"), check_mail_right, needs=("database.migrations",)),
)
