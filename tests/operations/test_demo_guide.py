"""The demo's guide is true at any hour of the day."""

from __future__ import annotations

import re
from datetime import time, timedelta

import pytest
from django.utils import timezone

from onboarding import policy
from onboarding.hr.forms import RecordForm
from onboarding.models import Starter
from portal.management.commands.demo import describe_main_job, list_people
from portal.sandbox.people import BY_KEY, CAST


@pytest.mark.django_db
@pytest.mark.parametrize("hour", range(24))
def test_the_guides_example_starter_can_get_a_pass_now(time_machine, hour):
    midnight = timezone.localtime().replace(hour=0, minute=30, second=0)
    time_machine.move_to(midnight + timedelta(hours=hour))

    said = re.search(r"who starts today(?:, start time (\d\d:\d\d))?[.]", describe_main_job())

    assert said is not None
    initial = RecordForm().initial
    start = time.fromisoformat(said[1] or initial["start_time"])
    starter = Starter(start_date=timezone.localdate(), start_time=start, time_zone=initial["time_zone"])
    rules = policy.for_site()
    starter.starts_at = starter.start_local
    opens, closes = starter.pass_window(rules.opens_before, rules.closes_after)
    assert opens <= timezone.now() <= closes


def test_the_guide_lists_three_people_in_the_order_needed(settings):
    words = describe_main_job()

    told = [words.index(BY_KEY[key].name) for key in ("hanna", "maria", "noor")]
    assert told == sorted(told)
    assert [person.key for person in CAST if person.name in words] == ["hanna", "maria", "noor"]
    for address in (f"{settings.PORTAL_URL}/hr/new/", f"{settings.PORTAL_URL}/starters/", "/mysignins"):
        assert address in words


def test_the_list_of_people_names_everybody():
    assert all(person.name in list_people() and person.try_this in list_people() for person in CAST)
