"""What blocks a starter: every page and every mail gives the same answer."""

from __future__ import annotations

import html
import json
import re
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver, resolve, reverse
from django.utils import timezone

from onboarding import audit, jobs, policy
from onboarding.mail import notifications
from onboarding.mail.digest import build_digest
from onboarding.mail.kinds import BATCHED_KINDS
from onboarding.models import AuditEvent, Job, Mail, PolicyVersion, Starter
from onboarding.starters import withdrawal
from onboarding.worker import starter_checks
from portal.sandbox.people import ACCOUNT_TEAM, HELPDESK_ADMINISTRATOR, SERVER_OPERATORS, USER_ADMINISTRATOR
from tests.conftest import BY_KEY, ZONE, forget_everything_cached
from tests.support import plan

pytestmark = pytest.mark.django_db

TOO_LATE = "It is too late to create the pass"


def page_of(answer):
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def words_of(part):
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


def row_of(page, starter):
    """The text of the row with the link to a starter's page."""
    rows = re.findall(r"<(?:tr|li)\b.*?</(?:tr|li)>", page, re.S)
    return words_of(next(row for row in rows if f"/hr/{starter.public_id}/" in row))


@pytest.fixture
def department_says(adopt):
    """Activate a policy for one department, whose name the directory may spell differently."""

    def said(department, **otherwise):
        version = PolicyVersion(
            department=policy.normalise_department(department),
            overrides=list(otherwise),
            reason="A test",
            **otherwise,
        )
        adopt(version)

    return said


# --- F8: one policy for one starter everywhere ------------------------------------------------------------------


@pytest.fixture
def started_8_days_ago(invite, department_says):
    """The site closes after 5 days, the starter's department after 20."""
    starter = invite("noor", starts_in=-timedelta(days=8))
    department_says(f" {starter.department.upper()} ", closes_days_after=20)
    return starter


def test_f8_the_departments_longer_window_allows_the_pass(started_8_days_ago, browser_of):
    page = page_of(browser_of("maria").get(f"/starters/{started_8_days_ago.public_id}/"))

    assert 'name="identity_check"' in page


def test_f8_hrs_pages_agree_with_the_managers_page(started_8_days_ago, browser_of):
    starter, hanna = started_8_days_ago, browser_of("hanna")

    day = row_of(page_of(hanna.get(f"/hr/day/{starter.start_date}/")), starter)
    own = words_of(page_of(hanna.get(f"/hr/{starter.public_id}/")))

    for words in (day, own):
        assert "The manager or stand-in can create the pass now" in words
        assert "It is too late to create a pass" not in words


def test_f8_hrs_list_does_not_count_the_starter_as_late(started_8_days_ago, browser_of):
    hanna = browser_of("hanna")

    page = page_of(hanna.get("/hr/"))
    wrong = page_of(hanna.get("/hr/?state=problem"))

    assert "It is too late to create a pass" not in row_of(page, started_8_days_ago)
    assert f"/hr/{started_8_days_ago.public_id}/" not in wrong


def test_f8_a_departments_shorter_window_is_late_everywhere(invite, department_says, browser_of):
    starter, hanna = invite("noor", starts_in=-timedelta(days=2)), browser_of("hanna")
    department_says(starter.department, closes_days_after=1)

    manager = words_of(page_of(browser_of("maria").get(f"/starters/{starter.public_id}/")))
    wrong = page_of(hanna.get("/hr/?state=problem"))
    day = row_of(page_of(hanna.get(f"/hr/day/{starter.start_date}/")), starter)

    assert TOO_LATE in manager
    assert "It is too late to create a pass" in row_of(wrong, starter)
    assert "It is too late to create a pass" in day


def test_f8_a_withdrawal_can_be_undone_in_the_longer_window(started_8_days_ago, browser_of, person):
    starter, hanna = started_8_days_ago, browser_of("hanna")
    way_back = words_of(page_of(hanna.get(f"/hr/{starter.public_id}/withdraw/")))
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="A mistake")
    version = Starter.objects.get(pk=starter.pk).version

    hanna.post(f"/hr/{starter.public_id}/bring-back/", {"version": version, "reason": "They come after all"})

    assert "You cannot undo the withdrawal" not in way_back
    assert Starter.objects.get(pk=starter.pk).state == "recorded"


