"""The organisation's own colour and logo, served as the static files are: to anyone, without session or database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed

from portal.logo import Logo

Next = Callable[[HttpRequest], HttpResponseBase]
A_YEAR = "public, max-age=31536000, immutable"
# An SVG that somebody opens by itself: it may style itself, and neither run nor load anything.
ONLY_A_PICTURE = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


@dataclass(frozen=True)
class Piece:
    """One file of the look. Its address names its content, so a browser may keep it until that changes."""

    path: str
    content: bytes
    content_type: str
    policy: str = "default-src 'none'; frame-ancestors 'none'"

    @cached_property
    def version(self) -> str:
        return sha256(self.content).hexdigest()[:16]

    @property
    def address(self) -> str:
        return f"{self.path}?v={self.version}"

    def answer(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = HttpResponse(self.content, content_type=self.content_type)
        response["Cache-Control"] = A_YEAR if request.GET.get("v") == self.version else "no-cache"
        response["Content-Security-Policy"] = self.policy
        return response


def pieces() -> dict[str, Piece]:
    """What this organisation has set; usually nothing of it, or both."""
    return made_of(settings.ACCENT_SHEET, settings.LOGO)


@cache
def made_of(sheet: str, logo: Logo | None) -> dict[str, Piece]:
    found = []
    if sheet:
        found.append(Piece("/look.css", sheet.encode(), "text/css; charset=utf-8"))
    if logo:
        found.append(Piece("/logo", logo.content, logo.content_type, ONLY_A_PICTURE))
    return {piece.path: piece for piece in found}


class LookMiddleware:
    """Answers before anything is asked of a session: an error page has its colours while the database is away."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        piece = pieces().get(request.path)
        return piece.answer(request) if piece else self.get_response(request)
