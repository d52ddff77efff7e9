"""A handler that tells its caller if a line was not written."""

from __future__ import annotations

import logging
from typing import TextIO


class RaisingStreamHandler(logging.StreamHandler[TextIO]):
    """Writes and flushes each line, or raises the error. Python's own handler prints the error and goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (named by logging)
        raise
