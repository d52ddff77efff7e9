"""Visitors who are not signed in leave no row in the database, and one address cannot fail without end.

One machine behind an office's address does not keep its colleagues from signing in.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client

from portal.limits import points
from portal.limits.points import MOST_POINTS, PointsLimiter, address_group, failures, sign_ins_begun
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
    return sign_ins_begun._usage[HERE].points


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


def test_500_managers_behind_one_address_sign_in_within_a_minute(entra, time_machine, seconds):
    time_machine.move_to("2026-09-01T07:00:00Z", tick=False)
    managers = [Client() for _ in range(500)]

    answers = [leave(manager, entra) | {"nonce": entra.nonce} for manager in managers]
    assert points_used() == 500
    for manager, answer in list(zip(managers, answers, strict=True))[:: 10 if plan.EACH_ONCE else 1]:
        entra.nonce = answer.pop("nonce")
        back = manager.get("/signin/callback/", answer)
        assert (back.status_code, back["Location"]) == (302, "/")

    assert points_used() == (450 if plan.EACH_ONCE else 0)  # each that is finished gives its point back
    assert sign_ins_begun.seconds_to_wait(HERE) == 0


STRAY = {"state": "made-up", "code": "x"}


def test_failures_get_429_until_the_minute_ends(entra, browser_of, settings, caplog, seconds):
    settings.TRUSTED_PROXIES = 1
    guesser, maria = Client(), browser_of("maria")
    here = {"X-Forwarded-For": f"203.0.113.9, {HERE}"}  # the first can be forged

    for _ in range(MOST_POINTS // 100):
        failed = guesser.get("/signin/callback/", STRAY, headers=A_PAGE | here)
        assert failed.status_code == 400
    failures.add(HERE, MOST_POINTS - MOST_POINTS // 100 - 1)
    assert guesser.get("/nowhere/", headers=A_PAGE | here).status_code in {302, 404}
    guesser.get("/signin/callback/", STRAY, headers=A_PAGE | here)
    refused = guesser.get("/signin/callback/", STRAY, headers=A_PAGE | here)

    assert (refused.status_code, refused["Retry-After"]) == (429, "60")
    assert "Too many requests" in refused.content.decode() and "no-store" in refused["Cache-Control"]
    assert guesser.post("/hr/new/", headers=A_PAGE | here).status_code == 429
    assert guesser.get("/livez", headers=here).status_code == 200
    assert maria.get("/starters/", headers=A_PAGE | here).status_code == 200  # she is signed in
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert Client().get("/signin/callback/", STRAY, headers=A_PAGE | elsewhere).status_code == 400
    assert [record.levelname for record in caplog.records if "limit" in record.getMessage()] == ["WARNING"]
    assert entra.asked == []  # nothing of this cost a request to Microsoft
    seconds[0] += 60
    assert guesser.get("/signin/callback/", STRAY, headers=A_PAGE | here).status_code == 400


def test_failures_of_a_stranger_delay_no_colleague(entra):
    """Behind one address: a stranger fails without end, a colleague signs in, and a starter opens the public pages."""
    failures.add(HERE, MOST_POINTS)
    stranger, colleague, starter = Client(), Client(), Client()
    assert stranger.get("/signin/callback/", STRAY, headers=A_PAGE).status_code == 429

    first = colleague.get("/starters/", headers=A_PAGE)  # the link of a mail
    assert first.status_code == 302 and first["Location"].startswith("/signin/")
    back = colleague.get("/signin/callback/", leave(colleague, entra))

    assert (back.status_code, back["Location"]) == (302, "/")
    assert starter.get("/sheet/", headers=A_PAGE).status_code == 200
    assert starter.post("/sheet/stop/", {"code": "no code"}, headers=A_PAGE).status_code == 400


def test_one_visitors_failures_do_not_block_a_started_sign_in(entra):
    """The stranger begins each sign-in with a cookie of its own, and makes up the code."""
    stranger, colleague = Client(), Client()
    entra.token_answer = (400, {"error": "invalid_grant"})
    for _ in range(5):
        assert stranger.get("/signin/callback/", leave(stranger, entra)).status_code == 403
    assert (points_used(), HERE in failures._usage) == (5, False)  # each guess keeps the point of its sign-in
    entra.token_answer = None
    begun = leave(colleague, entra)

    sign_ins_begun.add(HERE, MOST_POINTS)  # the stranger goes on
    refused = stranger.get("/signin/", headers=A_PAGE)
    back = colleague.get("/signin/callback/", begun)

    assert (refused.status_code, back.status_code) == (429, 302)  # who has begun can finish


def test_each_guess_of_a_code_needs_a_new_sign_in(entra):
    stranger = Client()
    entra.token_answer = (400, {"error": "invalid_grant"})
    answer = leave(stranger, entra)
    cookies = {name: cookie.value for name, cookie in stranger.cookies.items()}

    statuses = []
    for number in range(4):
        stranger.cookies.load(cookies)  # it keeps what a browser forgets
        statuses.append(stranger.get("/signin/callback/", answer | {"code": f"guess-{number}"}).status_code)

    assert statuses == [403, 400, 400, 400] and failures._usage[HERE].points == 3
    assert len([path for path in entra.asked if path.endswith("/token")]) == 1


def test_addresses_are_counted_by_visitor_and_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr(points, "MOST_ADDRESSES", 3)
    limiter = PointsLimiter()

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
