"""Every kind of tampering that is tried, and what must come of it: the table behind docs/reference/tampering.md.

`make tampering` writes the document.
"""

# ruff: noqa: S608 - the statements are the tampering

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from string import Template

from django.conf import settings
from django.db import connection
from django.test import override_settings

from onboarding import audit
from onboarding.audit import codes, triggers
from onboarding.models import AuditCode, AuditDetail, AuditEvent, AuditHead, AuditKey
from onboarding.privacy import people
from portal.models import User
from tests.audit.site import Site, forget_codes, sign_as_migration, write_chain_again

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "reference" / "tampering.md"
EVENT, DETAIL, HEAD = "onboarding_auditevent", "onboarding_auditdetail", "onboarding_audithead"
CODE, KEY = "onboarding_auditcode", "onboarding_auditkey"
VERSION, ACTIVATION = "onboarding_policyversion", "onboarding_policyactivation"
STARTER, ISSUE = "onboarding_starter", "onboarding_passissue"
APPROVAL, PROBE = "onboarding_approval", "onboarding_probepass"
ANY, SQLITE, POSTGRESQL = "both", "sqlite", "postgresql"


class Outcome(StrEnum):
    """What comes of it."""

    REFUSED = "a trigger refuses it"
    FOUND = "`verify_audit` finds it"
    WITH_HEAD = "only `verify_audit --head` finds it"
    NOT_FOUND = "nothing finds it"


class Triggers(StrEnum):
    """What happened to the triggers."""

    KEPT = "there"
    DROPPED = "dropped, and created again"
    CHANGED = "the tampering itself"


Statement = str | Callable[[Site, dict[str, str]], None]


@dataclass(frozen=True)
class Tampering:
    """One kind. `says` is part of the trigger's message, or of the line that `verify_audit` prints."""

    name: str
    table: str
    statements: tuple[Statement, ...]
    outcome: Outcome
    says: str
    triggers: Triggers = Triggers.KEPT
    database: str = ANY

    @property
    def id(self) -> str:
        return f"{self.table.removeprefix('onboarding_')}: {self.name} (triggers {self.triggers})"

    def run(self, site: Site) -> None:
        values = site.values()
        for statement in self.statements:
            if isinstance(statement, str):
                with connection.cursor() as cursor:
                    cursor.execute(Template(statement).substitute(values))
            else:
                statement(site, values)


def change(
    table: str,
    name: str,
    *statements: Statement,
    found: str,
    refused: str,
    outcome: Outcome = Outcome.FOUND,
    database: str = ANY,
) -> tuple[Tampering, Tampering]:
    """A change that a trigger refuses, and the same one by somebody who drops the triggers first."""
    return (
        Tampering(name, table, statements, Outcome.REFUSED, refused, database=database),
        Tampering(name, table, statements, outcome, found, Triggers.DROPPED, database),
    )


def unguarded(table: str, name: str, *statements: Statement, found: str, database: str = ANY) -> Tampering:
    """A change that no trigger refuses."""
    return Tampering(name, table, statements, Outcome.FOUND, found, database=database)


def rewritten(
    table: str, name: str, *statements: Statement, found: str = "", outcome: Outcome = Outcome.FOUND
) -> Tampering:
    """A change by somebody who drops the triggers and calculates the chain again."""
    says = ANOTHER_HEAD if outcome is Outcome.WITH_HEAD else WRONG_CODE
    return Tampering(name, table, statements, outcome, found or says, Triggers.DROPPED)


# --- Statements that SQL alone cannot make --------------------------------------------------------------------------


def write_again(event: str, offset: int = 0) -> Statement:
    """Calculate the chain again from this event on."""
    return lambda _site, values: write_chain_again(int(Template(event).substitute(values)) + offset)


def hash_again(event: str) -> Statement:
    """Calculate the hash of this event alone."""

    def run(_site: Site, values: dict[str, str]) -> None:
        row = AuditEvent.objects.get(seq=int(values[event]))
        AuditEvent.objects.filter(seq=row.seq).update(hash=audit.hash_event(row))

    return run


def commit_again(event: str, **changed: str) -> Statement:
    """Change personal values of an event, and calculate its commitments again."""

    def run(_site: Site, values: dict[str, str]) -> None:
        detail = AuditDetail.objects.get(event_id=int(values[event]))
        detail.values |= changed
        AuditDetail.objects.filter(pk=detail.pk).update(values=detail.values)
        commitments = {name: audit.make_commitment(detail.salt, text) for name, text in detail.values.items()}
        AuditEvent.objects.filter(seq=detail.pk).update(commitments=commitments)

    return run


def act_as(event: str, person: str) -> Statement:
    """Let an event say that another person acted."""

    def run(site: Site, values: dict[str, str]) -> None:
        user = next(user for user in site.now.rows[0] if user.pk == int(values[person]))
        commit_again(event, by=f"{user.tid}/{user.oid}", by_name=user.name)(site, values)

    return run


def shift(events: str, by: int) -> Statement:
    """Give each of these events, and its details, another number."""

    def run(_site: Site, values: dict[str, str]) -> None:
        condition = Template(events).substitute(values)
        rows = list(AuditEvent.objects.extra(where=[condition]).order_by("seq"))  # noqa: S610
        details = {detail.pk: detail for detail in AuditDetail.objects.filter(event__in=rows)}
        coded = {code.pk: code for code in AuditCode.objects.filter(event__in=rows)}
        AuditDetail.objects.filter(pk__in=details).delete()
        AuditCode.objects.filter(pk__in=coded).delete()
        AuditEvent.objects.filter(pk__in=[row.pk for row in rows]).delete()
        for row in rows:
            detail, code = details.get(row.seq), coded.get(row.seq)
            row.seq += by
            row.save(force_insert=True)
            if detail:
                AuditDetail.objects.create(event=row, salt=detail.salt, values=detail.values)
            if code:
                AuditCode.objects.create(event=row, key=code.key, people=code.people, code=code.code)

    return run


def add(
    event: str, seq: str = "$last", after: int = 1, *, with_details: bool = True, **facts: object
) -> Statement:
    """Insert an event that follows the one of this number, and does not move the head."""

    def run(_site: Site, values: dict[str, str]) -> None:
        before = AuditEvent.objects.get(seq=int(Template(seq).substitute(values)))
        starter = values["liam_id"] if event.startswith("starter.") else ""
        row = AuditEvent(
            seq=before.seq + after,
            at=before.at,
            event=event,
            starter=starter,
            facts=facts,
            previous=before.hash,
        )
        row.hash = audit.hash_event(row)
        row.save(force_insert=True)
        if with_details:
            AuditDetail.objects.create(event=row, salt="0" * 32, values={})

    return run


