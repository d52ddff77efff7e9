"""A check that may hang: it runs in a thread of its own, one at a time, and its callers share the result."""

from __future__ import annotations

import logging
import threading
import time
from typing import Generic, TypeVar

from django.db import connection

log = logging.getLogger(__name__)

T = TypeVar("T")


class SharedCheck(Generic[T]):
    """Subclasses say what `check` does. A database that hangs holds one thread of it, and no caller for longer than
    `timeout`."""

    name = "check"
    timeout = 2.0  # seconds that a caller waits
    cache_seconds = 1.0  # so that frequent callers do not load the database

    def __init__(self, without_answer: T) -> None:
        self._without_answer = self._result = without_answer
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._is_checking = False
        self._began = self._ended = float("-inf")

    def check(self) -> T:
        """Check now. Any error counts as no answer."""
        raise NotImplementedError

    def describe_failure(self, error: Exception) -> T:
        """The result when `check` failed."""
        log.warning("the database does not answer the health check", exc_info=error)
        return self._without_answer

    def current_result(self) -> T:
        """The result of now or a moment ago; after `timeout` without an answer, the one without an answer."""
        with self._lock:
            now = time.monotonic()
            if not self._is_checking and now - self._ended < self.cache_seconds:
                return self._result
            if not self._is_checking:
                self._is_checking, self._began = True, now
                self._done.clear()
                threading.Thread(target=self._run, daemon=True, name=self.name).start()
            left = self._began + self.timeout - now
        return self._result if left > 0 and self._done.wait(left) else self._without_answer

    def _run(self) -> None:
        result = self._without_answer
        try:
            result = self.check()
        except Exception as error:  # any error means that the database did not answer as it should
            result = self.describe_failure(error)
        finally:
            connection.close()  # this thread's own
            with self._lock:
                self._result, self._ended, self._is_checking = result, time.monotonic(), False
                self._done.set()
