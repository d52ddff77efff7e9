"""Another system sends five thousand tickets over four connections, while managers create passes.

`python -m tests.support.with_postgresql --durable python -m tests.performance.load_api` (`make load-api`).
Each connection sends its next ticket as soon as it has an answer. Microsoft answers in 0.3 s and does not throttle. An
answer 429 is repeated after its `Retry-After`. Managers arrive evenly over the run, and some before it, to compare with.
If a ticket or an answer is lost, a starter or a pass is there twice, or the server fails, the command ends with status 1.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

import psycopg
import requests

from portal.demo.process import RunningDemo, raise_daily_limits, running_demo
from portal.sandbox.api_registration import SERVICE_NOW
from portal.supervisor import manage_command
from tests.api.system import Connection, request_token
from tests.performance.load import (
    GRAPH_SECONDS,
    ONLY_WHAT_IS_WAITED_FOR,
    Morning,
    asked,
    by_the_clock,
    control,
    newcomers,
    outcome,
    post,
    quiet_variables,
    read_by_the_worker,
    record_all,
    say,
    spread,
    the_morning,
    wait_until_settled,
)

CONNECTIONS = 4
SOURCE = "servicenow"
MANAGERS_BEFORE, RATE_BEFORE = 40, 0.5  # who come before the tickets, and how many a second
TRIES = 20  # most for one ticket
TEAM = 10  # tickets of one manager
DAILY = 10_000  # starters that one application can add a day, by `raise_daily_limits`
UNREAD = "SELECT count(*) FROM onboarding_job WHERE key LIKE 'look:%' AND done_at IS NULL AND due_at <= now()"


@dataclass
class Sent:
    """The portal's answers: how often each status, who had to try again, and what each ticket got in the end."""

    answers: Counter[int] = field(default_factory=Counter)
    waited: list[float] = field(default_factory=list)  # seconds, in the order of the answers
    lost: int = 0  # requests without an answer
    seconds: float = 0.0  # that all of it took
    finished: dict[str, int] = field(default_factory=dict)  # the last status of each ticket
    lock: threading.Lock = field(default_factory=threading.Lock)


def main(count: int, managers: int) -> int:
    url = os.environ["DATABASE_URL"]
    quiet = quiet_variables(url)
    with (
        NamedTemporaryFile("a") as log,
        running_demo("--throttle", "off", "--forget", complaints=log.fileno(), **quiet) as demo,
    ):
        raise_daily_limits(demo.environment, api_applications=f"{SERVICE_NOW.client_id} {SOURCE}")
        people = newcomers(demo, MANAGERS_BEFORE + managers)
        pages = record_all(demo, people)
        read_by_the_worker(url, len(people))
        accounts = accounts_of_tickets(demo, count)
        say(f"{len(people)} starters have a manager with a link; {count} accounts have no starter yet")
        delay = {"path": ONLY_WHAT_IS_WAITED_FOR, "method": "POST", "delay": GRAPH_SECONDS, "times": None}
        control(demo, "faults", delay)
        alone, wait = slice(MANAGERS_BEFORE), by_the_clock(MANAGERS_BEFORE, RATE_BEFORE)
        before = the_morning(demo, people[alone], pages[alone], wait)
        sent, during = the_tickets(demo, accounts, people[MANAGERS_BEFORE:], pages[MANAGERS_BEFORE:])
        backlog = asked(url, UNREAD)
        wait_until_settled(url)
        report_times(sent, before, during)
        say(f"checks of accounts that wait for the worker: {backlog}")
        wrong = faults(demo, url, accounts, sent, len(people))
        errors = sum('"log.level": "error"' in line for line in Path(log.name).read_text().splitlines())
        return report(sent, (before, during), wrong | {"errors in the portal's log": errors})


def the_tickets(
    demo: RunningDemo, accounts: dict[str, str], people: list[tuple[str, str]], pages: list[str]
) -> tuple[Sent, Morning]:
    """Send all tickets, while these managers come."""
    sent, began = Sent(), time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        tickets = beside.submit(send_all, demo, accounts, sent)
        during = the_morning(demo, people, pages, by_progress(sent, len(accounts) / len(people)))
        tickets.result()
    sent.seconds = time.monotonic() - began
    return sent, during


def accounts_of_tickets(demo: RunningDemo, count: int) -> dict[str, str]:
    """Each ticket and the object id of its account. Several have one manager."""
    leads = [{"key": f"lead{n}", "name": f"Lead Number{n}"} for n in range(0, count, TEAM)]
    control(demo, "change", {"add": leads})
    starters = [
        {"key": f"ticket{n}", "name": f"Ticket Number{n}", "manager": f"lead{n - n % TEAM}"}
        for n in range(count)
    ]
    ids = control(demo, "change", {"add": starters})["add"]
    return {f"LOAD-{n:05}": account for n, account in enumerate(ids)}


def by_progress(sent: Sent, apart: float) -> Callable[[int], float]:
    """A manager arrives whenever so many more tickets were answered, so managers come until the tickets end."""

    def wait(number: int) -> float:
        while len(sent.finished) < number * apart:
            time.sleep(0.05)
        return time.monotonic()

    return wait


def send_all(demo: RunningDemo, accounts: dict[str, str], sent: Sent) -> None:
    tickets = iter(accounts.items())
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        running = [threads.submit(send_in_turn, demo, tickets, sent) for _ in range(CONNECTIONS)]
        for future in running:
            future.result()


