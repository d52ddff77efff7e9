"""Many starters written straight into the database: a large organisation after some years."""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

import psycopg

from onboarding import audit
from onboarding.models import AuditEvent, Starter
from tests.support.databases import Database

WORDS = {
    "first": """Anna Ben Chloe Dirk Elif Femke Gerrit Hanneke Ines Joost Katja Lars Maarten Noor Oskar Pieter Quirine
        Rosa Sanne Thijs Ulrike Vera Willem Xander Yara Zeynep Amir Bram Carla Daan Esther Floor Guus Hugo Iris Jasper
        Kim Lotte Mila Nina""",
    "last": """Jansen Bakker Visser Smit Meijer Mulder Dekker Brouwer Vermeulen Koster Hendriks Kramer Prins Blom Huisman
        Peters Scholten Willems Hoekstra Koning Maas Verbeek Jacobs Vink Kuipers Post Kok Schouten Wolters Molenaar
        Sanders Martens Groen Dijkstra Bosman Postma Boer Hofman Lindqvist Okafor Nguyen Kowalski Schneider Rossi
        Garcia Novak Haddad Ozturk Larsen Murphy Silva""",
    "team": "Finance People Production Research Sales Support Logistics Legal Care Teaching",
}

# So many of each hundred are finished; the others are spread over the open states.
INSERT = """
{numbers} INSERT INTO onboarding_starter (public_id, state, version, problem, account_name, account_id, found_account_id,
  display_name, job_title, department, manager_id, manager_name, manager_mail, start_date, start_time, time_zone,
  starts_at, note, sign_in_told, recorded_by_id, shaped_by, recorded_at, {other_columns})
SELECT 'benchbench' || {padded}, CASE WHEN n % 100 < 92 THEN 'registered' WHEN n % 100 < 96 THEN 'withdrawn'
  WHEN n % 100 < 98 THEN 'invited' WHEN n % 100 < 99 THEN 'recorded' ELSE 'registered' END, 1,
  CASE WHEN n % 1000 = 97 THEN 'no_manager' ELSE '' END,
  lower(f.word || '.' || l.word) || n || '@contoso.example', '0000be0c-0000-4000-8000-' || {padded}, '',
  f.word || ' ' || l.word, 'Employee', t.word, '0000be0d-0000-4000-8000-' || {manager}, g.word || ' ' || m.word, '',
  {day}, '09:00:00', 'Europe/Amsterdam', {moment}, '', {false}, {by}, '[]', {now}, {other_values}
FROM numbers JOIN words_first f ON f.i = n % 40 JOIN words_last l ON l.i = (n / 40) % 51
  JOIN words_team t ON t.i = n % 10 JOIN words_first g ON g.i = (n / 7) % 40 JOIN words_last m ON m.i = (n / 11) % 51
"""
# The search words: see `onboarding.models.starter_search`. None of these names needs folding.
WORDS_INSERT = """
{numbers}, named AS (SELECT s.id, f.word AS first, l.word AS last, t.word AS team, g.word AS boss, m.word AS boss_last, n
  FROM numbers JOIN onboarding_starter s ON s.public_id = 'benchbench' || {padded}
  JOIN words_first f ON f.i = n % 40 JOIN words_last l ON l.i = (n / 40) % 51
  JOIN words_team t ON t.i = n % 10 JOIN words_first g ON g.i = (n / 7) % 40 JOIN words_last m ON m.i = (n / 11) % 51)
INSERT INTO onboarding_starterword (starter_id, word)
  SELECT id, lower(first) FROM named UNION SELECT id, lower(last) FROM named UNION SELECT id, lower(last) || n FROM named
  UNION SELECT id, 'contoso' FROM named UNION SELECT id, 'example' FROM named UNION SELECT id, lower(team) FROM named
  UNION SELECT id, lower(boss) FROM named UNION SELECT id, lower(boss_last) FROM named
"""
SQLITE = {
    "padded": "substr('000000000000' || n, -12)",
    "manager": "substr('000000000000' || (n / 20), -12)",
    "day": "date('2020-01-01', '+' || (n % 2699) || ' days')",
    "moment": "datetime('2020-01-01 07:00', '+' || (n % 2699) || ' days')",
    "now": "datetime('now')",
    "false": "0",
}
POSTGRESQL = {
    "padded": "lpad(n::text, 12, '0')",
    "manager": "lpad((n / 20)::text, 12, '0')",
    "day": "date '2020-01-01' + n % 2699",
    "moment": "timestamptz '2020-01-01 07:00+00' + (n % 2699) * interval '1 day'",
    "now": "now()",
    "false": "false",
}


