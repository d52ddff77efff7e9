"""Runs several programs as one: starts them, restarts those that end, stops them together.

`serve` replaces itself by this module, so that the process which only watches stays small. For that reason it imports
neither Django nor any other module of the portal.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

STOP_TIMEOUT_SECONDS = 30
QUICK_END_SECONDS = 3.0
MANAGE = str(Path(__file__).resolve().parent.parent / "manage.py")
PR_SET_PDEATHSIG = 1
ECS_VERSION = "8.11.0"

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
    address: str = ""  # host:port; the next program starts once this one listens there
    needed_to_start: bool = False  # one that ends within seconds of its start is wrongly set up: then all end

    def __post_init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        # A session of its own: Ctrl-C reaches only the supervisor, which stops the others in good order.
        self.process = subprocess.Popen(
            [*self.command],
            env={**os.environ, **self.environment},
            start_new_session=True,
            preexec_fn=_set_up_child,
        )

    def wait_until_it_listens(self) -> None:
        """Return once it accepts connections, has ended, or has not listened for STOP_TIMEOUT_SECONDS."""
        host, _, port = self.address.rpartition(":")
        while time.monotonic() < self.started + STOP_TIMEOUT_SECONDS:
            if self.process is None or self.process.poll() is not None:
                return
            try:
                socket.create_connection((host, int(port)), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return


class Supervisor:
    """`run()` returns the exit status: 0 after a stop signal, else that of the program that could not start."""

    def __init__(self, programs: Sequence[Program], *, logs: bool = True) -> None:
        self.programs = programs
        self.logs = logs  # whether each restart is a line of the log, of level `warning`
        self.stopping = False

    def start(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._request_stop)
        for program in self.programs:
            program.start()
            if program.address:
                program.wait_until_it_listens()

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
                    if self.logs:
                        write_log_line(f"{program.name} ended with status {status} and is restarted")
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


def become_supervisor(programs: Sequence[Program], *, log_level: str) -> NoReturn:
    """Replace this process by one that imports only this module, and runs the programs.

    The programs travel through a pipe, because everyone on the machine can read a command line, and an environment may
    have a key. The process keeps its id, so signals still reach it.
    """
    plan = json.dumps(
        {"log_level": log_level, "programs": [asdict(program) for program in programs]}
    ).encode()
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    if os.write(writer, plan) != len(plan):
        raise OSError("the programs do not fit into a pipe")  # it takes 64 kB
    os.close(writer)
    # -I -S: only Python's own modules can be imported. The last word is for those who list processes.
    command = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(reader), "serve"]
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted)


def run_plan(reader: int) -> int:
    """Run the programs that `become_supervisor` wrote to the pipe, and return the exit status."""
    with os.fdopen(reader, "rb") as pipe:
        plan = json.load(pipe)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    programs = [Program(**program) for program in plan["programs"]]
    supervisor = Supervisor(programs, logs=plan["log_level"] != "ERROR")
    supervisor.start()
    return supervisor.run()


def write_log_line(message: str) -> None:
    """Write a warning with the fields of `portal.logs.log_format`, which needs Django."""
    now = time.time()
    line: dict[str, Any] = {
        "@timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03}Z",
        "log.level": "warning",
        "log.logger": "portal.supervisor",
        "message": message,
        "ecs.version": ECS_VERSION,
        "process.name": sys.argv[1] if sys.argv[0].endswith("manage.py") else "serve",
        "process.pid": os.getpid(),
    }
    sys.stderr.write(f"{json.dumps(line)}\n")
    sys.stderr.flush()


def _set_up_child() -> None:
    """Run in each child: it ends when the supervisor is killed (Linux only), and it writes no core file, because the
    worker's memory contains tokens."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(run_plan(int(sys.argv[1])))
