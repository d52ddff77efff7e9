"""A restored copy of the database does nothing until somebody adopts it."""

from __future__ import annotations

import importlib
import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from onboarding import audit, jobs, policy
from onboarding.audit import signed_heads
from onboarding.management.commands import worker
from onboarding.models import AuditCode, AuditEvent, AuditHead, Heartbeat, Installation, Job, Mail, PassIssue
from onboarding.operations import health, installation
from onboarding.passes import handover
from onboarding.passes.errors import TryAgainLater
from onboarding.restored import heads, place, use
from onboarding.restored.place import Place
from tests.conftest import creations

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
REASON = "--reason=Restored after a disk failed"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The portal has used its database where it is."""
    monkeypatch.setattr(use._Known, "until", float("-inf"))
    Installation.objects.update(since=timezone.now() - timedelta(days=1))
    use.take_first_place()
    assert use.find_cause() is None
    yield place.read_place()
    use.forget_last_cause()


@pytest.fixture
def copied(home: Place) -> None:
    """The row as a copy has it: it says that the database is elsewhere."""
    Installation.objects.update(database_id="7000000000000000001/5", database_address="db.example/portal")
    use.forget_last_cause()


# --- How a copy knows ---------------------------------------------------------------------------------------------

AT_HOME = Place("7001/5", "db.example/portal")


@pytest.mark.parametrize(
    ("number", "address", "same"),
    [
        ("7001/5", "db.example/portal", True),
        ("7001/5", "db-copy.example/portal", False),  # a copy of the server's files, elsewhere
        ("7002/5", "db.example/portal", False),  # pg_dump into another server
        ("7001/6", "db.example/portal", False),  # pg_dump into another database of the server
        ("/5", "db.example/portal", True),  # this role may not read the system identifier
        ("/6", "db.example/portal", False),
        ("", "", True),  # never used
        ("7001/5", "db.example,db2.example/portal", True),  # a replica was added or removed
        ("7001/5", "db.example/other", False),
        ("/5", "db.example,db2.example/portal", False),  # which server it is, is not known
    ],
)
def test_a_place_is_the_same_server_database_and_address(number: str, address: str, same: bool) -> None:
    assert AT_HOME.is_same(number, address) is same


@pytest.mark.parametrize(("number", "same"), [("7001/5", True), ("/5", False), ("7001/6", False)])
def test_an_address_that_the_operator_names_is_accepted(settings: Any, number: str, same: bool) -> None:
    settings.DATABASE_ALSO_AT = [("localhost", "", "portal")]

    assert Place("7001/5", "localhost:5432/portal").is_same(number, "db.example/portal") is same
    assert not Place("7001/5", "localhost:5433/portal").is_same(number, "db.example/portal")


def test_a_worker_stores_the_hosts_of_today(home: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Place("7001/5", "db1,db2/portal")
    monkeypatch.setattr(place, "read_place", lambda: here)
    Installation.objects.update(database_id="7001/5", database_address="db1/portal")

    assert worker.Command().may_work()

    assert Installation.objects.get().database_address == here.address
    monkeypatch.setattr(place, "read_place", lambda: Place("7001/5", "db2/portal"))
    assert use.find_cause() is None


@pytest.mark.parametrize(
    ("host", "options", "address"),
    [
        ("db1,db2", {}, "db1,db2/portal"),
        ("db1", {"hostaddr": "192.0.2.7"}, "192.0.2.7/portal"),
        ("", {"service": "portal"}, "found.example/portal"),
    ],
)
def test_the_address_is_where_the_connection_goes(
    monkeypatch: pytest.MonkeyPatch, host: str, options: dict[str, str], address: str
) -> None:
    connected = Mock(settings_dict={"HOST": host, "PORT": "", "NAME": "portal", "OPTIONS": options})
    connected.connection.info.host, connected.connection.info.port = "found.example", 5432
    monkeypatch.setattr(place, "connection", connected)

    assert place._server_address() == address


def test_a_right_that_is_taken_away_stops_no_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = MagicMock(vendor="postgresql")
    cursor = connected.cursor().__enter__()
    cursor.fetchone.side_effect = [("5", True), ("7001",), ("5", False)]
    monkeypatch.setattr(place, "connection", connected)

    assert [place._read_number(), place._read_number()] == ["7001/5", "/5"]


def test_a_missing_label_is_another_place(home: Place) -> None:
    assert not Place("", home.address).is_same(home.number, home.address)


def test_a_promoted_replica_is_the_same_place(home: Place) -> None:
    """It has the system identifier and the oid of its primary, and the portal reaches it under the same address."""
    row = Installation.objects.get()

    assert home.is_same(row.database_id, row.database_address)
    use.take_first_place()
    assert Installation.objects.get().database_id == home.number


@pytest.mark.parametrize(
    ("heartbeat", "event", "waits"), [(None, 25, True), (25, 25, True), (23, 25, False), (None, 23, False)]
)
def test_a_quiet_database_of_the_release_before_waits(
    monkeypatch, heartbeat: int | None, event: int, waits: bool
) -> None:
    """An installation that upgrades in place goes on; hours since its last heartbeat and event tell."""
    migration = importlib.import_module("onboarding.migrations.0003_restored_copies")
    Installation.objects.update(database_id="", database_address="")
    record_event()
    if heartbeat is not None:
        jobs.record_heartbeat("another:1")
        Heartbeat.objects.update(beat_at=timezone.now() + timedelta(hours=event - heartbeat))
    monkeypatch.setattr(migration, "QUIET", timedelta(hours=24 - event))

    migration.suspend_quiet_database(apps, None)
    record_event()  # somebody looks around
    use.take_first_place()

    assert (use.find_cause() is use.Cause.QUIET) is waits
    assert bool(Installation.objects.get().database_address) is not waits


def test_a_database_without_events_is_new() -> None:
    migration = importlib.import_module("onboarding.migrations.0003_restored_copies")
    AuditHead.objects.update(seq=0)

    migration.suspend_quiet_database(apps, None)

    assert use.find_cause() is None


def test_a_database_behind_a_head_outside_is_suspended(home: Place, settings: Any, tmp_path: Path) -> None:
    settings.LAST_HEAD_FILE = str(tmp_path / "head.json")
    record_event()
    heads.keep_head()
    assert not use.suspend_if_behind()

    forget_last_event()

    assert use.suspend_if_behind()
    assert use.find_cause() is use.Cause.BEHIND
    adopt()
    assert not use.suspend_if_behind()  # what was seen before the adoption counts no more
    assert use.find_cause() is None


@pytest.fixture
def checkpoints(home: Place, settings: Any, tmp_path: Path) -> Path:
    """The file of an installation that signs checkpoints."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    settings.AUDIT_SIGNING_KEY_FILE = str(tmp_path / "key.pem")
    settings.AUDIT_HEAD_FILE = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


