"""Systems that poll read what changed, page by page, and miss nothing."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding.api import listing
from onboarding.models import Starter, Ticket
from onboarding.starters import withdrawal

pytestmark = pytest.mark.django_db
ACCOUNTS = (
    "noor.devries@contoso.example",
    "liam.byrne@contoso.example",
    "one@contoso.example",
    "two@contoso.example",
)


@pytest.fixture
def four(add):
    for number, account in enumerate(ACCOUNTS):
        assert add(ticket=f"RITM{number}", account=account).status_code == 201


def tickets(answer):
    return [starter["ticket"] for starter in answer.json()["starters"]]


def test_the_list_is_in_the_order_of_changes(four, add, call):
    add(ticket="RITM0", startTime="10:00")

    assert tickets(call("GET", "starters")) == ["RITM1", "RITM2", "RITM3", "RITM0"]


def test_a_cursor_continues_where_it_stopped(four, add, call):
    cursor = call("GET", "starters").json()["cursor"]
    assert tickets(call("GET", f"starters?cursor={cursor}")) == []

    add(ticket="RITM2", account=ACCOUNTS[2], startTime="10:00")

    assert tickets(call("GET", f"starters?cursor={cursor}")) == ["RITM2"]


def test_pages_lead_through_all(four, call, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_SIZE", 1)
    monkeypatch.setattr(listing, "MAX_SCANNED", 2)
    found, address = [], "starters"
    while address:
        answer = call("GET", address)
        found += tickets(answer)
        following = answer.json()["next"]
        address = following.removeprefix("/api/v1/") if following else None

    assert found == ["RITM0", "RITM1", "RITM2", "RITM3"]


def test_a_state_leaves_the_others_out(four, call, person):
    withdrawal.withdraw_starter(
        starter=Starter.objects.get(ticket__number="RITM1"), by=person("hanna"), reason="x"
    )

    assert tickets(call("GET", "starters?state=withdrawn")) == ["RITM1"]
    assert tickets(call("GET", "starters?state=recorded")) == ["RITM0", "RITM2", "RITM3"]


def test_since_leaves_earlier_changes_out(four, call):
    Ticket.objects.filter(number__in=["RITM0", "RITM1"]).update(changed_at=timezone.now() - timedelta(days=2))
    moment = (timezone.now() - timedelta(days=1)).isoformat()

    assert tickets(call("GET", f"starters?since={moment}")) == ["RITM2", "RITM3"]
    assert tickets(call("GET", "starters?since=2999-01-01T00:00:00Z")) == []


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "moment", ["2026-01-30T09:00:00+17:28", "2026-01-30T09:00:00-23:59", "0001-01-01T00:00:00Z"]
)
def test_since_takes_every_time_that_can_be_written(add, call, moment):
    add()

    assert tickets(call("GET", f"starters?{urlencode({'since': moment})}")) == ["RITM0000001"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("state=lost", "state"),
        ("since=yesterday", "since"),
        ("since=2026-11-30T09:00:00", "since"),
        ("since=2026-02-30T09:00:00Z", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("since=9999-12-31T23:59:59-14:00", "since"),
        ("cursor=-1", "cursor"),
        ("since=", "since"),
        ("cursor=x", "cursor"),
        ("cursor=99999999999999999999", "cursor"),
        ("cursor=" + "0" * 5000, "cursor"),
        ("page=2", "page"),
        ("state=recorded&state=invited", "state"),
    ],
)
def test_each_wrong_parameter_is_named(call, query, name):
    answer = call("GET", f"starters?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query")
    assert [error["pointer"] for error in answer.json()["errors"]] == [name]


def test_a_long_list_costs_no_more_queries(four, call, django_assert_max_num_queries):
    from django.db import connection

    call("GET", "starters")
    with CaptureQueriesContext(connection) as four_rows:
        call("GET", "starters")
    Ticket.objects.filter(number__in=["RITM1", "RITM2", "RITM3"]).update(last_event=0)
    with CaptureQueriesContext(connection) as one_row:
        call("GET", "starters")

    assert len(four_rows) == len(one_row)


def test_a_poll_before_any_change_misses_nothing_later(call, add):
    first = call("GET", "starters?since=2999-01-01T00:00:00Z").json()
    add()

    assert tickets(call("GET", f"starters?cursor={first['cursor']}")) == ["RITM0000001"]


def test_a_cursor_from_the_future_is_brought_back(call, add):
    sent = call("GET", "starters?cursor=999999999999999999").json()["cursor"]
    add()

    assert tickets(call("GET", f"starters?cursor={sent}")) == ["RITM0000001"]
