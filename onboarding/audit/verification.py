"""Verifying the audit log: the chain of events, their details, and that each erasure was due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext

from onboarding import clock
from onboarding.audit.erasure import ERASED
from onboarding.audit.trail import GENESIS, hash_event, make_commitment
from onboarding.models import AuditDetail, AuditEvent, AuditHead, PolicyVersion

PAGE = 500
FINISHED = frozenset({"registered", "withdrawn"})  # the states in which a starter's onboarding has ended
# The end of an onboarding is stored a moment before its event, and a transaction can wait for its turn in between.
TOLERANCE = timedelta(minutes=10)


@dataclass(frozen=True)
class ChainFault:
    """One place where the audit log is not as it was written."""

    seq: int
    what: str


def verify_chain(anchor: str = "") -> Iterator[ChainFault]:
    """Verify the whole chain. `anchor` is a head hash kept elsewhere, which must still be in the chain.

    Events may be added meanwhile: the chain must contain the head from before the check, and must not go beyond the
    head after it.
    """
    first_head, has_first_head = AuditHead.objects.get(id=1), False
    expected, previous, has_anchor = 1, GENESIS, not anchor or anchor == GENESIS
    for rows in _pages_in_order():
        for row in rows:
            if row.seq != expected:
                yield ChainFault(
                    expected,
                    gettext("events %(first)s to %(last)s are missing")
                    % {"first": expected, "last": row.seq - 1},
                )
            elif row.previous != previous:
                yield ChainFault(row.seq, gettext("does not follow the previous event"))
            if hash_event(row) != row.hash:
                yield ChainFault(row.seq, gettext("was changed"))
            has_anchor = has_anchor or row.hash == anchor
            has_first_head = has_first_head or (row.seq, row.hash) == (first_head.seq, first_head.hash)
            expected, previous = row.seq + 1, row.hash
        yield from _verify_details(rows)
    yield from _verify_end(expected - 1, first_head, has_first_head)
    if not has_anchor:
        yield ChainFault(
            expected - 1,
            gettext(
                "the audit log does not contain the hash that you saved, so events are missing or changed"
            ),
        )


def _verify_end(last: int, first_head: AuditHead, has_first_head: bool) -> Iterator[ChainFault]:
    """`first_head` is the head from before the check."""
    if not (has_first_head or (first_head.seq, first_head.hash) == (0, GENESIS)) or (
        last > AuditHead.objects.get(id=1).seq
    ):
        yield ChainFault(
            last,
            gettext("the log ends here, but the last event that the portal recorded is event %(number)s")
            % {"number": first_head.seq},
        )


def verify_last_events(events: int) -> Iterator[ChainFault]:
    """Verify only the last events: quick, while `verify_chain` reads them all."""
    head = AuditHead.objects.get(id=1)
    rows = list(
        AuditEvent.objects.select_related("detail").filter(seq__lte=head.seq).order_by("-seq")[:events]
    )
    newest, newest_hash = (rows[0].seq, rows[0].hash) if rows else (0, GENESIS)
    if newest < head.seq:
        yield ChainFault(
            head.seq,
            gettext("events %(first)s to %(last)s are missing") % {"first": newest + 1, "last": head.seq},
        )
    elif newest_hash != head.hash:
        yield ChainFault(head.seq, gettext("does not match the last event that the portal recorded"))
    for row, before in zip(rows, [*rows[1:], None], strict=False):
        if before is not None and (row.seq, row.previous) != (before.seq + 1, before.hash):
            yield ChainFault(row.seq, gettext("does not follow the previous event"))
        if hash_event(row) != row.hash:
            yield ChainFault(row.seq, gettext("was changed"))
    yield from _verify_details(rows)


# --- Details, and their erasure -----------------------------------------------------------------------------------


def _verify_details(rows: Sequence[AuditEvent]) -> Iterator[ChainFault]:
    """Whether the details of these events are as written, or were erased by an event that was due."""
    blank = []
    for row in rows:
        detail = getattr(row, "detail", None)
        if detail is None:
            yield ChainFault(row.seq, gettext("its details are missing"))
        elif not detail.salt and not detail.values:
            blank.append(row)
        elif not _match(row, detail):
            yield ChainFault(row.seq, gettext("its details were changed"))
    yield from _verify_blanks(blank)
    erasures = [row for row in rows if row.event == ERASED]
    periods = _list_periods() if erasures else []
    for row in erasures:
        yield from _verify_erasure(row, periods)


def _match(row: AuditEvent, detail: AuditDetail) -> bool:
    """Whether all personal values match their commitments."""
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
            yield ChainFault(row.seq, gettext("its details were erased without an event for the erasure"))


def _verify_erasure(row: AuditEvent, periods: Sequence[tuple[datetime, int]]) -> Iterator[ChainFault]:
    """Whether an erasure was due by the policy of its day."""
    at, kept_days = datetime.fromisoformat(row.at), int(row.facts.get("kept_days", 0))
    if kept_days != _period_at(at, periods):
        yield ChainFault(
            row.seq, gettext("erased details after a different period than the policy set on that day")
        )
        return
    since = _end_of(row) if row.starter else _moment_of(int(row.facts.get("last", 0)))
    if since is None or at - since < timedelta(days=kept_days) - TOLERANCE:
        yield ChainFault(row.seq, gettext("erased details before they were due"))


def _list_periods() -> list[tuple[datetime, int]]:
    """For each version of the site's policy: since when it is active, and how many days it keeps details."""
    versions = PolicyVersion.objects.ever_active(clock.now()).filter(department="")
    return [
        (version.in_force_since, version.audit_days)
        for version in versions.select_related("activation").order_by("number")
    ]


def _period_at(moment: datetime, periods: Sequence[tuple[datetime, int]]) -> int:
    """How many days the policy kept details at this moment. The first version counts from the beginning."""
    began = [days for since, days in periods if since <= moment + TOLERANCE]
    return began[-1] if began else periods[0][1]


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
    last = -1
    events = AuditEvent.objects.select_related("detail").order_by("seq")
    while rows := list(events.filter(seq__gt=last)[:page]):
        yield rows
        last = rows[-1].seq
