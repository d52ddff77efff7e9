"""gunicorn's own lines, in the portal's form and without what a visitor sent."""

from __future__ import annotations

import re
import sys
from typing import Any

from gunicorn.glogging import Logger

from portal.logs.log_format import JsonFormatter

MALFORMED = re.compile(r"Invalid request from ip=(?P<address>[^ ]*): ")
QUERY = re.compile(r"[?#].*", re.DOTALL)


class JsonLogger(Logger):  # type: ignore[misc]  # it has no types
    """Writes JSON lines. A malformed request is one warning that names the error, not the request."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(JsonFormatter())

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        found = MALFORMED.match(str(msg))
        if not found:
            super().warning(msg, *args, **kwargs)
            return
        kind = sys.exc_info()[0]  # gunicorn logs this while it handles the error
        fields = {
            "event.action": "malformed-request",
            "client.ip": found["address"],
            "error.type": kind.__name__ if kind else "",
        }
        super().warning("a malformed request was refused", extra=fields)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an error of the server. Its arguments can be an address with a query."""
        super().exception(
            msg, *(QUERY.sub("", each) if isinstance(each, str) else each for each in args), **kwargs
        )
