"""The portal starts only with valid settings; an error names the variable."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from django.conf import settings as running
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from onboarding.operations import installation
from portal.environment import Environment

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "portal" / "settings.py"
EXAMPLE = ROOT / ".env.example"
OTHER_ID = "88888888-2222-3333-4444-555555555555"
REAL = {
    "AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555",
    "AZURE_CLIENT_ID": "22222222-2222-3333-4444-555555555555",
    "SIGN_IN_CLIENT_ID": "33333333-2222-3333-4444-555555555555",
    "PORTAL_URL": "https://starters.contoso.example",
    "SECRET_KEY": "q0w9e8r7t6y5u4i3o2p1" * 3,
    "HR_ADDRESS": "hr@contoso.example",
    "SECURITY_ADDRESS": "security@contoso.example",
    "MAIL_FROM": "starters@contoso.example",
}


@pytest.fixture
def start(monkeypatch):
    """Read the settings again with exactly these variables, without a developer's `.env`."""
    monkeypatch.setattr(Environment, "read_env", lambda *args, **kwargs: None)

    def read(**variables: str) -> dict[str, object]:
        with monkeypatch.context() as inner:
            for name in os.environ:
                inner.delenv(name)
            for name, value in variables.items():
                inner.setenv(name, value)
            return runpy.run_path(str(SETTINGS)) | {"environ": dict(os.environ)}

    return read


def test_without_settings_the_sandbox_tenant_is_used(start):
    started = start()

    assert started["SANDBOX"] and not started["DEBUG"]
    assert started["PORTAL_URL"] == "http://localhost:8000"
    assert started["environ"]["AZURE_POD_IDENTITY_AUTHORITY_HOST"] == started["SANDBOX_URL"]


def test_a_real_tenant_is_reached_at_microsoft(start):
    started = start(**REAL)

    assert not started["SANDBOX"]
    assert started["AUTHORITY_HOST"] == "https://login.microsoftonline.com"
    assert started["GRAPH_URL"] == started["GRAPH_RESOURCE"] == "https://graph.microsoft.com"
    assert started["ALLOWED_HOSTS"] == ["starters.contoso.example"]
    assert "AZURE_POD_IDENTITY_AUTHORITY_HOST" not in started["environ"]


