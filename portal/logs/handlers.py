"""What stands between a record and its line: a visitor's fault is no error, and a lost line can be an error."""

from __future__ import annotations

import logging
from typing import TextIO


class VisitorsFaultFilter(logging.Filter):
    """Makes a warning without a stack of what Django logs as an error although a visitor sent it.

    Its loggers below `django.security` are for that: too many fields or files, a session that was tampered with.
    https://docs.djangoproject.com/en/5.2/ref/logging/#django-security
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security.") and record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
            return logging.getLogger().isEnabledFor(logging.WARNING)
        return True


class RaisingStreamHandler(logging.StreamHandler[TextIO]):
    """Writes and flushes each line, or raises the error. Python's own handler prints the error and goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (named by logging)
        raise