def sign_head(path: Path, **changed: Any) -> dict[str, Any]:
    """A checkpoint of an event that the database lacks, with further values, signed by the portal's key."""
    key = signed_heads.read_private_key((path.parent / "key.pem").read_bytes())
    head = signed_heads.sign_head(key) | {"seq": 70, "hash": "f" * 64} | changed
    signature = key.sign(signed_heads.canonical_bytes(head))
    return head | {"signature": b64encode(signature).decode()}


@pytest.mark.parametrize("after", ["", "\n", "\n{}\n", "\n" + "x" * 5000 + "\n\n"])
def test_a_checkpoint_file_shows_an_earlier_database(checkpoints: Path, after: str) -> None:
    checkpoints.write_text(f"{{}}\n{json.dumps(sign_head(checkpoints))}{after}")

    assert use.suspend_if_behind()


@pytest.mark.parametrize(
    "changed",
    [{"at": "9999-01-01T00:00:00+00:00"}, {"at": "2030-01-01"}, {"installation": "another"}, {"seq": True}],
)
def test_a_signed_head_of_another_time_or_place_proves_nothing(
    checkpoints: Path, changed: dict[str, Any]
) -> None:
    checkpoints.write_text(json.dumps(sign_head(checkpoints, **changed)))

    assert not use.suspend_if_behind()


def test_a_head_of_the_future_hides_no_earlier_one(checkpoints: Path) -> None:
    lines = [sign_head(checkpoints), sign_head(checkpoints, at="9999-01-01T00:00:00+00:00")]
    checkpoints.write_text("\n".join(json.dumps(line) for line in lines))

    assert use.suspend_if_behind()


