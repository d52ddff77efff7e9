"""A load test: the managers of hundreds of starters a minute sign in, open the page and click.

`python -m tests.support.with_postgresql --durable python -m tests.performance.load` (`make load`).
Managers arrive at a rate of 5,000 in ten minutes. `--rate` changes the number a second, `--starters` the total.
Microsoft answers in 0.3 s and does not throttle. If a pass is lost or created twice, or the server fails, the command
ends with status 1. An overloaded portal asks managers to try again, and each of them does.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import django
import psycopg
import requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from portal.demo.process import RunningDemo, raise_daily_limits, running_demo, wait_for  # noqa: E402  (Django comes first)
from portal.demo.visitor import Visitor, shown_pass  # noqa: E402

RATE = 5000 / 600  # managers a second
AT_ONCE = 64  # browsers that wait for a response at the same time
CLERKS = 4  # people in HR who add starters at the same time
GRAPH_SECONDS = 0.3
ONLY_WHAT_IS_WAITED_FOR = r"\$batch$|temporaryAccessPassMethods$"
PATIENCE = 20  # most tries of one manager, five seconds apart
ZONE = "Europe/Amsterdam"
NUMBER = r"New Number\d+"


@dataclass
class Morning:
    """The results: the portal's responses, how long each manager waited, and who had to try again."""

    answers: Counter[str] = field(default_factory=Counter)
    waited: list[float] = field(default_factory=list)
    pressed: list[float] = field(default_factory=list)
    tried_again: int = 0
    without_pass: list[str] = field(default_factory=list)


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def quiet_variables(url: str) -> dict[str, str]:
    """The environment of the measured portal: this database, few log lines, and no limits of Graph's."""
    return {
        "LOG_LEVEL": "WARNING",
        "GRAPH_BUDGET_CALLS": "1000",
        "GRAPH_SIGN_IN_CALLS": "1000",
        "DATABASE_URL": url,
        "PASS_RECEIPT_SECONDS": "60",
    }


def main(count: int, rate: float) -> int:
    url = os.environ["DATABASE_URL"]
    quiet = quiet_variables(url)
    with running_demo("--throttle", "off", "--forget", **quiet) as demo:
        raise_daily_limits(demo.environment)
        began = time.monotonic()
        people = newcomers(demo, count)
        pages = record_all(demo, people)
        read_by_the_worker(url, count)
        say(f"{count} starters recorded, invited and read in {time.monotonic() - began:.0f} s")
        control(
            demo,
            "faults",
            {"path": ONLY_WHAT_IS_WAITED_FOR, "method": "POST", "delay": GRAPH_SECONDS, "times": None},
        )
        began = time.monotonic()
        morning = the_morning(demo, people, pages, by_the_clock(count, rate))
        took = time.monotonic() - began
        wait_until_settled(url)
        return report(morning, took, outcome(demo, url), post(demo, url), count)


def newcomers(demo: RunningDemo, count: int) -> list[tuple[str, str]]:
    """Managers with one starter each: the manager's key and the starter's object id."""
    managers = [{"key": f"boss{n}", "name": f"Boss Number{n}"} for n in range(count)]
    starters = [{"key": f"new{n}", "name": f"New Number{n}", "manager": f"boss{n}"} for n in range(count)]
    control(demo, "change", {"add": managers})
    ids = control(demo, "change", {"add": starters})["add"]
    return [(f"boss{n}", ids[n]) for n in range(count)]


def record_all(demo: RunningDemo, people: list[tuple[str, str]]) -> list[str]:
    """HR adds all starters. Returns the addresses of their pages in the same order."""
    local = threading.local()

    def record_person(person: tuple[str, str]) -> str:
        if not hasattr(local, "hr"):
            local.hr = Visitor(demo.portal_url)
            local.hr.sign_in("hanna", "/hr/new/")
        return record(local.hr, person[1])

    with ThreadPoolExecutor(CLERKS) as threads:
        return list(threads.map(record_person, people))


