"""Real faults around the portal: a locked database, wrong clocks, a wrong name or certificate of Microsoft.

After each fault no unseen pass works, and no starter is stuck.
"""

from __future__ import annotations

import datetime
import os
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from onboarding import graph
from portal.demo.process import wait_for
from tests.faults.replicas import Database, Person, Portal, portal
from tests.graph.graph_answers import NOOR, Tokens

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
CREATION = {"method": "POST", "path": "temporaryAccessPassMethods$"}
LONG_DELAY = {"delay_after": 40}  # `end` cuts it short


@pytest.fixture(scope="module")
def site() -> Iterator[Portal]:
    with portal(GRAPH_READ_TIMEOUT_SECONDS="20", PASS_LEASE_SECONDS="6") as running:
        yield running


@pytest.fixture
def maria(site: Portal) -> Person:
    """Signs in again each time, because the portal would ask for it after some minutes."""
    return site.person("maria")


# --- A locked database ----------------------------------------------------------------------------------


@contextmanager
def held(database: Database) -> Iterator[Callable[[], None]]:
    """Locks the database until the end of the block, or until the returned function is called."""
    if database.url:
        with psycopg.connect(database.url) as connection:
            connection.execute(
                "LOCK TABLE onboarding_audithead, onboarding_graphbudget IN ACCESS EXCLUSIVE MODE"
            )
            yield connection.rollback
            connection.rollback()
        return
    with closing(sqlite3.connect(database.file, timeout=20, check_same_thread=False)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")
        yield connection.rollback
        with suppress(sqlite3.OperationalError):
            connection.rollback()


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_locked_database_creates_no_pass_or_deletes_it(site: Portal, maria: Person, _round: int) -> None:
    """Two managers: Microsoft has created the pass of one, and the other clicks now."""
    made, asked = site.starters(2)
    tom = site.person("maria")
    forms = site.form(maria, made), site.form(tom, asked)
    faults, before, gone = site.tenant.tenant.faults, len(site.creations()), len(deletions(site))
    faults.add({**CREATION, **LONG_DELAY})
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(site.send, maria, made, forms[0])
        wait_for(lambda: len(site.creations()) > before, "a pass to be made")
        with held(site.database) as let_go:
            second = threads.submit(site.send, tom, asked, forms[1])
            faults.end_all()
            refused = second.result()
            wait_for(lambda: len(deletions(site)) > gone, "the pass to be deleted")
            let_go()
        unrecorded = first.result()

    assert refused.status == 503
    assert not refused.code
    assert len(site.creations()) == before + 1
    assert unrecorded.status == 503
    assert not unrecorded.code
    site.settle()
    assert site.issues(asked) == []
    assert site.issues(made)[0][0] in {"revoked", "void"}
    for person, starter in ((maria, made), (tom, asked)):
        assert site.click(person, starter, receipt=True).code
    site.assert_sound()
    assert not [line for line in site.complaints() if "locked" in line and "Traceback" in line]


def deletions(site: Portal) -> list[str]:
    return [
        request["path"] for request in site.tenant.tenant.requests.copy() if request["method"] == "DELETE"
    ]


# --- Clocks that disagree -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [15, -15])
def test_a_wrong_clock_refuses_and_loses_no_pass(site: Portal, maria: Person, minutes: int) -> None:
    seen, lost = site.starters(2)
    tenant = site.tenant.tenant
    tenant.clock.ahead = minutes * 60
    try:
        shown = site.click(maria, seen, receipt=True)
        tenant.faults.add({**CREATION, "drop": "after"})
        unknown = site.click(maria, lost)
        site.settle()

        assert shown.code
        assert not unknown.code
        assert site.issues(seen) == [("held", "")]
        assert site.issues(lost) == [("revoked", "no_answer")]
        assert site.click(maria, lost, receipt=True).code
        site.assert_sound()
        skew = "SELECT count(*) FROM onboarding_heartbeat WHERE clock_skew BETWEEN %s AND %s"
        wait_for(
            lambda: site.database.one(skew, minutes * 60 - 5, minutes * 60 + 5),
            "a worker to tell of its clock",
        )
        assert "clock_skew" in site.log.read_text()
    finally:
        tenant.clock.ahead = 0


# --- An impostor of Microsoft -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine from an untrusted authority."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "graph.microsoft.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("impostor") / "impostor.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextmanager
def impostor_server(certificate: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A server that accepts and records whatever it receives."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    received: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                    received.append(secure.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], received
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


ASKS: dict[str, Callable[[graph.Graph], object]] = {
    "a pass": lambda client: client.create_pass(NOOR, lifetime_minutes=60, request_id=uuid4()),
    "the manager": lambda client: client.read_manager(NOOR),
    "the facts": lambda client: client.issue_facts(NOOR),
}


@pytest.mark.parametrize("what", ASKS)
def test_an_impostor_of_microsoft_receives_no_byte(impostor: Path, what: str) -> None:
    with impostor_server(impostor) as (port, received):
        client = graph.Graph(f"https://localhost:{port}", Tokens(), connect=5, read=5)

        with pytest.raises(graph.Unavailable):
            ASKS[what](client)

    assert received == []


@pytest.mark.parametrize("what", ASKS)
def test_an_unresolvable_name_counts_as_not_sent(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    client = graph.Graph("https://graph.microsoft.invalid", Tokens(), connect=5, read=5)

    with pytest.raises(graph.Unavailable):
        ASKS[what](client)
