"""The manager's page in every state, and its response to a click on the button."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding import audit, graph, jobs, policy
from onboarding.lifecycle import StarterState
from onboarding.models import AuditEvent, GraphBudget, Heartbeat, Mail, PassIssue, PolicyVersion, Starter
from onboarding.passes import graph_quota, handover
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.claim import claim_issue
from onboarding.passes.creation import create_pass
from onboarding.passes.errors import PageOutdated, Queued
from onboarding.passes.handover import check_ready
from onboarding.passes.recording import record_pass
from onboarding.passes.refusal import require_guards
from onboarding.starters import rescheduling, withdrawal
from portal import identity
from portal.sandbox.records import passkey_method
from tests.conftest import creations, live_passes
from tests.faults.canary import found_in
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

PASSES = "temporaryAccessPassMethods"
NOOR = "5c0ffee0-0000-4000-8000-000000000020"


@pytest.fixture(autouse=True)
def traveller() -> Iterator[Any]:
    with time_machine.travel(datetime.now(UTC)) as traveller:
        yield traveller


@pytest.fixture
def codes(tenant: Any) -> Iterator[list[str]]:
    """Every code that the tenant creates. Only this test sees them."""
    tenant.tenant.witness = []
    yield tenant.tenant.witness
    tenant.tenant.witness = None


def page_of(starter: Starter) -> str:
    return reverse("managers:starter", args=[starter.public_id])


def form_of(starter: Starter, **changes: Any) -> dict[str, Any]:
    version = Starter.objects.values_list("version", flat=True).get(pk=starter.pk)
    seen = {"identity_check": "in_person", "version": version, "policy": policy.for_site().number}
    return seen | changes


def words(answer: Any) -> str:
    """The page's markup in one line."""
    return " ".join(answer.content.decode().split())


def every_row() -> dict[str, list[Any]]:
    """The whole database."""
    with connection.cursor() as cursor:
        rows = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  (names from the database itself)
            rows[table] = cursor.fetchall()
    return rows


# --- Every situation ----------------------------------------------------------------------------------------------


SITUATIONS: dict[str, tuple[str, str, str]] = {
    # situation: its code, words of the page, and its button
    "ready": ("ready", "Is Noor de Vries with you?", "Create the pass and show it once"),
    "recorded": ("early", "It is too early", ""),
    "early": ("early", "You can create the pass from", ""),
    "late": ("late", "Ask HR to change the start date", ""),
    "frozen": ("frozen", "You cannot create a pass at the moment", ""),
    "used up": ("used_up", "Ask HR to allow another", ""),
    "stale": ("sign_in", "First, confirm it is you", "Confirm it is you"),
    "waiting": ("waiting", "You are next.", ""),
    "issuing": ("issuing", "Do not request it again", ""),
    "unknown": ("unknown", "We are checking what happened", ""),
    "refused": ("checking", "The portal is making sure that no pass exists", ""),
    "shown": ("shown", "cannot be shown again", "I did not see the pass"),
    "held": ("held", "The pass was shown at", "Cancel this pass"),
    "used": ("held", "must set up a sign-in method within ten minutes", "Cancel this pass"),
    "revoking": ("revoking", "The pass is being cancelled", ""),
    "after a refusal": (
        "ready",
        "did not create a pass: Microsoft refused. You can try again",
        "Create the pass",
    ),
    "after a lost answer": ("ready", "did not create a pass: Microsoft did not respond", "Create the pass"),
    "after a deletion": ("ready", "no longer works", "Create the pass"),
    "registered": ("registered", "There is nothing left for you to do", ""),
    "withdrawn": ("withdrawn", "This starter has been withdrawn", ""),
}
BUTTONS = (
    "Create the pass and show it once",
    "Cancel this pass",
    "I did not see the pass",
    "Confirm it is you",
)


