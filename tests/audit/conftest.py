"""The portal with a history, for each test of tampering, and the log that the audit log's lines go to."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from onboarding import audit, jobs, policy
from onboarding.audit import stream, triggers
from onboarding.guards import approvals
from onboarding.models import PolicyVersion, ProbePass, Starter
from onboarding.tenant_proof.requests import record_event
from onboarding.worker import retention
from portal.logs.handlers import RaisingStreamHandler
from portal.logs.log_format import JsonFormatter
from tests.audit.site import Site, Snapshot, check_foreign_keys

KEPT: dict[str, Site] = {}


class _BuiltSite(Exception):
    """Undoes what building the site left in other tables."""


@pytest.fixture
def site(db: None, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The history in the tables, with the triggers of a migrated database."""
    if not KEPT:
        try:
            with transaction.atomic():
                KEPT["site"] = request.getfixturevalue("build_site")()
                raise _BuiltSite
        except _BuiltSite:
            policy.clear_version_cache()
    KEPT["site"].now.put_back()
    triggers.install_triggers(connection)
    yield KEPT["site"]
    connection.set_rollback(True)  # tampered rows may break a foreign key, which the clean-up would check


@pytest.fixture
def build_site(
    person: Callable[[str], Any],
    record: Callable[..., Starter],
    invite: Callable[..., Starter],
    tenant: Any,
    run_jobs: Callable[..., int],
    time_machine: Any,
    confirm_held: Callable[[Starter], Any],
) -> Callable[[], Site]:
    """Build it: three policy versions and a draft, an erased starter, one with a pass, and one just added."""

    def approved(starter: Starter) -> Starter:
        approvals.approve_missing(starter=starter, by=person("henry"), reason="I know them")
        return Starter.objects.get(pk=starter.pk)

    def built() -> Site:
        own = PolicyVersion(
            department="service design", overrides=["approve_all"], approve_all=True, reason="Two"
        )
        policy.add_version(own, by=person("ada"))
        policy.add_version(
            PolicyVersion(lifetime_minutes=45, second_admin="always", reason="Shorter"), by=person("ada")
        )
        draft = PolicyVersion(lifetime_minutes=45, attempts=4, second_admin="always", reason="One more")
        assert not policy.add_version(draft, by=person("ada"))
        policy.activate_version(draft.number, by=person("amir"))
        noor = _finish_noor(confirm_held(approved(invite("noor"))), tenant, run_jobs)
        time_machine.move_to(timezone.now() + timedelta(days=400))
        tenant.reset()
        jobs.record_heartbeat("a worker")
        retention.erase_starter(noor)
        audit.erase_details(noor, kept_days=365)
        policy.add_version(
            PolicyVersion(lifetime_minutes=45, attempts=4, second_admin="loosens", reason="Alone"),
            by=person("amir"),
        )
        liam = approved(invite("liam"))
        record("nadia")
        _probe()
        backup = Snapshot.take()
        confirm_held(liam)
        for key in ("hanna", "henry"):
            with audit.transaction():
                audit.record("account.looked_up", by=person(key), personal={"account": "an id"})
        return Site(Snapshot.take(), backup)

    return built


@pytest.fixture
def confirm_held(confirmation: Callable[..., Any]) -> Callable[[Starter], Any]:
    """The manager creates a pass, and it is on the screen."""
    from onboarding.passes import handover
    from onboarding.passes.receipt import confirm_receipt

    def confirmed(starter: Starter) -> Any:
        issue = handover.confirm(confirmation(starter)).issue
        assert confirm_receipt(issue, by=issue.actor)
        return issue

    return confirmed


def _probe() -> None:
    """A probe pass that was created and deleted."""
    now = timezone.now()
    probe = ProbePass.objects.create(
        account_id="an id",
        check_name="creation",
        lifetime_minutes=10,
        policy=PolicyVersion.objects.earliest("pk"),
        intended_at=now,
        lease_until=now,
        answer=ProbePass.Answer.CREATED,
        method_id="a-pass",
        ended_at=now,
    )
    facts = {"check": "creation", "policy": probe.policy_id, "lifetime_minutes": 10, "single_use": True}
    with audit.transaction():
        record_event(probe, "probe.intent", **facts)
        record_event(probe, "probe.created", method_id="a-pass")
        record_event(probe, "probe.gone", method_id="a-pass", how="deleted")


def _finish_noor(issue: Any, tenant: Any, run_jobs: Callable[..., int]) -> Starter:
    tenant.tenant.accounts["noor"].methods.append(
        {"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "id": "f"}
    )
    run_jobs(timedelta(minutes=1))
    starter = Starter.objects.get(pk=issue.starter_id)
    assert starter.state == "registered"
    return starter


@pytest.fixture
def as_administrator() -> Callable[[], Any]:
    """Remove the triggers, as somebody can who owns the tables, and create them again afterwards."""
    from contextlib import contextmanager

    @contextmanager
    def dropped() -> Iterator[None]:
        triggers.remove_triggers(connection)
        yield
        check_foreign_keys()
        triggers.install_triggers(connection)

    return dropped


class Log(io.StringIO):
    """Fails while `is_full`."""

    is_full = False

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """The stream of the audit log's own handler, in place of standard error."""
    (handler,) = (one for one in stream.log.handlers if isinstance(one, RaisingStreamHandler))
    assert isinstance(handler.formatter, JsonFormatter)
    assert stream.log.level == logging.INFO and not stream.log.propagate
    made = Log()
    before = handler.setStream(made)
    yield made
    handler.setStream(before)
