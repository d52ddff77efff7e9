"""A probe pass: only for a named account without a role, within the limits, read by nobody, deleted in every case."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from onboarding import audit, clock, graph, guards, policy
from onboarding.directory_log import reading
from onboarding.jobs import JobPostponed
from onboarding.management.commands import prove_tenant
from onboarding.models import (
    AuditEvent,
    DirectoryFinding,
    Heartbeat,
    Job,
    LoggedPass,
    PolicyVersion,
    ProbePass,
)
from onboarding.models.policy_settings import SETTING_NAMES
from onboarding.models.tenant_proof.probe_pass import PROBES_KEPT
from onboarding.passes import creation
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import PageOutdated
from onboarding.tenant_proof import cleaning, guarding, requests
from onboarding.tenant_proof.findings import State
from onboarding.tenant_proof.run import ProofRun
from portal.sandbox.people import BY_KEY
from tests.conftest import creations, live_passes
from tests.support.outcomes import outcome_of
from tests.tenant_proof.conftest import free_quota

pytestmark = pytest.mark.django_db

NOOR = BY_KEY["noor"].object_id
PROBES = ("refused_lifetime", "creation", "listing", "second_post", "deletion")


def events(name=""):
    found = AuditEvent.objects.filter(event__startswith=f"probe.{name}").order_by("seq")
    return [event.event for event in found]


def refused_by(found):
    return found["creation"].facts.get("refused_by")


def open_probe():
    """A row as a claim leaves it."""
    return ProbePass.objects.create(
        account_id=NOOR,
        check_name="creation",
        lifetime_minutes=10,
        policy_id=policy.for_site().number,
        lease_until=clock.now(),
    )


# --- For whom ------------------------------------------------------------------------------------------------------


def test_an_account_that_no_policy_names_gets_none(tenant, prove, worker_alive):
    assert refused_by(prove("creation", probe="noor")) == ["not_named"]
    assert creations(tenant) == [] and events() == []


ROLES = ["ceo", "groupadmin", "eligible", "rolegroup", "eligiblegroup", "restricted"]


@pytest.mark.parametrize("key", [key for key in ROLES if key in BY_KEY])
@pytest.mark.parametrize("setting", ["refuse", "skip", "off"])
def test_an_account_with_a_role_never_gets_one(tenant, prove, named, policy_says, key, setting):
    roles = "skip" if setting == "off" else setting
    policy_says(eligible_roles=roles, eligible_groups=setting, restricted_unit=setting != "off")
    named(key)

    assert set(refused_by(prove("creation", probe=key))) & guarding.ABOUT_ROLES
    assert creations(tenant) == []


def test_unread_roles_refuse_although_the_policy_continues_without_them(
    tenant, prove, named, policy_says, fault
):
    policy_says(eligible_roles="skip", eligible_groups="skip")
    named("noor")
    fault(path="batch", mutate={}, status=403)

    assert prove("creation", probe="noor")["creation"].state == State.OPEN
    tenant.tenant.granted.discard("PrivilegedEligibilitySchedule.Read.AzureADGroup")
    tenant.tenant.expire_tokens()
    assert refused_by(prove("creation", probe="noor")) == ["no_eligible_group"]
    assert creations(tenant) == []


def test_each_guard_also_refuses_a_probe_pass(tenant, named, monkeypatch):
    named("noor")
    facts = guarding.read_facts(ProofRun(pause=free_quota), NOOR)
    question, real = guarding.build_question(facts), guards.evaluate_guard
    assert guarding.find_refusals(question) == []

    for code in [guard.code for guard in guards.GUARDS if guard.code not in guarding.ABOUT_PEOPLE]:

        def refuse(guard, asked, code=code):
            return guards.Verdict.REFUSES if guard.code == code else real(guard, asked)

        monkeypatch.setattr(guards, "evaluate_guard", refuse)
        assert guarding.find_refusals(question) == [code]


def test_what_the_guards_find_stops_the_request(tenant, named, monkeypatch):
    named("noor")
    monkeypatch.setattr(guarding, "find_refusals", lambda question: ["is_new"])

    with pytest.raises(requests.ProbeRefused):
        requests.request_pass(ProofRun(pause=free_quota), NOOR, check="creation")

    assert creations(tenant) == []


def test_the_guards_that_are_left_out_are_about_people():
    named = {guard.code for guard in guards.GUARDS if guard.personal}

    assert named < guarding.ABOUT_PEOPLE
    assert guarding.ABOUT_PEOPLE - named == {
        "same_manager", "manager_enabled", "recorder_is_a_person", "three_people", "approved",
    }  # fmt: skip
    assert {guard.code for guard in guards.GUARDS} >= guarding.ABOUT_ROLES | guarding.ABOUT_PEOPLE


def test_a_pass_of_another_tool_is_never_replaced(tenant, prove, named):
    named("haspass")

    assert refused_by(prove("creation", probe="haspass")) == ["no_foreign_pass"]
    assert len(live_passes(tenant, "haspass")) == 1


def test_the_account_of_a_starter_gets_none(tenant, prove, named, invite):
    invite("noor")
    named("noor")

    assert refused_by(prove("creation", probe="noor")) == ["is_a_starter"]


def test_a_starters_pass_waits_for_the_probe_pass(tenant, named, invite, confirmation):
    starter = invite("noor")
    probe = open_probe()

    assert isinstance(outcome_of(confirmation(starter)), PageOutdated) and creations(tenant) == []

    ProbePass.objects.filter(pk=probe.pk).update(ended_at=clock.now())
    assert isinstance(outcome_of(confirmation(starter)), Shown)


@pytest.mark.parametrize(
    ("how", "code"),
    [("frozen", "frozen"), ("no worker", "no_worker"), ("limit", "no_room_for_probes")],
)
def test_what_stops_other_passes_stops_probe_passes(tenant, prove, named, policy_says, how, code):
    named("noor")
    if how == "frozen":
        policy_says(frozen=True)
    elif how == "no worker":
        Heartbeat.objects.all().delete()
    else:
        policy_says(manager_daily=1, attempts=1)
        prove("refused_lifetime", probe="noor")

    found = prove("creation", probe="noor")

    assert refused_by(found) == [code]


def test_probe_passes_count_for_the_site(tenant, prove, named, policy_says):
    policy_says(site_daily=2, manager_daily=2, attempts=1)
    named("noor")
    rules = policy.for_department("")
    assert guards.table.people.daily_limits.is_site_below_limit(rules)

    prove("refused_lifetime", "creation", probe="noor")

    assert not guards.table.people.daily_limits.is_site_below_limit(rules)


# --- For one hour, by two admins -------------------------------------------------------------------------------------


def draft_of(**settings):
    now = policy.for_site()
    return PolicyVersion(**{name: getattr(now, name) for name in SETTING_NAMES} | settings, reason="A test")


def test_one_admin_is_not_enough(person, worker_alive):
    version = draft_of(probe_accounts=NOOR)

    assert policy.add_version(version, by=person("ada")) is False
    assert policy.find_end_of_probes(NOOR) is None


def test_the_console_is_not_an_admin(person):
    version = draft_of(probe_accounts=NOOR)
    policy.add_version(version, by=person("ada"))
    policy.activate_on_console(version.number, reason="A test", operator="root")

    assert NOOR in policy.for_site().probe_accounts and policy.find_end_of_probes(NOOR) is None


def test_the_hour_ends_although_another_version_follows(named, policy_says):
    began = timezone.now()
    named("noor")

    with time_machine.travel(began + timedelta(minutes=59)):
        assert policy.find_end_of_probes(NOOR) is not None
        policy_says(attempts=4)
        named("noor", "liam")
    with time_machine.travel(began + timedelta(minutes=61)):
        assert policy.find_end_of_probes(NOOR) is None
        assert policy.find_end_of_probes(BY_KEY["liam"].object_id) is not None


def test_naming_it_again_after_removing_it_begins_another_hour(named, policy_says):
    began = timezone.now()
    named("noor")

    with time_machine.travel(began + timedelta(minutes=90)):
        policy_says(probe_accounts="")
        named("noor")
        assert policy.find_end_of_probes(NOOR) is not None


def test_the_hour_is_checked_again_at_the_claim(tenant, named, monkeypatch):
    named("noor")
    run = ProofRun(probe_account=NOOR, pause=free_quota)
    real = guarding.read_facts

    def slow(*given):
        facts = real(*given)
        policy_version = draft_of(probe_accounts="")
        policy.add_version(policy_version, by=None, operator="root")
        return facts

    monkeypatch.setattr(guarding, "read_facts", slow)

    with pytest.raises(requests.ProbeRefused) as refusal:
        requests.request_pass(run, NOOR, check="creation")

    assert refusal.value.codes == ["not_named"] and creations(tenant) == [] and events() == []


# --- What happens to it ------------------------------------------------------------------------------------------------


def test_each_has_events_and_the_portals_request_id(tenant, prove, named):
    named("noor")

    prove(*PROBES, probe="noor")

    asked = list(ProbePass.objects.order_by("intended_at"))
    sent = [request["client_request_id"] for request in creations(tenant)]
    assert [str(probe.pk) for probe in asked] == sent and len(sent) == 3
    assert max(made.lifetime for made in tenant.tenant.passes if made.person == "noor") == 10
    told = {event.issue for event in AuditEvent.objects.filter(event="probe.intent")}
    assert told == {*sent}
    assert events() == [
        "probe.intent", "probe.refused",
        "probe.intent", "probe.created",
        "probe.intent", "probe.created",
        "probe.gone", "probe.gone", "probe.gone",
    ]  # fmt: skip
    assert live_passes(tenant) == [] and not ProbePass.objects.filter(ended_at=None).exists()


def test_no_report_no_log_and_no_row_has_it(tenant, named, caplog, tmp_path, settings):
    named("noor")
    tenant.tenant.witness = codes = []
    caplog.set_level(logging.DEBUG)
    out = StringIO()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prove_tenant, "ProofRun", partial(ProofRun, pause=free_quota))
        call_command("prove_tenant", probe=NOOR, report=str(tmp_path / "proof"), stdout=out)

    written = out.getvalue() + caplog.text + "".join(file.read_text() for file in sorted(tmp_path.iterdir()))
    written += repr(list(ProbePass.objects.values())) + repr(list(AuditEvent.objects.values()))
    tenant.tenant.witness = None
    assert len(codes) == 2 and not [code for code in codes if code in written or json.dumps(code) in written]
    assert 'temporaryAccessPass"' not in written


def test_the_code_is_wiped_before_anybody_has_it(tenant, monkeypatch):
    wiped = []
    real = graph.PassCode.wipe
    monkeypatch.setattr(graph.PassCode, "wipe", lambda code: wiped.append(1) or real(code))
    monkeypatch.setattr(graph.PassCode, "reveal", lambda code: pytest.fail("somebody read the code"))

    answered = graph.client().create_pass_unread(
        NOOR, lifetime_minutes=10, request_id=ProbePass(account_id=NOOR).pk
    )

    assert isinstance(answered, str) and wiped == [1]


# --- A run that is killed ------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What ends the process: no handler of errors catches it."""


