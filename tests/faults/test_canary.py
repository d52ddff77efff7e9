"""A pass is only in its response: recognisable passes, a portal that logs all it can, a crash at every step.

The starters are from tickets of another system, which asks about each before and after and gets all their events.
"""

from __future__ import annotations

import base64
import email
import html
import json
import os
import pprint
import re
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import requests
from django.core import signing

from onboarding.managers import spelling
from portal.demo.process import wait_for
from portal.demo.visitor import Visitor, shown_pass
from tests.faults.canary import WORDS, recognisable, sightings
from tests.faults.memory import nameless_files_of
from tests.faults.other_system import OtherSystem, other_system
from tests.faults.replicas import Answer, Portal, Starter, portal, record
from tests.support.databases import IS_POSTGRESQL
from tests.support.plan import EACH_ONCE, part_of

ISSUES = int(os.environ.get("CANARY_ISSUES", "4"))
PLANTED = ("JqXzKwVb", "MfDcNhGs")
PLANT = "+&=<\"'%".join(PLANTED)

# Where a confirmation crashes, in order, and how.
CRASHES = [
    ("before:ready", "plain"),
    ("after:ready", "in_another"),
    ("before:claim", "unicode"),
    ("after:claim", "abandoned"),
    ("before:create", "plain"),
    ("before:create_pass", "system"),
    ("before:_read_body", "several"),
    ("after:_read_body", "plain"),
    ("before:_parse_json", "memory"),
    ("after:_parse_json", "in_another"),
    ("before:_problem_with", "plain"),
    ("after:_problem_with", "recursion"),
    ("before:PassCode", "plain"),
    ("after:PassCode", "because_of_another"),
    ("after:create_pass", "plain"),
    ("after:create", "unicode"),
    ("before:record", "several"),
    ("before:move_issue", "database"),
    ("after:move_issue", "plain"),
    ("before:commit", "database"),
    ("after:commit", "database"),
    ("after:record", "abandoned"),
    ("after:record", "plain"),
    ("before:show_pass", "in_another"),
    ("after:group_characters", "plain"),
    ("before:spell_characters", "memory"),
    ("after:spell_characters", "because_of_another"),
    ("before:token", "plain"),
    ("before:loop", "recursion"),
    ("after:loop", "in_another"),
    ("before:render", "plain"),
    ("after:render", "several"),
    ("before:wipe", "plain"),
    ("after:wipe", "system"),
    ("after:show_pass", "plain"),
    ("after:Innermost", "database"),
    ("before:process_response", "plain"),
    ("after:process_response", "several"),
    ("after:Outermost", "unicode"),
    ("before:close", "plain"),
    ("before:write", "system"),
    ("before:write", "plain"),
    ("after:write", "plain"),
    ("after:write", "exit"),
]
WITH_A_PASS = CRASHES[
    CRASHES.index(("after:_read_body", "plain")) :
]  # from there on the crashing process has read it
# What an answer of Graph can do to its reader.
ANSWERS: list[dict[str, Any]] = [
    {"cut_at": 450},
    {"remove": ["isUsable"]},
    {"mutate": {"lifetimeInMinutes": 600}},
    {"status": 500, "applied": True},
    {"delay_after": 3.5},
]


