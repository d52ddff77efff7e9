"""Reads the memory and open files of other processes on this machine (Linux, as root)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+\s*(.*)")
CAN_READ = Path("/proc/self/mem").exists() and os.geteuid() == 0
WHY_NOT = "only Linux shows a process's memory, and of one that closed itself to others only root may read it"


def memory_of(process: int) -> Iterator[bytes]:
    """Each part that the process can have written to."""
    maps = Path(f"/proc/{process}/maps").read_text().splitlines()
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for start, end, rights, name in (match.groups() for match in map(REGION.fullmatch, maps) if match):
            if "r" not in rights or ("w" not in rights and name) or name.startswith("[v"):
                continue
            memory.seek(int(start, 16))
            try:
                yield memory.read(int(end, 16) - int(start, 16))
            except OSError:
                continue  # released meanwhile


def nameless_files_of(process: int) -> Iterator[bytes]:
    """The contents of deleted files that the process still has open."""
    for entry in Path(f"/proc/{process}/fd").iterdir():
        try:
            if str(entry.readlink()).endswith(" (deleted)"):
                yield entry.read_bytes()
        except OSError:
            continue  # closed meanwhile, or not a file
