"""What managers see, and what the portal logs, from outside."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

from onboarding import policy
from onboarding.models import Starter, Turn
from onboarding.passes import graph_quota
from portal.demo.process import running_demo
from portal.demo.visitor import Visitor, shown_pass
from tests.conftest import BY_KEY, ZONE
from tests.support.lying_entra import begun_sign_ins

pytestmark = pytest.mark.django_db


def words_of(answer) -> str:
    """The words of a page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def ask_for_a_pass(browser, starter):
    """Fill in what the page shows, as the manager does."""
    page = browser.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    return browser.post(f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen})


# --- The manager did not see the pass -----------------------------------------------------------------------------


def test_p5_a_pass_not_seen_needs_nothing_from_hr(invite, browser_of, run_jobs):
    starter, maria, hanna = invite("noor"), browser_of("maria"), browser_of("hanna")
    ask_for_a_pass(maria, starter)
    issue = starter.issues.get()

    maria.post(f"/starters/{starter.public_id}/{issue.pk}/not-seen/")
    at_once = words_of(hanna.get("/hr/day/")), words_of(hanna.get(f"/hr/{starter.public_id}/"))
    run_jobs()
    afterwards = words_of(hanna.get("/hr/day/")), words_of(hanna.get(f"/hr/{starter.public_id}/"))

    assert starter.issues.get().state == "revoked"
    for page in (*at_once, *afterwards):
        assert "did not confirm that the pass arrived" not in page
        assert "waiting for HR" not in page
    assert "Noor de Vries" not in words_of(hanna.get("/hr/?state=problem"))


# --- A page that updates automatically ----------------------------------------------------------------------------


def test_o15_a_page_that_updates_automatically_writes_no_warning(tmp_path: Path):
    with (
        (tmp_path / "log").open("w+") as log,
        running_demo("--throttle", "off", complaints=log.fileno(), LOG_LEVEL="WARNING") as demo,
    ):
        maria = Visitor(demo.portal_url)
        maria.sign_in("maria")
        style = re.search(r'href="(/static/[^"]+[.]css)"', maria.page.text)[1]
        for path in ("/starters/", "/sheet/", "/livez", style):
            answer = maria.http.head(f"{demo.portal_url}{path}", timeout=60)
            assert answer.ok and answer.content == b""
        log.seek(0)
        assert log.read() == ""


# --- The queue for Microsoft's limit ------------------------------------------------------------------------------


@pytest.fixture
def thirty_of(tenant, person, worker_alive):
    """Thirty invited starters of one manager, each read by the worker, as rows of a busy morning."""

    def made(manager: str) -> list[Starter]:
        added = [
            {"key": f"n{number}", "name": f"N{number} Jansen", "manager": manager} for number in range(30)
        ]
        requests.post(f"{tenant.url}/_control/change", json={"add": added}, timeout=60)
        now = datetime.now(ZoneInfo(ZONE))
        rows = [
            Starter(
                account_name=f"n{number}@contoso.example", account_id=tenant.tenant.accounts[f"n{number}"].id,
                state="invited", start_date=now.date(), start_time=now.time().replace(microsecond=0),
                time_zone=ZONE, recorded_by=person("hanna"), manager_id=person(manager).oid,
                seen={"manager_id": person(manager).oid}, sign_in_looked_at=now, sign_in_told=True,
            )
            for number in range(30)
        ]  # fmt: skip
        for row in rows:
            row.save()
        return rows

    return made


def test_s9_requests_that_will_be_refused_take_no_queue_position(thirty_of, invite, browser_of):
    """Amir is an admin, so none of his thirty requests can create a pass."""
    starters, amir, maria, noor = thirty_of("amir"), browser_of("amir"), browser_of("maria"), invite("noor")

    answers = [ask_by_hand(amir, starter) for starter in starters]
    page = ask_for_a_pass(maria, noor)

    assert [answer.status_code for answer in answers] == [403] * 30
    assert not Turn.objects.filter(person__oid=BY_KEY["amir"].object_id).exists()
    assert shown_pass(page.content.decode()) or "You are next." in words_of(page)


