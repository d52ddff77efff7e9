"""Entra's signing keys are taken only from the metadata of the portal's own tenant."""

from __future__ import annotations

import pytest

from portal.signin import tokens
from tests.support.lying_entra import METADATA, OTHER_TENANT, playing_entra


@pytest.fixture
def entra(monkeypatch):
    with playing_entra(monkeypatch) as playing:
        yield playing


@pytest.mark.parametrize(
    "issuer",
    [
        None,
        "",
        f"https://login.sandbox.invalid/{OTHER_TENANT}/v2.0",
        "https://login.sandbox.invalid/{tenantid}/v2.0",
        METADATA["issuer"] + "/",
        METADATA["issuer"].replace("https:", "http:"),
    ],
)
def test_metadata_of_another_issuer_gives_no_keys(entra, monkeypatch, issuer):
    monkeypatch.setitem(METADATA, "issuer", issuer)

    with pytest.raises(tokens.TokenRefused):
        tokens.read_keys()

    assert not [path for path in entra.asked if path.endswith("/keys")]


def test_metadata_of_the_tenant_gives_its_keys(entra):
    assert set(tokens.read_keys()) == {"current"}
