"""The portal's calls to Microsoft Graph: they take object ids and minutes, and return values or raise errors."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

from django.conf import settings
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from onboarding.graph import parsing
from onboarding.graph.concurrency import ConcurrencyLimiter
from onboarding.graph.connection_health import ConnectionHealth
from onboarding.graph.entities import (
    Account,
    CreatedPass,
    Facts,
    LivePass,
    MailOwner,
    Manager,
    Method,
    SignIns,
)
from onboarding.graph.errors import GraphError, Incomplete, NotFound, Refused, Throttled, Unavailable
from onboarding.graph.paths import (
    MOST_NUMBERS,
    PASS_POLICY,
    PERSON,
    SIGN_INS,
    build_path,
    deciding_paths,
    employee_number_paths,
    identity_paths,
    lookup_path,
    mail_owner_path,
    passes_path,
    privilege_paths,
    split_into_batches,
    user_path,
)
from onboarding.graph.responses import IDENTIFIER, Answer
from onboarding.graph.transport import TokenSource, Transport

FACTS_AT_ONCE = 2  # people in one `$batch` that reads all facts for a pass
KNOWN_AT_ONCE = (
    3  # the same where account and manager are known already: six requests for each, and two for all
)
TRIPS_AT_ONCE = (
    7  # of long lists, in one process; three of its slots for Graph are always left to everybody else
)
ADDRESSES_AT_ONCE = 20  # mail addresses in one `$batch`
PEOPLE_AT_ONCE = 10  # people in one `$batch`: it holds twenty requests, and a look-up takes two
SIGN_INS_AT_ONCE = 15  # accounts in one list: the most values that Graph accepts in one `in` of a filter
DEFAULT_SLOTS = 32
T = TypeVar("T")


class Graph:
    """Microsoft Graph, for one tenant and one identity; safe to share between threads."""

    def __init__(
        self,
        origin: str,
        tokens: TokenSource,
        *,
        connect: float,
        read: float,
        limiter: ConcurrencyLimiter | None = None,
    ) -> None:
        self._limiter = limiter or ConcurrencyLimiter(DEFAULT_SLOTS, max_waiting=0)
        self._long_lists = threading.BoundedSemaphore(TRIPS_AT_ONCE)
        self.connection_health = ConnectionHealth()
        self.transport = Transport(
            origin,
            tokens,
            connect=connect,
            read=read,
            limiter=self._limiter,
            connection_health=self.connection_health,
        )

    def hold_slot(self) -> AbstractContextManager[object]:
        """Hold one slot for several calls to Graph that belong together. Raises Overloaded."""
        return self._limiter.acquire()

    def ensure_token(self) -> None:
        """Fetch a token now, so that later calls have one. Raises Unavailable."""
        self.transport.ensure_token()

    def look_up(self, name_or_object_id: str) -> tuple[Account, Manager | None]:
        """Find an account by its user principal name or object id, with its manager."""
        name = name_or_object_id.strip()
        return _parse_found_account(self.transport.batch(identity_paths(lookup_path(name))), name)

    def look_up_several(self, names: Sequence[str]) -> dict[str, tuple[Account, Manager | None] | GraphError]:
        """Find many accounts, ten in a round trip, a few round trips at once. A failed account has its error as the value.

        No round trip starts once Graph is busy or cannot be reached: the accounts that are left get the same error.
        """
        broken: list[GraphError] = []

        def read(some: tuple[str, ...]) -> dict[str, tuple[Account, Manager | None] | GraphError]:
            if broken:
                return dict.fromkeys(some, broken[0])
            found = self._look_up_some(some)
            broken.extend(error for error in found.values() if isinstance(error, (Unavailable, Throttled)))
            return found

        found = self._read_at_once(read, split_into_batches(dict.fromkeys(names), PEOPLE_AT_ONCE))
        return {name: found[name] for name in names}

    def _read_at_once(
        self, read: Callable[[tuple[str, ...]], dict[str, T]], batches: Iterable[tuple[str, ...]]
    ) -> dict[str, T]:
        """Read the parts of a list side by side. All lists of the process share the same few round trips."""

        def read_in_turn(some: tuple[str, ...]) -> dict[str, T]:
            with self._long_lists:
                return read(some)

        several = list(batches)
        if len(several) < 2:
            return read_in_turn(several[0]) if several else {}
        with ThreadPoolExecutor(TRIPS_AT_ONCE) as threads:
            return {name: one for found in threads.map(read_in_turn, several) for name, one in found.items()}

    def _look_up_some(self, names: Sequence[str]) -> dict[str, tuple[Account, Manager | None] | GraphError]:
        found: dict[str, tuple[Account, Manager | None] | GraphError] = {}
        parts: dict[str, str] = {}
        for number, name in enumerate(names):
            try:
                asked = identity_paths(lookup_path(name.strip()))
            except NotFound as error:
                found[name] = error
            else:
                parts |= {f"{number} {what}": path for what, path in asked.items()}
        try:
            answers = self.transport.batch(parts) if parts else {}
        except GraphError as error:
            return {name: found.get(name, error) for name in names}
        for number, name in enumerate(names):
            if name in found:
                continue
            try:
                found[name] = _parse_found_account(
                    {what: answers[f"{number} {what}"] for what in ("account", "manager")}, name.strip()
                )
            except GraphError as error:
                found[name] = error
        return found

    def find_by_mail(self, addresses: Sequence[str]) -> dict[str, tuple[MailOwner, ...]]:
        """Find the accounts that receive mail at these addresses, twenty addresses in a round trip. Raises GraphError.

        `mail` is the first address of an account, `proxyAddresses` has all of them; Graph compares without case.
        """
        found: dict[str, tuple[MailOwner, ...]] = {}
        for some in split_into_batches(dict.fromkeys(addresses), ADDRESSES_AT_ONCE):
            parts = {str(number): mail_owner_path(address) for number, address in enumerate(some)}
            answers = self.transport.batch(parts)
            for number, address in enumerate(some):
                found[address] = parsing.mail_owners(answers[str(number)])
        return found

    def read_manager(self, object_id: str) -> Manager | None:
        """Read the current manager from the directory."""
        return parsing.parse_manager(
            self.transport.get(build_path(f"{user_path(object_id)}/manager", select=PERSON))
        )

    def read_managers(self, object_id: str, manager_id: str) -> tuple[Manager | None, Manager | None]:
        """Read the current manager of `object_id`, and of `manager_id`, in one round trip."""
        answers = self.transport.batch(
            {
                "manager": build_path(f"{user_path(object_id)}/manager", select=PERSON),
                "above": build_path(f"{user_path(manager_id)}/manager", select=PERSON),
            }
        )
        return parsing.parse_manager(answers["manager"]), parsing.parse_manager(answers["above"])

    def read_employee_numbers(self, people: Sequence[str]) -> dict[str, str]:
        """Read employee numbers by object id, of 45 people in a round trip. Accounts without one or deleted are left out."""
        found: dict[str, str] = {}
        for some in split_into_batches(dict.fromkeys(people), MOST_NUMBERS):
            parts = employee_number_paths(some)
            answers = self.transport.batch(parts) if parts else {}
            for answer in answers.values():
                parsing.refuse_unless_read(answer)
            found |= parsing.employee_numbers(answers)
        return found

    def issue_facts(
        self,
        object_id: str,
        *,
        scarce: bool = True,
        above: str = "",
        sign_ins: bool = False,
        people: Sequence[str] = (),
    ) -> Facts:
        """Read all facts that decide about a pass, in one round trip.

        One of the calls counts against the sign-in-method quota; `scarce=False` leaves it out. `above` is a
        person whose manager is read too. `sign_ins` also reads the sign-in activity, which has its own limit of ten
        calls a minute. `people` are the object ids whose employee numbers are read; more than 45 take more round trips.
        """
        user = user_path(object_id)
        methods = {"methods": f"{user}/authentication/methods"} if scarce else {}
        second = {"above": build_path(f"{user_path(above)}/manager", select=PERSON)} if above else {}
        past = {"sign_ins": build_path(user, select=SIGN_INS)} if sign_ins else {}
        shared = employee_number_paths(list(dict.fromkeys(people))[:MOST_NUMBERS]) | {
            "pass_policy": PASS_POLICY
        }
        answers = self.transport.batch(
            deciding_paths(object_id) | second | methods | shared | past, may_lack="sign_ins"
        )
        facts, rest = (
            parsing.parse_facts(answers, object_id.lower()),
            list(dict.fromkeys(people))[MOST_NUMBERS:],
        )
        return (
            replace(facts, numbers={**facts.numbers, **self.read_employee_numbers(rest)}) if rest else facts
        )

    def issue_facts_several(
        self,
        object_ids: Sequence[str],
        *,
        seconds: float,
        people: Sequence[str] = (),
        known: Mapping[str, tuple[Account, Manager | None]] | None = None,
    ) -> dict[str, Facts]:
        """Read the facts of many accounts without the scarce call: two in a round trip, a few round trips at once.

        `known` has the account and the manager of all of them, as a look-up a moment ago read them: they are not read
        again, so that three fit in a round trip. Accounts with an incomplete answer are left out. No round trip starts
        after this many seconds, or after Graph was busy or could not be reached; the remaining accounts are left out too.
        """
        until, broken = time.monotonic() + seconds, threading.Event()

        def read(some: tuple[str, ...]) -> dict[str, Facts]:
            if broken.is_set() or time.monotonic() > until:
                return {}
            try:
                return self._issue_facts_some(some, people, known or {})
            except GraphError:
                broken.set()
                return {}

        size = KNOWN_AT_ONCE if known and len(employee_number_paths(people)) < 2 else FACTS_AT_ONCE
        return self._read_at_once(read, split_into_batches(dict.fromkeys(object_ids), size))

    def _issue_facts_some(
        self,
        object_ids: Sequence[str],
        people: Sequence[str],
        known: Mapping[str, tuple[Account, Manager | None]],
    ) -> dict[str, Facts]:
        """Raises GraphError only for a problem that concerns all accounts, also the next ones."""
        paths = {
            object_id: privilege_paths(object_id) if known else deciding_paths(object_id)
            for object_id in object_ids
        }
        parts = {
            f"{object_id} {what}": path for object_id in object_ids for what, path in paths[object_id].items()
        }
        shared = employee_number_paths(people) | {"pass_policy": PASS_POLICY}
        answers = self.transport.batch(parts | shared)
        found: dict[str, Facts] = {}
        for object_id in object_ids:
            own = {what: answers[f"{object_id} {what}"] for what in paths[object_id]}
            with suppress(Refused, Incomplete):
                found[object_id] = parsing.parse_facts(
                    own | {name: answers[name] for name in shared}, object_id.lower(), known.get(object_id)
                )
        return found

    def read_sign_ins(self, object_id: str) -> SignIns:
        """Read when somebody last signed in to the account. This is one of ten calls a minute.

        Raises ReadNotPermitted if the tenant does not permit it.
        """
        answer = self.transport.get(build_path(user_path(object_id), select=SIGN_INS))
        return parsing.sign_ins_answer(answer, object_id.lower())

    def list_sign_ins(self, object_ids: Sequence[str]) -> dict[str, SignIns]:
        """Read when somebody last signed in to each of at most fifteen accounts, in one of ten calls a minute.

        Accounts that are missing in the answer are left out. Raises Refused if the tenant does not accept such a list,
        and ReadNotPermitted if it does not permit the read at all.
        """
        if not 0 < len(object_ids) <= SIGN_INS_AT_ONCE:
            raise ValueError(f"From 1 to {SIGN_INS_AT_ONCE} accounts fit in one list.")
        listed = ",".join(f"'{user_path(object_id).rpartition('/')[2]}'" for object_id in object_ids)
        answer = self.transport.get(build_path("/users", select=SIGN_INS, filter=f"id in ({listed})"))
        return parsing.sign_ins_listed(answer, {object_id.lower() for object_id in object_ids})

    @sensitive_variables()
    def create_pass(self, object_id: str, *, lifetime_minutes: int, request_id: UUID) -> CreatedPass:
        """Create one single-use pass that is valid at once. Send one POST, and never repeat it."""
        # No start time: Graph uses its own "now", so a wrong clock of ours does not matter.
        body = json.dumps({"lifetimeInMinutes": lifetime_minutes, "isUsableOnce": True}).encode()
        answer = self.transport.write_once(
            passes_path(object_id), body, kind="application/json", request_id=str(request_id)
        )
        if answer.status != 201:
            raise answer.to_write_error()
        return parsing.created_pass(answer, object_id=object_id.lower(), lifetime_minutes=lifetime_minutes)

    @sensitive_variables()
    def create_pass_unread(self, object_id: str, *, lifetime_minutes: int, request_id: UUID) -> str:
        """Create a pass as `create_pass` does, and overwrite its code, which nobody reads. Returns the id of the pass."""
        created = self.create_pass(object_id, lifetime_minutes=lifetime_minutes, request_id=request_id)
        created.code.wipe()
        return created.method_id

    def list_passes(self, object_id: str) -> tuple[LivePass, ...]:
        """List the account's passes, including used and expired ones."""
        answer = self.transport.get(passes_path(object_id))
        parsing.refuse_unless_read(answer)
        return tuple(parsing.live_pass(record) for record in answer.record().all_records())

    def read_methods(self, object_id: str) -> tuple[tuple[Method, ...], tuple[LivePass, ...]]:
        """Read the account's sign-in methods and passes, in one call of the sign-in-method quota."""
        answer = self.transport.get(f"{user_path(object_id)}/authentication/methods")
        parsing.refuse_unless_read(answer)
        return parsing.methods_and_passes(answer.record())

    def delete_pass(self, object_id: str, method_id: str) -> bool:
        """Delete a pass. Returns False on a 404: it is already gone, or not replicated everywhere yet."""
        if not IDENTIFIER.fullmatch(method_id):
            raise ValueError("This is not the id of a pass.")
        answer = self.transport.delete(f"{passes_path(object_id)}/{quote(method_id, safe='')}")
        if answer.status not in {204, 404}:
            raise answer.to_error()
        return answer.status == 204

    def send_mail(self, sender: str, message: bytes) -> None:
        """Send a whole MIME message from the sender's mailbox. Accepted means queued, not delivered."""
        answer = self.transport.write_once(
            f"{lookup_path(sender)}/sendMail", b64encode(message), kind="text/plain", request_id=str(uuid4())
        )
        if answer.status != 202:
            raise answer.to_write_error()


_lock = threading.Lock()
_client: Graph | None = None


def client() -> Graph:
    """Return this process's Graph client, created on first use."""
    global _client
    with _lock:
        if _client is None:
            _client = Graph(
                settings.GRAPH_URL,
                import_string(settings.WORKLOAD_IDENTITY)(),
                connect=settings.GRAPH_CONNECT_TIMEOUT,
                read=settings.GRAPH_READ_TIMEOUT,
                limiter=ConcurrencyLimiter(settings.GRAPH_AT_ONCE, max_waiting=settings.GRAPH_AT_THE_DOOR),
            )
        return _client


def forget_client() -> None:
    """Drop the client, so that the next use creates one with the settings of that moment."""
    global _client
    with _lock:
        _client = None


def _parse_found_account(answers: Mapping[str, Answer], name: str) -> tuple[Account, Manager | None]:
    account = parsing.found_account(answers["account"], name)
    return account, parsing.parse_manager(answers["manager"])
