"""What the demo tells whoever tries it is so at any hour of the day."""

from __future__ import annotations

import re
from datetime import time, timedelta

import pytest
from django.utils import timezone

from onboarding import policy
from onboarding.hr.forms import RecordForm
from onboarding.models import Starter
from portal.management.commands.demo import guide


@pytest.mark.django_db
@pytest.mark.parametrize("hour", range(24))
def test_the_start_that_it_says_is_open_now(time_machine, hour):
    midnight = timezone.localtime().replace(hour=0, minute=30, second=0)
    time_machine.move_to(midnight + timedelta(hours=hour))

    said = re.search(r"for today(?:, start time (\d\d:\d\d))?;", guide())

    assert said is not None
    initial = RecordForm().initial
    start = time.fromisoformat(said[1] or initial["start_time"])
    starter = Starter(start_date=timezone.localdate(), start_time=start, time_zone=initial["time_zone"])
    rules = policy.in_force()
    starter.starts_at = starter.start_local
    opens, closes = starter.window(rules.before, rules.after)
    assert opens <= timezone.now() <= closes