def test_a_head_that_the_portal_did_not_sign_proves_nothing(checkpoints: Path) -> None:
    checkpoints.write_text(json.dumps(sign_head(checkpoints) | {"seq": 71}))

    assert not use.suspend_if_behind()


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"seq": 7}'])
def test_an_unreadable_head_outside_proves_nothing(checkpoints: Path, text: str) -> None:
    checkpoints.write_text(text)

    assert not use.suspend_if_behind()


def test_a_worker_keeps_a_new_head_with_each_heartbeat(home: Place, settings: Any, tmp_path: Path) -> None:
    settings.LAST_HEAD_FILE = str(tmp_path / "head.json")
    running = worker.Command()
    running.may_work()
    running.keeps_head_at -= worker.BEAT_EVERY
    record_event()
    running.may_work()

    kept = Path(settings.LAST_HEAD_FILE)
    assert json.loads(kept.read_text())["seq"] == AuditHead.objects.get().seq
    written = kept.stat().st_ino
    heads.keep_head()  # nothing is new
    assert kept.stat().st_ino == written


def test_a_head_of_another_database_proves_nothing(home: Place, settings: Any, tmp_path: Path) -> None:
    settings.LAST_HEAD_FILE = str(tmp_path / "head.json")
    record_event()
    heads.keep_head()
    file = Path(settings.LAST_HEAD_FILE)
    known = json.loads(file.read_text())
    file.write_text(json.dumps(known | {"database": "another"}))
    forget_last_event()

    assert not use.suspend_if_behind()


def record_event() -> None:
    with audit.transaction():
        audit.record("audit.searched")


def forget_last_event() -> None:
    """The database is set back by one event."""
    head = AuditHead.objects.get()
    last = AuditEvent.objects.get(seq=head.seq)
    AuditHead.objects.update(seq=head.seq - 1, hash=last.previous)
    last.detail.delete()
    AuditCode.objects.filter(event=last).delete()
    last.delete()


# --- What it does not do ------------------------------------------------------------------------------------------


def test_no_pass_is_created_from_a_copy(tenant, invite, confirmation, worker_alive, copied) -> None:
    with pytest.raises(TryAgainLater) as refused:
        handover.confirm(confirmation(invite("noor")))

    assert refused.value.code == "not_in_use"
    assert creations(tenant) == []


def test_a_claim_asks_again_whether_it_is_a_copy(
    tenant, invite, confirmation, worker_alive, home, monkeypatch
) -> None:
    asked: list[Any] = []

    def become_a_copy() -> use.Cause | None:
        asked.append(1)
        return use.Cause.ELSEWHERE if len(asked) > 1 else None

    monkeypatch.setattr(use, "find_cause", become_a_copy)
    with pytest.raises(TryAgainLater) as refused:
        handover.confirm(confirmation(invite("noor")))

    assert refused.value.code == "not_in_use"
    assert creations(tenant) == [] and not PassIssue.objects.exists()


def test_a_worker_of_a_copy_does_nothing(tenant, record, copied, monkeypatch) -> None:
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)  # the test's own would be closed
    record("noor")
    due = Job.objects.filter(done_at=None).count()
    mails = Mail.objects.filter(sent_at=None).count()

    call_command("worker", "--once")

    assert Job.objects.filter(done_at=None).count() == due > 0
    assert Mail.objects.filter(sent_at=None).count() == mails
    assert not Heartbeat.objects.exists()


def test_a_worker_goes_on_after_the_adoption(tenant, copied) -> None:
    running = worker.Command()
    assert not running.may_work()

    adopt()

    assert running.may_work()
    assert Job.objects.filter(key="daily:forget").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["activate_policy", "1", "--reason=Something is wrong"],
        ["reconcile_directory"],
        ["prove_tenant", "doctor"],
    ],
)
def test_commands_that_act_refuse_a_copy(tenant, copied, words: list[str]) -> None:
    with pytest.raises(CommandError, match=r"manage\.py adopt"):
        call_command(*words)