def move_head(_site: Site, _values: dict[str, str]) -> None:
    """Move the head to the last event, one by one, as its trigger allows."""
    last = AuditEvent.objects.latest("seq")
    AuditHead.objects.update(seq=last.seq, hash=last.hash)


def forge_erasure(*, kept_days: int = 365, last: str = "$last", starter: str = "liam_id") -> Statement:
    """Erase the details of a starter, and add a correct event that says so."""

    def run(site: Site, values: dict[str, str]) -> None:
        events = AuditEvent.objects.filter(starter=values[starter]).values_list("seq", flat=True)
        AuditDetail.objects.filter(event__in=list(events)).update(salt="", values={})
        before = AuditEvent.objects.latest("seq")
        facts = {
            "events": len(events),
            "last": int(Template(last).substitute(values)),
            "kept_days": kept_days,
        }
        row = AuditEvent(
            seq=before.seq + 1,
            at=before.at,
            event="audit.details_erased",
            starter=values[starter],
            facts=facts,
            previous=before.hash,
        )
        row.hash = audit.hash_event(row)
        row.save(force_insert=True)
        AuditDetail.objects.create(event=row, salt="0" * 32, values={})
        move_head(site, values)

    return run


def put_backup_back(site: Site, _values: dict[str, str]) -> None:
    site.backup.put_back()


def delete_events(condition: str) -> tuple[str, ...]:
    return (
        f"DELETE FROM {DETAIL} WHERE event_id {condition}",
        f"DELETE FROM {CODE} WHERE event_id {condition}",
        f"DELETE FROM {EVENT} WHERE seq {condition}",
    )


def head_to_last(_site: Site, _values: dict[str, str]) -> None:
    """Set the head to the last event that is there."""
    last = AuditEvent.objects.order_by("seq").last()
    AuditHead.objects.update(seq=last.seq if last else 0, hash=last.hash if last else audit.GENESIS)
    if last is None:
        AuditKey.objects.all().delete()
        AuditHead.objects.update(key="")


def sign_last(key: str = "", *, stored: bool = False) -> Statement:
    """Add a code to the last event, with a key of one's own. `stored` adds that key to the portal's keys."""

    def run(_site: Site, _values: dict[str, str]) -> None:
        row = AuditEvent.objects.latest("seq")
        people, code = codes.sign(bytes(32), row.hash, {})
        name = key or AuditHead.objects.get().key
        if stored:
            AuditKey.objects.create(name=name, sealed=AuditKey.objects.get().sealed)
        AuditCode.objects.create(event=row, key=name, people=people, code=code)

    return run


def change_to_own_key(site: Site, values: dict[str, str]) -> None:
    """Add the event of a new key, with a key that the portal did not make."""
    add(codes.KEY_CHANGED, before=AuditHead.objects.get().key, key="own")(site, values)
    sign_last("own", stored=True)(site, values)
    last = AuditEvent.objects.latest("seq")
    AuditHead.objects.update(seq=last.seq, hash=last.hash, key="own")


@dataclass
class Rotated:
    """A change of SECRET_KEY, and what somebody knows who has the earlier one and the database of that time."""

    in_use: str  # the name of the key that the portal used before the change
    known: dict[str, bytes]  # the keys that the earlier SECRET_KEY opened, and the one that they added

    @classmethod
    def play(cls) -> Rotated:
        now = settings.SECRET_KEY
        in_use = AuditHead.objects.get().key
        with override_settings(SECRET_KEY="the earlier one", SECRET_KEY_FALLBACKS=[now]):
            codes.seal_again(AuditKey.objects.get(name=in_use))
        with override_settings(SECRET_KEY="the earlier one", SECRET_KEY_FALLBACKS=[]):
            added = codes.create_key()
            known = {name: codes.read_key(name) for name in (in_use, added)}
        with override_settings(SECRET_KEY=now, SECRET_KEY_FALLBACKS=["the earlier one"]):
            audit.renew_keys()
        return cls(in_use, known)


def change_to_earlier_key(*, added: bool = False) -> Statement:
    """After a change of SECRET_KEY, change to the key in use before, or to one that was `added` before it."""

    def run(site: Site, values: dict[str, str]) -> None:
        rotated = Rotated.play()
        head = AuditHead.objects.get()
        (name,) = set(rotated.known) - {rotated.in_use} if added else {rotated.in_use}
        key = rotated.known[name]
        add(codes.KEY_CHANGED, str(head.seq), before=head.key, key=name)(site, values)
        _sign_and_move_head(name, key)
        add("mail.refused", str(head.seq + 1))(site, values)
        _sign_and_move_head(name, key)

    return run


def _sign_and_move_head(name: str, key: bytes) -> None:
    row = AuditEvent.objects.latest("seq")
    people, code = codes.sign(key, row.hash, {})
    AuditCode.objects.create(event=row, key=name, people=people, code=code)
    AuditHead.objects.update(seq=row.seq, hash=row.hash, key=name)


def forget_person(name: str) -> Statement:
    """Erase this person as retention does, with its event."""

    def run(_site: Site, values: dict[str, str]) -> None:
        people.erase_person(User.objects.get(pk=int(values[name])), by=None)

    return run


def swap_codes(_site: Site, values: dict[str, str]) -> None:
    first, second = AuditCode.objects.filter(event__in=[values["intent"], values["held"]])
    for pk, other in ((first.pk, second), (second.pk, first)):
        AuditCode.objects.filter(pk=pk).update(people=other.people, code=other.code)


def swap_details(_site: Site, values: dict[str, str]) -> None:
    first, second = AuditDetail.objects.filter(event__in=[values["intent"], values["held"]])
    for pk, other in ((first.pk, second), (second.pk, first)):
        AuditDetail.objects.filter(pk=pk).update(salt=other.salt, values=other.values)


def replace_row(table: str, column: str, value: str, condition: str) -> Statement:
    """Replace a row by one that differs in one column, with INSERT OR REPLACE of SQLite."""

    def run(_site: Site, values: dict[str, str]) -> None:
        with connection.cursor() as cursor:
            names = [found.name for found in connection.introspection.get_table_description(cursor, table)]
            columns = ", ".join(f'"{name}"' if name != column else value for name in names)
            where = Template(condition).substitute(values)
            cursor.execute(f"INSERT OR REPLACE INTO {table} SELECT {columns} FROM {table} WHERE {where}")

    return run