def kill_after_post(named):
    """Create a probe pass, and end the run before the answer is recorded."""

    def raise_killed(*_given, **_how):
        raise Killed

    named("noor")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(requests, "_record_answer", raise_killed)
        requests.request_pass(ProofRun(probe_account=NOOR, pause=free_quota), NOOR, check="creation")


@pytest.mark.parametrize("who", ["the worker", "the next run"])
def test_a_run_that_is_killed_leaves_no_pass(tenant, prove, named, time_passes, who):
    kill_after_post(named)
    assert len(live_passes(tenant)) == 1

    if who == "the worker":
        time_passes(timedelta(minutes=3))
    else:
        prove("hire_dates")

    assert live_passes(tenant) == []
    assert events() == ["probe.intent", "probe.found", "probe.gone"]


def test_a_pass_that_appears_late_is_found_and_deleted(tenant, prove, named, fault):
    named("noor")
    fault(method="POST", drop="after", hide_for=60)
    prove("creation", probe="noor")
    (probe,) = ProbePass.objects.all()
    assert probe.answer == "unknown" and probe.ended_at is None

    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        tenant.tenant.passes[-1].hidden_until = 0
        for _ in range(2):
            free_quota()
            cleaning.clean_up_later(str(probe.pk))

    assert live_passes(tenant) == [] and events()[-2:] == ["probe.found", "probe.gone"]


