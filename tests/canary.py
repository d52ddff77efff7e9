"""Looks for a pass in any of the shapes in which it could have been written down."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus


def shapes(code: str) -> set[str]:
    """The code as it is, and as HTML, JSON, Python, an address or base64 would write it."""
    raw = {code, html.escape(code), html.escape(code, quote=False), json.dumps(code)[1:-1], repr(code)[1:-1]}
    raw |= {json.dumps(code, ensure_ascii=True)[1:-1], quote(code), quote_plus(code), quote(code, safe="")}
    raw |= {json.dumps(html.escape(code))[1:-1], repr(html.escape(code))[1:-1], repr(json.dumps(code))[1:-1]}
    return raw | {base64.b64encode(code.encode()).decode().rstrip("=")}


def found_in(text: str, code: str) -> bool:
    return any(shape in text for shape in shapes(code))
