"""`sendMail`, as JSON or as a whole MIME message in base64: accepted, and put into the mailbox page."""

from __future__ import annotations

import base64
import binascii
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from typing import Any

from portal.sandbox.graph.call import Call, Refusal
from portal.sandbox.records import Mail
from portal.sandbox.tenant import MAILS_KEPT
from portal.sandbox.web import Response


def send_mail(call: Call, user: str) -> Response:
    _allow_mailbox(call, user)
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    mail = _from_mime(call, user) if media_type == "text/plain" else _from_json(call)
    mail.sender = user
    if not mail.recipients:
        raise Refusal(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
    call.tenant.mails.append(mail)
    del call.tenant.mails[:-MAILS_KEPT]
    return Response(202)


def _allow_mailbox(call: Call, user: str) -> None:
    """From Exchange, for one mailbox (the token does not show it), or from Entra, for all of them."""
    shared = user.lower() == call.tenant.options.mailbox.lower()
    if not shared and "Mail.Send" not in call.roles:
        raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    if not shared and call.tenant.find_account(user) is None:
        raise Refusal(404, "ErrorInvalidUser", f"The requested user '{user}' is invalid.")


def _from_mime(call: Call, user: str) -> Mail:
    try:
        raw = base64.b64decode(b"".join(call.request.body.split()), validate=True)
    except binascii.Error:
        raise Refusal(
            400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content."
        ) from None
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 (the policy makes it one)
    if not message["From"]:
        raise Refusal(400, "ErrorMimeContentInvalid", "The MIME content is invalid.")
    if parseaddr(str(message["From"]))[1].lower() != user.lower():
        raise Refusal(
            403, "ErrorSendAsDenied", "The user account does not have the right to send as the sender."
        )
    addressed = [str(value) for name in ("To", "Cc", "Bcc") for value in message.get_all(name, [])]
    return _new_mail(
        call,
        recipients=[address for _, address in getaddresses(addressed) if address],
        subject=str(message["Subject"] or ""),
        text=_body_part(message, "plain"),
        html=_body_part(message, "html"),
        calendar=_calendar_part(message),
        message_id=str(message["Message-ID"] or ""),
        headers={name: str(value) for name, value in message.items()},
    )


def _body_part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _calendar_part(message: EmailMessage) -> str:
    parts = (part for part in message.walk() if part.get_content_type() == "text/calendar")
    return next((str(part.get_content()) for part in parts), "")


def _from_json(call: Call) -> Mail:
    body = call.json()
    try:
        message = body["message"]
        content, kind = str(message["body"]["content"]), str(message["body"]["contentType"]).lower()
        lists = [message.get(name, []) for name in ("toRecipients", "ccRecipients", "bccRecipients")]
        recipients = [str(entry["emailAddress"]["address"]) for entries in lists for entry in entries]
        headers = {
            str(entry["name"]): str(entry["value"]) for entry in message.get("internetMessageHeaders", [])
        }
    except (KeyError, TypeError, AttributeError):
        raise Refusal(400, "ErrorInvalidRequest", "The message is malformed.") from None
    if not all(name.lower().startswith("x-") for name in headers):
        raise Refusal(
            400, "InvalidInternetMessageHeader", "A custom header's name must start with 'x-' or 'X-'."
        )
    text, html = ("", content) if kind == "html" else (content, "")
    subject = str(message.get("subject", ""))
    return _new_mail(
        call, recipients=recipients, subject=subject, text=text, html=html, message_id="", headers=headers
    )


def _new_mail(call: Call, **values: Any) -> Mail:
    last = call.tenant.mails[-1].number if call.tenant.mails else 0
    return Mail(number=last + 1, time=call.tenant.clock.now(), sender="", **values)
