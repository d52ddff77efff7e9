"""The authentication codes of events: they outlive a change of SECRET_KEY, and nobody else can make one."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from onboarding import audit
from onboarding.audit import codes, trail, triggers
from onboarding.models import AuditCode, AuditDetail, AuditEvent, AuditHead, AuditKey
from tests.audit.site import forget_codes, sign_as_migration

pytestmark = pytest.mark.django_db
NEW_KEY = "another key, of at least fifty random characters 0123456789"


def add_event(by=None, **personal: str) -> AuditEvent:
    with audit.transaction():
        return audit.record("a.test", by=by, personal=personal)


def faults() -> list[str]:
    return [fault.what for fault in audit.verify_chain()]


@pytest.fixture
def rotated(settings):
    """SECRET_KEY changes, after two events. Returns the earlier one."""
    add_event()
    add_event()
    earlier = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [earlier]
    return earlier


def test_earlier_codes_stay_valid_without_the_earlier_key(rotated, settings):
    add_event()  # before the worker starts again
    assert audit.renew_keys() == []
    settings.SECRET_KEY_FALLBACKS = []
    add_event()

    assert faults() == [] == list(audit.verify_last_events(1))
    assert list(AuditEvent.objects.order_by("seq").values_list("event", flat=True)) == [
        "a.test", "a.test", "a.test", "audit.key_changed", "a.test",
    ]  # fmt: skip
    assert AuditCode.objects.values("key").distinct().count() == 2


def test_keys_are_renewed_once(rotated):
    audit.renew_keys()
    audit.renew_keys()

    assert AuditEvent.objects.filter(event="audit.key_changed").count() == 1


def test_an_earlier_key_signs_no_later_event(rotated):
    before = AuditHead.objects.get().key
    audit.renew_keys()
    event = add_event()
    people, code = codes.sign(codes.read_key(before), event.hash, {})

    AuditCode.objects.filter(event=event).update(key=before, people=people, code=code)

    assert any("a key that was not in use" in fault for fault in faults())


def test_the_portal_goes_on_without_the_earlier_key(rotated, settings):
    settings.SECRET_KEY_FALLBACKS = []
    add_event()

    earlier, change = faults()
    assert "cannot be checked" in earlier and "(the same for each event up to event 2)" in earlier
    assert "no code made with the previous key confirms the change. Either SECRET_KEY was lost" in change
    with pytest.raises(CommandError, match="opens these keys"):
        call_command("renew_audit_keys")

    settings.SECRET_KEY_FALLBACKS = [rotated]
    call_command("renew_audit_keys")
    settings.SECRET_KEY_FALLBACKS = []
    (change,) = faults()
    assert "no code made with the previous key confirms the change. Either SECRET_KEY was lost" in change


def test_the_key_before_signs_the_change(rotated):
    before = AuditHead.objects.get().key
    audit.renew_keys()
    change = AuditEvent.objects.select_related("code").get(event="audit.key_changed")
    assert codes.is_genuine_change(codes.read_key(before), change, change.code)

    people, code = codes.sign(codes.read_key(change.code.key), change.hash, {}, {codes.LEFT: "0" * 64})
    AuditCode.objects.filter(pk=change.pk).update(people=people, code=code)

    (found,) = faults()
    assert "its authentication code made with the previous key is wrong" in found


def test_a_change_is_checked_only_with_the_key_before(rotated):
    before = AuditHead.objects.get().key
    audit.renew_keys()
    AuditKey.objects.filter(name=before).update(sealed="another")

    assert "it cannot open the previous key" in faults()[-1]


def test_events_of_a_replaced_key_are_found(rotated):
    before = AuditHead.objects.get().key
    audit.renew_keys()
    with audit.transaction():
        head = AuditHead.objects.get()
        facts = {"before": head.key, "key": before}
        trail._append(head, AuditEvent(event=codes.KEY_CHANGED, facts=facts), {}, None)
        event = AuditEvent.objects.latest("seq")
        people, code = codes.sign(codes.read_key(before), event.hash, {})
        AuditCode.objects.filter(pk=event.pk).update(key=before, people=people, code=code)
        AuditHead.objects.update(key=before)
    add_event()
    replaced = "made with a key that had already been replaced"
    (last,) = audit.verify_last_events(1)
    assert replaced in faults()[-1] and replaced in last.what

    with audit.transaction():
        trail.change_key()
    add_event()
    assert list(audit.verify_last_events(1)) == []


def test_a_key_without_events_is_not_renewed(rotated, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = rotated, []
    unused = AuditKey.objects.get(name=codes.create_key())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [rotated]

    assert audit.renew_keys() == []

    assert AuditKey.objects.get(name=unused.name).sealed == unused.sealed
    settings.SECRET_KEY_FALLBACKS = []
    assert audit.renew_keys() == [] == faults()


def test_a_code_names_nobody(person):
    hanna = person("hanna")
    first, second = add_event(hanna), add_event(hanna)

    kept = [AuditCode.objects.get(event=event).people for event in (first, second)]

    assert {*kept[0]} == {"by", "row"}
    assert not {*kept[0].values()} & {*kept[1].values()}
    assert hanna.oid not in str(kept)


def test_a_rolled_back_event_leaves_no_key_behind():
    with pytest.raises(ZeroDivisionError), audit.transaction():
        audit.record("a.test")
        raise ZeroDivisionError
    add_event()

    assert faults() == [] and AuditKey.objects.count() == 1


def test_the_migration_signs_what_is_there(person):
    hanna = person("hanna")
    kept, erased = add_event(hanna, reason="x"), add_event(hanna)
    AuditDetail.objects.filter(event=erased).update(salt="", values={})
    forget_codes()
    assert any("no authentication code" in fault for fault in faults())

    sign_as_migration()
    add_event()

    assert not any("authentication code" in fault for fault in faults())
    assert {*AuditCode.objects.get(event=kept).people} == {"by", "row"}
    assert AuditCode.objects.get(event=erased).people == {}


def test_the_migration_ends_with_all_triggers():
    add_event()
    forget_codes()
    connection.check_constraints()
    triggers.install_triggers(connection)

    sign_as_migration()

    assert triggers.find_missing(connection) == []
    assert faults() == []


def test_the_migration_leaves_an_empty_log_alone():
    sign_as_migration()

    assert not AuditKey.objects.exists()
