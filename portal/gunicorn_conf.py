"""How gunicorn serves the site. Read by gunicorn; the address and number of processes come from `serve`."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from importlib import import_module
from typing import Any

from django.conf import settings
from django.urls import get_resolver
from django.utils.translation import gettext, override

from portal.logs.gunicorn_log import JsonLogger
from portal.logs.uncaught import log_uncaught_errors
from portal.server import refusals

PR_SET_DUMPABLE = 4

wsgi_app = "portal.wsgi:application"
bind = os.environ.get("PORTAL_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("PORTAL_PROCESSES", "2"))
worker_class = "portal.server.worker.PatientWorker"
worker_connections = 4000  # of each process; a connection that waits uses no thread
preload_app = (
    True  # a process that died is replaced in milliseconds, and what they have in common is kept once
)
threads = 16  # more than can wait for Graph at the same time: GRAPH_AT_ONCE in the settings
timeout = 120  # a request gives up long before: Graph's time limits and few retries are shorter
graceful_timeout = 25  # when stopped, it finishes requests in progress; the supervisor waits a little longer
# Longer than any proxy in front keeps an idle connection (a minute, as a rule): a click must not use a
# connection that closes at that moment, because its sender cannot know if it arrived.
keepalive = 75
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 16380  # the cookies of several sign-ins that were begun at once
forwarder_headers = ""  # no header can move the site to another path
control_socket_disable = True
accesslog = None  # portal.logs.access writes these lines: it knows the person, and leaves out the query
errorlog = "-"
loglevel = "warning"
logger_class = JsonLogger


def on_starting(_server: Any) -> None:
    """Also for the processes that are forked from this one."""
    log_uncaught_errors()


def when_ready(_server: Any) -> None:
    """Load once what each process needs, and keep it out of garbage collection, which would write into shared memory."""
    get_resolver().url_patterns  # noqa: B018 (imports all pages)
    for language, _ in settings.LANGUAGES:
        with override(language):
            gettext(language)  # any text: the first one loads the language
    metrics_service()
    gc.collect()
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    """Protect this process's memory: no core file, no tracing by the same user."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
    if metrics := metrics_service():
        metrics.start()


def worker_exit(_server: Any, _worker: Any) -> None:
    """Keep what this process counted."""
    if metrics := metrics_service():
        metrics.stop()


def metrics_service() -> Any:
    """The module that answers monitoring, if that is on."""
    return import_module(settings.METRICS_SERVICE) if getattr(settings, "METRICS_ADDRESS", None) else None


refusals.install()
