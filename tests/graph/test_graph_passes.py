"""Passes and methods are listed completely, and a deletion is certain. The last sign-in is read if permitted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from onboarding import graph as ours
from tests.graph.graph_answers import (
    METHOD,
    METHODS,
    NOOR,
    PASSES,
    USER,
    answering,
    error,
    graph,
    listed_pass,
    many,
    method,
)

mocked_graph = pytest.fixture(answering)
ONE = f"{PASSES}/{METHOD}"


def test_a_listed_pass_says_when_it_works(mocked_graph):
    mocked_graph.get(PASSES, json=many(listed_pass(isUsable=False, methodUsabilityReason="NotYetValid")))

    (found,) = graph().list_passes(NOOR)

    assert found == ours.LivePass(
        method_id=METHOD,
        created_at=datetime(2026, 10, 5, 6, 0, 0, 123456, tzinfo=UTC),
        starts_at=datetime(2026, 10, 5, 6, 0, 0, 765432, tzinfo=UTC),
        lifetime_minutes=60,
        usable_once=True,
        usable=False,
        reason="NotYetValid",
    )
    assert found.ends_at - found.starts_at == timedelta(hours=1)


def test_an_account_without_a_pass_has_none(mocked_graph):
    mocked_graph.get(PASSES, json=many())

    assert graph().list_passes(NOOR) == ()


def test_a_code_that_graph_would_list_is_not_kept(mocked_graph):
    mocked_graph.get(PASSES, json=many(listed_pass(temporaryAccessPass="k7+Rv&mQ")))

    assert "k7+Rv" not in repr(graph().list_passes(NOOR))


def test_an_unknown_reason_is_kept_as_it_is(mocked_graph):
    mocked_graph.get(PASSES, json=many(listed_pass(isUsable=None, methodUsabilityReason="SomethingNew")))

    (found,) = graph().list_passes(NOOR)

    assert (found.usable, found.reason) == (None, "SomethingNew")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": None},
        many(**{"@odata.nextLink": "https://evil.test/"}),
        many(listed_pass(id=None)),
        many(listed_pass(createdDateTime=None)),
        many(listed_pass(lifetimeInMinutes="60")),
        many(None),
    ],
    ids=str,
)
def test_a_truncated_list_never_counts_as_empty(mocked_graph, body):
    mocked_graph.get(PASSES, json=body)

    with pytest.raises(ours.Incomplete):
        graph().list_passes(NOOR)


@pytest.mark.usefixtures("no_collection_at_full_depth")
@pytest.mark.parametrize(
    "body", [b"", b"<html>Sign in to the proxy</html>", b"null", b"{", b"\xff", b"[" * 99999]
)
def test_a_foreign_200_never_counts_as_an_empty_list(mocked_graph, body):
    mocked_graph.get(PASSES, body=body, content_type="text/html")

    with pytest.raises(ours.Unavailable):
        graph().list_passes(NOOR)


def test_an_oversized_list_never_counts_as_empty(mocked_graph):
    mocked_graph.get(PASSES, json={"value": [], "padding": "x" * 5_000_000})

    with pytest.raises(ours.Incomplete):
        graph().list_passes(NOOR)


def test_methods_and_passes_come_from_one_call(mocked_graph):
    kind = "#microsoft.graph.temporaryAccessPassAuthenticationMethod"
    mocked_graph.get(METHODS, json=many(method("fido2"), {"@odata.type": kind, **listed_pass()}))

    methods, passes = graph().read_methods(NOOR)

    assert methods == (ours.Method("fido2", "m"),)
    assert [found.method_id for found in passes] == [METHOD]
    assert len(mocked_graph.calls) == 1


@pytest.mark.parametrize(
    "kind",
    [
        "password",
        "phone",
        "email",
        "fido2",
        "microsoftAuthenticator",
        "softwareOath",
        "hardwareOath",
        "windowsHelloForBusiness",
        "platformCredential",
        "external",
        "qrCodePin",
    ],
)
def test_every_published_method_is_read(mocked_graph, kind):
    mocked_graph.get(METHODS, json=many(method(kind)))

    assert graph().read_methods(NOOR)[0] == (ours.Method(kind, "m"),)


@pytest.mark.parametrize(
    ("read", "address"),
    [
        (lambda client: client.list_passes(NOOR), PASSES),
        (lambda client: client.read_methods(NOOR), METHODS),
        (lambda client: client.read_sign_ins(NOOR), USER),
        (lambda client: client.delete_pass(NOOR, METHOD), ONE),
    ],
    ids=["list", "methods", "sign-in", "delete"],
)
def test_a_refused_call_is_a_refusal(mocked_graph, read, address):
    for add in (mocked_graph.get, mocked_graph.delete):
        add(address, json=error("Authorization_RequestDenied", "Insufficient privileges"), status=403)

    with pytest.raises(ours.Refused) as complaint:
        read(graph())

    assert (complaint.value.reason, complaint.value.code) == ("forbidden", "Authorization_RequestDenied")


@pytest.mark.parametrize("status", [204, 404])
def test_deleting_a_missing_pass_is_no_error(mocked_graph, status):
    mocked_graph.delete(ONE, status=status)

    graph().delete_pass(NOOR, METHOD)

    assert len(mocked_graph.calls) == 1


@pytest.mark.parametrize("status", [200, 202, 302])
def test_an_odd_answer_to_a_deletion_is_no_deletion(mocked_graph, status):
    mocked_graph.delete(ONE, body=b"<html>", status=status)

    with pytest.raises(ours.Unavailable):
        graph().delete_pass(NOOR, METHOD)


@pytest.mark.parametrize("method_id", ["", "..", "a/b", "../..", "a?b", "a#b", "a b", "x" * 300, ".hidden"])
def test_only_an_id_becomes_part_of_a_deletions_path(mocked_graph, method_id):
    with pytest.raises(ValueError, match="id of a pass"):
        graph().delete_pass(NOOR, method_id)
