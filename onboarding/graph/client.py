"""What the portal asks of Microsoft Graph: in go object ids and minutes, out come values and errors."""

from __future__ import annotations

import json
import re
import threading
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from itertools import islice
from urllib.parse import quote
from uuid import UUID, uuid4

from django.conf import settings
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from onboarding.graph import reading
from onboarding.graph.answers import GUID, IDENTIFIER, Answer
from onboarding.graph.errors import GraphError, Incomplete, NotFound, Refused, Throttled, Unavailable
from onboarding.graph.sight import Sight
from onboarding.graph.transport import TokenSource, Transport
from onboarding.graph.values import Account, CreatedPass, Facts, LivePass, Manager, Method
from onboarding.graph.waiting import Room

PERSON = "id,userPrincipalName,displayName,mail,accountEnabled,userType,creationType,externalUserState"
ACCOUNT = f"{PERSON},jobTitle,department,employeeId,employeeHireDate,createdDateTime,isManagementRestricted"
# Entra's rules for a user principal name. It becomes part of a path, so what is not one is never sent.
USER_PRINCIPAL_NAME = re.compile(r"[A-Za-z0-9'._!#^~$&+=-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,250}")
WIDEST = "999"
ELIGIBLE_GROUPS = "/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances"
PASS_POLICY = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass"  # noqa: S105 (an address)
FACTS_AT_ONCE = 2  # people in one `$batch`, where all is asked that decides about a pass
TRIPS_AT_ONCE = 4  # less than half of the places that a process has with Graph
PEOPLE_AT_ONCE = 10  # people in one `$batch`: it holds twenty questions, and who somebody is takes two
AT_ONCE = 32  # where nobody says otherwise


