"""Reads a calendar file back as a strict reader of RFC 5545 would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

LINE = re.compile(r"(?P<name>[A-Z-]+)(?P<parameters>(;[A-Z-]+=[^;:\"]+)*):(?P<value>.*)")


@dataclass
class Entry:
    """One event: its properties, each with its parameters, and the method of the file."""

    method: str
    values: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)

    def moment(self, name: str) -> datetime:
        return datetime.strptime(self.values[name], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    @property
    def sequence(self) -> int:
        return int(self.values["SEQUENCE"])

    def text(self, name: str) -> str:
        """A value of the type TEXT, without its escapes."""
        return re.sub(
            r"\\(.)", lambda found: {"n": "\n", "N": "\n"}.get(found[1], found[1]), self.values[name]
        )


def read_entry(file: str) -> Entry:
    """Read the one event of a file. Fails if a line is too long, folded wrongly or invalid."""
    assert file.endswith("\r\n") and "\n" not in file.replace("\r\n", "")
    physical = file[:-2].split("\r\n")
    assert all(len(line.encode()) <= 75 for line in physical)
    lines: list[str] = []
    for line in physical:
        if line.startswith(" "):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    assert lines[:2] == ["BEGIN:VCALENDAR", "VERSION:2.0"] and lines[-2:] == ["END:VEVENT", "END:VCALENDAR"]
    assert lines.count("BEGIN:VEVENT") == 1
    entry = Entry("")
    for line in lines:
        found = LINE.fullmatch(line)
        assert found, line
        name, value = found["name"], found["value"]
        if name == "METHOD":
            entry.method = value
        if name not in {"BEGIN", "END"}:
            assert name not in entry.values, name
            entry.values[name] = value
            entry.parameters[name] = dict(part.split("=") for part in found["parameters"].split(";")[1:])
    assert {"UID", "DTSTAMP", "DTSTART", "ORGANIZER", "ATTENDEE", "SEQUENCE"} <= set(entry.values)
    return entry
