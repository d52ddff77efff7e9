"""When the database is away or held by somebody: a page that says so and when to come back, and nothing is made."""

from __future__ import annotations

from typing import NoReturn

import pytest
from django.db import InterfaceError, OperationalError

from onboarding import policy
from onboarding.models import PassIssue
from tests.conftest import creations

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "complaint", [OperationalError("database is locked"), InterfaceError("connection already closed")]
)
def test_the_page_says_that_nothing_is_lost_and_when_to_come_back(
    tenant, invite, browser_of, monkeypatch, method, complaint
):
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    maria.raise_request_exception = False

    def away() -> NoReturn:
        raise complaint

    monkeypatch.setattr(policy, "in_force", away)
    answer = getattr(maria, method)(
        f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen}
    )

    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert "Nothing is lost" in answer.content.decode()
    assert not PassIssue.objects.exists()
    assert creations(tenant) == []