class Graph:
    """Microsoft Graph, for one tenant and one identity; safe to share between threads."""

    def __init__(
        self, origin: str, tokens: TokenSource, *, connect: float, read: float, room: Room | None = None
    ) -> None:
        self._room = room or Room(AT_ONCE, at_the_door=0)
        self.sight = Sight()
        self._transport = Transport(
            origin, tokens, connect=connect, read=read, room=self._room, sight=self.sight
        )

    def turn(self) -> AbstractContextManager[object]:
        """Hold a place among those who wait for Graph, for several calls that belong together. Raises Crowded."""
        return self._room.turn()

    def prepare(self) -> None:
        """Have a token in hand, so that none is missing later. Raises Unavailable."""
        self._transport.prepare()

    def look_up(self, name_or_object_id: str) -> tuple[Account, Manager | None]:
        """Find an account by its user principal name or object id, with its manager."""
        name = name_or_object_id.strip()
        return _found(self._transport.batch(_who(_user(name))), name)

    def look_up_several(self, names: Sequence[str]) -> dict[str, tuple[Account, Manager | None] | GraphError]:
        """Find many accounts, ten in a round trip. What went wrong with one stands in its place.

        Once Graph says that it is busy or cannot be reached, nobody else is asked for.
        """
        found: dict[str, tuple[Account, Manager | None] | GraphError] = {}
        for names_of_one in batched(dict.fromkeys(names), PEOPLE_AT_ONCE):
            found |= self._look_up_some(names_of_one)
            broken = next((one for one in found.values() if isinstance(one, (Unavailable, Throttled))), None)
            if broken is not None:
                return {name: found.get(name, broken) for name in names}
        return {name: found[name] for name in names}

    def _look_up_some(self, names: Sequence[str]) -> dict[str, tuple[Account, Manager | None] | GraphError]:
        found: dict[str, tuple[Account, Manager | None] | GraphError] = {}
        parts: dict[str, str] = {}
        for number, name in enumerate(names):
            try:
                asked = _who(_user(name.strip()))
            except NotFound as error:
                found[name] = error
            else:
                parts |= {f"{number} {what}": path for what, path in asked.items()}
        try:
            answers = self._transport.batch(parts) if parts else {}
        except GraphError as error:
            return {name: found.get(name, error) for name in names}
        for number, name in enumerate(names):
            if name in found:
                continue
            try:
                found[name] = _found(
                    {what: answers[f"{number} {what}"] for what in ("account", "manager")}, name.strip()
                )
            except GraphError as error:
                found[name] = error
        return found

    def read_manager(self, object_id: str) -> Manager | None:
        """Say who the directory records as manager at this moment."""
        return reading.manager(self._transport.get(_address(f"{_account(object_id)}/manager", select=PERSON)))

    def read_managers(self, object_id: str, manager_id: str) -> tuple[Manager | None, Manager | None]:
        """Say who the directory records as manager, and as the manager of `manager_id`, in one round trip."""
        answers = self._transport.batch(
            {
                "manager": _address(f"{_account(object_id)}/manager", select=PERSON),
                "above": _address(f"{_account(manager_id)}/manager", select=PERSON),
            }
        )
        return reading.manager(answers["manager"]), reading.manager(answers["above"])

    def issue_facts(self, object_id: str, *, scarce: bool = True, above: str = "") -> Facts:
        """Read all that decides about a pass in one round trip. One call of it is of the scarce kind: the methods,
        which `scarce=False` leaves out. `above` is somebody whose manager is read as well."""
        methods = {"methods": f"{_account(object_id)}/authentication/methods"} if scarce else {}
        second = {"above": _address(f"{_account(above)}/manager", select=PERSON)} if above else {}
        answers = self._transport.batch(_decides(object_id) | second | methods | {"pass_policy": PASS_POLICY})
        return reading.facts(answers, object_id.lower())

    def issue_facts_several(self, object_ids: Sequence[str], *, seconds: float) -> dict[str, Facts]:
        """Read what decides about a pass of many, without the scarce call: two in a round trip, a few trips at once.

        Left out is whom an answer is missing for, and whoever was not begun within so many seconds, or before Graph
        said that it is busy or could not be reached.
        """
        until, broken = time.monotonic() + seconds, threading.Event()

        def read(some: tuple[str, ...]) -> dict[str, Facts]:
            if broken.is_set() or time.monotonic() > until:
                return {}
            try:
                return self._issue_facts_some(some)
            except GraphError:
                broken.set()
                return {}

        with ThreadPoolExecutor(TRIPS_AT_ONCE) as threads:
            pairs = batched(dict.fromkeys(object_ids), FACTS_AT_ONCE)
            return {name: facts for found in threads.map(read, pairs) for name, facts in found.items()}

    def _issue_facts_some(self, object_ids: Sequence[str]) -> dict[str, Facts]:
        """Raises what is wrong with all of them, or will be with whoever is asked for next."""
        parts = {f"{one} {what}": path for one in object_ids for what, path in _decides(one).items()}
        answers = self._transport.batch(parts | {"pass_policy": PASS_POLICY})
        found: dict[str, Facts] = {}
        for one in object_ids:
            of_one = {what: answers[f"{one} {what}"] for what in _decides(one)}
            with suppress(Refused, Incomplete):
                found[one] = reading.facts(of_one | {"pass_policy": answers["pass_policy"]}, one.lower())
        return found

    def last_sign_in(self, object_id: str) -> datetime | None:
        """Say when the account last signed in, or None for never. Ten a minute, and with a licence only."""
        answer = self._transport.get(_address(_account(object_id), select="id,signInActivity"))
        reading.refuse_unless_read(answer)
        return reading.last_sign_in(answer.record())

    @sensitive_variables()
    def create_pass(self, object_id: str, *, lifetime_minutes: int, request_id: UUID) -> CreatedPass:
        """Ask for one single-use pass that is valid at once. One POST, and no second one whatever happens."""
        # No start time: "now" is Graph's own, so that a clock of ours that is wrong cannot matter.
        wanted = json.dumps({"lifetimeInMinutes": lifetime_minutes, "isUsableOnce": True}).encode()
        answer = self._transport.write_once(
            _passes(object_id), wanted, kind="application/json", request_id=str(request_id)
        )
        if answer.status != 201:
            raise answer.complaint_of_write()
        return reading.created_pass(answer, object_id=object_id.lower(), lifetime_minutes=lifetime_minutes)

    def list_passes(self, object_id: str) -> tuple[LivePass, ...]:
        """List the account's passes, also used and expired ones."""
        answer = self._transport.get(_passes(object_id))
        reading.refuse_unless_read(answer)
        return tuple(reading.live_pass(record) for record in answer.record().every())

    def read_methods(self, object_id: str) -> tuple[tuple[Method, ...], tuple[LivePass, ...]]:
        """Read how the account can sign in, and its passes, in one call of the scarce kind."""
        answer = self._transport.get(f"{_account(object_id)}/authentication/methods")
        reading.refuse_unless_read(answer)
        return reading.methods_and_passes(answer.record())

    def delete_pass(self, object_id: str, method_id: str) -> bool:
        """Delete a pass. False: it was not there, because it is gone already or not known everywhere yet."""
        if not IDENTIFIER.fullmatch(method_id):
            raise ValueError("This is not the id of a pass.")
        answer = self._transport.delete(f"{_passes(object_id)}/{quote(method_id, safe='')}")
        if answer.status not in {204, 404}:
            raise answer.complaint()
        return answer.status == 204

    def send_mail(self, sender: str, message: bytes) -> None:
        """Hand a whole MIME message to the sender's mailbox; accepted means queued, not delivered."""
        answer = self._transport.write_once(
            f"{_user(sender)}/sendMail", b64encode(message), kind="text/plain", request_id=str(uuid4())
        )
        if answer.status != 202:
            raise answer.complaint_of_write()


