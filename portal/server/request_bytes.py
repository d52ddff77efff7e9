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


def inspect(received: bytearray) -> Progress:
    """A request that gunicorn refuses whatever follows is ready, too: it is refused at once."""
    begin = 2 if received[:2] == b"\r\n" else 0  # one empty line before a request is allowed
    line_end = received.find(b"\r\n", begin, begin + LONGEST_LINE + 2)
    if line_end < 0:
        is_wrong = len(received) - begin > LONGEST_LINE or BARE_LINE_FEED.search(received, begin)
        return UNFINISHED if is_wrong else WAITING
    head_end = received.find(b"\r\n\r\n", line_end)
    if head_end < 0:
        if len(received) > LONGEST_HEAD:
            return Progress(is_ready=True, is_too_long=True)
        return UNFINISHED if BARE_LINE_FEED.search(received, begin) else WAITING
    return _inspect_body(received, bytes(received[line_end : head_end + 2]), head_end + 4)


def _inspect_body(received: bytearray, head: bytes, body_begin: int) -> Progress:
    framing, lengths = FRAMING.findall(head), LENGTH.findall(head)
    if not framing:
        return Progress(is_ready=True, size=body_begin)
    if len(framing) > 1 or len(lengths) != 1 or int(lengths[0]) > LONGEST_BODY:
        return UNFINISHED  # chunks, a large body, or something to refuse: nobody reads that body
    size = body_begin + int(lengths[0])
    if len(received) >= size:
        return Progress(is_ready=True, size=size, body_size=int(lengths[0]))
    return Progress(is_ready=False, awaits_continue=bool(CONTINUE.search(head)))
