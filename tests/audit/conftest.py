"""The log that the audit log's lines go to."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from onboarding.audit import stream
from portal.logs.handlers import RaisingStreamHandler
from portal.logs.log_format import JsonFormatter


class Log(io.StringIO):
    """Fails while `is_full`."""

    is_full = False

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """The stream of the audit log's own handler, in place of standard error."""
    (handler,) = (one for one in stream.log.handlers if isinstance(one, RaisingStreamHandler))
    assert isinstance(handler.formatter, JsonFormatter)
    assert stream.log.level == logging.INFO and not stream.log.propagate
    made = Log()
    before = handler.setStream(made)
    yield made
    handler.setStream(before)
