"""The sandbox's clock, which can be set ahead, and times as Graph writes them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class Clock:
    """Graph's time. Tokens keep the machine's time: tokens that are off are another fault."""

    ahead: float = 0

    def now(self) -> float:
        return time.time() + self.ahead


def graph_time(moment: float) -> str:
    """UTC with seven digits after the point: Graph writes one more than Python reads."""
    written = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{written}7Z"


def graph_seconds(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float:
    """Seconds since the epoch; ValueError for an invalid time. A time without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
