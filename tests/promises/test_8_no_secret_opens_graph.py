"""Promise 8: the site holds no secret that opens Microsoft Graph."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from portal import identity

pytestmark = pytest.mark.django_db

REAL = {
    "AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555",
    "AZURE_CLIENT_ID": "22222222-2222-3333-4444-555555555555",
    "SIGN_IN_CLIENT_ID": "33333333-2222-3333-4444-555555555555",
    "PORTAL_URL": "https://starters.contoso.example",
    "SECRET_KEY": "kHq3vR9tZx7LmW2bYc5nJf8sDg1pQa4uEo6iTy0zXVwBMNKLJHGFDSAqwert",
    "HR_ADDRESS": "hr@contoso.example",
    "SECURITY_ADDRESS": "security@contoso.example",
    "MAIL_FROM": "starters@contoso.example",
}


def start_with(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "check"]
    own = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env={**own, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_client_secret_is_refused_with_an_explanation():
    refused = start_with(**REAL, AZURE_CLIENT_SECRET="hunter2hunter2")

    assert refused.returncode != 0
    assert "AZURE_CLIENT_SECRET" in refused.stderr
    assert "managed identity" in refused.stderr
    assert "hunter2" not in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_same_installation_starts_without_a_client_secret():
    assert start_with(**REAL).returncode == 0


def test_no_setting_expects_a_secret_for_microsoft():
    named = set(re.findall(r'env\.\w+\("([A-Z_]+)"', (settings.BASE_DIR / "portal/settings.py").read_text()))

    assert named
    assert {name for name in named if re.search("SECRET|PASSWORD|TOKEN|KEY", name)} == {
        "AZURE_CLIENT_SECRET",  # only to refuse it
        "AUDIT_SIGNING_KEY_FILE",  # the name of a file; its key signs the head of the audit log
        "AZURE_FEDERATED_TOKEN_FILE",  # the name of a file that the platform renews
        "SECRET_KEY",  # Django's own: it opens nothing at Microsoft
        "SECRET_KEY_FILE",
        "SECRET_KEY_FALLBACKS",
        "SECRET_KEY_FALLBACK_FILES",
        "TOKEN_EXCHANGE_AUDIENCE",  # an address
    }


def test_the_token_for_graph_comes_from_the_platform(tenant, invite):
    """With the sandbox, too, the token comes from the machine's identity endpoint only."""
    invite("noor")

    paths = [call["path"] for call in tenant.tenant.requests]
    assert any(path.startswith("/metadata/identity/") for path in paths)
    assert not any(path.endswith("/oauth2/v2.0/token") for path in paths)


def test_sign_in_uses_an_assertion_of_the_managed_identity(tenant):
    credential = identity.workload_identity().sign_in_credential()

    assert set(credential) == {"client_assertion"}
    assert callable(credential["client_assertion"])


def test_no_token_is_stored_in_the_database(tenant, invite):
    from tests.faults.canary import everything_in_the_database

    invite("noor")

    stored = everything_in_the_database()
    assert "Noor de Vries" in stored
    assert not re.search(r"eyJ[A-Za-z0-9_-]{20,}\.", stored)


def test_nothing_in_the_repository_looks_like_a_key():
    files = subprocess.run(
        ["git", "ls-files"],  # noqa: S607
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    looks_secret = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJ[A-Za-z0-9_-]{30,}\.eyJ")

    for name in files.stdout.split():
        path = Path(settings.BASE_DIR, name)
        if path.is_file() and path.suffix not in {".png"}:
            assert not looks_secret.search(path.read_text(errors="replace")), name