def test_a_pass_of_a_refused_request_is_found_later(tenant, prove, named, fault, time_passes):
    """Microsoft refuses, and its list shows a pass of that request after a minute."""
    named("noor")
    fault(method="POST", status=400, applied=True, hide_for=100)
    prove("creation", probe="noor")
    assert ProbePass.objects.get().ended_at is not None and len(live_passes(tenant)) == 1

    tenant.tenant.passes[-1].hidden_until = 0
    time_passes(timedelta(minutes=4))

    assert live_passes(tenant) == [] and ProbePass.objects.get().ended_at is not None
    assert events() == ["probe.intent", "probe.refused", "probe.gone", "probe.found", "probe.gone"]


def test_a_process_that_was_stopped_for_too_long_sends_nothing(tenant, named, monkeypatch):
    named("noor")
    monkeypatch.setattr(requests.settings, "PASS_LEASE", timedelta(seconds=0))

    probe = requests.request_pass(ProofRun(pause=free_quota), NOOR, check="creation")

    assert probe.answer == "not_sent" and creations(tenant) == []


def test_without_an_answer_the_worker_keeps_looking(tenant, prove, named, fault):
    named("noor")
    fault(method="POST", drop="before")
    prove("creation", probe="noor")
    (probe,) = ProbePass.objects.all()
    settled = cleaning.settled_at(probe)

    with time_machine.travel(settled - timedelta(seconds=5)):
        free_quota()
        assert cleaning.clean_up_later(str(probe.pk)) is not None
    with time_machine.travel(settled + timedelta(seconds=5)):
        free_quota()
        assert cleaning.clean_up_later(str(probe.pk)) is not None  # a late pass may still come

    probe.refresh_from_db()
    assert probe.ended_at is not None
    with time_machine.travel(probe.ended_at + timedelta(hours=2)):
        free_quota()
        assert cleaning.clean_up_later(str(probe.pk)) is None
    assert settled - probe.lease_until >= timedelta(minutes=10) and events()[-1] == "probe.gone"


