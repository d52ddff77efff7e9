"""An error that nothing caught is a line in the log too, not a traceback in plain text."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

logger = logging.getLogger(__name__)


def log_uncaught_errors() -> None:
    """From now on, log what ends this process or one of its threads. For processes that run in the background."""
    logging.captureWarnings(True)
    sys.excepthook = log_end_of_process
    threading.excepthook = log_end_of_thread


def log_end_of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logger.critical("an error ends this process", exc_info=(kind, error, trace))


def log_end_of_thread(end: threading.ExceptHookArgs) -> None:
    if end.exc_value is not None:
        problem = (end.exc_type, end.exc_value, end.exc_traceback)
        logger.error("an error ends a thread", exc_info=problem)
