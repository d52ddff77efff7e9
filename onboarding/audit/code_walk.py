"""Checking the authentication code of each event: which events did the portal itself not write?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext

from onboarding.audit import codes
from onboarding.audit.chain import ChainFault, Kind
from onboarding.models import AuditCode, AuditEvent, AuditHead

MOST_LOOSE = 20


@dataclass
class _Run:
    """Events in a row that have the same fault."""

    first: int
    last: int
    words: str

    def fault(self) -> ChainFault:
        if self.first == self.last:
            return ChainFault(self.first, self.words, Kind.NOT_AUTHENTIC)
        words = gettext("%(what)s (the same for each event up to event %(last)s)") % {
            "what": self.words,
            "last": self.last,
        }
        return ChainFault(self.first, words, Kind.NOT_AUTHENTIC)


class CodeWalk:
    """Reads the events in their order. Events in a row with the same fault are one fault."""

    def __init__(self, first: int = 1) -> None:
        # The key in use, empty until an event with a code was read; and those that were in use before it.
        self._key, self._left = _keys_before(first)
        self._read_keys: dict[str, bytes | None] = {}
        self._run: _Run | None = None

    def read(self, row: AuditEvent) -> Iterator[ChainFault]:
        """Yield the faults of the events before, once this event does not continue them."""
        words = self._find_fault(row)
        if self._run and words == self._run.words and row.seq == self._run.last + 1:
            self._run.last = row.seq
            return
        yield from self._flush()
        self._run = _Run(row.seq, row.seq, words) if words else None

    def finish(self, last: int) -> Iterator[ChainFault]:
        """Yield what waited for the next event, and whether the head names the key in use."""
        yield from self._flush()
        head = AuditHead.objects.filter(id=1).first()
        if head is not None and head.seq == last and head.key != self._key:
            words = gettext(
                "the key in the record of the last event (the head) is not the key that was in use"
            )
            yield ChainFault(last, words, Kind.NOT_AUTHENTIC)

    def _flush(self) -> Iterator[ChainFault]:
        if self._run:
            yield self._run.fault()
        self._run = None

    def _find_fault(self, row: AuditEvent) -> str:
        code = getattr(row, "code", None)
        if code is None:
            return gettext("this event has no authentication code, so the portal did not write it")
        self._key = self._key or code.key
        words = self._find_fault_of_change(row, code) if _begins_key(row, self._key, code.key) else ""
        return words or self._find_fault_of_code(row, code)

    def _find_fault_of_change(self, row: AuditEvent, code: AuditCode) -> str:
        """Let this event change the key in use. Only somebody with the key before may do that."""
        before, self._key = self._key, code.key
        self._left.add(before)
        key = self._open(before)
        if codes.LEFT not in code.people:
            return gettext(
                "from this event on, the authentication codes are made with another key, and no code made with "
                "the previous key confirms the change. Either SECRET_KEY was lost, or someone other than the "
                "portal wrote this event and perhaps later ones"
            )
        if key is None:
            return gettext(
                "this event starts a new key, but the portal cannot check that, because it cannot open the "
                "previous key"
            )
        if not codes.is_genuine_change(key, row, code):
            return gettext(
                "this event starts a new key, but its authentication code made with the previous key is wrong, "
                "so the portal did not write the event as it is now"
            )
        return ""

    def _find_fault_of_code(self, row: AuditEvent, code: AuditCode) -> str:
        if code.key != self._key:
            return gettext("the authentication code of this event was made with a key that was not in use")
        if code.key in self._left:
            return gettext(
                "the authentication code of this event was made with a key that had already been replaced: "
                "someone who knows an earlier SECRET_KEY may have written this event"
            )
        key = self._open(code.key)
        if key is None:
            return gettext(
                "the authentication code of this event cannot be checked: the key is missing, was changed, or was "
                "encrypted under another SECRET_KEY"
            )
        if not codes.is_genuine(key, row, code):
            return gettext(
                "the authentication code of this event is wrong, so the portal did not write the event as it is now"
            )
        return ""

    def _open(self, name: str) -> bytes | None:
        if name not in self._read_keys:
            try:
                self._read_keys[name] = codes.read_key(name)
            except codes.KeyUnreadable:
                self._read_keys[name] = None
        return self._read_keys[name]


def _begins_key(row: AuditEvent, before: str, key: str) -> bool:
    """Whether this event says that it changes the key `before` to `key`."""
    return row.event == codes.KEY_CHANGED and (row.facts.get("before"), row.facts.get("key")) == (before, key)


def _keys_before(first: int) -> tuple[str, set[str]]:
    """The key in use just before this event, empty for the beginning of the log, and those that were in use earlier."""
    if first <= 1:
        return "", set()
    changes = AuditEvent.objects.filter(event=codes.KEY_CHANGED, seq__lt=first).order_by("seq")
    facts = list(changes.values_list("facts", flat=True))
    if facts:
        return str(facts[-1].get("key", "")), {str(changed.get("before", "")) for changed in facts}
    return AuditCode.objects.order_by("pk").values_list("key", flat=True).first() or "", set()


def find_loose_codes() -> Iterator[ChainFault]:
    """Codes of events that do not exist. The database refuses them, unless somebody removed its foreign keys."""
    loose = AuditCode.objects.exclude(Exists(AuditEvent.objects.filter(seq=OuterRef("event_id"))))
    for seq in loose.order_by("pk").values_list("pk", flat=True)[:MOST_LOOSE]:
        words = gettext("an authentication code was inserted for an event that does not exist")
        yield ChainFault(seq, words, Kind.INSERTED)
