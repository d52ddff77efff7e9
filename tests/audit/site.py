"""A small portal with a history, which the tests of tampering change: built once in each process, then copied back."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Model

from onboarding import audit
from onboarding.audit import triggers
from onboarding.models import (
    Approval,
    AuditCode,
    AuditDetail,
    AuditEvent,
    AuditHead,
    AuditKey,
    PassIssue,
    PolicyActivation,
    PolicyVersion,
    ProbePass,
    Starter,
    StarterWord,
)
from portal.models import User

# Each table that is compared, after those that it refers to.
TABLES: tuple[type[Model], ...] = (
    User, PolicyVersion, PolicyActivation, Starter, Approval, PassIssue, ProbePass, AuditEvent, AuditDetail, AuditKey,
    AuditCode, AuditHead,
)  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """All rows of these tables at one moment."""

    rows: tuple[tuple[Any, ...], ...]

    @classmethod
    def take(cls) -> Snapshot:
        return cls(tuple(tuple(table._default_manager.order_by("pk")) for table in TABLES))

    def put_back(self) -> None:
        """Replace all rows by those of the snapshot. The triggers must be gone."""
        StarterWord.objects.all().delete()
        for table in reversed(TABLES):
            table._default_manager.order_by().all().delete()
        for table, rows in zip(TABLES, self.rows, strict=True):
            table._default_manager.bulk_create(rows)
        check_foreign_keys()


def check_foreign_keys() -> None:
    """Let PostgreSQL check deferred keys now: it changes no trigger of a table before."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@dataclass(frozen=True)
class Site:
    """The portal's history, and the one of a backup from before the last pass."""

    now: Snapshot
    backup: Snapshot

    @property
    def head(self) -> str:
        """The hash of the last event, as an auditor saved it."""
        return str(self.now.rows[-1][0].hash)

    def values(self) -> dict[str, str]:
        """The names that the statements of the table use, as SQL literals without quotes."""
        noor, liam, nadia = Starter.objects.order_by("pk")
        issue = PassIssue.objects.get(starter=liam)
        old = PassIssue.objects.get(starter=noor)
        users = {user.name.partition(" ")[0].lower(): str(user.pk) for user in User.objects.all()}
        return {
            **users,
            **{f"{event.event.partition('.')[2]}": str(event.seq) for event in _events(liam)},
            "looked_up": str(AuditEvent.objects.filter(event="account.looked_up").latest("seq").seq),
            "erasure": str(AuditEvent.objects.get(event="audit.details_erased").seq),
            "proposed": str(AuditEvent.objects.filter(event="policy.proposed").latest("seq").seq),
            "last": str(AuditHead.objects.get().seq),
            "liam": str(liam.pk),
            "liam_id": liam.public_id,
            "noor": str(noor.pk),
            "noor_id": noor.public_id,
            "nadia": str(nadia.pk),
            "probe": _literal(ProbePass.objects.get()),
            "issue": _literal(issue),
            "old_issue": _literal(old),
            "changed_version": str(PolicyVersion.objects.filter(lifetime_minutes=45).earliest("pk").pk),
            "agreed_version": str(PolicyActivation.objects.get().version_id),
            "draft": str(PolicyVersion.objects.drafts().get().pk),
            "first_version": str(PolicyVersion.objects.earliest("pk").pk),
        }


def _events(starter: Starter) -> Sequence[AuditEvent]:
    return AuditEvent.objects.filter(starter=starter.public_id).order_by("seq")


def _literal(issue: PassIssue | ProbePass) -> str:
    return str(issue.pk) if connection.vendor == "postgresql" else issue.pk.hex


def write_chain_again(first: int) -> None:
    """Calculate each hash from this event on, and the head, as somebody does who knows how."""
    row: AuditEvent | None = None
    for row in AuditEvent.objects.filter(seq__gte=first).order_by("seq"):
        before = AuditEvent.objects.filter(seq__lt=row.seq).order_by("-seq").first()
        row.previous = before.hash if before else audit.GENESIS
        row.hash = audit.hash_event(row)
        AuditEvent.objects.filter(seq=row.seq).update(previous=row.previous, hash=row.hash)
    last = AuditEvent.objects.latest("seq")
    AuditHead.objects.update(seq=last.seq, hash=last.hash)


def forget_codes() -> None:
    """Leave the log as a release without codes left it."""
    AuditCode.objects.all().delete()
    AuditKey.objects.all().delete()
    AuditHead.objects.update(key="")


def sign_as_migration() -> None:
    """Sign the events that are there, as the migration to this release does. Triggers that tests do without stay away."""
    migration = importlib.import_module("onboarding.migrations.0002_codes_and_probes")
    had_all = not triggers.find_missing(connection)
    migration.sign_events(apps, SimpleNamespace(connection=connection))
    if not had_all:
        triggers.remove_triggers(connection)
