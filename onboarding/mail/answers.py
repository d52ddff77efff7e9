"""What a mail server's answer means: a bad address, a fault of the portal's mail set-up, or "try again".

Only an answer about the recipient ends the sending. The enhanced status code (RFC 3463, RFC 5248) decides first, then
the reply code with the server's text (RFC 5321). An unclear answer counts as a fault of the mail set-up, so the portal
keeps the mail and tries again.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass
from enum import StrEnum

from onboarding import graph


class Kind(StrEnum):
    """What an answer is about."""

    ADDRESS = "address"  # the recipient's address takes no mail: a retry changes nothing
    SETUP = "setup"  # the server refuses the portal's mail set-up: IT must fix it
    LATER = "later"  # the server cannot do it now


class Stage(StrEnum):
    """The step of the sending that the server answered."""

    CONNECT = "connect"
    SIGN_IN = "sign-in"
    MAIL = "MAIL"  # the server was given the sender
    RCPT = "RCPT"  # the server was given the recipient
    DATA = "DATA"  # the command, or the message up to the last dot
    GRAPH = "Graph"


@dataclass(frozen=True, slots=True)
class Answer:
    """A classified answer. `words` is the server's text without addresses, for IT."""

    kind: Kind
    stage: Stage
    words: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.words}"


MAX_WORDS_LENGTH = 200
ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
ADDRESSES = re.compile(r"[^\s<>()\[\]:;,]+@[^\s<>()\[\]:;,]+")
UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")

# X.1.n and X.2.n codes about the recipient. RFC 3463: no such mailbox (1), no such domain (2), bad syntax (3),
# ambiguous (4), moved (6); RFC 7505, and Exchange Online for an unknown recipient (10); Exchange Online for a
# recipient that the next server does not know (351). Mailbox: disabled (1), full (2), list that cannot be expanded (4).
# RFC 7293: the mailbox or the domain belongs to somebody else now (17, 18). Exchange Online: no valid recipient (504, 505).
ABOUT_THE_RECIPIENT = {
    "1": {"1", "2", "3", "4", "6", "10", "351"},
    "2": {"1", "2", "4"},
    "7": {"17", "18", "504", "505"},
}
# Exchange Online: a mailbox gets more mail in an hour than it may (2.121, 2.122); delivery took too long (RFC 3463, 4.7).
# Gmail says 5.2.1 of an account that gets mail too fast now, and Exchange Online 5.2.2 of our own mailbox's sending limit.
TOO_FAST = re.compile(r"at a rate|too (quickly|fast)", re.IGNORECASE)
OUR_QUOTA = re.compile(r"submission quota", re.IGNORECASE)
LATER_ALTHOUGH_PERMANENT = {("2", "121"), ("2", "122"), ("4", "7")}

# Checked only if the code leaves it open, and only for a recipient.
ABOUT_US = re.compile(
    r"relay|block|denied by|black|spam|policy|\bspf\b|dkim|dmarc|authenticat|reputation|listed|banned|sender|client host|"
    r"not permitted|not allowed to send|\btls\b|\bip\b",
    re.IGNORECASE,
)
NO_SUCH_RECIPIENT = re.compile(
    r"user unknown|unknown user|unknown recipient|unknown (local|virtual|mailbox)|"
    r"no such (user|recipient|mailbox|person|address)|"
    r"(recipient|user|mailbox|address|account) (\S+ )?(not found|does ?n[o']t exist|unavailable|unknown)|"
    r"(user|mailbox|account) (\S+ )?is (disabled|inactive)|recipient (address )?rejected|"
    r"invalid (recipient|mailbox)|mailbox (name )?(not allowed|disabled)|user not local",
    re.IGNORECASE,
)
# Graph's error codes of `sendMail` about the recipient (Exchange Web Services, ResponseCode).
GRAPH_ABOUT_THE_RECIPIENT = {"ErrorInvalidRecipients", "ErrorInvalidSmtpAddress"}
GRAPH_LATER = {
    "ErrorServerBusy",
    "ErrorMailboxStoreUnavailable",
    "ErrorMailboxMoveInProgress",
    "ErrorInternalServerTransientError",
    "ErrorTimeoutExpired",
    "ErrorExceededMessageLimit",
}


