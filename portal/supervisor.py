"""Runs several programs as one: starts them, restarts those that end, stops them together."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)
STOP_TIMEOUT_SECONDS = 30
QUICK_END_SECONDS = 3.0
MANAGE = str(Path(__file__).resolve().parent.parent / "manage.py")
PR_SET_PDEATHSIG = 1

# Freed memory is overwritten at once, so that no copy of a pass remains (glibc; see SECURITY.md).
CLEAN_MEMORY = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",
}


@dataclass
class Program:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    needed_to_start: bool = False  # one that ends within seconds of its start is wrongly set up: then all end
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        # A session of its own: Ctrl-C reaches only the supervisor, which stops the others in good order.
        self.process = subprocess.Popen(
            [*self.command],
            env={**os.environ, **self.environment},
            start_new_session=True,
            preexec_fn=_set_up_child,
        )


class Supervisor:
    """`run()` returns the exit status: 0 after a stop signal, else that of the program that could not start."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self.programs = programs
        self.stopping = False

    def start(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._request_stop)
        for program in self.programs:
            program.start()

    def run(self) -> int:
        while not self.stopping:
            for program in self.programs:
                status = program.process.poll() if program.process else None
                if status is None:
                    continue
                lived = time.monotonic() - program.started
                if program.needed_to_start and lived < QUICK_END_SECONDS:
                    self.stop()
                    return status or 1
                if lived > QUICK_END_SECONDS or not program.needed_to_start:
                    log.warning("%s ended with status %s and is restarted", program.name, status)
                    time.sleep(max(0.0, 1.0 - lived))
                    program.start()
            time.sleep(0.2)
        self.stop()
        return 0

    def stop(self) -> None:
        living = [p.process for p in self.programs if p.process and p.process.poll() is None]
        for process in living:
            process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        for process in living:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()

    def _request_stop(self, *_: object) -> None:
        self.stopping = True


def manage_command(*words: str) -> list[str]:
    return [sys.executable, MANAGE, *words]


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _set_up_child() -> None:
    """Run in each child: it ends when the supervisor is killed (Linux only), and it writes no core file, because the
    worker's memory contains tokens."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
