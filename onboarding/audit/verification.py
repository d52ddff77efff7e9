"""Verifying the audit log: the chain of events, their codes and details, and that each erasure was due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext

from onboarding import clock
from onboarding.audit.chain import ChainFault, ChainWalk, Kind
from onboarding.audit.code_walk import CodeWalk, find_loose_codes
from onboarding.audit.erasure import ERASED
from onboarding.audit.rows.expectations import ERASURE_ASKED, ERASURE_DONE
from onboarding.audit.trail import GENESIS, make_commitment
from onboarding.models import AuditDetail, AuditEvent, AuditHead, PolicyVersion

PAGE = 500
MOST_LOOSE = 20
FINISHED = frozenset(
    {"registered", "withdrawn", "lapsed"}
)  # the states in which a starter's onboarding has ended
# The end of an onboarding is stored a moment before its event, and a transaction can wait for its turn in between.
TOLERANCE = timedelta(minutes=10)


def verify_chain(anchor: str = "") -> Iterator[ChainFault]:
    """Verify the whole chain. `anchor` is a head hash kept elsewhere, which must still be in the chain.

    Events may be added meanwhile: the chain must contain the head from before the check, and must not go beyond the
    head after it.
    """
    head, has_head = _read_head(), False
    walk, codes, has_anchor = ChainWalk(), CodeWalk(), not anchor or anchor == GENESIS
    for rows in _pages_in_order():
        for row in rows:
            yield from walk.read(row)
            yield from codes.read(row)
            has_anchor = has_anchor or row.hash == anchor
            has_head = has_head or (row.seq, row.hash) == head
        yield from _verify_details(rows)
    yield from walk.finish()
    yield from codes.finish(walk.expected - 1)
    yield from _verify_end(walk.expected - 1, head, has_head=has_head)
    yield from _find_loose_details()
    yield from find_loose_codes()
    if not has_anchor:
        yield ChainFault(
            walk.expected - 1,
            gettext(
                "the audit log does not contain the event whose hash you saved. The log was cut off, "
                "rewritten, or restored from an older backup"
            ),
            Kind.ANOTHER_HEAD,
        )


def verify_last_events(events: int) -> Iterator[ChainFault]:
    """Verify only the last events: quick, while `verify_chain` reads them all."""
    head = _read_head()
    rows = list(AuditEvent.objects.select_related("detail", "code").order_by("-seq")[:events])[::-1]
    is_whole = len(rows) < events
    walk = ChainWalk() if is_whole or not rows else ChainWalk(rows[0].seq, rows[0].previous)
    codes = CodeWalk(rows[0].seq if rows else 1)
    for row in rows:
        yield from walk.read(row)
        yield from codes.read(row)
    yield from _verify_details(rows)
    yield from walk.finish()
    yield from codes.finish(walk.expected - 1)
    yield from _verify_end(walk.expected - 1, head, has_head=any((row.seq, row.hash) == head for row in rows))


def _read_head() -> tuple[int, str] | None:
    return AuditHead.objects.filter(id=1).values_list("seq", "hash").first()


def _verify_end(last: int, head: tuple[int, str] | None, *, has_head: bool) -> Iterator[ChainFault]:
    """Whether the log ends where the head says. `head` is the one from before the check."""
    head_now = _read_head()
    if head is None or head_now is None:
        yield ChainFault(last, gettext("the record of the last event (the head) is missing"), Kind.MISSING)
    elif last < head[0]:
        words = gettext("the end of the log was cut off: events %(first)s to %(last)s are missing")
        yield ChainFault(head[0], words % {"first": last + 1, "last": head[0]}, Kind.CUT_OFF)
    elif last > head_now[0]:
        words = gettext(
            "this event was inserted at the end, or the record of the last event (the head) was moved back: "
            "the head is event %(number)s"
        )
        yield ChainFault(last, words % {"number": head_now[0]}, Kind.INSERTED)
    elif not has_head and head != (0, GENESIS):
        words = gettext(
            "this event was changed, and its hash was calculated again: the hash does not match the record of "
            "the last event (the head)"
        )
        yield ChainFault(head[0], words)


# --- Details, and their erasure -----------------------------------------------------------------------------------


def _verify_details(rows: Sequence[AuditEvent]) -> Iterator[ChainFault]:
    """Whether the details of these events are as written, or were erased by an event that was due."""
    blank = []
    for row in rows:
        detail = getattr(row, "detail", None)
        if detail is None:
            yield ChainFault(row.seq, gettext("the details of this event are missing"), Kind.MISSING)
        elif not detail.values and (row.commitments or not detail.salt):
            blank.append(row)
        elif not _match(row, detail):
            yield ChainFault(row.seq, gettext("the details of this event were changed"))
    yield from _verify_blanks(blank)
    for row in rows:
        if row.event == ERASURE_DONE:
            yield from _verify_request(row)
    erasures = [row for row in rows if row.event == ERASED]
    periods = _list_periods() if erasures else []
    for row in erasures:
        try:
            yield from _verify_erasure(row, periods)
        except (TypeError, ValueError):  # somebody has changed its facts or its time
            yield ChainFault(row.seq, gettext("this event cannot be read"))


def _find_loose_details() -> Iterator[ChainFault]:
    """Details of events that do not exist. The database refuses them, unless somebody removed its foreign keys."""
    loose = AuditDetail.objects.exclude(Exists(AuditEvent.objects.filter(seq=OuterRef("event_id"))))
    for seq in loose.order_by("pk").values_list("pk", flat=True)[:MOST_LOOSE]:
        yield ChainFault(
            seq, gettext("details were inserted for an event that does not exist"), Kind.INSERTED
        )


def _match(row: AuditEvent, detail: AuditDetail) -> bool:
    """Whether all personal values match their commitments."""
    if not isinstance(detail.values, dict):
        return False
    kept = {name: make_commitment(detail.salt, value) for name, value in detail.values.items()}
    return bool(kept == row.commitments)


def _verify_blanks(rows: Sequence[AuditEvent]) -> Iterator[ChainFault]:
    """Details without values need a later event that says that they were erased."""
    if not rows:
        return
    erased_to: dict[str, int] = {}  # by starter, or by kind of event: the last event that was erased
    erasures = AuditEvent.objects.filter(event=ERASED, starter__in={row.starter for row in rows})
    for starter, facts in erasures.values_list("starter", "facts"):
        name = starter or facts.get("event", "")
        erased_to[name] = max(erased_to.get(name, 0), facts.get("last", 0))
    for row in rows:
        if row.seq > erased_to.get(row.starter or row.event, 0):
            yield ChainFault(
                row.seq,
                gettext("the details of this event were erased, but no event records the erasure"),
                Kind.BLANKED,
            )


def _verify_erasure(row: AuditEvent, periods: Sequence[tuple[datetime, int]]) -> Iterator[ChainFault]:
    """Whether an erasure was due by the policy of its day."""
    at, kept_days = datetime.fromisoformat(row.at), int(row.facts.get("kept_days", 0))
    if kept_days != _period_at(at, periods):
        words = gettext(
            "this event erased personal details after a period that does not match the policy of that day"
        )
        yield ChainFault(row.seq, words, Kind.ERASED_UNDULY)
        return
    if int(row.facts.get("last", 0)) >= row.seq:
        yield ChainFault(
            row.seq, gettext("this event erased details of events that did not exist yet"), Kind.ERASED_UNDULY
        )
        return
    since = _end_of(row) if row.starter else _moment_of(int(row.facts.get("last", 0)))
    if since is None or at - since < timedelta(days=kept_days) - TOLERANCE:
        yield ChainFault(row.seq, gettext("this event erased personal details too early"), Kind.ERASED_UNDULY)


def _verify_request(row: AuditEvent) -> Iterator[ChainFault]:
    """Whether another person had asked for an erasure on request."""
    asked = AuditEvent.objects.select_related("detail").filter(event=ERASURE_ASKED, seq__lt=row.seq)
    request = asked.filter(seq=row.facts.get("request", 0)).first()
    known = [event.detail.values.get("by") for event in (request, row) if event and hasattr(event, "detail")]
    if request is None or (all(known) and len(set(known)) < len(known)):
        words = gettext(
            "this event erased a person’s data, although no other admin had requested the erasure"
        )
        yield ChainFault(row.seq, words, Kind.ERASED_UNDULY)


def _list_periods() -> list[tuple[datetime, int]]:
    """For each version of the site's policy: since when it is active, and how many days it keeps details."""
    versions = PolicyVersion.objects.ever_active(clock.now()).filter(department="")
    return [
        (version.in_force_since, version.audit_days)
        for version in versions.select_related("activation").order_by("number")
    ]


