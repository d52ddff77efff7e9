"""Reading settings from the environment: each refusal names the variable and gives an example."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured

from portal import colour
from portal.logo import Logo, Unfit, read

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Environment(environ.Env):  # type: ignore[misc]  # it has no types
    """django-environ, with checks that say what is wrong in one sentence."""

    def required(self, name: str, example: str) -> str:
        value = self.text(name)
        if not value:
            raise refused(name, "is not set", example)
        return value

    def text(self, name: str, default: str = "") -> str:
        return str(self.str(name, default=default)).strip()

    def guid(self, name: str, *, required: bool = False) -> str:
        example = "11111111-2222-3333-4444-555555555555"
        value = (self.required(name, example) if required else self.text(name)).lower()
        if value and not GUID.fullmatch(value):
            raise refused(name, "must be a GUID", example)
        return value

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        raw = self.text(name, str(default))
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
            raise refused(name, f"must be a whole number from {low} to {high}", str(default))
        return int(raw)

    def switch(self, name: str, default: bool = False) -> bool:
        raw = self.text(name, "on" if default else "off").lower()
        if raw not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
            raise refused(name, "must be on or off", "off")
        return raw in {"1", "true", "yes", "on"}

    def choice(self, name: str, default: str, *, among: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in among:
            raise refused(name, f"must be one of {', '.join(among)}", default)
        return value

    def origin(self, name: str, default: str = "", *, example: str) -> str:
        """An address without path: https, or http on a loopback host only."""
        value = (self.text(name, default) or self.required(name, example)).rstrip("/")
        parts = urlsplit(value)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or parts.path
            or parts.query
            or parts.username
        ):
            raise refused(name, "must be an address without a path", example)
        if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise refused(name, "must be https (http is for this machine only)", example)
        return value

    def file(self, name: str) -> str:
        value = self.text(name)
        if value and not Path(value).is_file():
            raise refused(name, "must name a file that can be read", "/etc/portal/file.pem")
        return value

    def link(self, name: str) -> str:
        """A page elsewhere that people are sent to."""
        value = self.text(name)
        if value and (urlsplit(value).scheme != "https" or not urlsplit(value).hostname or " " in value):
            raise refused(name, "must be an https address", "https://intranet.contoso.example/help")
        return value

    def logo(self, name: str) -> Logo | None:
        path = self.text(name)
        try:
            return read(path) if path else None
        except Unfit as unfit:
            raise refused(name, str(unfit), "/etc/portal/logo.svg") from None

    def accent(self, name: str, scheme: colour.Scheme) -> str:
        """A colour in which words can be read on all grounds of the scheme."""
        value = self.text(name).lower()
        if not value:
            return ""
        if not colour.HEX.fullmatch(value):
            raise refused(
                name, "must be a colour as six hexadecimal digits", colour.tokens(scheme.name)["accent"]
            )
        measured, ground = colour.least_contrast(value, scheme)
        if measured < colour.READABLE:
            raise refused(
                name,
                f"{value} has a contrast of {measured:.2f}:1 on the {scheme.name} {ground}, and words need "
                f"{colour.READABLE}:1 (WCAG 2.2 AA). The nearest that will do is in the example",
                colour.nearest(value, scheme),
            )
        return value

    def zone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if value not in available_timezones():
            raise refused(name, "must be an IANA time zone", "Europe/Amsterdam")
        return value


def refused(name: str, complaint: str, example: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} {complaint}. Example: {name}={example}")