def copy_row(table: str, condition: str, **changed: str) -> Statement:
    """Insert a copy of a row with some columns changed."""

    def run(_site: Site, values: dict[str, str]) -> None:
        with connection.cursor() as cursor:
            names = [found.name for found in connection.introspection.get_table_description(cursor, table)]
            columns = ", ".join(changed.get(name, f'"{name}"') for name in names)
            listed = ", ".join(f'"{name}"' for name in names)
            statement = f"INSERT INTO {table} ({listed}) SELECT {columns} FROM {table} WHERE {condition}"
            cursor.execute(Template(statement).substitute(values))

    return run


def neutralise(_site: Site, _values: dict[str, str]) -> None:
    """Put a trigger of the same name that does nothing in the place of one."""
    name = f"{EVENT}_no_update"
    with connection.cursor() as cursor:
        if connection.vendor == POSTGRESQL:
            cursor.execute(f"DROP TRIGGER {name} ON {EVENT}")
            cursor.execute(
                f"CREATE TRIGGER {name} BEFORE UPDATE ON {EVENT} FOR EACH ROW WHEN (false) "
                "EXECUTE FUNCTION onboarding_refuse('an audit event is only ever added')"
            )
        else:
            cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON {EVENT} WHEN 0 BEGIN SELECT 1; END")


def drop_all_triggers(_site: Site, _values: dict[str, str]) -> None:
    triggers.remove_triggers(connection)


# --- The table --------------------------------------------------------------------------------------------------------

EMPTY_FUNCTION = "CREATE OR REPLACE FUNCTION onboarding_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
ADDED = "only ever added"
ERASED = "can only be erased"
ANOTHER_HEAD = "does not contain the event whose hash you saved"
NO_CODE = "this event has no authentication code"
WRONG_CODE = "the authentication code of this event is wrong"
OTHER_KEY = "made with a key that was not in use"
UNREADABLE_KEY = "the authentication code of this event cannot be checked"
NO_CODE_BEFORE = "from this event on, the authentication codes are made with another key"
REPLACED_KEY = "made with a key that had already been replaced"
WITHOUT_EVENT = "the details of this event were erased, but no event records the erasure"

