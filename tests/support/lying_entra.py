"""A simulated Entra inside `requests` that can send any false answer. MSAL and our checks are real."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.test import Client

from portal.signin import app, flow_cookies, tokens

HOME = f"https://login.sandbox.invalid/{settings.TENANT_ID}"
OTHER_TENANT = "99999999-0000-4000-8000-000000000009"
NOOR = "5a4d0b0c-0000-4000-8000-00000000aaaa"
LIAM = "5a4d0b0c-0000-4000-8000-00000000bbbb"
OUR_KEY, FOREIGN_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class Entra(requests.adapters.BaseAdapter):
    """Signs the tokens that a test orders. `changes` replace claims of a valid token; None removes a claim."""

    def __init__(self) -> None:
        super().__init__()
        self.nonce = ""
        self.changes: dict[str, Any] = {}
        self.sign = signed
        self.token_answer: tuple[int, Any] | None = None
        self.keys_answer: tuple[int, Any] | None = None
        self.asked: list[str] = []

    def session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", self)
        return session

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        path = urlsplit(str(request.url)).path
        self.asked.append(path)
        if path.endswith("/openid-configuration"):
            return answer(request, 200, METADATA)
        if path.endswith("/keys"):
            return answer(request, *(self.keys_answer or (200, {"keys": [published(OUR_KEY)]})))
        return answer(request, *(self.token_answer or (200, self.tokens())))

    def close(self) -> None: ...

    def tokens(self) -> dict[str, Any]:
        return {"access_token": "unused", "token_type": "Bearer", "id_token": self.sign(self.claims())}

    def claims(self) -> dict[str, Any]:
        now = int(time.time())
        honest = {
            "aud": settings.SIGN_IN_CLIENT_ID,
            "iss": f"{HOME}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "tid": settings.TENANT_ID,
            "oid": NOOR,
            "sub": "pairwise",
            "name": "Noor de Vries",
            "preferred_username": "noor.devries@contoso.example",
            "nonce": self.nonce,
            "auth_time": now,
            "acct": 0,
            "ver": "2.0",
        }
        return {name: value for name, value in (honest | self.changes).items() if value is not None}


METADATA = {
    "issuer": f"{HOME}/v2.0",
    "authorization_endpoint": f"{HOME}/oauth2/v2.0/authorize",
    "token_endpoint": f"{HOME}/oauth2/v2.0/token",
    "jwks_uri": f"{HOME}/discovery/v2.0/keys",
}


def answer(request: requests.PreparedRequest, status: int, body: Any) -> requests.Response:
    response = requests.Response()
    response.status_code, response.request, response.url = status, request, str(request.url)
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return response


def published(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """The key as Entra publishes it: without `alg`."""
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in jwk.items() if name not in {"alg", "key_ops"}} | {"kid": "current"}


def signed(claims: dict[str, Any], key: Any = OUR_KEY, algorithm: str = "RS256", **headers: Any) -> str:
    return jwt.encode(claims, key, algorithm, headers={"kid": "current"} | headers)


@contextmanager
def playing_entra(monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    """Let the simulated Entra answer all sign-ins of this process."""
    entra = Entra()
    vouching = type(
        "Identity", (), {"sign_in_credential": lambda self: {"client_assertion": lambda: "vouched"}}
    )
    monkeypatch.setattr(app, "workload_identity", vouching)
    monkeypatch.setattr(app, "http_session", entra.session)
    monkeypatch.setattr(tokens, "http_session", entra.session)
    app.clear_metadata_cache()
    tokens.signing_keys.clear()
    yield entra
    app.clear_metadata_cache()
    tokens.signing_keys.clear()


def leave(client: Client, entra: Entra, path: str = "/signin/") -> dict[str, str]:
    """Start a sign-in. Returns the query of Entra's redirect back to the portal."""
    asked = parse_qs(urlsplit(client.get(path)["Location"]).query)
    entra.nonce = asked["nonce"][0]
    return {"code": "a-code", "state": asked["state"][0]}


def come_back(client: Client, entra: Entra, path: str = "/signin/", **query: Any) -> Any:
    """Start a sign-in, and follow Entra's redirect back to the portal."""
    return client.get("/signin/callback/", leave(client, entra, path) | query)


def begun_sign_ins(client: Client) -> list[dict[str, Any]]:
    """What the browser's cookies hold of sign-ins that are not finished."""
    prefix = flow_cookies.cookie_name("")
    sealed = [cookie.value for name, cookie in client.cookies.items() if name.startswith(prefix)]
    return [json.loads(flow_cookies._cipher().decrypt(value)) for value in sealed if value]