def test_a_copy_can_be_frozen_before_its_adoption(tenant, copied, capsys) -> None:
    call_command("freeze", "--reason=Something is wrong")

    assert "manage.py adopt" in capsys.readouterr().err
    adopt("--frozen")  # it is frozen already
    assert policy.for_site().frozen


def test_an_adoption_can_freeze_the_portal(tenant, copied) -> None:
    adopt("--frozen")

    assert policy.for_site().frozen and use.find_cause() is None


def test_a_failed_freeze_undoes_the_adoption(tenant, copied, monkeypatch) -> None:
    monkeypatch.setattr(policy, "set_frozen", Mock(side_effect=DatabaseError))

    with pytest.raises(DatabaseError):
        adopt("--frozen")
    assert use.find_cause() is use.Cause.ELSEWHERE


@pytest.mark.parametrize(
    ("who", "method", "path"),
    [
        ("hanna", "post", "/hr/new/"),
        ("maria", "get", "/starters/"),
        ("ada", "post", "/admin/onboarding/policyversion/add/"),
        (None, "post", "/sheet/stop/"),
        (None, "get", "/api/v1/starters"),
    ],
)
def test_a_copy_takes_no_form_and_no_manager(browser_of, copied, who, method, path) -> None:
    browser = browser_of(who) if who else Client()

    answer = getattr(browser, method)(path)

    assert answer.status_code == 503
    if not path.startswith("/api/"):
        assert "This portal is not in use yet" in answer.content.decode()


@pytest.mark.parametrize(("who", "path"), [("hanna", "/hr/"), ("ada", "/admin/")])
def test_hr_and_admins_read_that_it_is_a_copy(browser_of, copied, who, path) -> None:
    page = browser_of(who).get(path)

    assert page.status_code == 200
    assert (
        "This portal’s database was restored or moved, and the portal is not in use yet."
        in page.content.decode()
    )


def test_a_portal_in_use_shows_no_banner(browser_of, home) -> None:
    assert "not in use yet" not in browser_of("hanna").get("/hr/").content.decode()


def test_the_health_check_says_that_it_is_a_copy(copied) -> None:
    report = health.DatabaseProbe().check()

    assert (report.status, report.restored) == ("not in use", "elsewhere")


# --- Adoption -----------------------------------------------------------------------------------------------------


def adopt(*words: str) -> None:
    call_command("adopt", "--yes", REASON, *words)


def test_an_adopted_copy_is_in_use_and_on_record(browser_of, copied) -> None:
    browser = browser_of("hanna")

    adopt()

    assert use.find_cause() is None
    event = AuditEvent.objects.select_related("detail").get(event="database.adopted")
    assert event.facts["cause"] == "elsewhere"
    assert event.detail.values["reason"] == "Restored after a disk failed"
    assert list(audit.verify_chain()) == []
    assert browser.get("/hr/").status_code == 302  # a session of the backup may have been ended since


def test_a_database_at_work_elsewhere_is_not_adopted(copied) -> None:
    jobs.record_heartbeat("another:1")

    with pytest.raises(CommandError, match="A worker used this database"):
        adopt()
    assert use.find_cause() is use.Cause.ELSEWHERE

    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(seconds=91))
    adopt()
    assert use.find_cause() is None


def test_nobody_adopts_by_accident(copied) -> None:
    with pytest.raises(CommandError, match="--yes"):
        call_command("adopt", REASON)

    assert use.find_cause() is use.Cause.ELSEWHERE


def test_a_suspended_database_waits_for_its_adoption(home) -> None:
    call_command("suspend", "--reason=Set back to Sunday evening")

    assert use.find_cause() is use.Cause.BY_OPERATOR
    event = AuditEvent.objects.select_related("detail").get(event="database.suspended")
    assert event.detail.values["reason"] == "Set back to Sunday evening"
    adopt()
    assert use.find_cause() is None


def test_a_move_to_another_address_ends_no_session(browser_of, home, settings) -> None:
    browser = browser_of("hanna")
    settings.LOOPBACK, settings.PORTAL_URL = False, "https://new.contoso.example"

    installation.adopt_database(reason="The site moved")

    assert AuditEvent.objects.get(event="database.adopted").facts["cause"] == "moved"
    assert browser.session.session_key and not Job.objects.filter(key__startswith="restored:").exists()
