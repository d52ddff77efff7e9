"""Daily limits of one person: accounts that HR looks up, links that HR sends again, and refused requests for a pass."""

from __future__ import annotations

import html
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from onboarding import clock
from onboarding.guards.daily_limits import DailyLimitReached, Use, count_use, used_today
from onboarding.models import ApiUsage, AuditEvent, Mail, Starter
from tests.conftest import BY_KEY, creations
from tests.support.hr_forms import version_of

SOON = (timezone.localdate() + timedelta(days=7)).isoformat()
ONE_STARTER = {"start_date": SOON, "start_time": "08:30", "time_zone": "Europe/Lisbon", "step": "look"}


def paste(browser, accounts):
    return browser.post("/hr/new/several/", ONE_STARTER | {"accounts": "\n".join(accounts)})


def look_up(browser, account):
    return browser.post("/hr/new/", ONE_STARTER | {"account": account})


def text_of(response):
    return html.unescape(" ".join(response.content.decode().split()))


def events(name):
    return [
        (event.facts["count"], event.facts["today"])
        for event in AuditEvent.objects.filter(event=name).order_by("seq")
    ]


# --- Look-ups -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_s6_pasted_names_are_counted_and_end_at_the_daily_limit(tenant, browser_of, policy_says, monkeypatch):
    policy_says(hr_daily=10, hr_look_ups_daily=20)
    hanna = browser_of("hanna")
    names = [f"nobody{number}@contoso.example" for number in range(8)]

    assert [paste(hanna, names).status_code for _ in range(2)] == [200, 200]
    monkeypatch.setattr(tenant.tenant, "requests", [])
    refused, again = paste(hanna, names), paste(hanna, names)

    assert refused.status_code == again.status_code == 429 and 0 < int(refused["Retry-After"]) <= 25 * 3600
    assert "You can look up 4 more accounts today" in text_of(refused)
    assert names[7] in text_of(refused)  # what was pasted is still there
    assert tenant.tenant.requests == []
    assert events("account.look_ups_counted") == [(8, 8), (8, 16)]
    assert events("account.look_ups_refused") == [(8, 16)]  # the first of a day

    assert [look_up(hanna, BY_KEY["noor"].user_principal_name).status_code for _ in range(5)] == [200] * 4 + [
        429
    ]
    assert "reached the daily limit" in text_of(look_up(hanna, "noor.devries@contoso.example"))
    assert (
        look_up(browser_of("henry"), "noor.devries@contoso.example").status_code == 200
    )  # each person has their own


@pytest.mark.django_db
def test_every_fiftieth_single_look_up_is_in_the_audit_log(tenant, browser_of, person):
    count_use(Use.LOOK_UPS, person("hanna").oid, most=1000, amount=48)

    for _ in range(3):
        assert look_up(browser_of("hanna"), "noor.devries@contoso.example").status_code == 200

    assert events("account.look_ups_counted") == [(1, 50)]


# --- Links --------------------------------------------------------------------------------------------------------


@pytest.fixture
def send_again(browser_of, run_jobs, time_machine):
    """Click the button eleven minutes after the last link. Returns the text of the next page."""
    time_machine.move_to(timezone.now().replace(hour=9))

    def send(key, starter):
        time_machine.shift(timedelta(minutes=11))
        browser = browser_of(key)
        browser.post(f"/hr/{starter.public_id}/send/", {"version": version_of(starter)})
        run_jobs()
        return text_of(browser.get(f"/hr/{starter.public_id}/"))

    return send


@pytest.mark.django_db
def test_links_sent_again_end_at_the_daily_limits(invite, policy_says, send_again):
    policy_says(hr_links_daily=2)
    noor, liam = invite("noor", starts_in=timedelta(days=20)), invite("liam", starts_in=timedelta(days=20))

    assert "is emailing the link" in send_again("hanna", noor)
    assert "is emailing the link" in send_again("hanna", liam)
    assert "daily limit for sending links again" in send_again("hanna", noor)
    assert "is emailing the link" in send_again("henry", noor)
    policy_says(hr_links_daily=10)
    assert [("is emailing the link" in send_again("henry", noor)) for _ in range(3)] == [True, True, True]
    assert "today’s limit for this starter’s link has been reached" in send_again("henry", noor)
    assert Mail.objects.filter(kind="invitation", starter=noor).count() == 5


# --- Refused requests for a pass ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_refused_requests_end_at_the_daily_limit(tenant, invite, browser_of, policy_says):
    starter, maria = invite("noor"), browser_of("maria")
    form = {"identity_check": "in_person", "policy": policy_says(manager_refusals_daily=2).number}
    tenant.tenant.accounts["noor"].properties["accountEnabled"] = False

    def ask():
        version = Starter.objects.get(pk=starter.pk).version
        return maria.post(f"/starters/{starter.public_id}/", form | {"version": version})

    assert [ask().status_code for _ in range(2)] == [403, 403]
    tenant.tenant.requests.clear()
    refused = ask()

    assert refused.status_code == 429 and 0 < int(refused["Retry-After"]) <= 25 * 3600
    assert "The portal refused so many of your requests that you cannot create a pass" in text_of(refused)
    assert not [request for request in tenant.tenant.requests if "authentication" in request["path"]]
    assert AuditEvent.objects.filter(event="issue.refused").count() == 2
    assert creations(tenant) == []


# --- The count ----------------------------------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_parallel_requests_never_count_beyond_the_limit():
    def count(_number):
        try:
            return count_use(Use.LINKS, "hanna", most=5, amount=2)
        except DailyLimitReached:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(count, range(8)))

    assert answers.count(None) == 6
    row = ApiUsage.objects.get()
    assert (row.links, row.look_ups, row.refusals, row.count) == (4, 0, 0, 0)
    ApiUsage.objects.update(day=clock.now().date() - timedelta(days=1))
    assert used_today(Use.LINKS, "hanna") == 0
