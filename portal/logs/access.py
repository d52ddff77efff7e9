"""One log line for each request: who asked for what, the answer's status, and how long it took. Never a query."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from portal.logs.request_context import logged_request

logger = logging.getLogger(__name__)
Next = Callable[[HttpRequest], HttpResponseBase]
LONGEST_PATH = 300
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


class AccessLogMiddleware:
    """The outermost layer. It also answers the request's id, which a visitor can give to support."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter_ns()
        with logged_request(request):
            response = self.get_response(request)
            response.headers["X-Request-ID"] = request.log_id  # type: ignore[attr-defined]
            log_access(request, response, time.perf_counter_ns() - began)
        return response


def log_access(request: HttpRequest, response: HttpResponseBase, nanoseconds: int) -> None:
    """Log successful health checks and static files at DEBUG only: they are frequent and uninformative."""
    is_routine = response.status_code < 400 and (
        request.path_info in settings.HEALTH_PATHS or request.path_info.startswith(settings.STATIC_URL)
    )
    fields: dict[str, object] = {
        "event.action": "http-request",
        "http.request.method": request.method if request.method in METHODS else "other",
        "url.path": request.path_info[:LONGEST_PATH],
        "http.response.status_code": response.status_code,
        "event.duration": nanoseconds,
    }
    if isinstance(response, HttpResponse):
        fields["http.response.body.bytes"] = len(response.content)
    if match := request.resolver_match:
        fields["portal.route"] = match.route
    logger.log(logging.DEBUG if is_routine else logging.INFO, "request answered", extra=fields)
