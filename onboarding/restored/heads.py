"""Heads of the audit log that were kept outside the database: a database that lacks one of them is an earlier state.

Each worker keeps the last head that it saw in its data folder. The worker that signs checkpoints also has AUDIT_HEAD_FILE.
The first kind counts only for the place where it was seen, and both only since the database was made or last adopted.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from onboarding import clock
from onboarding.audit import signed_heads
from onboarding.models import AuditEvent, AuditHead, Installation
from onboarding.restored import place

LAST_BYTES = 65_536  # of a file of checkpoints: its last lines


@dataclass(frozen=True)
class KnownHead:
    """The number and hash of the last event at one time."""

    seq: int
    hash: str
    at: datetime


def is_behind(row: Installation) -> bool:
    """Whether the database lacks an event that was kept outside. Raises DatabaseError."""
    return any(
        not AuditEvent.objects.filter(seq=head.seq, hash=head.hash).exists()
        for head in _list_known_heads(str(row))
        if head.seq and max(row.since, row.adopted_at or row.since) < head.at <= clock.now()
    )


def keep_head() -> None:
    """Keep the present head in the data folder, if it is new and can be written. Raises DatabaseError."""
    kept: str = settings.LAST_HEAD_FILE
    if not kept:
        return
    head, here = AuditHead.objects.get(id=1), place.read_place()
    known: dict[str, Any] = {
        "seq": head.seq,
        "hash": head.hash,
        "at": clock.now().isoformat(),
        "database": f"{here.number} {here.address}",
    }
    same = {**known, "at": ""}
    if any(
        _parse_json(line, known["database"]) | {"at": ""} == same for line in _read_last_lines(Path(kept))
    ):
        return
    beside = Path(f"{kept}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(known))
        beside.replace(kept)
    except OSError:
        return  # a container without a data folder: checkpoints and the place still tell


def _list_known_heads(installation: str) -> Iterator[KnownHead]:
    if settings.LAST_HEAD_FILE:
        here = place.read_place()
        for kept in _read_last_lines(Path(settings.LAST_HEAD_FILE)):
            if found := _parse_json(kept, f"{here.number} {here.address}"):
                yield from _parse_head(found)
    if settings.AUDIT_HEAD_FILE:
        yield from itertools.islice(_list_checkpoints(installation), 1)


def _list_checkpoints(installation: str) -> Iterator[KnownHead]:
    """The last first. Others may append to the file, so only what this installation signed counts, and not of the future."""
    try:
        key = signed_heads.read_private_key(Path(settings.AUDIT_SIGNING_KEY_FILE).read_bytes())
    except (OSError, signed_heads.UnusableKey):
        return
    for line in _read_last_lines(Path(settings.AUDIT_HEAD_FILE)):
        found = signed_heads.parse_own_head(line, key)
        if found and found["installation"] == installation:
            yield from (head for head in _parse_head(found) if head.at <= clock.now())


def _read_last_lines(path: Path) -> list[str]:
    """The last lines, the last first; none if the file cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LAST_BYTES))
            return file.read().decode(errors="replace").splitlines()[::-1]
    except OSError:
        return []


def _parse_json(text: str, database: str) -> dict[str, Any]:
    """The head that a worker kept of this database; empty if it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("database") == database else {}


def _parse_head(found: dict[str, Any]) -> Iterator[KnownHead]:
    """Nothing if the line is not a head: what cannot be read proves nothing here."""
    try:
        head = KnownHead(int(found["seq"]), str(found["hash"]), datetime.fromisoformat(found["at"]))
    except (KeyError, TypeError, ValueError):
        return
    if head.at.tzinfo is not None:
        yield head
