"""Entra's audit log in the sandbox: it needs its right, comes late, and is filtered and paged as Graph does it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from portal.sandbox.options import IDENTITY_PRINCIPAL_ID
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor

PATH = "/auditLogs/directoryAudits"


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


@pytest.fixture(autouse=True)
def clean(visitor: Visitor) -> None:
    visitor.sandbox.tenant.reset()


def test_a_pass_is_in_the_log_after_a_delay(visitor: Visitor) -> None:
    visitor.make_pass("noor")
    assert visitor.graph("GET", PATH).json()["value"] == []

    visitor.change(clock_ahead=301)

    (entry,) = visitor.graph("GET", PATH).json()["value"]
    assert entry["activityDisplayName"] == "Admin registered security info"
    assert entry["resultReason"] == "Admin registered temporary access pass method for user"
    assert entry["initiatedBy"]["app"]["servicePrincipalId"] == IDENTITY_PRINCIPAL_ID
    assert entry["initiatedBy"]["app"]["appId"] is None and entry["initiatedBy"]["user"] is None
    assert entry["targetResources"][0]["id"] == BY_KEY["noor"].object_id
    assert len(entry["activityDateTime"].partition(".")[2]) == len("1234567Z")


def test_pages_follow_each_other_while_new_entries_arrive(visitor: Visitor) -> None:
    visitor.change(log_delay=0, list_page=2)
    ids = [visitor.change(log_pass="noor")["log_pass"]["id"] for _ in range(5)]

    answer, seen = visitor.graph("GET", f"{PATH}?$top=500").json(), []
    while True:
        seen += [entry["id"] for entry in answer["value"]]
        if "@odata.nextLink" not in answer:
            break
        visitor.change(log_pass="liam")
        query = dict(parse_qsl(urlsplit(answer["@odata.nextLink"]).query))
        answer = visitor.graph("GET", PATH, params=query).json()

    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (
            "$filter=loggedByService eq 'Authentication Methods' and activityDateTime ge 2020-01-01T00:00:00Z",
            200,
        ),
        ("$filter=startswith(activityDisplayName,'Admin')", 200),
        (f"$filter=targetResources/any(t:t/id eq '{BY_KEY['noor'].object_id}')", 200),
        ("$filter=initiatedBy/app/servicePrincipalId eq 'x'", 400),  # Microsoft documents no such filter
        ("$filter=resultReason eq 'x'", 400),
        ("$filter=activityDateTime gt 2020-01-01T00:00:00Z", 400),
        ("$filter=category eq 'a' or category eq 'b'", 400),
        ("$select=id", 400),
        ("$top=1001", 400),
        ("$skiptoken=none", 400),
    ],
)
def test_only_documented_queries_are_accepted(visitor: Visitor, query: str, status: int) -> None:
    assert visitor.graph("GET", f"{PATH}?{quote(query, safe='$=')}").status_code == status


def test_the_right_and_the_shared_limit_are_needed(visitor: Visitor) -> None:
    visitor.change(tap_limit=[2, 10])
    assert [visitor.graph("GET", PATH).status_code for _ in range(3)] == [200, 200, 429]

    visitor.change(tap_limit=None, revoke=["AuditLog.Read.All"], tokens="expire")

    assert visitor.graph("GET", PATH).status_code == 403
