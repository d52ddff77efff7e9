"""Every line of the running portal is JSON with the same fields, whatever is sent to it (case O10)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings

from portal.demo.process import free_port, is_up, wait_for
from portal.demo.visitor import Visitor
from portal.sandbox.people import BY_KEY
from portal.supervisor import manage_command
from tests.support.databases import give_static_files

ALWAYS = {
    "@timestamp", "log.level", "log.logger", "message", "ecs.version", "process.name", "process.pid",
}  # fmt: skip
LEVELS = {"debug", "info", "warning"}
PROXY = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Request-ID": "proxy-id-0001"}
SECRET = "k7RvmQ"  # in every query and header that is sent

SCANNED = {
    "no such page": ("GET", f"/wp-login.php?pass={SECRET}"),
    "a hidden file": ("GET", "/.env"),
    "NUL": ("GET", f"/hr/?q=%00{SECRET}"),
    "half a sign": ("GET", "/%ff%fe/"),
    "half a sign in a field": ("POST", "/signin/?next=%ed%a0%80"),
    "a line break": ("GET", "/a%0d%0a{%22log.level%22:%22error%22}"),
    "a form without a token": ("POST", "/signin/"),
    "a wrong method": ("DELETE", "/"),
    "TRACE": ("TRACE", "/"),
    "an unknown method": ("BREW", "/"),
    "the API without a token": ("GET", "/api/v1/starters"),
    "someone else's starter": ("GET", "/starters/AAAAAAAAAAAAAAAAAAAAAA/"),
    "the administration": ("GET", "/admin/"),
    "a return from nowhere": ("GET", f"/signin/callback/?code={SECRET}&state=x"),
}
RAW = {
    "no request": b"\r\n\r\n",
    "half a request": b"GET / HTTP/1.1\r\nHost: localhost",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\0" * 60 + b"\r\n\r\n",
    "SSH": b"SSH-2.0-Go\r\n\r\n",
    "NUL in the line": f"GET /\0?{SECRET} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "NUL in a header": f"GET / HTTP/1.1\r\nHost: localhost\r\nX: \0{SECRET}\r\n\r\n".encode(),
    "HTTP/9.9": f"GET /?{SECRET} HTTP/9.9\r\nHost: localhost\r\n\r\n".encode(),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a small method": b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
    "another host": b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "another site's address": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a path above": b"GET /static/../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "a star": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a bad length": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown coding": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: pie\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "a long line": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
    "an expectation": b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: pie\r\n\r\n",
    "signs above ASCII": "GET /é HTTP/1.1\r\nHost: localhost\r\nX: é\r\n\r\n".encode(),
    "Shellshock": b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: () { :;}; echo\r\n\r\n",
}  # fmt: skip


@dataclass
class Served:
    """`manage.py serve` behind one proxy, with what it wrote."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(60) == 0

    def lines(self) -> list[dict[str, Any]]:
        """Everything on both streams. A line that is not JSON raises."""
        text = (self.folder / "out").read_text() + (self.folder / "err").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def send_raw(self, data: bytes) -> None:
        parts = urlsplit(self.url)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass  # it did not read all that was sent


@pytest.fixture(scope="module")
def served(running_sandbox) -> Iterator[Served]:
    (settings.BASE_DIR / "var").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="test-lines-", dir=settings.BASE_DIR / "var"))
    give_static_files(folder)
    running_sandbox.reset()
    url = f"http://localhost:{free_port()}"
    environment = {
        **os.environ,
        "PORTAL_URL": url,
        "SANDBOX_URL": running_sandbox.url,
        "PORTAL_DATA_DIR": str(folder),
        "DATABASE_URL": "",
        "LOG_LEVEL": "DEBUG",
        "TRUSTED_PROXIES": "1",
    }
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        command = manage_command("serve", "--prepare")
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=err, start_new_session=True)
    running = Served(url, folder, process)
    try:
        wait_for(lambda: process.poll() is not None or is_up(url), "the portal to start")
        assert process.poll() is None, (folder / "err").read_text()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def lines_after(served: Served, action: Callable[[], object]) -> list[dict[str, Any]]:
    before = len(served.lines())
    action()
    return served.lines()[before:]


def answered(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("event.action") == "http-request"]


