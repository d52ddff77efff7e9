"""The body of whatever is made in the directory: nothing it does not know, everything it needs."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from portal.sandbox.graph.call import Refusal
from portal.sandbox.web import Json

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def checked(body: Json, *, known: Collection[str], needed: Collection[str]) -> Json:
    for name in body:
        if name not in known:
            raise bad(f"Invalid property '{name}'.")
    for name in needed:
        if body.get(name) in (None, "", []):
            raise bad(f"A value is required for property '{name}' of resource.")
    return body


def text(body: Json, name: str, *, longest: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise bad(f"Invalid value specified for property '{name}' of resource.")
    return value


def guid(value: Any, name: str) -> str:
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise bad(f"Invalid value specified for property '{name}' of resource.")
    return value.lower()


def bad(message: str) -> Refusal:
    return Refusal(400, "Request_BadRequest", message)


def taken(message: str) -> Refusal:
    return Refusal(409, "Request_MultipleObjectsWithSameKeyValue", message)
