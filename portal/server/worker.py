"""gunicorn's threaded worker, but no thread waits for a client that is slow to send.

The main loop collects each request until all of it is here, and closes a connection that takes too long. Only then
does one of the few threads work on it. Requests are small. Only the large body of an upload is read by the thread, and only
once the site asks for it: that is, once the session is known.
"""

from __future__ import annotations

import errno
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn import http
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from portal.server.refusals import current_request, is_api_request, refusal
from portal.server.request_bytes import RequestScanner

REQUEST_SECONDS = 20.0  # for a whole request, from its first byte
UPLOAD_SECONDS = 60.0  # for the large body of an upload, which a thread reads
SEND_SECONDS = 30.0  # for each part of an answer; most fit into SEND_BUFFER, and then nobody waits
SEND_BUFFER = 256 * 1024  # bytes
CLOSING_SECONDS = 2.0  # until the client has read the answer and closed its side
SWEEP_SECONDS = 0.5
SPARE_FILES = 200  # file descriptors for all else: the database, Microsoft, static files
# Bytes of requests that one process keeps, over all its connections: those that are still arriving, those that wait for a
# thread, and those that a thread works on. One request is up to 96 kB, so 4,000 of them could take 384 MB.
MOST_BYTES = 32 * 1024 * 1024
GONE = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN}


