"""What a request costs does not grow with the number of starters."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding import audit
from onboarding.audit import codes
from onboarding.models import AuditCode, AuditDetail, AuditEvent, AuditHead, Ticket
from tests.api.conftest import SERVICENOW
from tests.benchmark.many import EVENT_COLUMNS, events, statements, tickets_statement
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
MANY = 300


@pytest.fixture
def many(person):
    """Write starters with tickets, as `make bench` does."""

    def write() -> None:
        on_postgresql = connection.vendor == "postgresql"
        head = AuditHead.objects.get()
        written = [
            dict(zip(EVENT_COLUMNS, row, strict=True))
            for row in events(range(MANY), "servicenow", head.seq, head.hash)
        ]
        with connection.cursor() as cursor:
            for statement in statements(0, MANY, person("hanna").pk, on_postgresql=on_postgresql):
                cursor.execute(statement)
            for row in written:
                names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
                cursor.execute(
                    f"INSERT INTO onboarding_auditevent ({names}) VALUES ({marks})",  # noqa: S608
                    list(row.values()),
                )
            cursor.execute(tickets_statement(0, MANY, "servicenow", SERVICENOW, on_postgresql=on_postgresql))
        AuditDetail.objects.bulk_create(AuditDetail(event_id=row["seq"], salt="salt") for row in written)
        key = head.key or codes.create_key()
        AuditCode.objects.bulk_create(codes.make_code(AuditEvent(**row), key, {}) for row in written)
        AuditHead.objects.update(seq=written[-1]["seq"], hash=written[-1]["hash"], key=key)

    return write


def count_queries(send) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert send().status_code in {200, 201}
    return len(queries)


def test_a_new_starter_costs_the_same_among_many(add, many):
    add()
    few = count_queries(lambda: add(ticket="RITM1", account="one@contoso.example"))
    many()

    assert count_queries(lambda: add(ticket="RITM2", account="two@contoso.example")) == few


def test_a_repeated_ticket_costs_the_same_among_many(add, many):
    add()
    few = count_queries(add)
    many()

    assert count_queries(add) == few


@pytest.mark.parametrize("query", ["", "?cursor={late}", "?state=withdrawn", "?since={moment}"])
def test_a_page_costs_the_same_among_many(add, call, many, query):
    add()
    few = count_queries(lambda: call("GET", "starters" + query.format(late=0, moment="2026-01-01T00:00:00Z")))
    many()
    late = Ticket.objects.order_by("-last_event")[60]
    moment = f"{Ticket.objects.earliest('changed_at').changed_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    path = "starters" + query.format(late=late.last_event, moment=moment)

    assert count_queries(lambda: call("GET", path)) == few
    assert len(call("GET", path).json()["starters"]) > 1


def test_a_page_reads_only_the_rows_that_it_needs(many, call, monkeypatch):
    many()
    read = []
    made = Ticket.from_db.__func__
    monkeypatch.setattr(
        Ticket, "from_db", classmethod(lambda model, *row: read.append(row) or made(model, *row))
    )

    assert len(call("GET", "starters").json()["starters"]) == 50
    assert len(read) == 51


def test_a_requester_costs_no_further_round_trip(add, tenant):
    def count_trips(**changes: str) -> int:
        before = len(tenant.tenant.requests)
        assert add(**changes).status_code == 201
        return sum(request["path"].endswith("/$batch") for request in list(tenant.tenant.requests)[before:])

    alone = count_trips()
    emma = BY_KEY["emma"].object_id

    assert count_trips(ticket="RITM1", account=emma, requestedBy=BY_KEY["henry"].object_id) == alone == 2


def test_the_thousands_that_are_measured_are_tickets_like_any_other(many, call):
    many()

    written = Ticket.objects.get(number="BENCH-000000000097")
    written.full_clean(exclude=["note", "requested_by"])
    assert AuditEvent.objects.get(seq=written.last_event).starter == written.starter.public_id
    assert list(audit.verify_chain()) == []
    assert call("GET", "starters/servicenow/BENCH-000000000097").json()["acceptance"] == "accepted"
