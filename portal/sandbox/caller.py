"""Finds the process at the other end of a connection, and kills, stops or resumes it.

It works as `ss -p` does: find the connection's inode in /proc/net/tcp, then the process with that inode open. Linux only.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from contextlib import suppress
from pathlib import Path

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def process_at(connection: socket.socket) -> int:
    """The process that opened this connection. Raises LookupError when it is gone, or is this very process."""
    theirs, ours = _as_listed(connection.getpeername()), _as_listed(connection.getsockname())
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if (fields[1], fields[2]) == (theirs, ours):
            return _process_holding(f"socket:[{fields[9]}]")
    raise LookupError("the caller has hung up")


def command_of(process: int) -> str:
    """The command line of the process; empty if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def send_signal(process: int, name: str) -> None:
    with suppress(ProcessLookupError):  # it was faster
        os.kill(process, SIGNALS[name])


def resume_process(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


def _as_listed(address: tuple[str, int]) -> str:
    """The form of /proc/net/tcp: 127.0.0.1:8401 is 0100007F:20D1."""
    host, port = address
    return f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"


def _process_holding(link: str) -> int:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with suppress(OSError):  # it ended meanwhile, or belongs to somebody else
            if any(str(entry.readlink()) == link for entry in (process / "fd").iterdir()):
                return int(process.name)
    raise LookupError("the caller is this process, or another user's")
