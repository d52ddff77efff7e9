"""Starters of a list are saved in one transaction, and each succeeds or fails on its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding import clock, graph
from onboarding.guards.daily_limits import DailyLimitReached
from onboarding.models import AuditEvent, Job, Starter, starter_search
from onboarding.starters import recording
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount, read_facts_of_several
from onboarding.starters.errors import AlreadyRecorded, UnacknowledgedDuplicate
from onboarding.starters.rescheduling import Schedule
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture
def list_of(tenant, person):
    """Entries for accounts with these names, which are like Noor's."""
    account, manager = graph.client().look_up(BY_KEY["noor"].object_id)
    (found,) = read_facts_of_several([FoundAccount(account, manager)], seconds=5, recorder=person("hanna"))

    def entry(number, name):
        own = replace(
            account,
            object_id=f"00000000-0000-4000-8000-{number:012}",
            user_principal_name=f"p{number}@contoso.example",
            display_name=name,
            employee_id="",
        )
        its_facts = replace(found.facts, account=own)
        return AccountEntry(own.user_principal_name, replace(found, account=own, facts=its_facts))

    def entries(*names):
        return [entry(number, name) for number, name in enumerate(names)]

    return entries


@pytest.fixture
def save(person):
    def saved(entries, **how):
        """What became of each: the starter, or the error."""
        by = person("hanna")
        with recording.save_together(entries) as together:
            return [one_of(entry, by, together, **how) for entry in entries]

    return saved


def one_of(entry, by, together, confirmed=()):
    schedule = Schedule(timezone.localdate() + timedelta(days=7), time(9), "Europe/Amsterdam")
    try:
        return recording.record_starter(
            entry=entry, schedule=schedule, by=by, acknowledged_ids=confirmed, together=together
        )
    except (AlreadyRecorded, UnacknowledgedDuplicate, DailyLimitReached) as error:
        return type(error)


def test_each_starter_has_its_own_event_and_job(list_of, save):
    starters = save(list_of("Ann", "Bob", "Cem"))

    events = AuditEvent.objects.filter(event="starter.recorded").order_by("seq")
    assert [event.starter for event in events] == [starter.public_id for starter in starters]
    due = Job.objects.filter(key__in=[f"look:{starter.pk}" for starter in starters]).values_list(
        "due_at", flat=True
    )
    assert len(due) == 3 and min(due) > clock.now()


def test_a_row_that_fails_undoes_only_itself(list_of, save):
    first, second = list_of("Ann", "Bob")
    same_account = replace(second, found=replace(second.found, account=replace(
        second.found.account, object_id=first.found.account.object_id, display_name="Dee")))  # fmt: skip

    saved = save([first, same_account, second])

    assert saved[1] is AlreadyRecorded
    assert {starter.display_name for starter in Starter.objects.all()} == {"Ann", "Bob"}
    assert AuditEvent.objects.filter(event="starter.recorded").count() == 2
    assert Job.objects.filter(key__startswith="look:").count() == 2


def test_a_name_twice_in_a_list_needs_a_confirmation(list_of, save):
    saved = save(list_of("Ann", "Bob", "Ann"))

    assert saved[2] is UnacknowledgedDuplicate
    assert Starter.objects.count() == 2


def test_the_daily_limit_counts_the_starters_before_it(list_of, save, policy_says):
    policy_says(hr_daily=2)

    assert save(list_of("Ann", "Bob", "Cem"))[2] is DailyLimitReached


def test_an_emergency_stop_is_found_for_each_of_them(list_of, save):
    entries = list_of("Ann", "Bob")
    (stopped,) = save(entries[:1])
    Starter.objects.filter(pk=stopped.pk).update(state="withdrawn", stopped_at=clock.now())

    save(entries, confirmed=[stopped.public_id])

    warned = [event.facts["warned"] for event in AuditEvent.objects.filter(event="starter.recorded")]
    assert ["not_stopped" in codes for codes in warned] == [False, True, False]


def test_one_more_starter_costs_few_queries(list_of, save):
    entries = list_of(*(f"Person {number}" for number in range(14)))
    with CaptureQueriesContext(connection) as for_two:
        save(entries[:2])
    with CaptureQueriesContext(connection) as for_twelve:
        save(entries[2:])

    assert (len(for_twelve) - len(for_two)) / 10 <= 14


def test_a_new_starter_has_the_words_of_a_full_index(list_of, save):
    (starter,) = save(list_of("Ánn-Sophie Van Dijk"))
    words = {*starter.words.values_list("pk", "word")}

    starter_search.index_starters(Starter.objects.filter(pk=starter.pk))

    assert "dijk" in {word for _, word in words}
    assert {*starter.words.values_list("pk", "word")} == words