def fill(database: Database, start: int, end: int, recorded_by: int) -> None:
    """Add starters number `start` to `end`, and update the database's statistics."""
    written = statements(start, end, recorded_by, on_postgresql=bool(database.url))
    if database.url:
        with psycopg.connect(database.url, autocommit=True) as connection:
            for statement in (
                *written,
                "VACUUM ANALYZE onboarding_starter",
                "VACUUM ANALYZE onboarding_starterword",
            ):
                connection.execute(statement.encode())
        return
    with closing(sqlite3.connect(database.file, timeout=60)) as connection:
        for statement in (*written, "ANALYZE"):
            connection.executescript(f"{statement};")


def statements(start: int, end: int, recorded_by: int, *, on_postgresql: bool) -> list[str]:
    """The SQL that writes starters number `start` to `end`, with defaults for the columns not listed above."""
    numbers = f"WITH RECURSIVE numbers(n) AS (SELECT {start} UNION ALL SELECT n + 1 FROM numbers WHERE n < {end - 1})"  # noqa: S608
    others = _others()
    spelled = POSTGRESQL if on_postgresql else SQLITE
    found_by = WORDS_INSERT.format(padded=spelled["padded"], numbers=numbers)
    insert = INSERT.format(
        **spelled,
        by=recorded_by,
        numbers=numbers,
        other_columns=", ".join(others),
        other_values=", ".join(others.values()),
    )
    return [statement for name, words in WORDS.items() for statement in _table(name, words.split())] + [
        insert,
        found_by,
    ]


def _others() -> dict[str, str]:
    """The required columns that are not listed above, each with its default in SQL."""
    named = set(re.findall(r"\w+", INSERT.partition("SELECT")[0]))
    fields = [
        field
        for field in Starter._meta.concrete_fields
        if not (field.null or field.primary_key or field.has_db_default() or field.column in named)
    ]
    return {field.column: _literal(field.get_default()) for field in fields}


def _literal(value: object) -> str:
    if isinstance(value, list | dict):
        return f"'{json.dumps(value)}'"
    return f"'{value}'" if isinstance(value, str) else str(value)


def _table(name: str, words: list[str]) -> tuple[str, str]:
    rows = ", ".join(f"({i}, '{word}')" for i, word in enumerate(words))
    return (
        f"CREATE TEMP TABLE words_{name} (i integer, word varchar(40))",
        f"INSERT INTO words_{name} VALUES {rows}",  # noqa: S608
    )


# --- Tickets, each with its event in the audit log ----------------------------------------------------------------------

EVENTS_AT_ONCE = 10_000  # in one transaction: the portal's own events wait for it
EVENT_COLUMNS = ("seq", "at", "event", "starter", "issue", "facts", "commitments", "previous", "hash")
# From the starters and their events. HR has accepted all of them. None was added today: there is a daily limit.
TICKETS_INSERT = """
INSERT INTO onboarding_ticket (starter_id, source, number, application_id, account, start_date, start_time, time_zone, note,
  requested_by, requested_by_id, requested_by_name, created_at, accepted_at, changed_at, last_event)
SELECT s.id, '{source}', 'BENCH-' || substr(s.public_id, 11), '{application}', s.account_name, s.start_date, s.start_time,
  s.time_zone, '', '', '', '', s.starts_at, s.starts_at, {at}, e.seq
FROM onboarding_starter s JOIN onboarding_auditevent e ON e.starter = s.public_id
WHERE s.public_id >= 'benchbench{start:012}' AND s.public_id < 'benchbench{end:012}'
"""
EVENT_TIME = {
    True: "e.at::timestamptz",
    False: "replace(substr(e.at, 1, 23), 'T', ' ')",
}  # on PostgreSQL, or not