def classify_failure(error: Exception) -> Answer:
    """What an exception from sending one mail to one recipient means."""
    if isinstance(error, graph.GraphError):
        return _classify_graph_error(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _classify_recipients(error)
    if isinstance(error, smtplib.SMTPSenderRefused):
        return classify_reply(Stage.MAIL, error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPDataError):
        return classify_reply(Stage.DATA, error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return classify_reply(Stage.SIGN_IN, error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPResponseException):
        return classify_reply(Stage.CONNECT, error.smtp_code, error.smtp_error)
    is_ours = isinstance(error, (ssl.SSLCertVerificationError, smtplib.SMTPNotSupportedError, ValueError))
    kind = Kind.SETUP if is_ours else Kind.LATER
    return Answer(kind, Stage.CONNECT, _to_printable_line(f"{type(error).__name__}: {error}"))


def classify_reply(stage: Stage, code: int, text: bytes | str) -> Answer:
    """What one SMTP reply means: `code` is the reply code, `text` the rest of it."""
    reply = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return Answer(_kind_of_reply(stage, code, reply), stage, _to_printable_line(f"{code} {reply}"))


def _kind_of_reply(stage: Stage, code: int, reply: str) -> Kind:
    if not 500 <= code < 600:  # also a reply that contradicts itself, such as 450 with 5.1.1
        return Kind.LATER
    found = ENHANCED.search(reply)
    if found:
        return _kind_by_enhanced_code(stage, *found.groups(), reply=reply)
    if stage == Stage.RCPT:
        return _kind_by_reply_code(code, reply)
    return Kind.SETUP


def _kind_by_enhanced_code(stage: Stage, level: str, subject: str, detail: str, *, reply: str) -> Kind:
    if level != "5" or (subject, detail) in LATER_ALTHOUGH_PERMANENT:
        return Kind.LATER
    if stage not in {Stage.RCPT, Stage.DATA}:  # the server does not know the recipient yet
        return Kind.SETUP
    if detail in ABOUT_THE_RECIPIENT.get(subject, ()):
        return _kind_by_recipient_code(subject, reply)
    if (subject, detail) in {
        ("1", "0"),
        ("0", "0"),
        ("5", "0"),
    }:  # some address, or nothing: the words decide
        return Kind.ADDRESS if stage == Stage.RCPT and _is_about_recipient(reply) else Kind.SETUP
    # Exchange Online says so of a recipient that its directory does not have, and of a domain that it does not serve.
    if (subject, detail) == ("4", "1") and "recipient address rejected" in reply.casefold():
        return Kind.ADDRESS
    return Kind.SETUP


def _kind_by_recipient_code(subject: str, reply: str) -> Kind:
    """A code about the recipient, unless the text of a mailbox status says otherwise."""
    if subject == "2" and TOO_FAST.search(reply):
        return Kind.LATER
    return Kind.SETUP if subject == "2" and OUR_QUOTA.search(reply) else Kind.ADDRESS


def _kind_by_reply_code(code: int, reply: str) -> Kind:
    """A reply to RCPT without an enhanced code (RFC 5321, 4.2.3)."""
    if code == 552:  # RFC 5321, 4.5.3.1.10: some servers say so of too many recipients, for now
        return Kind.LATER
    return Kind.ADDRESS if code in {550, 551, 553} and _is_about_recipient(reply) else Kind.SETUP


def _is_about_recipient(reply: str) -> bool:
    without = ADDRESSES.sub("", reply)  # an address may hold any word
    return bool(NO_SUCH_RECIPIENT.search(without)) and not ABOUT_US.search(without)


def _classify_recipients(error: smtplib.SMTPRecipientsRefused) -> Answer:
    """A mail goes to one address. With several, an answer that is not about an address counts first."""
    answers = [classify_reply(Stage.RCPT, code, text) for code, text in error.recipients.values()]
    return next((answer for answer in answers if answer.kind != Kind.ADDRESS), answers[0])


def _classify_graph_error(error: graph.GraphError) -> Answer:
    status = str(error.status) if isinstance(error, graph.Refused) else ""
    words = _to_printable_line(" ".join(filter(None, (status, error.code or str(error)))))
    return Answer(_kind_of_graph_error(error), Stage.GRAPH, words)


def _kind_of_graph_error(error: graph.GraphError) -> Kind:
    if not isinstance(error, graph.Refused) or error.code in GRAPH_LATER:
        return Kind.LATER
    return Kind.ADDRESS if error.code in GRAPH_ABOUT_THE_RECIPIENT else Kind.SETUP


def _to_printable_line(words: str) -> str:
    """One line for IT, without email addresses."""
    return ADDRESSES.sub("…", " ".join(UNPRINTABLE.sub(" ", words).split()))[:MAX_WORDS_LENGTH]
