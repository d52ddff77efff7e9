"""The command: what it prints, its exit status, its report, and the hand-over that it watches."""

from __future__ import annotations

import json
import re
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from onboarding import audit
from onboarding.lifecycle import StarterState
from onboarding.models import AuditEvent, ProbePass, Starter
from onboarding.passes import handover
from onboarding.tenant_proof import watching
from onboarding.tenant_proof.findings import State
from onboarding.tenant_proof.runner import CHECKS
from onboarding.transitions import move_starter
from portal.sandbox.people import BY_KEY
from portal.supervisor import manage_command
from tests.conftest import creations
from tests.tenant_proof.conftest import free_quota

pytestmark = pytest.mark.django_db

NOOR = BY_KEY["noor"]


def run_command(*checks, **options):
    """Return the exit status and what the command printed."""
    free_quota()
    out = StringIO()
    try:
        call_command("prove_tenant", *checks, stdout=out, stderr=StringIO(), **options)
    except SystemExit as ended:
        return ended.code, out.getvalue()
    return 0, out.getvalue()


def test_it_lists_all_checks():
    status, said = run_command(list=True)

    assert status == 0 and [line.split()[0] for line in said.splitlines()] == [check.name for check in CHECKS]


def test_the_page_lists_each_check_with_its_question():
    page = (Path(settings.BASE_DIR) / "docs/how-to/prove-the-tenant.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.+?\?)", page, re.M))

    shown = {check.name: check.question for check in CHECKS if check.group != "person"}
    assert rows == shown


READ_ONLY = (
    "token",
    "account",
    "sign_in_list",
    "pass_policy",
    "unknown_pass",
    "creation",
    "deletion",
    "mail",
    "handover",
)


def test_without_options_it_only_reads(tenant):
    status, said = run_command(*READ_ONLY, account=[NOOR.user_principal_name])

    posts = {request["path"] for request in tenant.tenant.requests if request["method"] != "GET"}
    assert status == 0, said
    assert {path.rsplit("/", 1)[1] for path in posts} <= {"$batch", "token"}
    assert creations(tenant) == [] and not tenant.tenant.mails
    assert (
        not ProbePass.objects.exists() and not AuditEvent.objects.filter(event__startswith="probe.").exists()
    )


@pytest.mark.parametrize(
    ("checks", "options", "status"),
    [
        (["hire_dates"], {}, 0),
        (["account"], {}, 0),  # skipped: nothing was asked
        (["pass_policy"], {}, 1),
        (["sign_ins"], {"account": [NOOR.user_principal_name]}, 1),
    ],
)
def test_the_exit_status_says_how_it_went(tenant, checks, options, status):
    tenant.tenant.policy["state"] = "disabled"
    tenant.tenant.granted.discard("AuditLog.Read.All")

    assert run_command(*checks, **options)[0] == status


@pytest.mark.parametrize(
    ("checks", "options"),
    [(["nonsense"], {}), ([], {"account": ["nobody@contoso.example"]}), ([], {"probe": "not an account"})],
)
def test_it_cannot_run_with_what_does_not_exist(tenant, checks, options):
    with pytest.raises(CommandError) as error:
        run_command(*checks, **options)

    assert error.value.returncode == 2


@pytest.mark.parametrize("name", ["proof", "proof.md", "proof.json"])
def test_the_report_is_written_twice(tenant, tmp_path, name):
    status, said = run_command("hire_dates", "mail", report=str(tmp_path / name))

    report = json.loads((tmp_path / "proof.json").read_text())
    page = (tmp_path / "proof.md").read_text()
    assert status == 0 and "proof.md" in said and report["proven"] is True
    assert {check["name"]: check["state"] for check in report["checks"]} == {
        "hire_dates": "answered",
        "mail": "skipped",
    }
    assert "## Answered" in page and "## Skipped" in page
    for words in watching.FOR_A_PERSON:
        assert words in page and words in report["for_a_person"]


