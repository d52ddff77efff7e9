"""Comparing rows with the audit log: page by page, while the portal goes on, and with events of earlier releases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding import audit, policy
from onboarding.audit import comparison, triggers
from onboarding.guards import approvals
from onboarding.models import (
    Approval,
    AuditDetail,
    AuditEvent,
    AuditHead,
    PassIssue,
    PolicyActivation,
    PolicyStop,
    PolicyVersion,
    Starter,
)
from onboarding.starters import rescheduling, withdrawal
from onboarding.starters.rescheduling import Schedule
from tests.audit.site import Site, forget_codes, sign_as_migration, write_chain_again

pytestmark = pytest.mark.django_db


def differences() -> list[str]:
    return [fault.what for fault in audit.compare_rows()]


def queries() -> int:
    with CaptureQueriesContext(
        connection,
    ) as found:
        assert differences() == []
    return len(found)


def add_versions(count: int, by: Any) -> None:
    for number in range(count):
        policy.add_version(PolicyVersion(attempts=1 + number % 9, reason="Another"), by=by)


def test_more_rows_of_a_page_need_no_more_queries(person: Callable[[str], Any]) -> None:
    add_versions(2, person("ada"))
    few = queries()

    add_versions(20, person("ada"))

    assert queries() == few


def test_each_page_needs_the_same_queries(
    person: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "PAGE", 5)
    counts = []
    for _ in range(3):
        add_versions(5, person("ada"))
        counts.append(queries())

    assert counts[1] - counts[0] == counts[2] - counts[1]


def test_a_change_between_two_readings_is_no_difference(
    record: Callable[..., Starter], person: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows were read, then HR changed the start, then the events were read."""
    starter = record("noor")
    read_events = comparison._Starters.read_events

    def change_first(table: Any, keys: Any) -> Any:
        monkeypatch.setattr(comparison._Starters, "read_events", read_events)
        later = Schedule(
            starter.start_date.replace(year=starter.start_date.year + 1), starter.start_time, "UTC"
        )
        rescheduling.reschedule_starter(
            starter=Starter.objects.get(pk=starter.pk), schedule=later, note="", by=person("hanna")
        )
        return read_events(table, keys)

    monkeypatch.setattr(comparison._Starters, "read_events", change_first)

    assert differences() == []


def as_an_earlier_release_wrote_it(event: str, *facts: str, personal: str = "") -> None:
    """Take from an event what earlier releases did not record."""
    row = AuditEvent.objects.filter(event=event).latest("seq")
    kept = {name: value for name, value in row.facts.items() if name not in facts}
    commitments = {name: value for name, value in row.commitments.items() if name != personal}
    values = {name: value for name, value in row.detail.values.items() if name != personal}
    AuditEvent.objects.filter(pk=row.pk).update(facts=kept, commitments=commitments)
    AuditDetail.objects.filter(pk=row.pk).update(values=values)
    write_chain_again(row.seq)


@pytest.fixture
def earlier(site: Site) -> Site:
    """The history as an earlier release wrote it."""
    triggers.remove_triggers(connection)
    as_an_earlier_release_wrote_it("policy.changed", "settings", personal="redacted_settings")
    as_an_earlier_release_wrote_it("policy.proposed", "settings", personal="redacted_settings")
    as_an_earlier_release_wrote_it("issue.intent", personal="account")
    forget_codes()
    sign_as_migration()
    return site


def test_events_of_an_earlier_release_are_no_difference(earlier: Site) -> None:
    assert list(audit.verify_chain()) == [] and differences() == []


def test_an_earlier_setting_is_compared_with_the_version_before(earlier: Site) -> None:
    PolicyVersion.objects.drafts().update(closes_days_after=9)

    assert differences() == [
        "“passes can be created until (days after the start)” differs from event " + _last("policy.proposed")
    ]


def test_an_earlier_event_cannot_prove_settings_that_name_people(earlier: Site) -> None:
    PolicyVersion.objects.drafts().update(security_address="other@example.com")
    PassIssue.objects.filter(starter__display_name__startswith="Liam").update(account_id="another")

    assert differences() == []


def _last(event: str) -> str:
    return str(AuditEvent.objects.filter(event=event).latest("seq").seq)


def test_facts_that_cannot_be_read_do_not_end_the_comparison(site: Site) -> None:
    triggers.remove_triggers(connection)
    AuditEvent.objects.filter(event="issue.shown").update(facts={"state": "shown", "valid_until": 7})

    assert "the events of this row cannot be read" in differences()
    assert AuditHead.objects.exists()


def test_a_later_moment_and_a_stop_are_compared(site: Site, person: Callable[[str], Any]) -> None:
    draft = PolicyVersion.objects.drafts().latest("number")
    policy.activate_on_console(draft.number, reason="Alone", operator="root")
    assert differences() == []
    triggers.remove_triggers(connection)
    activation = PolicyActivation.objects.get(version=draft)
    PolicyActivation.objects.filter(pk=activation.pk).update(in_force_at=activation.at)
    assert len(differences()) == 1
    PolicyActivation.objects.filter(pk=activation.pk).update(in_force_at=activation.in_force_at)

    policy.stop_version(draft.number, by=person("ada"), reason="Not this")
    assert differences() == []
    PolicyStop.objects.all().delete()
    assert len(differences()) == 1


def test_a_voided_approval_never_counts_again(
    invite: Callable[..., Starter], person: Callable[[str], Any], policy_says: Callable[..., Any]
) -> None:
    policy_says(approve_all=True)
    starter = invite("noor")
    approvals.approve_missing(starter=starter, by=person("henry"), reason="I know her")
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="A mistake")
    withdrawal.restore_starter(
        starter=Starter.objects.get(pk=starter.pk), by=person("hanna"), reason="She starts"
    )
    assert differences() == []

    Approval.objects.update(voided_at=None)

    assert any("no longer valid since" in what for what in differences())


def test_an_earlier_approval_is_found_by_kind_and_time(earlier: Site) -> None:
    as_an_earlier_release_wrote_it("starter.approved", "approvals", personal="occasions")
    forget_codes()
    sign_as_migration()
    assert differences() == []

    Approval.objects.filter(starter__display_name__startswith="Liam").delete()

    assert [what for what in differences() if "records that this row was added" in what]
