"""Promise 6 for every status: in the place of the work and after it, of the creation, the list and the deletion.

All starters of one test share the clock and the worker: each has a status of their own. `make test` takes one status in
four at each place, from another one on: each kind of status for each call, and each status at two places. `make test-all`
takes all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from urllib3.util.retry import Retry

from onboarding import audit, clock, graph, policy
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, Mail, PassIssue, Starter
from onboarding.starters import recording
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from onboarding.starters.rescheduling import Schedule
from tests.conftest import ZONE, live_passes
from tests.promises.test_6_the_outcome_is_always_known import page_of, words
from tests.support import plan

pytestmark = pytest.mark.django_db

# Each kind of RFC 9110 and its registry, what proxies in front of a service add, and one that nobody knows.
STATUSES = (
    *(200, 201, 202, 204, 206, 301, 302, 304, 307, 308),
    *(400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 415, 416, 421, 422, 423, 424, 425),
    *(428, 429, 431, 451, 499),
    *(500, 501, 502, 503, 504, 505, 507, 508, 509, 511, 520, 522, 524, 599),
)
CALLS = {
    "create": ("POST", "temporaryAccessPassMethods$"),
    "list": ("GET", "temporaryAccessPassMethods$"),
    "delete": ("DELETE", "temporaryAccessPassMethods/"),
}
FIRST = {
    "create": (0, 2),
    "list": (2, 0),
    "delete": (1, 3),
    "receipt": (3, 1),
}  # instead of the work, after it
BEHAVIOURS = ("replace", "refuse")  # Microsoft documents both ways to treat a second POST
TIMES = {"create": 1, "list": 3, "delete": 3}


@pytest.fixture(autouse=True)
def enough_for_all(settings: Any, policy_says: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft's limit and the limits of a day have tests of their own."""
    settings.GRAPH_BUDGET_CALLS = 1000
    policy_says(hr_daily=500, manager_daily=500, site_daily=5000)
    monkeypatch.setattr(Retry, "sleep", lambda *arguments: None)


@pytest.fixture
def starters(tenant: Any, person: Any, worker_alive: None) -> Callable[[str, bool], dict[int, Starter]]:
    """One invited starter for each status that is tried at this place."""

    def invited(status: int) -> Starter:
        made = tenant.tenant.add_starter(f"starter{status}", f"Starter {status}")
        account, manager = graph.client().look_up(made.id)
        start = datetime.now(ZoneInfo(ZONE))
        starter = recording.record_starter(
            entry=AccountEntry(account.user_principal_name, FoundAccount(account, manager)),
            schedule=Schedule(start.date(), start.time().replace(second=0, microsecond=0), ZONE),
            by=person("hanna"),
        )
        Starter.objects.filter(pk=starter.pk).update(
            state=StarterState.INVITED,
            invited_at=clock.now(),
            sign_in_looked_at=clock.now(),
            sign_in_told=True,
        )
        return Starter.objects.get(pk=starter.pk)

    return lambda place, applied: {status: invited(status) for status in tried(place, applied)}


def tried(place: str, applied: bool) -> tuple[int, ...]:
    return plan.part_of(STATUSES, 4, FIRST[place][applied])


@pytest.fixture
def run_jobs(run_jobs: Callable[..., int]) -> Callable[..., int]:
    """A worker has more to do here than in other tests."""
    return lambda ahead=timedelta(0), most=5000: run_jobs(ahead, most)


def press(browser: Any, starter: Starter) -> Any:
    version = Starter.objects.values_list("version", flat=True).get(pk=starter.pk)
    form = {"identity_check": "in_person", "version": version, "policy": policy.for_site().number}
    return browser.post(page_of(starter), form)


def alive(tenant: Any, status: int) -> list[Any]:
    return live_passes(tenant, f"starter{status}")


