"""A process is killed, stopped or cut off at an exact moment of a call: no unseen pass works, and no starter is stuck.

The sandbox tenant does this to the calling process, so the moment is exact and the portal runs as shipped.
FAULT_ROUNDS sets how often each fault is repeated.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle
from typing import Any
from uuid import UUID

import pytest
import requests

from portal.demo.process import is_up, wait_for
from portal.sandbox.caller import process_at
from tests.faults.replicas import Answer, Person, Portal, Starter, portal

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
# Only the site's calls: the worker reads accounts too.
FACTS = {"method": "POST", "path": r"/\$batch$", "by": "gunicorn"}
CREATION = {"method": "POST", "path": "temporaryAccessPassMethods$", "by": "gunicorn"}
DELETION = {"method": "DELETE", "path": "temporaryAccessPassMethods/"}
LIST = {"method": "GET", "path": "temporaryAccessPassMethods$"}

# When the manager's process is hit: the call, the moment, and the allowed final states of the pass.
# An empty state means no pass at all: nothing was claimed.
MOMENTS: dict[str, tuple[dict[str, str], str, set[str]]] = {
    "before Microsoft reads what is asked of the account": (FACTS, "reading", {""}),
    "before Microsoft answers about the account": (FACTS, "done", {""}),
    "between the answer about the account and the claim": (
        FACTS,
        "answered",
        {"", "void", "revoked", "held"},
    ),
    "before Microsoft reads the request for a pass": (CREATION, "reading", {"void"}),
    "after the pass was made, before the answer": (CREATION, "done", {"revoked"}),
    "between the answer and the page": (CREATION, "answered", {"revoked", "held"}),
}
EXPLAINED = {
    "void": "did not create a pass",
    "revoked": "You can create a new one",
    "held": "The pass was handed over",
    "": "with you?",
}


@pytest.fixture(scope="module")
def site() -> Iterator[Portal]:
    with portal(replicas=2) as running:
        yield running


@pytest.fixture
def maria(site: Portal) -> Person:
    return site.new_manager()


def rounds(site: Portal, count: int = ROUNDS) -> Iterator[Starter]:
    """New starters, under both of Microsoft's documented ways to treat a second request for a pass, in turn."""
    for starter, behaviour in zip(site.starters(count), cycle(["replace", "refuse"]), strict=False):
        site.tenant.tenant.second_post = behaviour
        yield starter


def add_fault(site: Portal, call: dict[str, str], **fault: Any) -> None:
    site.tenant.tenant.faults.add({**call, **fault})


def click_during_fault(
    site: Portal, maria: Person, starter: Starter, call: dict[str, str], **fault: Any
) -> Answer:
    """Click while the fault waits; if a page shows a pass after all, it reports the receipt."""
    wait_for(lambda: is_up(*site.urls), "a process that serves")
    maria.stay_fresh(starter.page)  # the sign-in must not get too old between the page and the click
    form = site.form(maria, starter)
    add_fault(site, call, **fault)
    answer = site.send(maria, starter, form)
    assert site.tenant.tenant.faults.describe() == [], f"the fault did not strike: {answer.words}"
    time.sleep(fault.get("wait", 0))  # the process may be dying only now
    if answer.code:
        wait_for(lambda: is_up(*site.urls), "a process that serves")
        site.acknowledge(maria, answer)
    return answer


def assert_explained(site: Portal, maria: Person, starters: list[Starter], allowed: set[str]) -> Counter[str]:
    """Each pass has one of these final states, the page shows it, and another pass can be created."""
    ends: Counter[str] = Counter()
    for starter in starters:
        issues = site.issues(starter)
        end = issues[-1][0] if issues else ""
        assert end in allowed, issues
        ends[end] += 1
        maria.stay_fresh(starter.page)
        maria.get(starter.page)
        assert EXPLAINED[end] in maria.text, maria.text
        if end != "held":
            again = site.click(maria, starter, receipt=True)
            assert again.code, again.words
    return ends