def record(hr: Visitor, account: str) -> str:
    now = datetime.now(ZoneInfo(ZONE))
    hr.get("/hr/new/")
    when = {"start_date": f"{now:%Y-%m-%d}", "start_time": f"{now:%H:%M}", "time_zone": ZONE}
    hr.send(hr.form_with("account", "start_date"), account=account, **when, step="look")
    hr.send(hr.form_with("account", "start_date"), step="save")
    address = hr.page.url.removeprefix(hr.portal_url)
    return address.split("?")[0].replace("/hr/", "/starters/")


def read_by_the_worker(url: str, count: int) -> None:
    """Wait until the worker has sent each link and read the facts that the guards need."""
    ready = (
        "SELECT count(*) FROM onboarding_starter WHERE state = 'invited' AND sign_in_looked_at IS NOT NULL"
    )
    wait_for(lambda: asked(url, ready) >= count, "the worker to read and invite", 600)


def by_the_clock(count: int, rate: float) -> Callable[[int], float]:
    """Managers arrive at random, `rate` a second. The function waits for one manager's moment, and returns it."""
    moments = sorted(random.uniform(0, count / rate) for _ in range(count))
    start = time.monotonic()

    def wait(number: int) -> float:
        time.sleep(max(0.0, start + moments[number] - time.monotonic()))
        return start + moments[number]

    return wait


def the_morning(
    demo: RunningDemo, people: list[tuple[str, str]], pages: list[str], wait: Callable[[int], float]
) -> Morning:
    """Each manager arrives at their own moment, and does what a browser would."""
    seen, lock = Morning(), threading.Lock()

    def comes(number: int, key: str, page: str) -> None:
        moment = wait(number)
        visitor, answers = Visitor(demo.portal_url), Counter[str]()
        visitor.http.hooks["response"].append(lambda got, *_, **__: answers.update([describe_answer(got)]))
        tries, pressed = goes_through(visitor, key, page)
        with lock:
            seen.answers.update(answers)
            seen.waited.append(time.monotonic() - moment)
            seen.tried_again += tries - 1
            if pressed is None:
                seen.without_pass.append(f"{key}: {visitor.text[:200]}")
            else:
                seen.pressed.append(pressed)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        coming = [
            threads.submit(comes, number, person[0], page)
            for number, (person, page) in enumerate(zip(people, pages, strict=True))
        ]
        for future in coming:
            future.result()
    return seen


def goes_through(visitor: Visitor, key: str, page: str) -> tuple[int, float | None]:
    """Sign in, click, report the receipt. Retry as the page says. Returns the tries and the seconds of the last click."""
    for tries in range(1, PATIENCE + 1):
        try:
            visitor.sign_in(key, page)
            form = visitor.form_with("identity_check", "version")
            began = time.monotonic()
            visitor.send(form, identity_check="in_person")
            pressed = time.monotonic() - began
            if shown_pass(visitor.page.text):
                receipt = visitor.page.text.split('data-receipt-url="')[1].split('"')[0]
                token = visitor.form_to("/not-seen/").fields["csrfmiddlewaretoken"]
                acknowledged(visitor, receipt, {"csrfmiddlewaretoken": token})
                return tries, pressed
        except (LookupError, requests.RequestException):
            pass  # the page says to try again
        time.sleep(5)
    return PATIENCE, None


def acknowledged(visitor: Visitor, receipt: str, form: dict[str, str]) -> None:
    """Ask repeatedly, as the page does, until the answer is yes or no."""
    for _ in range(PATIENCE):
        if visitor.post(receipt, form).status_code in {204, 410}:
            return
        time.sleep(1)


def describe_answer(answer: requests.Response) -> str:
    """The status, and for a server error the page's title."""
    title = re.search(r"<title>([^<]*?)</title>", answer.text, re.S) if answer.status_code >= 500 else None
    told = f" ({re.sub(NUMBER, '…', title[1]).strip()})" if title else ""
    return f"{answer.status_code}{told}"


