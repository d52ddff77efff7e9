"""The manager's choice is kept in the address during a wait or a sign-in, signed by the portal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onboarding.managers import saved_choice
from onboarding.models import Starter
from onboarding.passes.confirmation import ForeignPass

pytestmark = pytest.mark.django_db

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture
def traveller() -> Any:
    with time_machine.travel(datetime.now(UTC)) as traveller:
        yield traveller


@pytest.fixture
def reads(rf: Any, person: Any) -> Callable[..., saved_choice.SavedChoice]:
    """What the page takes from an address, for Maria unless told otherwise."""

    def read(address: str, starter: Starter, who: str = "maria") -> saved_choice.SavedChoice:
        request = rf.get(address)
        request.user = person(who)
        return saved_choice.read_saved_choice(request, starter)

    return read


def test_choice_counts_only_for_this_manager_and_starter_version(reads, person, traveller):
    noor = Starter(public_id="A" * 22, version=3)
    told = saved_choice.SavedChoice(
        "by_video", ForeignPass("m", timezone.now(), timezone.now() + HOUR, once=True)
    )
    address = saved_choice.add_to_address("/", noor, person("maria"), told)

    assert reads(address, noor) == told
    assert reads(address, noor, "tom") == saved_choice.SavedChoice()
    assert reads(address, Starter(public_id="B" * 22, version=3)) == saved_choice.SavedChoice()
    # For the next pass it is asked again.
    assert reads(address, Starter(public_id="A" * 22, version=4)) == saved_choice.SavedChoice()
    traveller.shift(saved_choice.KEPT_SECONDS * SECOND + SECOND)
    assert reads(address, noor) == saved_choice.SavedChoice()


def test_choice_outlives_a_change_of_the_sites_key(reads, person, settings):
    noor = Starter(public_id="A" * 22, version=3)
    chosen = saved_choice.SavedChoice("by_video")
    address = saved_choice.add_to_address("/", noor, person("maria"), chosen)

    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key 0123456789" * 3
    assert reads(address, noor) == chosen

    settings.SECRET_KEY_FALLBACKS = []
    assert reads(address, noor) == saved_choice.SavedChoice()


@pytest.mark.parametrize("address", ["/", "/?said=", "/?said=by_video", "/?said=a:b:c", "/?said=%00"])
def test_address_not_signed_by_the_portal_has_no_choice(reads, address):
    assert reads(address, Starter(public_id="A" * 22, version=1)) == saved_choice.SavedChoice()


def test_what_nobody_can_choose_is_not_kept(person):
    assert (
        saved_choice.add_to_address(
            "/", Starter(public_id="A" * 22), person("maria"), saved_choice.SavedChoice("trust_me")
        )
        == "/"
    )
    assert (
        saved_choice.add_to_address(
            "/", Starter(public_id="A" * 22), person("maria"), saved_choice.SavedChoice()
        )
        == "/"
    )
