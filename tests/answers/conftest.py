"""Two simulations of Microsoft with the same interface: the sandbox over real HTTP, and one within this process."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
import responses
from urllib3.util.retry import Retry

from onboarding.models import AuditEvent, Mail, PassIssue, Starter
from portal.sandbox.server import Sandbox
from tests.answers.fake_graph import IDENTITY, FakeGraph
from tests.conftest import creations, forget_everything_cached, live_passes
from tests.faults.canary import found_in
from tests.graph.graph_answers import ORIGIN, many, raw_answer, wire
from tests.promises.test_6_the_outcome_is_always_known import words

PASSES = "temporaryAccessPassMethods"


class Microsoft(Protocol):
    """The interface of both simulations: what a test can order before an action and read after it."""

    codes: list[str]
    elsewhere: str

    @property
    def asked(self) -> list[tuple[str, str]]: ...
    @property
    def strangers(self) -> list[Any]: ...
    def fault(self, **entry: Any) -> None: ...
    def live(self) -> list[str]: ...


class InTheSandbox:
    """The sandbox tenant over real HTTP. A second server plays every other host."""

    def __init__(self, sandbox: Sandbox, second_post: str, other: Any) -> None:
        self._sandbox, self._other = sandbox, other
        sandbox.tenant.second_post = second_post
        self.codes = sandbox.tenant.witness = []
        self.elsewhere = other.origin

    @property
    def asked(self) -> list[tuple[str, str]]:
        noted = list(self._sandbox.tenant.requests)
        return [(request["method"], request["path"]) for request in noted if not request["batched"]]

    @property
    def strangers(self) -> list[bytes]:
        return list(self._other.requests)

    def fault(self, **entry: Any) -> None:
        self._sandbox.tenant.faults.add(entry)

    def live(self) -> list[str]:
        return [pass_.id for pass_ in live_passes(self._sandbox)]


# Microsoft documents two ways to treat a second POST. Each simulation plays one of them, unless a test asks
# for every pair.
SANDBOX, RESPONSES = ("sandbox", "replace"), ("responses", "refuse")
PAIRS = [SANDBOX, RESPONSES, ("sandbox", "refuse"), ("responses", "replace")]


@pytest.fixture(params=[SANDBOX, RESPONSES], ids=", ".join)
def microsoft(
    request: pytest.FixtureRequest,
    tenant: Sandbox,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Microsoft]:
    """Either simulation. A followed redirect or link ends at a server that is not Microsoft's."""
    monkeypatch.setattr(Retry, "sleep", lambda *arguments: None)
    place, second_post = request.param
    if place == "sandbox":
        with wire(*[raw_answer("200 OK", many())] * 9) as other:
            yield InTheSandbox(tenant, second_post, other)
        tenant.tenant.witness = None
        return
    settings.GRAPH_URL = ORIGIN
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", IDENTITY)
    forget_everything_cached()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield FakeGraph(mock, second_post)
    assert creations(tenant) == []


@pytest.fixture
def order(microsoft: Microsoft) -> Callable[..., None]:
    """Order an answer. `{elsewhere}` in it becomes the address of another host."""

    def ordered(**entry: Any) -> None:
        microsoft.fault(**json.loads(json.dumps(entry).replace("{elsewhere}", microsoft.elsewhere)))

    return ordered


@dataclass
class Effects:
    """The requests to Microsoft, the audit events and the mails since this object was created."""

    microsoft: Microsoft
    starter: Starter
    _asked: int = field(init=False)
    _mails: set[int] = field(init=False)
    _events: int = field(init=False)

    def __post_init__(self) -> None:
        self._asked = len(self.microsoft.asked)
        self._mails = set(Mail.objects.values_list("pk", flat=True))
        self._events = AuditEvent.objects.count()

    @property
    def calls(self) -> Counter[str]:
        return Counter(name_request(*request) for request in self.microsoft.asked[self._asked :])

    @property
    def notified(self) -> set[tuple[str, str]]:
        return set(self.mails.values_list("kind", "to"))

    @property
    def mails(self) -> Any:
        return Mail.objects.exclude(pk__in=self._mails)

    @property
    def events(self) -> list[str]:
        return list(AuditEvent.objects.order_by("seq").values_list("event", flat=True))[self._events :]

    @property
    def issue(self) -> PassIssue:
        return self.starter.issues.latest("number")

    def no_pass_in(self, *pages: Any) -> None:
        """Check that no pass is in these pages, in the audit log, in a mail or in the issue."""
        kept = [
            *AuditEvent.objects.values_list("facts"),
            *Mail.objects.values_list("subject", "text", "html"),
        ]
        written = [page.content.decode() for page in pages] + [str(kept), str(vars(self.issue))]
        assert not [code for code in self.microsoft.codes for text in written if found_in(text, code)]


def seen(page: Any) -> str:
    """The main part of a page: its text and its markup."""
    return html.unescape(words(page))


def name_request(verb: str, path: str) -> str:
    """A short name for one request to Graph."""
    if PASSES in path:
        return {"POST": "make", "GET": "list", "DELETE": "delete"}[verb]
    return path.rpartition("/")[2] if verb == "POST" or path.endswith("/methods") else "read"


@pytest.fixture
def effects_of(microsoft: Microsoft) -> Callable[[Starter], Effects]:
    return lambda starter: Effects(microsoft, starter)
