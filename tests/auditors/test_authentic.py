"""An auditor sees at each event whether the portal wrote it, also where the details were erased."""

from __future__ import annotations

import pytest

from onboarding import audit
from onboarding.auditors.rows import build_rows
from onboarding.models import AuditCode

pytestmark = pytest.mark.django_db


def test_an_event_without_a_genuine_code_is_marked(person):
    with audit.transaction():
        sound, forged, bare = (audit.record("a.test", by=person("hanna")).seq for _ in range(3))
    AuditCode.objects.filter(event=forged).update(code="0" * 64)
    AuditCode.objects.filter(event=bare).delete()

    faults = {row.seq: row.faults for row in build_rows([sound, forged, bare])}

    no_code = ["The code that proves that the portal wrote this event is missing or wrong."]
    assert faults == {sound: [], forged: no_code, bare: no_code}
