"""Does email leave? One email to the portal's own mailbox, so that nobody else gets it."""

from __future__ import annotations

from email.utils import parseaddr
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from onboarding.graph import GraphError
from onboarding.graph.diagnostics.tenant_answers import Reply
from onboarding.tenant_proof.findings import Check, Finding, State, skipped
from onboarding.tenant_proof.run import ProofRun

SUBJECT = "Starter pass portal: proof of the tenant"
TEXT = "The portal sent this to its own mailbox. It proves that email leaves. You can delete it."


def check_mail(run: ProofRun) -> Finding:
    if not run.sends_mail:
        return skipped("Send one email to the portal's own mailbox with --mail.")
    address = parseaddr(settings.MAIL_FROM)[1]
    message = EmailMessage(SUBJECT, TEXT, settings.MAIL_FROM, [address], connection=get_connection())
    try:
        message.send()
    except GraphError as error:
        reply = Reply.of_error(error)
        facts = {"status": reply.status, "code": reply.code, "request_id": reply.request_id}
        words = f"Microsoft did not accept the email ({reply.status} {reply.code}). Run the doctor: it says what to do."
        return Finding(State.ATTENTION, f"{reply.status} {reply.code}".strip(), words, facts)
    except (OSError, SMTPException) as error:
        words = f"The mail server did not accept the email ({type(error).__name__}). Run the doctor: it says what to do."
        return Finding(State.ATTENTION, type(error).__name__, words)
    words = f"The email was accepted. A person opens the portal's mailbox and looks for “{SUBJECT}”."
    return Finding(State.ANSWERED, "accepted", words)


MAIL = (Check("mail", "Does email leave?", check_mail, "mail"),)
