"""The doctor's reads of Microsoft Graph, each with its own outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
import requests
import urllib3
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from onboarding.graph import parsing
from onboarding.graph.client import Graph
from onboarding.graph.diagnostics.probe_results import (
    READERS,
    Identity,
    PassRules,
    Reachability,
    ReadResult,
    Registration,
    Target,
    ahead_of,
    guid_or_nothing,
    ids_in,
    parse_registration,
    pass_rules,
    result_of_answer,
    result_of_error,
)
from onboarding.graph.entities import Account, Facts, Manager, SignIns
from onboarding.graph.errors import GraphError, Incomplete, NotFound
from onboarding.graph.paths import PASS_POLICY, SIGN_INS, build_path, deciding_paths, lookup_path, user_path
from onboarding.graph.responses import GUID, Answer

REGISTERED = "appId,optionalClaims,appRoles,api"


@dataclass(slots=True)
class AccountParts:
    """The data that guards need about one account, with one result for each part."""

    object_id: str
    missing: ReadResult | None = None  # set if the account itself was not found or could not be read
    _answers: dict[str, Answer] = field(default_factory=dict)
    _failed: dict[str, ReadResult] = field(default_factory=dict)

    def read_result(self, name: str) -> ReadResult:
        if name in self._failed:
            return self._failed[name]
        return result_of_answer(self._answers[name], READERS[name])

    def read_part(self, name: str, ask: Callable[[], Answer]) -> ReadResult:
        """Read one more part."""
        try:
            self._answers[name] = ask()
        except GraphError as error:
            self._failed[name] = result_of_error(error)
        return self.read_result(name)

    @property
    def account(self) -> Account:
        return parsing.parse_account(self._answers["account"].record())

    @property
    def manager(self) -> Manager | None:
        return parsing.parse_manager(self._answers["manager"])

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(ids_in(self._answers["groups"], "id"))

    @property
    def sign_ins(self) -> SignIns:
        return parsing.sign_ins(self._answers["sign_ins"].record())

    def build_facts(self) -> Facts:
        """Combine the parts as the guards get them. Raises GraphError if a part was not read."""
        own = {"sign_ins", "restricted"}
        return parsing.parse_facts(
            {name: answer for name, answer in self._answers.items() if name not in own}, self.object_id
        )


def _moment_of(claim: object) -> datetime | None:
    return datetime.fromtimestamp(claim, UTC) if type(claim) is int else None


class Diagnosis:
    """Sends the doctor's requests with the transport of the portal's own calls."""

    def __init__(self, graph: Graph) -> None:
        self.transport = graph.transport

    def check_reachability(self) -> Reachability:
        """Send a request without a token. Only the headers matter: the date, and whether it is Graph that answers."""
        began = time.time()
        try:
            status, headers = self.transport.ask_without_token()
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return Reachability(False, problem=type(error).__name__)
        middle = (began + time.time()) / 2
        # Graph sends this header with every answer: learn.microsoft.com/graph/errors, "request-id".
        is_graph = GUID.fullmatch(headers.get("request-id", "").lower()) is not None
        if status >= 500:
            return Reachability(False, problem=gettext("status %(number)s") % {"number": status})
        return Reachability(True, is_graph, ahead=ahead_of(headers.get("Date", ""), middle))

    @sensitive_variables()
    def read_identity(self) -> Identity:
        """Get a fresh token and read its claims. Raises GraphError."""
        token = self.transport.fetch_token(fresh=True)
        try:
            claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            claims = {}
        if not claims:
            raise Incomplete(_("The portal cannot read the contents of the token."))
        issued, roles = claims.get("iat"), claims.get("roles")
        return Identity(
            kind=str(self.transport.identity_kind),
            application_id=guid_or_nothing(claims.get("appid") or claims.get("azp")),
            object_id=guid_or_nothing(claims.get("oid")),
            tenant_id=guid_or_nothing(claims.get("tid")),
            permissions=frozenset(str(role)[:100] for role in roles if isinstance(role, str))
            if isinstance(roles, list)
            else frozenset(),
            issued_at=_moment_of(issued),
            expires_at=_moment_of(claims.get("exp")),
        )

    def read_pass_rules(self) -> tuple[ReadResult, PassRules | None]:
        answer, look = self._read_path(PASS_POLICY, pass_rules)
        return look, self._with_names(pass_rules(answer)) if answer and look.is_read else None

    def read_account(self, name_or_object_id: str) -> AccountParts:
        """Read the cheap parts of one account. `add_methods` and `add_sign_ins` read the others, which have quotas."""
        try:
            object_id = self._object_id(name_or_object_id)
        except GraphError as error:
            return AccountParts("", missing=result_of_error(error))
        parts = AccountParts(object_id)
        paths = {**deciding_paths(object_id), "pass_policy": PASS_POLICY}
        try:
            parts._answers = self.transport.batch(paths)
        except GraphError as error:
            parts._failed = dict.fromkeys(paths, result_of_error(error))
        if "account" in parts._answers:
            parts._answers["restricted"] = parts._answers["account"]
        elif "account" in parts._failed:
            parts._failed["restricted"] = parts._failed["account"]
        return parts

    def add_methods(self, parts: AccountParts) -> ReadResult:
        """Read the methods. This is one call of the sign-in-method quota."""
        path = f"{user_path(parts.object_id)}/authentication/methods"
        return parts.read_part("methods", lambda: self.transport.get(path))

    def add_sign_ins(self, parts: AccountParts) -> ReadResult:
        """Read the sign-in activity. This is one of ten calls a minute."""
        path = build_path(user_path(parts.object_id), select=SIGN_INS)
        return parts.read_part("sign_ins", lambda: self.transport.get(path))

    def find_mailbox(self, address: str) -> ReadResult:
        """Check that the directory has the account that sends the portal's mail."""
        try:
            path = build_path(lookup_path(address), select="id,userPrincipalName")
        except NotFound as error:
            return result_of_error(error)
        return self._read_path(path, lambda answer: answer.record().guid("id"))[1]

    def read_registration(self, client_id: str) -> Registration | None:
        """Read an app registration. Returns None if the identity may not read it, which is usual."""
        path = build_path("/applications", filter=f"appId eq '{client_id}'", select=REGISTERED)
        answer, look = self._read_path(path, parse_registration)
        return parse_registration(answer) if answer and look.is_read else None

    def _object_id(self, name: str) -> str:
        if GUID.fullmatch(name.lower()):
            return name.lower()
        answer = self.transport.get(build_path(lookup_path(name), select="id"))
        parsing.refuse_unless_read(answer)
        return answer.record().guid("id")

    def _read_path(self, path: str, reader: Callable[[Answer], object]) -> tuple[Answer | None, ReadResult]:
        try:
            answer = self.transport.get(path)
        except GraphError as error:
            return None, result_of_error(error)
        return answer, result_of_answer(answer, reader)

    def _with_names(self, rules: PassRules) -> PassRules:
        """Add the names of groups. A group that cannot be read keeps only its id."""

        def with_name(target: Target) -> Target:
            if target.is_everybody or not GUID.fullmatch(target.object_id):
                return target
            path = build_path(f"/groups/{target.object_id}", select="id,displayName")
            answer, look = self._read_path(path, lambda answer: answer.record().guid("id"))
            shown = answer.record().text("displayName") if answer and look.is_read else ""
            return Target(target.object_id, shown)

        return PassRules(
            rules.enabled,
            rules.shortest_minutes,
            rules.longest_minutes,
            rules.always_once,
            tuple(map(with_name, rules.included)),
            tuple(map(with_name, rules.excluded)),
        )
