"""Promise 6 for every HTTP status of the creation, the list and the deletion, instead of the work and after it.

All starters of one test share the clock and the worker; each has another status. `make test` takes every eighth status
for each call, with another first one: each kind of status for each call, and each status once. `make test-all` takes
all.
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

# The kinds of RFC 9110 and its registry, the statuses that proxies add, and an unknown one.
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
    "create": (0, 5),
    "list": (2, 6),
    "delete": (3, 7),
    "receipt": (1, 4),
}  # instead of the work, after it
BEHAVIOURS = ("replace", "refuse")  # Microsoft documents both ways to treat a second POST
TIMES = {"create": 1, "list": 3, "delete": 3}


@pytest.fixture(autouse=True)
def no_limits(settings: Any, policy_says: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lifts Microsoft's quota and the daily limits. Other files test them."""
    settings.GRAPH_BUDGET_CALLS = 1000
    policy_says(hr_daily=500, manager_daily=500, site_daily=5000)
    monkeypatch.setattr(Retry, "sleep", lambda *arguments: None)


@pytest.fixture
def starters(tenant: Any, person: Any, worker_alive: None) -> Callable[[str, bool], dict[int, Starter]]:
    """Creates one invited starter for each status that this call is tried with."""

    def invite_for(status: int) -> Starter:
        created = tenant.tenant.add_starter(f"starter{status}", f"Starter {status}")
        account, manager = graph.client().look_up(created.id)
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

    return lambda place, applied: {status: invite_for(status) for status in tried(place, applied)}


def tried(place: str, applied: bool) -> tuple[int, ...]:
    return plan.part_of(STATUSES, 8, FIRST[place][applied])


@pytest.fixture
def run_jobs(run_jobs: Callable[..., int]) -> Callable[..., int]:
    """The worker has more to do here than in other tests."""
    return lambda ahead=timedelta(0), most=5000: run_jobs(ahead, most)


def click(browser: Any, starter: Starter) -> Any:
    version = Starter.objects.values_list("version", flat=True).get(pk=starter.pk)
    form = {"identity_check": "in_person", "version": version, "policy": policy.for_site().number}
    return browser.post(page_of(starter), form)


def alive(tenant: Any, status: int) -> list[Any]:
    return live_passes(tenant, f"starter{status}")


def test_the_sample_has_each_status_once_and_each_kind_everywhere(monkeypatch):
    monkeypatch.setattr(plan, "EACH_ONCE", True)
    parts = [(*tried(place, False), *tried(place, True)) for place in FIRST]

    assert [{status // 100 for status in part} for part in parts] == [{2, 3, 4, 5}] * 4
    assert Counter(status for part in parts for status in part) == dict.fromkeys(STATUSES, 1)


@pytest.mark.parametrize("applied", [False, True], ids=["instead of the work", "after the work"])
def test_no_status_of_the_creation_leaves_an_unseen_pass(
    tenant, fault, starters, browser_of, time_passes, applied
):
    invited_starters, maria = starters("create", applied), browser_of("maria")
    for status, starter in invited_starters.items():
        tenant.tenant.second_post = BEHAVIOURS[status % 2]
        add_fault(fault, "create", starter, status, applied)
        assert "data-pass" not in words(click(maria, starter)), status

    time_passes(timedelta(minutes=4))

    for status, starter in invited_starters.items():
        ended = {"revoked"} if applied else {"rejected", "void"}
        assert starter.issues.get().state in ended, status
    assert_known_and_continuable(tenant, invited_starters, browser_of, found=applied)


@pytest.mark.parametrize("applied", [False, True], ids=["instead of the work", "after the work"])
@pytest.mark.parametrize("call", ["list", "delete"])
def test_a_lost_pass_is_deleted_despite_any_status(
    tenant, fault, starters, browser_of, time_passes, call, applied
):
    invited_starters, maria = starters(call, applied), browser_of("maria")
    for status, starter in invited_starters.items():
        fault(method="POST", path=rf"{starter.account_id}/authentication/temporary", drop="after")
        assert "data-pass" not in words(click(maria, starter)), status
        add_fault(fault, call, starter, status, applied)

    time_passes(timedelta(minutes=5))

    assert_known_and_continuable(tenant, invited_starters, browser_of, found=True)


@pytest.mark.parametrize("applied", [False, True], ids=["instead of the work", "after the work"])
def test_an_unacknowledged_pass_is_deleted_despite_any_status(
    tenant, fault, starters, browser_of, time_passes, applied
):
    invited_starters, maria = starters("receipt", applied), browser_of("maria")
    for status, starter in invited_starters.items():
        assert "data-pass" in words(click(maria, starter)), status
        add_fault(fault, "delete", starter, status, applied)

    time_passes(timedelta(minutes=6))

    assert_known_and_continuable(tenant, invited_starters, browser_of, found=False)


def add_fault(fault: Any, call: str, starter: Starter, status: int, applied: bool) -> None:
    method, path = CALLS[call]
    path = f"{starter.account_id}/authentication/{path}"
    fault(method=method, path=path, status=status, applied=applied, times=TIMES[call], body="")


def assert_known_and_continuable(
    tenant: Any, invited_starters: dict[int, Starter], browser_of: Any, *, found: bool
) -> None:
    """No pass is left, the audit log has the found ones, security got no mail, and the next click creates one pass."""
    to_security = Mail.objects.filter(to=django_settings.SECURITY_ADDRESS)
    assert not to_security.exists(), [mail.text for mail in to_security]
    tenant.tenant.faults.end_all()
    maria = browser_of("maria")
    for status, starter in invited_starters.items():
        issue = starter.issues.get()
        assert alive(tenant, status) == [], status
        assert issue.state in {IssueState.REVOKED, IssueState.REJECTED, IssueState.VOID}, status
        noted = AuditEvent.objects.filter(issue=str(issue.pk), event="issue.found")
        assert noted.exists() is found, status
        tenant.tenant.second_post = BEHAVIOURS[status % 2]
        assert "data-pass" in words(answer := click(maria, starter)), (status, words(answer))
        second = PassIssue.objects.get(starter=starter, number=2)
        assert maria.post(reverse("managers:receipt", args=[starter.public_id, second.pk])).status_code == 204
        assert [living.id for living in alive(tenant, status)] == [
            PassIssue.objects.get(pk=second.pk).method_id
        ], status
    assert list(audit.verify_chain()) == []