EVENTS = (
    *change(
        EVENT,
        "a fact is changed",
        f"UPDATE {EVENT} SET facts = '{{}}' WHERE seq = $intent",
        refused=ADDED,
        found="was changed",
    ),
    *change(
        EVENT,
        "its name is changed",
        f"UPDATE {EVENT} SET event = 'issue.refused' WHERE seq = $intent",
        refused=ADDED,
        found="was changed",
    ),
    *change(
        EVENT,
        "its time is changed",
        f"UPDATE {EVENT} SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = $intent",
        refused=ADDED,
        found="was changed",
    ),
    *change(
        EVENT,
        "its starter is changed",
        f"UPDATE {EVENT} SET starter = '$noor_id' WHERE seq = $intent",
        refused=ADDED,
        found="was changed",
    ),
    *change(
        EVENT,
        "its pass is changed",
        f"UPDATE {EVENT} SET issue = '' WHERE seq = $intent",
        refused=ADDED,
        found="was changed",
    ),
    *change(
        EVENT,
        "its commitments are emptied",
        f"UPDATE {EVENT} SET commitments = '{{}}' WHERE seq = $intent",
        refused=ADDED,
        found="was changed",
    ),
    *change(
        EVENT,
        "its hash is changed",
        f"UPDATE {EVENT} SET hash = '{'a' * 64}' WHERE seq = $intent",
        refused=ADDED,
        found="was changed",
    ),
    *change(
        EVENT,
        "its link to the event before is changed",
        f"UPDATE {EVENT} SET previous = '{'a' * 64}' WHERE seq = $intent",
        refused=ADDED,
        found="was changed",
    ),
    *change(
        EVENT,
        "a fact is changed, and its hash calculated again",
        f"UPDATE {EVENT} SET facts = '{{}}' WHERE seq = $invited",
        hash_again("invited"),
        refused=ADDED,
        found="this event was changed, and its hash was calculated again: event",
    ),
    *change(
        EVENT,
        "the last event is changed, and its hash calculated again",
        f"UPDATE {EVENT} SET facts = '{{\"a\": 1}}' WHERE seq = $looked_up",
        hash_again("looked_up"),
        refused=ADDED,
        found="does not match the record of the last event",
    ),
    *change(
        EVENT,
        "its number is changed",
        f"UPDATE {EVENT} SET seq = 1000 WHERE seq = $invited",
        refused=ADDED,
        found="are missing",
        database=SQLITE,
    ),
    *change(
        EVENT,
        "one in the middle is deleted",
        *delete_events("= $intent")[::-1],
        refused=ADDED,
        found="are missing",
    ),
    *change(
        EVENT,
        "the first is deleted",
        *delete_events("= 1")[::-1],
        refused=ADDED,
        found="events 1 to 1 are missing",
    ),
    *change(
        EVENT,
        "the last is deleted",
        *delete_events("= $last")[::-1],
        refused=ADDED,
        found="the end of the log was cut off",
    ),
    *change(
        EVENT,
        "the end is deleted",
        *delete_events(">= $intent")[::-1],
        refused=ADDED,
        found="the end of the log was cut off",
    ),
    *change(
        EVENT,
        "all are deleted",
        *delete_events("> 0")[::-1],
        refused=ADDED,
        found="the end of the log was cut off: events 1 to",
    ),
    *change(
        EVENT,
        "a row is replaced",
        replace_row(EVENT, "at", "'2020'", "seq = $intent"),
        refused="never replaced",
        found="was changed",
        database=SQLITE,
    ),
    *change(
        EVENT,
        "the table is emptied",
        f"TRUNCATE {EVENT} CASCADE",
        refused="never emptied",
        found="the end of the log was cut off: events 1 to",
        database=POSTGRESQL,
    ),
)
EVENTS_MOVED = (
    Tampering(
        "two neighbours change places",
        EVENT,
        (shift("seq = $intent", 900), shift("seq = $shown", -1), shift("seq = $intent + 900", -899)),
        Outcome.FOUND,
        "was moved here: it was event",
        Triggers.DROPPED,
    ),
    Tampering(
        "one moves to another place, and its number stays free",
        EVENT,
        (shift("seq = $last", 30),),
        Outcome.FOUND,
        "was moved here: it was event",
        Triggers.DROPPED,
    ),
    Tampering(
        "one is deleted, and the later ones close the gap",
        EVENT,
        (*delete_events("= $intent"), shift("seq > $intent", -1)),
        Outcome.FOUND,
        "were moved here: they were events",
        Triggers.DROPPED,
    ),
    Tampering(
        "a gap is opened in the numbers",
        EVENT,
        (shift("seq > $intent", 3),),
        Outcome.FOUND,
        "are missing",
        Triggers.DROPPED,
    ),
    Tampering(
        "one is inserted, and the later ones make room",
        EVENT,
        (shift("seq > $intent", 1), add("mail.refused", "$intent")),
        Outcome.FOUND,
        "this event was inserted: the next event’s hash refers to the event before this one",
        Triggers.DROPPED,
    ),
    Tampering(
        "one is inserted in a place that was freed before",
        EVENT,
        (*delete_events("= $shown"), add("mail.refused", "$intent")),
        Outcome.FOUND,
        "and its hash was calculated again",
        Triggers.DROPPED,
    ),
    unguarded(
        EVENT,
        "one is inserted before the first",
        add("mail.refused", "1", -1),
        found="the log begins with event 1",
    ),
    unguarded(EVENT, "one is inserted at the end", add("mail.refused"), found="was inserted at the end"),
    unguarded(EVENT, "one is inserted far behind the end", add("mail.refused", after=7), found="are missing"),
    unguarded(
        EVENT,
        "one is inserted at the end without details, and the head moved",
        add("mail.refused", with_details=False),
        move_head,
        found="the details of this event are missing",
    ),
    unguarded(
        EVENT,
        "a withdrawal is forged at the end, and the head moved",
        add("starter.withdrawn", state="withdrawn"),
        move_head,
        found="“state” differs from event",
    ),
    unguarded(
        EVENT,
        "a policy version is forged at the end, and the head moved",
        add("policy.changed", to=99, changed={}),
        move_head,
        found="policy version 99: event",
    ),
    unguarded(
        EVENT,
        "a correct event about no row is added, and the head moved, as the portal does it",
        add("mail.refused"),
        move_head,
        found=NO_CODE,
    ),
    unguarded(
        EVENT,
        "the same, with a code of the right form",
        add("mail.refused"),
        sign_last(),
        move_head,
        found=WRONG_CODE,
    ),
    unguarded(
        EVENT,
        "the same, with a code of a key that the forger adds",
        add("mail.refused"),
        sign_last("own", stored=True),
        move_head,
        found=OTHER_KEY,
    ),
    unguarded(
        EVENT,
        "a change of the key is forged, with a key that the forger adds",
        change_to_own_key,
        found=NO_CODE_BEFORE,
    ),
    unguarded(
        EVENT,
        "after a rotation, somebody with the earlier `SECRET_KEY` changes back to the key in use before",
        change_to_earlier_key(),
        found=REPLACED_KEY,
    ),
    unguarded(
        EVENT,
        "the same, to a key that they had added before the rotation",
        change_to_earlier_key(added=True),
        found=NO_CODE_BEFORE,
    ),
)
DETAILS = (
    *change(
        DETAIL,
        "a value is changed",
        commit_again("intent", by_name="Somebody Else"),
        refused=ERASED,
        found="was changed",
    ),
    *change(
        DETAIL,
        "all values are changed",
        f'UPDATE {DETAIL} SET "values" = \'{{"by": "x"}}\' WHERE event_id = $intent',
        refused=ERASED,
        found="the details of this event were changed",
    ),
    *change(
        DETAIL,
        "the salt is changed",
        f"UPDATE {DETAIL} SET salt = 'another' WHERE event_id = $intent",
        refused=ERASED,
        found="the details of this event were changed",
    ),
    *change(
        DETAIL,
        "only the salt is blanked",
        f"UPDATE {DETAIL} SET salt = '' WHERE event_id = $intent",
        refused=ERASED,
        found="the details of this event were changed",
    ),
    *change(
        DETAIL,
        "only the values are blanked",
        f"UPDATE {DETAIL} SET \"values\" = '{{}}' WHERE event_id = $intent",
        refused=ERASED,
        found=WITHOUT_EVENT,
    ),
    *change(
        DETAIL,
        "those of two events are swapped",
        swap_details,
        refused=ERASED,
        found="the details of this event were changed",
    ),
    *change(
        DETAIL,
        "erased ones get a value again",
        f'UPDATE {DETAIL} SET salt = \'x\', "values" = \'{{"by_name": "Somebody"}}\' WHERE event_id = $erasure - 3',
        refused=ERASED,
        found="the details of this event were changed",
    ),
    *change(
        DETAIL,
        "those of one event are deleted",
        f"DELETE FROM {DETAIL} WHERE event_id = $intent",
        refused="never deleted",
        found="the details of this event are missing",
    ),
    *change(
        DETAIL,
        "all are deleted",
        f"DELETE FROM {DETAIL}",
        refused="never deleted",
        found="the details of this event are missing",
    ),
    *change(
        DETAIL,
        "a row is replaced",
        replace_row(DETAIL, "salt", "'another'", "event_id = $intent"),
        refused="never replaced",
        found="the details of this event were changed",
        database=SQLITE,
    ),
    *change(
        DETAIL,
        "the table is emptied",
        f"TRUNCATE {DETAIL}",
        refused="never emptied",
        found="the details of this event are missing",
        database=POSTGRESQL,
    ),
    unguarded(
        DETAIL,
        "those of one event are blanked",
        f"UPDATE {DETAIL} SET salt = '', \"values\" = '{{}}' WHERE event_id = $intent",
        found=WITHOUT_EVENT,
    ),
    unguarded(
        DETAIL, "all are blanked", f"UPDATE {DETAIL} SET salt = '', \"values\" = '{{}}'", found=WITHOUT_EVENT
    ),
    unguarded(
        DETAIL,
        "those of a look-up are blanked",
        f"UPDATE {DETAIL} SET salt = '', \"values\" = '{{}}' WHERE event_id = $looked_up",
        found=WITHOUT_EVENT,
    ),
    unguarded(
        DETAIL,
        "those of a policy version are blanked",
        f"UPDATE {DETAIL} SET salt = '', \"values\" = '{{}}' WHERE event_id = $proposed",
        found=WITHOUT_EVENT,
    ),
    unguarded(
        DETAIL,
        "details of an event that does not exist are inserted",
        f"INSERT INTO {DETAIL} (event_id, salt, \"values\") VALUES (5000, 'x', '{{}}')",
        found="details were inserted for an event that does not exist",
        database=SQLITE,
    ),
    unguarded(
        DETAIL,
        "a starter's are erased too early, with a correct event",
        forge_erasure(),
        found="this event erased personal details too early",
    ),
    unguarded(
        DETAIL,
        "a starter's are erased after another period, with a correct event",
        forge_erasure(kept_days=0),
        found="erased personal details after a period that does not match",
    ),
    unguarded(
        DETAIL,
        "an erasure is forged that covers later events",
        forge_erasure(last="99999", starter="noor_id"),
        found="this event erased details of events that did not exist yet",
    ),
    rewritten(
        DETAIL,
        "a value is changed, with its commitment, and the hash of the event",
        commit_again("intent", by_name="Somebody Else"),
        hash_again("intent"),
        found="and its hash was calculated again",
        outcome=Outcome.FOUND,
    ),
    rewritten(
        DETAIL,
        "a value is changed, with its commitment, and the chain written again",
        commit_again("intent", by_name="Somebody Else"),
        write_again("$intent"),
    ),
)
HEADS = (
    *change(
        HEAD,
        "its key is changed",
        f"UPDATE {HEAD} SET key = 'another'",
        refused="only moves forward",
        found="is not the key that was in use",
    ),
    *change(
        HEAD,
        "it is moved back",
        f"UPDATE {HEAD} SET seq = seq - 1",
        refused="only moves forward",
        found="(the head) was moved back",
    ),
    *change(
        HEAD,
        "it is moved back to another event, with its hash",
        f"UPDATE {HEAD} SET seq = $intent, hash = (SELECT hash FROM {EVENT} WHERE seq = $intent)",
        refused="only moves forward",
        found="(the head) was moved back",
    ),
    *change(
        HEAD,
        "it is moved back to the beginning",
        f"UPDATE {HEAD} SET seq = 0, hash = '{'0' * 64}'",
        refused="only moves forward",
        found="(the head) was moved back",
    ),
    *change(
        HEAD,
        "it is moved far forward",
        f"UPDATE {HEAD} SET seq = seq + 9, hash = '{'a' * 64}'",
        refused="only moves forward",
        found="the end of the log was cut off",
    ),
    *change(
        HEAD,
        "its hash is changed",
        f"UPDATE {HEAD} SET hash = '{'a' * 64}'",
        refused="only moves forward",
        found="does not match the record of the last event",
    ),
    *change(
        HEAD, "it is deleted", f"DELETE FROM {HEAD}", refused="never deleted", found="(the head) is missing"
    ),
    *change(
        HEAD,
        "it is replaced",
        replace_row(HEAD, "seq", "1", "id = 1"),
        refused="never replaced",
        found="(the head) was moved back",
        database=SQLITE,
    ),
    *change(
        HEAD,
        "the table is emptied",
        f"TRUNCATE {HEAD}",
        refused="never emptied",
        found="(the head) is missing",
        database=POSTGRESQL,
    ),
    unguarded(
        HEAD,
        "it is moved one forward without an event",
        f"UPDATE {HEAD} SET seq = seq + 1, hash = '{'a' * 64}'",
        found="the end of the log was cut off",
    ),
)
CODES = (
    *change(
        CODE,
        "it is changed",
        f"UPDATE {CODE} SET code = '{'0' * 64}' WHERE event_id = $intent",
        refused=ADDED,
        found=WRONG_CODE,
    ),
    *change(
        CODE,
        "the code of the actor is removed from it",
        f"UPDATE {CODE} SET people = '{{}}' WHERE event_id = $intent",
        refused=ADDED,
        found=WRONG_CODE,
    ),
    *change(
        CODE,
        "it names another key",
        f"UPDATE {CODE} SET key = 'another' WHERE event_id = $intent",
        refused=ADDED,
        found=OTHER_KEY,
    ),
    *change(CODE, "those of two events are swapped", swap_codes, refused=ADDED, found=WRONG_CODE),
    *change(
        CODE, "one is deleted", f"DELETE FROM {CODE} WHERE event_id = $intent", refused=ADDED, found=NO_CODE
    ),
    *change(CODE, "all are deleted", f"DELETE FROM {CODE}", refused=ADDED, found=NO_CODE),
    *change(
        CODE,
        "a row is replaced",
        replace_row(CODE, "code", "'another'", "event_id = $intent"),
        refused="never replaced",
        found=WRONG_CODE,
        database=SQLITE,
    ),
    *change(
        CODE,
        "the table is emptied",
        f"TRUNCATE {CODE} CASCADE",
        refused="never emptied",
        found=NO_CODE,
        database=POSTGRESQL,
    ),
    unguarded(
        CODE,
        "one for an event that does not exist is inserted",
        copy_row(CODE, "event_id = $last", event_id="9999"),
        found="an authentication code was inserted for an event that does not exist",
        database=SQLITE,
    ),
)
KEYS = (
    *change(
        KEY,
        "it gets another name",
        f"UPDATE {KEY} SET name = 'another'",
        refused="can only be encrypted again",
        found=UNREADABLE_KEY,
    ),
    *change(KEY, "it is deleted", f"DELETE FROM {KEY}", refused="never deleted", found=UNREADABLE_KEY),
    *change(
        KEY,
        "it is replaced",
        replace_row(KEY, "sealed", "'another'", "1 = 1"),
        refused="never replaced",
        found=UNREADABLE_KEY,
        database=SQLITE,
    ),
    *change(
        KEY,
        "the table is emptied",
        f"TRUNCATE {KEY} CASCADE",
        refused="never emptied",
        found=UNREADABLE_KEY,
        database=POSTGRESQL,
    ),
    unguarded(
        KEY, "what is encrypted is changed", f"UPDATE {KEY} SET sealed = 'another'", found=UNREADABLE_KEY
    ),
)
VERSIONS = (
    *change(
        VERSION,
        "a setting is changed",
        f"UPDATE {VERSION} SET attempts = 9 WHERE number = $changed_version",
        refused=ADDED,
        found="passes per starter",
    ),
    *change(
        VERSION,
        "a guard is loosened",
        f"UPDATE {VERSION} SET hire_date = 'off' WHERE number = $agreed_version",
        refused=ADDED,
        found="hire date matches the start date",
    ),
    *change(
        VERSION,
        "a setting that may name a person is changed",
        f"UPDATE {VERSION} SET security_address = 'other@example.com' WHERE number = $changed_version",
        refused=ADDED,
        found="all settings",
    ),
    *change(
        VERSION,
        "a setting of the installation's version is changed",
        f"UPDATE {VERSION} SET closes_days_after = 9 WHERE number = $first_version",
        refused=ADDED,
        found="passes can be created until (days after the start)",
    ),
    *change(
        VERSION,
        "its author is changed",
        f"UPDATE {VERSION} SET created_by_id = $maria WHERE number = $changed_version",
        refused=ADDED,
        found="“written by” differs from event",
    ),
    *change(
        VERSION,
        "its author is removed",
        f"UPDATE {VERSION} SET created_by_id = NULL WHERE number = $changed_version",
        refused=ADDED,
        found="“written by” differs from event",
    ),
    *change(
        VERSION,
        "its reason is changed",
        f"UPDATE {VERSION} SET reason = 'Another' WHERE number = $changed_version",
        refused=ADDED,
        found="“reason for the change” differs from event",
    ),
    *change(
        VERSION,
        "its time is changed",
        f"UPDATE {VERSION} SET created_at = '2020-01-01 00:00:00+00' WHERE number = $changed_version",
        refused=ADDED,
        found="“created” differs from event",
    ),
    *change(
        VERSION,
        "a draft is activated",
        f"UPDATE {VERSION} SET needs_second = FALSE WHERE number = $draft",
        refused=ADDED,
        found="“needs a second admin” differs from event",
    ),
    *change(
        VERSION,
        "it is given to a department",
        f"UPDATE {VERSION} SET department = 'legal' WHERE number = $changed_version",
        refused=ADDED,
        found="“department” differs from event",
    ),
    *change(
        VERSION,
        "one is deleted",
        f"DELETE FROM {VERSION} WHERE number = $draft",
        refused=ADDED,
        found="records that this row was added, but the row is missing",
    ),
    *change(
        VERSION,
        "a row is replaced",
        replace_row(VERSION, "attempts", "9", "number = $changed_version"),
        refused="never replaced",
        found="passes per starter",
        database=SQLITE,
    ),
    *change(
        VERSION,
        "the table is emptied",
        f"TRUNCATE {VERSION} CASCADE",
        refused="never emptied",
        found="records that this row was added, but the row is missing",
        database=POSTGRESQL,
    ),
    unguarded(
        VERSION,
        "one is inserted",
        copy_row(VERSION, "number = $changed_version", number="98"),
        found="policy version 98: no event records that this row was added",
    ),
    rewritten(
        VERSION,
        "one is changed with its event, and the chain written again",
        f"UPDATE {VERSION} SET reason = 'Another' WHERE number = $draft",
        commit_again("proposed", reason="Another"),
        write_again("$proposed"),
    ),
)
ACTIVATIONS = (
    *change(
        ACTIVATION,
        "another person activated it",
        f"UPDATE {ACTIVATION} SET by_id = $ada",
        refused=ADDED,
        found="“activated by” differs from event",
    ),
    *change(
        ACTIVATION,
        "its time is changed",
        f"UPDATE {ACTIVATION} SET at = '2020-01-01 00:00:00+00'",
        refused=ADDED,
        found="“activated at” differs from event",
    ),
    *change(
        ACTIVATION,
        "it names another version",
        f"UPDATE {ACTIVATION} SET version_id = $draft",
        refused=ADDED,
        found="“activated” differs from event",
    ),
    *change(
        ACTIVATION,
        "one is deleted",
        f"DELETE FROM {ACTIVATION}",
        refused=ADDED,
        found="“activated” differs from event",
    ),
    *change(
        ACTIVATION,
        "a row is replaced",
        replace_row(ACTIVATION, "by_id", "(SELECT MIN(id) FROM portal_user)", "1 = 1"),
        refused="never replaced",
        found="“activated by” differs from event",
        database=SQLITE,
    ),
    *change(
        ACTIVATION,
        "the table is emptied",
        f"TRUNCATE {ACTIVATION} CASCADE",
        refused="never emptied",
        found="“activated” differs from event",
        database=POSTGRESQL,
    ),
    unguarded(
        ACTIVATION,
        "a draft is activated",
        copy_row(ACTIVATION, "id > 0", id="99", version_id="$draft"),
        found="“activated” differs from event",
    ),
)