@dataclass
class HandOvers:
    """A portal that logs all it can, another system that gets all its events, and all responses to both."""

    portal: Portal
    system: OtherSystem
    temporary: Path
    began: float
    served: set[int] = field(default_factory=set)  # the processes that served before the first crash
    answers: list[requests.Response] = field(default_factory=list)

    def person(self, key: str) -> Visitor:
        visitor = Visitor(self.portal.urls[0])
        visitor.http.hooks["response"].append(lambda answer, **_: self.answers.append(answer))
        visitor.sign_in(key, "/")
        return visitor

    def crash(
        self, visitor: Visitor, starter: Starter, step: str, kind: str, words: str = "on demand"
    ) -> Answer:
        """One confirmation, with a crash at this step of it."""
        form, order = self.portal.form(visitor, starter), self.portal.folder / "crash"
        self.read(starter)
        order.write_text(f"{step} {kind} {words}")
        answer = self.portal.send(visitor, starter, form)
        # The last steps may come after the answer has arrived.
        wait_for(order.with_name("crashed").exists, f"the crash at {step}")
        order.with_name("crashed").unlink()
        self.read(starter)
        return answer

    def read(self, starter: Starter) -> None:
        """The other system asks how far a starter from a ticket is."""
        if starter.public_id in self.system.tickets:
            self.system.read(starter)

    def hand_over(self, visitor: Visitor, starter: Starter, number: int) -> None:
        """Some passes are acknowledged, some are not, some are cancelled, and some forms are sent again."""
        form = self.portal.form(visitor, starter)
        self.read(starter)
        answer = self.portal.send(visitor, starter, form, receipt=number % 3 > 0)
        assert answer.code, answer.page
        self.read(starter)
        if number % 6 == 0:
            visitor.send(visitor.form_to("/not-seen/"))
        if number % 6 == 1:
            visitor.get(starter.page)
            visitor.send(visitor.form_to("/lost/"))
        if number % 6 == 2:
            assert self.portal.send(visitor, starter, form).status == 409
        self.read(starter)

    def look_everywhere(self, starters: list[Starter]) -> None:
        """Every page that a person may open afterwards, and every answer that the other system may get."""
        for starter in starters:
            self.read(starter)
        self.system.read_everything()
        for key, path in (("maria", "/starters/{}/"), ("hanna", "/hr/{}/")):
            visitor = self.person(key)
            for starter in starters[::3]:
                assert visitor.get(path.format(starter.public_id)).status_code == 200
        for key in ("ada", "audrey"):
            visitor = self.person(key)
            for address in links(visitor.get("/admin/"), r"/admin/\w+/\w+/"):
                for row in links(visitor.get(address), rf"{address}[^/?]+/(change/)?")[:5]:
                    assert visitor.get(row).status_code == 200


def links(page: requests.Response, pattern: str) -> list[str]:
    assert page.status_code == 200, page.url
    return sorted(
        {address for address in re.findall(r'href="([^"]+)"', page.text) if re.fullmatch(pattern, address)}
    )


