"""How gunicorn serves the site. Read by gunicorn; the address and number of processes come from `serve`."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from typing import Any

PR_SET_DUMPABLE = 4

wsgi_app = "portal.wsgi:application"
bind = os.environ.get("PORTAL_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("PORTAL_PROCESSES", "2"))
worker_class = "gthread"
preload_app = (
    True  # a process that died is replaced in milliseconds, and what they have in common is kept once
)
threads = 16  # more than may wait for Graph at once: GRAPH_AT_ONCE in the settings
timeout = 120  # a request gives up long before: Graph's time limits and few retries are shorter
graceful_timeout = 25  # told to stop, it finishes what is in hand; whoever runs it waits a little longer
# Longer than any proxy in front keeps an idle connection (a minute, as a rule): a press must never travel on one that
# is closed in that moment, since whoever sent it cannot know whether it arrived. An idle connection holds no thread.
keepalive = 75
limit_request_line = 4094
limit_request_fields = 60
forwarder_headers = ""  # no header may move the site to another path
control_socket_disable = True
accesslog = None  # the proxy in front keeps one, without the query of the sign-in's return
errorlog = "-"
loglevel = "warning"


def post_fork(_server: Any, _worker: Any) -> None:
    """Nobody reads this process's memory afterwards: no core file, no tracing by the same user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
