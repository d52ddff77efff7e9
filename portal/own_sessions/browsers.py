"""A browser and its system in plain words, from its `User-Agent` header. Versions and models are not kept.

Browsers name others too, to be taken for them, so the order counts: the first match decides.
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/User-Agent
"""

from __future__ import annotations

import re

from django.http import HttpRequest

from portal.logs.request_context import find_client_address

# A word of the header, and the name that people know.
BROWSERS = (
    (r"Edg(e|A|iOS)?/", "Microsoft Edge"),
    (r"OPR/|OPT/|OPiOS/", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"(Headless)?Chrome/|CriOS/|Chromium/", "Chrome"),
    (r"Version/[\d.]+ .*Safari/", "Safari"),
)
SYSTEMS = (
    (r"iPhone|iPod", "iPhone"),
    (r"iPad", "iPad"),
    (r"Android", "Android"),
    (r"Windows", "Windows"),
    (r"CrOS", "ChromeOS"),
    (r"Macintosh|Mac OS X", "macOS"),
    (r"Linux|X11", "Linux"),
)


def describe_client(request: HttpRequest) -> dict[str, str]:
    """What a session keeps about where it began: the browser, its system, and the network address."""
    browser, system = name_browser(request.headers.get("User-Agent", ""))
    return {"browser": browser, "system": system, "address": find_client_address(request)}


def name_browser(header: str) -> tuple[str, str]:
    """Return the names of the browser and of its system. Each is empty if the header does not tell it."""
    return _first_match(BROWSERS, header), _first_match(SYSTEMS, header)


def _first_match(names: tuple[tuple[str, str], ...], header: str) -> str:
    return next((name for pattern, name in names if re.search(pattern, header)), "")
