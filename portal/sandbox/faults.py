"""Faults that tests order: slow, throttled, failing or dropped answers, before or after the work."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from portal.sandbox import caller
from portal.sandbox.web import Request, Response

RequestHandler = Callable[[Request], Response]
MOMENTS = ("reading", "done", "answered")
HANG_UP = struct.pack("ii", 1, 0)  # closing sends a reset, and not a polite end


class ConnectionDropped(Exception):
    """The connection is to be closed without an answer."""


@dataclass
class Fault:
    """One entry of `POST /_control/faults`. What is not named stays as it is.

    method, path    which requests: a method, and a regular expression found in the path
    by              only those of a process whose command holds this word
    skip, times     skip so many requests first; then apply so often (default 1; null = always)
    delay           seconds before the work is done; delay_after: between the work and the answer
    drop            "before" or "after" the work: the connection closes without an answer
    apply_after     with drop "before": do the work nevertheless, so many seconds later, or at `run_scheduled`
    status          answer this instead of doing the work; with applied: true, do the work and answer this
    headers, body   of that answer: JSON, or text (HTML, or nothing at all); without status, of the real one
    mutate, remove  change or remove fields of a JSON answer
    cut_at          promise the whole body, send so many bytes of it, and hang up
    hide_for        seconds that a pass made by this request stays out of every list
    caller          what happens to the process that asks: "kill", "stop" (until `resume`), or "cut" its connection
    moment          when: "reading" (before its request is read), "done" (before the answer), "answered"
    wait            seconds between that moment and the action
    """

    method: str | None = None
    path: str = ""
    by: str = ""
    skip: int = 0
    times: int | None = 1
    delay: float = 0
    delay_after: float = 0
    drop: str | None = None
    apply_after: float | None = None
    status: int | None = None
    applied: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    mutate: dict[str, Any] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    cut_at: int | None = None
    hide_for: float = 0
    caller: str | None = None
    moment: str = "done"
    wait: float = 0

    def matches(self, request: Request) -> bool:
        asked = self.method in (None, request.method) and re.search(self.path, request.path) is not None
        return asked and (not self.by or self._is_by(request))

    def _is_by(self, request: Request) -> bool:
        connection = request.connection
        try:
            return connection is not None and self.by in caller.command_of(caller.process_at(connection))
        except LookupError:
            return False

    @property
    def is_before_reading(self) -> bool:
        return self.caller is not None and self.moment == "reading"

    def apply(
        self, request: Request, work: RequestHandler, faults: Faults, over: threading.Event
    ) -> Response:
        request.hide_for = self.hide_for
        over.wait(self.delay)
        if self.drop == "before":
            if self.apply_after is not None:
                faults.schedule(self.apply_after, lambda: work(request))
            raise ConnectionDropped
        if self.status is not None and not self.applied:
            return self._change_response(default_response(self.status))
        response = work(request)
        if self.drop == "after":
            raise ConnectionDropped
        deed = self.action_on_caller(request, faults)
        if self.moment == "done":
            deed()
        over.wait(self.delay_after)
        changed = self._change_response(
            default_response(self.status) if self.status is not None else response
        )
        changed.afterwards = deed if self.moment == "answered" else None
        return changed

    def action_on_caller(self, request: Request, faults: Faults) -> Callable[[], None]:
        """Find the caller now, while it still exists, and return the action on it. The action raises
        ConnectionDropped where no answer can reach the caller."""
        connection = request.connection
        if self.caller is None or connection is None:
            return lambda: None
        if self.caller == "cut":
            return partial(_cut_connection, connection, self.wait)
        return partial(self._signal_caller, caller.process_at(connection), faults)

    def _signal_caller(self, process: int, faults: Faults) -> None:
        time.sleep(self.wait)
        caller.send_signal(process, str(self.caller))
        if self.caller == "kill":
            raise ConnectionDropped
        faults.stopped.append(process)

    def _change_response(self, response: Response) -> Response:
        if self.body is not None:
            response.body, response.content_type = encode_body(self.body)
        if self.mutate or self.remove:
            payload = {**json.loads(response.body or b"{}"), **self.mutate}
            response.body = json.dumps(
                {key: payload[key] for key in payload if key not in self.remove}
            ).encode()
        response.headers.update(self.headers)
        response.cut_at = self.cut_at
        return response


def _cut_connection(connection: socket.socket, wait: float) -> None:
    time.sleep(wait)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP)
    raise ConnectionDropped


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._late: list[threading.Timer] = []  # scheduled work with a running timer
        self._over = threading.Event()
        self.stopped: list[int] = []

    def apply_before_reading(self, request: Request) -> None:
        """Apply a fault before the request's body is read. Raises ConnectionDropped."""
        fault = self._take_matching(request, at_the_door=True)
        if fault:
            fault.action_on_caller(request, self)()

    def answer_request(self, request: Request, work: RequestHandler) -> Response:
        over = (
            self._over
        )  # read first: a request that has its fault but does not wait yet must also see the end
        fault = self._take_matching(request)
        return fault.apply(request, work, self, over) if fault else work(request)

    def resume(self) -> int:
        """Resume every stopped process; returns their number."""
        count = len(self.stopped)
        while self.stopped:
            caller.resume_process(self.stopped.pop())
        return count

    def add(self, entries: Any) -> None:
        """Add all entries, or none and raise ValueError with the problem."""
        faults = [parse_fault(entry) for entry in (entries if isinstance(entries, list) else [entries])]
        with self._lock:
            self._waiting.extend(faults)

    def end_all(self) -> None:
        """End all faults: delayed requests continue, stopped processes resume, scheduled work is cancelled."""
        with self._lock:
            self._over.set()
            self._over = threading.Event()
            self._waiting.clear()
            for timer in self._late:
                timer.cancel()
        self.resume()

    def schedule(self, seconds: float, work: Callable[[], object]) -> None:
        timer = threading.Timer(seconds, work)
        timer.daemon = True
        timer.start()
        self._late.append(timer)

    def run_scheduled(self) -> None:
        """Run the scheduled work now, so that a test does not depend on the machine's speed."""
        while self._late:
            timer = self._late.pop()
            timer.cancel()
            timer.function()

    def _take_matching(self, request: Request, *, at_the_door: bool = False) -> Fault | None:
        """The first that matches, counted down."""
        with self._lock:
            for fault in self._waiting:
                if fault.is_before_reading != at_the_door or not fault.matches(request):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                return fault
        return None

    def describe(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {"method": f.method, "path": f.path, "skip": f.skip, "times": f.times} for f in self._waiting
            ]


