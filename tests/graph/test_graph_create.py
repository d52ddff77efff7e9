"""The request for a pass: every answer is a pass that works, a refusal, or unknown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
import requests
import time_machine
import urllib3

from onboarding import graph as ours
from tests.graph.graph_answers import (
    CODE,
    GRAPH_REQUEST,
    METHOD,
    NOOR,
    PASSES,
    V1,
    Tokens,
    answering,
    error,
    graph,
    made_pass,
    raw_answer,
    wire,
)

mocked_graph = pytest.fixture(answering)
REQUEST = UUID("c11e0000-0000-4000-8000-000000000001")
LIFETIME = error("badRequest", "Invalid LifetimeInMinutes specified. The valid range between 60 and 480.")
ONCE = error(
    "badRequest",
    "Invalid IsUsableOnce specified. Tenant Policy does not allow multiple use temporary access pass method.",
)
POLICY = error(
    "badRequest",
    "Converged UserCredentialPolicy does not allow creating or updating this authentication method. "
    "AuthMethodType [TemporaryAccessPass].",
)
GUEST = error("badRequest", "Temporary Access Pass cannot be added to an external guest user.")
EXISTS = error("badRequest", "A Temporary Access Pass already exists for this user.")


@pytest.fixture(autouse=True)
def now_as_answered():
    """Stop the clock at the time in the answers of this file: a pass with another start time is not shown."""
    with time_machine.travel(datetime(2026, 10, 5, 6, 0, 1, tzinfo=UTC)):
        yield


def create(tokens=None, *, minutes=60, origin=None, read=5):
    client = graph(tokens, origin, read=read) if origin else graph(tokens)
    return client.create_pass(NOOR, lifetime_minutes=minutes, request_id=REQUEST)


def test_a_pass_that_works_comes_back_with_its_times(mocked_graph):
    times = {
        "createdDateTime": "2026-10-05T06:00:00.1234567Z",
        "startDateTime": "2026-10-05T06:00:00.7654321Z",
    }
    headers = {"request-id": GRAPH_REQUEST, "Date": "Mon, 05 Oct 2026 06:00:01 GMT"}
    mocked_graph.post(PASSES, json=made_pass(**times), status=201, headers=headers)

    made = create()

    assert made.code.reveal() == CODE
    assert (made.method_id, made.lifetime_minutes, made.request_id) == (METHOD, 60, GRAPH_REQUEST)
    assert made.starts_at == datetime(2026, 10, 5, 6, 0, 0, 765432, tzinfo=UTC)
    assert made.ends_at == datetime(2026, 10, 5, 7, 0, 0, 765432, tzinfo=UTC)


def test_the_request_asks_for_a_single_use_pass_from_now(mocked_graph):
    mocked_graph.post(PASSES, json=made_pass(), status=201)

    create()

    sent = mocked_graph.calls[0].request
    assert json.loads(sent.body) == {"lifetimeInMinutes": 60, "isUsableOnce": True}
    assert sent.headers["client-request-id"] == str(REQUEST)
    assert sent.headers["Authorization"] == "Bearer token-1"
    assert sent.headers["Content-Type"] == "application/json"


def test_its_connection_is_its_own_and_closed_afterwards():
    with wire(raw_answer("201 Created", made_pass()), raw_answer("201 Created", made_pass())) as server:
        client = graph(origin=server.origin)
        client.create_pass(NOOR, lifetime_minutes=60, request_id=REQUEST)
        closed = server.closed_by_client.wait(30)
        client.create_pass(NOOR, lifetime_minutes=60, request_id=REQUEST)

    assert closed
    assert b"Connection: close" in server.requests[0]


@pytest.mark.parametrize(
    "spoiled",
    [
        {"isUsable": False, "methodUsabilityReason": "DisabledByPolicy"},
        {"isUsable": False, "methodUsabilityReason": "NotYetValid"},
        {"isUsable": None},
        {"isUsable": "true"},
        {"isUsableOnce": False},
        {"isUsableOnce": None},
        {"isUsableOnce": 1},
        {"lifetimeInMinutes": 61},
        {"lifetimeInMinutes": 0},
        {"lifetimeInMinutes": -5},
        {"lifetimeInMinutes": "60"},
        {"lifetimeInMinutes": True},
        {"lifetimeInMinutes": 1e30},
        {"lifetimeInMinutes": None},
        {"startDateTime": None},
        {"startDateTime": "soon"},
        {"startDateTime": "9999-12-31T23:59:59Z"},
        {"startDateTime": 1790000000},
        {"temporaryAccessPass": None},
        {"temporaryAccessPass": ""},
        {"temporaryAccessPass": "short77"},
        {"temporaryAccessPass": "x" * 49},
        {"temporaryAccessPass": "with space"},
        {"temporaryAccessPass": "line\nbreak"},
        {"temporaryAccessPass": "tr4iling!\n"},
        {"temporaryAccessPass": "ünïcodes"},
        {"temporaryAccessPass": "\ud800surrogate"},
        {"temporaryAccessPass": 12345678},
        {"temporaryAccessPass": ["k7Rvmmmm"]},
        {"@odata.context": f"{V1}/$metadata#users('5c0ffee0-9999-4aaa-8bbb-000000000042')/authentication"},
        {"@odata.context": f"{V1}/$metadata#users(%27ceo@contoso.example%27)/authentication"},
    ],
    ids=str,
)
def test_an_unexpected_201_is_unknown_and_names_the_pass(mocked_graph, spoiled):
    body = json.dumps(made_pass(**spoiled)).encode("utf-8", "surrogatepass")
    mocked_graph.post(PASSES, body=body, status=201, headers={"request-id": GRAPH_REQUEST})

    with pytest.raises(ours.OutcomeUnknown) as complaint:
        create()

    assert complaint.value.method_id == METHOD
    assert complaint.value.request_id == GRAPH_REQUEST
    assert complaint.value.client_request_id == str(REQUEST)
    assert_says_nothing_of_the_pass(complaint.value)


@pytest.mark.usefixtures("no_collection_at_full_depth")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"k7+Rv&mQ1"',
        b"<html><body>Welcome to our proxy</body></html>",
        b"\xff\xfe\x00\x01",
        b"[" * 60000,
        b'{"lifetimeInMinutes": ' + b"9" * 6000 + b"}",
        json.dumps(made_pass()).encode()[:-30],
        json.dumps({**made_pass(), "padding": "x" * 70000}).encode(),
        json.dumps({**made_pass(), "padding": "x" * 5_000_000}).encode(),
    ],
    ids=["empty", "null", "list", "text", "html", "bytes", "deep", "digits", "truncated", "large", "huge"],
)
def test_a_201_that_cannot_be_read_is_unknown(mocked_graph, body):
    mocked_graph.post(PASSES, body=body, status=201)

    with pytest.raises(ours.OutcomeUnknown) as complaint:
        create()

    assert complaint.value.method_id is None
    assert_says_nothing_of_the_pass(complaint.value)


@pytest.mark.parametrize("id_", [None, 7, "", "../../me", "a b", "x" * 300, "é"])
def test_an_id_that_cannot_be_used_is_not_passed_on(mocked_graph, id_):
    mocked_graph.post(PASSES, json=made_pass(id=id_), status=201)

    with pytest.raises(ours.OutcomeUnknown) as complaint:
        create()

    assert complaint.value.method_id is None


def test_a_201_without_a_context_is_still_a_pass(mocked_graph):
    mocked_graph.post(PASSES, json=made_pass(**{"@odata.context": None}), status=201)

    assert create().code.reveal() == CODE


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, LIFETIME, "lifetime"),
        (400, ONCE, "once"),
        (400, POLICY, "policy"),
        (400, GUEST, "guest"),
        (400, EXISTS, "exists"),
        (400, error("badRequest", "Something new"), "other"),
        (400, error("", ""), "other"),
        (400, {"error": "text"}, "other"),
        (400, {"error": {"code": 7, "message": ["x"], "innerError": "x"}}, "other"),
        (400, [], "other"),
        (401, error("InvalidAuthenticationToken", "expired"), "unauthorised"),
        (403, error("accessDenied", "Request Authorization failed"), "forbidden"),
        (403, error("accessDenied", "already forbidden"), "forbidden"),
        (404, error("resourceNotFound", "The requested user was not found."), "other"),
        (409, error("conflict", "x"), "exists"),
        (412, error("preconditionFailed", "x"), "other"),
        (413, error("x", "x"), "other"),
    ],
)
def test_a_definite_no_is_a_refusal_with_its_reason(mocked_graph, status, body, reason):
    mocked_graph.post(PASSES, json=body, status=status)

    with pytest.raises(ours.Refused) as complaint:
        create()

    assert (complaint.value.status, complaint.value.reason) == (status, reason)
    assert isinstance(complaint.value, ours.NotFound) is (status == 404)
    assert len(mocked_graph.calls) == 1


@pytest.mark.usefixtures("no_collection_at_full_depth")
@pytest.mark.parametrize("body", [b"", b"<html>Forbidden</html>", b"\x00", b"[" * 60000, b"x" * 200_000])
def test_a_refusal_needs_no_readable_body(mocked_graph, body):
    mocked_graph.post(PASSES, body=body, status=403)

    with pytest.raises(ours.Refused) as complaint:
        create()

    assert complaint.value.reason == "forbidden"


def test_a_refusal_keeps_graphs_code_but_not_its_text(mocked_graph):
    mocked_graph.post(PASSES, json=error("badRequest", "Invalid LifetimeInMinutes. SECRET TEXT"), status=400)

    with pytest.raises(ours.Refused) as complaint:
        create()

    assert complaint.value.code == "badRequest"
    assert complaint.value.request_id == GRAPH_REQUEST
    assert complaint.value.client_request_id == str(REQUEST)
    assert "SECRET" not in repr(vars(complaint.value)) + str(complaint.value)


@pytest.mark.parametrize("code", ["a b", "line\r\nbreak", "<script>", "x" * 500, "\x1b[31m"])
def test_an_error_code_that_is_not_one_is_dropped(mocked_graph, code):
    mocked_graph.post(PASSES, json=error(code, "x"), status=400, headers={"request-id": "not an id"})

    with pytest.raises(ours.Refused) as complaint:
        create()

    assert (complaint.value.code, complaint.value.request_id) == ("", GRAPH_REQUEST)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 12 ", 12),
        ("0", 1),
        ("3600", 3600),
        ("99999999999999999999", 3600),
        ("-3", 2),
        ("1.5", 2),
        ("soon", 2),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600),
        ("Fri, 99 Foo 2100 00:00:00 GMT", 2),
        (None, 2),
    ],
)
def test_a_throttled_request_names_its_retry_after(mocked_graph, header, seconds):
    headers = {} if header is None else {"Retry-After": header}
    mocked_graph.post(PASSES, json=error("TooManyRequests", "x"), status=429, headers=headers)

    with pytest.raises(ours.Throttled) as complaint:
        create()

    assert complaint.value.retry_after == seconds
    assert len(mocked_graph.calls) == 1


@pytest.mark.parametrize("status", [200, 202, 204, 301, 302, 307, 308, 408, 499, 500, 502, 503, 504, 599])
def test_any_other_answer_is_unknown_and_never_asked_again(mocked_graph, status):
    headers = {"Location": f"{V1}/elsewhere", "Retry-After": "1"}
    mocked_graph.post(PASSES, body=b"<html>", status=status, headers=headers)

    with pytest.raises(ours.OutcomeUnknown):
        create()

    assert len(mocked_graph.calls) == 1


def test_a_401_clears_the_token_and_is_not_retried(mocked_graph):
    tokens = Tokens()
    mocked_graph.post(PASSES, json=error("InvalidAuthenticationToken", "x"), status=401)

    with pytest.raises(ours.Refused):
        create(tokens)

    assert len(mocked_graph.calls) == 1
    assert tokens.number == 2


def test_without_a_token_nothing_is_sent(mocked_graph):
    tokens = Tokens()
    tokens.broken = True

    with pytest.raises(ours.Unavailable, match="managed identity"):
        create(tokens)

    assert len(mocked_graph.calls) == 0


@pytest.mark.parametrize(
    "failure",
    [
        requests.ReadTimeout("read"),
        requests.ConnectionError("reset"),
        requests.exceptions.SSLError("bad record"),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.exceptions.ContentDecodingError("zip"),
        urllib3.exceptions.ProtocolError("cut"),
        RuntimeError("something nobody thought of"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_failure_after_the_request_may_have_left_is_unknown(mocked_graph, failure):
    mocked_graph.post(PASSES, body=failure)

    with pytest.raises(ours.OutcomeUnknown) as complaint:
        create()

    assert complaint.value.client_request_id == str(REQUEST)
    assert complaint.value.__context__ is None


@pytest.mark.parametrize(
    "failure",
    [requests.ConnectTimeout("no"), requests.exceptions.ProxyError("no")],
    ids=lambda failure: type(failure).__name__,
)
def test_a_failure_to_connect_means_that_nothing_was_sent(mocked_graph, failure):
    mocked_graph.post(PASSES, body=failure)

    with pytest.raises(ours.Unavailable):
        create()


def test_a_closed_port_means_that_nothing_was_sent():
    with wire() as server:
        nobody_there = server.origin

    with pytest.raises(ours.Unavailable):
        create(origin=nobody_there)


def test_a_connection_lost_after_sending_is_unknown():
    with wire(None, None) as server, pytest.raises(ours.OutcomeUnknown):
        create(origin=server.origin)

    assert len(server.requests) == 1


def test_an_answer_cut_off_in_its_middle_is_unknown():
    cut = raw_answer("201 Created", made_pass())[:-40]

    with wire(cut, None) as server, pytest.raises(ours.OutcomeUnknown):
        create(origin=server.origin, read=1)

    assert len(server.requests) == 1


def assert_says_nothing_of_the_pass(complaint: BaseException) -> None:
    assert complaint.__context__ is None
    assert complaint.__cause__ is None
    for part in (CODE, CODE[:6]):
        assert part not in str(complaint) + repr(vars(complaint))