@pytest.mark.parametrize("name", SCANNED)
def test_a_scanners_request_is_one_line_without_its_query(served, name):
    method, path = SCANNED[name]
    headers = {"Cookie": f"sid={SECRET}", "User-Agent": SECRET, "Accept": "text/html", **PROXY}

    lines = lines_after(
        served,
        lambda: requests.request(
            method, served.url + path, headers=headers, timeout=60, allow_redirects=False
        ),
    )

    assert len(answered(lines)) == 1
    assert {line["log.level"] for line in lines} <= LEVELS
    assert SECRET not in json.dumps(lines)


@pytest.mark.parametrize("name", RAW)
def test_a_malformed_request_logs_no_error_and_not_itself(served, name):
    lines = lines_after(served, lambda: served.send_raw(RAW[name]))

    assert {line["log.level"] for line in lines} <= LEVELS
    assert SECRET not in json.dumps(lines)
    for line in lines:
        assert set(line) >= ALWAYS


# What Django counts in a form, and refuses.
TOO_MANY = {
    "files": {"files": [(f"file{n}", ("a.txt", SECRET)) for n in range(3)], "data": {"note": SECRET}},
    "fields": {"data": {f"field{n}": SECRET for n in range(1200)}},
}


@pytest.mark.parametrize("what", TOO_MANY)
def test_too_much_in_a_form_logs_no_error(served, what):
    """Wapiti found this: a form with files, where the portal takes one or none."""
    hanna = Visitor(served.url)
    hanna.sign_in("hanna", "/hr/new/")
    token = hanna.form_with("csrfmiddlewaretoken").fields["csrfmiddlewaretoken"]
    sent = {**TOO_MANY[what], "data": {"csrfmiddlewaretoken": token, **TOO_MANY[what]["data"]}}

    lines = lines_after(served, lambda: hanna.http.post(f"{served.url}/hr/new/", timeout=60, **sent))

    (line,) = answered(lines)
    assert line["http.response.status_code"] == 400
    assert {line["log.level"] for line in lines} <= LEVELS
    assert SECRET not in json.dumps(lines)


def test_a_malformed_request_is_logged_with_its_error(served):
    (line,) = lines_after(served, lambda: served.send_raw(RAW["SSH"]))

    assert line["event.action"] == "malformed-request"
    assert (line["log.level"], line["client.ip"]) == ("warning", "127.0.0.1")
    assert line["error.type"].startswith("Invalid")


def test_the_line_of_a_request_has_id_address_person_session(served):
    hanna = Visitor(served.url)
    hanna.sign_in("hanna")
    hanna.http.headers.update(PROXY)

    lines = answered(lines_after(served, lambda: hanna.get("/hr/?q=Noor")))

    (line,) = lines
    assert hanna.page.headers["X-Request-ID"] == line["http.request.id"] == "proxy-id-0001"
    assert line["client.ip"] == "198.51.100.7"  # what stands before it can be forged
    assert line["user.id"] == BY_KEY["hanna"].object_id
    assert (line["url.path"], line["http.response.status_code"]) == ("/hr/", 200)
    sid = hanna.http.cookies["sid"]
    assert len(line["portal.session"]) == 16 and line["portal.session"] not in sid
    assert not {"Noor", "Hanna", sid} & set(json.dumps(line).replace('"', " ").split())


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "a b c d e f", 'x"},{"y":"1', "naïve-naïve"])
def test_a_long_or_odd_request_id_is_replaced(served, given):
    headers = {**PROXY, "X-Request-ID": given.encode("latin-1")}

    answer = requests.get(f"{served.url}/readyz", headers=headers, timeout=60)

    assert len(answer.headers["X-Request-ID"]) == 32
    assert answer.headers["X-Request-ID"].isalnum()


def test_every_process_writes_the_same_fields(served):
    for path in ("/", "/readyz", "/static/nothing.css"):
        requests.get(served.url + path, timeout=60)
    worker = next(line for line in served.lines() if line["message"] == "worker started")
    os.kill(worker["process.pid"], signal.SIGKILL)
    wait_for(lambda: any("is restarted" in line["message"] for line in served.lines()), "the supervisor")
    wait_for(lambda: sum(line["message"] == "worker started" for line in served.lines()) == 2, "a worker")

    served.stop()

    lines = served.lines()
    assert {line["process.name"] for line in lines} == {"serve", "site", "worker"}
    assert [line for line in lines if not set(line) >= ALWAYS] == []
    assert [line for line in lines if line["log.level"] not in LEVELS] == []