def test_s9_one_manager_holds_at_most_three_queue_positions(thirty_of, browser_of):
    starters, tom = thirty_of("tom"), browser_of("tom")
    graph_quota.acquire_for_worker(5, yields=False)

    pages = [words_of(ask_by_hand(tom, starter)) for starter in starters]

    refused = [page for page in pages if "You are already in the queue for three starters" in page]
    waiting = [page for page in pages if page not in refused]
    assert len(refused) == 27
    assert all("in the queue" in page or "You are next." in page for page in waiting)
    assert Turn.objects.count() == 3


def ask_by_hand(browser, starter):
    """Send the request like a manager's own script, without the page."""
    fields = {"identity_check": "in_person", "version": starter.version, "policy": policy.for_site().number}
    return browser.post(f"/starters/{starter.public_id}/", fields)


# --- The wrong account --------------------------------------------------------------------------------------------


def test_p4_switching_from_the_wrong_account_returns_to_the_link(client, tenant, invite, browser_of):
    starter, tom = invite("noor"), browser_of("tom")
    link = f"/starters/{starter.public_id}/"

    page = tom.get(link)
    there = words_of(page)
    nowhere = words_of(tom.get("/starters/AAAAAAAAAAAAAAAAAAAAAA/"))
    switch = html.unescape(re.search(r'class="button primary" href="([^"]+)"', page.content.decode())[1])
    away = tom.get(switch)

    assert page.status_code == 404
    assert "Page not found" in there
    assert "Only the starter’s current manager or stand-in can open this link." in there
    assert "You are signed in as Tom Becker" in " ".join(there.split())
    assert there == nowhere  # the page does not reveal whether the starter exists
    assert away.status_code == 302 and "prompt=select_account" in away["Location"]
    assert [begun["next_path"] for begun in begun_sign_ins(tom)] == [link]


# --- Many starters ------------------------------------------------------------------------------------------------


@pytest.fixture
def sixty_seven(person):
    """Sixty-seven starters of Maria: 20 of last month, 45 to come, one of now and one who was missed."""
    now = datetime.now(ZoneInfo(ZONE)).replace(microsecond=0)

    def add(name: str, when: datetime, state: str = "invited", **more) -> None:
        key = name.lower().replace(" ", "")
        Starter.objects.create(
            account_name=f"{key}@contoso.example", account_id=f"id-{key}", display_name=name, state=state,
            start_date=when.date(), start_time=when.time(), time_zone=ZONE, recorded_by=person("hanna"),
            manager_id=person("maria").oid, **more,
        )  # fmt: skip

    for number in range(20):
        add(f"Past {number:02}", now - timedelta(days=30 + number), state="registered")
    for number in range(45):
        add(f"Coming {number:02}", now + timedelta(days=1 + number))
    add("Nowa Jansen", now)
    add("Missed Jansen", now - timedelta(days=25))


def test_p3_the_managers_list_begins_with_what_needs_them(sixty_seven, browser_of):
    maria = browser_of("maria")

    first, second = maria.get("/starters/").content.decode(), maria.get("/starters/?page=2").content.decode()

    names = [re.findall(r"<bdi>((?:Past|Coming|Nowa|Missed)[^<]*)</bdi>", page) for page in (first, second)]
    assert names[0][:3] == ["Nowa Jansen", "Coming 00", "Coming 01"]
    expected = ["Nowa Jansen", *(f"Coming {number:02}" for number in range(45)), "Missed Jansen"]
    assert [*names[0], *names[1]] == [*expected, *(f"Past {number:02}" for number in range(20))]
    assert len(names[0]) == 50
    assert "Page 1 of 2" in first and 'href="?page=2"' in first
    for odd in ("0", "99", "x", "-1"):
        assert maria.get(f"/starters/?page={odd}").status_code == 200