def test_f8_a_list_reads_all_departments_policies_in_one_query(invite, department_says, browser_of):
    first, hanna = invite("noor", starts_in=-timedelta(days=2)), browser_of("hanna")
    department_says(first.department, closes_days_after=20)

    def queries(address):
        page_of(hanna.get(address))  # do not count what a process caches at its first request
        with CaptureQueriesContext(connection) as asked:
            page_of(hanna.get(address))
        return len(asked)

    addresses = ("/hr/?state=problem", "/hr/", f"/hr/day/{first.start_date}/")
    before = [queries(address) for address in addresses]
    for key in ("liam", "emma"):
        starter = invite(key, starts_in=-timedelta(days=2))
        Starter.objects.filter(pk=starter.pk).update(department=f"Department of {BY_KEY[key].name}")
        department_says(f"Department of {BY_KEY[key].name}", closes_days_after=10)
    after = [queries(address) for address in addresses]

    assert after == before


# --- F4: the worker asks again after the link went out ----------------------------------------------------------


def to_hr():
    """The mails to HR about problems, the oldest first."""
    return list(Mail.objects.filter(kind__in=["refused", "problem"], recipient="hr").order_by("pk"))


def to_security():
    return list(Mail.objects.filter(kind="refused", recipient="security").order_by("pk"))


def a_check(run_jobs):
    """Let a worker check every starter now."""
    Job.objects.filter(key__startswith="look:").update(due_at="2020-01-01T00:00Z")
    run_jobs()