def test_a_deletion_that_is_only_said_does_not_count(tenant, prove, named, fault):
    """Microsoft answers 204, and the list shows the pass all the same."""
    named("noor")
    fault(method="DELETE", status=204, times=None)

    found = prove("creation", "deletion", probe="noor")

    assert (found["deletion"].state, found["deletion"].answer) == (State.ATTENTION, "not seen")
    assert Job.objects.filter(key__startswith="probe:", done_at=None).count() == 1
    tenant.tenant.faults.end_all()
    prove("token")
    assert live_passes(tenant) == [] and events()[-1] == "probe.gone"


def test_the_worker_yields_to_the_quota(tenant, prove, named, monkeypatch):
    named("noor")
    probe = open_probe()
    monkeypatch.setattr(cleaning.graph_quota, "acquire_for_worker", lambda calls, yields: 3.0)

    with pytest.raises(JobPostponed):
        cleaning.clean_up_later(str(probe.pk))


# --- Entra's audit log ---------------------------------------------------------------------------------------------------


def test_entras_log_agrees_about_probe_passes(tenant, prove, named):
    named("noor")
    prove("creation", "deletion", probe="noor")
    free_quota()

    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        reading.read_to_the_end(free_quota)

    assert not DirectoryFinding.objects.exists()
    assert LoggedPass.objects.get().probe == ProbePass.objects.get()


@pytest.mark.parametrize("checks", [["creation"], ["refused_lifetime"]], ids=str)
def test_a_probe_explains_only_what_it_created(tenant, prove, named, checks):
    named("noor")
    prove(*checks, "deletion", probe="noor")
    created = ProbePass.objects.filter(answer="created").count()
    graph.client().create_pass_unread(NOOR, lifetime_minutes=10, request_id=ProbePass.objects.get().pk)

    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        reading.read_to_the_end(free_quota)

    assert [finding.kind for finding in DirectoryFinding.objects.all()] == ["no_trail"]
    assert LoggedPass.objects.count() == created + 1


def test_the_rows_are_what_their_events_say(tenant, prove, named, fault):
    named("noor")
    prove(*PROBES, probe="noor")
    assert list(audit.compare_rows()) == []
    fault(method="POST", drop="after")
    prove("creation", probe="noor")

    assert {*ProbePass.objects.values_list("answer", flat=True)} == {"created", "refused", "unknown"}
    assert list(audit.compare_rows()) == []


def test_rows_that_retention_deleted_are_no_fault(tenant, prove, named):
    named("noor")
    prove("creation", "deletion", probe="noor")
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        ProbePass.objects.filter(ended_at__lt=clock.now() - PROBES_KEPT).delete()
        assert not ProbePass.objects.exists()
        assert list(audit.compare_rows()) == []


def test_a_row_without_an_event_explains_no_pass(tenant, named):
    open_probe()
    graph.client().create_pass_unread(NOOR, lifetime_minutes=10, request_id=ProbePass.objects.get().pk)

    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        reading.read_to_the_end(free_quota)

    assert DirectoryFinding.objects.get().kind == "no_trail"


# --- What is learned -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("learned", "seconds"), [(None, 3), (0, 3), (1, 3), (12, 13), (500, 30)])
def test_what_was_learned_only_lengthens_a_wait(db, learned, seconds):
    ProbePass.objects.filter(pk=open_probe().pk).update(listed_seconds=learned)

    assert creation.list_check_delay() == timedelta(seconds=seconds)


def test_the_list_check_learns_how_late_the_list_is(prove, named):
    named("noor")

    prove("creation", "listing", probe="noor")

    assert ProbePass.objects.get().listed_seconds is not None
