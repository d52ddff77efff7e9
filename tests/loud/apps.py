"""Installs the crashes and, if the settings say so, sets every logger to DEBUG, also those of libraries and HTTP."""

from __future__ import annotations

import http.client
import logging
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

wire = logging.getLogger("wire")


class Everything(logging.Formatter):
    """Formats a log record with all its attributes, not only its message."""

    def format(self, record: logging.LogRecord) -> str:
        rest = {name: value for name, value in vars(record).items() if name not in {"message", "exc_text"}}
        return f"{super().format(record)} {rest!r}"


class CrashingConfig(AppConfig):
    name = "tests.loud"

    def ready(self) -> None:
        from tests.loud import crashes

        crashes.prepare()


class LoudConfig(CrashingConfig):
    def ready(self) -> None:
        super().ready()
        for name in logging.root.manager.loggerDict:
            logging.getLogger(name).setLevel(logging.DEBUG)
        http.client.HTTPConnection.debuglevel = 1
        http.client.print = lambda *words: wire.debug(" ".join(map(str, words)))  # type: ignore[attr-defined]
        connection_created.connect(every_statement)


def every_statement(connection: Any, **_: object) -> None:
    connection.force_debug_cursor = True