@pytest.fixture(scope="module", params=part_of(["off", "on"], 2))
def hand_overs(request: pytest.FixtureRequest) -> Iterator[HandOvers]:
    """First as served, then with technical error pages that show a crash. `make test` has the first part only."""
    with ExitStack() as stack:
        stack.enter_context(recognisable())
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        began = time.time()
        variables = {"DJANGO_SETTINGS_MODULE": "tests.loud.settings", "TMPDIR": str(temporary)}
        running = stack.enter_context(portal(**variables, DEBUG=request.param))
        running.tenant.tenant.witness = []
        done = HandOvers(running, stack.enter_context(other_system(running)), temporary, began)
        running.person = done.person  # type: ignore[method-assign,assignment]
        whole = request.param == "off"
        # Each crash comes once: here those before a pass was read, and every second one after that. `make test` takes
        # every second one of all, here.
        late = part_of(WITH_A_PASS, 2) if EACH_ONCE else WITH_A_PASS[0 if whole else 1 :: 2]
        early = part_of([crash for crash in CRASHES if crash not in WITH_A_PASS], 2) if whole else ()
        orders = (*early, *late)
        answers, issues = (ANSWERS, ISSUES) if whole else ([], ISSUES // 4)
        starters = done.system.starters(done.person("hanna"), len(orders) + len(answers) + issues)
        waiting = iter(starters)
        marias = [done.person("maria") for _ in range(4)]
        for number in range(issues):
            done.hand_over(marias[number % 4], next(waiting), number)
        for fault in answers:
            running.tenant.tenant.faults.add(
                [{**fault, "method": "POST", "path": "/temporaryAccessPassMethods"}]
            )
            assert running.click(marias[0], next(waiting)).status == 503
        done.served = set(running.serving())
        for number, (step, kind) in enumerate(orders):
            done.crash(marias[number % 4], next(waiting), step, kind)
        running.settle()
        done.look_everywhere(starters)
        done.system.waits_for_webhooks()
        yield done


# --- The places -------------------------------------------------------------------------------------------------


def database_files(done: HandOvers) -> Iterator[bytes]:
    """The database's files and journal on the disk; of a shared server, those that changed."""
    database = done.portal.database
    own = ""
    if IS_POSTGRESQL:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        own = str(database.one("SELECT oid FROM pg_database WHERE datname = current_database()"))
    for path in database.files():
        if own and path.parent.parent.name == "base" and path.parent.name != own:
            continue
        with suppress(FileNotFoundError):  # deleted meanwhile
            if path.stat().st_mtime >= done.began - 1:
                yield path.read_bytes()


def dump(done: HandOvers) -> Iterator[bytes]:
    yield done.portal.database.dump()


def logs(done: HandOvers) -> Iterator[bytes]:
    yield from (done.portal.log.read_bytes(), (done.portal.folder / "loud.log").read_bytes())


def mails(done: HandOvers) -> Iterator[bytes]:
    yield from (json.dumps(vars(mail)).encode() for mail in done.portal.tenant.tenant.mails)


def sessions(done: HandOvers) -> Iterator[bytes]:
    for (data,) in done.portal.database.rows("SELECT session_data FROM django_session"):
        yield json.dumps(signing.loads(data, **sealed(done))).encode()


def sealed(done: HandOvers) -> dict[str, str]:
    return {
        "key": done.portal.environment["SECRET_KEY"],
        "salt": "django.contrib.sessions.SessionStore",
    }


def files(done: HandOvers) -> Iterator[bytes]:
    """Every file in the portal's folders."""
    for folder in (done.temporary, done.portal.folder):
        yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def nameless_files(done: HandOvers) -> Iterator[bytes]:
    for process in [os.getpid(), *done.portal.processes("")]:
        yield from nameless_files_of(process)


def reports(done: HandOvers) -> Iterator[bytes]:
    """Every part of every error report, as a mail program shows it."""
    for path in (done.portal.folder / "reports").iterdir():
        for part in email.message_from_bytes(path.read_bytes()).walk():
            if not part.is_multipart():
                yield part.get_payload(decode=True)  # type: ignore[misc]


def answers(done: HandOvers) -> Iterator[bytes]:
    """All responses, except the bodies that show a pass; the tests below count those."""
    for answer in done.answers:
        yield repr((answer.url, dict(answer.headers), answer.cookies.items())).encode()
        if not shown_pass(answer.text):
            yield answer.content


def webhooks(done: HandOvers) -> Iterator[bytes]:
    """Each request that reached the other system."""
    for each in done.system.receiver.received:
        yield from (f"{each.path} {each.headers}".encode(), each.body)


def deliveries(done: HandOvers) -> Iterator[bytes]:
    """The delivery log, with the content of each webhook."""
    for row in done.portal.database.rows("SELECT * FROM onboarding_hookdelivery"):
        yield repr(row).encode()


def answers_of_the_api(done: HandOvers) -> Iterator[bytes]:
    for answer in done.system.answers:
        yield from (repr((answer.url, dict(answer.headers))).encode(), answer.content)


PLACES: dict[str, Callable[[HandOvers], Iterator[bytes]]] = {
    "database files": database_files,
    "dump": dump,
    "logs": logs,
    "mails": mails,
    "sessions": sessions,
    "files": files,
    "files without a name": nameless_files,
    "error reports": reports,
    "answers": answers,
    "webhooks": webhooks,
    "deliveries": deliveries,
    "answers of the API": answers_of_the_api,
}


def found(place: str, done: HandOvers, words: tuple[str, ...] = WORDS) -> Counter[str]:
    return sum((sightings(content, words) for content in PLACES[place](done)), Counter[str]())


# --- Nothing is there -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_no_trace_of_a_pass_is_found(hand_overs: HandOvers, place: str) -> None:
    assert found(place, hand_overs) == {}


def test_each_pass_is_only_in_the_response_to_its_confirmation(
    hand_overs: HandOvers,
) -> None:
    made = hand_overs.portal.tenant.tenant.witness
    showing = [answer for answer in hand_overs.answers if shown_pass(answer.text)]
    shown = [shown_pass(answer.text) for answer in showing]

    assert len(shown) == len(set(shown))
    assert set(shown) <= set(made)
    assert all(code.startswith(WORDS[0]) and code.endswith(WORDS[1]) for code in made)
    assert {(answer.request.method, answer.status_code) for answer in showing} == {("POST", 200)}
    assert sorted(shown) == sorted(answer.code for answer in hand_overs.portal.answers if answer.code)


def test_the_other_system_followed_each_pass(hand_overs: HandOvers) -> None:
    """The search would prove little if nothing had been sent while the passes were there."""
    system = hand_overs.system
    events = [each.event for each in system.receiver.received]
    told = {event["data"]["ticket"] for event in events if event["type"] == "starter.pass_created"}
    passed = {answer.starter.public_id for answer in hand_overs.portal.answers if answer.code}
    cards = [event for event in events if event["type"] == "message"]
    states = {answer.json()["state"] for answer in system.answers if "/RITM" in answer.url}

    assert passed
    assert told >= {system.tickets[public_id] for public_id in passed}
    assert len(cards) * 2 == len({each.id for each in system.receiver.received})
    assert states >= {"recorded", "invited", "issued"}


def test_every_outcome_is_known(hand_overs: HandOvers) -> None:
    hand_overs.portal.assert_sound()


def test_no_crash_ends_a_process(hand_overs: HandOvers) -> None:
    """Requests of other people go on in the same process, whatever this one raised."""
    assert set(hand_overs.portal.serving()) == hand_overs.served


# --- And what is there is found -----------------------------------------------------------------------------------


def test_the_portal_logs_as_much_as_it_can(hand_overs: HandOvers) -> None:
    """SQL statements, network traffic, libraries and the server: all of them were logging."""
    log = b"".join(logs(hand_overs)).decode()

    for words in (
        "INSERT INTO",
        "send: b'POST /v1.0/users/",
        "reply: 'HTTP/1.1 201",
        "urllib3",
        "msal",
        "gunicorn",
    ):
        assert words in log
    assert len(list(reports(hand_overs))) > 10


NOTE = "UPDATE onboarding_starter SET note = %s WHERE id = (SELECT min(id) FROM onboarding_starter)"


@contextmanager
def changing(done: HandOvers, statement: str, value: str) -> Iterator[Any]:
    """A transaction outside the portal, open until the end of the block."""
    database = done.portal.database
    connection: Any = psycopg.connect(database.url) if IS_POSTGRESQL else sqlite3.connect(database.file, 20)
    with closing(connection):
        connection.execute(statement if IS_POSTGRESQL else statement.replace("%s", "?"), (value,))
        yield connection


def write(done: HandOvers, statement: str, value: str) -> None:
    with changing(done, statement, value) as connection:
        connection.commit()


def test_a_value_in_a_row_is_found_on_disk(hand_overs: HandOvers) -> None:
    write(hand_overs, NOTE, PLANT)

    assert found("database files", hand_overs, PLANTED)
    assert found("dump", hand_overs, PLANTED)


def test_an_overwritten_value_is_found_in_the_journal(hand_overs: HandOvers) -> None:
    write(hand_overs, NOTE, PLANT)

    with changing(hand_overs, NOTE, ""):
        journals = [path for path in hand_overs.portal.database.files() if is_journal(path)]
        assert any(sightings(path.read_bytes(), PLANTED) for path in journals)


def is_journal(path: Path) -> bool:
    return path.name.endswith("-journal") or (path.parent.name == "pg_wal" and path.is_file())


def test_a_value_in_a_session_is_found(hand_overs: HandOvers) -> None:
    data = signing.dumps({"planted": PLANT}, compress=True, **sealed(hand_overs))

    write(hand_overs, "INSERT INTO django_session VALUES ('planted', %s, '2040-01-01')", data)

    assert found("sessions", hand_overs, PLANTED)


def test_a_logged_value_is_found(hand_overs: HandOvers) -> None:
    hand_overs.person("maria").get(f"/{PLANTED[0]}")

    assert found("logs", hand_overs, PLANTED)


def test_a_value_in_a_name_is_found_in_mails(hand_overs: HandOvers) -> None:
    running = hand_overs.portal
    account = running.tenant.tenant.add_starter("planted", PLANT, "tom")  # whose mails leave at once

    record(hand_overs.person("hanna"), account.id)

    wait_for(lambda: found("mails", hand_overs, PLANTED), "the invitation")
    assert found("answers", hand_overs, PLANTED)


def test_a_value_in_a_ticket_is_found_in_webhooks(hand_overs: HandOvers) -> None:
    ticket = "-".join(PLANTED)

    hand_overs.system.put(ticket, f"{ticket.lower()}@contoso.example")
    hand_overs.system.waits_for_webhooks()

    for place in ("webhooks", "deliveries", "answers of the API"):
        assert found(place, hand_overs, PLANTED), place


def test_a_value_in_a_temporary_file_is_found(hand_overs: HandOvers) -> None:
    (hand_overs.temporary / "planted").write_text(PLANT)
    with tempfile.TemporaryFile() as nameless:
        nameless.write(PLANT.encode())
        nameless.flush()

        assert found("files", hand_overs, PLANTED)
        assert found("files without a name", hand_overs, PLANTED)


def test_a_value_in_an_error_is_found_in_its_report(hand_overs: HandOvers) -> None:
    visitor, (starter,) = hand_overs.person("maria"), hand_overs.portal.starters(1)

    page = hand_overs.crash(visitor, starter, "before:show_pass", "plain", PLANT).page

    assert found("error reports", hand_overs, PLANTED)
    assert bool(sightings(page.encode(), PLANTED)) == (hand_overs.portal.environment["DEBUG"] == "on")


def test_the_pass_page_has_the_pass_grouped_and_spelled(hand_overs: HandOvers) -> None:
    showing = next(answer for answer in hand_overs.answers if shown_pass(answer.text))

    seen = sightings(showing.content)

    assert {">ZxQk<", ">vWjH<", ">YgTp<", ">RnLb<"} <= set(seen)
    assert sum("</li><li>" in shape for shape in seen) == len(WORDS)


@pytest.mark.parametrize(
    "written",
    [
        PLANT,
        html.escape(json.dumps(PLANT)),
        quote(repr(PLANT)),
        repr([list(group) for group in spelling.group_characters(PLANT)]),
        html.escape(pprint.pformat(list(spelling.spell_characters(PLANT)))),
        json.dumps({"spelled": list(spelling.spell_characters(PLANT))}),
        PLANT.encode().hex(),
        *(base64.b64encode(b"." * before + PLANT.encode()).decode() for before in range(3)),
    ],
)
def test_each_form_of_the_pass_is_recognised(written: str) -> None:
    assert sightings(written.encode(), PLANTED)
    assert not sightings(written.encode())


@pytest.mark.parametrize("written", [PLANT, "\n" + PLANT, "</li><li>".join(spelling.spell_characters(PLANT))])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_page_in_memory_is_recognised_at_every_character_width(written: str, encoding: str) -> None:
    assert sightings(written.encode(encoding), PLANTED, wide=True)
    assert not sightings(written.encode(encoding), wide=True)
