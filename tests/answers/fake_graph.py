"""Graph and the identity endpoint, simulated within this process with `responses`. It uses nothing of the sandbox."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
import responses

from tests.conftest import BY_KEY
from tests.graph.graph_answers import ORIGIN, V1, boss, error, listed_pass, many, method, pass_policy, person

IDENTITY = "http://identity.test"
ELSEWHERE = "https://elsewhere.test"
NOOR, MARIA = BY_KEY["noor"], BY_KEY["maria"]
PASS_TYPE = "#microsoft.graph.temporaryAccessPassAuthenticationMethod"  # the name of a type
Said = tuple[int, dict[str, str], Any]  # status, headers, and JSON or text
Work = Callable[[], Said]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def noor(**changed: object) -> dict[str, object]:
    """Noor's account as HR saw it, created just now."""
    who = {"displayName": NOOR.name, "userPrincipalName": NOOR.user_principal_name}
    when = {"createdDateTime": now(), "employeeHireDate": now()}
    return person(id=NOOR.object_id, employeeId=f"{NOOR.number:06d}", **who, **when) | changed


def maria(**changed: object) -> dict[str, object]:
    return boss(id=MARIA.object_id, userPrincipalName=MARIA.user_principal_name, mail=MARIA.mail) | changed


def sentence(status: int, code: str, message: str, **headers: str) -> Said:
    return status, headers, error(code, message)


class FakeGraph:
    """One starter, her manager and her passes. Faults are ordered as in the sandbox.

    A status that is answered after the work keeps the body of the work here: a 504 can contain a pass.
    """

    elsewhere = ELSEWHERE

    def __init__(self, mock: responses.RequestsMock, second_post: str) -> None:
        self.second_post = second_post
        self.passes: dict[str, dict[str, Any]] = {}
        self.codes: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.strangers: list[str] = []
        self._faults: list[dict[str, Any]] = []
        for verb in ("GET", "POST", "DELETE"):
            mock.add_callback(verb, re.compile(rf"{ORIGIN}/v1\.0/.*"), self._over_http)
            mock.add_callback(verb, re.compile(rf"{ELSEWHERE}.*"), self._at_a_stranger)
        mock.add_callback("GET", re.compile(rf"{IDENTITY}/.*"), self._over_http)

    def fault(self, **entry: Any) -> None:
        self._faults.append(entry)

    def live(self) -> list[str]:
        """The ids of the passes that work now."""
        return [id_ for id_, made in self.passes.items() if self._ends(made) > datetime.now(UTC)]

    def _ends(self, made: dict[str, Any]) -> datetime:
        return datetime.fromisoformat(made["startDateTime"]) + timedelta(minutes=made["lifetimeInMinutes"])

    def _listed(self) -> list[dict[str, Any]]:
        over = {"isUsable": False, "methodUsabilityReason": "Expired"}
        return [{**made, **({} if id_ in self.live() else over)} for id_, made in self.passes.items()]

    def _at_a_stranger(self, request: Any) -> tuple[int, dict[str, str], str]:
        self.strangers.append(request.url)
        return 200, {}, json.dumps(many())

    def _over_http(self, request: Any) -> tuple[int, dict[str, str], bytes]:
        path = urlsplit(request.url).path
        self.asked.append((request.method, path))
        fault = self._fault(request.method, path)
        status, headers, body = self._struck(fault, lambda: self._answer(request.method, path, request.body))
        content = (
            body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
        )
        headers = {"Content-Length": str(len(content)), "request-id": str(uuid.uuid4()), **headers}
        return status, headers, content[: fault.get("cut_at")]

    def _fault(self, verb: str, path: str) -> dict[str, Any]:
        for fault in self._faults:
            if fault.get("method") in (None, verb) and re.search(fault["path"], path):
                if fault.get("skip"):
                    fault["skip"] -= 1
                    continue
                fault["times"] = fault.get("times", 1) - 1
                if not fault["times"]:
                    self._faults.remove(fault)
                return fault
        return {}

    def _struck(self, fault: dict[str, Any], work: Work) -> Said:
        lost = requests.ConnectionError("reset by peer")
        if fault.get("drop") == "before":
            raise lost
        ordered = fault.get("status")
        refusal = ordered is not None and not fault.get("applied")
        status, headers, body = (ordered, {}, error("x", "x")["error"]) if refusal else work()
        if fault.get("drop") == "after":
            raise lost
        body = fault.get("body", body)
        if "mutate" in fault or "remove" in fault:
            body = {**body, **fault.get("mutate", {})}
            body = {name: value for name, value in body.items() if name not in fault.get("remove", ())}
        return ordered or status, {**headers, **fault.get("headers", {})}, body

    def _answer(self, verb: str, path: str, content: bytes) -> Said:
        if path.endswith("/$batch"):
            return 200, {}, {"responses": [self._part(part) for part in json.loads(content)["requests"]]}
        if path.startswith("/metadata/"):
            token = {"access_token": "a-token", "expires_in": "3600", "token_type": "Bearer"}
            return 200, {}, token
        if path.endswith("/sendMail"):
            return 202, {}, None
        if "/temporaryAccessPassMethods" in path:
            return self._passes(verb, path.rpartition("/")[2], content)
        return 200, {}, self._read(path)

    def _part(self, part: dict[str, Any]) -> dict[str, Any]:
        path = f"/v1.0{urlsplit(part['url']).path}"
        fault = self._fault(part["method"], path)
        status, headers, body = self._struck(fault, lambda: self._answer(part["method"], path, b""))
        return {"id": part["id"], "status": status, "headers": headers, "body": body}

    def _read(self, path: str) -> dict[str, object]:
        if path.endswith("/authentication/methods"):
            passes = [{"@odata.type": PASS_TYPE, **made} for made in self._listed()]
            return many(method("password"), *passes)
        if path.endswith("/temporaryAccessPass"):
            return pass_policy()
        if path.endswith("/manager"):
            return maria()
        return noor() if "/users/" in path and path.count("/") == 3 else many()

    def _passes(self, verb: str, last: str, content: bytes) -> Said:
        if verb == "DELETE":
            gone = self.passes.pop(last, None)
            return (204, {}, None) if gone else sentence(404, "resourceNotFound", "The pass was not found.")
        if verb == "GET":
            return 200, {}, many(*self._listed())
        if self.live() and self.second_post == "refuse":
            return sentence(400, "badRequest", "A Temporary Access Pass already exists for this user.")
        asked, code = json.loads(content), f"k7+Rv&m<\"'%={len(self.codes)}{uuid.uuid4().hex[:6]}"
        made = listed_pass(id=str(uuid.uuid4()), createdDateTime=now(), startDateTime=now(), **asked)
        self.passes = {str(made["id"]): made}
        self.codes.append(code)
        context = (
            f"{V1}/$metadata#users('{NOOR.object_id}')/authentication/temporaryAccessPassMethods/$entity"
        )
        return 201, {}, {"@odata.context": context, **made, "temporaryAccessPass": code}
