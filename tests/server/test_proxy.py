"""`deploy/nginx.conf`: it is what the documents say, and a real nginx does with it what the portal needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from portal import gunicorn_conf
from portal.demo.process import free_port, wait_for

CONFIGURATION = Path(settings.BASE_DIR) / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
HOST = "starters.contoso.example"
LARGE = "p" * 8_000_000  # more than fits into the buffers of nginx and of the sockets

MUST_SAY = {  # each directive, and its values wherever it is
    "proxy_buffering": {"off"},
    "proxy_max_temp_file_size": {"0"},
    "proxy_cache": {"off"},
    "proxy_buffer_size": {"16k"},
    "proxy_store": {"off"},
    "gzip": {"off"},
    "proxy_next_upstream": {"off"},
    "client_max_body_size": {"64k", "5200k"},  # the second only where HR uploads lists
    "proxy_request_buffering": {"off"},
    "client_body_buffer_size": {"64k"},
    "ssl_protocols": {"TLSv1.2 TLSv1.3"},
    "ssl_reject_handshake": {"on"},
    "server_tokens": {"off"},
}
SET_HEADERS = {
    "Connection": '""',
    "Host": "$host",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "$remote_addr",
    "X-Forwarded-Host": '""',
    "Forwarded": '""',
    "X-Real-IP": '""',
    "X-Request-ID": "$request_id",
    "Proxy": '""',
}


def directives(text: str) -> Iterator[tuple[str, str]]:
    """Each simple directive of a configuration: its name and its value."""
    for line in re.sub(r"#.*", "", text).split(";"):
        name, _, value = line.rpartition("{")[2].replace("}", "").strip().partition(" ")
        yield name, " ".join(value.split())


def values_of(name: str) -> set[str]:
    return {value for found, value in directives(CONFIGURATION.read_text()) if found == name}


# --- What it says -------------------------------------------------------------------------------------------------


def test_configuration_says_what_the_pass_page_needs() -> None:
    assert {name: values_of(name) for name in MUST_SAY} == MUST_SAY
    assert dict(value.split(" ", 1) for value in values_of("proxy_set_header")) == SET_HEADERS
    assert "proxy_cache_path" not in CONFIGURATION.read_text()
    assert "$request_uri" not in "".join(values_of("log_format")) and "$args" not in CONFIGURATION.read_text()


def test_its_limits_are_those_of_the_portal() -> None:
    usual, uploads = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024, settings.UPLOAD_MAX_BYTES // 1000
    assert values_of("client_max_body_size") == {f"{usual}k", f"{uploads}k"}
    (place,) = re.findall(r"location = (\S+) \{[^}]*5200k", CONFIGURATION.read_text())
    assert {place} == settings.UPLOAD_PATHS
    kept = {int(value.removesuffix("s")) for value in values_of("keepalive_timeout")}
    assert max(kept) < gunicorn_conf.keepalive
    assert values_of("server_name") == {HOST}


# --- What it does -------------------------------------------------------------------------------------------------


class Upstream(BaseHTTPRequestHandler):
    """In place of the portal: it notes each request, and answers with it."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, dict[str, str]]]
    written: list[int]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, dict(self.headers.items())))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/lost":
            self.close_connection = True
            return
        body = (LARGE if self.path == "/large" else json.dumps(dict(self.headers.items()))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "signin-1=" + "a" * 4000)  # as large as a browser takes
        self.end_headers()
        for begin in range(0, len(body), 65536):
            self.wfile.write(body[begin : begin + 65536])
            self.written.append(begin)

    do_POST = do_GET  # noqa: N815  (named by http.server)

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Proxy:
    port: int
    plain_port: int
    folder: Path
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    written: list[int] = field(default_factory=list)  # parts of answers that the upstream has got rid of

    def wait_until_nobody_writes(self) -> None:
        """The upstream has sent everything, or nobody takes any more of it."""
        before = -1
        while before != len(self.written):
            before = len(self.written)
            time.sleep(0.3)

    def connection(self) -> HTTPSConnection:
        trusted = ssl.create_default_context(cafile=str(self.folder / "certificate.pem"))
        trusted.check_hostname = False  # the test connects by number
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        made = HTTPSConnection(HOST, self.port)
        made.sock = trusted.wrap_socket(raw, server_hostname=HOST)
        return made

    def ask(self, method: str, path: str, **how: Any) -> tuple[int, dict[str, str], bytes]:
        made = self.connection()
        try:
            made.request(method, path, **how)
            answer = made.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            made.close()


