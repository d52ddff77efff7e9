"""F9 and F10: one person with two accounts, and an admin who gives the role up, cannot create a pass."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from django.conf import settings as running
from django.test import Client
from django.utils import timezone

from onboarding import jobs, policy
from onboarding.models import AuditEvent, PolicyVersion, Starter
from portal.models import User
from tests.conftest import BY_KEY, creations

pytestmark = pytest.mark.django_db

NUMBER = "E 4711"


@pytest.fixture
def signs_in(tenant):
    """A person signs in to the portal with Microsoft, in a browser of their own."""

    def signed_in(key: str) -> Client:
        browser = Client()
        leaving = browser.get("/signin/")["Location"]
        asked = dict(parse_qsl(urlsplit(leaving).query))
        address = f"{running.SANDBOX_URL}/{running.TENANT_ID}/oauth2/v2.0/authorize"
        back = requests.post(address, asked | {"person": key}, allow_redirects=False, timeout=60)
        browser.get(back.headers["Location"].removeprefix(running.PORTAL_URL))
        assert browser.session["_auth_user_id"]
        return browser

    return signed_in


@pytest.fixture
def have_one_number(tenant):
    """The directory says the same employee number for these accounts, written a little differently."""

    def changed(*keys: str) -> None:
        for place, key in enumerate(keys):
            number = NUMBER if place == 0 else NUMBER.replace(" ", "").lower()
            tenant.tenant.accounts[key].properties["employeeId"] = number

    return changed


def asks_for_a_pass(browser: Client, starter: Starter) -> Any:
    """The manager opens the page and sends its fields, even if it shows no button."""
    starter.refresh_from_db()
    address = f"/starters/{starter.public_id}/"
    browser.get(address)
    seen = {"version": starter.version, "policy": policy.for_starter(starter).version_key}
    return browser.post(address, {"identity_check": "in_person", **seen})


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def reference(answer: Any) -> str:
    found = re.search(r"Error code: ([a-z_., ]+)\.", words(answer))
    return found[1] if found else ""


# --- F9: two accounts of one person --------------------------------------------------------------------------------


def test_f9_a_recorder_with_another_account_cannot_confirm(tenant, signs_in, invite, have_one_number):
    have_one_number("hanna", "maria")
    starter, maria = invite("noor", by="hanna"), signs_in("maria")

    page = maria.get(f"/starters/{starter.public_id}/")
    answer = asks_for_a_pass(maria, starter)

    assert "HR, manager and starter must be three different people" in words(page)
    assert (answer.status_code, reference(answer)) == (403, "three_people")
    assert creations(tenant) == []


@pytest.mark.parametrize("numbers", [("", ""), ("E1", ""), ("", "E1"), ("E1", "E2"), (None, None)])
def test_f9_an_unknown_or_different_employee_number_blocks_nobody(tenant, signs_in, invite, numbers):
    for key, number in zip(("hanna", "maria"), numbers, strict=True):
        tenant.tenant.accounts[key].properties["employeeId"] = number

    answer = asks_for_a_pass(signs_in("maria"), invite("noor", by="hanna"))

    assert answer.status_code == 200
    assert len(creations(tenant)) == 1


def test_f9_a_rescheduler_with_another_account_cannot_confirm(
    tenant, signs_in, invite, have_one_number, person
):
    starter = invite("noor", by="hanna")
    Starter.objects.update(shaped_by=[person("hanna").oid, person("henry").oid])
    have_one_number("henry", "maria")

    answer = asks_for_a_pass(signs_in("maria"), starter)

    assert (answer.status_code, reference(answer)) == (403, "three_people")


def test_f9_an_approver_with_another_account_cannot_confirm(
    tenant, signs_in, invite, have_one_number, policy_says, browser_of
):
    policy_says(approve_all=True)
    starter = approved_by_henry(invite("noor", by="hanna"), browser_of)
    have_one_number("henry", "maria")

    answer = asks_for_a_pass(signs_in("maria"), starter)

    assert (answer.status_code, reference(answer)) == (403, "three_people")


def test_f9_a_recorders_other_account_is_no_second_approver(
    tenant, signs_in, invite, have_one_number, policy_says, browser_of
):
    policy_says(approve_all=True)
    starter = approved_by_henry(invite("noor", by="hanna"), browser_of)
    assert Starter.objects.get().approvals.count() == 1
    have_one_number("hanna", "henry")

    answer = asks_for_a_pass(signs_in("maria"), starter)

    assert (answer.status_code, reference(answer)) == (403, "approved")


def approved_by_henry(starter: Starter, browser_of: Any) -> Starter:
    fields = {"reason": "She starts in my team", "version": starter.version}
    browser_of("henry").post(f"/hr/{starter.public_id}/approve/", fields)
    return Starter.objects.select_related("recorded_by").get()


@pytest.mark.parametrize("other", ["hanna", "maria", "noor"])
def test_f9_a_contributor_with_another_account_cannot_approve(
    tenant, invite, have_one_number, policy_says, browser_of, other
):
    policy_says(approve_all=True)
    starter = invite("noor", by="hanna")
    have_one_number(other, "henry")

    fields = {"reason": "She starts in my team", "version": starter.version}
    answer = browser_of("henry").post(f"/hr/{starter.public_id}/approve/", fields)

    assert "Ask an HR colleague to do it" in words(answer)
    assert Starter.objects.get().approvals.count() == 0


def test_f9_nobody_approves_while_the_directory_does_not_answer(
    tenant, invite, policy_says, browser_of, fault
):
    policy_says(approve_all=True)
    starter = invite("noor", by="hanna")
    fault(path="/v1.0/users$", status=503, times=None)

    fields = {"reason": "She starts in my team", "version": starter.version}
    answer = browser_of("henry").post(f"/hr/{starter.public_id}/approve/", fields)

    assert "Microsoft Entra does not respond" in words(answer)
    assert Starter.objects.get().approvals.count() == 0


@pytest.mark.parametrize("other", ["maria", "hanna"])
def test_f9_the_starters_other_account_is_no_third_person(
    tenant, signs_in, invite, have_one_number, policy_says, other
):
    policy_says(same_person=False)
    starter = invite("noor", by="hanna")
    have_one_number("noor", other)

    answer = asks_for_a_pass(signs_in("maria"), starter)

    assert (answer.status_code, reference(answer)) == (403, "three_people")


def test_f9_hr_is_warned_before_saving_and_no_link_leaves(tenant, record, browser_of, have_one_number):
    have_one_number("hanna", "maria")
    hanna = browser_of("hanna")

    now = timezone.localtime()
    looked = hanna.post(
        "/hr/new/",
        {"account": BY_KEY["noor"].object_id, "start_date": f"{now:%Y-%m-%d}", "start_time": "09:00",
         "time_zone": "Europe/Amsterdam", "note": "", "step": "look"},
    )  # fmt: skip
    starter = record("noor")
    hanna.post(f"/hr/{starter.public_id}/send/", {"version": starter.version})

    assert "Accounts with the same employee number count as one person" in words(looked)
    starter.refresh_from_db()
    assert (starter.state, starter.refused_for) == ("recorded", ["three_people"])


# --- F10: an admin who gives the role up --------------------------------------------------------------------------


@pytest.fixture
def was_admin(tenant, signs_in):
    """Maria takes the Admin role up, signs in, does something, and gives the role up again."""

    def was(*, writes: dict[str, Any] | None = None) -> None:
        account = tenant.tenant.accounts["maria"]
        account.app_roles = ["Admin"]
        browser = signs_in("maria")
        if writes is not None:
            shown = browser.get("/admin/onboarding/policyversion/add/").context["adminform"].form
            fields = {field.html_name: field.value() for field in shown}
            fields = {
                name: value for name, value in fields.items() if value is not None and value is not False
            }
            answer = browser.post(
                "/admin/onboarding/policyversion/add/", {**fields, **writes, "reason": "Because"}
            )
            assert answer.status_code == 302, answer.context["adminform"].form.errors
        account.app_roles = []

    return was


def test_f10_the_active_policys_author_cannot_confirm_without_the_role(tenant, signs_in, invite, was_admin):
    was_admin(writes={"lifetime_minutes": 30})
    assert policy.for_site().lifetime_minutes == 30
    starter, maria = invite("noor"), signs_in("maria")

    page = maria.get(f"/starters/{starter.public_id}/")
    answer = asks_for_a_pass(maria, starter)

    assert (
        "You wrote or activated the policy that applies to this starter, so you cannot create the pass."
        in words(page)
    )
    assert (answer.status_code, reference(answer)) == (403, "not_an_admin")
    assert creations(tenant) == []


def test_f10_the_admin_who_activated_the_policy_cannot_confirm(tenant, signs_in, invite, person, policy_says):
    written = PolicyVersion.objects.create(reason="Needs two", needs_second=True, created_by=person("ada"))
    maria = person("maria")
    maria.roles = ["Admin"]  # today; she is no admin any more when she asks for a pass
    policy.activate_version(written.number, by=maria)

    answer = asks_for_a_pass(signs_in("maria"), invite("noor"))

    assert (answer.status_code, reference(answer)) == (403, "not_an_admin")
    assert "You wrote or activated the policy" in words(answer)


def test_f10_the_department_policys_author_cannot_confirm(tenant, signs_in, invite, person):
    starter = invite("noor")
    PolicyVersion.objects.create(
        reason="Theirs", department=policy.normalise_department(starter.department), overrides=["attempts"], attempts=2,
        created_by=person("maria"),
    )  # fmt: skip

    answer = asks_for_a_pass(signs_in("maria"), starter)

    assert (answer.status_code, reference(answer)) == (403, "not_an_admin")


def test_f10_a_recent_admin_cannot_confirm_and_reads_why(tenant, signs_in, invite, was_admin):
    was_admin()
    starter, maria = invite("noor"), signs_in("maria")

    page = maria.get(f"/starters/{starter.public_id}/")
    answer = asks_for_a_pass(maria, starter)

    told = "You were an admin in the last 30 days, so you cannot create passes."
    assert told in words(page) and told in words(answer)
    assert (answer.status_code, reference(answer)) == (403, "not_an_admin")
    assert AuditEvent.objects.filter(event="issue.refused").latest("seq").facts["codes"] == ["not_an_admin"]


def test_f10_a_former_admin_can_confirm_after_the_policys_days(
    tenant, signs_in, invite, was_admin, policy_says, time_machine
):
    policy_says(admin_days=2)
    was_admin()
    starter = invite("noor")
    signs_in("maria")  # without the role: she may have had it until now
    began = timezone.now()

    time_machine.move_to(began + timedelta(days=2) - timedelta(minutes=1))
    jobs.record_heartbeat("a worker")
    early = asks_for_a_pass(signs_in("maria"), starter)
    time_machine.move_to(began + timedelta(days=2, minutes=1))
    jobs.record_heartbeat("a worker")
    answer = asks_for_a_pass(signs_in("maria"), starter)

    assert "in the last 2 days" in words(early)
    assert answer.status_code == 200, words(answer)
    assert len(creations(tenant)) == 1


def test_f10_an_admin_with_another_account_cannot_confirm(tenant, signs_in, invite, have_one_number):
    signs_in("amir")
    have_one_number("amir", "maria")

    answer = asks_for_a_pass(signs_in("maria"), invite("noor"))

    assert (answer.status_code, reference(answer)) == (403, "not_an_admin")
    assert "You were an admin in the last 30 days" in words(answer)


def test_f10_a_policy_author_with_another_account_cannot_confirm(
    tenant, signs_in, invite, have_one_number, policy_says
):
    policy_says(attempts=2)  # by Ada
    have_one_number("ada", "maria")

    answer = asks_for_a_pass(signs_in("maria"), invite("noor"))

    assert (answer.status_code, reference(answer)) == (403, "not_an_admin")
    assert "You wrote or activated the policy" in words(answer)


def test_f10_the_portal_remembers_a_former_admin_role(tenant, signs_in, was_admin):
    assert User.objects.count() == 0
    was_admin()
    with_role = User.objects.get().last_admin_at
    assert with_role is not None

    signs_in("maria")
    dropped = User.objects.get()
    signs_in("maria")

    assert dropped.roles == [] and dropped.last_admin_at > with_role
    assert User.objects.get().last_admin_at == dropped.last_admin_at


def test_f10_a_person_never_admin_is_not_remembered_as_admin(tenant, signs_in):
    signs_in("maria")

    assert User.objects.get().last_admin_at is None
