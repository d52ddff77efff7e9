"""The database is away or locked: the page says so and when to retry, and no pass is created."""

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
def test_the_503_page_says_that_nothing_is_lost(tenant, invite, browser_of, monkeypatch, method, complaint):
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    maria.raise_request_exception = False

    def away(*_: object) -> NoReturn:
        raise complaint

    for reads in ("for_site", "for_starter"):
        monkeypatch.setattr(policy, reads, away)
    answer = getattr(maria, method)(
        f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen}
    )

    assert answer.status_code == 503
    assert answer["Retry-After"] == "10"
    assert "Everything you saved earlier is still there" in answer.content.decode()
    assert not PassIssue.objects.exists()
    assert creations(tenant) == []
