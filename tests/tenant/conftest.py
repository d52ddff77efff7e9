"""A tenant before its set-up, and an administrator who sets it up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from portal.sandbox.server import Sandbox
from tests.tenant.setter import PORTAL, Setter


@pytest.fixture
def setter(settings: LazySettings, tmp_path: Path) -> Iterator[Setter]:
    settings.AZURE_CLIENT_ID = settings.SIGN_IN_CLIENT_ID = settings.API_CLIENT_ID = ""
    settings.PORTAL_URL, settings.ORGANISATION_NAME = PORTAL, "Contoso"
    with Sandbox() as sandbox, Setter(sandbox, tmp_path) as someone:
        yield someone
