"""A real mail server on this machine that can refuse, be slow, and close the connection at an exact moment."""

from __future__ import annotations

import asyncio
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 OK"


class Peer:
    """Follows these lists, one entry for each session, and then accepts everything.

    `answers` come after the message: a line of SMTP; "drop" accepts the mail and closes the connection; "drop it" closes
    it without accepting the mail; "slow" accepts the mail and answers too late. `senders_refused`, `recipients_refused`
    and `data_refused` are answers to MAIL, RCPT and DATA. `got` has the accepted mails: recipients and message.
    """

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.senders_refused: list[str] = []
        self.recipients_refused: list[str] = []
        self.data_refused: list[str] = []
        self.greeted_slowly = 0
        self.got: list[tuple[list[str], Any]] = []

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        if self.greeted_slowly:
            self.greeted_slowly -= 1
            await asyncio.sleep(1)
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.senders_refused:
            return self.senders_refused.pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return OK

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipients_refused:
            return self.recipients_refused.pop(0)
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else OK
        if answer in {OK, "drop", "slow"}:
            assert isinstance(envelope.content, bytes)
            mime = message_from_bytes(envelope.content, policy=policy.default)
            self.got.append((list(envelope.rcpt_tos), mime))
        if answer.startswith("drop"):
            assert server.transport is not None
            server.transport.abort()
        if answer == "slow":
            await asyncio.sleep(1)
        return answer if answer[0].isdigit() else OK


class AnsweringServer(SMTP):
    """A server that can also refuse the command DATA, for which aiosmtpd has no hook."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        refused = self.event_handler.data_refused
        if refused:
            await self.push(refused.pop(0))
            self._set_post_data_state()
            return
        await super().smtp_DATA(arg)


class AnsweringController(Controller):
    """Starts a server of the kind above."""

    def factory(self) -> SMTP:
        return AnsweringServer(self.handler, **self.SMTP_kwargs)
