"""A server that answers byte by byte without end blocks a request no longer than a silent one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from onboarding import graph
from onboarding.graph.client import Graph
from onboarding.models import Starter
from portal import identity
from tests.answers.conftest import seen
from tests.conftest import creations, forget_everything_cached, live_passes
from tests.graph.graph_answers import dripping
from tests.promises.test_6_the_outcome_is_always_known import form_of, page_of

pytestmark = pytest.mark.django_db

LIMIT = 0.4
IN_TIME = 10  # a margin for a busy machine; the server would send for half a minute
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 60000\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\x03"
DRIPS = {
    "the status line": (b"HTTP/1.1 201 ", b"C"),
    "a header": (HEAD + b"X-Padding: ", b"x"),
    "one header after the other": (HEAD, b"X: y\r\n"),
    "the body, of a length": (HEAD + b"Content-Length: 60000\r\n\r\n", b" "),
    "the body, of no length": (HEAD + b"\r\n", b" "),
    "the size of a chunk": (CHUNKED + b"1;", b"x"),
    "one chunk after the other": (CHUNKED, b"1\r\n \r\n"),
    "a trailer": (CHUNKED + b"0\r\nX: ", b"x"),
    "what a decoder swallows": (GZIP, b"n"),
}
every_drip = pytest.mark.parametrize(("head", "drop"), DRIPS.values(), ids=DRIPS)
READ = ["the status line", "the body, of a length", "the size of a chunk"]
drips_of_a_read = pytest.mark.parametrize(("head", "drop"), [DRIPS[name] for name in READ], ids=READ)


@pytest.fixture
def answered_by(
    settings: Any, tenant: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], list[float]]:
    """Send one call to Graph to another server. Returns the seconds that it took."""

    def answered(call: str, origin: str) -> list[float]:
        took, real = [], getattr(Graph, call)

        def elsewhere(self: Graph, *args: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(Graph, call, real)
            settings.GRAPH_URL, settings.GRAPH_READ_TIMEOUT = origin, LIMIT
            graph.forget_client()
            impatient = graph.client()
            settings.GRAPH_READ_TIMEOUT = 15
            impatient.ensure_token()  # the tenant itself issues the token, without this deadline
            started = time.monotonic()
            try:
                return getattr(impatient, call)(*args, **kwargs)
            finally:
                took.append(time.monotonic() - started)
                settings.GRAPH_URL = tenant.url
                forget_everything_cached()

        monkeypatch.setattr(Graph, call, elsewhere)
        return took

    return answered


@every_drip
def test_a_dripping_answer_to_the_post_is_a_lost_one(
    tenant: Any, answered_by: Any, invite: Any, browser_of: Any, time_passes: Any, head: bytes, drop: bytes
) -> None:
    starter = invite("noor")
    with dripping(head, drop) as origin:
        took = answered_by("create_pass", origin)

        page = browser_of("maria").post(page_of(starter), form_of(starter))

    assert took[0] < IN_TIME
    assert (page.status_code, "Microsoft’s answer did not reach the portal." in seen(page)) == (503, True)
    assert creations(tenant) == []
    time_passes(timedelta(minutes=4))
    assert starter.issues.get().state == "void"
    assert "data-pass" in seen(browser_of("maria").post(page_of(starter), form_of(starter)))
    assert len(live_passes(tenant)) == 1


@drips_of_a_read
def test_a_dripping_answer_to_the_read_before_it_stops_there(
    tenant: Any, answered_by: Any, invite: Any, browser_of: Any, head: bytes, drop: bytes
) -> None:
    starter: Starter = invite("noor")
    with dripping(head.replace(b"201 Created", b"200 OK"), drop) as origin:
        took = answered_by("issue_facts", origin)

        page = browser_of("maria").post(page_of(starter), form_of(starter))

    assert took[0] < IN_TIME
    assert (page.status_code, "could not check the account" in seen(page)) == (503, True)
    assert (creations(tenant), starter.issues.count()) == ([], 0)


@drips_of_a_read
def test_a_dripping_list_keeps_no_worker_from_finding_the_pass(
    tenant: Any, answered_by: Any, invite: Any, browser_of: Any, time_passes: Any, head: bytes, drop: bytes
) -> None:
    starter = invite("noor")
    tenant.tenant.faults.add({"method": "POST", "path": "temporaryAccessPassMethods", "drop": "after"})
    browser_of("maria").post(page_of(starter), form_of(starter))
    with dripping(head.replace(b"201 Created", b"200 OK"), drop) as origin:
        took = answered_by("list_passes", origin)

        time_passes(timedelta(minutes=4))

    assert took[0] < IN_TIME
    assert starter.issues.get().state == "revoked"
    assert live_passes(tenant) == []


@drips_of_a_read
def test_a_slow_token_endpoint_is_given_up_in_time(
    settings: Any, monkeypatch: pytest.MonkeyPatch, head: bytes, drop: bytes
) -> None:
    settings.GRAPH_READ_TIMEOUT = LIMIT
    with dripping(head.replace(b"201 Created", b"200 OK"), drop) as origin:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", origin)
        forget_everything_cached()
        started = time.monotonic()

        with pytest.raises(identity.TokenUnavailable):
            identity.workload_identity().graph_token()

    assert time.monotonic() - started < IN_TIME
    forget_everything_cached()
