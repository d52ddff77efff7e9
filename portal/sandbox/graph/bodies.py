"""Checks the body of a create request: no unknown property, every required one."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from portal.sandbox.graph.call import Refusal
from portal.sandbox.web import Json

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def check_properties(body: Json, *, known: Collection[str], needed: Collection[str]) -> Json:
    for name in body:
        if name not in known:
            raise bad_request(f"Invalid property '{name}'.")
    for name in needed:
        if body.get(name) in (None, "", []):
            raise bad_request(f"A value is required for property '{name}' of resource.")
    return body


def read_text(body: Json, name: str, *, longest: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise bad_request(f"Invalid value specified for property '{name}' of resource.")
    return value


def read_guid(value: Any, name: str) -> str:
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise bad_request(f"Invalid value specified for property '{name}' of resource.")
    return value.lower()


def bad_request(message: str) -> Refusal:
    return Refusal(400, "Request_BadRequest", message)


def already_exists(message: str) -> Refusal:
    return Refusal(409, "Request_MultipleObjectsWithSameKeyValue", message)
