"""Two hundred managers click at the same moment, and Microsoft accepts its published five calls in ten seconds.

`python -m tests.support.with_postgresql --durable python -m tests.performance.queue_times` (`make queue`).
Each manager follows the page as a browser does: it polls, and when the button is there they click, and sign in again if
the page asks for it. The portal must serve them in order of arrival. Microsoft may throttle no call twice.
The last may wait at most a tenth longer than Microsoft's limit requires. Otherwise it ends with status 1. A run takes
five seconds for each manager: a pass costs two calls, so two passes fit in ten seconds.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import requests

from portal.demo.process import RunningDemo, raise_daily_limits, running_demo
from portal.demo.visitor import Visitor, shown_pass
from tests.performance.load import (
    acknowledged,
    control,
    newcomers,
    outcome,
    read_by_the_worker,
    record_all,
    say,
    spread,
    wait_until_settled,
)

CALLS, SECONDS, A_PASS = 5, 10, 2  # Microsoft's limit, and the calls of one pass
FOLLOWS = re.compile(r'data-seconds="(\d+)"\s+data-fingerprint="(\w+)"')
PLACE = re.compile(r'data-queue-position="(\d+)"')


def main(count: int) -> int:
    url = os.environ["DATABASE_URL"]
    quiet = {
        "GRAPH_BUDGET_CALLS": "1000",
        "GRAPH_SIGN_IN_CALLS": "1000",
        "DATABASE_URL": url,
        "PASS_RECEIPT_SECONDS": "60",
    }
    with running_demo("--throttle", "off", "--forget", **quiet) as demo:
        raise_daily_limits(demo.environment)
        people = newcomers(demo, count)
        pages = record_all(demo, people)
        read_by_the_worker(url, count)
        raise_daily_limits(demo.environment, graph_calls=CALLS, graph_seconds=SECONDS)
        managers = [Manager(demo, key, page) for (key, _), page in zip(people, pages, strict=True)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(Manager.opens, managers))
        control(demo, "change", {"tap_limit": [CALLS, SECONDS]})
        say(f"{count} managers have their page open; Microsoft takes {CALLS} calls in {SECONDS} seconds")
        began = time.monotonic()
        line = Line(url)
        with ThreadPoolExecutor(count + 1) as threads:
            coming = [threads.submit(manager.comes) for manager in managers]
            while not all(future.done() for future in coming):
                line.look()
                time.sleep(1)
            for future in coming:
                future.result()
        wait_until_settled(url)
        return report(managers, began, throttled(demo), line, outcome(demo, url))


class Manager:
    """One manager with a browser: what the page said, and when the pass arrived."""

    def __init__(self, demo: RunningDemo, key: str, page: str) -> None:
        self.key, self.page, self.visitor = key, page, Visitor(demo.portal_url)
        self.places: list[int] = []
        self.answers: Counter[int] = Counter()
        self.pressed_at = self.served_at = 0.0

    def opens(self) -> None:
        self.visitor.sign_in(self.key, self.page)
        self.visitor.http.hooks["response"].append(self.noted)

    def noted(self, got: requests.Response, *_: Any, **__: Any) -> None:
        self.answers[got.status_code] += 1

    def comes(self) -> None:
        self.pressed_at = time.monotonic()
        deadline = self.pressed_at + 3600
        while not self.served_at and time.monotonic() < deadline:
            try:
                self.does_what_the_page_asks()
            except requests.RequestException:
                time.sleep(5)

    def does_what_the_page_asks(self) -> None:
        text = self.visitor.page.text
        if "First, confirm it is you" in text:
            self.visitor.sign_in(self.key, f"/signin/again/?next={self.page}")
        elif 'name="identity_check"' in text and "data-queue-seconds" not in text:
            self.visitor.send(self.visitor.form_with("identity_check", "version"), identity_check="in_person")
            self.looks()
        elif follows := FOLLOWS.search(text):
            self.asks_until_there_is_news(*follows.groups())
            self.visitor.get(self.page)
            self.looks()
        else:
            time.sleep(5)
            self.visitor.get(self.page)
            self.looks()

    def asks_until_there_is_news(self, seconds: str, mark: str) -> None:
        """As static/js/poll_page.js does."""
        address = self.visitor.portal_url + self.page
        while True:
            time.sleep(int(seconds))
            got = self.visitor.http.head(address, timeout=60)
            if got.status_code >= 500:
                continue
            if got.headers.get("Page-State") != mark:
                return
            seconds = got.headers["Poll-Seconds"]
            self.places.append(int(got.headers.get("Queue-Position", 1)))

    def looks(self) -> None:
        text = self.visitor.page.text
        if found := PLACE.search(text):
            self.places.append(int(found[1]))
        if shown_pass(text):
            self.served_at = time.monotonic()
            receipt = text.split('data-receipt-url="')[1].split('"')[0]
            token = self.visitor.form_to("/not-seen/").fields["csrfmiddlewaretoken"]
            acknowledged(self.visitor, receipt, {"csrfmiddlewaretoken": token})

    @property
    def waited(self) -> float:
        return self.served_at - self.pressed_at


def throttled(demo: RunningDemo) -> dict[str, Counter[str]]:
    """The calls that Microsoft throttled, and how often: those about sign-in methods, which the queue limits, and others.
    Microsoft also accepts ten reads of sign-in activity a minute. Only the worker sends those, and no manager waits.
    """
    requests_seen = requests.get(f"{demo.sandbox_url}/_control/requests", timeout=60).json()
    told: dict[str, Counter[str]] = {"a pass": Counter(), "other things": Counter()}
    for request in requests_seen:
        if request["status"] == 429:
            told["a pass" if "/authentication/" in request["path"] else "other things"][request["path"]] += 1
    return told


class Line:
    """The queue positions in order, and the order of service, from the database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.places: dict[str, int] = {}

    def look(self) -> None:
        self.places |= dict(self._rows("SELECT s.public_id, t.id FROM onboarding_turn t {of} ORDER BY t.id"))

    def served(self) -> list[str]:
        return [
            row[0]
            for row in self._rows(
                "SELECT s.public_id FROM onboarding_passissue t {of} ORDER BY t.intended_at"
            )
        ]

    def overtaken(self, by: int) -> int:
        """How many managers were served before one who was at least `by` positions ahead. Two are due together, so the
        order of those two does not matter."""
        places = [self.places[manager] for manager in self.served() if manager in self.places]
        return sum(
            1 for n, place in enumerate(places) if any(later <= place - by for later in places[n + 1 :])
        )

    def _rows(self, question: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            of = "JOIN onboarding_starter s ON s.id = t.starter_id"
            return connection.execute(question.format(of=of).encode()).fetchall()


def report(
    managers: list[Manager], began: float, told: dict[str, Counter[str]], line: Line, after: dict[str, int]
) -> int:
    count, overtaken = len(managers), line.overtaken(by=2)
    served = [manager for manager in managers if manager.served_at]
    backwards = sum(1 for manager in managers if manager.places != sorted(manager.places, reverse=True))
    allowed = (count - 1) // (CALLS // A_PASS) * SECONDS
    last = max(manager.served_at for manager in served) - began
    answers = sum((manager.answers for manager in managers), Counter[int]())
    say(
        "from the first press to the pass in hand, seconds: " + spread([manager.waited for manager in served])
    )
    say(f"the last after {last:.0f} s; the limit allows {allowed} s: {last / allowed:.2f} times that")
    say(f"served before the one who had their turn together with them: {line.overtaken(by=1) - overtaken}")
    say(
        f"served before somebody else who stood before them: {overtaken}; places that went backwards: {backwards}"
    )
    for what, calls in told.items():
        twice = sum(1 for times in calls.values() if times > 1)
        say(f"told to wait by Microsoft about {what}: {calls.total()}, twice for the same: {twice}")
    say("answers: " + ", ".join(f"{status}: {n}" for status, n in sorted(answers.items())))
    for what, number in after.items():
        say(f"{what}: {number}")
    errors = sum(n for status, n in answers.items() if status >= 500 and status != 503)
    right = (
        len(served) == count
        and overtaken == backwards == errors == 0
        and not any(times > 1 for calls in told.values() for times in calls.values())
        and last <= 1.1 * allowed
        and list(after.values()) == [count, count, 0, count]
    )
    say("All in their order." if right else "This is not as it must be.")
    return 0 if right else 1


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--managers", type=int, default=200)
    sys.exit(main(words.parse_args().managers))
