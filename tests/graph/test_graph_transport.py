"""Safe requests are retried with a delay. The token is sent to Graph only."""

from __future__ import annotations

import gzip
import json
import ssl
import time
from types import SimpleNamespace

import pytest
import requests
from urllib3.exceptions import MaxRetryError, SSLError
from urllib3.util.retry import Retry

from onboarding import graph as ours
from onboarding.graph import transport
from onboarding.graph.transport import was_never_sent
from tests.graph.graph_answers import (
    BATCH,
    GRAPH_REQUEST,
    METHOD,
    NOOR,
    PASSES,
    Tokens,
    answering,
    batch,
    error,
    graph,
    listed_pass,
    many,
    parts,
    raw_answer,
    wire,
)

mocked_graph = pytest.fixture(answering)
READS = [
    ("GET", PASSES, lambda client: client.list_passes(NOOR), many()),
    ("POST", BATCH, lambda client: client.issue_facts(NOOR), batch(parts())),
    ("DELETE", f"{PASSES}/{METHOD}", lambda client: client.delete_pass(NOOR, METHOD), None),
]
every_read = pytest.mark.parametrize(
    ("verb", "address", "read", "body"), READS, ids=["get", "batch", "delete"]
)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(Retry, "sleep", lambda *arguments: None)


@every_read
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(mocked_graph, verb, address, read, body, status):
    mocked_graph.add(verb, address, body=b"<html>", status=status)
    mocked_graph.add(verb, address, json=body, status=204 if body is None else 200)

    read(graph())

    assert len(mocked_graph.calls) == 2


@every_read
def test_a_lasting_failure_is_given_up(mocked_graph, verb, address, read, body):
    mocked_graph.add(verb, address, body=b"", status=503, headers={"request-id": GRAPH_REQUEST})

    with pytest.raises(ours.Unavailable) as complaint:
        read(graph())

    assert len(mocked_graph.calls) == 4
    assert complaint.value.request_id == GRAPH_REQUEST
    assert complaint.value.client_request_id == mocked_graph.calls[0].request.headers["client-request-id"]


@every_read
@pytest.mark.parametrize(("status", "kind"), [(429, ours.Throttled), (503, ours.Unavailable)])
def test_no_retry_is_sent_before_retry_after(mocked_graph, verb, address, read, body, status, kind):
    mocked_graph.add(verb, address, json={}, status=status, headers={"Retry-After": "30"})

    with pytest.raises(kind):
        read(graph())

    assert len(mocked_graph.calls) == 1


@every_read
def test_a_throttled_call_without_a_time_is_not_hammered(mocked_graph, verb, address, read, body):
    mocked_graph.add(verb, address, json={}, status=429)

    with pytest.raises(ours.Throttled) as complaint:
        read(graph())

    assert complaint.value.retry_after == 2
    assert len(mocked_graph.calls) == 1


@every_read
def test_a_401_gets_one_more_try_with_a_fresh_token(mocked_graph, verb, address, read, body):
    mocked_graph.add(verb, address, json=error("InvalidAuthenticationToken", "x"), status=401)
    mocked_graph.add(verb, address, json=body, status=204 if body is None else 200)

    read(graph())

    sent = [call.request.headers["Authorization"] for call in mocked_graph.calls]
    assert sent == ["Bearer token-1", "Bearer token-2"]


@every_read
def test_a_second_401_is_a_refusal(mocked_graph, verb, address, read, body):
    mocked_graph.add(verb, address, json=error("InvalidAuthenticationToken", "x"), status=401)

    with pytest.raises(ours.Refused) as complaint:
        read(graph())

    assert complaint.value.reason == "unauthorised"
    assert len(mocked_graph.calls) == 2


@every_read
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(mocked_graph, verb, address, read, body, status):
    mocked_graph.add(verb, address, status=status, headers={"Location": "https://evil.test/"})

    with pytest.raises(ours.Unavailable):
        read(graph())

    assert len(mocked_graph.calls) == 1