@pytest.fixture
def in_situation(  # noqa: C901 (one small function for each situation)
    tenant: Any,
    fault: Any,
    record: Any,
    invite: Any,
    confirmation: Any,
    held: Any,
    shown: Any,
    person: Any,
    run_jobs: Any,
    traveller: Any,
) -> Callable[[str], Starter]:
    """Puts Noor into the named situation."""

    def lost(**entry: Any) -> Starter:
        fault(path=PASSES, method="POST", **entry)
        outcome_of(confirmation(starter := invite("noor")))
        return starter

    def settled(**entry: Any) -> Starter:
        starter = lost(**entry)
        for seconds in (5, 125):
            traveller.shift(timedelta(seconds=seconds))
            run_jobs()
        return starter

    def held_and(change: Callable[[PassIssue], object]) -> Starter:
        change(issue := held("noor"))
        return issue.starter

    def issuing() -> Starter:
        click = confirmation(invite("noor"))
        claim_issue(click, *check_ready(click, graph_quota.IssueCalls()))
        return click.starter

    def used_up() -> Starter:
        policy.add_version(PolicyVersion(attempts=1, reason="One must do"), by=person("ada"))
        return settled(drop="after")

    def frozen() -> Starter:
        policy.add_version(PolicyVersion(frozen=True, reason="An attack"), by=person("ada"))
        return invite("noor")

    def waiting() -> Starter:
        starter = invite("noor")
        GraphBudget.objects.update(recent=[timezone.now().timestamp()] * 5)
        assert isinstance(outcome_of(confirmation(starter)), Queued)
        return starter

    def registered(issue: PassIssue) -> None:
        account = tenant.tenant.accounts["noor"]
        account.methods.append(passkey_method("Mine", tenant.tenant.clock.now()))
        run_jobs()

    def withdrawn() -> Starter:
        starter = invite("noor")
        withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="Does not come")
        return starter

    ways: dict[str, Callable[[], Starter]] = {
        "ready": lambda: invite("noor"),
        "recorded": lambda: record("noor", starts_in=timedelta(days=9)),
        "early": lambda: invite("noor", starts_in=timedelta(hours=3)),
        "late": lambda: invite("noor", starts_in=timedelta(days=-6)),
        "frozen": frozen,
        "used up": used_up,
        "stale": lambda: invite("noor"),
        "waiting": waiting,
        "issuing": issuing,
        "unknown": lambda: lost(drop="after"),
        "shown": lambda: shown("noor").issue.starter,
        "held": lambda: held("noor").starter,
        "used": lambda: held_and(lambda issue: PassIssue.objects.update(used_at=timezone.now())),
        "revoking": lambda: held_and(lambda issue: cancel_pass(issue, reason="lost")),
        "refused": lambda: lost(status=403),
        "after a refusal": lambda: settled(status=403),
        "after a lost answer": lambda: settled(drop="before"),
        "after a deletion": lambda: settled(drop="after"),
        "registered": lambda: held_and(registered),
        "withdrawn": withdrawn,
    }
    assert set(ways) == set(SITUATIONS)
    return lambda name: ways[name]()


def browser_for(situation: str, browser_of: Callable[..., Client]) -> Client:
    return browser_of("maria", ago=timedelta(minutes=6 if situation == "stale" else 0))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_page_shows_the_state_and_the_possible_action(in_situation, browser_of, situation):
    code, text, button = SITUATIONS[situation]
    starter = in_situation(situation)

    answer = browser_for(situation, browser_of).get(page_of(starter))

    assert answer.status_code == 200
    assert answer.context["page_state"].code == code
    assert text in words(answer)
    offered = [label for label in BUTTONS if label in words(answer)]
    assert len(offered) == bool(button)
    assert button in words(answer)
    assert "data-pass" not in words(answer)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_reading_the_page_changes_nothing(tenant, in_situation, browser_of, situation):
    starter = in_situation(situation)
    maria = browser_for(situation, browser_of)
    maria.get(page_of(starter))  # the first form puts its token into the session
    rows, passes = every_row(), len(tenant.tenant.passes)
    form = {**form_of(starter), "csrfmiddlewaretoken": "x"}

    assert maria.get(page_of(starter), form).status_code == 200
    assert maria.head(page_of(starter), form).content == b""
    assert maria.get("/starters/").status_code == 200

    assert every_row() == rows
    assert len(tenant.tenant.passes) == passes


@pytest.mark.parametrize("situation", [name for name in SITUATIONS if SITUATIONS[name][0] != "ready"])
def test_a_click_on_a_missing_button_creates_no_pass(tenant, in_situation, browser_of, situation):
    starter = in_situation(situation)
    before = len(creations(tenant))

    answer = browser_for(situation, browser_of).post(page_of(starter), form_of(starter))

    assert len(creations(tenant)) == before
    assert answer.status_code == {"frozen": 503, "stale": 403, "waiting": 200}.get(situation, 409)
    assert SITUATIONS[situation][1] in words(answer) or situation in {"frozen", "stale"}


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_http_methods_are_refused(tenant, invite, browser_of, method):
    starter = invite("noor")

    answer = getattr(browser_of("maria"), method)(page_of(starter))

    assert answer.status_code == 405
    assert creations(tenant) == []


