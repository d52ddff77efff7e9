"""The authorize request: read from the address and checked before any page is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Json, Response, redirect, with_query

FIELDS = (
    "client_id",
    "response_type",
    "response_mode",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "claims",
)
LOOPBACK = {"localhost", "127.0.0.1"}


class UnknownApplication(Exception):
    """The application or its redirect URI is unknown, so the answer must not be a redirect."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number, self.message = number, message


@dataclass(frozen=True, slots=True)
class AuthorizeRequest:
    fields: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def max_age(self) -> int | None:
        return int(self["max_age"]) if self["max_age"].isdecimal() else None

    @property
    def prompts(self) -> set[str]:
        return set(self["prompt"].split())

    @property
    def contexts(self) -> tuple[str, ...]:
        """Authentication contexts asked for: `claims={"id_token":{"acrs":{"value":"c1"}}}`."""
        try:
            asked = json.loads(self["claims"] or "{}")["id_token"]["acrs"]
        except (ValueError, KeyError, TypeError):
            return ()
        values = asked.get("values", [asked.get("value")]) if isinstance(asked, dict) else []
        return tuple(value for value in values if isinstance(value, str))

    @property
    def origin(self) -> str:
        return origin_of(self["redirect_uri"])

    @property
    def is_for_api(self) -> bool:
        return "/" in self["scope"]

    @property
    def error(self) -> str:
        """The error that a redirect returns to the application; empty where there is none."""
        if self["response_type"] != "code":
            return "AADSTS70005: response_type must be code."
        if self["response_mode"] not in ("", "query"):
            return "AADSTS70007: This sandbox answers with response_mode=query only."
        if "openid" not in self["scope"].split() and not self.is_for_api:
            return "AADSTS900144: scope must contain openid."
        if self.is_for_api and not self["code_challenge"]:
            return ""  # Entra does not require PKCE of an application with a secret
        if not self["code_challenge"] or self["code_challenge_method"] != "S256":
            return "AADSTS501481: The application must use PKCE with S256."
        return ""

    def redirect_back(self, answer: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Response:
        state = {"state": self["state"]} if self["state"] else {}
        return redirect(with_query(self["redirect_uri"], {**answer, **state}), 302, headers)

    def redirect_with_error(self, error: str, description: str, **more: str) -> Response:
        return self.redirect_back({"error": error, "error_description": description, **more})


def read_authorize_request(tenant: Tenant, fields: Mapping[str, str]) -> AuthorizeRequest:
    asked = AuthorizeRequest({name: fields[name] for name in FIELDS if fields.get(name)})
    application = tenant.registrations.application_of(asked["client_id"].lower())
    if application is None:
        raise UnknownApplication(
            700016, f"Application with identifier '{asked['client_id']}' was not found in the directory."
        )
    if not may_receive(application, asked["redirect_uri"]):
        raise UnknownApplication(
            50011, f"The redirect URI '{asked['redirect_uri']}' does not match those of the application."
        )
    return asked


def may_receive(application: Json, address: str) -> bool:
    """An address that is registered; of http on this machine Entra ignores the port."""
    registered: list[str] = application["web"]["redirectUris"]
    return address in registered or without_port(address) in [without_port(uri) for uri in registered]


def without_port(address: str) -> str:
    parts = urlsplit(address)
    return (
        f"http://localhost{parts.path}" if parts.scheme == "http" and parts.hostname in LOOPBACK else address
    )


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
