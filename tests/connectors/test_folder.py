"""The folder of connectors as a whole: every file is described, and none contains a secret or a real ID."""

from __future__ import annotations

import re

import pytest

from portal.sandbox.api_registration import CALLERS
from tests.connectors.written import FOLDER

FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{8}|Bearer ey|[?&]sig=|client_secret=(?!\$)|\"clientSecret\":")


def test_each_file_is_described_on_a_page():
    pages = "\n".join(path.read_text() for path in FILES if path.suffix == ".md")

    assert len(FILES) > 10
    assert [path.name for path in FILES if path.suffix != ".md" and path.name not in pages] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_file_contains_a_secret_or_a_real_id(path):
    text = path.read_text()

    assert not SECRET.search(text)
    assert not [caller.secret for caller in CALLERS if caller.secret and caller.secret in text]
    assert [found for found in GUID.findall(text) if len(set(found)) != 2] == []  # one digit, and hyphens


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_address_in_a_file_is_an_example_or_microsofts(path):
    hosts = set(re.findall(r"https://([a-z0-9.-]+)", path.read_text()))

    known = re.compile(
        r"(.+[.])?(example|microsoft[.]com|microsoftonline[.]com|azure[.]com|azure-apim[.]net|windows[.]net)"
    )
    assert [host for host in hosts if not known.fullmatch(host)] == []