@every_read
@pytest.mark.parametrize(
    "failure",
    [requests.ConnectTimeout("no"), requests.ReadTimeout("no"), requests.ConnectionError("at 10.0.0.9:3128")],
    ids=lambda failure: type(failure).__name__,
)
def test_no_answer_is_unavailable_and_tells_no_addresses(mocked_graph, verb, address, read, body, failure):
    mocked_graph.add(verb, address, body=failure)

    with pytest.raises(ours.Unavailable) as complaint:
        read(graph())

    assert "10.0.0.9" not in str(complaint.value)
    assert complaint.value.__context__ is None


@every_read
def test_without_a_token_nothing_is_asked(mocked_graph, verb, address, read, body):
    tokens = Tokens()
    tokens.broken = True

    with pytest.raises(ours.Unavailable, match="did not issue a token"):
        read(graph(tokens))

    assert len(mocked_graph.calls) == 0


def test_each_request_has_an_id_of_its_own(mocked_graph):
    mocked_graph.get(PASSES, json=many())
    client = graph()

    client.list_passes(NOOR)
    client.list_passes(NOOR)

    assert len({call.request.headers["client-request-id"] for call in mocked_graph.calls}) == 2


def test_a_netrc_file_does_not_replace_the_token(mocked_graph, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine graph.test login someone password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    mocked_graph.get(PASSES, json=many())

    graph().list_passes(NOOR)

    assert mocked_graph.calls[0].request.headers["Authorization"] == "Bearer token-1"


def test_a_local_graph_is_called_without_a_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    with wire(raw_answer("200 OK", many()), None) as server:
        assert graph(origin=server.origin).list_passes(NOOR) == ()


def test_reads_share_a_connection_and_cookies_are_not_kept():
    answer = raw_answer("200 OK", many(listed_pass()), "Set-Cookie: who=me; Path=/")

    with wire(answer, answer, None) as server:
        client = graph(origin=server.origin)
        client.list_passes(NOOR)
        client.list_passes(NOOR)
        connections = server.connections

    assert connections == 1
    assert b"Cookie" not in server.requests[1]


def test_a_get_whose_connection_breaks_is_unavailable():
    with wire(None, None) as server, pytest.raises(ours.Unavailable):
        graph(origin=server.origin).list_passes(NOOR)


def test_a_silent_server_is_given_up_in_time():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"

    with wire(head, None) as server:
        started = time.monotonic()
        with pytest.raises(ours.Unavailable):
            graph(origin=server.origin, read=0.3).list_passes(NOOR)

    assert time.monotonic() - started < 30


def test_a_trickling_answer_is_given_up_in_time(monkeypatch):
    clock = iter(range(0, 100000, 4))
    monkeypatch.setattr("onboarding.graph.transport.time.monotonic", lambda: next(clock))

    with wire(raw_answer("200 OK", many())) as server, pytest.raises(ours.Unavailable):
        graph(origin=server.origin, read=3).list_passes(NOOR)


def test_a_compressed_answer_is_read(mocked_graph):
    body = gzip.compress(json.dumps(many()).encode())
    mocked_graph.get(PASSES, body=body, headers={"Content-Encoding": "gzip"})

    assert graph().list_passes(NOOR) == ()


def test_a_compressed_bomb_is_not_unpacked(mocked_graph):
    body = gzip.compress(b" " * 50_000_000)
    mocked_graph.get(PASSES, body=body, headers={"Content-Encoding": "gzip"})

    with pytest.raises(ours.Incomplete):
        graph().list_passes(NOOR)


def test_a_bad_certificate_means_that_nothing_was_sent():
    def wrapped(reason):
        return requests.exceptions.SSLError(MaxRetryError(None, "/", SSLError(reason)))

    assert was_never_sent(wrapped(ssl.SSLCertVerificationError("self-signed")))
    assert not was_never_sent(wrapped(ssl.SSLError("bad record mac")))


def test_a_slow_body_counts_as_a_lost_answer():
    """Either timeout can end the request: that of the connection, or the deadline of the whole body."""
    dripping = SimpleNamespace(raw=SimpleNamespace(read1=lambda *_, **__: b" "))

    with pytest.raises(requests.ReadTimeout):
        transport._read_body(dripping, limit=1_000_000, seconds=-1)
