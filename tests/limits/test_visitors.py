"""Visitors who are not signed in leave no row in the database, and one address cannot ask without end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client

from portal.limits import points
from portal.limits.points import MOST_POINTS, address_group, limiter
from tests.site.who_may_what import routes
from tests.support import plan
from tests.support.lying_entra import leave, playing_entra

pytestmark = pytest.mark.django_db
A_PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def entra(monkeypatch):
    with playing_entra(monkeypatch) as played:
        yield played


@pytest.fixture
def seconds(monkeypatch):
    """The limiter's clock, in one place of a list."""
    now = [1000.0]
    monkeypatch.setattr(points, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


HERE = "127.0.0.1"


def points_used() -> int:
    return limiter._usage[HERE].points


def count_rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        counts = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
            counts[table] = cursor.fetchone()[0]
    return counts


def test_s5_no_request_of_a_visitor_leaves_a_row(entra, settings):
    before, visitor = count_rows(), Client(enforce_csrf_checks=True)
    form = {"account": "noor.devries@contoso.example", "note": "x", "csrfmiddlewaretoken": "t" * 32}

    for _ in range(3):
        visitor.get("/signin/", {"next": "/" + "a" * 1900}, headers=A_PAGE)
        visitor.get("/signin/callback/", {"state": "made-up", "code": "x"}, headers=A_PAGE)
        offered = visitor.post(
            "/hr/new/",
            form,
            headers=A_PAGE | {"Origin": settings.PORTAL_URL, "Referer": f"{settings.PORTAL_URL}/hr/new/"},
        )
    for route in routes():
        if not route.parameters:
            for method in ("get", "post", "put", "delete"):
                getattr(visitor, method)(route.address({}), headers=A_PAGE)

    assert (
        offered.status_code == 403 and "Send again" in offered.content.decode()
    )  # what was typed is still kept
    assert count_rows() == before
    assert settings.SESSION_COOKIE_NAME not in visitor.cookies


def test_500_managers_behind_one_address_sign_in_within_a_minute(entra, time_machine):
    time_machine.move_to("2026-09-01T07:00:00Z", tick=False)
    managers = [Client() for _ in range(500)]

    answers = [leave(manager, entra) | {"nonce": entra.nonce} for manager in managers]
    assert points_used() == 500
    for manager, answer in list(zip(managers, answers, strict=True))[:: 10 if plan.EACH_ONCE else 1]:
        entra.nonce = answer.pop("nonce")
        back = manager.get("/signin/callback/", answer)
        assert (back.status_code, back["Location"]) == (302, "/")

    assert points_used() == (450 if plan.EACH_ONCE else 0)  # each that is finished gives its point back
    assert limiter.seconds_to_wait(HERE) == 0


def test_address_without_points_gets_429_until_its_minute_ends(entra, browser_of, settings, caplog, seconds):
    settings.TRUSTED_PROXIES = 1
    guesser, elsewhere, maria = Client(), Client(), browser_of("maria")
    here = {"X-Forwarded-For": f"203.0.113.9, {HERE}"}  # the first can be forged

    for _ in range(MOST_POINTS // 10):
        failed = guesser.get("/signin/callback/", {"state": "made-up", "code": "x"}, headers=A_PAGE | here)
        assert failed.status_code == 400
    refused = guesser.get("/signin/", headers=A_PAGE | here)

    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Too many requests" in refused.content.decode() and "no-store" in refused["Cache-Control"]
    assert guesser.get("/livez", headers=here).status_code == 200
    assert maria.get("/starters/", headers=A_PAGE | here).status_code == 200  # she is signed in
    assert elsewhere.get("/signin/", headers=A_PAGE | {"X-Forwarded-For": "203.0.113.9"}).status_code == 302
    assert [record.levelname for record in caplog.records if "limit" in record.getMessage()] == ["WARNING"]
    seconds[0] += 60
    assert guesser.get("/signin/", headers=A_PAGE | here).status_code == 302


def test_addresses_are_counted_by_visitor_and_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr(points, "MOST_ADDRESSES", 3)

    for address in (
        "2001:db8::1",
        "2001:db8::ffff",
        "::ffff:192.0.2.1",
        "192.0.2.1",
        "not an address",
        "192.0.2.2",
    ):
        limiter.add(address, 1)

    assert {group: usage.points for group, usage in limiter._usage.items()} == {
        "192.0.2.1": 2,
        "": 1,
        "192.0.2.2": 1,
    }
    assert address_group("2001:db8::1") == address_group("2001:db8::ffff") == "2001:db8::/64"
