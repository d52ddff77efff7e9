"""One clock for all replicas."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from onboarding import clock


@pytest.mark.django_db
@pytest.mark.database_clock
def test_postgresql_uses_the_databases_clock_and_sqlite_the_hosts():
    ahead = timezone.now() + timedelta(days=1)

    with time_machine.travel(ahead):
        seen = clock.now()

    follows_the_host = abs(seen - ahead) < timedelta(minutes=1)
    assert follows_the_host is (connection.vendor == "sqlite")
