"""A pytest plugin that records the lines of one module that each test reaches, and the duration of each test.

`REACHED_OF` names the module, `REACHED` the JSON file. Lines of a shared fixture count for its first test.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

MODULE = str(Path(os.environ["REACHED_OF"]).resolve())
lines: dict[str, set[int]] = defaultdict(set)
seconds: dict[str, float] = defaultdict(float)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    reached = lines[item.nodeid]

    def on_call(frame: FrameType, _event: str, _what: Any) -> Any:
        if frame.f_code.co_filename != MODULE:
            return None
        reached.add(frame.f_lineno)
        return on_line

    def on_line(frame: FrameType, _event: str, _what: Any) -> Any:
        reached.add(frame.f_lineno)
        return on_line

    threading.settrace(on_call)
    sys.settrace(on_call)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    seconds[report.nodeid] += report.duration


def pytest_sessionfinish() -> None:
    told = {test: {"lines": sorted(lines[test]), "seconds": seconds[test]} for test in lines}
    Path(os.environ["REACHED"]).write_text(json.dumps(told))