# --- The pass -----------------------------------------------------------------------------


def test_the_response_to_the_click_shows_the_pass(codes, invite, browser_of):
    starter = invite("noor")

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert (answer.status_code, len(codes)) == (200, 1)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "noor.devries@contoso.example" in words(answer)
    assert Starter.objects.get(pk=starter.pk).state == StarterState.ISSUED


def test_no_other_response_and_no_row_contains_the_pass(codes, invite, browser_of, run_jobs):
    starter, maria, form = invite("noor"), browser_of("maria"), None
    form = form_of(starter)
    maria.post(page_of(starter), form)

    others = [maria.get(page_of(starter)), maria.post(page_of(starter), form), maria.get("/starters/")]
    issue = starter.issues.get()
    for name in ("receipt", "lost"):
        others.append(maria.post(reverse(f"managers:{name}", args=[starter.public_id, issue.pk])))
    others.append(maria.get(page_of(starter)))
    others.append(browser_of("hanna").get(reverse("hr:starter", args=[starter.public_id])))
    run_jobs()

    assert len(codes) == 1
    assert not any(found_in(answer.content.decode(), codes[0]) for answer in others)
    assert not found_in(repr(every_row()), codes[0])
    assert not found_in(repr(dict(maria.session)), codes[0])


@pytest.mark.parametrize("entry", [{"isUsable": False}, {"isUsableOnce": False}, {"lifetimeInMinutes": 90}])
def test_an_unshown_pass_is_in_no_response_and_no_row(
    tenant, codes, fault, invite, browser_of, run_jobs, entry
):
    starter, maria = invite("noor"), browser_of("maria")
    fault(path=PASSES, method="POST", mutate=entry)

    answer = maria.post(page_of(starter), form_of(starter))
    run_jobs()

    assert answer.status_code == 503
    assert not found_in(answer.content.decode(), codes[0])
    assert not found_in(repr(every_row()), codes[0])
    assert Mail.objects.filter(kind="refused", starter=starter).count() == 1


# --- Every outcome ------------------------------------------------------------------------------------------------


def test_a_refusal_shows_a_reason_and_a_code(tenant, invite, browser_of):
    starter = invite("disabled")

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert answer.status_code == 403
    assert "The account is not enabled yet." in words(answer)
    assert "Error code: enabled." in words(answer)
    assert not starter.issues.exists()
    refused = AuditEvent.objects.get(event="issue.refused")
    assert refused.facts["codes"] == ["enabled"]
    assert creations(tenant) == []


def test_a_pass_can_be_created_after_the_reason_is_fixed(tenant, invite, browser_of):
    starter, maria = invite("disabled"), browser_of("maria")
    maria.post(page_of(starter), form_of(starter))
    tenant.tenant.accounts["disabled"].properties["accountEnabled"] = True

    answer = maria.post(page_of(starter), form_of(starter))

    assert "data-pass" in words(answer)
    assert Starter.objects.get(pk=starter.pk).problem == ""


def test_a_stale_sign_in_gets_a_link_to_sign_in(tenant, invite, browser_of):
    starter = invite("noor")
    maria = browser_of("maria", ago=timedelta(minutes=6))

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 403
    assert answer.context["sign_in_url"].startswith(reverse("signin:again"))
    assert f"next={page_of(starter).replace('/', '%2F')}" in answer.context["sign_in_url"]
    assert "No pass was created, because you signed in too long ago." in words(answer)
    assert not Mail.objects.filter(kind="refused").exists()
    assert creations(tenant) == []


def test_an_expired_session_gets_a_page_instead_of_a_redirect(tenant, invite):
    starter = invite("noor")

    answer = Client().post(page_of(starter), form_of(starter))

    assert answer.status_code == 401
    assert b"Sign in" in answer.content
    assert creations(tenant) == []


