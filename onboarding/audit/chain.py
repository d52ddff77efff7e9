"""Walking along the chain of events: what happened to an event that is not as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext

from onboarding.audit.trail import GENESIS, hash_event
from onboarding.models import AuditEvent

NEARBY = 50  # places in each direction in which a moved event is searched


class Kind(StrEnum):
    """What was done to the audit log."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    CUT_OFF = "cut off"
    BLANKED = "blanked"
    ERASED_UNDULY = "erased unduly"
    ANOTHER_HEAD = "another head"
    NOT_AUTHENTIC = "not authentic"


@dataclass(frozen=True)
class ChainFault:
    """One place where the audit log is not as it was written."""

    seq: int
    what: str
    kind: Kind = Kind.CHANGED


@dataclass
class _Moved:
    """A run of events that were all moved by the same number of places."""

    first: int
    last: int
    offset: int

    def fault(self) -> ChainFault:
        if self.first == self.last:
            words = gettext("this event was moved here: it was event %(number)s") % {
                "number": self.first + self.offset
            }
        else:
            words = gettext(
                "this event and the events up to event %(last)s were moved here: they were events "
                "%(from)s to %(to)s"
            ) % {
                "last": self.last,
                "from": self.first + self.offset,
                "to": self.last + self.offset,
            }
        return ChainFault(self.first, words, Kind.REORDERED)


class ChainWalk:
    """Reads the events in their order, and yields what is wrong as soon as the next event makes it clear."""

    def __init__(self, expected: int = 1, previous: str = GENESIS) -> None:
        self.expected = expected  # the number that the next event must have
        self._previous, self._before_previous = previous, ""
        self._last_seq = expected - 1
        self._was_sound = True  # whether the last event matches its own hash, at its place
        self._changed: ChainFault | None = (
            None  # of the last event, until the next one shows whether it was inserted
        )
        self._moved: _Moved | None = None

    def read(self, row: AuditEvent) -> Iterator[ChainFault]:
        """Yield what is known to be wrong after this event was read."""
        if row.seq < 1:
            yield ChainFault(
                row.seq, gettext("this event was inserted: the log begins with event 1"), Kind.INSERTED
            )
            return
        is_sound = hash_event(row) == row.hash
        original = row.seq if is_sound else self._find_original_seq(row)
        follows = row.previous == self._previous
        if row.seq != self.expected:
            yield from self.finish()
            words = gettext("events %(first)s to %(last)s are missing")
            yield ChainFault(
                self.expected, words % {"first": self.expected, "last": row.seq - 1}, Kind.MISSING
            )
        elif self._was_inserted(row, follows=follows):
            self._changed = None
            yield from self._flush_moved()
            yield ChainFault(
                self._last_seq,
                gettext("this event was inserted: the next event’s hash refers to the event before this one"),
                Kind.INSERTED,
            )
        else:
            yield from self._flush_changed()
            if not follows and is_sound and self._was_sound:
                yield self._relinked(row)
        yield from self._note(row, original)
        self.expected, self._last_seq, self._was_sound = row.seq + 1, row.seq, is_sound
        self._before_previous, self._previous = self._previous, row.hash

    def finish(self) -> Iterator[ChainFault]:
        """Yield what waited for the next event."""
        yield from self._flush_changed()
        yield from self._flush_moved()

    def _was_inserted(self, row: AuditEvent, *, follows: bool) -> bool:
        """Whether this event skips the last one, because it was written when that was not there."""
        return not follows and bool(self._before_previous) and row.previous == self._before_previous

    def _relinked(self, row: AuditEvent) -> ChainFault:
        """Two events with correct hashes that do not fit together."""
        if self._last_seq < 1:
            return ChainFault(row.seq, gettext("this event was changed, and its hash was calculated again"))
        words = gettext(
            "this event was changed, and its hash was calculated again: event %(next)s refers to a different hash"
        )
        return ChainFault(self._last_seq, words % {"next": row.seq})

    def _note(self, row: AuditEvent, original: int | None) -> Iterator[ChainFault]:
        """Keep what is wrong with this event, until the next one was read."""
        if original is None:
            yield from self._flush_moved()
            self._changed = ChainFault(row.seq, gettext("this event was changed"))
        elif original == row.seq:
            yield from self._flush_moved()
        else:
            offset = original - row.seq
            if self._moved and self._moved.offset == offset and self._moved.last == row.seq - 1:
                self._moved.last = row.seq
            else:
                yield from self._flush_moved()
                self._moved = _Moved(row.seq, row.seq, offset)

    def _flush_changed(self) -> Iterator[ChainFault]:
        if self._changed:
            yield self._changed
        self._changed = None

    def _flush_moved(self) -> Iterator[ChainFault]:
        if self._moved:
            yield self._moved.fault()
        self._moved = None

    def _find_original_seq(self, row: AuditEvent) -> int | None:
        """The number with which the hash of this event is correct: it was written there. None if it was changed."""
        before = AuditEvent.objects.filter(hash=row.previous).values_list("seq", flat=True).first()
        offset = self._moved.offset if self._moved else 0
        near = range(max(1, row.seq - NEARBY), row.seq + NEARBY + 1)
        moved = copy(row)
        for moved.seq in dict.fromkeys([row.seq + offset, *([before + 1] if before else []), *near]):
            if hash_event(moved) == row.hash:
                return moved.seq
        return None