def starter(name: str, change: str, found: str, whose: str = "$liam") -> Tampering:
    return unguarded(
        STARTER,
        name,
        f"UPDATE {STARTER} SET {change} WHERE id = {whose}",
        found=f"“{found}” differs from event",
    )


def approval(name: str, change: str, found: str, whose: str = "$liam") -> Tampering:
    return unguarded(
        APPROVAL,
        name,
        f"UPDATE {APPROVAL} SET {change} WHERE starter_id = {whose}",
        found=f"“{found}” differs from event",
    )


def issue(name: str, change: str, found: str) -> Tampering:
    return unguarded(
        ISSUE, name, f"UPDATE {ISSUE} SET {change} WHERE id = '$issue'", found=f"“{found}” differs from event"
    )


STARTERS = (
    starter("the recorder is changed", "recorded_by_id = $maria", "added by"),
    starter("the recorder is removed", "recorded_by_id = NULL", "added by"),
    starter(
        "a recorder who is not in the list of those involved",
        "shaped_by = '[]'",
        "object IDs of the HR staff who were involved",
    ),
    starter(
        "the account is changed",
        "account_id = '00000000-0000-4000-8000-000000000001'",
        "object ID of the account",
    ),
    starter(
        "the manager is changed",
        "manager_id = '00000000-0000-4000-8000-000000000001'",
        "object ID of the manager",
    ),
    starter(
        "a stand-in is assigned",
        "stand_in_id = '00000000-0000-4000-8000-000000000001'",
        "object ID of the stand-in",
    ),
    starter("the start date is changed", "start_date = '2020-01-01'", "start date"),
    starter("the start time is changed", "start_time = '23:59:00'", "start time"),
    starter("the zone is changed", "time_zone = 'Asia/Tokyo'", "time zone"),
    starter("the state is changed", "state = 'registered'", "state"),
    starter("the invitation is taken back", "invited_at = NULL", "manager invited"),
    starter("another pass is allowed", "extra_attempts = 5", "extra passes allowed"),
    starter("the first pass is denied", "first_pass_at = NULL", "first pass"),
    starter("an emergency stop is invented", "stopped_at = '2020-01-01 00:00:00+00'", "emergency stop"),
    starter("the source is changed", "source = 'servicenow'", "source"),
    starter("the names are blanked", "account_id = '', manager_id = ''", "object ID of the account"),
    starter("it is marked as erased", "erased_at = '2020-01-01 00:00:00+00'", "personal details erased"),
    starter("an erased one is no longer marked so", "erased_at = NULL", "personal details erased", "$noor"),
    starter("an erased one gets a name again", "display_name = 'Noor'", "display name", "$noor"),
    starter("the end is changed", "ended_at = '2020-01-01 00:00:00+00'", "ended", "$noor"),
    unguarded(
        STARTER,
        "the public id is changed",
        f"UPDATE {STARTER} SET public_id = 'another' WHERE id = $nadia",
        found="starter another: no event records that this row was added",
    ),
    unguarded(
        STARTER,
        "one is deleted",
        "DELETE FROM onboarding_starterword WHERE starter_id = $nadia",
        f"DELETE FROM {STARTER} WHERE id = $nadia",
        found="records that this row was added, but the row is missing",
    ),
    unguarded(
        STARTER,
        "one is inserted",
        copy_row(STARTER, "id = $nadia", id="99", public_id="'another'", account_id="'another'"),
        found="starter another: no event records that this row was added",
    ),
)
APPROVALS = (
    approval("the approver is changed", "by_id = $hanna", "approved by"),
    approval("its reason is changed", "reason = 'Another'", "reason"),
    approval("its time is changed", "at = '2020-01-01 00:00:00+00'", "approved at"),
    approval("its kind is changed", "why = 'beyond'", "why approval was needed"),
    approval("it counts for another occasion", "occasion = 'another'", "what was approved"),
    approval("it no longer counts", "voided_at = '2020-01-01 00:00:00+00'", "no longer valid since"),
    approval("one whose reason was erased gets one again", "reason = 'Another'", "reason", whose="$noor"),
    unguarded(
        APPROVAL,
        "it is given to another starter",
        f"UPDATE {APPROVAL} SET starter_id = $nadia WHERE starter_id = $liam",
        found="no event records that this row was added",
    ),
    unguarded(
        APPROVAL,
        "one is deleted",
        f"DELETE FROM {APPROVAL} WHERE starter_id = $liam",
        found="records that this row was added, but the row is missing",
    ),
    unguarded(
        APPROVAL,
        "one is inserted",
        copy_row(APPROVAL, "starter_id = $liam", id="99", starter_id="$nadia"),
        found="approval 99 of starter",
    ),
    rewritten(
        APPROVAL,
        "the approver is changed with the event, and the chain written again",
        f"UPDATE {APPROVAL} SET by_id = $hanna WHERE starter_id = $liam",
        act_as("approved", "hanna"),
        write_again("$approved"),
    ),
)
ISSUES = (
    issue("the actor is changed", "actor_id = $hanna", "identity confirmed by"),
    issue("the state is changed", "state = 'closed'", "state"),
    issue("the reason is changed", "reason = 'used'", "reason"),
    issue("the number is changed", "number = 2", "number"),
    issue("the identity check is changed", "identity_check = 'by_video'", "identity check"),
    issue("the policy is changed", "policy_id = $first_version", "policy in force"),
    issue("a department's policy is added", "override_id = $first_version", "policy of the department"),
    issue("the lifetime is changed", "lifetime_minutes = 480", "lifetime in minutes"),
    issue("the attempt is not counted", "counted = FALSE", "counts towards the starter’s pass limit"),
    issue("the account is changed", "account_id = 'another'", "object ID of the account"),
    issue("the time of the click is changed", "intended_at = '2020-01-01 00:00:00+00'", "identity confirmed"),
    issue("the time of showing is changed", "shown_at = '2020-01-01 00:00:00+00'", "shown"),
    issue("the hand-over is denied", "held_at = NULL", "handed over"),
    issue("a use is added", "used_at = '2020-01-01 00:00:00+00'", "used"),
    issue("the end of its validity is changed", "valid_until = '2020-01-01 00:00:00+00'", "valid until"),
    issue("its id in Entra is changed", "method_id = 'another'", "id of the pass in Entra"),
    issue("an end is added", "ended_at = '2020-01-01 00:00:00+00'", "ended"),
    issue("it is given to another starter", "starter_id = $nadia", "starter"),
    unguarded(
        ISSUE,
        "one is deleted",
        f"DELETE FROM {ISSUE} WHERE id = '$issue'",
        found="records that this row was added, but the row is missing",
    ),
    unguarded(
        ISSUE,
        "one is inserted",
        copy_row(ISSUE, "id = '$issue'", id=f"'{'a' * 32}'", number="2", state="'void'"),
        found="no event records that this row was added",
    ),
    unguarded(
        ISSUE,
        "the actor is changed where retention has erased the details",
        f"UPDATE {ISSUE} SET actor_id = $hanna WHERE id = '$old_issue'",
        found="“identity confirmed by” differs from event",
    ),
    unguarded(
        ISSUE,
        "the actor is changed to an erased person where retention has erased the details",
        forget_person("henry"),
        f"UPDATE {ISSUE} SET actor_id = $henry WHERE id = '$old_issue'",
        found="“identity confirmed by” differs from event",
    ),
    unguarded(
        ISSUE,
        "the actor's row gets another identity where retention has erased the details",
        "UPDATE portal_user SET oid = '00000000-0000-4000-8000-000000000001' "
        f"WHERE id = (SELECT actor_id FROM {ISSUE} WHERE id = '$old_issue')",
        found="“identity confirmed by” differs from event",
    ),
    rewritten(
        ISSUE,
        "the actor is changed, and the event, and the chain written again",
        f"UPDATE {ISSUE} SET actor_id = $hanna WHERE id = '$issue'",
        act_as("intent", "hanna"),
        write_again("$intent"),
    ),
)


