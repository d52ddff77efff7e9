"""A Django mail backend that uses Graph's sendMail with the portal's identity, so there is no mail password."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from onboarding.graph.client import client
from onboarding.graph.errors import GraphError

LINE_END = re.compile(rb"\r?\n")


class GraphMailBackend(BaseEmailBackend):
    """Send each message as MIME, so that its Message-ID and its HTML part stay unchanged."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return sum(self._send(message) for message in email_messages if message.recipients())

    def _send(self, message: EmailMessage) -> bool:
        if message.bcc:
            raise ValueError("Mail over Graph has no blind copies: the header would show them to everybody.")
        try:
            client().send_mail(settings.MAIL_FROM, LINE_END.sub(b"\r\n", message.message().as_bytes()))
        except GraphError:
            if not self.fail_silently:
                raise
            return False
        return True
