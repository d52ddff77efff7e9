"""One JSON object a line: input from outside cannot forge a line, colour a terminal or break a parser.

The names are those of the Elastic Common Schema where it has one. Names of the portal's own begin with `portal.`.
docs/reference/logs.md lists all of them.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError

from portal.logs.request_context import describe_request

# Attributes of every record, and those that Django adds and that repeat others.
ORDINARY = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request", "server_time"}
LONGEST = 4000
MOST_BYTES = 4096  # a pipe takes a line up to this length whole, also when several processes write into it
SHORTEST = 100  # a text that is not shortened
SCHEMA = "8.11.0"

# What the code calls differently. Other names without a dot get `portal.` in front.
NAMES = {
    "error": "error.message",
    "host": "url.domain",
    "issue": "portal.pass",
    "oid": "user.id",
    "path": "url.path",
    "reason": "event.reason",
    "status_code": "http.response.status_code",
    "tid": "organization.id",
}


class JsonFormatter(logging.Formatter):
    """Escapes every control character (`json.dumps` does), shortens long values, drops values that are not plain."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "@timestamp": moment.replace("+00:00", "Z"),
            "log.level": record.levelname.lower(),
            "log.logger": record.name,
            "message": record.getMessage()[:LONGEST],
            "ecs.version": SCHEMA,
            "process.name": process_name(),
            "process.pid": record.process,
        }
        line |= describe_request()
        line |= {
            field_name(key): value
            for key, value in vars(record).items()
            if key not in ORDINARY and is_plain(value)
        }
        if record.exc_info and record.exc_info[0]:
            line |= describe_error(record.exc_info)
        return write_line(line)


def field_name(key: str) -> str:
    return key if "." in key or key.startswith("@") else NAMES.get(key, f"portal.{key}")


def describe_error(problem: Any) -> dict[str, str]:
    """The type and the traceback; but one line for an unavailable or locked database, because the place does not matter."""
    kind, error, _ = problem
    if isinstance(error, OperationalError | InterfaceError):
        return {"error.type": kind.__name__, "error.message": str(error).replace("\n", " ")[:300]}
    stack = logging.Formatter().formatException(problem)
    return {"error.type": kind.__name__, "error.stack_trace": stack[-LONGEST:]}


def write_line(line: dict[str, Any]) -> str:
    """The line as JSON. Shortens the longest text until a pipe takes the line whole."""
    text = json.dumps(line, default=str)
    while (excess := len(text) + 1 - MOST_BYTES) > 0:
        longest = max((key for key in line if isinstance(line[key], str)), key=lambda key: len(line[key]))
        kept = len(line[longest]) - excess
        if len(line[longest]) < SHORTEST:
            break  # what is long is a list or an object, which stays whole
        # The end of a traceback says more than its beginning. An escaped sign is longer than one byte.
        kept = max(kept, len(line[longest]) // 8)
        line[longest] = line[longest][-kept:] if longest == "error.stack_trace" else line[longest][:kept]
        text = json.dumps(line, default=str)
    return text


def is_plain(value: object) -> bool:
    """Whether JSON can show this value as it is: text, numbers, and lists and objects of these."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(held) for key, held in value.items())
    if isinstance(value, list):
        return all(map(is_plain, value))
    return value is None or isinstance(value, (str, int, float, bool))


def process_name() -> str:
    """`site` for the web server, else the name of the management command."""
    if Path(sys.argv[0]).name == "manage.py":
        return sys.argv[1] if len(sys.argv) > 1 else "manage.py"
    return "site"