def probe(name: str, change: str, found: str) -> Tampering:
    return unguarded(
        PROBE, name, f"UPDATE {PROBE} SET {change} WHERE id = '$probe'", found=f"“{found}” differs from event"
    )


PROBES = (
    probe("the account is changed", "account_id = 'another'", "object ID of the account"),
    probe("the check is changed", "check_name = 'another'", "name of the check"),
    probe("the policy is changed", "policy_id = $draft", "policy in force"),
    probe("the lifetime is changed", "lifetime_minutes = 1", "lifetime in minutes"),
    probe("the time of the request is changed", "intended_at = '2020-01-01 00:00:00+00'", "requested at"),
    probe("the answer is changed", "answer = 'refused'", "Microsoft’s answer"),
    probe("a refusal gets a time", "answered_at = '2020-01-01 00:00:00+00'", "refused by Microsoft at"),
    probe("its id in Entra is changed", "method_id = 'another'", "id of the pass in Entra"),
    probe("its end is changed", "ended_at = '2020-01-01 00:00:00+00'", "ended"),
    probe("it is open again", "ended_at = NULL", "ended"),
    unguarded(
        PROBE,
        "one is deleted before its time",
        f"DELETE FROM {PROBE} WHERE id = '$probe'",
        found="records that this row was added, but the row is missing",
    ),
    unguarded(
        PROBE,
        "one is inserted",
        copy_row(PROBE, "id = '$probe'", id=f"'{'a' * 32}'"),
        found="no event records that this row was added",
    ),
)
WHOLE = (
    rewritten(
        EVENT,
        "the whole chain is written again by somebody who also has `SECRET_KEY`",
        f"UPDATE {EVENT} SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = $looked_up",
        write_again("1"),
        lambda _site, _values: (forget_codes(), sign_as_migration()),
        outcome=Outcome.WITH_HEAD,
    ),
    rewritten(
        EVENT,
        "the chain is written again from an event on",
        f"UPDATE {EVENT} SET event = 'mail.refused' WHERE seq = $looked_up",
        write_again("$looked_up"),
    ),
    rewritten(
        EVENT,
        "the whole chain is written again",
        f"UPDATE {EVENT} SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = $looked_up",
        write_again("1"),
    ),
    rewritten(
        EVENT,
        "the chain is written again after an event was changed that a row tells of",
        act_as("intent", "hanna"),
        write_again("$intent"),
        found="“identity confirmed by” differs from event",
        outcome=Outcome.FOUND,
    ),
    rewritten(
        EVENT,
        "one is deleted that no row tells of, and the chain written again",
        *delete_events("= $looked_up"),
        head_to_last,
        outcome=Outcome.WITH_HEAD,
    ),
    rewritten(
        EVENT,
        "one in the middle is deleted that no row tells of, and the chain written again",
        *delete_events("= $looked_up - 1"),
        shift("seq = $looked_up", -1),
        write_again("$looked_up", -1),
    ),
    rewritten(
        EVENT,
        "the end is cut off with the head, and the rows stay",
        *delete_events("> $intent"),
        head_to_last,
        found="differs from event",
        outcome=Outcome.FOUND,
    ),
    rewritten(EVENT, "an old backup is restored", put_backup_back, outcome=Outcome.WITH_HEAD),
    rewritten(
        EVENT,
        "all is deleted, and the head with it",
        f"DELETE FROM {ISSUE}",
        f"DELETE FROM {PROBE}",
        f"DELETE FROM {APPROVAL}",
        "DELETE FROM onboarding_starterword",
        f"DELETE FROM {STARTER}",
        f"DELETE FROM {ACTIVATION}",
        f"DELETE FROM {VERSION} WHERE number > $first_version",
        *delete_events("> 0"),
        head_to_last,
        outcome=Outcome.WITH_HEAD,
    ),
    rewritten(
        EVENT,
        "the whole chain is written again, and the codes deleted",
        f"UPDATE {EVENT} SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = $looked_up",
        write_again("1"),
        f"DELETE FROM {CODE}",
        found=NO_CODE,
    ),
)
TRIGGERS = (
    Tampering("all are dropped", "triggers", (drop_all_triggers,), Outcome.FOUND, "Missing or changed triggers",
              Triggers.CHANGED),
    Tampering("one is replaced by one that does nothing", "triggers", (neutralise,), Outcome.FOUND,
              f"{EVENT}_no_update", Triggers.CHANGED),
    Tampering("one is turned off", "triggers", (f"ALTER TABLE {EVENT} DISABLE TRIGGER {EVENT}_no_delete",),
              Outcome.FOUND, f"{EVENT}_no_delete", Triggers.CHANGED, POSTGRESQL),
    Tampering("their function is emptied", "triggers",
              (EMPTY_FUNCTION,),
              Outcome.FOUND, f"{EVENT}_no_delete", Triggers.CHANGED, POSTGRESQL),
    Tampering("they are bypassed in a session as replica", "triggers",
              ("SET LOCAL session_replication_role = replica", f"UPDATE {EVENT} SET facts = '{{}}' WHERE seq = $intent",
               "SET LOCAL session_replication_role = origin"),
              Outcome.FOUND, "was changed", Triggers.CHANGED, POSTGRESQL),
)  # fmt: skip