_lock = threading.Lock()
_client: Graph | None = None


def client() -> Graph:
    """Return this process's Graph, made on first use."""
    global _client
    with _lock:
        if _client is None:
            _client = Graph(
                settings.GRAPH_URL,
                import_string(settings.WORKLOAD_IDENTITY)(),
                connect=settings.GRAPH_CONNECT_TIMEOUT,
                read=settings.GRAPH_READ_TIMEOUT,
                room=Room(settings.GRAPH_AT_ONCE, at_the_door=settings.GRAPH_AT_THE_DOOR),
            )
        return _client


def forget_client() -> None:
    """Make the next use start afresh, with the settings of that moment."""
    global _client
    with _lock:
        _client = None


def batched(names: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """As `itertools.batched`, which is newer than the oldest Python that runs this."""
    rest = iter(names)
    while some := tuple(islice(rest, size)):
        yield some


def _account(object_id: str) -> str:
    if not GUID.fullmatch(object_id.lower()):
        raise ValueError("This is not an object id.")
    return f"/users/{object_id.lower()}"


def _decides(object_id: str) -> dict[str, str]:
    """What decides about a pass for an account, but for what is asked only sometimes or is the same for everybody."""
    user, own = _account(object_id), f"principalId eq '{object_id.lower()}'"
    membership = f"{user}/transitiveMemberOf/microsoft.graph"
    directory = "/roleManagement/directory"
    group = {"count": "true", "select": "id,displayName,isAssignableToRole", "top": WIDEST}
    return {
        **_who(user),
        "roles": _address(f"{membership}.directoryRole", count="true", select="id,roleTemplateId"),
        "groups": _address(f"{membership}.group", **group),
        "owned": _address(f"{user}/ownedObjects/microsoft.graph.group", **group),
        "assignments": _address(f"{directory}/roleAssignments", filter=own),
        "eligible": _address(f"{directory}/roleEligibilityScheduleInstances", filter=own),
        "eligible_groups": _address(ELIGIBLE_GROUPS, filter=own),
    }


def _who(user: str) -> dict[str, str]:
    """The two questions that tell who somebody is."""
    return {
        "account": _address(user, select=ACCOUNT),
        "manager": _address(f"{user}/manager", select=PERSON),
    }


def _found(answers: Mapping[str, Answer], name: str) -> tuple[Account, Manager | None]:
    account = reading.found_account(answers["account"], name)
    return account, reading.manager(answers["manager"])


def _passes(object_id: str) -> str:
    return f"{_account(object_id)}/authentication/temporaryAccessPassMethods"


def _user(name: str) -> str:
    if GUID.fullmatch(name.lower()):
        return _account(name)
    if not USER_PRINCIPAL_NAME.fullmatch(name):
        raise NotFound("This is neither a user principal name nor an object id.", status=404)
    if name.startswith("$"):  # Graph would take it for a query option
        return "/users('{}')".format(quote(name.replace("'", "''"), safe=""))
    return f"/users/{quote(name, safe='@')}"


def _address(path: str, **options: str) -> str:
    query = "&".join(f"${name}={quote(value, safe=',')}" for name, value in options.items())
    return f"{path}?{query}"