def write_certificate(folder: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string(f"CN={HOST}")
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))


def write_configuration(folder: Path, *, port: int, plain_port: int, upstream: int) -> Path:
    """The file as shipped, at other ports and in another folder."""
    text = CONFIGURATION.read_text()
    for before, after in (
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
        ("127.0.0.1:8000", f"127.0.0.1:{upstream}"),
        ("/etc/ssl/portal/", f"{folder}/"),
        ("/var/log/nginx/portal.log", f"{folder}/access.log"),
    ):
        assert before in text
        text = text.replace(before, after)
    (folder / "portal.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/temp-{kind};" for kind in kinds)
    user = "user root;" if os.getuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;"
        f"events {{}} http {{ {paths} include {folder}/portal.conf; }}"
    )
    return main


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    folder = Path(tempfile.mkdtemp(prefix="test-nginx-"))
    noted: dict[str, list[Any]] = {"asked": [], "written": []}
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), type("Noting", (Upstream,), noted))
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    made = Proxy(free_port(), free_port(), folder, **noted)
    write_certificate(folder)
    main = write_configuration(
        folder, port=made.port, plain_port=made.plain_port, upstream=upstream.server_address[1]
    )
    checked = subprocess.run([NGINX, "-t", "-c", str(main)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    nginx = subprocess.Popen([NGINX, "-c", str(main)], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: nginx.poll() is not None or accepts(made.port), "nginx")
        yield made
    finally:
        nginx.send_signal(signal.SIGTERM)
        nginx.wait(60)
        upstream.shutdown()
        upstream.server_close()
        shutil.rmtree(folder, ignore_errors=True)


def accepts(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def test_forged_headers_do_not_reach_the_portal(proxy: Proxy) -> None:
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=203.0.113.9",
        "X-Real-IP": "203.0.113.9",
        "X-Request-ID": "chosen-by-the-visitor",
    }

    status, _, body = proxy.ask("GET", "/?q=1", headers=forged)

    received = json.loads(body)
    assert status == 200 and received["Host"] == HOST
    assert (received["X-Forwarded-For"], received["X-Forwarded-Proto"]) == ("127.0.0.1", "https")
    assert re.fullmatch(r"[0-9a-f]{32}", received["X-Request-ID"])
    assert not {"X-Forwarded-Host", "Forwarded", "X-Real-IP"} & set(received)
    log = proxy.folder / "access.log"
    wait_for(lambda: '"url.path":"/"' in log.read_text(), "the line of the request")
    assert "q=1" not in log.read_text()


def test_a_page_that_is_read_slowly_is_in_no_file(proxy: Proxy) -> None:
    made = proxy.connection()
    made.request("GET", "/large")
    answer = made.getresponse()
    begun = answer.read(1)
    proxy.wait_until_nobody_writes()  # the rest waits in nginx, in the sockets and at the portal

    files = [path for path in proxy.folder.glob("temp-*/**/*") if path.is_file()]
    opened = [str(link.readlink()) for pid in workers(proxy) for link in Path(f"/proc/{pid}/fd").iterdir()]

    assert files == [] and not [name for name in opened if "/temp-" in name]
    assert (begun + answer.read()).decode() == LARGE
    made.close()


def workers(proxy: Proxy) -> list[int]:
    main = (proxy.folder / "pid").read_text().strip()
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def test_a_request_is_never_sent_twice(proxy: Proxy) -> None:
    proxy.asked.clear()

    assert proxy.ask("POST", "/lost", body=b"a=b")[0] == 502
    assert [(method, path) for method, path, _ in proxy.asked] == [("POST", "/lost")]


def test_large_bodies_and_other_names_end_at_the_proxy(proxy: Proxy) -> None:
    proxy.asked.clear()

    assert proxy.ask("POST", "/hr/new/", body=b"a" * (64 * 1024 + 1))[0] == 413
    with pytest.raises(RemoteDisconnected):
        proxy.ask("GET", "/", headers={"Host": "evil.example"})
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as raw:
        ssl.create_default_context(cafile=str(proxy.folder / "certificate.pem")).wrap_socket(
            raw, server_hostname="evil.example"
        )
    with socket.create_connection(("127.0.0.1", proxy.plain_port), timeout=60) as plain:
        plain.sendall(b"GET /hr/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: plain.recv(65536), b""))

    assert f"Location: https://{HOST}/hr/".encode() in answer
    assert proxy.asked == []
