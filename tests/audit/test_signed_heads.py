"""Signed checkpoints: sent outside every hour, and a rewritten or restored audit log is found with them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.core.management import CommandError, call_command
from django.utils import timezone

from onboarding import audit, policy
from onboarding.audit import GENESIS, hash_event, make_commitment, signed_heads
from onboarding.hooks import sending
from onboarding.models import AuditCode, AuditDetail, AuditEvent, AuditHead, AuditOutlet
from onboarding.worker import audit_outlets
from tests.audit.site import forget_codes, sign_as_migration

pytestmark = pytest.mark.django_db


@dataclass
class Evidence:
    """The keys of an installation, and the file that its heads go to."""

    folder: Path
    keys: list[Ed25519PrivateKey] = field(default_factory=list)

    @property
    def heads(self) -> Path:
        return self.folder / "heads.jsonl"

    @property
    def public(self) -> Path:
        return self.folder / "public.pem"

    def new_key(self) -> Path:
        key = Ed25519PrivateKey.generate()
        self.keys.append(key)
        path = self.folder / f"key-{len(self.keys)}.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with self.public.open("ab") as file:
            file.write(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return path

    def verify(self) -> None:
        call_command("verify_audit", signed_heads=str(self.heads), public_key=str(self.public))


@pytest.fixture
def evidence(tmp_path, settings, log, monkeypatch) -> Evidence:
    made = Evidence(tmp_path)
    settings.AUDIT_SIGNING_KEY_FILE = str(made.new_key())
    settings.AUDIT_HEAD_FILE = str(made.heads)
    # Another test removes the triggers for all; verify_audit would miss them.
    monkeypatch.setattr("onboarding.audit.triggers.find_missing", lambda _connection: [])
    return made


def record_events(count: int) -> None:
    for number in range(count):
        with audit.transaction():
            audit.record("hook.replayed", facts={"number": number}, personal={"reason": f"Reason {number}"})


def rewrite(change: Callable[[AuditEvent], None]) -> None:
    """Change events and compute the whole chain again, as somebody with every right in the database and SECRET_KEY can."""
    previous = GENESIS
    for row in AuditEvent.objects.order_by("seq"):
        change(row)
        row.previous, row.hash = previous, ""
        row.hash = previous = hash_event(row)
        AuditEvent.objects.filter(seq=row.seq).update(
            previous=row.previous, hash=row.hash, facts=row.facts, commitments=row.commitments
        )
    AuditHead.objects.update(hash=previous)
    forget_codes()
    sign_as_migration()


def cut_after(seq: int) -> None:
    """Remove the last events, as a restored backup does."""
    AuditDetail.objects.filter(event__seq__gt=seq).delete()
    AuditCode.objects.filter(event__seq__gt=seq).delete()
    AuditEvent.objects.filter(seq__gt=seq).delete()
    AuditHead.objects.update(seq=seq, hash=AuditEvent.objects.get(seq=seq).hash)


def test_heads_of_an_unchanged_log_are_all_right(evidence, capsys):
    for _ in range(3):
        record_events(2)
        call_command("sign_head")

    evidence.verify()

    assert [json.loads(line)["seq"] for line in evidence.heads.read_text().splitlines()] == [2, 4, 6]
    assert "The audit log is unchanged: 6 events" in capsys.readouterr().out


def test_a_rewritten_log_is_found_only_with_heads(evidence, capsys):
    record_events(4)
    audit_outlets.send_head()

    def change(row: AuditEvent) -> None:
        if row.seq == 2:
            row.facts = {"number": 77}

    rewrite(change)

    call_command("verify_audit")
    with pytest.raises(CommandError, match="Problems found: 1"):
        evidence.verify()
    assert "event 4 no longer has the hash" in capsys.readouterr().err


def test_a_rewritten_reason_is_found_only_with_heads(evidence):
    record_events(2)
    audit_outlets.send_head()
    detail = AuditDetail.objects.get(event__seq=1)
    AuditDetail.objects.filter(event__seq=1).update(values={"reason": "Forged"})

    def change(row: AuditEvent) -> None:
        if row.seq == 1:
            row.commitments = {"reason": make_commitment(detail.salt, "Forged")}

    rewrite(change)

    call_command("verify_audit")
    with pytest.raises(CommandError, match="Problems found"):
        evidence.verify()


def test_a_restored_backup_is_found_only_with_heads(evidence, capsys):
    record_events(4)
    audit_outlets.send_head()
    cut_after(2)

    call_command("verify_audit")
    with pytest.raises(CommandError, match="Problems found: 1"):
        evidence.verify()
    assert "an old backup was restored" in capsys.readouterr().err


def test_a_restored_backup_with_new_events_is_found(evidence, capsys):
    record_events(4)
    audit_outlets.send_head()
    cut_after(2)
    record_events(5)

    with pytest.raises(CommandError, match="Problems found: 1"):
        evidence.verify()
    assert "event 4 no longer has the hash" in capsys.readouterr().err


def test_a_removed_event_is_found_twice(evidence, capsys):
    record_events(4)
    audit_outlets.send_head()
    record_events(1)
    AuditDetail.objects.filter(event__seq=4).delete()
    AuditCode.objects.filter(event__seq=4).delete()
    AuditEvent.objects.filter(seq=4).delete()

    with pytest.raises(CommandError):
        evidence.verify()
    said = capsys.readouterr().err
    assert "events 4 to 4 are missing" in said and "but it is missing" in said


@pytest.mark.parametrize(
    "forged",
    [
        {"seq": 1},
        {"hash": "0" * 64},
        {"at": "2020-01-01T00:00:00+00:00"},
        {"installation": "elsewhere"},
        {"signature": "AAAA"},
        {"signature": "no base64"},
        {"key": "0123456789abcdef"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_changed_head_is_not_genuine(evidence, forged):
    record_events(2)
    head = audit_outlets.send_head() | forged

    (fault,) = signed_heads.verify_signed_heads([json.dumps(head)], [evidence.keys[0].public_key()])

    assert fault.what == "the signature of this line does not match any of the public keys"


@pytest.mark.parametrize("line", ["x", "{}", "[]", "7", '{"kind": "another"}', "[" * 99999])
@pytest.mark.usefixtures("no_collection_at_full_depth")
def test_another_line_is_not_a_head(evidence, line):
    (fault,) = signed_heads.verify_signed_heads(["", line], [evidence.keys[0].public_key()])

    assert (fault.line, fault.what) == (2, "this line is not a signed checkpoint")


def test_after_a_change_of_the_key_both_are_valid(evidence, settings):
    record_events(1)
    audit_outlets.send_head()
    settings.AUDIT_SIGNING_KEY_FILE = str(evidence.new_key())
    record_events(1)
    audit_outlets.send_head()

    evidence.verify()

    used = {json.loads(line)["key"] for line in evidence.heads.read_text().splitlines()}
    assert used == {signed_heads.name_key(key.public_key()) for key in evidence.keys}


def test_a_head_signed_by_an_attackers_key_is_found(evidence, settings, capsys):
    record_events(1)
    public = evidence.public.read_bytes()
    settings.AUDIT_SIGNING_KEY_FILE = str(evidence.new_key())
    audit_outlets.send_head()
    evidence.public.write_bytes(public)

    with pytest.raises(CommandError):
        evidence.verify()
    assert "line 1 of" in capsys.readouterr().err


def test_the_documented_openssl_commands_make_usable_keys(evidence, settings, tmp_path):
    private, public = tmp_path / "audit-signing-key.pem", tmp_path / "audit-public-key.pem"
    for command in (
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private)],
        ["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)],
    ):
        subprocess.run(command, check=True)
    settings.AUDIT_SIGNING_KEY_FILE = str(private)
    record_events(1)

    head = audit_outlets.send_head()

    keys = signed_heads.read_public_keys(public.read_bytes())
    assert list(signed_heads.verify_signed_heads([json.dumps(head)], keys)) == []


@pytest.mark.parametrize("text", [b"", b"x", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_file_without_keys_is_refused(evidence, text):
    audit_outlets.send_head()
    evidence.public.write_bytes(text)

    with pytest.raises(CommandError, match="cannot be used"):
        evidence.verify()


def test_a_file_without_heads_proves_nothing(evidence):
    evidence.heads.write_text("\n")

    with pytest.raises(CommandError, match="contains no signed checkpoint"):
        evidence.verify()


# --- Sending ------------------------------------------------------------------------------------------------------


def test_a_head_goes_to_log_file_and_address(evidence, settings, log, monkeypatch):
    settings.AUDIT_HEAD_URL = "https://evidence.contoso.example/heads"
    sent = []

    def post(url: str, body: bytes, headers: object, rules: object) -> sending.Outcome:
        sent.append((url, json.loads(body), rules.hook_hosts))
        return sending.Outcome(status=202)

    monkeypatch.setattr(sending, "post", post)
    record_events(1)

    head = audit_outlets.send_head()

    assert sent == [(settings.AUDIT_HEAD_URL, head, "evidence.contoso.example")]
    assert [line["portal.audit.head"] for line in log.lines()] == [head]
    assert json.loads(evidence.heads.read_text()) == head
    assert set(AuditOutlet.objects.values_list("name", "seq", "error")) == {
        ("head_log", 1, ""), ("head_file", 1, ""), ("head_url", 1, ""),
    }  # fmt: skip
    assert policy.for_site().hook_hosts == ""  # the policy of webhooks stays as it is


@pytest.mark.parametrize("url", ["https://localhost/heads", "https://127.0.0.1/", "https://169.254.169.254/"])
def test_a_private_address_gets_no_head(evidence, settings, url):
    settings.AUDIT_HEAD_URL = url

    with pytest.raises(audit_outlets.HeadNotSent, match="head_url"):
        audit_outlets.send_head()

    assert AuditOutlet.objects.get(name="head_url").error == "HeadNotSent: address_not_allowed"
    assert AuditOutlet.objects.get(name="head_file").error == ""


def test_a_full_disk_leaves_no_half_line(evidence, monkeypatch):
    audit_outlets.send_head()
    before = evidence.heads.read_bytes()
    real = audit_outlets.os.write
    monkeypatch.setattr(audit_outlets.os, "write", lambda file, line: real(file, line[:50]))

    with pytest.raises(audit_outlets.HeadNotSent):
        audit_outlets.send_head()

    assert evidence.heads.read_bytes() == before
    assert "the disk is full" in AuditOutlet.objects.get(name="head_file").error


def test_the_worker_sends_a_head_every_hour(evidence, settings, time_passes):
    settings.AUDIT_TO_LOG = False
    audit_outlets.enqueue_audit_jobs()

    time_passes(timedelta(hours=3, minutes=1))

    assert len(evidence.heads.read_text().splitlines()) == 4


def test_without_a_key_nothing_is_signed(settings):
    settings.AUDIT_SIGNING_KEY_FILE = ""

    with pytest.raises(CommandError, match="AUDIT_SIGNING_KEY_FILE is not set"):
        call_command("sign_head")
    assert audit_outlets.send_head_hourly("send") is None


def test_the_command_says_which_place_got_nothing(evidence, settings):
    settings.AUDIT_HEAD_FILE = str(evidence.folder / "nowhere" / "heads")

    with pytest.raises(CommandError, match="The signed checkpoint did not reach: head_file"):
        call_command("sign_head")


def test_the_head_says_when_it_was_signed(evidence):
    head = audit_outlets.send_head()

    assert abs(datetime.fromisoformat(head["at"]) - timezone.now()) < timedelta(minutes=1)
