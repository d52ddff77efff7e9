"""One call of Graph as its handlers see it, and a refusal in Graph's words."""

from __future__ import annotations

import time
from dataclasses import dataclass

from portal.sandbox.records import Account
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Json, Request, Response, json_answer, with_query

CONTEXT = "https://graph.microsoft.com/v1.0/$metadata"


class Refusal(Exception):
    """An error of Graph: status, code, message, and the request ids in `innerError`."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}

    def response(self, request: Request) -> Response:
        inner = {
            # Without a zone, as Graph writes it.
            "date": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()),
            "request-id": request.id,
            "client-request-id": request.client_request_id or request.id,
        }
        if self.code == "badRequest":  # the authentication-method service says it twice
            inner = {"message": self.message, **inner}
        error = {"code": self.code, "message": self.message, "innerError": inner}
        return json_answer({"error": error}, self.status, self.headers)


@dataclass
class Call:
    tenant: Tenant
    request: Request
    roles: frozenset[str]  # the permissions in the token
    person: str = ""  # the object id of the signed-in person; empty for an application
    principal: str = ""  # the object id of the application or person in the token

    @property
    def query(self) -> dict[str, str]:
        return self.request.query

    def require_any(self, *permissions: str, directory: bool = True) -> None:
        """Refuse unless the token has one of these permissions. The two services of Graph word it differently."""
        if self.roles.isdisjoint(permissions):
            if directory:
                raise Refusal(
                    403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
                )
            raise Refusal(403, "accessDenied", "Request Authorization failed")

    def get_account(self, name: str) -> Account:
        found = self.tenant.find_account(name)
        if found is None:
            raise not_found(name)
        return found

    def take_from_method_limit(self) -> None:
        """Use one call of the tenant's rate limit for authentication methods, or refuse with 429."""
        refuse_if_throttled(self.tenant.throttle.methods.take_slot())

    def json(self) -> Json:
        if not self.request.headers.get("content-type", "").startswith("application/json"):
            raise Refusal(415, "UnsupportedMediaType", "Content-Type must be application/json.")
        try:
            body = self.request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refusal(400, "BadRequest", "Unable to read JSON request payload.")
        return body


def not_found(name: str) -> Refusal:
    """As the directory says it; the authentication-method service has its own words."""
    absent = "does not exist or one of its queried reference-property objects are not present."
    return Refusal(404, "Request_ResourceNotFound", f"Resource '{name}' {absent}")


def refuse_if_throttled(seconds: int) -> None:
    if seconds:
        raise Refusal(429, "TooManyRequests", "Please retry again later.", {"Retry-After": str(seconds)})


@dataclass
class Page:
    """A list as OData writes it, cut to `$top` with a link to the rest."""

    call: Call
    context: str
    items: list[Json]
    counted: bool = False
    largest: int = 999
    shortest_page: int | None = None  # Graph may end a page earlier than was asked for

    def response(self) -> Response:
        start, size = self._whole_number("$skiptoken", 0), self._whole_number("$top", 100)
        if not 1 <= size <= self.largest:
            raise Refusal(
                400,
                "Request_BadRequest",
                f"Invalid page size specified: '{size}'. Must be 1 to {self.largest}.",
            )
        size = min(size, self.shortest_page or size)
        payload: Json = {"@odata.context": f"{CONTEXT}#{self.context}"}
        if self.counted:
            payload["@odata.count"] = len(self.items)
        if start + size < len(self.items):
            payload["@odata.nextLink"] = self._next_link(start + size)
        return json_answer({**payload, "value": self.items[start : start + size]})

    def _whole_number(self, name: str, otherwise: int) -> int:
        text = self.call.query.get(name, str(otherwise))
        if not text.isascii() or not text.isdigit():
            raise Refusal(400, "Request_BadRequest", f"Invalid value '{text}' for {name}.")
        return int(text)

    def _next_link(self, position: int) -> str:
        request = self.call.request
        address = f"http://{request.headers.get('host', '127.0.0.1')}{request.raw_path}"
        return with_query(address, {**request.query, "$skiptoken": str(position)})
