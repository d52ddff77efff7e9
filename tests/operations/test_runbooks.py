"""The runbooks do what they say: each is read, and its steps are done on the pages and at the sandbox tenant."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from datetime import timedelta

import pytest
import requests
from django.conf import settings as running
from django.core.management import call_command
from django.db import connection

from onboarding import audit, clock, policy
from onboarding.audit import triggers
from onboarding.hooks import subscriptions
from onboarding.lifecycle import StarterState
from onboarding.management.commands import worker
from onboarding.models import AuditEvent, DirectoryFinding, Hook, Mail, PolicyVersion, Starter
from onboarding.passes.receipt import confirm_receipt
from onboarding.tickets.request import Application
from portal.sandbox.people import BY_KEY
from tests.conftest import creations, live_passes
from tests.operations.runbook import Reader, Runbook, played

pytestmark = pytest.mark.django_db

CONFIRM = "Create the pass and show it once"


@pytest.fixture
def reader(browser_of):
    return lambda key: Reader(browser_of(key))


@pytest.fixture
def sends(tenant):
    """An administrator of the tenant sends a request that a guide prints."""

    def send(line: str, rights: list[str], method_id: str = "", body: str = "") -> requests.Response:
        method, path = line.split()
        path = path.replace("ACCOUNT", BY_KEY["noor"].user_principal_name).replace("METHOD", method_id)
        asked = {"administrator": rights}
        mine = requests.post(f"{tenant.url}/_control/change", json=asked, timeout=30).json()["administrator"]
        headers = {"Authorization": f"Bearer {mine['graph']}", "Content-Type": "application/json"}
        return requests.request(method, f"{tenant.url}{path}", headers=headers, data=body, timeout=30)

    return send


def uses_the_pass(tenant, code: str, *, registers: bool = True) -> requests.Session:
    """The thief signs in as Noor with the pass, and registers a passkey."""
    thief = requests.Session()
    form = {"account": BY_KEY["noor"].user_principal_name, "pass": code}
    assert thief.post(f"{tenant.url}/mysignins", data=form, timeout=30).ok
    if registers:
        assert thief.post(f"{tenant.url}/mysignins/register", data={"name": "Thief"}, timeout=30).ok
    return thief


# --- A pass was stolen -------------------------------------------------------------------------------------------


@pytest.fixture
def protected_tables():
    """The triggers, which the tests otherwise run without."""
    triggers.install_triggers(connection)
    yield
    triggers.remove_triggers(connection)


def test_a_pass_was_stolen(tenant, settings, held, reader, run_jobs, protected_tables):
    settings.GRAPH_BUDGET_CALLS = 1000
    issue = held("noor")
    public_id, maria_id = str(issue.starter.public_id), issue.actor_id
    hanna, maria, ada, henry = reader("hanna"), reader("maria"), reader("ada"), reader("henry")
    settings.HR_ADDRESS = settings.SECURITY_ADDRESS = "team@contoso.example"

    with played("a-pass-was-stolen") as guide:
        # 1. The pass ends.
        hanna.open("/hr/?q=noor")
        hanna.open(next(link for link in hanna.page.links.values() if public_id in link))
        maria.open(f"/starters/{public_id}/")
        assert guide.says("Cancel this pass") in maria.page.buttons
        hanna.click(guide.says("Cancel the pass"))
        assert guide.quotes("The pass is being cancelled") in hanna.page.text
        run_jobs()
        hanna.open(hanna.address)
        assert guide.quotes("The pass no longer exists") in hanna.page.text
        assert live_passes(tenant) == []

        # Or everything stops.
        maria.open(f"/starters/not-me/{public_id}/")
        maria.click(guide.says("Stop everything"))
        assert Mail.objects.filter(kind="stopped", recipient="hr").exists()
        assert hanna.client.get(guide.address("/sheet/stop/")).status_code == 200
        hanna.open(f"/hr/{public_id}/")
        hanna.click(guide.says("Create a stop code"))
        hanna.open(f"/hr/{public_id}/")
        assert guide.says("Create a new stop code") in hanna.page.buttons
        link = guide.quotes("Stop everything for this starter")
        assert link in Mail.objects.filter(kind="invitation").first().html

        # 4. The person's sessions end: an admin ends all, and the person sees their own.
        assert guide.says("Where you are signed in") in maria.page.links
        ada.open(guide.address("/admin/portal/user/"))
        ada.open(f"/admin/portal/user/{maria_id}/change/")
        ada.click(guide.says("End all sessions…"))
        assert "signs this person out in every browser" in ada.page.text

        # 5. What happened can be read, and kept.
        assert guide.quotes("The audit log is unchanged") in what_prints(guide.blocks()[0])
        assert guide.says("History") in hanna.page.text
        audrey = reader("audrey")
        assert guide.says("Starter") in audrey.open(guide.address("/audit/")).text
        audrey.click(guide.says("Search"), starter="noor")
        assert guide.says("Export as CSV") in audrey.page.buttons
        audrey.click("Noor de Vries")
        assert "The portal sent the pass to the page that requested it" in audrey.page.text
        events = guide.address("/admin/onboarding/auditevent/?q=STARTER").replace("STARTER", public_id)
        assert {"issue.shown", "issue.revoked"} <= set(ada.open(events).text.split())

        # 6. Other passes.
        passes = ada.open(guide.address("/admin/onboarding/passissue/"))
        assert guide.says("Identity confirmed by") in passes.text and "Maria Lindqvist" in passes.text
        for state in ("held", "shown"):
            ada.open(guide.address(f"/admin/onboarding/passissue/?state__exact={state}"))
            assert "Maria Lindqvist" not in ada.page.text  # the only pass is cancelled
        DirectoryFinding.objects.create(
            key="entry", kind="no_trail", event=1, at=clock.now(), found_at=clock.now()
        )
        assert "no_trail" in ada.open(guide.address("/admin/onboarding/directoryfinding/")).html
        assert guide.says("What did you find out?") in ada.open("/admin/").text
        ada.click(guide.says("Mark as resolved"), reason="A test of the service desk")
        assert DirectoryFinding.objects.get().closed_at

        # 7. Two people in HR end the stop, and the manager creates another.
        for somebody, button in ((hanna, "Ask to end the emergency stop"), (henry, "End the emergency stop")):
            somebody.open(f"/hr/{public_id}/")
            somebody.click(guide.says("End the emergency stop…"))
            somebody.click(guide.says(button), reason="Security says that the account is safe")
        run_jobs()
        henry.open(f"/hr/{public_id}/")
        henry.click(guide.says("Send the link again"))
        maria.open(f"/starters/{public_id}/")
        maria.click(guide.says(CONFIRM), identity_check="in_person")
        assert "data-secret" in maria.page.html
        assert guide.says("I did not see the pass") in maria.page.buttons
        assert len(creations(tenant)) == 2


def what_prints(line: str) -> str:
    """What a printed command of the portal prints. It runs in this process, on the database of the test."""
    words = shlex.split(line)
    assert words[:2] == [".venv-run/bin/python", "manage.py"]
    printed = io.StringIO()
    with contextlib.suppress(SystemExit):  # the doctor, about other checks
        call_command(*words[2:], stdout=printed)
    return printed.getvalue()


def test_the_thief_loses_methods_and_sessions(tenant, sends, settings, shown, run_jobs, reader):
    settings.GRAPH_BUDGET_CALLS = 1000
    outcome = shown("noor")
    thief = uses_the_pass(tenant, outcome.code.reveal())
    assert "You are signed in" in thief.get(f"{tenant.url}/mysignins/done", timeout=30).text
    guide = Runbook("a-pass-was-stolen")
    block, listing, deletions, revoke = guide.blocks("http")
    rights = re.findall(r"`(User\w*[.][\w.]+)`", guide.text.split("## 2.")[1].split("\n## ")[0])
    assert rights[-2:] == ["UserAuthenticationMethod.ReadWrite.All", "User.RevokeSessions.All"]

    line, _, body = block.partition("\n")
    assert sends(line, rights, body=body).ok
    form = {"account": BY_KEY["noor"].user_principal_name, "pass": outcome.code.reveal()}
    answer = requests.post(f"{tenant.url}/mysignins", data=form, timeout=30)
    assert "You are signed in" not in answer.text
    listed = sends(listing, rights).json()["value"]
    found = {kind_of(method): method["id"] for method in listed}
    assert {"fido2", "temporaryAccessPass"} <= set(found)
    for line in deletions.splitlines():
        kind = re.search(r"/(\w+)Methods/METHOD", line)
        if kind[1] in found:
            assert sends(line, rights, found[kind[1]]).ok, line
    assert sends(revoke, rights).ok

    assert {kind_of(method) for method in sends(listing, rights).json()["value"]} == {"password"}
    assert "You are signed in" not in thief.get(f"{tenant.url}/mysignins/done", timeout=30).text
    run_jobs()
    assert live_passes(tenant) == []


def kind_of(method: dict[str, str]) -> str:
    return method["@odata.type"].removeprefix("#microsoft.graph.").removesuffix("AuthenticationMethod")


def test_after_a_use_without_a_method_another_pass_works(tenant, settings, shown, reader, time_passes):
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000
    outcome = shown("noor")
    assert confirm_receipt(outcome.issue, by=outcome.issue.actor)
    uses_the_pass(tenant, outcome.code.reveal(), registers=False)
    time_passes(timedelta(minutes=14))

    maria = reader("maria")
    maria.open(f"/starters/{outcome.issue.starter.public_id}/")
    maria.click(CONFIRM, identity_check="in_person")
    assert "data-secret" in maria.page.html


def test_a_used_account_gets_no_pass_when_added_again(
    tenant, settings, shown, record, run_jobs, reader, time_passes
):
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000
    outcome = shown("noor")
    uses_the_pass(tenant, outcome.code.reveal())
    time_passes(timedelta(minutes=3))
    assert Starter.objects.get().state == StarterState.REGISTERED
    hanna = reader("hanna")
    hanna.open(f"/hr/{outcome.issue.starter.public_id}/")
    assert "Cancel the pass" not in hanna.page.buttons
    tenant.tenant.accounts["noor"].methods.clear()

    added = record("noor")
    time_passes(timedelta(minutes=3))

    assert "never_signed_in" in Starter.objects.get(pk=added.pk).refused_for
    maria = reader("maria")
    maria.open(f"/starters/{added.public_id}/")
    assert CONFIRM not in maria.page.buttons
    assert len(creations(tenant)) == 1


# --- A freeze ----------------------------------------------------------------------------------------------------


@pytest.fixture
def two_admins(person):
    return person("ada"), person("amir")


def test_one_admin_freezes_the_portal(tenant, settings, two_admins, held, invite, reader, run_jobs):
    settings.GRAPH_BUDGET_CALLS = 1000
    issue, maria, ada, hanna = held("noor"), reader("maria"), reader("ada"), reader("hanna")
    waiting = invite("liam")
    maria.open(f"/starters/{waiting.public_id}/")
    assert CONFIRM in maria.page.buttons

    with played("freeze-the-portal", "Freeze") as guide:
        ada.open(guide.address("/admin/"))
        assert guide.says("Freeze") in ada.page.text and guide.says("Reason") in ada.page.text
        ada.click(guide.says("Freeze the portal"), reason="A phone was stolen")
        assert policy.for_site().frozen

        answer = maria.client.post(
            maria.address, maria.page.buttons[CONFIRM][1] | {"identity_check": "in_person"}
        )
        assert answer.status_code != 200 and len(creations(tenant)) == 1
        maria.open(maria.address)
        assert CONFIRM not in maria.page.buttons
        assert "A phone was stolen" in maria.page.text and "Ada Jansen" in maria.page.text

        # The pass of before still works, and is in the list.
        assert len(live_passes(tenant)) == 1
        ada.open(guide.address("/admin/onboarding/passissue/?state__exact=held"))
        assert str(issue.pk) in ada.page.html
        ada.open(guide.address("/admin/onboarding/passissue/?state__exact=shown"))
        assert str(issue.pk) not in ada.page.html
        hanna.open(f"/hr/{issue.starter.public_id}/")
        hanna.click(guide.says("Cancel the pass"))
        run_jobs()
        assert live_passes(tenant) == []


def test_two_admins_end_the_freeze(tenant, two_admins, policy_says, invite, reader):
    policy_says(frozen=True)
    waiting, maria, ada, amir = invite("noor"), reader("maria"), reader("ada"), reader("amir")

    with played("freeze-the-portal", "End the freeze") as guide:
        ada.open(guide.address("/admin/"))
        assert guide.says("End the freeze") in ada.page.text and guide.says("Reason") in ada.page.text
        ada.click(guide.says("Save a draft that ends the freeze"), reason="The phone is found")
        assert policy.for_site().frozen
        amir.open("/admin/")
        draft = PolicyVersion.objects.latest("number")
        amir.click(f"{guide.says('Review version')} {draft.number}")
        amir.click(guide.says("Activate version"))

    assert not policy.for_site().frozen
    recorded = set(AuditEvent.objects.filter(event__startswith="policy.").values_list("event", flat=True))
    where = Runbook("freeze-the-portal", "Where it is recorded").text
    assert (
        recorded
        == {"policy.changed", "policy.proposed", "policy.activated"}
        == set(re.findall(r"`(policy\.\w+)`", where))
    )
    maria.open(f"/starters/{waiting.public_id}/")
    assert CONFIRM in maria.page.buttons


def test_the_console_freezes_the_portal(db):
    what_prints(Runbook("freeze-the-portal", "Freeze").blocks()[0])

    assert policy.for_site().frozen and policy.for_site().reason == "A phone was stolen"


# --- The key -----------------------------------------------------------------------------------------------------


def start_with(lines: str, **keys: str) -> dict[str, object]:
    """The keys that a start of the portal reads from the lines of a guide, with these keys for its words."""
    for word, key in keys.items():
        lines = re.sub(rf"\b{word}\b", lambda _, key=key: key, lines)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SECRET_KEY")}
    environment |= dict(line.split("=", 1) for line in lines.splitlines())
    code = "import json, portal.settings as s; print(json.dumps([s.SECRET_KEY, s.SECRET_KEY_FALLBACKS]))"
    read = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=running.BASE_DIR, check=True, capture_output=True
    )
    return dict(zip(("SECRET_KEY", "SECRET_KEY_FALLBACKS"), json.loads(read.stdout), strict=True))


def make_key(command: str) -> str:
    """The key that a printed command makes."""
    made = subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True, text=True).stdout
    assert len(made) >= 80 and "\n" not in made
    return made


@pytest.fixture
def restart(settings, monkeypatch):
    """The portal and its worker start again with these keys."""
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)

    def restarted(keys: dict[str, object]) -> None:
        for name, value in keys.items():
            setattr(settings, name, value)
        call_command("worker", "--once")

    return restarted


@pytest.fixture
def webhook(tenant, policy_says):
    """A webhook of another system."""
    client = "11111111-2222-4333-8444-555555555555"
    policy_says(api_applications=f"{client} servicenow", hook_hosts="127.0.0.1")
    by = Application(running.TENANT_ID, client, "servicenow", client, is_person=False)
    values = {
        "url": "http://127.0.0.1:1/",
        "source": "servicenow",
        "event_types": (),
        "hook_format": "standard",
    }
    return subscriptions.add_hook(**values, by=by)[0]


def doctor_says(guide: Runbook, line: str) -> str:
    """What the doctor says at the line that the guide names."""
    printed = what_prints(line).split(guide.says("Access to stored webhooks"))[1]
    return printed.split("\n✓")[0].split("\n✗")[0].split("\n?")[0].split("\n–")[0]


def is_signed_in(reader: Reader) -> bool:
    return reader.client.get("/hr/").status_code == 200


def test_the_key_is_rotated(tenant, webhook, reader, settings, restart):
    hanna, earlier = reader("hanna"), settings.SECRET_KEY

    with played("rotate-the-key", "The usual way") as guide:
        make, doctor = guide.blocks("sh")
        with_fallback, alone = guide.blocks("ini")
        key = make_key(make)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, [earlier]
        assert "SECRET_KEY_FALLBACKS" in doctor_says(guide, doctor)

        restart(start_with(with_fallback, NEW=key, EARLIER=earlier))
        assert [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS] == [key, earlier]
        assert is_signed_in(hanna)
        assert "SECRET_KEY_FALLBACKS" not in doctor_says(guide, doctor)

        restart(start_with(alone, NEW=key))
        assert [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS] == [key]
        assert is_signed_in(hanna)
        assert subscriptions.unseal_hook(Hook.objects.get())[1]
        assert AuditEvent.objects.filter(event="audit.key_changed").count() == 1
        assert list(audit.verify_chain()) == []


def test_the_key_has_leaked(tenant, webhook, reader, settings, restart):
    hanna, ada = reader("hanna"), reader("ada")
    doctor = Runbook("rotate-the-key", "The usual way").blocks("sh")[1]
    key = make_key(Runbook("rotate-the-key", "The usual way").blocks("sh")[0])

    with played("rotate-the-key", "The key has leaked") as guide:
        both, alone = guide.blocks("ini")
        for name, value in start_with(both, NEW=key, EARLIER=settings.SECRET_KEY).items():
            setattr(settings, name, value)
        what_prints(guide.blocks("sh")[0])
        restart(start_with(alone, NEW=key))
        assert list(audit.verify_chain()) == []
        assert not is_signed_in(hanna) and not is_signed_in(ada)

        assert "127.0.0.1" in doctor_says(guide, doctor)
        ada = reader("ada")
        page = ada.open(guide.address("/admin/onboarding/hook/"))
        action = guide.says("Revoke the selected webhooks")
        value = re.search(rf'<option value="(\w+)">{action}</option>', page.html)[1]
        ada.show(ada.client.post(ada.address, {"action": value, "_selected_action": str(webhook.pk)}))
        assert Hook.objects.get().ended_at is not None
        assert "127.0.0.1" not in doctor_says(guide, doctor)
