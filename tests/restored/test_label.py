"""The label of an SQLite database lies beside its file. PostgreSQL has a number of its own."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from django.db import connection

from onboarding.restored import place, use

pytestmark = pytest.mark.django_db


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has no file with a label")
def test_two_first_workers_have_one_label(monkeypatch: pytest.MonkeyPatch) -> None:
    use.take_first_place()
    read = place._read_label
    first = read()
    monkeypatch.setattr(
        place, "_read_label", Mock(side_effect=["", first])
    )  # another worker wrote it meanwhile

    assert first
    assert place.label_place().number == first == read()