def fill_tickets(database: Database, start: int, end: int, source: str, application: str) -> None:
    """Give starters number `start` to `end` a ticket each, in an order of changes that is not the order of the rows."""
    numbers = list(range(start, end))
    random.Random(16).shuffle(numbers)  # the same order each time
    for first in range(0, len(numbers), EVENTS_AT_ONCE):
        _write_events(database, numbers[first : first + EVENTS_AT_ONCE], source)
    insert = tickets_statement(start, end, source, application, on_postgresql=bool(database.url))
    if database.url:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute(insert.encode())
            for table in ("onboarding_ticket", "onboarding_auditevent"):
                connection.execute(f"VACUUM ANALYZE {table}".encode())
        return
    with closing(sqlite3.connect(database.file, timeout=60)) as connection:
        connection.executescript(f"{insert}; ANALYZE;")


def tickets_statement(start: int, end: int, source: str, application: str, *, on_postgresql: bool) -> str:
    """The SQL that writes the tickets of starters number `start` to `end`, which have their event."""
    return TICKETS_INSERT.format(
        source=source, application=application, start=start, end=end, at=EVENT_TIME[on_postgresql]
    )


def _write_events(database: Database, numbers: Sequence[int], source: str) -> None:
    """Append one event for each starter to the chain, as `audit.record` does, but with codes that prove nothing."""
    marks = ", ".join(["%s"] * len(EVENT_COLUMNS))
    insert = f"INSERT INTO onboarding_auditevent ({', '.join(EVENT_COLUMNS)}) VALUES ({marks})"  # noqa: S608
    detail = "INSERT INTO onboarding_auditdetail (event_id, salt, \"values\") VALUES (%s, 'salt', '{}')"
    code = (
        "INSERT INTO onboarding_auditcode (event_id, key, people, code) VALUES (%s, 'bench', '{}', 'no code')"
    )
    move = "UPDATE onboarding_audithead SET seq = %s, hash = %s WHERE id = 1"
    look = "SELECT seq, hash FROM onboarding_audithead WHERE id = 1"
    if database.url:
        with psycopg.connect(database.url) as connection, connection.cursor() as cursor:
            seq, head = connection.execute(f"{look} FOR UPDATE".encode()).fetchone() or (0, "")
            rows = list(events(numbers, source, seq, head))
            cursor.executemany(insert.encode(), rows)
            for statement in (detail, code):
                cursor.executemany(statement.encode(), [row[:1] for row in rows])
            cursor.execute(move.encode(), (rows[-1][0], rows[-1][-1]))
        return
    with closing(sqlite3.connect(database.file, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        seq, head = connection.execute(look).fetchone()
        rows = list(events(numbers, source, seq, head))
        connection.executemany(insert.replace("%s", "?"), rows)
        for statement in (detail, code):
            connection.executemany(statement.replace("%s", "?"), [row[:1] for row in rows])
        connection.execute(move.replace("%s", "?"), (rows[-1][0], rows[-1][-1]))
        connection.execute("COMMIT")


def events(numbers: Sequence[int], source: str, seq: int, head: str) -> Iterator[tuple[int | str, ...]]:
    """The values of one event for each starter, in the order of EVENT_COLUMNS, chained to event `seq`."""
    for number in numbers:
        seq += 1
        facts = {"source": source, "ticket": f"BENCH-{number:012}"}
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        row = AuditEvent(
            seq=seq,
            at=moment,
            event="starter.recorded",
            starter=f"benchbench{number:012}",
            facts=facts,
            previous=head,
        )
        head = audit.hash_event(row)
        yield (seq, moment, row.event, row.starter, "", json.dumps(facts), "{}", row.previous, head)