CHANGES = {
    "disabled": (lambda account, tenant: account.properties.update(accountEnabled=False), "enabled", False),
    "guest": (lambda account, tenant: account.properties.update(userType="Guest"), "internal_member", False),
    "restricted": (
        lambda account, tenant: account.properties.update(isManagementRestricted=True),
        "handled_by_it",
        True,
    ),
    "role group": (
        lambda account, tenant: account.groups.append(SERVER_OPERATORS.name),
        "handled_by_it",
        True,
    ),
    "pass policy": (lambda account, tenant: tenant.policy.update(state="disabled"), "in_pass_policy", False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_f4_a_change_after_the_link_reads_alike_everywhere(change, invite, browser_of, tenant, run_jobs):
    happens, code, alarming = CHANGES[change]
    starter, hanna = invite("noor"), browser_of("hanna")
    happens(tenant.tenant.accounts["noor"], tenant.tenant)
    a_check(run_jobs)
    a_check(run_jobs)

    manager = words_of(page_of(browser_of("maria").get(f"/starters/{starter.public_id}/")))
    listed = row_of(page_of(hanna.get("/hr/?state=problem")), starter)
    day = row_of(page_of(hanna.get("/hr/day/")), starter)
    own = words_of(page_of(hanna.get(f"/hr/{starter.public_id}/")))

    assert "You cannot create a pass yet" in manager and f"Error code: {code}." in manager
    assert "HR was notified on" in manager
    for page in (listed, day, own):
        assert "The portal cannot create a pass for this account" in page
        assert "The manager or stand-in can create the pass now" not in page
    assert len(to_hr()) == 1 and len(to_security()) == alarming
    assert "a later check found a problem. Nobody can create a pass now." in to_hr()[0].text
    event = AuditEvent.objects.get(event="starter.refused")
    assert event.facts["notified"] == (["hr", "security"] if alarming else ["hr"])


def test_f4_a_fixed_problem_disappears_from_every_page(invite, browser_of, tenant, run_jobs):
    starter, account = invite("noor"), tenant.tenant.accounts["noor"]
    account.properties.update(accountEnabled=False)
    a_check(run_jobs)
    account.properties.update(accountEnabled=True)
    a_check(run_jobs)

    manager = page_of(browser_of("maria").get(f"/starters/{starter.public_id}/"))

    assert 'name="identity_check"' in manager
    assert f"/hr/{starter.public_id}/" not in page_of(browser_of("hanna").get("/hr/?state=problem"))
    assert AuditEvent.objects.filter(event="starter.cleared").count() == 1
    assert len(to_hr()) == 1


def test_f4_a_page_with_the_button_notices_a_new_problem(invite, browser_of, tenant):
    starter, maria = invite("noor"), browser_of("maria")
    address = f"/starters/{starter.public_id}/"
    page = page_of(maria.get(address))
    mark = re.search(r'data-fingerprint="(\w+)"', page)[1]

    same = maria.head(address)
    tenant.tenant.requests.clear()
    tenant.tenant.accounts["noor"].properties.update(accountEnabled=False)
    changed = maria.head(address)

    assert 'name="identity_check"' in page and 'http-equiv="refresh"' not in page
    assert (same["Page-State"], same["Poll-Seconds"]) == (mark, "30")
    assert changed["Page-State"] != mark
    batches = [request for request in tenant.tenant.requests if request["path"].endswith("/$batch")]
    assert len(batches) == 1  # the same reads as the page, and none of the limited calls
    assert not [
        request for request in tenant.tenant.requests if request["path"].endswith("/authentication/methods")
    ]


def test_f4_a_page_that_updates_keeps_the_choice(invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    page = page_of(maria.get(f"/starters/{starter.public_id}/"))
    kept = re.search(r'data-choice="in_person" data-address="([^"]+)"', page)[1]

    renewed = maria.get(kept)

    assert renewed.context["form"]["identity_check"].value() == "in_person"


def test_f4_a_disabled_account_is_no_problem_until_a_day_before(invite, tenant, run_jobs, time_machine):
    starter = invite("noor", starts_in=timedelta(days=2))
    tenant.tenant.accounts["noor"].properties.update(accountEnabled=False)
    a_check(run_jobs)
    early = Starter.objects.get(pk=starter.pk).problem
    time_machine.move_to(starter.starts_at - timedelta(hours=20))
    a_check(run_jobs)

    assert (early, Starter.objects.get(pk=starter.pk).problem) == ("", "refused")
    assert len(to_hr()) == 1


# --- F5: a page claims that HR was notified only where that is on record -----------------------------------------


def outside_the_pass_policy(tenant):
    tenant.tenant.policy.update(state="disabled")


def an_admin_as_manager(tenant):
    pass


def signed_in_before(tenant):
    tenant.tenant.accounts["noor"].signs_in(tenant.tenant.clock.now() - 3600)
    Starter.objects.update(last_sign_in_at=timezone.now() - timedelta(hours=1))


@pytest.mark.parametrize(
    ("key", "manager", "happens"),
    [
        ("noor", "maria", outside_the_pass_policy),
        ("noor", "maria", signed_in_before),
        ("olga", "amir", an_admin_as_manager),
    ],
    ids=["outside the pass policy", "an account signed in before", "an admin as manager"],
)
def test_f5_page_claims_hr_notified_only_afterwards(
    key, manager, happens, invite, browser_of, tenant, run_jobs
):
    starter, browser = invite(key), browser_of(manager)
    happens(tenant)

    before = words_of(page_of(browser.get(f"/starters/{starter.public_id}/")))
    mails_before = len(to_hr())
    run_jobs()
    after = words_of(page_of(browser.get(f"/starters/{starter.public_id}/")))

    assert "HR has not been notified yet." in before and mails_before == 0
    assert "HR was notified on" in after and len(to_hr()) == 1
    assert Starter.objects.get(pk=starter.pk).hr_notified_at == to_hr()[0].written_at


def test_f5_without_an_hr_address_no_page_claims_notification(invite, browser_of, tenant, run_jobs, settings):
    settings.HR_ADDRESS = ""
    starter = invite("noor")
    outside_the_pass_policy(tenant)
    a_check(run_jobs)

    page = words_of(page_of(browser_of("maria").get(f"/starters/{starter.public_id}/")))

    assert "HR has not been notified yet." in page and "HR was notified" not in page


# --- F6: a mail says what happened -------------------------------------------------------------------------------


def test_f6_a_mail_about_an_added_starter_claims_no_click(record, tenant, run_jobs):
    tenant.tenant.accounts["noor"].properties.update(employeeHireDate="2099-01-01T00:00:00Z")
    record("noor", starts_in=timedelta(days=20))
    run_jobs()

    (mail,) = to_hr()

    assert "Noor de Vries was added but cannot get a pass yet." in mail.text
    assert "asked for a pass" not in mail.text and "Nobody has requested one." in mail.text
    assert to_security() == []


def test_f6_a_missing_manager_notifies_hr_and_not_security(browser_of, tenant, run_jobs):
    hanna, ben = browser_of("hanna"), BY_KEY["ben"]
    typed = {
        "account": ben.user_principal_name, "start_date": "2026-12-20", "start_time": "09:00", "time_zone": "UTC",
        "note": "",
    }  # fmt: skip
    hanna.post("/hr/new/", {**typed, "step": "look"})
    hanna.post("/hr/new/", {**typed, "step": "save", "seen": ben.object_id})
    run_jobs()

    assert Starter.objects.get().problem == "no_manager"
    assert [mail.kind for mail in to_hr()] == ["problem"]
    assert to_security() == []


@pytest.mark.parametrize(("key", "hears"), [("eligible", 1), ("old", 0), ("misdated", 0)])
def test_f6_adding_a_privileged_account_notifies_security(key, hears, record, tenant, run_jobs):
    record(key, starts_in=timedelta(days=1))
    run_jobs()

    assert len(to_security()) == hears
    assert all("was added" in mail.text for mail in to_security())


# --- P7: the account was deleted while the page was open ---------------------------------------------------------


@pytest.mark.parametrize("clicks", [False, True], ids=["the page is opened again", "the manager clicks"])
def test_p7_a_deleted_account_is_shown_with_the_notification(clicks, invite, browser_of, tenant):
    starter, maria = invite("noor"), browser_of("maria")
    path = f"/starters/{starter.public_id}/"
    form = {"identity_check": "in_person", "version": starter.version, "policy": policy.for_site().number}
    maria.get(path)
    tenant.tenant.accounts["noor"].exists = False

    answers = [maria.post(path, form) if clicks else maria.get(path), maria.get(path)]

    for answer in answers:
        page = words_of(html.unescape(answer.content.decode()))
        assert answer.status_code == 410
        assert "This account no longer exists" in page and "HR was notified on" in page
    assert AuditEvent.objects.get(event="starter.blocked").facts == {
        "problem": "account_gone",
        "notified": ["hr"],
    }
    assert [mail.kind for mail in to_hr()] == ["problem"]
    assert browser_of("outsider").get(path).status_code == 404


# --- Accounts that IT handles: one code and one text ---------------------------------------------------------------


def denied(account, policy_says):
    policy_says(deny_list=BY_KEY["noor"].object_id)


KINDS = {
    "denied": denied,
    "privileged": lambda account, _: account.directory_roles.append(USER_ADMINISTRATOR),
    "eligible": lambda account, _: account.eligible_roles.append(HELPDESK_ADMINISTRATOR),
    "role group": lambda account, _: account.groups.append(SERVER_OPERATORS.name),
    "eligible group": lambda account, _: account.eligible_groups.append(ACCOUNT_TEAM.name),
    "restricted": lambda account, _: account.properties.update(isManagementRestricted=True),
}


UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def without_differences(words):
    """Remove what differs for any two starters: names in addresses, tokens, versions, event numbers, times, stop codes."""
    words = re.sub(UUID, "UUID", words)
    words = re.sub(r'(?<=[/"])[A-Za-z0-9_-]{22}(?=[/":.])', "ID", words)
    words = re.sub(
        r'(csrfmiddlewaretoken" value|nonce|data-fingerprint|name="(?:version|policy)" value)="[^"]*"',
        r"\1",
        words,
    )
    words = re.sub(r"<span>[0-9A-Z]{4}</span>", "CODE", words)
    words = re.sub(r'value="ID:[^"]+"', 'value="SEEN"', words)
    words = re.sub(r"<script.*?</script>|<time.*?</time>", " ", words, flags=re.S)
    words = re.sub(r'((?:ends|seconds|data-[a-z-]*seconds[a-z-]*))="\d+"', r'\1="N"', words)
    words = re.sub(r"(reference number|event) \d+", r"\1 N", words)
    return re.sub(r"\d{1,2}:\d\d(:\d\d)?", "TIME", words)


class Reading:
    """A browser that keeps every response under the name of the requested page."""

    def __init__(self, browser, said):
        self.browser, self.said = browser, said

    def get(self, address):
        return self._keep("GET", address, self.browser.get(address, follow=True))

    def post(self, address, fields):
        return self._keep("POST", address, self.browser.post(address, fields, follow=True))

    def _keep(self, method, address, answer):
        name = resolve(urlsplit(address).path).view_name
        words = html.unescape(answer.content.decode())
        self.said[f"{len(self.said):03} {method} {name} {answer.status_code}"] = words
        return words


class Walk:
    """What HR and the manager can open and click for a starter whose account IT handles."""

    def __init__(self, browser_of, run_jobs):
        self.said, self.run_jobs = {}, run_jobs
        self.hanna, self.henry = (
            Reading(browser_of("hanna"), self.said),
            Reading(browser_of("henry"), self.said),
        )
        self.maria = Reading(browser_of("maria"), self.said)

    def looks_up(self, other):
        """Look up the account: alone, pasted with others, and as another account for a starter."""
        account = BY_KEY["noor"].user_principal_name
        when = {"start_date": "2026-12-20", "start_time": "09:00", "time_zone": "UTC", "note": ""}
        self.hanna.get("/hr/new/")
        self.hanna.post("/hr/new/", {**when, "account": account, "step": "look"})
        self.hanna.get("/hr/new/several/")
        pasted = {**when, "accounts": f"Noor;{account};Service design", "step": "look"}
        words = self.hanna.post("/hr/new/several/", pasted)
        take = re.search(r'name="take"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="take"', words, re.S)
        taken = {**pasted, "step": "save", "take": [take[1] or take[2]], "shown": account}
        point = transaction.savepoint()
        self.hanna.post("/hr/new/several/", taken)
        transaction.savepoint_rollback(point)
        address, fields = f"/hr/{other.public_id}/account/", {"account": account, "version": other.version}
        self.hanna.get(address)
        self.hanna.post(address, {**fields, "step": "look"})
        self.hanna.post(address, {**fields, "step": "save", "seen": BY_KEY["noor"].object_id})

    def opens_everything(self, starter):
        """Open each page of HR, and the manager's two pages."""
        own = f"/hr/{starter.public_id}/"
        for address in (
            "/hr/",
            "/hr/?state=problem",
            "/hr/?state=all",
            "/hr/day/",
            f"/hr/day/{starter.start_date}/",
        ):
            self.hanna.get(address)
        self.hanna.get("/hr/to-accept/")  # with a starter on it: tests/api/test_privileged_accounts.py
        self.hanna.post("/hr/to-accept/", {})
        self.hanna.get("/hr/mail/")
        self.hanna.post("/hr/mail/", {"choice": "digest"})
        self.hanna.post("/hr/export/", {"query": "state=all", "format": "csv"})
        self.hanna.get(own)
        for page in ("edit", "account", "stand-in", "approve", "allow", "withdraw", "bring-back", "restart"):
            self.hanna.get(f"{own}{page}/")
        self.maria.get("/")
        self.maria.get(f"/starters/{starter.public_id}/")

    def does_everything(self, starter):
        """Do each action of HR, and the manager's click, in turn."""
        self.clicks(starter)
        self.acts(starter, "send")
        self.acts(starter, "look-again", **self.seen_of(starter))
        self.acts(starter, "accept", found=starter.account_id)
        self.acts(starter, "allow", reason="She is here")
        self.acts(starter, "account", account=BY_KEY["noor"].user_principal_name, step="look")
        self.together(starter, "send")
        self.together(starter, "do-send")
        self.together(starter, "move")
        self.together(starter, "accept")
        self.together(starter, "do-accept")
        self.acts(starter, "stop-code")
        self.acts(starter, "restart", reason="I asked")
        self.together(
            starter, "do-move", start_date=str(starter.start_date), start_time="08:00", time_zone=""
        )
        self.acts(
            starter, "edit", start_date=str(starter.start_date), start_time="07:30", time_zone=ZONE, note="Hi"
        )
        self.acts(starter, "stand-in", step="route", seen=BY_KEY["ceo"].object_id, reason="Away")
        self.acts(starter, "approve", by=self.henry, reason="I asked")
        self.acts(starter, "stand-in", step="end", reason="Back again")
        last = starter.last_issue()
        self.acts(starter, "take-back", issue=str(last.number) if last else "1")
        self.run_jobs()
        self.acts(starter, "withdraw", reason="A mistake")
        self.run_jobs()
        self.hanna.get(f"/hr/{starter.public_id}/bring-back/")
        self.acts(starter, "bring-back", reason="They come after all")

    def clicks(self, starter):
        fields = {"identity_check": "in_person", "version": self.version_of(starter)}
        self.maria.post(f"/starters/{starter.public_id}/", {**fields, "policy": policy.for_site().number})

    def acts(self, starter, action, by=None, **fields):
        address = f"/hr/{starter.public_id}/{action}/"
        (by or self.hanna).post(address, {"version": self.version_of(starter), **fields})

    def together(self, starter, step, **fields):
        look = self.hanna.browser.post("/hr/together/", {"step": "move", "starter": starter.public_id})
        (chosen,) = re.findall(rf'value="({starter.public_id}:[^"]+)"', look.content.decode())
        self.hanna.post("/hr/together/", {"step": step, "starter": chosen, **fields})

    def version_of(self, starter):
        return Starter.objects.values_list("version", flat=True).get(pk=starter.pk)

    def seen_of(self, starter):
        now = Starter.objects.get(pk=starter.pk)
        return {
            "name": now.display_name, "account_name": now.account_name, "employee_id": now.employee_id,
            "manager_id": now.manager_id,
        }  # fmt: skip

    def reads_mails(self):
        for mail in Mail.objects.exclude(recipient="security").order_by("pk"):
            name = f"{len(self.said):03} mail {mail.kind} {mail.recipient}"
            self.said[name] = f"{mail.subject}\n{mail.text}\n{mail.html}\n{mail.reason}"

    def not_read(self, starter):
        """The actions of HR's pages that this walk has not requested, as `POST hr:name`."""
        read = {" ".join(name.split()[1:3]) for name in self.said}
        asked = {
            f"{method} {name}": (method, address) for name, address in hr_pages(starter) for method in METHODS
        }
        left = {key: self.hanna.browser.generic(*how) for key, how in asked.items() if key not in read}
        return {key for key, answer in left.items() if answer.status_code != 405}

    def words(self):
        return {name: without_differences(words) for name, words in self.said.items()}


def every_other_mail(starter):
    """Write the other kinds of mail for this starter, which no click in this walk sends."""
    now = Starter.objects.select_related("recorded_by").get(pk=starter.pk)
    with audit.transaction():
        notifications.write_reminder(now)
        notifications.write_early_reminder(now)
        notifications.write_escalation(now, None)
        notifications.write_not_asked(now, to=now.confirmer_mail, reader_id=now.confirmer_id)
        notifications.write_account_replaced(now)
        notifications.write_start_moved(now)
        notifications.write_withdrawal(now)
        notifications.write_account_found(now)
        notifications.write_problem(now, Starter.Problem.NO_MANAGER)
        notifications.write_registered(now)
        notifications.write_stop_to_hr(now, by_name="Maria", is_former=False)
        notifications.write_invitation(now, number=99)
        if (issue := now.last_issue()) is not None:
            notifications.write_pass_cancelled(issue)
            notifications.write_used_early(issue)
    theirs = Mail.objects.filter(starter=now).exclude(text="")
    build_digest(list(theirs.filter(recipient="hr")[:3]), to="hr@contoso.example")
    build_digest(list(theirs.filter(kind__in=BATCHED_KINDS, recipient="manager")), to=now.confirmer_mail)


ADDED, INVITED, PASS_OUT = "before it is added", "after the link", "while a pass is out"


def everything_said_of(kind, stage, browser_of, tenant, policy_says, record, run_jobs):
    """Every page and mail for HR and the manager about a starter with an account of this kind."""
    policy_says(approve_manager=True)
    walk, account = Walk(browser_of, run_jobs), tenant.tenant.accounts["noor"]
    if stage == ADDED:
        KINDS[kind](account, policy_says)
        walk.looks_up(record("liam"))
        Starter.objects.filter(account_id=BY_KEY["noor"].object_id).update(state="withdrawn")
    starter = record("noor")
    if stage != ADDED:
        browser_of("hanna").post(f"/hr/{starter.public_id}/send/", {"version": starter.version})
        run_jobs()
        if stage == PASS_OUT:
            has_a_pass(browser_of("maria"), starter)
        KINDS[kind](account, policy_says)
    a_check(run_jobs)
    walk.opens_everything(starter)
    walk.does_everything(starter)
    a_check(run_jobs)
    walk.opens_everything(starter)
    every_other_mail(starter)
    walk.reads_mails()
    about_adding = (
        set() if stage == ADDED else {f"{how} hr:{page}" for how in METHODS for page in ("record", "several")}
    )
    assert walk.not_read(starter) == about_adding
    return walk.words()


def has_a_pass(maria, starter):
    starter_checks.check_starter(str(starter.pk))  # the worker reads the facts that the guards need
    fields = {"version": Starter.objects.get(pk=starter.pk).version, "policy": policy.for_site().number}
    maria.post(f"/starters/{starter.public_id}/", {"identity_check": "in_person", **fields})
    issue = starter.issues.get()
    maria.post(f"/starters/{starter.public_id}/{issue.pk}/receipt/")
    assert starter.issues.get().state == "held"


METHODS = ("GET", "POST")
WITHOUT_STARTER = {"saved", "saved-delete"}  # filters of a list; the import has no starter either


def hr_pages(starter):
    """Every page of HR by the name of its route, with its address for this starter."""
    (hr,) = (
        found
        for found in get_resolver().url_patterns[0].url_patterns
        if getattr(found, "app_name", "") == "hr"
    )
    given = {"public_id": starter.public_id, "day": str(starter.start_date)}
    for entry in hr.url_patterns:
        if isinstance(entry, URLResolver) or entry.name in WITHOUT_STARTER:
            continue
        wanted = {name: given[name] for name in entry.pattern.converters}
        yield f"hr:{entry.name}", reverse(f"hr:{entry.name}", kwargs=wanted)


MAILS = {
    path.name.partition(".")[0] for path in Path(settings.BASE_DIR, "templates/emails").glob("*.subject.txt")
} - {
    "directory_alarm",
    "erasure",
    "policy_changed",
    "policy_draft",
    "sessions_ended",
}  # to security, or about no starter


STAGES = (ADDED, INVITED, PASS_OUT)


def kinds_compared(stage):
    """All kinds. Where each test runs once, a third of them at each stage: each kind is compared at one stage."""
    others = [kind for kind in KINDS if kind != "privileged"]
    return ["privileged", *plan.part_of(others, len(STAGES), STAGES.index(stage))]


@pytest.mark.parametrize("stage", STAGES)
def test_accounts_that_it_handles_read_alike_everywhere(
    stage, browser_of, tenant, policy_says, record, run_jobs, worker_alive, person, settings
):
    """The test fails if the walk does not read a page of HR or a mail: add it to the walk."""
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 100_000
    person("maria")
    found = {}
    for kind in kinds_compared(stage):
        jobs.record_heartbeat("a worker")  # all kinds together can take longer than a heartbeat counts
        point = transaction.savepoint()
        found[kind] = everything_said_of(kind, stage, browser_of, tenant, policy_says, record, run_jobs)
        transaction.savepoint_rollback(point)
        policy.clear_version_cache()
        tenant.reset()

    first = found["privileged"]
    for kind, said in found.items():
        assert list(said) == list(first), kind
        for name, words in first.items():
            assert said[name] == words, (name, kind)
    assert MAILS - {name.split()[2] for name in first if " mail " in name} == (
        set() if stage == PASS_OUT else {"taken_back", "unexpected"}
    )
    told = {name.split()[2] for name, words in first.items() if "give IT the reference number N" in words}
    told_in = {
        ADDED: {"hr:record", "hr:several", "hr:account", "hr:starter", "hr:day", "refused"},
        INVITED: {"hr:starter", "hr:day", "managers:starter", "refused"},
        PASS_OUT: set(),
    }
    assert told_in[stage] <= told


def test_accounts_that_it_handles_read_alike_in_the_doctor(
    browser_of, tenant, policy_says, worker_alive, person
):
    person("maria")
    ada, found, noor = browser_of("ada"), {}, BY_KEY["noor"]
    for kind in KINDS:
        jobs.record_heartbeat("a worker")
        point = transaction.savepoint()
        KINDS[kind](tenant.tenant.accounts["noor"], policy_says)
        forget_everything_cached()
        page = without_differences(page_of(ada.post("/admin/doctor/", {"account": noor.object_id})))
        out = StringIO()
        with suppress(SystemExit):
            call_command("doctor", "--account", noor.object_id, "--json", stdout=out)
        report = {check["id"]: check for check in json.loads(out.getvalue())["checks"]}
        rows = [
            {**check, "detail": without_differences(check["detail"])}
            for check in report.values()
            if check["id"] != "audit.end"
        ]
        found[kind] = (re.search(r'<tr[^>]*id="guard.handled_by_it".*</table>', page, re.S)[0], rows)
        transaction.savepoint_rollback(point)
        policy.clear_version_cache()
        tenant.reset()

    page, report = found["privileged"]
    assert all(seen == (page, report) for seen in found.values())
    of_account = [check for check in report if check["id"].startswith(("fact.", "guard.", "account."))]
    wrong = [check for check in of_account if check["state"] == "wrong"]
    assert [check["id"] for check in wrong] == ["guard.handled_by_it"]
    assert "ask IT to help the starter sign in" in wrong[0]["fix"] and "ask IT to help" in page
    reads = [check for check in report if check["id"].startswith("fact.")]
    assert len(reads) > 9 and {check["state"] for check in reads} == {"ok"}


def test_the_doctor_names_the_reference_that_hr_reads(browser_of, tenant, record, run_jobs):
    tenant.tenant.accounts["noor"].groups.append(SERVER_OPERATORS.name)
    starter = record("noor")
    run_jobs()
    own = words_of(page_of(browser_of("hanna").get(f"/hr/{starter.public_id}/")))

    page = words_of(page_of(browser_of("ada").post("/admin/doctor/", {"account": starter.account_id})))

    assert (
        re.search(r"give IT the reference number (\d+)", page)[1]
        == re.search(r"give IT the reference number (\d+)", own)[1]
    )


def test_hrs_reference_is_the_number_of_the_audit_event(browser_of, tenant, record, run_jobs):
    tenant.tenant.accounts["noor"].groups.append(SERVER_OPERATORS.name)
    starter = record("noor")
    run_jobs()

    page = words_of(page_of(browser_of("hanna").get(f"/hr/{starter.public_id}/")))

    reference = re.search(r"give IT the reference number (\d+)", page)[1]
    event = AuditEvent.objects.get(seq=reference)
    assert (event.starter, event.facts["codes"]) == (starter.public_id, ["no_role_group"])
    assert any("can have administrator roles" in mail.text for mail in to_security())
    found = page_of(browser_of("audrey").get(f"/admin/onboarding/auditevent/{reference}/change/"))
    assert "no_role_group" in found
