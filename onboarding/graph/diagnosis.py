"""What the doctor asks of Microsoft Graph: only reads, each with its own outcome instead of one for all together."""

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
from urllib3.util.retry import Retry

from onboarding.graph import reading
from onboarding.graph.answers import GUID, Answer
from onboarding.graph.client import ACCOUNT, PERSON, WIDEST, Graph, _account, _address, _user
from onboarding.graph.errors import GraphError, Incomplete, NotFound
from onboarding.graph.outcomes import (
    READERS,
    RESTRICTED,
    Heard,
    Identity,
    Look,
    PassRules,
    Registration,
    Target,
    ahead_of,
    guid_or_nothing,
    ids_in,
    look_at,
    look_of,
    pass_rules,
    registration,
)
from onboarding.graph.transport import _pool, _session
from onboarding.graph.values import Account, Facts, Manager

DIRECTORY, GOVERNANCE = "/roleManagement/directory", "/identityGovernance/privilegedAccess/group"
PASS_POLICY = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass"  # noqa: S105
ROLE_GROUP = "id,displayName,isAssignableToRole"
REGISTERED = "appId,optionalClaims,appRoles"


@dataclass(slots=True)
class Parts:
    """What the guards read about one account, each part by itself."""

    object_id: str
    missing: Look | None = None  # set where the account itself was not found or could not be asked for
    _answers: dict[str, Answer] = field(default_factory=dict)
    _failed: dict[str, Look] = field(default_factory=dict)

    def look(self, name: str) -> Look:
        if name in self._failed:
            return self._failed[name]
        return look_at(self._answers[name], READERS[name])

    def add(self, name: str, ask: Callable[[], Answer]) -> Look:
        """Read one more part."""
        try:
            self._answers[name] = ask()
        except GraphError as error:
            self._failed[name] = look_of(error)
        return self.look(name)

    @property
    def account(self) -> Account:
        return reading.account(self._answers["account"].record())

    @property
    def manager(self) -> Manager | None:
        return reading.manager(self._answers["manager"])

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(ids_in(self._answers["groups"], "id"))

    @property
    def last_sign_in(self) -> datetime | None:
        return reading.last_sign_in(self._answers["sign_ins"].record())

    def facts(self) -> Facts:
        """All of it as the guards get it. Raises GraphError where a part was not read."""
        own = {"sign_ins", "restricted"}
        return reading.facts(
            {name: answer for name, answer in self._answers.items() if name not in own}, self.object_id
        )


