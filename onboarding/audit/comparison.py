"""Comparing the rows of policy, starters, passes and probe passes with the audit log.

The hash chain proves the events. This proves the rows that the portal decides by: each must be what its events say.
Events say much by commitments, so that nothing is known of a value once its details were erased.

It reads page by page, with a constant number of queries for each page. Rows can change meanwhile: a row that seems to
differ is read again, between two readings of its events that are alike.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from django.db.models import Max, Model, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import clock
from onboarding.audit.rows import approval_rows, pass_rows, policy_rows, probe_rows, starter_rows
from onboarding.audit.rows.expectations import Difference
from onboarding.models import AuditEvent, PassIssue, PolicyVersion, ProbePass, Starter

PAGE = 200
MOST_TRIES = 20
# What facts can cause that somebody has changed. The chain shows that; here they must not end the comparison.
UNREADABLE = (AttributeError, LookupError, StopIteration, TypeError, ValueError)
OTHER_FIELDS = {
    "settings": _("all settings"),
    "activation": _("activated"),
    "activation.by": _("activated by"),
    "activation.at": _("activated at"),
    "activation.in_force_at": _("in force at"),
    "activation.stop": _("stopped"),
    "activation.stop.by": _("stopped by"),
    "activation.stop.at": _("stopped at"),
}


APPROVAL_FIELDS = {
    "why": _("why approval was needed"),
    "occasion": _("what was approved"),
    "by": _("approved by"),
    "reason": _("reason"),
    "at": _("approved at"),
    "voided_at": _("no longer valid since"),
}


PROBE_FIELDS = {
    "account_id": _("object ID of the account"),
    "lifetime_minutes": _("lifetime in minutes"),
    "check_name": _("name of the check"),
    "policy_id": _("policy in force"),
    "answer": _("Microsoft’s answer"),
    "method_id": _("id of the pass in Entra"),
    "intended_at": _("requested at"),
    "answered_at": _("refused by Microsoft at"),
    "ended_at": _("ended"),
}


class RowKind(StrEnum):
    """How a row and the audit log differ."""

    DIFFERS = "differs"
    UNEXPLAINED = "unexplained"
    MISSING = "row missing"


@dataclass(frozen=True)
class RowFault:
    """One row that is not what the audit log says."""

    subject: str
    what: str
    kind: RowKind


class _Table:
    """How the rows of one table and their events are found and compared."""

    model: ClassVar[type[Model]]
    related: ClassVar[tuple[str, ...]]
    creating: ClassVar[tuple[str, ...]]  # the events that say that a row was added

    def rows(self) -> QuerySet[Any]:
        return self.model._default_manager.select_related(*self.related).order_by("pk")

    def key(self, row: Any) -> Any:
        """The value by which events name the row."""
        raise NotImplementedError

    def key_in(self, event: AuditEvent) -> Any:
        raise NotImplementedError

    def events_of(self, keys: Sequence[Any]) -> Q:
        raise NotImplementedError

    def existing(self, keys: Sequence[Any]) -> set[Any]:
        """Those of these keys for which there is a row."""
        raise NotImplementedError

    def subject(self, key: Any) -> str:
        raise NotImplementedError

    def compare(self, rows: Sequence[Any], events: dict[Any, list[AuditEvent]]) -> Iterator[RowFault]:
        """Compare these rows with their events."""
        for row in rows:
            mine = events.get(self.key(row), [])
            if not any(event.event in self.creating for event in mine):
                yield RowFault(
                    self.subject(self.key(row)),
                    gettext("no event records that this row was added"),
                    RowKind.UNEXPLAINED,
                )
                continue
            try:
                found = [self._words(difference) for difference in self.differences(row, mine)]
            except UNREADABLE:
                found = [gettext("the events of this row cannot be read")]
            for words in found:
                yield RowFault(self.subject(self.key(row)), words, RowKind.DIFFERS)

    def differences(self, row: Any, events: list[AuditEvent]) -> list[Difference]:
        raise NotImplementedError

    def _words(self, found: Difference) -> str:
        return gettext("“%(field)s” differs from event %(number)s") % {
            "field": self._field_words(found.field),
            "number": found.seq,
        }

    def _field_words(self, field: str) -> str:
        """The name of a field as the administration shows it."""
        if words := OTHER_FIELDS.get(field):
            return str(words)
        return str(self.model._meta.get_field(field).verbose_name)  # type: ignore[union-attr]

    def read_events(self, keys: Sequence[Any]) -> dict[Any, list[AuditEvent]]:
        """The events of these rows, by key, in their order."""
        found = defaultdict(list)
        for event in (
            AuditEvent.objects.select_related("detail", "code").filter(self.events_of(keys)).order_by("seq")
        ):
            found[self.key_in(event)].append(event)
        return dict(found)


def _is_uuid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


class _Starters(_Table):
    model, related, creating = Starter, ("recorded_by",), (starter_rows.RECORDED,)

    def key(self, row: Any) -> Any:
        return row.public_id

    def key_in(self, event: AuditEvent) -> Any:
        return event.starter

    def events_of(self, keys: Sequence[Any]) -> Q:
        return Q(starter__in=keys)

    def existing(self, keys: Sequence[Any]) -> set[Any]:
        return set(Starter.objects.filter(public_id__in=keys).values_list("public_id", flat=True))

    def subject(self, key: Any) -> str:
        return gettext("starter %(key)s") % {"key": key}

    def rows(self) -> QuerySet[Any]:
        return super().rows().prefetch_related("approvals__by")

    def differences(self, row: Any, events: list[AuditEvent]) -> list[Difference]:
        return starter_rows.compare_starter(row, events)

    def compare(self, rows: Sequence[Any], events: dict[Any, list[AuditEvent]]) -> Iterator[RowFault]:
        """Compare the starters, and the approvals of each."""
        yield from super().compare(rows, events)
        for row in rows:
            mine, approvals = (
                events.get(self.key(row), []),
                sorted(row.approvals.all(), key=lambda one: one.pk),
            )
            try:
                found = [
                    *approval_rows.compare_approvals(row, approvals, mine),
                    *approval_rows.find_changed_occasions(approvals, mine),
                ]
            except UNREADABLE:
                yield RowFault(
                    self.subject(self.key(row)),
                    gettext("the events of this row cannot be read"),
                    RowKind.DIFFERS,
                )
                continue
            yield from (_describe_approval(fault, row) for fault in found)


def _describe_approval(found: approval_rows.ApprovalFault, starter: Starter) -> RowFault:
    subject = gettext("approval %(number)s of starter %(key)s") % {
        "number": found.pk or "?",
        "key": starter.public_id,
    }
    if found.field:
        words = gettext("“%(field)s” differs from event %(number)s") % {
            "field": APPROVAL_FIELDS[found.field],
            "number": found.seq,
        }
        return RowFault(subject, words, RowKind.DIFFERS)
    if found.seq:
        words = gettext("event %(number)s records that this row was added, but the row is missing") % {
            "number": found.seq
        }
        return RowFault(subject, words, RowKind.MISSING)
    return RowFault(subject, gettext("no event records that this row was added"), RowKind.UNEXPLAINED)


class _Passes(_Table):
    model, related, creating = PassIssue, ("starter", "actor"), (pass_rows.CLAIMED,)

    def key(self, row: Any) -> Any:
        return str(row.pk)

    def key_in(self, event: AuditEvent) -> Any:
        return event.issue

    def events_of(self, keys: Sequence[Any]) -> Q:
        return Q(issue__in=keys)

    def existing(self, keys: Sequence[Any]) -> set[Any]:
        valid = [key for key in keys if _is_uuid(key)]
        return {str(pk) for pk in PassIssue.objects.filter(pk__in=valid).values_list("pk", flat=True)}

    def subject(self, key: Any) -> str:
        return gettext("pass %(key)s") % {"key": key}

    def differences(self, row: Any, events: list[AuditEvent]) -> list[Difference]:
        return pass_rows.compare_pass(row, events)


class _Probes(_Table):
    """Probe passes. Retention deletes their rows, so an event without a row is no fault once that was due."""

    model, related, creating = ProbePass, (), (probe_rows.CLAIMED,)

    def key(self, row: Any) -> Any:
        return str(row.pk)

    def key_in(self, event: AuditEvent) -> Any:
        return event.issue

    def events_of(self, keys: Sequence[Any]) -> Q:
        return Q(issue__in=keys)

    def existing(self, keys: Sequence[Any]) -> set[Any]:
        valid = [key for key in keys if _is_uuid(key)]
        found = {str(pk) for pk in ProbePass.objects.filter(pk__in=valid).values_list("pk", flat=True)}
        events, now = self.read_events([key for key in keys if key not in found]), clock.now()
        return found | {key for key, mine in events.items() if probe_rows.may_be_deleted(mine, now)}

    def subject(self, key: Any) -> str:
        return gettext("test pass %(key)s") % {"key": key}

    def differences(self, row: Any, events: list[AuditEvent]) -> list[Difference]:
        return probe_rows.compare_probe(row, events)

    def _field_words(self, field: str) -> str:
        return str(PROBE_FIELDS.get(field) or super()._field_words(field))


class _Versions(_Table):
    model, related = PolicyVersion, ("created_by", "activation__by", "activation__stop__by")
    creating = policy_rows.WRITTEN

    def key(self, row: Any) -> Any:
        return row.pk

    def key_in(self, event: AuditEvent) -> Any:
        return event.facts.get("version" if event.event in policy_rows.OF_ONE_VERSION else "to")

    def events_of(self, keys: Sequence[Any]) -> Q:
        written = Q(event__in=policy_rows.WRITTEN, facts__to__in=keys)
        return written | Q(event__in=policy_rows.OF_ONE_VERSION, facts__version__in=keys)

    def existing(self, keys: Sequence[Any]) -> set[Any]:
        valid = [key for key in keys if isinstance(key, int)]
        return set(PolicyVersion.objects.filter(pk__in=valid).values_list("pk", flat=True))

    def subject(self, key: Any) -> str:
        return gettext("policy version %(key)s") % {"key": key}

    def compare(self, rows: Sequence[Any], events: dict[Any, list[AuditEvent]]) -> Iterator[RowFault]:
        """Compare the versions. The first one came with the installation: later events say what it was."""
        first = PolicyVersion.objects.order_by("pk").values_list("pk", flat=True).first()
        written = [event for mine in events.values() for event in mine if event.event in policy_rows.WRITTEN]
        self._before = PolicyVersion.objects.in_bulk([event.facts.get("from") for event in written])
        mine = [row for row in rows if row.pk != first or row.created_by_id is not None or events.get(row.pk)]
        yield from super().compare(mine, events)
        for row in rows:
            if row not in mine and (row.needs_second or hasattr(row, "activation") or row.department):
                yield RowFault(
                    self.subject(row.pk),
                    gettext("this version differs from the one that the installation added"),
                    RowKind.DIFFERS,
                )
        yield from self._compare_origins(written)

    def _compare_origins(self, written: Sequence[AuditEvent]) -> Iterator[RowFault]:
        """Whether the versions from which these events count had the values that the events name."""
        for event in written:
            before = self._before.get(event.facts.get("from"))
            for name, values in event.facts.get("changed", {}).items():
                old = values[0] if values else "changed"
                if before is None or old == "changed" or policy_rows.is_of_another_version(name, before):
                    continue
                today = getattr(before, name, old)
                if policy_rows.meaning_of(name, today) != policy_rows.meaning_of(name, old):
                    yield RowFault(
                        self.subject(before.pk), self._words(Difference(name, event.seq)), RowKind.DIFFERS
                    )

    def differences(self, row: Any, events: list[AuditEvent]) -> list[Difference]:
        written = next(event for event in events if event.event in policy_rows.WRITTEN)
        return policy_rows.compare_version(row, events, self._before.get(written.facts.get("from")))


TABLES = (_Versions, _Starters, _Passes, _Probes)


def compare_rows() -> Iterator[RowFault]:
    """Compare each row of policy, starters, passes and probe passes with its events, and each event that added one."""
    for table in (made() for made in TABLES):
        yield from _compare_table(table)
        yield from _find_missing_rows(table)


def _compare_table(table: _Table) -> Iterator[RowFault]:
    rows = list(table.rows()[:PAGE])
    while rows:
        events = table.read_events([table.key(row) for row in rows])
        if any(table.compare(rows, events)):
            yield from _compare_settled(table, [row.pk for row in rows])
        rows = list(table.rows().filter(pk__gt=rows[-1].pk)[:PAGE])


def _compare_settled(table: _Table, pks: Sequence[Any]) -> Iterator[RowFault]:
    """Compare rows that the portal did not change meanwhile: their events before and after are the same."""
    for _try in range(MOST_TRIES):
        rows = list(table.rows().filter(pk__in=pks))
        keys = [table.key(row) for row in rows]
        before = AuditEvent.objects.filter(table.events_of(keys)).aggregate(last=Max("seq"))
        rows = list(table.rows().filter(pk__in=pks))
        events = table.read_events(keys)
        if before["last"] == max((mine[-1].seq for mine in events.values()), default=None):
            break
    yield from table.compare(rows, events)


def _find_missing_rows(table: _Table) -> Iterator[RowFault]:
    """Events that say that a row was added which is not there. Of these tables, retention deletes only probe passes."""
    created = AuditEvent.objects.filter(event__in=table.creating).order_by("seq")
    events = list(created[:PAGE])
    while events:
        existing = table.existing([table.key_in(event) for event in events])
        for event in events:
            if table.key_in(event) not in existing:
                words = gettext("event %(number)s records that this row was added, but the row is missing")
                yield RowFault(
                    table.subject(table.key_in(event)), words % {"number": event.seq}, RowKind.MISSING
                )
        events = list(created.filter(seq__gt=events[-1].seq)[:PAGE])