def wait_until_settled(url: str) -> None:
    open_ones = (
        "SELECT count(*) FROM onboarding_passissue WHERE state IN ('issuing', 'unknown', 'shown', 'revoking')"
    )
    wait_for(lambda: asked(url, open_ones) == 0, "every outcome to be known", 300)


def outcome(demo: RunningDemo, url: str) -> dict[str, int]:
    state: Any = requests.get(f"{demo.sandbox_url}/_control/state", timeout=60).json()
    made = state["passes"] + state["past_passes"]
    ours = Counter(request["person"] for request in made if request["client_request_id"])
    return {
        "starters with a pass handed over": asked(
            url, "SELECT count(DISTINCT starter_id) FROM onboarding_passissue WHERE state = 'held'"
        ),
        "passes that Microsoft made": sum(ours.values()),
        "starters for whom it made two": sum(1 for count in ours.values() if count > 1),
        "passes alive": sum(
            1 for issued in state["passes"] if issued["usable"] and issued["client_request_id"]
        ),
    }


@dataclass(frozen=True)
class Post:
    """Compare the portal's mail rows with the sandbox's mailboxes."""

    sent: int
    lost: int
    doubled: int


def post(demo: RunningDemo, url: str) -> Post:
    waiting = "SELECT count(*) FROM onboarding_mail WHERE kind = 'invitation' AND sent_at IS NULL AND dropped_at IS NULL"
    wait_for(lambda: asked(url, waiting) == 0, "every invitation to leave", 300)
    arrived = Counter(
        mail["message_id"] for mail in requests.get(f"{demo.sandbox_url}/_control/mail", timeout=60).json()
    )
    with psycopg.connect(url) as connection:
        sent = [
            row[0]
            for row in connection.execute(
                "SELECT message_id FROM onboarding_mail WHERE sent_at IS NOT NULL AND digest_id IS NULL"
            )
        ]
    return Post(
        len(sent),
        sum(1 for mail in sent if not arrived[mail]),
        sum(1 for times in arrived.values() if times > 1),
    )


def report(seen: Morning, took: float, after: dict[str, int], mails: Post, count: int) -> int:
    say(
        f"{count} managers in {took:.0f} s, {count / took:.1f} a second (5,000 in ten minutes are {RATE:.1f})"
    )
    say("from coming to the pass in hand, sign-in included; seconds: " + spread(seen.waited))
    say("from the press to the pass; seconds: " + spread(seen.pressed))
    say("answers: " + ", ".join(f"{status}: {n}" for status, n in sorted(seen.answers.items())))
    say(f"tries again: {seen.tried_again}")
    for what, number in after.items():
        say(f"{what}: {number}")
    say(f"mails: {mails.sent} sent, {mails.lost} lost, {mails.doubled} doubled")
    for starter in seen.without_pass[:5]:
        say(f"without a pass: {starter}")
    say(f"told to try again: {sum(n for answer, n in seen.answers.items() if answer.startswith('503'))}")
    errors = sum(n for answer, n in seen.answers.items() if answer >= "5" and not answer.startswith("503"))
    right = (
        errors == mails.lost == mails.doubled == 0
        and mails.sent >= count
        and not seen.without_pass
        and list(after.values()) == [count, count, 0, count]
    )
    say("None lost, none doubled, no error of the server." if right else "This is not as it must be.")
    return 0 if right else 1


def spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "none"
    cuts = statistics.quantiles(seconds, n=100)
    return f"median {statistics.median(seconds):.2f}, 95 of 100 {cuts[94]:.2f}, longest {max(seconds):.2f}"


def asked(url: str, question: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return int(row[0])


def control(demo: RunningDemo, name: str, body: Any) -> Any:
    answer = requests.post(f"{demo.sandbox_url}/_control/{name}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--starters", type=int, default=600)
    words.add_argument("--rate", type=float, default=RATE)
    given = words.parse_args()
    sys.exit(main(given.starters, given.rate))
