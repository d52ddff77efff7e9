"""TLS to PostgreSQL: verified unless the installer says otherwise, and a refusal that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import OperationalError, connections

from onboarding.operations.unreachable import database_error_text
from portal.environment import Environment
from portal.postgresql.base import DatabaseWrapper
from tests.postgresql.clusters import cluster
from tests.postgresql.pgbouncer import Pooler, pgbouncer

NAME = "db.contoso.example"


def certificate(name: str) -> tuple[bytes, bytes]:
    """A certificate that no public issuer signed, and its key."""
    key, called = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string(f"CN={name}")
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(called, called, key.public_key(), 1, now - timedelta(1), now + timedelta(30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, form, plain)
    return made.public_bytes(serialization.Encoding.PEM), private


@pytest.fixture(scope="module")
def pooler(tmp_path_factory) -> Iterator[tuple[Pooler, Path]]:
    """PgBouncer with TLS before a server without, and the file with the issuer of its certificate."""
    public, private = certificate(NAME)
    issuer = tmp_path_factory.mktemp("tls") / "issuer.pem"
    issuer.write_bytes(public)
    with cluster() as server, pgbouncer(server, certificate=(public, private)) as made:
        made.give_timeouts()
        yield made, issuer


@pytest.fixture
def connect(monkeypatch, django_db_blocker) -> Iterator[Callable[[str], bool]]:
    """Connect as the settings say with this address, and return whether TLS is in use."""
    made: list[DatabaseWrapper] = []

    def try_url(url: str) -> bool:
        monkeypatch.setenv("DATABASE_URL", url)
        described = connections["default"].settings_dict | {"OPTIONS": {}, "CONN_MAX_AGE": 0}
        described |= Environment().database("DATABASE_URL", Path("unused"))
        # The name is in no DNS.
        described["OPTIONS"] = {"hostaddr": "127.0.0.1", **described.get("OPTIONS", {})}
        made.append(DatabaseWrapper(described))
        made[-1].ensure_connection()
        return bool(made[-1].connection.pgconn.ssl_in_use)

    for name in ("PGSSLMODE", "PGSSLROOTCERT", "PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    with django_db_blocker.unblock():
        yield try_url
        for wrapper in made:
            wrapper.close()


def test_a_server_on_the_network_is_verified(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"postgres://portal@{NAME}/portal")

    options = Environment().database("DATABASE_URL", Path("unused"))["OPTIONS"]

    assert options == {"sslmode": "verify-full", "sslrootcert": certifi.where()}


@pytest.mark.parametrize(
    "url",
    [
        "postgres://portal@localhost/portal",
        "postgres://portal@db/portal?host=/run/postgresql",
        "sqlite:////nowhere/portal.sqlite3",
    ],
)
def test_a_server_on_this_machine_needs_no_certificate(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)

    assert "sslmode" not in Environment().database("DATABASE_URL", Path("unused")).get("OPTIONS", {})


@pytest.mark.parametrize(
    ("url", "variable", "value"),
    [
        ("postgres:///portal", "PGHOST", NAME),
        ("postgres://portal@localhost/portal", "PGHOSTADDR", "192.0.2.1"),
        ("postgres://portal@localhost/portal?hostaddr=192.0.2.1", "", ""),
        ("postgres:///portal", "PGSERVICE", "portal"),
        ("postgres:///portal?service=portal", "", ""),
    ],
)
def test_a_server_that_is_named_elsewhere_is_verified_too(monkeypatch, url, variable, value):
    monkeypatch.setenv("DATABASE_URL", url)
    if variable:
        monkeypatch.setenv(variable, value)

    assert Environment().database("DATABASE_URL", Path("unused"))["OPTIONS"]["sslmode"] == "verify-full"


def test_what_the_installer_chose_stays(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"postgres://portal@{NAME}/portal?sslmode=require")
    assert Environment().database("DATABASE_URL", Path("unused"))["OPTIONS"] == {"sslmode": "require"}

    monkeypatch.setenv("DATABASE_URL", f"postgres://portal@{NAME}/portal")
    monkeypatch.setenv("PGSSLMODE", "verify-ca")
    assert not Environment().database("DATABASE_URL", Path("unused")).get("OPTIONS")


def test_an_unknown_issuer_is_refused_and_explained(connect, pooler):
    with pytest.raises(OperationalError) as refused:
        connect(f"postgres://portal@{NAME}:{pooler[0].port}/portal")

    assert "does not trust the issuer of the database’s certificate" in database_error_text(refused.value)
    assert "?sslrootcert=" in database_error_text(refused.value)


def test_a_named_issuer_is_accepted_for_its_name(connect, pooler):
    port, issuer = pooler[0].port, pooler[1]

    assert connect(f"postgres://portal@{NAME}:{port}/portal?sslrootcert={issuer}")
    with pytest.raises(OperationalError) as refused:
        connect(f"postgres://portal@other.contoso.example:{port}/portal?sslrootcert={issuer}")
    assert "is for another name" in database_error_text(refused.value)


def test_a_server_without_tls_is_refused_and_explained(connect, pooler):
    port = pooler[0].server.port

    with pytest.raises(OperationalError) as refused:
        connect(f"postgres://portal@{NAME}:{port}/portal")

    assert "offers no TLS" in database_error_text(refused.value)
    assert not connect(f"postgres://portal@{NAME}:{port}/portal?sslmode=disable")