def test_a_form_without_its_csrf_token_is_refused(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    maria.handler.enforce_csrf_checks = True

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 403
    assert creations(tenant) == []


def test_no_pass_is_created_without_a_worker(tenant, invite, browser_of):
    starter = invite("noor")
    Heartbeat.objects.update(beat_at=timezone.now() - jobs.HEARTBEAT_VALID_FOR - timedelta(seconds=1))

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "Part of the portal is not running" in words(answer)
    assert creations(tenant) == []
    assert GraphBudget.objects.get().recent == []


def test_no_pass_is_created_while_a_worker_finishes_nothing(tenant, invite, browser_of):
    """Its heartbeat is fresh, but nothing would delete an unseen pass: an earlier one still waits for that."""
    starter = invite("noor")
    overdue = timezone.now() - jobs.PASS_JOB_OVERDUE_AFTER - timedelta(seconds=1)
    jobs.enqueue_job("issue:of another starter", priority=jobs.Job.Priority.PASS, due_at=overdue)

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "Part of the portal is not running" in words(answer)
    assert creations(tenant) == []


def test_nothing_is_claimed_without_a_token_for_graph(tenant, fault, invite, confirmation):
    click = confirmation(invite("noor"))
    identity.forget_workload_identity()
    graph.forget_client()
    fault(path="/metadata/identity", status=500, times=None)

    outcome = outcome_of(click)

    assert outcome.code == "unreachable"
    assert not click.starter.issues.exists()
    assert GraphBudget.objects.get().recent == []


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("authentication/methods", 403, "could not check the account"),
        ("roleAssignments", 403, "could not check the account"),
        ("transitiveMemberOf", 500, "could not check the account"),
        (f"/users/{NOOR}$", 404, "Microsoft did not find the account"),
    ],
)
def test_a_failed_check_is_audited_as_a_refusal(tenant, fault, invite, browser_of, path, status, text):
    starter, maria = invite("noor"), browser_of("maria")
    fault(path=path, status=status, times=None)

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert text in words(answer)
    assert AuditEvent.objects.filter(event="issue.refused").count() == 1
    assert creations(tenant) == []
    assert len(GraphBudget.objects.get().recent) == 1


def test_an_unreachable_directory_creates_no_pass(tenant, fault, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    fault(path="batch", drop="before", times=None)

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "could not check the account" in words(answer)
    assert creations(tenant) == []


def test_a_throttled_manager_gets_a_queue_position_and_an_estimate(tenant, fault, invite, browser_of):
    starter = invite("noor")
    fault(path="authentication/methods", status=429, headers={"Retry-After": "120"})

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert answer.status_code == 200
    assert "About 2 minutes" in words(answer)
    assert creations(tenant) == []


def test_a_failed_save_of_the_intent_sends_nothing(tenant, monkeypatch, invite, browser_of):
    starter, write = invite("noor"), audit.record

    def full(event: str, **kwargs: Any) -> Any:
        if event == "issue.intent":
            raise DatabaseError("database or disk is full")
        return write(event, **kwargs)

    monkeypatch.setattr(audit, "record", full)

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "could not save your request, so it sent nothing" in words(answer)
    assert creations(tenant) == []
    assert Starter.objects.get(pk=starter.pk).version == starter.version


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"status": 403}, "Microsoft refused to create a pass for this account."),
        ({"status": 404}, "Microsoft does not know this account yet. Try again in a minute."),
        ({"drop": "after"}, "Microsoft’s answer did not reach the portal. A pass may have been created."),
        ({"mutate": {"isUsable": False}}, "Microsoft created a pass that cannot be used."),
        ({"status": 503, "applied": True}, "Microsoft’s answer did not reach the portal."),
    ],
)
def test_the_page_explains_why_there_is_no_pass(fault, invite, browser_of, entry, text):
    starter = invite("noor")
    fault(path=PASSES, method="POST", **entry)

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert (answer.status_code, answer.context["page_state"].code) == (503, "failed")
    assert "There is no pass to show" in words(answer)
    assert text in words(answer)


# --- The page is outdated -----------------------------------------------------------------------------


def test_a_starter_changed_since_the_page_is_shown_again(tenant, invite, browser_of, person):
    starter = invite("noor")
    form = form_of(starter)
    rescheduling.reschedule_starter(
        starter=starter,
        schedule=rescheduling.Schedule(starter.start_date, starter.start_time, starter.time_zone),
        note="Bring a coat",
        by=person("hanna"),
    )

    answer = browser_of("maria").post(page_of(starter), form)

    assert (answer.status_code, answer.context["page_state"].code) == (409, "ready")
    assert "Bring a coat" in words(answer)
    assert answer.context["form"].initial["version"] == starter.version
    assert creations(tenant) == []


def test_a_policy_changed_since_the_page_is_shown_again(tenant, invite, browser_of, person):
    starter = invite("noor")
    form = form_of(starter)
    policy.add_version(PolicyVersion(lifetime_minutes=30, reason="Shorter"), by=person("ada"))

    answer = browser_of("maria").post(page_of(starter), form)

    assert (answer.status_code, answer.context["page_state"].code) == (409, "ready")
    assert "expires after 30 minutes" in words(answer)
    assert creations(tenant) == []


