"""Proposes accounts as starters: they come on the list on which HR accepts what other systems added."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from onboarding import clock, graph, guards
from onboarding.models import Starter, Ticket
from onboarding.models.hire_date import hire_day
from onboarding.proposals.rule import accept_by_rule
from onboarding.starters import directory, recording
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from onboarding.starters.errors import AlreadyRecorded
from onboarding.starters.input_rules import DEFAULT_START_TIME
from onboarding.starters.rescheduling import Schedule
from onboarding.tickets.request import Application

log = logging.getLogger(__name__)

# The source of a proposal. The API cannot use it: its sources have small letters only.
SOURCE = "Entra"
FACTS_SECONDS = 20.0
# A starter of the same account around this day is the same onboarding.
SAME_ONBOARDING = timedelta(days=30)
# A proposal is not made for an account that these guards refuse: it is out of scope, or handled by IT.
NOT_PROPOSED = guards.ALARMING_WHEN_ADDED | {"in_scope"}


def propose_accounts(accounts: Sequence[graph.Account], first: date, last: date) -> None:
    """Propose those of these accounts that start in this time, are in scope, and were not added or proposed before.

    Raises DailyLimitReached, and GraphError if nothing could be read. An account whose facts were not read is left for
    the next time.
    """
    zone = ZoneInfo(settings.TIME_ZONE)
    days = {
        account.object_id: hire_day(account.hire_date, zone)
        for account in accounts
        if account.hire_date is not None and account.kind == "member"
    }
    wanted = {object_id: day for object_id, day in days.items() if first <= day <= last}
    new = [object_id for object_id in wanted if _is_new(object_id, wanted[object_id])]
    if not new:
        return
    looked = directory.look_up_several(new)
    found = [result.found for result in looked.values() if result.found is not None]
    for account in directory.read_facts_of_several(found, seconds=FACTS_SECONDS):
        if account.facts is not None:
            _propose(account, wanted[account.account.object_id])


def ticket_number(object_id: str, day: date) -> str:
    """The number of a proposal: one for each account and hire date, so that HR withdraws it for good."""
    return f"{day:%Y-%m-%d} {object_id}"


def _is_new(object_id: str, day: date) -> bool:
    if Ticket.objects.filter(source=SOURCE, number=ticket_number(object_id, day)).exists():
        return False
    same = Q(start_date__gte=day - SAME_ONBOARDING) | Q(ended_at=None)
    return not Starter.objects.filter(same, account_id=object_id).exists()


def _propose(found: FoundAccount, day: date) -> None:
    schedule = Schedule(day, DEFAULT_START_TIME, settings.TIME_ZONE)
    if not NOT_PROPOSED.isdisjoint(guard.code for guard in _find_refusals(found, schedule)):
        return
    portal = Application(
        tid=settings.TENANT_ID,
        oid=settings.AZURE_CLIENT_ID,
        name=SOURCE,
        application_id=settings.AZURE_CLIENT_ID,
        is_person=False,
    )
    now = clock.now()
    ticket = Ticket(
        source=SOURCE,
        number=ticket_number(found.account.object_id, day),
        account=found.account.user_principal_name,
        application_id=portal.application_id,
        created_at=now,
        start_date=day,
        start_time=schedule.start_time,
        time_zone=schedule.time_zone,
    )
    entry = AccountEntry(found.account.user_principal_name, found)
    try:
        starter, refusing = recording.record_from_ticket(
            ticket=ticket, entry=entry, schedule=schedule, note="", by=portal, recorder=None
        )
    except AlreadyRecorded:
        log.info("an account with a hire date was added meanwhile")
        return
    accept_by_rule(starter, refusing, found)


def _find_refusals(found: FoundAccount, schedule: Schedule) -> tuple[guards.Guard, ...]:
    """What refuses this account as a starter, before anything is saved."""
    starter = Starter(
        account_id=found.account.object_id,
        department=found.account.department,
        start_date=schedule.start_date,
        start_time=schedule.start_time,
        time_zone=schedule.time_zone,
        seen=guards.identity_snapshot(found.account, found.manager),
    )
    starter.starts_at = starter.start_local
    return directory.guards_refusing(starter, found)
