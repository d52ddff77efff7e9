"""One JSON object a line: input from outside cannot forge a line, colour a terminal or break a parser."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from django.db import InterfaceError, OperationalError

# Attributes of every record.
ORDINARY = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
LONGEST = 4000


class JsonFormatter(logging.Formatter):
    """Escapes every control character (`json.dumps` does), shortens long values, drops values that are not plain."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage()[:LONGEST],
        }
        line |= {key: value for key, value in vars(record).items() if key not in ORDINARY and is_plain(value)}
        if record.exc_info:
            line["exception"] = self.describe_exception(record.exc_info)
        return json.dumps(line, default=str)

    def describe_exception(self, problem: Any) -> str:
        """The traceback; but one line for an unavailable or locked database, because the place does not matter."""
        if isinstance(problem[1], OperationalError | InterfaceError):
            return f"{type(problem[1]).__name__}: {problem[1]}".replace("\n", " ")[:300]
        return self.formatException(problem)[-LONGEST:]


def is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))