@pytest.mark.parametrize(
    ("host", "audience"),
    [
        ("login.microsoftonline.com", "api://AzureADTokenExchange"),
        ("login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
        ("login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina"),
    ],
)
def test_each_cloud_has_its_own_token_exchange_audience(start, host, audience):
    named = REAL | {"AZURE_AUTHORITY_HOST": f"https://{host}"}

    assert start(**named)["TOKEN_EXCHANGE_AUDIENCE"] == audience
    assert start(**named, TOKEN_EXCHANGE_AUDIENCE="api://own")["TOKEN_EXCHANGE_AUDIENCE"] == "api://own"


def test_only_tenant_set_up_runs_without_the_ids(start, monkeypatch):
    without = {
        name: value for name, value in REAL.items() if name not in ("AZURE_CLIENT_ID", "SIGN_IN_CLIENT_ID")
    }

    for arguments in (["manage.py", "serve"], ["manage.py"], ["manage.py", "serve", "setup_tenant"]):
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(ImproperlyConfigured, match="AZURE_CLIENT_ID is not set"):
            start(**without)
    monkeypatch.setattr(sys, "argv", ["manage.py", "setup_tenant"])
    assert start(**without)["AZURE_CLIENT_ID"] == ""
    with pytest.raises(ImproperlyConfigured, match="AZURE_CLIENT_ID must be a GUID"):
        start(**without, AZURE_CLIENT_ID="nonsense")


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("", None),
        ("9464", ("127.0.0.1", 9464)),
        ("localhost:9464", ("127.0.0.1", 9464)),
        ("10.1.2.3:9464", ("10.1.2.3", 9464)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_metrics_address_is_parsed(start, value, address):
    assert start(**REAL | {"METRICS_ADDRESS": value})["METRICS_ADDRESS"] == address


def test_cookies_are_bound_to_the_host_and_to_tls(start):
    started = start(**REAL)

    assert started["SESSION_COOKIE_NAME"] == "__Host-sid"
    assert started["SESSION_COOKIE_SECURE"] and started["SECURE_SSL_REDIRECT"]
    assert started["LANGUAGE_COOKIE_NAME"] == "__Host-language" and started["LANGUAGE_COOKIE_SECURE"]
    assert started["SECURE_HSTS_SECONDS"] >= 31536000


def test_secret_key_can_come_from_a_file(start, tmp_path):
    key = tmp_path / "key"
    key.write_text("z1x2c3v4b5n6m7a8s9d0" * 3 + "\n")

    assert (
        start(**REAL | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(key)})["SECRET_KEY"]
        == key.read_text().strip()
    )


OLDER, OLDEST = "p1o2i3u4y5t6r7e8w9q0" * 3, "m0n9b8v7c6x5z4l3k2j1" * 3


def test_earlier_keys_come_from_the_variable_and_from_files(start, tmp_path):
    (tmp_path / "key").write_text(OLDEST + "\n")

    assert start(**REAL)["SECRET_KEY_FALLBACKS"] == []
    both = {"SECRET_KEY_FALLBACKS": f"{OLDER} {OLDEST}", "SECRET_KEY_FALLBACK_FILES": str(tmp_path / "key")}
    assert start(**REAL, **both)["SECRET_KEY_FALLBACKS"] == [OLDER, OLDEST, OLDEST]


def test_keys_of_the_file_of_variables_are_not_handed_on(start, monkeypatch):
    own = {"SECRET_KEY": REAL["SECRET_KEY"], "SECRET_KEY_FALLBACKS": OLDER}
    assert own.items() <= start(**REAL | own)["environ"].items()

    monkeypatch.setattr(Path, "is_file", lambda path: True)
    monkeypatch.setattr(Environment, "read_env", lambda *args, **kwargs: os.environ.update(own))
    started = start(**{name: value for name, value in REAL.items() if name not in own})

    assert started["SECRET_KEY_FALLBACKS"] == [OLDER]
    assert not {*own} & {*started["environ"]}


NONSENSE = {
    "a word for a tenant": ("AZURE_TENANT_ID", REAL | {"AZURE_TENANT_ID": "contoso.example"}),
    "no identity": ("AZURE_CLIENT_ID", REAL | {"AZURE_CLIENT_ID": ""}),
    "an identity that is no id": ("AZURE_CLIENT_ID", REAL | {"AZURE_CLIENT_ID": "portal"}),
    "no sign-in registration": ("SIGN_IN_CLIENT_ID", REAL | {"SIGN_IN_CLIENT_ID": ""}),
    "one registration for both": ("SIGN_IN_CLIENT_ID", REAL | {"SIGN_IN_CLIENT_ID": REAL["AZURE_CLIENT_ID"]}),
    "an API that is no id": ("API_CLIENT_ID", REAL | {"API_CLIENT_ID": "api://portal"}),
    "one registration for the API and sign-in": (
        "API_CLIENT_ID",
        REAL | {"API_CLIENT_ID": REAL["SIGN_IN_CLIENT_ID"].upper()},
    ),
    "one registration for the API and Graph": (
        "API_CLIENT_ID",
        REAL | {"API_CLIENT_ID": REAL["AZURE_CLIENT_ID"]},
    ),
    "a registration for Graph that is no id": ("GRAPH_CLIENT_ID", REAL | {"GRAPH_CLIENT_ID": "portal"}),
    "one registration for Graph and sign-in": (
        "GRAPH_CLIENT_ID",
        REAL | {"GRAPH_CLIENT_ID": REAL["SIGN_IN_CLIENT_ID"]},
    ),
    "the identity as its own registration for Graph": (
        "GRAPH_CLIENT_ID",
        REAL | {"GRAPH_CLIENT_ID": REAL["AZURE_CLIENT_ID"].upper()},
    ),
    "a registration for Graph without a managed identity": (
        "GRAPH_CLIENT_ID",
        REAL | {"GRAPH_CLIENT_ID": OTHER_ID, "AZURE_FEDERATED_TOKEN_FILE": os.devnull},
    ),
    "the sandbox's API with its sign-in registration": (
        "API_CLIENT_ID",
        {"API_CLIENT_ID": "5a4d0b0c-0000-4000-8000-0000000000b1"},
    ),
    "a secret for Graph": ("AZURE_CLIENT_SECRET", REAL | {"AZURE_CLIENT_SECRET": "hunter2"}),
    "a secret beside the sandbox": ("AZURE_CLIENT_SECRET", {"AZURE_CLIENT_SECRET": "hunter2"}),
    "debugging a real tenant": ("DEBUG", REAL | {"DEBUG": "on"}),
    "neither on nor off": ("DEBUG", {"DEBUG": "maybe"}),
    "no address": ("PORTAL_URL", REAL | {"PORTAL_URL": ""}),
    "an address without TLS": ("PORTAL_URL", REAL | {"PORTAL_URL": "http://starters.contoso.example"}),
    "this machine, for a real tenant": ("PORTAL_URL", REAL | {"PORTAL_URL": "http://localhost:8000"}),
    "an address with a path": ("PORTAL_URL", REAL | {"PORTAL_URL": "https://contoso.example/starters"}),
    "an address with a name in it": ("PORTAL_URL", REAL | {"PORTAL_URL": "https://me@contoso.example"}),
    "a host without a scheme": ("PORTAL_URL", REAL | {"PORTAL_URL": "starters.contoso.example"}),
    "sign-in without TLS": ("AZURE_AUTHORITY_HOST", REAL | {"AZURE_AUTHORITY_HOST": "http://login.example"}),
    "Graph with a version": ("GRAPH_URL", REAL | {"GRAPH_URL": "https://graph.microsoft.com/v1.0"}),
    "no key": ("SECRET_KEY", REAL | {"SECRET_KEY": ""}),
    "metrics at a name": ("METRICS_ADDRESS", REAL | {"METRICS_ADDRESS": "monitoring.contoso.example:9464"}),
    "metrics without a port": ("METRICS_ADDRESS", REAL | {"METRICS_ADDRESS": "127.0.0.1"}),
    "metrics at a port that is none": ("METRICS_ADDRESS", REAL | {"METRICS_ADDRESS": "127.0.0.1:70000"}),
    "metrics at port 0": ("METRICS_ADDRESS", REAL | {"METRICS_ADDRESS": "0"}),
    "metrics at half an IPv6 address": ("METRICS_ADDRESS", REAL | {"METRICS_ADDRESS": "[::1:9464"}),
    "a short key": ("SECRET_KEY", REAL | {"SECRET_KEY": "short"}),
    "a dull key": ("SECRET_KEY", REAL | {"SECRET_KEY": "a" * 64}),
    "Django's own key": ("SECRET_KEY", REAL | {"SECRET_KEY": "django-insecure-" + REAL["SECRET_KEY"]}),
    "an earlier key that is short": (
        "SECRET_KEY_FALLBACKS",
        REAL | {"SECRET_KEY_FALLBACKS": f"{REAL['SECRET_KEY']} hunter2"},
    ),
    "an earlier key file that is not there": (
        "SECRET_KEY_FALLBACK_FILES",
        REAL | {"SECRET_KEY_FALLBACK_FILES": "/nowhere/key"},
    ),
    "an earlier key file without a key": (
        "SECRET_KEY_FALLBACKS",
        REAL | {"SECRET_KEY_FALLBACK_FILES": os.devnull},
    ),
    "a key file that is not there": ("SECRET_KEY_FILE", REAL | {"SECRET_KEY_FILE": "/nowhere/key"}),
    "a token file that is not there": (
        "AZURE_FEDERATED_TOKEN_FILE",
        REAL | {"AZURE_FEDERATED_TOKEN_FILE": "/nowhere/token"},
    ),
    "a certificate that is not there": (
        "AZURE_CLIENT_CERTIFICATE_PATH",
        REAL | {"AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere/certificate.pem"},
    ),
    "another certificate that is not there": (
        "SIGN_IN_CERTIFICATE_PATH",
        REAL | {"SIGN_IN_CERTIFICATE_PATH": "/nowhere/certificate.pem"},
    ),
    "the sandbox with a real sign-in": (
        "AZURE_AUTHORITY_HOST",
        {"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com"},
    ),
    "the sandbox on a real address": ("PORTAL_URL", {"PORTAL_URL": "https://starters.contoso.example"}),
    "the sandbox with a real mail server": (
        "MAIL_BY",
        {"MAIL_BY": "smtp", "EMAIL_URL": "smtp://127.0.0.1:25"},
    ),
    "the sandbox with a real Graph": ("GRAPH_URL", {"GRAPH_URL": "https://graph.microsoft.com"}),
    "the sandbox with a real certificate": (
        "AZURE_CLIENT_CERTIFICATE_PATH",
        {"AZURE_CLIENT_CERTIFICATE_PATH": str(SETTINGS)},
    ),
    "a sandbox elsewhere": ("SANDBOX_URL", {"SANDBOX_URL": "http://sandbox.example:8401"}),
    "nobody to tell": ("HR_ADDRESS", REAL | {"HR_ADDRESS": ""}),
    "nobody to warn": ("SECURITY_ADDRESS", REAL | {"SECURITY_ADDRESS": ""}),
    "no sender": ("MAIL_FROM", REAL | {"MAIL_FROM": ""}),
    "mail by pigeon": ("MAIL_BY", REAL | {"MAIL_BY": "pigeon"}),
    "a mail server without its address": ("EMAIL_URL", REAL | {"MAIL_BY": "smtp"}),
    "mail into a file": ("EMAIL_URL", REAL | {"MAIL_BY": "smtp", "EMAIL_URL": "filemail:///tmp/mail"}),
    "another kind of database": ("DATABASE_URL", {"DATABASE_URL": "mysql://portal@db/portal"}),
    "a time zone that is not one": ("TIME_ZONE", {"TIME_ZONE": "Amsterdam"}),
    "a lease of no time": ("PASS_LEASE_SECONDS", REAL | {"PASS_LEASE_SECONDS": "5"}),
    "a receipt that never comes": ("PASS_RECEIPT_SECONDS", REAL | {"PASS_RECEIPT_SECONDS": "86400"}),
    "no quarantine": ("PASS_QUARANTINE_SECONDS", REAL | {"PASS_QUARANTINE_SECONDS": "0"}),
    "no budget": ("GRAPH_BUDGET_CALLS", {"GRAPH_BUDGET_CALLS": "0"}),
    "no reads of sign-in activity": ("GRAPH_SIGN_IN_CALLS", {"GRAPH_SIGN_IN_CALLS": "0"}),
    "a budget without a span": ("GRAPH_BUDGET_SECONDS", {"GRAPH_BUDGET_SECONDS": "0"}),
    "endless patience": ("GRAPH_READ_TIMEOUT_SECONDS", {"GRAPH_READ_TIMEOUT_SECONDS": "600"}),
    "half a call": ("GRAPH_BUDGET_CALLS", {"GRAPH_BUDGET_CALLS": "4.5"}),
    "calls without end": ("GRAPH_BUDGET_CALLS", {"GRAPH_BUDGET_CALLS": "9999"}),
    "more proxies than anybody has": ("TRUSTED_PROXIES", {"TRUSTED_PROXIES": "9"}),
    "a signing key that is not there": (
        "AUDIT_SIGNING_KEY_FILE",
        {"AUDIT_SIGNING_KEY_FILE": "/nowhere/key.pem"},
    ),
    "a signing key of another kind": ("AUDIT_SIGNING_KEY_FILE", {"AUDIT_SIGNING_KEY_FILE": str(SETTINGS)}),
    "heads without a key": (
        "AUDIT_SIGNING_KEY_FILE",
        {"AUDIT_HEAD_URL": "https://evidence.contoso.example/"},
    ),
    "heads by plain http": ("AUDIT_HEAD_URL", {"AUDIT_HEAD_URL": "http://evidence.contoso.example/"}),
    "heads in a folder that is not there": ("AUDIT_HEAD_FILE", {"AUDIT_HEAD_FILE": "/nowhere/heads.jsonl"}),
    "shouting": ("LOG_LEVEL", {"LOG_LEVEL": "SHOUT"}),
    "a raw # in the database's password": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2#x@db/p"}),
    "a raw / in the database's password": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2/x@db/p"}),
    "a raw ? in the database's password": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2?x@db/p"}),
    "a raw @ in the database's password": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2@x@db/p"}),
    "a raw % in the database's password": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2%x@db/p"}),
    "a raw [ in the database's password": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2[x@db/p"}),
    "a space in the database's password": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2 x@db/p"}),
    "a password that begins with a dollar": ("DATABASE_URL", {"DATABASE_URL": "$hunter2"}),
    "a database without a name": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2@db.example"}),
    "a database at a port in words": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2@db:five/p"}),
    "a database at no port": ("DATABASE_URL", {"DATABASE_URL": "postgres://u:hunter2@db:70000/p"}),
    "one of several databases at no port": (
        "DATABASE_URL",
        {"DATABASE_URL": "postgres://u@db1:5432,db2:70000/p?target_session_attrs=read-write"},
    ),
    "a port for one of several databases": (
        "DATABASE_URL",
        {"DATABASE_URL": "postgres://u@db1:5432,db2/p?target_session_attrs=read-write"},
    ),
    "several databases, whichever answers": ("DATABASE_URL", {"DATABASE_URL": "postgres://u@db1,db2/p"}),
    "several databases, even a replica": (
        "DATABASE_URL",
        {"DATABASE_URL": "postgres://u@/p?host=db1,db2&target_session_attrs=any"},
    ),
    "a password besides Entra's token": (
        "DATABASE_URL",
        REAL | {"DATABASE_LOGIN": "entra", "DATABASE_URL": "postgres://u:hunter2@db/p"},
    ),
    "Entra's token for nobody": (
        "DATABASE_URL",
        REAL | {"DATABASE_LOGIN": "entra", "DATABASE_URL": "postgres://db/p"},
    ),
    "Entra's token for any server": (
        "DATABASE_URL",
        REAL | {"DATABASE_LOGIN": "entra", "DATABASE_URL": "postgres://u@db/p?sslmode=require"},
    ),
    "Entra's token for a file": ("DATABASE_URL", REAL | {"DATABASE_LOGIN": "entra"}),
    "Entra's token in the sandbox": ("DATABASE_LOGIN", {"DATABASE_LOGIN": "entra"}),
    "an option that nobody knows": (
        "DATABASE_URL",
        {"DATABASE_URL": "postgres://u:hunter2@db/p?ssl=hunter2"},
    ),
    "another address without a name": ("DATABASE_ALSO_AT", {"DATABASE_ALSO_AT": "pooler.example:6432"}),
    "a database in memory": ("DATABASE_URL", {"DATABASE_URL": "sqlite://:memory:"}),
    "a database without a file": ("DATABASE_URL", {"DATABASE_URL": "sqlite://"}),
    "a database that is a folder": ("DATABASE_URL", {"DATABASE_URL": "sqlite:////tmp"}),
    "a file with a # in its name": ("DATABASE_URL", {"DATABASE_URL": "sqlite:////tmp/a#b.sqlite3"}),
    "a sender that is no address": ("MAIL_FROM", REAL | {"MAIL_FROM": "not an address"}),
    "a sender with a name": ("MAIL_FROM", REAL | {"MAIL_FROM": "Starters <starters@contoso.example>"}),
    "HR without an @": ("HR_ADDRESS", REAL | {"HR_ADDRESS": "hr"}),
    "HR at two addresses": ("HR_ADDRESS", REAL | {"HR_ADDRESS": "hr@contoso.example, x@contoso.example"}),
    "HR at nowhere, in the sandbox": ("HR_ADDRESS", {"HR_ADDRESS": "hr@"}),
    "security without a domain": ("SECURITY_ADDRESS", REAL | {"SECURITY_ADDRESS": "security@localhost."}),
    "a raw # in the mail server's password": (
        "EMAIL_URL",
        REAL | {"MAIL_BY": "smtp", "EMAIL_URL": "smtp+tls://u:hunter2#x@mail.contoso.example:587"},
    ),
    "a raw / in the mail server's password": (
        "EMAIL_URL",
        REAL | {"MAIL_BY": "smtp", "EMAIL_URL": "smtp+tls://u:hunter2/x@mail.contoso.example:587"},
    ),
    "a mail server without a name": ("EMAIL_URL", REAL | {"MAIL_BY": "smtp", "EMAIL_URL": "smtp://"}),
    "a mail server at no port": ("EMAIL_URL", REAL | {"MAIL_BY": "smtp", "EMAIL_URL": "smtp://mail:0"}),
    "mail that is fetched": ("EMAIL_URL", REAL | {"MAIL_BY": "smtp", "EMAIL_URL": "imap://mail.example"}),
    "an address at a port in words": ("PORTAL_URL", REAL | {"PORTAL_URL": "https://contoso.example:https"}),
    "an address at no port": ("PORTAL_URL", REAL | {"PORTAL_URL": "https://contoso.example:99999"}),
    "an address with a fragment": ("PORTAL_URL", REAL | {"PORTAL_URL": "https://contoso.example#start"}),
    "half an address of version 6": ("PORTAL_URL", REAL | {"PORTAL_URL": "https://[::1"}),
    "an address with a space": ("PORTAL_URL", REAL | {"PORTAL_URL": "https://starters contoso.example"}),
    "Graph at half an address": ("GRAPH_URL", REAL | {"GRAPH_URL": "https://[graph"}),
    "help without TLS": ("HELP_URL", {"HELP_URL": "http://intranet.contoso.example"}),
    "help at half an address": ("HELP_URL", {"HELP_URL": "https://[intranet"}),
    "a notice with a space": ("PRIVACY_NOTICE_URL", {"PRIVACY_NOTICE_URL": "https://contoso.example/a b"}),
    "a colour by name": ("ACCENT_COLOUR", {"ACCENT_COLOUR": "blue"}),
    "a colour that nobody can read": ("ACCENT_COLOUR", {"ACCENT_COLOUR": "#ffff00"}),
    "a logo that is not there": ("LOGO_FILE", {"LOGO_FILE": "/nowhere/logo.svg"}),
    "a logo that is no picture": ("LOGO_FILE", {"LOGO_FILE": str(SETTINGS)}),
    "a name of two lines": ("ORGANISATION_NAME", {"ORGANISATION_NAME": "Contoso\nBcc: x@contoso.example"}),
    "a contact of two lines": ("SUPPORT_CONTACT", {"SUPPORT_CONTACT": "IT\r\nX: y"}),
    "data in a file": ("PORTAL_DATA_DIR", {"PORTAL_DATA_DIR": str(SETTINGS)}),
    "a key file that is a folder": ("SECRET_KEY_FILE", REAL | {"SECRET_KEY_FILE": str(ROOT)}),
    "a key file of bytes": ("SECRET_KEY_FILE", REAL | {"SECRET_KEY_FILE": sys.executable}),
    "a budget of so many digits": ("GRAPH_BUDGET_CALLS", {"GRAPH_BUDGET_CALLS": "9" * 5000}),
    "a language that nobody wrote": ("ORGANISATION_LANGUAGE", {"ORGANISATION_LANGUAGE": "fr"}),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_invalid_variable_stops_the_start_by_name(start, what):
    name, variables = NONSENSE[what]

    with pytest.raises(ImproperlyConfigured) as refusal:
        start(**variables)

    said = str(refusal.value)
    assert said.startswith(name)
    assert f"{name}=" in said or "instead" in said or "Remove" in said  # the advice in the error
    assert "hunter2" not in said and REAL["SECRET_KEY"] not in said


@pytest.fixture(scope="module")
def pem_files(tmp_path_factory):
    """Invalid certificate files, and a valid one."""
    folder = tmp_path_factory.mktemp("pem")
    (key, certificate), (other, _) = key_with_certificate(), key_with_certificate()
    files = {
        "no PEM": b"not a certificate",
        "bytes": bytes(range(256)),
        "nothing": b"",
        "a certificate alone": certificate,
        "a key alone": pem_of(key),
        "a key of another certificate": pem_of(other) + certificate,
        "a key with a password": pem_of(key, serialization.BestAvailableEncryption(b"hunter2")) + certificate,
        "a key on a curve": pem_of(ec.generate_private_key(ec.SECP256R1())) + certificate,
        "half a key": pem_of(key)[:900] + certificate,
        "right": pem_of(key) + certificate,
        "right, the other way round": certificate + pem_of(key),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def pem_of(key, encryption=None):
    shape = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key.private_bytes(*shape, encryption or serialization.NoEncryption())


def key_with_certificate():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, made.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("servers", "host", "port"),
    [
        ("db1.example,db2.example", "db1.example,db2.example", ""),
        ("db1:5432,db2:5433,[2001:db8::1]:5432", "db1,db2,[2001:db8::1]", "5432,5433,5432"),
    ],
)
def test_a_primary_and_its_replicas_are_one_address(start, servers, host, port):
    url = f"postgres://portal:p%2Css@{servers}/portal?target_session_attrs=read-write"

    database = start(DATABASE_URL=url)["DATABASES"]["default"]

    assert (database["HOST"], database["PORT"], database["PASSWORD"]) == (host, port, "p,ss")
    assert database["OPTIONS"]["target_session_attrs"] == "read-write"
    assert database["OPTIONS"]["sslmode"] == "verify-full"  # of each of them


def test_further_addresses_of_the_database_are_read(start):
    found = start(DATABASE_ALSO_AT="pooler.example:6432/portal, [::1]/portal,/run/pg:5432/p")

    assert found["DATABASE_ALSO_AT"] == [
        ("pooler.example", "6432", "portal"),
        ("::1", "", "portal"),
        ("/run/pg", "5432", "p"),
    ]


WRONG_PEM = (
    "no PEM",
    "bytes",
    "nothing",
    "a certificate alone",
    "a key alone",
    "a key of another certificate",
    "a key with a password",
    "a key on a curve",
    "half a key",
)


@pytest.mark.parametrize("name", ["AZURE_CLIENT_CERTIFICATE_PATH", "SIGN_IN_CERTIFICATE_PATH"])
@pytest.mark.parametrize("file", WRONG_PEM)
def test_unusable_credential_file_stops_the_start_by_name(start, pem_files, name, file):
    with pytest.raises(ImproperlyConfigured) as refusal:
        start(**REAL, **{name: str(pem_files / file)})

    said = str(refusal.value)
    assert said.startswith(
        f"{name} must be the path of a PEM file with a private key and its certificate, but "
    )
    assert "PRIVATE KEY" not in said and "hunter2" not in said


@pytest.mark.parametrize("file", ["right", "right, the other way round"])
def test_key_and_certificate_are_accepted_in_any_order(start, pem_files, file):
    path = str(pem_files / file)

    assert start(**REAL, AZURE_CLIENT_CERTIFICATE_PATH=path)["SIGN_IN_CERTIFICATE_PATH"] == path


@pytest.mark.parametrize(
    ("url", "password", "host"),
    [
        ("postgres://portal:a%23b%2Fc%40d%3Fe%25f@db.example:6432/portal", "a#b/c@d?e%f", "db.example"),
        (
            "postgresql://portal:$a!b&c*d(e)f=g+h~i@db.example/portal?sslmode=require",
            "$a!b&c*d(e)f=g+h~i",
            "db.example",
        ),
        ("postgres://portal@[::1]:5432/portal", "", "::1"),
        ("postgres://portal@/portal?host=/run/postgresql", "", ""),
    ],
)
def test_database_urls_are_parsed_correctly(start, url, password, host):
    database = start(DATABASE_URL=url)["DATABASES"]["default"]

    assert (database["NAME"], database["USER"]) == ("portal", "portal")
    assert (database["PASSWORD"] or "", database["HOST"]) == (password, host)


def test_entras_login_verifies_the_server_in_each_cloud(start):
    entra = REAL | {"DATABASE_LOGIN": "entra", "DATABASE_URL": "postgres://portal@db.example/portal"}

    world, government = (
        start(**entra),
        start(**entra, AZURE_AUTHORITY_HOST="https://login.microsoftonline.us"),
    )

    options = world["DATABASES"]["default"]["OPTIONS"]
    assert options["sslmode"] == "verify-full" and Path(options["sslrootcert"]).is_file()
    assert world["DATABASE_TOKEN_RESOURCE"] == "https://ossrdbms-aad.database.windows.net"
    assert government["DATABASE_TOKEN_RESOURCE"].endswith(".usgovcloudapi.net")


def test_the_file_of_variables_must_be_text(tmp_path):
    file = tmp_path / ".env"
    file.write_bytes(b"SECRET_KEY=\xff\xfe")

    with pytest.raises(ImproperlyConfigured, match="UTF-8"):
        Environment().file_of_variables(file)


def test_invalid_variable_stops_the_command_line():
    answer = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "AZURE_TENANT_ID": "nonsense"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert answer.returncode != 0
    assert "AZURE_TENANT_ID must be a GUID" in answer.stderr


def read_by_the_settings() -> set[str]:
    """The variables that `settings.py` reads, also those that it reads in a loop."""
    names = set()
    for node in ast.walk(ast.parse(SETTINGS.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("env.") and node.args:
            names |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant)}
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
            names |= {e.value for e in node.iter.elts if isinstance(e, ast.Constant)}
    return names


def explained_variables() -> dict[str, str]:
    """The variables in `.env.example`, each with the comment above it."""
    found, comment = {}, ""
    for line in EXAMPLE.read_text().splitlines():
        variable = re.fullmatch(r"#?([A-Z][A-Z0-9_]*)=.*", line)
        if variable:
            assert variable[1] not in found, f"{variable[1]} stands twice in .env.example"
            found[variable[1]], comment = comment, ""
        else:
            comment = f"{comment} {line[2:]}" if line.startswith("# ") else ""
    return found


def test_the_example_explains_every_variable_and_no_other():
    names = read_by_the_settings()

    assert len(names) > 30
    assert set(explained_variables()) == names
    assert [name for name, comment in explained_variables().items() if len(comment) < 30] == []


def test_example_file_starts_the_sandbox(start):
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]

    assert start(**dict(line.split("=", 1) for line in lines))["SANDBOX"]


def deployment_problems(settings, **changes: object) -> set[str]:
    for name, value in changes.items():
        setattr(settings, name, value)
    messages = run_checks(include_deployment_checks=True)
    return {message.id for message in messages if not message.is_silenced()}


@pytest.fixture
def for_real(settings, start, monkeypatch):
    """The settings that the checks read, for a real tenant behind a proxy."""
    monkeypatch.setattr(
        installation, "wrong_database_error", lambda: ""
    )  # test_installation.py tests which installation the database belongs to
    for name, value in start(**REAL, BEHIND_PROXY="on", ORGANISATION_NAME="Contoso").items():
        if name.isupper() and name not in {"DATABASES", "STORAGES", "LOGGING"}:
            setattr(settings, name, value)
    return settings


def test_correct_installation_has_no_warnings(for_real):
    assert deployment_problems(for_real) <= {"portal.I001"}


@pytest.mark.django_db
def test_deploy_check_warns_about_the_sandbox_tenant(settings):
    assert "portal.W001" in deployment_problems(settings)


def test_deploy_check_warns_about_endless_redirects(for_real):
    assert "portal.W002" in deployment_problems(for_real, BEHIND_PROXY=False)


def test_deploy_check_warns_about_the_missing_organisation_name(for_real):
    assert "portal.W003" in deployment_problems(for_real, ORGANISATION_NAME="Your organisation")


@pytest.mark.parametrize("name", ["SECRET_KEY_FILE", "SECRET_KEY_FALLBACK_FILES"])
def test_deploy_check_warns_about_a_writable_key_file(for_real, tmp_path, name):
    key = tmp_path / "key"
    key.touch()
    named = {name: str(key) if name == "SECRET_KEY_FILE" else [str(key)]}
    key.chmod(0o640)
    assert "portal.W004" not in deployment_problems(for_real, **named)

    key.chmod(0o646)
    assert "portal.W004" in deployment_problems(for_real, **named)


def test_people_have_no_passwords_here():
    assert running.AUTHENTICATION_BACKENDS == ["portal.signin.backend.EntraBackend"]


def test_organisation_language_must_exist(start):
    assert start()["ORGANISATION_LANGUAGE"] == "en-gb"
    assert start(ORGANISATION_LANGUAGE="nl", LANGUAGE="fr_FR:fr")["ORGANISATION_LANGUAGE"] == "nl"
    with pytest.raises(ImproperlyConfigured, match="must be one of en-gb, nl, de"):
        start(ORGANISATION_LANGUAGE="fr")