def test_a_killed_process_leaves_no_pass_and_no_stuck_starter(site: Portal, maria: Person) -> None:
    starters_of: dict[str, list[Starter]] = {moment: [] for moment in MOMENTS}

    for moment, (call, when, _) in MOMENTS.items():
        for starter in rounds(site):
            wait = random.uniform(0, 0.03) if when == "answered" else 0
            answer = click_during_fault(site, maria, starter, call, caller="kill", moment=when, wait=wait)
            assert answer.status == 0 or when == "answered", moment
            starters_of[moment].append(starter)

    site.settle()
    for moment, starters in starters_of.items():
        assert_explained(site, maria, starters, MOMENTS[moment][2])
    site.assert_sound()


def test_a_cut_connection_leaves_no_pass_and_no_stuck_starter(site: Portal, maria: Person) -> None:
    starters = []
    for call, when, _ in MOMENTS.values():
        for starter in rounds(site):
            answer = click_during_fault(site, maria, starter, call, caller="cut", moment=when)
            assert answer.status in {200, 409, 502, 503}, answer
            assert answer.code or "no pass" in answer.page.lower(), answer
            starters.append(starter)

    site.settle()
    assert_explained(site, maria, starters, {"", "void", "revoked", "held"})
    site.assert_sound()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_paused_process_shows_no_pass_after_a_newer_one(site: Portal, maria: Person, moment: str) -> None:
    """The process continues after its issue was resolved and the next pass is in use: the next pass must not suffer."""
    call, when, _ = MOMENTS[moment]
    impatient = site.person(maria.key, site.urls[1])
    for starter in rounds(site, max(1, ROUNDS // 3)):
        with ThreadPoolExecutor(1) as thread:
            maria.stay_fresh(starter.page)
            form = site.form(maria, starter)  # the page reads the account too; only the click should be hit
            add_fault(site, call, caller="stop", moment=when)
            asleep = thread.submit(site.send, maria, starter, form)
            wait_for(lambda: site.tenant.tenant.faults.stopped, "the process to stand still")
            if site.database.is_held():  # it was stopped while it held the database's lock
                site.tenant.tenant.faults.resume()
                asleep.result()
                continue
            site.settle()
            second = click_until_saved(site, impatient, starter)
            site.tenant.tenant.faults.resume()
            first = asleep.result()

        assert second.code, second.words
        *before, last = site.issues(starter)
        assert last[0] == "held"
        # If it was stopped only after its page had left, the pass was cancelled without a receipt.
        assert not first.code or before == [("revoked", "no_receipt")], (
            "a pass was shown after its issue had ended"
        )
        # It may have been stopped just before it sent its request. Then Microsoft got that request last, and the
        # newer pass ended. The worker reports this, and `assert_sound` finds no pass that nobody saw.
        assert lives(site, starter) or is_newest_request_of_first(site, starter)
    site.settle()
    site.assert_sound()


def click_until_saved(site: Portal, manager: Person, starter: Starter) -> Answer:
    """Clicks until the portal saves the request instead of asking to try again in a minute.

    A process may have been stopped while it held a lock. PostgreSQL releases that lock after ten seconds.
    """
    recorded, deadline = len(site.issues(starter)), time.monotonic() + 600
    while True:
        wait_for(lambda: manager.get(starter.page).status_code < 500, "the page to answer")
        answer = site.click(manager, starter, receipt=True)
        saved = answer.status != 503 or len(site.issues(starter)) > recorded
        if saved or time.monotonic() > deadline:
            return answer
        time.sleep(1)


def lives(site: Portal, starter: Starter) -> bool:
    """Whether the pass that the manager handed over still opens the account."""
    held = site.database.one(
        "SELECT method_id FROM onboarding_passissue i JOIN onboarding_starter s ON s.id = i.starter_id"
        " WHERE s.public_id = %s AND i.state = 'held'",
        starter.public_id,
    )
    return held in site.live()


def is_newest_request_of_first(site: Portal, starter: Starter) -> bool:
    """Whether the newest request for a pass of this starter was not the one of the newest issue."""
    rows = site.database.rows(
        "SELECT i.id FROM onboarding_passissue i JOIN onboarding_starter s ON s.id = i.starter_id"
        " WHERE s.public_id = %s ORDER BY i.number",
        starter.public_id,
    )
    issues = [str(UUID(str(row[0]))) for row in rows]
    sent = [request for request in site.creations() if request in issues]
    return sent[-1] != issues[-1]


def test_a_process_killed_while_responding_leaves_no_pass(site: Portal, maria: Person) -> None:
    """The process is killed after the pass was recorded and the first bytes of the page arrived."""
    starters = list(rounds(site))
    for starter in starters:
        wait_for(lambda: is_up(*site.urls), "a process that serves")
        form = site.form(maria, starter)
        address = f"{maria.portal_url}{starter.page}"
        with maria.http.post(
            address, data=form, headers={"Origin": maria.portal_url}, stream=True
        ) as response:
            os.kill(process_at(response.raw.connection.sock), signal.SIGKILL)
            with suppress(requests.RequestException):
                response.content  # noqa: B018  (read what arrived; no receipt follows)

    site.settle()
    assert assert_explained(site, maria, starters, {"revoked"}) == {"revoked": len(starters)}
    site.assert_sound()


def test_a_browser_that_disconnects_leaves_no_pass(site: Portal, maria: Person) -> None:
    starters = list(rounds(site))
    for starter in starters:
        form = site.form(maria, starter)
        add_fault(site, CREATION, delay_after=0.2)
        with pytest.raises(requests.ReadTimeout):
            maria.http.post(
                f"{maria.portal_url}{starter.page}",
                data=form,
                headers={"Origin": maria.portal_url},
                timeout=0.1,
            )

    wait_for(lambda: all(site.issues(starter) for starter in starters), "the clicks to arrive")
    site.settle()
    assert_explained(site, maria, starters, {"revoked"})
    site.assert_sound()


def assert_followed(site: Portal, maria: Person, starters: list[Starter]) -> None:
    """Every chosen worker was killed, and others finished its jobs."""
    site.settle(600 + 5 * ROUNDS)
    assert site.tenant.tenant.faults.describe() == []
    assert_explained(site, maria, starters, {"revoked"})
    site.assert_sound()


@pytest.mark.parametrize("when", ["reading", "done", "answered"])
def test_another_worker_finishes_a_killed_workers_deletion(site: Portal, maria: Person, when: str) -> None:
    starters = list(rounds(site))
    add_fault(site, DELETION, caller="kill", moment=when, times=ROUNDS)

    for starter in starters:
        answer = site.click(maria, starter)
        assert answer.code, answer.words  # no receipt follows

    assert_followed(site, maria, starters)


@pytest.mark.parametrize("when", ["reading", "answered"])
def test_another_worker_finishes_a_killed_workers_search(site: Portal, maria: Person, when: str) -> None:
    starters = list(rounds(site))
    add_fault(site, LIST, caller="kill", moment=when, times=ROUNDS)

    for starter in starters:
        add_fault(site, CREATION, drop="after")
        answer = site.click(maria, starter)
        assert not answer.code, answer.words

    assert_followed(site, maria, starters)


@pytest.mark.parametrize("when", ["done", "answered"])
def test_a_killed_worker_leaves_the_found_pass_audited(site: Portal, maria: Person, when: str) -> None:
    """Microsoft has deleted the pass and the portal could not record it: the audit log still says that it was found."""
    starters = list(rounds(site))
    add_fault(site, DELETION, caller="kill", moment=when, times=ROUNDS)

    for starter in starters:
        add_fault(site, CREATION, drop="after")
        answer = site.click(maria, starter)
        assert not answer.code, answer.words

    assert_followed(site, maria, starters)
