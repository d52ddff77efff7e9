"""Earlier sign-ins to an account: proven, read in time, never forgotten, and read again at the click."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from onboarding.models import Starter
from onboarding.passes import sign_ins
from portal.sandbox.server import Sandbox
from tests.conftest import BY_KEY, creations
from tests.support.starters import many_invited, sign_in_calls

pytestmark = pytest.mark.django_db
MICROSOFTS_LIMIT = [10, 60]  # calls, seconds


@pytest.fixture
def change(tenant: Sandbox) -> Callable[..., None]:
    """Change the sandbox tenant through its control page."""

    def changed(**wanted: Any) -> None:
        answer = requests.post(f"{tenant.url}/_control/change", json=wanted, timeout=30)
        assert answer.status_code == 200, answer.text

    return changed


def page_of(starter: Starter) -> str:
    return f"/starters/{starter.public_id}/"


def words_of(answer: Any) -> str:
    """The words of a page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def click(browser: Any, starter: Starter) -> Any:
    """Fill in what the page shows, and click, as the manager does."""
    form = browser.get(page_of(starter)).context["form"]
    shown = {name: form.initial[name] for name in ("version", "policy")}
    return browser.post(page_of(starter), {"identity_check": "in_person", **shown})


def is_refused_as_used(answer: Any) -> bool:
    return "never_signed_in" in words_of(answer) and "data-pass" not in answer.content.decode()


def worst_minute(tenant: Sandbox) -> int:
    """The most calls for sign-in activity within any sixty seconds."""
    at = [datetime.fromisoformat(request["time"][:26]).timestamp() for request in sign_in_calls(tenant)]
    return max(sum(0 <= other - moment < 60 for other in at) for moment in at)


def calls_until_read(tenant: Sandbox, starter: Starter, before: int) -> int:
    """The number of the call, after the first `before`, that reads this account."""
    for number, request in enumerate(sign_in_calls(tenant)[before:], start=1):
        if starter.account_id in f"{request['path']} {request['query']}":
            return number
    raise AssertionError("it was never asked for")


# --- F1: proven -------------------------------------------------------------------------------------------------------


def test_f1_an_account_with_earlier_sign_ins_gets_no_pass(tenant, change, invite, browser_of):
    past = {
        "lastSignInDateTime": "2023-05-04T08:00:00Z",
        "lastNonInteractiveSignInDateTime": "2023-05-04T08:00:00Z",
    }
    change(
        person="noor",
        set={
            "createdDateTime": "2021-03-01T08:00:00Z",
            "employeeHireDate": f"{datetime.now(UTC):%Y-%m-%d}T00:00:00Z",
            "signInActivity": past | {"lastSuccessfulSignInDateTime": None},
        },
    )
    starter = invite("noor")

    page = browser_of("maria").get(page_of(starter))

    assert is_refused_as_used(page), words_of(page)
    answer = browser_of("maria").post(
        page_of(starter), {"identity_check": "in_person", "version": starter.version, "policy": 1}
    )
    assert "data-pass" not in answer.content.decode() and creations(tenant) == []


# --- F7: read in time -------------------------------------------------------------------------------------------------


def test_f7_among_290_accounts_the_waiting_managers_is_read_first(
    tenant, change, person, invite, browser_of, time_passes, monkeypatch
):
    change(sign_in_limit=MICROSOFTS_LIMIT)
    many_invited(tenant, 290, by=person("hanna"))
    starter = invite("noor")
    Starter.objects.filter(pk=starter.pk).update(sign_in_looked_at=None, sign_in_told=False)
    maria = browser_of("maria")

    page = maria.get(page_of(starter))
    assert "still checking" in words_of(page) and b"identity_check" not in page.content
    assert int(page["Poll-Seconds"]) <= 15 and 'http-equiv="refresh"' in page.content.decode()
    time_passes(timedelta(seconds=int(page["Poll-Seconds"])))

    assert maria.head(page_of(starter))["Page-State"] != page["Page-State"]
    assert "data-pass" in click(maria, starter).content.decode()


