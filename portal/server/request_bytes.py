"""Finds the end of a request in the bytes that have arrived. It decides only when to stop waiting; gunicorn parses."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_LINE = 4096  # gunicorn refuses a longer first line: see `limit_request_line`
LONGEST_HEAD = 32 * 1024
LONGEST_BODY = 64 * 1024  # as DATA_UPLOAD_MAX_MEMORY_SIZE: a larger body is refused without being read

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,10})[ \t]*(?=\r\n)", re.IGNORECASE)
FRAMING = re.compile(rb"\r\n(?:content-length|transfer-encoding)[^a-z0-9-]", re.IGNORECASE)
CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request has arrived.

    `is_ready`: nobody needs to wait for more. `size` is its length if all of it is here, so that another may follow, and
    `body_size` that of its body.
    `is_too_long`: its head has no end where each head must have ended. `awaits_continue`: the client waits to be told
    that it may send the body.
    """

    is_ready: bool
    size: int | None = None
    body_size: int = 0
    is_too_long: bool = False
    awaits_continue: bool = False


WAITING, UNFINISHED = Progress(is_ready=False), Progress(is_ready=True)


class RequestScanner:
    """Looks at one request each time that more of it has arrived.

    It looks at each byte once, however small the parts are: a client that sends single bytes costs no more than one that
    sends all at once. `examined` counts the bytes that it has looked at, a few of them twice where two parts meet.
    """

    __slots__ = ("_body", "_line_end", "_scanned", "examined")

    def __init__(self) -> None:
        self._scanned = 0  # the end of what was searched
        self._line_end = -1  # of the first line
        self._body: tuple[int, int, Progress] | None = (
            None  # where it ends, its size, and the answer until then
        )
        self.examined = 0

    def inspect(self, received: bytearray) -> Progress:
        """A request that gunicorn refuses whatever follows is ready, too: it is refused at once."""
        if self._body is not None:
            return self._progress_of_body(received)
        begin = 2 if received[:2] == b"\r\n" else 0  # one empty line before a request is allowed
        if self._line_end < 0:
            # Two bytes before the end of the last search: a line end may have arrived in two parts.
            self._line_end = self._find(
                received, b"\r\n", max(begin, self._scanned - 1), begin + LONGEST_LINE + 2
            )
            if self._line_end < 0:
                is_wrong = len(received) - begin > LONGEST_LINE or self._has_bare_line_feed(received, begin)
                return UNFINISHED if is_wrong else WAITING
        head_end = self._find(received, b"\r\n\r\n", max(self._line_end, self._scanned - 3), len(received))
        if head_end < 0:
            if len(received) > LONGEST_HEAD:
                return Progress(is_ready=True, is_too_long=True)
            return UNFINISHED if self._has_bare_line_feed(received, begin) else WAITING
        head = bytes(received[self._line_end : head_end + 2])
        self.examined += len(head)
        return self._inspect_body(received, head, head_end + 4)

    def _find(self, received: bytearray, wanted: bytes, begin: int, end: int) -> int:
        self.examined += max(0, min(end, len(received)) - begin)
        return received.find(wanted, begin, end)

    def _has_bare_line_feed(self, received: bytearray, begin: int) -> bool:
        """Search what is new. The expression also looks at the byte before it."""
        found = BARE_LINE_FEED.search(received, max(begin, self._scanned))
        self._scanned = len(received)
        return found is not None

    def _inspect_body(self, received: bytearray, head: bytes, body_begin: int) -> Progress:
        framing, lengths = FRAMING.findall(head), LENGTH.findall(head)
        if not framing:
            return Progress(is_ready=True, size=body_begin)
        if len(framing) > 1 or len(lengths) != 1 or int(lengths[0]) > LONGEST_BODY:
            return UNFINISHED  # chunks, a large body, or something to refuse: nobody reads that body
        until_then = Progress(is_ready=False, awaits_continue=bool(CONTINUE.search(head)))
        self._body = (body_begin + int(lengths[0]), int(lengths[0]), until_then)
        return self._progress_of_body(received)

    def _progress_of_body(self, received: bytearray) -> Progress:
        assert self._body is not None  # noqa: S101 (asked only after the head)
        size, body_size, until_then = self._body
        return (
            Progress(is_ready=True, size=size, body_size=body_size) if len(received) >= size else until_then
        )


def inspect(received: bytearray) -> Progress:
    """Look at a request of which nothing was looked at before."""
    return RequestScanner().inspect(received)
