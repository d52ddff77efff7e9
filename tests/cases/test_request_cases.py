"""Requests that no browser sends by itself, and impossible proofs of sign-in."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from onboarding.models import Starter
from portal.logs.log_format import JsonFormatter
from portal.models import User
from tests.support.lying_entra import NOOR, come_back, playing_entra

pytestmark = pytest.mark.django_db

ACCESS = "portal.logs.access"  # the logger of the line that each request gets
UNREADABLE = "The portal could not read this request"
DAY = 24 * 3600
NOW = int(time.time())
START = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def entra(monkeypatch):
    with playing_entra(monkeypatch) as played:
        yield played


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


# --- S1 -----------------------------------------------------------------------------------------------------------

WRONG_TIMES = {
    "thirty days ago": NOW - 30 * DAY,
    "longer ago than a session lasts": NOW - 9 * 3600,
    "1970": 0,
    "before 1970": -1,
    "before there were years": -(10**15),
    "far before": -(10**40),
    "in an hour": NOW + 3600,
    "in the year 30000": 10**12,
    "far ahead": 10**40,
    "a fraction": NOW - 0.5,
    "words": "now",
    "true": True,
    "a list": [NOW],
    "infinite": float("inf"),
}


@pytest.mark.parametrize("auth_time", WRONG_TIMES.values(), ids=WRONG_TIMES)
def test_s1_a_sign_in_with_an_impossible_time_opens_no_session(client, entra, auth_time):
    entra.changes = {"auth_time": auth_time}

    answer = come_back(client, entra, "/signin/?next=/hr/")

    assert answer.status_code == 403
    assert not is_signed_in(client)
    assert 'href="/signin/?next=%2Fhr%2F' in text_of(answer)
    assert client.get("/").status_code == 302  # a redirect to the sign-in; no page is an error


def test_s1_after_an_old_sign_in_microsoft_asks_again(client, entra):
    entra.changes = {"auth_time": NOW - 30 * DAY}
    page = text_of(come_back(client, entra))
    address = page.partition('href="/signin/')[2].partition('"')[0].replace("&amp;", "&")

    asked = parse_qs(urlsplit(client.get(f"/signin/{address}")["Location"]).query)

    assert asked["prompt"] == ["login"]


@pytest.mark.parametrize("auth_time", WRONG_TIMES.values(), ids=WRONG_TIMES)
def test_s1_a_step_up_with_an_impossible_time_confirms_nothing(client, entra, auth_time):
    come_back(client, entra)
    before = client.session["auth_time"]
    entra.changes = {"auth_time": auth_time}

    answer = come_back(client, entra, "/signin/again/?next=/")

    assert answer.status_code == 403
    assert client.session["auth_time"] == before
    assert "/signin/again/" in text_of(answer)
    assert client.get("/starters/").status_code == 200


@pytest.mark.parametrize(
    "claims", [{"exp": float("inf")}, {"iat": float("inf")}, {"nbf": [1]}, {"exp": "soon"}], ids=str
)
def test_s1_other_impossible_times_cause_no_server_error(client, entra, claims):
    entra.changes = claims

    answer = come_back(client, entra)

    assert answer.status_code == 403
    assert not is_signed_in(client)


@pytest.mark.parametrize("kept", [-(10**15), 10**40, -(10**40), "now", None, True], ids=str)
def test_s1_a_session_with_an_impossible_time_causes_no_error(browser_of, kept):
    maria = browser_of("maria")
    session = maria.session
    session["auth_time"] = kept
    session.save()

    assert maria.get("/starters/").status_code == 200


# --- S3 -----------------------------------------------------------------------------------------------------------

ADDRESSES = {
    "next": ("", "/signin/?next=/%00"),
    "next, of somebody signed in": ("maria", "/signin/again/?next=/%00"),
    "the name of a field": ("", "/signin/?ne%00xt=/"),
    "what Microsoft answers": ("", "/signin/callback/?state=%00&code=a"),
    "HR's search": ("hanna", "/hr/?q=%00"),
    "HR's department": ("hanna", "/hr/?department=Le%00gal"),
    "HR's manager": ("hanna", "/hr/?manager=%00"),
    "HR's day": ("hanna", "/hr/?on=-0001-01-01"),
    "a day before there were days": ("hanna", "/hr/?on=0000-01-01"),
    "a day too far": ("hanna", "/hr/?on=9999-12-31"),
    "several, for a day too far": ("hanna", "/hr/several/?start_date=9999-12-31"),
    "a path": ("hanna", "/hr/%00/"),
    "a starter's path": ("maria", "/starters/%00/"),
    "a file's path": ("", "/static/%00.css"),
    "a bell": ("hanna", "/hr/?q=%07"),
    "delete": ("hanna", "/hr/?q=%7F"),
    "a control character of the second row": ("hanna", "/hr/?q=%C2%9F"),
    "no character": ("hanna", "/hr/?q=%EF%BF%BF"),
    "the administration's search": ("ada", "/admin/onboarding/starter/?q=%00"),
    "the administration's filter": ("ada", "/admin/onboarding/starter/?state=%00"),
    "a policy for a department": ("ada", "/admin/onboarding/policyversion/in-force/?department=%00"),
    "a department's form": ("ada", "/admin/onboarding/departmentpolicy/add/?department=%00"),
    "a preview of a mail": ("ada", "/admin/mails/?kind=%00&to=manager"),
    "year -1": ("ada", "/admin/onboarding/starter/?start_date__year=-1"),
    "year 0": ("ada", "/admin/onboarding/starter/?start_date__year=0"),
    "year 10000": ("ada", "/admin/onboarding/starter/?start_date__year=10000"),
    "from year -5": ("ada", "/admin/onboarding/starter/?start_date__year__gte=-5"),
    "one of these years": ("ada", "/admin/onboarding/starter/?start_date__year__in=2026,-1"),
    "a year of weeks": ("ada", "/admin/onboarding/starter/?start_date__iso_year=-1"),
    "an early date": ("ada", "/admin/onboarding/starter/?start_date=0000-00-00"),
    "a number that no table holds": ("ada", f"/admin/onboarding/starter/?start_date__month={10**30}"),
}


@pytest.mark.both_databases
@pytest.mark.parametrize(("key", "address"), ADDRESSES.values(), ids=ADDRESSES)
def test_s3_an_address_with_impossible_characters_is_refused(tenant, browser_of, key, address):
    browser = browser_of(key) if key else Client()

    answer = browser.get(address, headers={"Accept": "text/html"})

    assert answer.status_code == 400
    assert UNREADABLE in text_of(answer)
    assert "What to do" in text_of(answer)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "address",
    [
        "?start_date__year=2026",
        "?start_date__year=soon",
        "?start_date__month=13",
        "?start_date__month=-1",
        "?start_date__week=99",
        "?start_date__day=0",
        "?start_date__quarter=9",
        "?start_date__week_day=99999999999",
        "?start_date=2026-13-45",
        "?start_date__gte=soon",
        "?start_date__gte=2026-02-30",
        "?start_time__hour=99999999999",
        "?id=999999999999999999",
        "?id=99999999999999999999999999",
        "?id__in=1,x",
        "?version=999999999999",
        "?p=999999999999999999",
        "?p=-1",
        "?o=99.-99",
        "?o=x",
        "?starts_at__date=soon",
        "?starts_at__gte=2026-11-28T25:00",
        "?q=%F0%9F%98%80",
        "?q=%ED%A0%80",  # half of a surrogate pair, which Django reads as a replacement character
        "?q=%FF",
        "?q=a%09b",
        "?state__isnull=maybe",
        "?state__regex=(",
        "?recorded_by__name__regex=(",
    ],
)
def test_s3_no_filter_in_the_administration_causes_a_server_error(person, browser_of, address):
    # SQLite evaluates a filter only where there is a row.
    Starter.objects.create(
        account_name="noor@contoso.example", start_date=START.date(), start_time=START.time(), time_zone="UTC",
        recorded_by=person("hanna"),
    )  # fmt: skip

    for table in ("starter", "passissue", "job", "auditevent", "mail", "policyversion"):
        answer = browser_of("ada").get(f"/admin/onboarding/{table}/{address}")

        assert answer.status_code in {200, 302, 400}, table


@pytest.mark.both_databases
@pytest.mark.parametrize("field", ["account", "note", "version", "csrfmiddlewaretoken", "a\0field"])
def test_s3_a_form_with_a_nul_character_is_refused(tenant, browser_of, field):
    answer = browser_of("hanna").post("/hr/new/", {field: "a\0b", "step": "look"})

    assert answer.status_code == 400
    assert UNREADABLE in text_of(answer)


@pytest.mark.both_databases
def test_s3_control_characters_from_word_and_excel_are_accepted(tenant, browser_of):
    typed = "a\tb\r\nc\x0bd\x0ce\x1ef\x1fg\x85h\u2028i"

    answer = browser_of("hanna").post(
        "/hr/new/", {"account": "noor.devries@contoso.example", "note": typed, "step": "look"}
    )

    assert answer.status_code == 200


@pytest.mark.both_databases
@pytest.mark.parametrize("start_date", ["0001-01-01", "9999-12-31", "-0001-01-01", "99999-01-01", "0"])
def test_s3_an_extreme_date_is_an_error_beside_its_field(tenant, browser_of, start_date):
    body = {
        "account": "noor.devries@contoso.example",
        "start_date": start_date,
        "start_time": "09:00",
        "time_zone": "Europe/Amsterdam",
        "step": "look",
    }

    answer = browser_of("hanna").post("/hr/new/", body)

    assert answer.status_code == 200
    assert "noor.devries@contoso.example" in text_of(answer)


@pytest.mark.both_databases
@pytest.mark.parametrize("name", ["sid", "signin", "language", "other"])
def test_s3_a_cookie_with_a_nul_character_is_ignored(name):
    """If the portal refused the request, a browser with this cookie could never sign in again."""
    answer = Client().get("/", headers={"Cookie": f'{name}="\\000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'})

    assert answer.status_code == 302
    assert answer["Location"].startswith("/signin/")


@pytest.mark.both_databases
@pytest.mark.parametrize("claim", ["name", "preferred_username", "login_hint"])
@pytest.mark.parametrize("text", ["Noor\0", "Noor\ud800", "Noor\x07"], ids=["NUL", "half a pair", "a bell"])
def test_s3_a_claim_with_an_impossible_character_opens_no_session(client, entra, claim, text):
    entra.changes = {claim: text}

    answer = come_back(client, entra)

    assert answer.status_code == 400
    assert "contains a character that the portal cannot use" in text_of(answer)
    assert not is_signed_in(client)
    assert not User.objects.filter(oid=NOOR).exists()


# --- S7 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "a b", "", "localhost:8000.evil.example"])
def test_s7_an_unknown_host_is_logged_with_portal_url(client, caplog, host):
    caplog.set_level(logging.DEBUG)

    answer = client.get("/hr/", headers={"Host": host, "Accept": "text/html"})

    lines = [JsonFormatter().format(record) for record in caplog.records if record.name != ACCESS]
    assert answer.status_code == 400
    assert UNREADABLE in text_of(answer)
    assert len(lines) == 1
    assert f"PORTAL_URL is {settings.PORTAL_URL}" in lines[0]
    assert "ALLOWED_HOSTS" not in lines[0] and "Traceback" not in lines[0]
    assert len(lines[0]) < 500


def test_s7_a_load_balancer_can_check_health_by_ip(client):
    assert client.get("/livez", headers={"Host": "10.0.0.7"}).status_code == 200