NUMBERS = ("skip", "times", "delay", "delay_after", "apply_after", "status", "cut_at", "hide_for", "wait")


def parse_fault(entry: Any) -> Fault:
    known = {part.name for part in fields(Fault)}
    if not isinstance(entry, dict) or not set(entry) <= known:
        raise ValueError(f"A fault is an object with some of: {', '.join(sorted(known))}.")
    fault = Fault(**entry)
    for name in NUMBERS:
        value = getattr(fault, name)
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise ValueError(f"{name} must be a number.")
    if fault.drop not in (None, "before", "after"):
        raise ValueError("drop must be before or after.")
    if fault.caller not in (None, "cut", *caller.SIGNALS) or fault.moment not in MOMENTS:
        raise ValueError("caller must be kill, stop or cut, and moment reading, done or answered.")
    if not isinstance(fault.by, str):
        raise ValueError("by must be a word.")
    try:
        re.compile(fault.path)
    except (re.error, TypeError):
        raise ValueError("path must be a regular expression.") from None
    return fault


ERROR_CODES = {
    400: ("badRequest", "Bad request."),
    401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    403: ("accessDenied", "Request Authorization failed"),
    404: ("resourceNotFound", "Resource not found."),
    429: ("TooManyRequests", "Please retry again later."),
    503: ("serviceNotAvailable", "The service is temporarily unavailable."),
}


def default_response(status: int) -> Response:
    """A plausible answer of Graph for a status without a body."""
    if status < 400:
        return Response(status)
    code, message = ERROR_CODES.get(status, ("generalException", "An error has occurred."))
    body, content_type = encode_body({"error": {"code": code, "message": message}})
    return Response(status, body, content_type)


def encode_body(body: Any) -> tuple[bytes, str]:
    if not isinstance(body, str):
        return json.dumps(body).encode(), "application/json; charset=utf-8"
    return body.encode(), "text/html; charset=utf-8" if body.lstrip().startswith(
        "<"
    ) else "text/plain; charset=utf-8"