TAMPERINGS: tuple[Tampering, ...] = (
    *EVENTS, *EVENTS_MOVED, *DETAILS, *HEADS, *CODES, *KEYS, *VERSIONS,
    *ACTIVATIONS, *STARTERS, *APPROVALS, *ISSUES, *PROBES, *WHOLE, *TRIGGERS,
)  # fmt: skip


# --- The document -----------------------------------------------------------------------------------------------------

HEADER = """# Kinds of tampering

Each kind below is a test (`tests/audit/test_tampering.py`), on SQLite and PostgreSQL, or on the one that is named. The test
holds the outcome. `make tampering` writes this page from the table of the
tests.

*Triggers there*: somebody who can write the tables, as the portal can. *Dropped*: somebody who owns the tables, drops the
triggers first, and creates them again afterwards. Neither has the portal's `SECRET_KEY`, unless it says so. [A role without
that right](../how-to/limit-the-database-role.md) makes the second impossible for the portal itself.
"""
LIMITS = """## What cannot be found

* **A person who also has `SECRET_KEY` can add correct events**, because that key opens the key of the codes. It is not in the
  database. [Rotate it](../how-to/rotate-the-key.md) when somebody who knew it leaves: with an earlier one they can add no
  later event that is correct. The same holds for somebody who runs code of their own inside the portal.
* **Somebody with an earlier `SECRET_KEY` who also drops the triggers** can cut off the log before the rotation and go on from
  there. Only a head that was saved elsewhere shows it, and rows that the deleted events were about.
* **What retention has erased proves no names.** Once an event's details are erased, its code can only say whether somebody was
  the one who acted. State, times, policy, identity check and number are facts, and stay provable.
* **Events from before this release have fewer commitments.** The upgrade signs them as it finds them: where retention had
  erased the details, nobody can tell who acted. An older `policy.changed` has no hash of all settings; each version is compared
  with the version before and the differences that the events name, except for settings that may name a person. An older
  `issue.intent` has no commitment to the account, and an older account of a starter none to its manager.
* **A log that was cut off with its head and its rows, or an old backup, is correct in itself.** Only a head that was saved
  elsewhere shows it: `verify_audit --head`.
"""


def count_outcomes() -> Counter[Outcome]:
    return Counter(tampering.outcome for tampering in TAMPERINGS)


def write_document() -> str:
    """docs/reference/tampering.md."""
    counts = count_outcomes()
    parts = [HEADER, "| outcome | kinds |\n|---|---|"]
    parts[1] += "".join(f"\n| {outcome} | {counts[outcome]} |" for outcome in Outcome)
    parts[1] += f"\n| all | {len(TAMPERINGS)} |\n"
    for table in dict.fromkeys(tampering.table for tampering in TAMPERINGS):
        rows = (_write_row(tampering) for tampering in TAMPERINGS if tampering.table == table)
        parts.append(
            f"## `{table}`\n\n| what | triggers | outcome |\n|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    return "\n".join([*parts, LIMITS])


def _write_row(tampering: Tampering) -> str:
    only = {SQLITE: " (SQLite)", POSTGRESQL: " (PostgreSQL)"}.get(tampering.database, "")
    return f"| {tampering.name}{only} | {tampering.triggers} | {tampering.outcome} |"


def save_document() -> None:
    DOCUMENT.write_text(write_document())