def _period_at(moment: datetime, periods: Sequence[tuple[datetime, int]]) -> int | None:
    """How many days the policy kept details at this moment. The first version counts from the beginning."""
    began = [days for since, days in periods if since <= moment + TOLERANCE]
    first = periods[0][1] if periods else None
    return began[-1] if began else first


def _end_of(erasure: AuditEvent) -> datetime | None:
    """When the onboarding ended whose details were erased, as the events before say."""
    ended = None
    told = AuditEvent.objects.filter(starter=erasure.starter, seq__lt=erasure.seq).order_by("seq")
    for at, event, facts in told.values_list("at", "event", "facts"):
        if not event.startswith("starter.") or "state" not in facts:
            continue
        if facts["state"] not in FINISHED:
            ended = None
        elif ended is None:
            ended = datetime.fromisoformat(at)
    return ended


def _moment_of(seq: int) -> datetime | None:
    at = AuditEvent.objects.filter(seq=seq).values_list("at", flat=True).first()
    return datetime.fromisoformat(at) if at else None


def _pages_in_order(page: int = PAGE) -> Iterator[list[AuditEvent]]:
    """Read page by page: an open cursor would block SQLite's writers."""
    events = AuditEvent.objects.select_related("detail", "code").order_by("seq")
    rows = list(events[:page])
    while rows:
        yield rows
        rows = list(events.filter(seq__gt=rows[-1].seq)[:page])