def test_the_sample_has_each_status_twice_and_each_kind_everywhere(monkeypatch):
    monkeypatch.setattr(plan, "EACH_ONCE", True)
    parts = [tried(place, applied) for place in FIRST for applied in (False, True)]

    assert [{status // 100 for status in part} for part in parts] == [{2, 3, 4, 5}] * 8
    assert Counter(status for part in parts for status in part) == dict.fromkeys(STATUSES, 2)


@pytest.mark.parametrize("applied", [False, True], ids=["instead of the work", "after the work"])
def test_no_status_of_the_creation_leaves_an_unseen_pass(
    tenant, fault, starters, browser_of, time_passes, applied
):
    given, maria = starters("create", applied), browser_of("maria")
    for status, starter in given.items():
        tenant.tenant.second_post = BEHAVIOURS[status % 2]
        order(fault, "create", starter, status, applied)
        assert "data-pass" not in words(press(maria, starter)), status

    time_passes(timedelta(minutes=4))

    for status, starter in given.items():
        ended = {"revoked"} if applied else {"rejected", "void"}
        assert starter.issues.get().state in ended, status
    all_is_known_and_everybody_can_go_on(tenant, given, browser_of, found=applied)


@pytest.mark.parametrize("applied", [False, True], ids=["instead of the work", "after the work"])
@pytest.mark.parametrize("call", ["list", "delete"])
def test_a_lost_pass_is_deleted_despite_any_status(
    tenant, fault, starters, browser_of, time_passes, call, applied
):
    given, maria = starters(call, applied), browser_of("maria")
    for status, starter in given.items():
        fault(method="POST", path=rf"{starter.account_id}/authentication/temporary", drop="after")
        assert "data-pass" not in words(press(maria, starter)), status
        order(fault, call, starter, status, applied)

    time_passes(timedelta(minutes=5))

    all_is_known_and_everybody_can_go_on(tenant, given, browser_of, found=True)


@pytest.mark.parametrize("applied", [False, True], ids=["instead of the work", "after the work"])
def test_an_unacknowledged_pass_is_deleted_despite_any_status(
    tenant, fault, starters, browser_of, time_passes, applied
):
    given, maria = starters("receipt", applied), browser_of("maria")
    for status, starter in given.items():
        assert "data-pass" in words(press(maria, starter)), status
        order(fault, "delete", starter, status, applied)

    time_passes(timedelta(minutes=6))

    all_is_known_and_everybody_can_go_on(tenant, given, browser_of, found=False)


def order(fault: Any, call: str, starter: Starter, status: int, applied: bool) -> None:
    method, path = CALLS[call]
    path = f"{starter.account_id}/authentication/{path}"
    fault(method=method, path=path, status=status, applied=applied, times=TIMES[call], body="")


def all_is_known_and_everybody_can_go_on(
    tenant: Any, given: dict[int, Starter], browser_of: Any, *, found: bool
) -> None:
    """Nothing lives, the trail says what was found, security was not alarmed, and the next click makes one pass."""
    to_security = Mail.objects.filter(to=django_settings.SECURITY_ADDRESS)
    assert not to_security.exists(), [mail.text for mail in to_security]
    tenant.tenant.faults.end_all()
    maria = browser_of("maria")
    for status, starter in given.items():
        issue = starter.issues.get()
        assert alive(tenant, status) == [], status
        assert issue.state in {IssueState.REVOKED, IssueState.REJECTED, IssueState.VOID}, status
        noted = AuditEvent.objects.filter(issue=str(issue.pk), event="issue.found")
        assert noted.exists() is found, status
        tenant.tenant.second_post = BEHAVIOURS[status % 2]
        assert "data-pass" in words(answer := press(maria, starter)), (status, words(answer))
        second = PassIssue.objects.get(starter=starter, number=2)
        assert maria.post(reverse("managers:receipt", args=[starter.public_id, second.pk])).status_code == 204
        assert [one.id for one in alive(tenant, status)] == [PassIssue.objects.get(pk=second.pk).method_id], (
            status
        )
    assert list(audit.verify_chain()) == []