def test_f7_an_early_click_gets_a_page_that_updates(tenant, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    form = maria.get(page_of(starter)).context["form"]
    shown = {name: form.initial[name] for name in ("version", "policy")}
    Starter.objects.update(sign_in_looked_at=None)

    answer = maria.post(page_of(starter), {"identity_check": "in_person", **shown})

    assert (answer.status_code, creations(tenant)) == (503, [])
    assert "still checking" in words_of(answer) and "data-polls" in answer.content.decode()
    time_passes(timedelta(seconds=int(answer["Poll-Seconds"])))
    assert "data-pass" in click(maria, starter).content.decode()


def test_f7_a_starter_added_for_today_is_read_next(tenant, change, person, record, time_passes):
    change(sign_in_limit=MICROSOFTS_LIMIT)
    many_invited(tenant, 300, by=person("hanna"), starts_in=timedelta(days=1))
    record("liam", starts_in=timedelta(days=1))  # its check starts the reading
    time_passes(timedelta(seconds=1))
    before = len(sign_in_calls(tenant))
    assert 0 < Starter.objects.exclude(sign_in_looked_at=None).count() < 300

    starter = record("noor")
    time_passes(timedelta(minutes=2))

    assert calls_until_read(tenant, starter, before) <= 2
    assert Starter.objects.get(pk=starter.pk).sign_in_looked_at is not None


def test_f7_300_starters_of_today_are_all_read_within_five_minutes(
    tenant, change, person, record, time_passes
):
    change(sign_in_limit=MICROSOFTS_LIMIT)
    many_invited(tenant, 299, by=person("hanna"))
    record("noor")

    time_passes(timedelta(minutes=5))

    assert Starter.objects.filter(sign_in_looked_at=None).count() == 0
    assert {request["status"] for request in sign_in_calls(tenant)} == {200}
    assert worst_minute(tenant) <= MICROSOFTS_LIMIT[0]


def test_f7_a_tenant_without_lists_is_read_one_by_one(tenant, change, person, record, time_passes):
    change(sign_in_limit=MICROSOFTS_LIMIT, sign_in_lists=False)
    many_invited(tenant, 20, by=person("hanna"))
    record("noor")

    time_passes(timedelta(minutes=4))

    assert Starter.objects.filter(sign_in_looked_at=None).count() == 0
    assert [request["status"] for request in sign_in_calls(tenant)].count(400) == 1
    assert worst_minute(tenant) <= MICROSOFTS_LIMIT[0]


# --- F13: never forgotten ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("says", ["no right", "not found", "the right is taken away"])
def test_f13_a_known_sign_in_survives_missing_activity_data(
    tenant, change, invite, browser_of, time_passes, says
):
    starter, maria = invite("signedin"), browser_of("maria")
    assert is_refused_as_used(maria.get(page_of(starter)))
    status = {"no right": 403, "not found": 404}.get(says)
    if status:
        tenant.tenant.faults.add({"path": "/users/[^/]+$", "status": status, "times": None})
    else:
        change(revoke=["AuditLog.Read.All"], tokens="expire")
    asked = len(sign_in_calls(tenant))
    sign_ins.request_reading(Starter.objects.get())
    time_passes(timedelta(minutes=1))
    tenant.tenant.faults.end_all()
    assert len(sign_in_calls(tenant)) > asked
    time_passes(timedelta(hours=1))

    maria = browser_of("maria")
    page = maria.get(page_of(starter))

    assert is_refused_as_used(page), words_of(page)
    maria.post(page_of(starter), {"identity_check": "in_person", "version": starter.version, "policy": 1})
    assert creations(tenant) == []


@pytest.mark.parametrize("status", [400, 404, 500])
def test_f13_only_a_missing_right_or_licence_means_unreadable(
    tenant, invite, time_passes, browser_of, status
):
    starter, maria = invite("noor"), browser_of("maria")
    Starter.objects.update(sign_in_looked_at=None)
    assert "still checking" in words_of(maria.get(page_of(starter)))
    tenant.tenant.faults.add({"path": "/users/[^/]+$", "status": status, "times": None})
    asked = len(sign_in_calls(tenant))

    time_passes(timedelta(seconds=10))
    tenant.tenant.faults.end_all()

    assert len(sign_in_calls(tenant)) > asked
    assert "still checking" in words_of(maria.get(page_of(starter)))


# --- F19: read at the click -------------------------------------------------------------------------------------------


def test_f19_a_sign_in_after_the_check_is_seen_at_click(tenant, change, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    form = maria.get(page_of(starter)).context["form"]
    shown = {name: form.initial[name] for name in ("version", "policy")}
    change(person="noor", set={"last_sign_in": datetime.now(UTC).isoformat()})

    answer = maria.post(page_of(starter), {"identity_check": "in_person", **shown})

    assert is_refused_as_used(answer), words_of(answer)
    assert creations(tenant) == []


def test_f19_with_no_quota_left_the_page_shows_the_age(tenant, change, invite, browser_of):
    change(sign_in_limit=[1, 60])  # the worker's check uses it
    starter, maria = invite("noor"), browser_of("maria")
    read_at = Starter.objects.get().sign_in_looked_at.astimezone(starter.zone_info)

    answer = click(maria, starter)

    assert "data-pass" in answer.content.decode()
    assert f"When the portal last checked ({read_at:%H:%M}), nobody had signed in" in words_of(answer)


def test_f19_with_no_quota_left_the_confirmation_shows_the_age(tenant, settings, invite, browser_of):
    settings.GRAPH_SIGN_IN_CALLS = 1
    starter, maria = invite("noor"), browser_of("maria")
    read_at = Starter.objects.get().sign_in_looked_at.astimezone(starter.zone_info)

    page = maria.get(page_of(starter))

    assert f"When the portal last checked ({read_at:%H:%M}), nobody had signed in" in words_of(page)


def test_f19_activity_data_hours_old_makes_no_pass(tenant, settings, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    Starter.objects.update(sign_in_looked_at=timezone.now() - timedelta(hours=2))
    settings.GRAPH_SIGN_IN_CALLS = 1

    answer = click(maria, starter)

    assert "still checking" in words_of(answer) and creations(tenant) == []


def test_f19_with_quota_left_no_page_shows_an_age(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")

    assert "When the portal last checked" not in words_of(maria.get(page_of(starter)))
    assert "When the portal last checked" not in words_of(click(maria, starter))
    assert BY_KEY["noor"].object_id in str(sign_in_calls(tenant)[-1]["path"])
