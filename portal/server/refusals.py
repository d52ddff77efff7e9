"""Answers of the server itself, to requests that never reach Django: our headers and words, and no name of a server."""

from __future__ import annotations

from contextvars import ContextVar
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi

API_PREFIX = b"/api/v1/"
POLICY_OF_PAGE = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# What the page says; of all other answers, that the request could not be read.
PAGES = {408: "408.html", 503: "503_arriving.html"}
RETRY_AFTER = 5  # seconds, with a 503: an overload by slow clients ends as soon as they are given up
POLICY_OF_DATA = "default-src 'none'; frame-ancestors 'none'"

# The first bytes of the request that this thread works on. They say who reads the answer: a person or a program.
current_request: ContextVar[bytes] = ContextVar("current_request", default=b"")


def write_refusal(client: Any, status: int, _reason: str, _message: str) -> None:
    """Answer a request that gunicorn refuses. Its own answer is HTML without our headers, and repeats what was sent."""
    util.write_nonblock(client, refusal(status, is_api=is_api_request(current_request.get())))


def is_api_request(received: bytes) -> bool:
    return received.lstrip(b"\r\n").partition(b" ")[2].startswith(API_PREFIX)


@lru_cache(maxsize=32)
def refusal(status: int, *, is_api: bool) -> bytes:
    """The whole answer. It is the same each time, so a flood of bad requests costs little."""
    from django.conf import settings
    from django.http import HttpResponse
    from django.utils import translation

    from portal.middleware import HEADERS, problem_response
    from portal.views import static_page

    with translation.override(settings.ORGANISATION_LANGUAGE):
        page = PAGES.get(status, "400.html")
        answer = problem_response(HttpResponse(status=status)) if is_api else static_page(page, status)
    headers = {
        "Content-Type": answer["Content-Type"],
        "Content-Length": str(len(answer.content)),
        "Content-Security-Policy": POLICY_OF_DATA if is_api else POLICY_OF_PAGE,
        "Connection": "close",
        **HEADERS,
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER)
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = (
            f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
        )
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + answer.content


def name_no_server(response: Any) -> list[str]:
    lines: list[str] = gunicorns_headers(response)
    return [line for line in lines if not line.startswith("Server:")]


gunicorns_headers = wsgi.Response.default_headers


def install() -> None:
    """gunicorn has no setting for either."""
    util.write_error = write_refusal
    wsgi.Response.default_headers = name_no_server