class Diagnosis:
    """Asks over the way that the portal's own calls take."""

    def __init__(self, graph: Graph) -> None:
        self._transport = graph._transport

    def hear(self) -> Heard:
        """Ask without any token: what comes back does not matter, only that it comes, and its date."""
        way = self._transport
        with _session(_pool(Retry(0)), local=way._local) as session:
            try:
                began = time.time()
                with session.get(
                    f"{way._base}/", timeout=way._timeout, allow_redirects=False, stream=True
                ) as answer:
                    status, date = answer.status_code, answer.headers.get("Date", "")
                middle = (began + time.time()) / 2
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                return Heard(False, problem=type(error).__name__)
        if status >= 500:
            return Heard(False, problem=gettext("status %(number)s") % {"number": status})
        return Heard(True, ahead=ahead_of(date, middle))

    @sensitive_variables()
    def identity(self) -> Identity:
        """Get a fresh token and read what it says about itself. Raises GraphError."""
        token = self._transport._token(fresh=True)
        try:
            claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            claims = {}
        if not claims:
            raise Incomplete(_("The token's own words about itself cannot be read."))
        issued, roles = claims.get("iat"), claims.get("roles")
        return Identity(
            kind=str(getattr(self._transport._tokens, "kind", _("identity"))),
            application_id=guid_or_nothing(claims.get("appid") or claims.get("azp")),
            object_id=guid_or_nothing(claims.get("oid")),
            tenant_id=guid_or_nothing(claims.get("tid")),
            permissions=frozenset(str(role)[:100] for role in roles if isinstance(role, str))
            if isinstance(roles, list)
            else frozenset(),
            issued_at=datetime.fromtimestamp(issued, UTC) if type(issued) is int else None,
        )

    def pass_rules(self) -> tuple[Look, PassRules | None]:
        answer, look = self._ask(PASS_POLICY, pass_rules)
        return look, self._with_names(pass_rules(answer)) if answer and look.is_read else None

    def parts(self, name_or_object_id: str) -> Parts:
        """Read about one account whatever costs little; methods and sign-ins cost more and are added by name."""
        try:
            object_id = self._object_id(name_or_object_id)
        except GraphError as error:
            return Parts("", missing=look_of(error))
        parts = Parts(object_id)
        paths = _paths(object_id)
        try:
            parts._answers = self._transport.batch(paths)
        except GraphError as error:
            parts._failed = dict.fromkeys(paths, look_of(error))
        if "account" in parts._answers:
            parts._answers["restricted"] = parts._answers["account"]
        elif "account" in parts._failed:
            parts._failed["restricted"] = parts._failed["account"]
        return parts

    def add_methods(self, parts: Parts) -> Look:
        """One call of the scarce kind."""
        path = f"{_account(parts.object_id)}/authentication/methods"
        return parts.add("methods", lambda: self._transport.get(path))

    def add_sign_ins(self, parts: Parts) -> Look:
        """One of ten calls a minute."""
        path = _address(_account(parts.object_id), select="id,signInActivity")
        return parts.add("sign_ins", lambda: self._transport.get(path))

    def mailbox(self, address: str) -> Look:
        """Whether the directory knows the account that sends the portal's mail."""
        try:
            path = _address(_user(address), select="id,userPrincipalName")
        except NotFound as error:
            return look_of(error)
        return self._ask(path, lambda answer: answer.record().guid("id"))[1]

    def registration(self, client_id: str) -> Registration | None:
        """What an application is registered with; None where the identity may not read it, which is usual."""
        path = _address("/applications", filter=f"appId eq '{client_id}'", select=REGISTERED)
        answer, look = self._ask(path, registration)
        return registration(answer) if answer and look.is_read else None

    def _object_id(self, name: str) -> str:
        if GUID.fullmatch(name.lower()):
            return name.lower()
        answer = self._transport.get(_address(_user(name), select="id"))
        reading.refuse_unless_read(answer)
        return answer.record().guid("id")

    def _ask(self, path: str, reader: Callable[[Answer], object]) -> tuple[Answer | None, Look]:
        try:
            answer = self._transport.get(path)
        except GraphError as error:
            return None, look_of(error)
        return answer, look_at(answer, reader)

    def _with_names(self, rules: PassRules) -> PassRules:
        """A group that cannot be read keeps its id: the rules stand all the same."""

        def named(target: Target) -> Target:
            if target.is_everybody or not GUID.fullmatch(target.object_id):
                return target
            path = _address(f"/groups/{target.object_id}", select="id,displayName")
            answer, look = self._ask(path, lambda answer: answer.record().guid("id"))
            shown = answer.record().text("displayName") if answer and look.is_read else ""
            return Target(target.object_id, shown)

        return PassRules(
            rules.enabled,
            rules.shortest_minutes,
            rules.longest_minutes,
            rules.always_once,
            tuple(map(named, rules.included)),
            tuple(map(named, rules.excluded)),
        )


def _paths(object_id: str) -> dict[str, str]:
    """What the guards' own reading asks for, but for the methods."""
    user, own = _account(object_id), f"principalId eq '{object_id}'"
    membership = f"{user}/transitiveMemberOf/microsoft.graph"
    group = {"count": "true", "select": ROLE_GROUP, "top": WIDEST}
    account = ",".join(dict.fromkeys([*ACCOUNT.split(","), RESTRICTED]))
    return {
        "account": _address(user, select=account),
        "manager": _address(f"{user}/manager", select=PERSON),
        "roles": _address(f"{membership}.directoryRole", count="true", select="id,roleTemplateId"),
        "groups": _address(f"{membership}.group", **group),
        "owned": _address(f"{user}/ownedObjects/microsoft.graph.group", **group),
        "assignments": _address(f"{DIRECTORY}/roleAssignments", filter=own),
        "eligible": _address(f"{DIRECTORY}/roleEligibilityScheduleInstances", filter=own),
        "eligible_groups": _address(f"{GOVERNANCE}/eligibilityScheduleInstances", filter=own),
        "pass_policy": PASS_POLICY,
    }
