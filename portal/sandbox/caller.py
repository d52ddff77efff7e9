"""The process at the other end of a connection: it can be made to die or to stop at an exact moment of a call.

It is found as `ss -p` would: the connection's inode in /proc/net/tcp, and who holds that inode open. Linux only.
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
            return _holder(f"socket:[{fields[9]}]")
    raise LookupError("the caller has hung up")


def command_of(process: int) -> str:
    """How the process was started; nothing where it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def send_signal(process: int, name: str) -> None:
    with suppress(ProcessLookupError):  # it was faster
        os.kill(process, SIGNALS[name])


def resume(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


def _as_listed(address: tuple[str, int]) -> str:
    """127.0.0.1:8401 stands there as 0100007F:20D1."""
    host, port = address
    return f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}:{port:04X}"


def _holder(link: str) -> int:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with suppress(OSError):  # it ended meanwhile, or belongs to somebody else
            if any(str(entry.readlink()) == link for entry in (process / "fd").iterdir()):
                return int(process.name)
    raise LookupError("the caller is this process, or another user's")
