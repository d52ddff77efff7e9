"""A client of the sandbox over real HTTP: has a Graph token, signs people in, orders faults."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import requests

from portal.sandbox.entra.assertions import ASSERTION_TYPE
from portal.sandbox.options import GRAPH_RESOURCE, TOKEN_EXCHANGE_AUDIENCE
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox

CALLBACK = "http://localhost:8000/signin/callback/"


class Visitor:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.url, self.options = sandbox, sandbox.url, sandbox.tenant.options
        self.browser = requests.Session()

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: object) -> None:
        self.browser.close()

    # --- Managed identity and Graph -----------------------------------------------------------------------

    def imds(
        self, resource: str = GRAPH_RESOURCE, headers: dict[str, str] | None = None, **query: str
    ) -> requests.Response:
        asked = {
            "api-version": "2018-02-01",
            "resource": resource,
            "client_id": self.options.identity_client_id,
            **query,
        }
        sent = {"Metadata": "true"} if headers is None else headers
        return requests.get(
            f"{self.url}/metadata/identity/oauth2/token", params=asked, headers=sent, timeout=30
        )

    def graph(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        token = self.imds().json()["access_token"]
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        return requests.request(method, f"{self.url}/v1.0{path}", headers=sent, timeout=30, **more)

    def advanced(self, path: str) -> requests.Response:
        return self.graph("GET", path, headers={"ConsistencyLevel": "eventual"})

    def passes_of(self, key: str) -> str:
        return f"/users/{BY_KEY[key].object_id}/authentication/temporaryAccessPassMethods"

    def make_pass(self, key: str, **body: Any) -> requests.Response:
        return self.graph("POST", self.passes_of(key), json={"isUsableOnce": True, **body})

    def list_passes(self, key: str) -> list[dict[str, Any]]:
        return list(self.graph("GET", self.passes_of(key)).json()["value"])

    # --- Control ------------------------------------------------------------------------------------------

    def change(self, **wanted: Any) -> Any:
        answer = requests.post(f"{self.url}/_control/change", json=wanted, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, **fault: Any) -> None:
        answer = requests.post(f"{self.url}/_control/faults", json=[fault], timeout=30)
        assert answer.status_code == 200, answer.text

    def state(self) -> Any:
        return requests.get(f"{self.url}/_control/state", timeout=30).json()

    def requests_seen(self) -> list[dict[str, Any]]:
        return list(requests.get(f"{self.url}/_control/requests", timeout=30).json())

    # --- Sign-in ------------------------------------------------------------------------------------------

    def entra(self, place: str) -> str:
        return f"{self.url}/{self.options.tenant_id}/{place}"

    def asking(self, verifier: str = "v" * 43, **more: str) -> dict[str, str]:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": self.options.sign_in_client_id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid profile",
            "state": secrets.token_hex(8),
            "nonce": "n-1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**asked, **more}.items() if value}

    def authorize(self, **more: str) -> requests.Response:
        return self.browser.get(
            self.entra("oauth2/v2.0/authorize"), params=self.asking(**more), allow_redirects=False, timeout=30
        )

    def pick(self, person: str, **more: str) -> requests.Response:
        fields = {**self.asking(**more), "person": person}
        return self.browser.post(
            self.entra("oauth2/v2.0/authorize"), data=fields, allow_redirects=False, timeout=30
        )

    def redeem(self, code: str, verifier: str = "v" * 43, **more: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": self.options.sign_in_client_id,
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.imds(TOKEN_EXCHANGE_AUDIENCE).json()["access_token"],
            **more,
        }
        return requests.post(self.entra("oauth2/v2.0/token"), data=form, timeout=30)

    def claims(self, id_token: str) -> dict[str, Any]:
        keys = jwt.PyJWKSet.from_dict(requests.get(self.entra("discovery/v2.0/keys"), timeout=30).json())
        key = keys[jwt.get_unverified_header(id_token)["kid"]]
        return dict(
            jwt.decode(id_token, key.key, algorithms=["RS256"], audience=self.options.sign_in_client_id)
        )

    def sign_in(self, person: str, **more: str) -> dict[str, Any]:
        return self.claims(self.redeem(returned(self.pick(person, **more))["code"]).json()["id_token"])


def returned(answer: requests.Response) -> dict[str, str]:
    """The query of the redirect back to the portal."""
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(CALLBACK)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def text_of(answer: requests.Response) -> str:
    return re.sub(r"<[^>]+>", " ", answer.text)
