"""The sandbox's small web framework: requests, responses, and HTML that is always escaped."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

Json = dict[str, Any]


@dataclass
class Request:
    method: str
    raw_path: str  # still percent-encoded: a slash inside an address must not split it
    query: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    batched: bool = False
    hide_for: float = 0  # seconds that a pass made by this request stays out of lists (a fault)
    connection: socket.socket | None = None  # on which it came; a part of a batch has none

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def client_request_id(self) -> str:
        return self.headers.get("client-request-id", "")

    @cached_property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    def json(self) -> Any:
        """The body as JSON; ValueError when it is not."""
        return json.loads(self.body)

    def cookie(self, name: str) -> str:
        try:
            morsel = SimpleCookie(self.headers.get("cookie", "")).get(name)
        except CookieError:
            return ""
        return morsel.value if morsel else ""


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None  # a fault: promise the whole body, send this much of it, hang up
    afterwards: Callable[[], None] | None = None  # a fault: what happens when the last byte has left


def json_answer(payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(payload, ensure_ascii=False).encode()
    return Response(status, body, "application/json; charset=utf-8", dict(headers or {}))


def redirect(address: str, status: int = 303, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, headers={"Location": address, **(headers or {})})


def with_query(address: str, parameters: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


def cookie_header(name: str, value: str, path: str = "/", *, delete: bool = False) -> dict[str, str]:
    end = "; Max-Age=0" if delete else ""
    return {"Set-Cookie": f"{name}={value}; Path={path}; HttpOnly; SameSite=Lax{end}"}


class Html(str):
    """Text that is markup already; any other text is escaped when it becomes a child."""

    __slots__ = ()


VOID = {"input", "link", "meta", "br", "hr"}


def tag(element: str, /, *children: str, **attributes: str | bool | None) -> Html:
    """One element. `class_` is written with its underscore, other underscores become hyphens."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if element in VOID:
        return Html(f"<{element}{written}>")
    return Html(f"<{element}{written}>{join_html(*children)}</{element}>")


def join_html(*children: str) -> Html:
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def hidden_fields(fields: Mapping[str, str]) -> Html:
    return join_html(*(tag("input", type="hidden", name=name, value=value) for name, value in fields.items()))
