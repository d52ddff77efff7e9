"""What a manager said before a wait or a sign-in is kept in the address, and nobody but the portal can say it there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onboarding import handover
from onboarding.managers import said
from onboarding.models import Starter

pytestmark = pytest.mark.django_db

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture
def traveller() -> Any:
    with time_machine.travel(datetime.now(UTC)) as traveller:
        yield traveller


@pytest.fixture
def reads(rf: Any, person: Any) -> Callable[..., said.Said]:
    """What the page takes from an address, for Maria unless told otherwise."""

    def read(address: str, starter: Starter, who: str = "maria") -> said.Said:
        request = rf.get(address)
        request.user = person(who)
        return said.before(request, starter)

    return read


def test_what_was_said_is_of_this_manager_for_this_starter_as_they_stand(reads, person, traveller):
    noor = Starter(public_id="A" * 22, version=3)
    told = said.Said("by_video", handover.ForeignPass("m", timezone.now(), timezone.now() + HOUR, once=True))
    address = said.in_address("/", noor, person("maria"), told)

    assert reads(address, noor) == told
    assert reads(address, noor, "tom") == said.Said()
    assert reads(address, Starter(public_id="B" * 22, version=3)) == said.Said()
    # For the next pass it is asked again.
    assert reads(address, Starter(public_id="A" * 22, version=4)) == said.Said()
    traveller.shift(said.KEPT_SECONDS * SECOND + SECOND)
    assert reads(address, noor) == said.Said()


@pytest.mark.parametrize("address", ["/", "/?said=", "/?said=by_video", "/?said=a:b:c", "/?said=%00"])
def test_an_address_that_the_portal_did_not_write_says_nothing(reads, address):
    assert reads(address, Starter(public_id="A" * 22, version=1)) == said.Said()


def test_what_nobody_can_choose_is_not_kept(person):
    assert said.in_address("/", Starter(public_id="A" * 22), person("maria"), said.Said("trust_me")) == "/"
    assert said.in_address("/", Starter(public_id="A" * 22), person("maria"), said.Said()) == "/"