def test_without_a_place_for_the_report_no_check_runs(tenant, tmp_path):
    before = len(tenant.tenant.requests)
    with pytest.raises(CommandError, match="Could not write") as error:
        run_command("hire_dates", report=str(tmp_path / "missing" / "proof"))

    assert error.value.returncode == 2 and len(tenant.tenant.requests) == before


def test_a_refused_probe_pass_is_an_open_question(tenant, worker_alive, tmp_path):
    checks = ("refused_lifetime", "creation", "listing", "second_post", "deletion")
    status, said = run_command(*checks, probe=NOOR.user_principal_name, report=str(tmp_path / "proof"))

    report = json.loads((tmp_path / "proof.json").read_text())
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert status == 1 and report["proven"] is False, said
    assert states == {**dict.fromkeys(checks, State.OPEN), "deletion": State.SKIPPED}
    assert "Nothing needs attention" not in (tmp_path / "proof.md").read_text()
    assert creations(tenant) == [] and not ProbePass.objects.exists()


def test_the_report_has_no_name_of_a_person(tenant, tmp_path):
    run_command("account", "eligibility", account=[NOOR.user_principal_name], report=str(tmp_path / "proof"))

    written = "".join(file.read_text() for file in sorted(tmp_path.iterdir())).casefold()
    assert NOOR.object_id in written
    assert not [
        word
        for word in (*NOOR.name.split(), NOOR.user_principal_name)
        if len(word) > 3 and word.casefold() in written
    ]


# --- A hand-over that three testers do --------------------------------------------------------------------------------


def test_it_watches_a_hand_over_to_its_end(prove, invite, confirmation):
    starter, said, steps = invite("noor"), [], []

    def step(_seconds: float) -> None:
        free_quota()
        steps.append(1)
        if len(steps) == 1:
            handover.confirm(confirmation(starter))
        else:
            with audit.transaction():
                audit.record("issue.used", starter=starter)
            move_starter(
                Starter.objects.get(pk=starter.pk), StarterState.REGISTERED, event="starter.registered"
            )

    found = prove("handover", watched_starter=NOOR.object_id, pause=step, say=said.append)["handover"]

    assert (found.state, found.answer) == (State.ANSWERED, "registered")
    assert said == [
        "Seen: issue.intent.",
        "Seen: issue.shown.",
        "Seen: issue.used.",
        "Seen: starter.registered.",
    ]


RESULTS = [
    ([], State.OPEN, "no pass"),
    (["issue.intent", "issue.shown", "issue.held"], State.ATTENTION, "not used"),
    (["issue.held", "issue.used"], State.ATTENTION, "used, not registered"),
]


@pytest.mark.parametrize(("events", "state", "answer"), RESULTS)
def test_a_hand_over_that_stops_says_where(prove, record, events, state, answer):
    starter = record("noor")
    with audit.transaction():
        for event in events:
            audit.record(event, starter=starter)

    found = prove("handover", watched_starter=NOOR.object_id, watch_seconds=-1.0)["handover"]

    assert (found.state, found.answer) == (state, answer)


def test_what_a_person_must_do_stays_open(prove):
    found = prove("handover", "grant")

    assert {finding.state for finding in found.values()} == {State.PERSON}


HOLD = (
    "import time; from django.db import connection; from onboarding.tenant_proof.one_run import only_run\n"
    "connection.settings_dict['NAME'] = {name!r}\n"
    "with only_run(): print('held', flush=True); time.sleep(60)"
)


@pytest.mark.both_databases
def test_a_second_run_is_refused_until_the_first_is_killed(tenant):
    code = HOLD.format(name=str(connection.settings_dict["NAME"]))
    command = manage_command("shell", "-v", "0", "--no-imports", "-c", code)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        try:
            assert first.stdout.readline() == "held\n"
            with pytest.raises(CommandError, match="Another prove_tenant is running"):
                call_command("prove_tenant", "token", stdout=StringIO())
        finally:
            first.kill()

    call_command("prove_tenant", "token", stdout=StringIO())
