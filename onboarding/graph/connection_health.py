"""What the last calls showed: whether Microsoft Graph answers, and whether its clock matches this machine's."""

from __future__ import annotations

import logging
import time
from email.utils import parsedate_to_datetime

log = logging.getLogger(__name__)

AGREES_WITHIN = 60.0  # seconds; the header has whole seconds, and an answer takes time
WARNING_INTERVAL = 300.0
RECENT = 600.0


class ConnectionHealth:
    """One process's view. Two threads may write at the same time; it is enough that the later write wins."""

    def __init__(self) -> None:
        self.clock_skew: int | None = None  # seconds by which Graph's clock is ahead of this machine's
        self._answered: float | None = None
        self._failed: float | None = None
        self._warned_at: float | None = None

    def record_answer(self, status: int, date: str | None) -> None:
        """Record an answer. An answer of 500 or above counts as a failure."""
        if status >= 500:
            self.record_failure()
        else:
            self._answered = time.monotonic()
        skew = _seconds_ahead(date)
        if skew is not None:
            self.clock_skew = round(skew)
            self._warn_of_skew(skew)

    def record_failure(self) -> None:
        self._failed = time.monotonic()

    @property
    def status_text(self) -> str:
        """Return `answers`, `silent`, or `not asked` if the last call was long ago."""
        now, never = time.monotonic(), float("-inf")
        answered, failed = self._answered or never, self._failed or never
        if now - max(answered, failed) > RECENT:
            return "not asked"
        return "answers" if answered > failed else "silent"

    def _warn_of_skew(self, skew: float) -> None:
        now = time.monotonic()
        if abs(skew) <= AGREES_WITHIN or (
            self._warned_at is not None and now - self._warned_at < WARNING_INTERVAL
        ):
            return
        self._warned_at = now
        log.warning(
            "clock_skew: this machine's clock and Microsoft's differ; set it by a time server",
            extra={"seconds_microsoft_is_ahead": round(skew)},
        )


def _seconds_ahead(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date or "").timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
