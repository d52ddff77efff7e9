"""The site without a proxy in front: clients that are slow or idle hold no thread, and wrong requests get our answers."""

from __future__ import annotations

import os
import re
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings

from portal.demo.process import free_port, is_up, wait_for
from portal.middleware import HEADERS
from portal.server import worker as server_worker
from portal.server.request_bytes import LONGEST_BODY, LONGEST_HEAD, Progress, RequestScanner, inspect
from portal.server.worker import REQUEST_SECONDS, Connection, PatientWorker
from tests.support.databases import give_static_files

SLOW, IDLE = 200, 500
HOST = b"Host: localhost\r\n"
LIVE = b"GET /livez HTTP/1.1\r\n" + HOST
A_FORM = b"POST /csp-report HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
BEGUN = (b"G", LIVE + b"X: ", A_FORM + b"Content-Length: 400\r\n\r\naccount=", b"\r\n")
PATIENCE = 60  # seconds; far more than an answer takes on any machine, far less than slow clients could take


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """gunicorn with the portal's settings, in one process of 16 threads. It needs no database for what is asked here."""
    (settings.BASE_DIR / "var").mkdir(exist_ok=True)
    folder, port = Path(tempfile.mkdtemp(prefix="test-server-", dir=settings.BASE_DIR / "var")), free_port()
    give_static_files(folder)
    own = {
        "PORTAL_BIND": f"127.0.0.1:{port}",
        "PORTAL_PROCESSES": "1",
        "PORTAL_URL": f"http://localhost:{port}",
        "PORTAL_DATA_DIR": str(folder),
        "DATABASE_URL": "",
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn_conf"]
    site = subprocess.Popen(
        command, env={**os.environ, **own}, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_for(lambda: site.poll() is not None or is_up(f"http://localhost:{port}"), "gunicorn")
        yield port
    finally:
        site.send_signal(signal.SIGTERM)
        site.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def connect(port: int, first: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.sendall(first)
    return client


def read_all(client: socket.socket) -> str:
    received = b""
    while data := client.recv(65536):
        received += data
    client.close()
    return received.decode()


def ask(port: int, request: bytes) -> str:
    return read_all(connect(port, request))


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True


# --- Slow clients -------------------------------------------------------------------------------------------------


def test_s4_slow_and_idle_clients_delay_nobody(port: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    idle = [connect(port) for _ in range(IDLE)]
    slow = [connect(port, BEGUN[number % len(BEGUN)]) for number in range(SLOW)]

    answers = [ask(port, LIVE + b"Connection: close\r\n\r\n") for _ in range(3)]
    for client in slow:  # one byte at a time
        client.sendall(b"\n" if client is slow[3] else b"a")
    answers += [ask(port, LIVE + b"Connection: close\r\n\r\n") for _ in range(3)]

    assert [answer.splitlines()[0] for answer in answers] == ["HTTP/1.1 200 OK"] * 6
    assert all(map(is_open, idle))
    finished = slow[1]
    finished.setblocking(True)
    finished.sendall(b"\r\nConnection: close\r\n\r\n")
    assert read_all(finished).endswith('{"status": "alive"}')  # who goes on is answered
    for client in (*idle, *slow):
        client.close()


class Log:
    def __getattr__(self, _level: str) -> Any:
        return lambda *_, **__: None


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[PatientWorker]:
    """The worker's main loop, without processes. `now` is its clock; `tasks` are the requests for its threads."""
    built = PatientWorker.__new__(PatientWorker)
    built.cfg, built.log = SimpleNamespace(keepalive=75, threads=2), Log()
    built.poller, built.alive, built.waiting, built.nr_conns = selectors.DefaultSelector(), True, {}, 0
    built.arriving, built.bytes_kept = {}, 0
    built.worker_connections, built.next_sweep, built.keepalived_conns = 6, 0.0, deque()
    built.tasks, built.clients, built.now = [], [], 1000.0
    built.enqueue_req = built.tasks.append
    monkeypatch.setattr(server_worker, "time", SimpleNamespace(monotonic=lambda: built.now))
    yield built
    built.murder_keepalived(force=True)
    built.poller.close()
    for client in (*built.clients, *(conn.sock for conn in built.tasks)):
        client.close()


def join(worker: PatientWorker, data: bytes = b"") -> socket.socket:
    """Connect a client that has sent `data`."""
    here, there = socket.socketpair()
    there.settimeout(PATIENCE)
    worker.clients.append(there)
    worker.nr_conns += 1
    worker.wait_for_request(Connection(here, ("192.0.2.1", 1), ("127.0.0.1", 2)))
    there.sendall(data)
    worker.wait_for_and_dispatch_events(0)
    return there


def test_client_that_takes_too_long_gets_408(worker: PatientWorker) -> None:
    slow, idle = join(worker, LIVE), join(worker)
    for _ in range(int(REQUEST_SECONDS)):  # a byte each second does not help
        worker.now += 1.01
        slow.send(b"a")
        worker.wait_for_and_dispatch_events(0)
    worker.murder_keepalived()

    answer = slow.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 408 Request Timeout\r\n") and "Connection: close" in answer
    assert "The request took too long" in answer
    assert is_open(idle)
    worker.now += 2.1  # it does not close its side
    worker.murder_keepalived()
    assert worker.nr_conns == 1 and not worker.tasks
    worker.now += 75
    worker.murder_keepalived()
    assert worker.nr_conns == 0 and read_all(idle) == ""


def test_full_worker_drops_who_has_waited_longest(worker: PatientWorker) -> None:
    waiting = [join(worker) for _ in range(5)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        newest = socket.create_connection(listener.getsockname())
        worker.accept(listener)
        newest.sendall(LIVE + b"\r\n")
        worker.wait_for_and_dispatch_events(1)

    assert read_all(waiting[0]) == "" and all(map(is_open, waiting[1:]))
    assert [conn.request for conn in worker.tasks] == [LIVE + b"\r\n"]
    newest.close()


PART = A_FORM + b"Content-Length: 400\r\n\r\n"


def test_all_waiting_requests_share_one_budget_of_memory(
    worker: PatientWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_worker, "MOST_BYTES", 1000)
    idle = join(worker)
    slow = [join(worker, PART + b"a" * 100) for _ in range(4)]  # of about 200 bytes each
    assert worker.bytes_kept == 4 * (len(PART) + 100) and all(map(is_open, slow))

    newest = join(worker, PART + b"a" * 300)
    answers = [client.recv(65536).decode() for client in slow[:2]]

    for answer in answers:  # the oldest are given up first
        assert (
            answer.startswith("HTTP/1.1 503 Service Unavailable\r\n") and "\r\nRetry-After: 5\r\n" in answer
        )
        assert "The portal is busy" in answer and "Connection: close" in answer
    assert all(map(is_open, (idle, *slow[2:], newest))) and worker.bytes_kept <= 1000
    newest.setblocking(True)
    newest.sendall(b"a" * 100)  # who goes on is worked on
    worker.wait_for_and_dispatch_events(1)
    assert [len(conn.request) for conn in worker.tasks] == [len(PART) + 400]
    worker.now += REQUEST_SECONDS + 1
    worker.murder_keepalived()
    assert worker.bytes_kept == len(PART) + 400  # of those that were given up, nothing is left


def test_whole_requests_that_wait_for_a_thread_count_too(
    worker: PatientWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_worker, "MOST_BYTES", 1000)
    whole = PART + b"a" * 400
    first, second = join(worker, whole), join(worker, whole)

    assert (len(worker.tasks), worker.bytes_kept) == (1, len(whole))
    assert is_open(first) and second.recv(65536).startswith(b"HTTP/1.1 503 ")
    conn = worker.tasks[0]
    conn.request = b""  # as the thread leaves it
    worker.finish_request(conn, SimpleNamespace(cancelled=lambda: False, result=lambda: True))
    assert worker.bytes_kept == 0
    join(worker, whole)
    assert len(worker.tasks) == 2


# --- Where a request ends -----------------------------------------------------------------------------------------

TO_FINISH = {
    "no body": (LIVE + b"\r\n", len(LIVE) + 2),
    "an empty line before": (b"\r\n" + LIVE + b"\r\n", len(LIVE) + 4),
    "a body": (A_FORM + b"Content-Length: 3\r\n\r\na=b", len(A_FORM) + 24),
}
NEVER_FINISHED = {
    "chunks": A_FORM + b"Transfer-Encoding: chunked\r\n\r\n",
    "two lengths": A_FORM + b"Content-Length: 3\r\ncontent-length: 4\r\n\r\n",
    "a length and chunks": A_FORM + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a length that is none": A_FORM + b"Content-Length: +3\r\n\r\n",
    "a space before the colon": A_FORM + b"Content-Length : 3\r\n\r\n",
    "a large body": A_FORM + b"Content-Length: %d\r\n\r\n" % (LONGEST_BODY + 1),
    "a bare line feed": b"GET / HTTP/1.1\nHost: x\n\n",
    "a long line": b"GET /" + b"a" * 5000,
}


@pytest.mark.parametrize("name", TO_FINISH)
def test_a_request_is_ready_with_its_last_byte(name: str) -> None:
    request, size = TO_FINISH[name]

    assert [inspect(bytearray(request[:end])).is_ready for end in range(len(request))] == [False] * len(
        request
    )
    assert (inspect(bytearray(request)).size, inspect(bytearray(request + LIVE)).size) == (size, size)


@pytest.mark.parametrize("name", NEVER_FINISHED)
def test_nothing_can_follow_a_request_without_a_clear_end(name: str) -> None:
    assert inspect(bytearray(NEVER_FINISHED[name])) == Progress(is_ready=True, size=None)


SINGLE_BYTES = {
    "a head": LIVE + b"X: " + b"y" * 20_000,
    "a body": A_FORM + b"Content-Length: %d\r\n\r\n" % LONGEST_BODY + b"a" * LONGEST_BODY,
    "a first line": b"GET /" + b"a" * 4000,
}


@pytest.mark.parametrize("name", SINGLE_BYTES)
def test_a_client_that_sends_single_bytes_costs_no_more(name: str) -> None:
    request = SINGLE_BYTES[name]
    scanner, received = RequestScanner(), bytearray()

    for byte in request:
        received.append(byte)
        progress = scanner.inspect(received)

    assert progress == inspect(bytearray(request))
    # A search goes back by three bytes, where an end may have arrived in two parts. It never begins again.
    assert scanner.examined <= 5 * len(request)


def test_parts_of_any_size_have_the_same_end() -> None:
    for request in (*(request for request, _ in TO_FINISH.values()), *NEVER_FINISHED.values()):
        whole = inspect(bytearray(request))
        for size in (1, 2, 3, 7):
            scanner, received = RequestScanner(), bytearray()
            progress = None
            for begin in range(0, len(request), size):
                received += request[begin : begin + size]
                progress = scanner.inspect(received)
                if progress.is_ready:
                    break
            assert progress == whole


def test_an_endless_head_and_a_waiting_client_are_noticed() -> None:
    assert inspect(bytearray(LIVE + b"X: " + b"y" * LONGEST_HEAD)).is_too_long
    waits = A_FORM + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    assert (
        inspect(bytearray(waits)).awaits_continue and not inspect(bytearray(waits + b"abc")).awaits_continue
    )


def test_requests_on_one_connection_are_answered_in_order(port: int) -> None:
    both = LIVE + b"\r\n" + A_FORM + b"Content-Length: 3\r\n\r\na=b" + LIVE + b"Connection: close\r\n\r\n"

    answers = ask(port, both)

    assert re.findall(r"HTTP/1.1 (\d+)", answers) == ["200", "204", "200"]


def test_body_of_a_refused_request_is_no_second_request(port: int) -> None:
    inside = LIVE + b"\r\n"
    for framing in (b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"):
        answers = ask(port, A_FORM + framing + inside)

        assert len(re.findall(r"^HTTP/1.1 ", answers, re.M)) == 1


def test_the_answer_to_an_upload_says_that_the_connection_closes(port: int) -> None:
    """The main loop does not know where an upload ends. A client that was told to go on would lose its next request."""
    body = b"a" * (LONGEST_BODY + 1)
    head = (
        f"POST {sorted(settings.UPLOAD_PATHS)[0]} HTTP/1.1\r\nContent-Length: {len(body)}\r\n".encode() + HOST
    )

    answer = ask(port, head + b"\r\n" + body)

    assert "\r\nconnection: close\r\n" in answer.partition("\r\n\r\n")[0].lower() + "\r\n"


def test_client_that_waits_is_told_to_send_the_body(port: int) -> None:
    client = connect(port, A_FORM + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\n")

    assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"a=b")
    assert "HTTP/1.1 204" in read_all(client)


# --- The server's own answers -------------------------------------------------------------------------------------

REFUSED = {
    "no request": (b"SSH-2.0-Go\r\n\r\n", 400),
    "a bad header": (LIVE + b"X : y\r\n\r\n", 400),
    "a long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    "a long header": (LIVE + b"X: " + b"y" * 20_000 + b"\r\n\r\n", 431),
    "a head without an end": (LIVE + b"X: " + b"y" * 40_000, 431),
    "an unknown expectation": (LIVE + b"Expect: pie\r\n\r\n", 417),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_request_gets_our_headers_and_words(port: int, name: str) -> None:
    request, status = REFUSED[name]

    head, _, body = ask(port, request).partition("\r\n\r\n")

    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert headers.items() >= HEADERS.items() and "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Server" not in headers and "gunicorn" not in head + body
    assert "The portal could not read this request" in body and '<link rel="stylesheet"' in body
    assert len(body.encode()) == int(headers["Content-Length"])


def test_no_answer_names_the_server(port: int) -> None:
    assert "\r\nServer:" not in ask(port, LIVE + b"Connection: close\r\n\r\n")