def send_in_turn(demo: RunningDemo, tickets: Iterator[tuple[str, str]], sent: Sent) -> None:
    """One connection: the next ticket as soon as the last one has its answer."""
    connection = Connection(demo.portal_url, request_token(demo.sandbox_url))
    while True:
        with sent.lock:
            ticket, account = next(tickets, ("", ""))
        if not ticket:
            return
        status = send_until_answered(connection, ticket, account, sent)
        with sent.lock:
            sent.finished[ticket] = status


def send_until_answered(connection: Connection, ticket: str, account: str, sent: Sent) -> int:
    """Repeat a ticket that was refused for now, as its `Retry-After` says. Returns the last status, 0 for no answer."""
    status = 0
    for _ in range(TRIES):
        began = time.monotonic()
        try:
            answer = connection.put(ticket, account)
        except requests.RequestException:
            with sent.lock:
                sent.lost += 1
            continue
        status = answer.status_code
        with sent.lock:
            sent.answers[status] += 1
            sent.waited.append(time.monotonic() - began)
        if status != 429:
            return status
        time.sleep(float(answer.headers["Retry-After"]))
    return status


def faults(
    demo: RunningDemo, url: str, accounts: dict[str, str], sent: Sent, managers: int
) -> dict[str, int]:
    """What must not be, and how often it is."""
    with psycopg.connect(url) as connection:
        kept = connection.execute(
            "SELECT t.number, s.account_id, t.starter_id FROM onboarding_ticket t"
            " JOIN onboarding_starter s ON s.id = t.starter_id WHERE t.source = %s",
            [SOURCE],
        ).fetchall()
    doubled = (
        "SELECT count(*) FROM (SELECT 1 FROM onboarding_starter GROUP BY account_id HAVING count(*) > 1) x"
    )
    added = "SELECT count(*) FROM onboarding_auditevent WHERE event = 'starter.recorded' AND facts ->> 'ticket' LIKE 'LOAD-%'"
    passes, mails = outcome(demo, url), post(demo, url)
    chain = subprocess.run(
        manage_command("verify_audit"), env=dict(demo.environment), stdout=subprocess.DEVNULL, check=False
    )
    return {
        "tickets without an answer that says added": sum(status != 201 for status in sent.finished.values()),
        "tickets without their starter": len(accounts.items() - {(number, account) for number, account, _ in kept}),
        "tickets too many": max(0, len(kept) - len(accounts)),
        "starters of two tickets": len(kept) - len({starter for _, _, starter in kept}),
        "accounts with two starters": asked(url, doubled),
        "tickets added other than once in the audit log": abs(asked(url, added) - len(accounts)),
        "tickets that the list has not": len(accounts.keys() - list_tickets(demo)),
        "managers' starters without a pass": managers - passes["starters with a pass handed over"],
        "passes too many": passes["passes that Microsoft made"] - managers,
        "mails lost or sent twice": mails.lost + mails.doubled,
        "an audit chain that does not verify": int(chain.returncode != 0),
    }  # fmt: skip


def list_tickets(demo: RunningDemo) -> set[str]:
    """Read the API's list to its end. A ticket that the worker's check changes meanwhile comes again."""
    connection = Connection(demo.portal_url, request_token(demo.sandbox_url))
    found, path = set[str](), "starters"
    while path:
        page = connection.send("GET", path).json()
        found |= {starter["ticket"] for starter in page["starters"]}
        path = (page["next"] or "").removeprefix("/api/v1/")
    return found


def report_times(sent: Sent, before: Morning, during: Morning) -> None:
    count, took = len(sent.finished), sent.seconds
    say(f"{count} tickets in {took:.0f} s over {CONNECTIONS} connections, {count / took:.1f} a second")
    say(f"from a PUT to its answer; seconds: {spread(sent.waited)}")
    part = max(1, len(sent.waited) // 10)
    first, last = statistics.median(sent.waited[:part]), statistics.median(sent.waited[-part:])
    say(f"the first tenth of the PUTs {first:.2f}, the last {last:.2f}, ratio {last / first:.2f}")
    say(f"from the click to the pass, without tickets; seconds: {spread(before.pressed)}")
    say(f"from the click to the pass, with tickets; seconds: {spread(during.pressed)}")
    ratio = statistics.median(during.pressed) / statistics.median(before.pressed)
    say(f"ratio of the medians {ratio:.2f}")


def report(sent: Sent, mornings: tuple[Morning, ...], wrong: dict[str, int]) -> int:
    say("answers to PUTs: " + ", ".join(f"{status}: {n}" for status, n in sorted(sent.answers.items())))
    say(f"repeated after a 429: {sent.answers[429]}")
    shown = sum((morning.answers for morning in mornings), Counter[str]())
    say("answers to managers: " + ", ".join(f"{status}: {n}" for status, n in sorted(shown.items())))
    say(f"managers who tried again: {sum(morning.tried_again for morning in mornings)}")
    wrong |= {
        "requests without an answer": sent.lost,
        "errors of the server (5xx)": sum(n for status, n in sent.answers.items() if status >= 500)
        + sum(n for status, n in shown.items() if status >= "5"),
        "managers without a pass": sum(len(morning.without_pass) for morning in mornings),
    }
    for what, number in wrong.items():
        say(f"{what}: {number}")
    right = not any(wrong.values())
    say("None lost, none twice, no error of the server." if right else "This is not as it must be.")
    return 0 if right else 1


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument(
        "--tickets", type=int, default=5000, help=f"at most {DAILY}, which the policy allows a day"
    )
    words.add_argument("--managers", type=int, default=400, help="how many come while the tickets are sent")
    given = words.parse_args()
    if not 0 < given.tickets <= DAILY:
        words.error(f"--tickets is 1 to {DAILY}")
    sys.exit(main(given.tickets, given.managers))
