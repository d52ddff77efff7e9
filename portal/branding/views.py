"""Serves the organisation's accent colour and logo to everyone, without a session or the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed

from portal.branding.logo import Logo

Next = Callable[[HttpRequest], HttpResponseBase]
CACHE_ONE_YEAR = "public, max-age=31536000, immutable"
# For an SVG opened as a page: it can use its own styles, but cannot run scripts or load anything.
ONLY_A_PICTURE = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


@dataclass(frozen=True)
class BrandingFile:
    """One branding file. Its address contains a hash of its content, so browsers can cache it for long."""

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

    def respond(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = HttpResponse(self.content, content_type=self.content_type)
        response["Cache-Control"] = CACHE_ONE_YEAR if request.GET.get("v") == self.version else "no-cache"
        response["Content-Security-Policy"] = self.policy
        return response


def branding_files() -> dict[str, BrandingFile]:
    """The branding files of this installation by path: style sheet and logo, where set."""
    return build_branding_files(settings.ACCENT_SHEET, settings.LOGO)


@cache
def build_branding_files(sheet: str, logo: Logo | None) -> dict[str, BrandingFile]:
    found = []
    if sheet:
        found.append(BrandingFile("/look.css", sheet.encode(), "text/css; charset=utf-8"))
    if logo:
        found.append(BrandingFile("/logo", logo.content, logo.content_type, ONLY_A_PICTURE))
    return {piece.path: piece for piece in found}


class BrandingMiddleware:
    """Answers before sessions are read, so that error pages have their colours while the database is unavailable."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        piece = branding_files().get(request.path)
        return piece.respond(request) if piece else self.get_response(request)
