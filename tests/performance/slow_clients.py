"""Slow and idle clients, without a proxy in front: how long `/livez` takes meanwhile.

`python -m tests.performance.slow_clients` (`make slow`). 200 clients send half a head, half a body or one byte at a time,
and connect again when the site closes them; 500 connect and send nothing. It ends with status 1 if an answer is missing,
or if one in twenty takes more than half a second.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

from portal.demo.process import running_demo

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

SECONDS, MOST_MS = 60, 500
BEGUN = (
    b"G",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
    b"POST /signin/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\na=",
)
LIVE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class SlowClients(threading.Thread):
    """Each sends one byte a second. One whose connection was closed connects again."""

    def __init__(self, address: tuple[str, int], count: int) -> None:
        super().__init__(daemon=True)
        self.address, self.is_over, self.reconnected = address, threading.Event(), 0
        self.kinds = itertools.cycle(BEGUN)
        self.clients = [self.connect() for _ in range(count)]

    def connect(self) -> socket.socket:
        client = socket.create_connection(self.address, timeout=10)
        client.sendall(next(self.kinds))
        client.setblocking(False)
        return client

    def run(self) -> None:
        while not self.is_over.wait(1):
            for number, client in enumerate(self.clients):
                try:
                    client.send(b"a")
                    is_closed = client.recv(65536) is not None  # an answer, or the end
                except BlockingIOError:
                    is_closed = False
                except OSError:
                    is_closed = True
                if is_closed:
                    client.close()
                    self.clients[number] = self.connect()
                    self.reconnected += 1


def ask(address: tuple[str, int]) -> float:
    """Milliseconds until the whole answer is here."""
    began = time.perf_counter()
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(LIVE)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"/livez answered {answer[:40]!r}")
    return (time.perf_counter() - began) * 1000


def main(slow: int, idle: int, seconds: int) -> int:
    _soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with running_demo() as demo:
        parts = urlsplit(demo.portal_url)
        address = ("127.0.0.1", parts.port or 80)
        alone = sorted(ask(address) for _ in range(100))
        held = [socket.create_connection(address) for _ in range(idle)]
        clients = SlowClients(address, slow)
        clients.start()
        taken, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            taken.append(ask(address))
            time.sleep(0.02)
        clients.is_over.set()
    taken.sort()
    p95 = taken[len(taken) * 95 // 100]
    sys.stdout.write(
        f"{slow} slow clients (closed and back {clients.reconnected} times), {len(held)} idle ones, {seconds} s\n"
        f"/livez alone: p95 {alone[95]:.0f} ms. Meanwhile: {len(taken)} answers, p50 {taken[len(taken) // 2]:.0f} ms, "
        f"p95 {p95:.0f} ms, longest {taken[-1]:.0f} ms\n"
    )
    return int(p95 > MOST_MS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--idle", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    options = parser.parse_args()
    sys.exit(main(options.slow, options.idle, options.seconds))
