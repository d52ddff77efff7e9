"""`$batch`: up to twenty requests in one, each answered, counted and throttled as if it had come alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from portal.sandbox.graph.call import Refusal
from portal.sandbox.web import Json, Request, Response, json_answer

LARGEST = 20


def answer_batch(outer: Request, each: Callable[[Request], Response]) -> Response:
    entries = _read_entries(outer)
    done: dict[str, Json] = {}
    for entry in entries:
        before = [done.get(name) for name in entry.get("dependsOn", [])]
        if any(earlier is None or earlier["status"] >= 400 for earlier in before):
            done[entry["id"]] = {
                "id": entry["id"],
                "status": 424,
                "headers": {},
                "body": _failed_dependency(),
            }
        else:
            done[entry["id"]] = _describe_response(entry["id"], each(_request_of(outer, entry)))
    # In any order, Microsoft says; the last comes first here, so that no client relies on the order.
    return json_answer({"responses": list(reversed(done.values()))})


def _read_entries(outer: Request) -> list[Json]:
    try:
        entries = outer.json()["requests"]
        ids = [entry["id"] for entry in entries]
        sound = all(isinstance(entry["url"], str) and isinstance(entry["method"], str) for entry in entries)
    except (ValueError, KeyError, TypeError):
        raise Refusal(400, "BadRequest", "Invalid batch payload format.") from None
    if not sound or not 1 <= len(ids) <= LARGEST or len(set(ids)) != len(ids):
        raise Refusal(
            400, "BadRequest", f"Invalid batch payload: 1 to {LARGEST} requests, each with its own id."
        )
    return list(entries)


def _request_of(outer: Request, entry: Json) -> Request:
    address = urlsplit(entry["url"])
    own = {name.lower(): str(value) for name, value in entry.get("headers", {}).items()}
    inherited = {name: outer.headers[name] for name in ("authorization", "host") if name in outer.headers}
    body = entry.get("body")
    return Request(
        method=entry["method"].upper(),
        raw_path=f"/v1.0/{address.path.lstrip('/')}",
        query=dict(parse_qsl(address.query, keep_blank_values=True)),
        headers={**inherited, "client-request-id": outer.client_request_id, **own},
        body=b"" if body is None else json.dumps(body).encode(),
        batched=True,
    )


def _describe_response(name: str, response: Response) -> Json:
    body: Any = None
    if response.body:
        try:
            body = json.loads(response.body)
        except ValueError:
            body = response.body.decode(errors="replace")
    headers = {
        **response.headers,
        **({"Content-Type": response.content_type} if response.content_type else {}),
    }
    return {
        "id": name,
        "status": response.status,
        "headers": headers,
        **({"body": body} if response.body else {}),
    }


def _failed_dependency() -> Json:
    return {"error": {"code": "FailedDependency", "message": "A request it depends on has failed."}}