def test_a_policy_change_after_the_checks_stops_the_claim(tenant, monkeypatch, invite, browser_of, person):
    starter, checked = invite("noor"), check_ready

    def change_policy_after(*args: Any) -> Any:
        found = checked(*args)
        policy.add_version(PolicyVersion(lifetime_minutes=30, reason="Shorter"), by=person("ada"))
        return found

    monkeypatch.setattr(handover, "check_ready", change_policy_after)

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert answer.status_code == 409
    assert not starter.issues.exists()
    assert creations(tenant) == []
    assert len(GraphBudget.objects.get().recent) == 1  # the read; the call of the POST was returned


def test_a_freeze_stops_passes_and_names_admin_and_reason(tenant, invite, browser_of, person):
    starter, maria = invite("noor"), browser_of("maria")
    policy.add_version(PolicyVersion(frozen=True, reason="A stolen laptop"), by=person("ada"))

    answer = maria.post(page_of(starter), form_of(starter))

    assert answer.status_code == 503
    assert "A stolen laptop" in words(answer)
    assert "Ada Jansen" in words(answer)
    assert creations(tenant) == []


def test_the_slower_of_two_requests_raises_no_alarm(tenant, invite, browser_of, confirmation, monkeypatch):
    """The faster request's pass looks foreign until it is recorded. That must not alert security."""
    starter, checks = invite("noor"), require_guards
    slower = confirmation(starter)

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(handover, "require_guards", checks)
        click = confirmation(starter)
        version, facts = check_ready(click, graph_quota.IssueCalls())
        issue = claim_issue(click, version, facts)
        created = create_pass(issue)
        facts = graph.client().issue_facts(starter.account_id)
        try:
            checks(args[0], args[1], facts)
        finally:
            record_pass(issue, created)

    monkeypatch.setattr(handover, "require_guards", overtaken)

    outcome = outcome_of(slower)

    assert isinstance(outcome, PageOutdated)
    assert not AuditEvent.objects.filter(event="issue.refused").exists()
    assert not Mail.objects.filter(kind="refused").exists()
    assert len(live_passes(tenant)) == 1


# --- The form -----------------------------------------------------------------------------------------------------


def test_a_missing_choice_is_shown_as_an_error(tenant, invite, browser_of):
    starter = invite("noor")

    answer = browser_of("maria").post(page_of(starter), form_of(starter, identity_check=""))

    assert answer.status_code == 400
    assert "Choose how you checked the starter’s identity." in words(answer)
    assert "Please check: Noor de Vries" in words(answer)
    assert creations(tenant) == []


@pytest.mark.parametrize("changes", [{"version": ""}, {"version": "x"}, {"policy": "-1"}])
def test_an_incomplete_form_creates_no_pass_and_keeps_the_choice(tenant, invite, browser_of, changes):
    starter = invite("noor")

    answer = browser_of("maria").post(
        page_of(starter), form_of(starter, identity_check="by_video", **changes)
    )

    assert answer.status_code == 400
    assert answer.context["form"]["identity_check"].value() == "by_video"
    assert 'value="by_video" id="id_identity_check_1" required checked' in words(answer)
    assert creations(tenant) == []


def test_an_invalid_identity_check_creates_no_pass(tenant, invite, browser_of):
    starter = invite("noor")

    answer = browser_of("maria").post(page_of(starter), form_of(starter, identity_check="trust_me"))

    assert answer.status_code == 400
    assert creations(tenant) == []


def test_the_identity_check_is_asked_for_each_pass(tenant, invite, browser_of, run_jobs):
    starter, maria = invite("noor"), browser_of("maria")
    maria.post(page_of(starter), form_of(starter, identity_check="by_video"))
    issue = starter.issues.get()
    maria.post(reverse("managers:not-seen", args=[starter.public_id, issue.pk]))
    run_jobs()

    again = maria.get(page_of(starter))

    assert issue.identity_check == "by_video"
    assert AuditEvent.objects.get(event="issue.intent").facts["identity_check"] == "by_video"
    assert again.context["form"]["identity_check"].value() == ""


def test_text_from_hr_and_the_directory_is_escaped(invite, browser_of):
    starter = invite("noor")
    Starter.objects.filter(pk=starter.pk).update(
        note="<script>alert(1)</script>", display_name="<img src=x onerror=alert(1)>"
    )

    answer = browser_of("maria").get(page_of(starter)).content.decode()

    assert "<script>alert(1)" not in answer
    assert "<img src=x" not in answer
    assert "&lt;script&gt;alert(1)" in answer