class Connection:
    """A client's connection. The attributes `sock`, `client` and `server` are those that gunicorn reads."""

    def __init__(self, sock: socket.socket, client: Any, server: Any) -> None:
        self.sock, self.client, self.server = sock, client, server
        self.received = bytearray()
        self.scanner = RequestScanner()  # of the request that is arriving
        self.counted = 0  # bytes of this connection in the worker's count
        self.deadline = 0.0  # of what it waits for, by the monotonic clock
        self.is_closing = False
        self.was_continued = False
        self.request = b""  # what a thread works on
        self.body_size: int | None = None  # of that request, if all of it was received


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: dict[Connection, None] = {}  # in the order in which they began to wait
        self.arriving: dict[
            Connection, None
        ] = {}  # those that sent part of a request, in the order of its first byte
        self.bytes_kept = 0  # over all connections; only the main loop counts
        self.next_sweep = 0.0

    def init_process(self) -> None:
        """Allow a file for each connection, as far as the system does."""
        self.worker_connections = max(
            self.cfg.threads, allow_files(self.cfg.worker_connections + SPARE_FILES) - SPARE_FILES
        )
        super().init_process()

    # --- Waiting for a client: in the main loop -----------------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection. If there are too many, close the one that has been idle longest."""
        if self.nr_conns >= self.worker_connections - 1:
            self.drop_longest_waiting()
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self.drop_longest_waiting()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.wait_for_request(Connection(sock, client, listener.getsockname()))

    def wait_for_request(self, conn: Connection) -> None:
        conn.was_continued = False
        conn.deadline = time.monotonic() + (REQUEST_SECONDS if conn.received else self.cfg.keepalive)
        if not self.alive and not conn.received:
            conn.deadline = min(conn.deadline, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.watch(conn, self.on_readable)
        self.count_bytes(conn)
        if conn.received:  # it sent a request before the answer to the last one
            self.arriving[conn] = None
            self.look_at(conn)

    def watch(self, conn: Connection, callback: Callable[[Connection, Any], None]) -> None:
        conn.sock.setblocking(False)
        self.waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(callback, conn))

    def on_readable(self, conn: Connection, _sock: Any) -> None:
        if conn not in self.waiting:  # another event of the same moment has dropped it
            return
        data = self.receive(conn)
        if data is None:
            return
        if not data:
            self.drop(conn)
            return
        if not conn.received:
            conn.deadline = time.monotonic() + REQUEST_SECONDS
            self.arriving[conn] = None
        conn.received += data
        self.count_bytes(conn)
        self.make_room()
        if conn in self.waiting:
            self.look_at(conn)

    def receive(self, conn: Connection) -> bytes | None:
        """What has arrived; None if nothing has, and empty if the connection is over."""
        try:
            return conn.sock.recv(64 * 1024)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def look_at(self, conn: Connection) -> None:
        """Hand the request to a thread as soon as no more of it is needed."""
        progress = conn.scanner.inspect(conn.received)
        if progress.is_too_long:
            self.refuse(conn, 431)
        elif progress.is_ready:
            self.unwatch(conn)
            size = len(conn.received) if progress.size is None else progress.size
            conn.request, conn.received = bytes(conn.received[:size]), conn.received[size:]
            conn.scanner = RequestScanner()
            conn.body_size = None if progress.size is None else progress.body_size
            self.enqueue_req(conn)
        elif progress.awaits_continue and not conn.was_continued:
            conn.was_continued = True
            self.send_at_once(conn, b"HTTP/1.1 100 Continue\r\n\r\n")

    def send_at_once(self, conn: Connection, answer: bytes) -> None:
        try:
            conn.sock.send(answer)
        except OSError:
            self.drop(conn)

    # --- The memory of requests: in the main loop ------------------------------------------------------------------

    def count_bytes(self, conn: Connection) -> None:
        """Count what this connection keeps now. A thread empties `request`, so the main loop counts again after it."""
        now = len(conn.received) + len(conn.request)
        self.bytes_kept, conn.counted = self.bytes_kept + now - conn.counted, now

    def make_room(self) -> None:
        """Give up requests until the rest fits into the budget: first the one that began to arrive first.

        It is the slowest, so this hits clients that hold many requests open before it hits a person, whose request
        arrives at once. Each that is given up gets a 503. A request that waits for a thread is whole, and stays: if such
        requests alone fill the budget, the next one to arrive is given up.
        """
        while self.bytes_kept > MOST_BYTES and self.arriving:
            self.refuse(next(iter(self.arriving)), 503)

    # --- The end of a connection ----------------------------------------------------------------------------------

    def refuse(self, conn: Connection, status: int) -> None:
        """Answer in place of Django, and close."""
        try:
            answer = refusal(status, is_api=is_api_request(bytes(conn.received[:64])))
        except Exception:  # the main loop goes on, whatever the page needs
            self.log.exception("no page could be made for a request that was refused")
            answer = b""
        self.send_at_once(conn, answer)
        if conn in self.waiting:
            self.unwatch(conn)
            self.close_politely(conn)

    def close_politely(self, conn: Connection) -> None:
        """Say that no more follows, and close when the client has closed too: at once, it could lose the answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.forget(conn)
            return
        conn.is_closing, conn.deadline = True, time.monotonic() + CLOSING_SECONDS
        conn.received = bytearray()
        self.count_bytes(conn)
        self.watch(conn, self.on_closing)

    def on_closing(self, conn: Connection, _sock: Any) -> None:
        if conn in self.waiting and self.receive(conn) == b"":
            self.drop(conn)

    def unwatch(self, conn: Connection) -> None:
        del self.waiting[conn]
        self.arriving.pop(conn, None)
        self.poller.unregister(conn.sock)

    def drop(self, conn: Connection) -> None:
        self.unwatch(conn)
        self.forget(conn)

    def forget(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.received, conn.request = bytearray(), b""
        self.count_bytes(conn)
        conn.sock.close()

    def drop_longest_waiting(self) -> None:
        if self.waiting:
            self.drop(next(iter(self.waiting)))

    def murder_keepalived(self, force: bool = False) -> None:
        """End the connections whose time is over; gunicorn's loop calls this.

        One that sent part of a request gets an answer first.
        """
        now = time.monotonic()
        if now < self.next_sweep and not force:
            return
        self.next_sweep = now + SWEEP_SECONDS
        for conn in [conn for conn in self.waiting if force or conn.deadline <= now]:
            if conn.received and not force:
                self.refuse(conn, 408)
            else:
                self.drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """A worker that stops does not wait for requests that have not begun."""
        for conn in self.waiting:
            if not conn.received:
                conn.deadline = min(conn.deadline, deadline)

    # --- Work: in a thread ------------------------------------------------------------------------------------------

    def handle(self, conn: Connection) -> bool:
        """Answer a request that has been received. Return whether another may follow on the connection."""
        current_request.set(conn.request[:64])
        req = None
        try:
            conn.sock.settimeout(SEND_SECONDS)
            req = next(http.get_parser(self.cfg, read_request(conn), conn.client))
            has_all = is_whole(req, conn.body_size)
            if not has_all:
                req.force_close()  # the answer says so, and the client sends its next request on another connection
            return bool(self.handle_request(req, conn)) and has_all
        except (NoMoreData, StopIteration) as error:
            self.log.debug("Closing connection. %s", error)
        except TimeoutError:
            self.log.info("a client was too slow to receive an answer")
        except OSError as error:
            if error.errno not in GONE:
                self.log.exception("Socket error processing request.")
        except Exception as error:
            self.handle_error(req, conn.sock, conn.client, error)
        finally:
            conn.request = b""
        return False

    def finish_request(self, conn: Connection, future: Future[bool]) -> None:
        """Keep or close the connection after the response. Runs in the main loop."""
        try:
            is_kept = not future.cancelled() and future.result()
        except BaseException:  # the thread was stopped
            is_kept = False
        if is_kept:
            self.wait_for_request(conn)
        else:
            self.close_politely(conn)


def allow_files(wanted: int) -> int:
    """Raise this process's limit of open files to `wanted`, or as far as it may. Return the limit."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in {now, most}:
        return wanted
    allowed = max(now, min(wanted, most))
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return min(wanted, allowed)


def read_request(conn: Connection) -> Iterator[bytes]:
    """The bytes of the request: what was received, and the rest of an upload, which is read when the site asks for it.

    Raises TimeoutError or ConnectionResetError, so that a part of an upload is never taken for the whole.
    """
    yield conn.request
    if conn.body_size is not None or not is_upload(conn.request):
        return
    deadline = time.monotonic() + UPLOAD_SECONDS
    while True:
        conn.sock.settimeout(max(0.1, min(SEND_SECONDS, deadline - time.monotonic())))
        data = conn.sock.recv(64 * 1024)
        if not data or time.monotonic() > deadline:
            raise ConnectionResetError(errno.ECONNRESET, "the upload ended early")
        yield data


def is_upload(request: bytes) -> bool:
    method, _, rest = request.partition(b" ")
    return method == b"POST" and rest.partition(b" ")[0].decode("latin-1") in settings.UPLOAD_PATHS


def is_whole(req: Any, body_size: int | None) -> bool:
    """Whether gunicorn finds the end of the request where the main loop found it. Otherwise nothing may follow it."""
    reader = req.body.reader
    return isinstance(reader, LengthReader) and reader.length == body_size
