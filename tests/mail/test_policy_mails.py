"""Each change of the policy is mailed to the addresses that held before it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from onboarding import policy
from onboarding.mail import policy_mails
from onboarding.models import Job, Mail, PolicyVersion

pytestmark = pytest.mark.django_db

SECURITY, HR = "old-security@contoso.example", "old-hr@contoso.example"


@pytest.fixture
def addresses(policy_says) -> None:
    """The policy has addresses of its own."""
    policy_says(security_address=SECURITY, hr_address=HR)


def change(**values: Any) -> PolicyVersion:
    """A version that changes these settings of the policy in force."""
    now = policy.for_site()
    kept = {"security_address": now.security_address, "hr_address": now.hr_address}
    return PolicyVersion(**{**kept, "reason": "Because of <this>", **values})


def mails() -> list[tuple[str, str]]:
    return [(mail.kind, mail.to) for mail in Mail.objects.order_by("pk")]


def test_a_mail_says_who_why_and_what(addresses, person):
    policy.add_version(change(lifetime_minutes=30, attempts=1), by=person("ada"))

    assert mails() == [("policy_changed", SECURITY), ("policy_changed", HR)]
    for mail in Mail.objects.all():
        assert "Ada Jansen" in mail.text and "Because of <this>" in mail.text
        assert "Because of &lt;this&gt;" in mail.html
        for words in (mail.text, mail.html):
            assert "lifetime of a pass (minutes): 60 → 30" in words
            assert "passes per starter: 3 → 1" in words
            assert f"/admin/onboarding/policyversion/{policy.for_site().number}/agree/" in words
        assert mail.box == "" and Job.objects.filter(key=f"mail:{mail.pk}").exists()


def test_a_draft_is_mailed_to_security_when_it_is_written(addresses, person):
    policy.add_version(change(lifetime_minutes=90), by=person("ada"))

    assert mails() == [("policy_draft", SECURITY)]
    mail = Mail.objects.get()
    assert "waits for a second admin" in mail.subject
    assert "lifetime of a pass (minutes): 60 → 90" in mail.text


def test_an_activation_names_both_admins(addresses, person):
    version = change(lifetime_minutes=90)
    policy.add_version(version, by=person("ada"))
    Mail.objects.all().delete()

    policy.activate_version(version.number, by=person("amir"))

    assert mails() == [("policy_changed", SECURITY), ("policy_changed", HR)]
    text = Mail.objects.first().text
    assert f"Ada Jansen wrote version {version.number} of the policy, and" in text
    assert person("amir").name in text


def test_a_new_address_is_mailed_to_the_old_one(addresses, person):
    version = change(security_address="mine@contoso.example", hr_address="mine@contoso.example")
    policy.add_version(version, by=person("ada"))
    policy.activate_version(version.number, by=person("amir"))

    assert {to for _, to in mails()} == {SECURITY, HR}
    assert policy.for_site().security_address == "mine@contoso.example"


def test_a_schedule_and_its_stop_are_mailed(addresses, person, monkeypatch):
    monkeypatch.setattr("onboarding.policy.changes.has_created_passes", lambda: True)
    version = change(lifetime_minutes=90)
    policy.add_version(version, by=person("ada"))
    Mail.objects.all().delete()

    policy.activate_on_console(version.number, reason="One admin only", operator="root")
    scheduled = list(Mail.objects.order_by("pk"))
    policy.stop_version(version.number, by=person("ada"), reason="Not mine")

    policy_mails.write_when_in_force(str(version.number))

    assert [mail.to for mail in scheduled] == [SECURITY, HR]
    assert "comes into force on" in scheduled[0].subject
    assert "root, on the server’s console" in scheduled[0].text and "One admin only" in scheduled[0].text
    stops = Mail.objects.exclude(pk__in=[mail.pk for mail in scheduled])
    assert [mail.to for mail in stops.order_by("pk")] == [SECURITY, HR]
    assert all("was stopped" in mail.subject and "Not mine" in mail.text for mail in stops)


def test_the_moment_of_a_scheduled_version_is_mailed(addresses, person, monkeypatch, time_machine):
    monkeypatch.setattr("onboarding.policy.changes.has_created_passes", lambda: True)
    version = change(lifetime_minutes=90)
    policy.add_version(version, by=person("ada"))
    moment = policy.activate_on_console(version.number, reason="One admin only", operator="root")
    Mail.objects.all().delete()
    due = Job.objects.get(key=f"policy-in-force:{version.number}").due_at

    policy_mails.write_when_in_force(str(version.number))
    early = mails()
    time_machine.move_to(moment + timedelta(seconds=1))
    policy_mails.write_when_in_force(str(version.number))

    assert (due, early) == (moment, [])
    assert mails() == [("policy_changed", SECURITY), ("policy_changed", HR)]
    assert "has come into force. Ada Jansen wrote it." in Mail.objects.first().text


def test_a_departments_change_goes_to_its_own_hr_address(addresses, adopt, person):
    own = {"department": "legal", "overrides": ["hr_address"], "hr_address": "legal@contoso.example"}
    adopt(change(**own))

    own["overrides"] = ["hr_address", "attempts"]
    policy.add_version(change(**own, attempts=1), by=person("ada"))

    assert {to for kind, to in mails() if kind == "policy_changed"} == {SECURITY, "legal@contoso.example"}
    assert "This version is for the department “legal”." in Mail.objects.last().text


def test_one_address_for_both_gets_one_mail(addresses, policy_says, person):
    policy_says(hr_address=SECURITY.upper())

    policy.add_version(change(lifetime_minutes=30), by=person("ada"))

    assert mails() == [("policy_changed", SECURITY)]


def test_without_addresses_nobody_is_mailed_and_the_page_says_so(settings, browser_of):
    settings.SECURITY_ADDRESS = settings.HR_ADDRESS = ""

    page = browser_of("ada").post(
        "/admin/onboarding/policyversion/freeze/", {"frozen": "yes", "reason": "An attack"}, follow=True
    )

    assert mails() == []
    assert "Nobody gets an email about this change" in page.content.decode()


def test_the_page_names_the_addresses_that_are_mailed(addresses, browser_of):
    page = browser_of("ada").post(
        "/admin/onboarding/policyversion/freeze/", {"frozen": "yes", "reason": "An attack"}, follow=True
    )

    assert f"The portal emails this change to {SECURITY}, {HR}." in page.content.decode()


def test_a_mail_does_not_list_emergency_accounts(addresses, person):
    emergency = "5c0ffee0-0000-4000-8000-000000000099"

    policy.add_version(change(deny_list=emergency), by=person("ada"))

    assert all(emergency not in mail.text + mail.html for mail in Mail.objects.all())
    assert all("the new list" in mail.text for mail in Mail.objects.all())
