"""The possible answers of a mail server, and their meaning: this address, our mail set-up, or "try again".

Each row names the document with the answer, or says that none was found. If the server is `any`, the document has the
code, and the text is an example. A real server sends each answer at its step of SMTP.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from datetime import timedelta
from typing import NamedTuple

import pytest

from onboarding import graph
from onboarding.mail.answers import Kind, Stage, classify_failure, classify_reply
from onboarding.models import Mail, Starter

ADDRESS, SETUP, LATER = Kind.ADDRESS, Kind.SETUP, Kind.LATER
MAIL, RCPT, DATA, DOT = "MAIL", "RCPT", "DATA", "after the dot"
TO = "maria.lindqvist@contoso.example"

EXO = "Microsoft Learn, Email nondelivery reports and SMTP errors in Exchange Online"
EDGE = f"{EXO}; Use Directory-Based Edge Blocking to reject messages sent to invalid recipients"
SUBMIT = "Microsoft Learn, Fix issues with printers, scanners, and LOB applications that send email using Microsoft 365"
GMAIL = "Google Workspace Help, Gmail SMTP errors and codes"
POSTFIX = "Postfix, smtpd(8), LOCAL_RECIPIENT_README, SMTPD_PROXY_README and SMTPD_POLICY_README"
EXIM = "Exim, Specification of the Exim Mail Transfer Agent"
SES = "Amazon SES Developer Guide, SMTP response codes returned by Amazon SES"
QMAIL = "qmail 1.03, qmail-smtpd.c"
IANA = "IANA, SMTP Enhanced Status Codes Registry"
FIELD = "seen in the field, no document found"


class Row(NamedTuple):
    server: str
    stage: str
    answer: str
    kind: Kind
    document: str


ANSWERS = [
    # --- This address -------------------------------------------------------------------------------------------
    Row("Postfix", RCPT, f"550 5.1.1 <{TO}>: Recipient address rejected: User unknown in local recipient table",
        ADDRESS, POSTFIX),
    Row("Exchange Online", RCPT, "550 5.1.10 Recipient not found by SMTP address lookup",
        ADDRESS, EXO),
    Row("Exchange Online", RCPT, "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", ADDRESS, EDGE),
    Row("Exchange Online", RCPT, "550 5.1.351 Remote server returned unknown recipient or mailbox unavailable",
        ADDRESS, FIELD),
    Row("Exchange Online", RCPT, "550 5.7.504 [x@contoso.example]: Recipient address rejected: Access denied", ADDRESS, EXO),
    Row("Exchange Online", RCPT, "550 5.7.505 Access denied, banned recipient", ADDRESS, EXO),
    Row("Outlook.com", RCPT, "550 5.5.0 Requested action not taken: mailbox unavailable", ADDRESS, EXO),
    Row("Gmail", RCPT, "550 5.1.1 The email account that you tried to reach does not exist.", ADDRESS, GMAIL),
    Row("Gmail", RCPT, "550 5.2.1 The email account that you tried to reach is inactive.", ADDRESS, GMAIL),
    Row("Gmail", RCPT, "552 5.2.2 The recipient's inbox is out of storage space and inactive.", ADDRESS, GMAIL),
    Row("any", DOT, "552 5.2.2 Mailbox full", ADDRESS, "RFC 3463, 3.3"),
    Row("any", RCPT, "550 5.1.2 Bad destination system address", ADDRESS, "RFC 3463, 3.2"),
    Row("any", RCPT, "501 5.1.3 Bad destination mailbox address syntax", ADDRESS, "RFC 3463, 3.2"),
    Row("any", RCPT, "553 5.1.4 Destination mailbox address ambiguous", ADDRESS, "RFC 3463, 3.2"),
    Row("any", RCPT, "550 5.1.6 Destination mailbox has moved, no forwarding address", ADDRESS, "RFC 3463, 3.2"),
    Row("any", RCPT, "556 5.1.10 Recipient address has null MX", ADDRESS, f"{IANA}; RFC 7505"),
    Row("any", RCPT, "550 5.2.4 Mailing list expansion problem", ADDRESS, "RFC 3463, 3.3"),
    Row("any", RCPT, "550 5.7.17 Mailbox owner has changed", ADDRESS, f"{IANA}; RFC 7293"),
    Row("any", RCPT, "550 5.7.18 Domain owner has changed", ADDRESS, f"{IANA}; RFC 7293"),
    Row("any", RCPT, "550 No such user here", ADDRESS, "RFC 5321, D.1"),
    Row("any", RCPT, "551 User not local; please try <other@contoso.example>", ADDRESS, "RFC 5321, 4.2.3"),
    Row("any", RCPT, "550 Requested action not taken: mailbox unavailable", ADDRESS, "RFC 5321, 4.2.2"),
    Row("any", RCPT, "553 Requested action not taken: mailbox name not allowed", ADDRESS, "RFC 5321, 4.2.2"),
    Row("Sendmail", RCPT, f"550 5.1.1 <{TO}>... User unknown", ADDRESS, FIELD),
    Row("any", RCPT, "550 5.0.0 Unknown recipient", ADDRESS, "RFC 3463, 3.1"),
    # --- Our mail set-up ------------------------------------------------------------------------------------------
    Row("Exchange Online", RCPT, "550 5.7.64 TenantAttribution; Relay Access Denied", SETUP, EXO),
    Row("Exchange", RCPT, "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", SETUP, FIELD),
    Row("Exchange Online", RCPT,
        "550 5.7.513 Service unavailable, Client host [192.0.2.1] blocked by contoso.example using Customer Block list",
        SETUP, EXO),
    Row("Exchange Online", MAIL, "530 5.7.57 Client not authenticated to send mail", SETUP, SUBMIT),
    Row("Exchange Online", DOT, "550 5.1.8 Access denied, bad outbound sender", SETUP, EXO),
    Row("Exchange Online", DOT,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender", SETUP, SUBMIT),
    Row("Exchange Online", DOT,
        "554 5.2.252 SendAsDenied; starters@contoso.example not allowed to send as us@contoso.example", SETUP, FIELD),
    Row("Exchange Online", RCPT,
        "550 5.7.133 Sender not authenticated for group", SETUP, EXO),
    Row("Exchange Online", RCPT, "550 5.7.606 Access denied, banned sending IP [192.0.2.1]", SETUP, EXO),
    Row("Exchange Online", MAIL, "550 5.7.708 Access denied, traffic not accepted from this IP",
        SETUP, EXO),
    Row("Exchange Online", RCPT, "550 5.4.1 Relay Access Denied", SETUP, EXO),
    Row("Exchange Online", DOT, "550 5.7.509 Access denied, sending domain does not pass DMARC verification", SETUP, EXO),
    Row("Exchange Online", DOT, "550 5.1.90 Your message can't be sent because you've reached your daily limit", SETUP, EXO),
    Row("Exchange Online", DOT, "550 5.2.2 Submission quota exceeded", SETUP, EXO),
    Row("any", DATA, "503 5.5.1 Invalid command", SETUP, "RFC 3463, 3.6"),
    Row("Gmail", DOT, "550 5.7.26 This email has been blocked because the sender is unauthenticated.",
        SETUP, GMAIL),
    Row("Gmail", DOT, "550 5.7.26 Unauthenticated email from contoso.example is not accepted due to domain's DMARC policy.",
        SETUP, GMAIL),
    Row("Gmail", MAIL, "553 5.1.7 The sender address us@contoso is not a valid RFC 5321 address.", SETUP, GMAIL),
    Row("Gmail", RCPT, "550 5.7.1 Invalid credentials for relay 192.0.2.1.", SETUP, GMAIL),
    Row("Gmail", DOT, "552 5.3.4 Your message exceeded Google's message size limits.", SETUP, GMAIL),
    Row("Postfix", RCPT, f"554 5.7.1 <{TO}>: Relay access denied", SETUP, POSTFIX),
    Row("any", RCPT, "550 5.7.23 SPF validation failed", SETUP, "RFC 7372, 3.2"),
    Row("Postfix", MAIL, "501 5.1.7 Bad sender address syntax", SETUP, POSTFIX),
    Row("Postfix", RCPT, "550 5.1.0 <us@contoso.example>: Sender address rejected: User unknown", SETUP, POSTFIX),
    Row("any", MAIL, "550 5.7.27 Sender address has null MX", SETUP, f"{IANA}; RFC 7505"),
    Row("any", MAIL, "553 Requested action not taken: mailbox name not allowed", SETUP, "RFC 5321, 4.2.2"),
    Row("Exim", RCPT, "550 relay not permitted", SETUP, EXIM),
    Row("Exim", RCPT, "550 Unrouteable address", SETUP, EXIM),
    Row("Exim", RCPT, "550 Administrative prohibition", SETUP, EXIM),
    Row("qmail", RCPT, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", SETUP, QMAIL),
    Row("Amazon SES", DOT, "554 Message rejected: Email address is not verified.", SETUP, SES),
    Row("Amazon SES", DOT, "554 Access denied: User x is not authorized to perform ses:SendRawEmail", SETUP, SES),
    Row("any", RCPT, "550 user unknown, or sender blocked by policy", SETUP, "RFC 5321, 4.2.2"),
    Row("any", RCPT, "550 Denied", SETUP, "RFC 5321, 4.2.2"),
    Row("Exchange Online", RCPT, "550 5.1.0 Sender denied", SETUP, EXO),
    Row("any", RCPT, "530 5.7.0 Authentication required", SETUP, "RFC 4954, 6"),
    Row("any", RCPT, "503 Bad sequence of commands", SETUP, "RFC 5321, 4.2.2"),
    Row("any", DATA, "554 No valid recipients", SETUP, "RFC 5321, 3.3"),
    Row("any", DOT, "554 5.6.0 Other or undefined media error", SETUP, "RFC 3463, 3.7"),
    Row("any", DOT, "550 User unknown", SETUP, "RFC 5321, 4.2.2"),
    Row("any", RCPT, "550 5.3.5 System incorrectly configured", SETUP, "RFC 3463, 3.4"),
    Row("any", RCPT, "525 5.7.13 User Account Disabled", SETUP, "RFC 5248, 2.4"),
    # --- Try again ------------------------------------------------------------------------------------------------
    Row("Exchange Online", RCPT, "451 4.7.500 Access denied, please try again later", LATER, EXO),
    Row("Exchange Online", DOT, "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", LATER, EXO),
    Row("Exchange Online", RCPT, "554 5.2.121 Recipient's per hour message receive limit from specific sender exceeded",
        LATER, EXO),
    Row("Exchange Online", RCPT, "554 5.2.122 Recipient's per hour message receive limit exceeded", LATER, EXO),
    Row("any", DOT, "550 5.4.7 Delivery time expired", LATER, "RFC 3463, 3.5"),
    Row("Gmail", RCPT, "450 4.2.1 The user you are trying to contact is receiving email too quickly.", LATER, GMAIL),
    Row("Gmail", RCPT, "550 5.2.1 The user you are trying to contact is receiving email at a rate that prevents additional "
        "messages from being delivered.", LATER, GMAIL),
    Row("Gmail", RCPT, "452 4.2.2 The recipient's inbox is out of storage space.", LATER, GMAIL),
    Row("Gmail", DOT, "421 5.7.32 Your email was blocked because the From: header isn't aligned.", LATER, GMAIL),
    Row("Postfix", RCPT, f"450 4.7.1 <{TO}>: Recipient address rejected: Service temporarily unavailable", LATER, POSTFIX),
    Row("Postfix", DATA, "451 4.3.0 Error: queue file write error", LATER, POSTFIX),
    Row("Amazon SES", DOT, "454 Throttling failure: Maximum sending rate exceeded.", LATER, SES),
    Row("Amazon SES", DOT, "454 Throttling failure: Daily message quota exceeded", LATER, SES),
    Row("any", MAIL, "452 4.3.1 Mail system full", LATER, "RFC 3463, 3.4"),
    Row("any", MAIL, "421 4.3.2 System not accepting network messages", LATER, "RFC 3463, 3.4"),
    Row("any", RCPT, "452 Requested action not taken: insufficient system storage", LATER, "RFC 5321, 4.2.2"),
    Row("any", RCPT, "552 Too many recipients", LATER, "RFC 5321, 4.5.3.1.10"),
    Row("any", RCPT, "450 5.1.1 No such user, perhaps", LATER, FIELD),
    Row("any", DOT, "451 Requested action aborted: local error in processing", LATER, "RFC 5321, 4.2.3"),
]  # fmt: skip
ID = [f"{row.server} {row.stage} {row.answer[:48]}" for row in ANSWERS]


def order_answer(peer, row: Row) -> None:
    name = {MAIL: "senders_refused", RCPT: "recipients_refused", DATA: "data_refused", DOT: "answers"}
    setattr(peer, name[row.stage], [row.answer])


def test_the_table_covers_every_step_and_kind():
    assert len(ANSWERS) >= 40
    assert {(row.stage, row.kind) for row in ANSWERS} >= {
        (stage, kind) for stage in (MAIL, DATA) for kind in (SETUP, LATER)
    } | {(stage, kind) for stage in (RCPT, DOT) for kind in Kind}
    assert all(row.document for row in ANSWERS)
    assert sum(row.document != FIELD for row in ANSWERS) >= 70


@pytest.mark.django_db
@pytest.mark.parametrize("row", ANSWERS, ids=ID)
def test_only_an_answer_about_the_address_ends_the_sending(peer, invite, run_jobs, row):
    invite("noor")
    order_answer(peer, row)

    run_jobs()
    first = Mail.objects.get(kind="invitation")
    run_jobs(timedelta(seconds=30))

    after, starter = Mail.objects.get(kind="invitation"), Starter.objects.get()
    if row.kind == ADDRESS:
        assert after.refused_at and not peer.got and starter.problem == Starter.Problem.MAIL_REFUSED
    else:
        assert first.fault == row.kind and after.sent_at and len(peer.got) == 1 and starter.problem == ""
    assert row.answer[:3] in first.answer and TO not in first.answer


# --- What is no reply to one of these steps -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (smtplib.SMTPAuthenticationError(535, b"5.7.139 Authentication unsuccessful, disabled for the tenant"), SETUP),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 Authentication credentials invalid"), SETUP),
        (smtplib.SMTPAuthenticationError(454, b"4.7.0 Temporary authentication failure"), LATER),
        (smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server."), SETUP),
        (smtplib.SMTPConnectError(554, b"5.7.1 Access denied"), SETUP),
        (smtplib.SMTPConnectError(521, b"Server does not accept mail"), SETUP),
        (smtplib.SMTPConnectError(421, b"4.3.2 Service not available"), LATER),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), LATER),
        (ssl.SSLCertVerificationError("certificate verify failed"), SETUP),
        (ssl.SSLEOFError("EOF occurred"), LATER),
        (socket.gaierror(-3, "Temporary failure in name resolution"), LATER),
        (TimeoutError("timed out"), LATER),
        (ConnectionRefusedError("refused"), LATER),
        (smtplib.SMTPDataError(-1, b""), LATER),
        (graph.Refused("no", status=400, code="ErrorInvalidRecipients"), ADDRESS),
        (graph.Refused("no", status=403, code="ErrorAccessDenied"), SETUP),
        (graph.Refused("no", status=403, code="ErrorSendAsDenied"), SETUP),
        (graph.NotFound("no", status=404, code="ErrorInvalidUser"), SETUP),
        (graph.NotFound("no", status=404, code="MailboxNotEnabledForRESTAPI"), SETUP),
        (graph.Refused("no", status=401, code="InvalidAuthenticationToken"), SETUP),
        (graph.Refused("no", status=400, code="ErrorMimeContentInvalid"), SETUP),
        (graph.Refused("no", status=413, code="ErrorMessageSizeExceeded"), SETUP),
        (graph.Refused("no", status=403, code="ErrorExceededMessageLimit"), LATER),
        (graph.Refused("no", status=400, code="ErrorMailboxMoveInProgress"), LATER),
        (graph.Throttled("busy", retry_after=4), LATER),
        (graph.Unavailable("no"), LATER),
        (graph.OutcomeUnknown("no"), LATER),
    ],
    ids=repr,
)  # fmt: skip
def test_other_failures_are_classified_too(error, kind):
    assert classify_failure(error).kind == kind


def test_a_mail_is_kept_while_one_recipient_may_be_reached():
    refused = {"a@x.example": (550, b"5.1.1 unknown"), "b@x.example": (450, b"4.2.0 later")}

    assert classify_failure(smtplib.SMTPRecipientsRefused(refused)).kind == LATER


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"5.1.1 <{TO}>: unknown", "RCPT: 550 5.1.1 <…>: unknown"),
        ("5.7.1 see\r\n5.7.1 https://x.example", "RCPT: 550 5.7.1 see 5.7.1 https://x.example"),
        ("\x1b[31m5.7.1\x00 no", "RCPT: 550 [31m5.7.1 no"),
    ],
)
def test_an_answer_is_stored_in_one_line_without_addresses(said, kept):
    assert str(classify_reply(Stage.RCPT, 550, said.encode())) == kept


def test_a_long_answer_is_cut():
    assert len(str(classify_reply(Stage.RCPT, 550, b"5.7.1 " + b"x" * 5000))) <= 220
