"""Every guard at every place where it is checked, with every kind of answer: generated from the table of guards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from onboarding import clock, graph, guards, policy
from onboarding.guards import Place
from onboarding.lifecycle import StarterState
from onboarding.models import AuditEvent, DirectoryFinding, Mail, PassIssue, Starter
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import RefusedByGuards, TryAgainLater
from onboarding.starters import directory, invitations
from onboarding.starters.errors import LinkNotSent
from onboarding.transitions import move_starter
from onboarding.worker import starter_checks
from portal.models import User
from portal.sandbox.people import ACCOUNT_TEAM, HELPDESK_ADMINISTRATOR, SERVER_OPERATORS, USER_ADMINISTRATOR
from portal.sandbox.records import passkey_method
from tests.conftest import BY_KEY, creations
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

NOOR, MARIA = BY_KEY["noor"], BY_KEY["maria"]
ACCOUNT, MANAGER = rf"/users/{NOOR.object_id}$", "/manager$"


@dataclass
class World:
    """One starter, and the changes that a test can make to the directory, the policy and the people."""

    tenant: Any
    policy_says: Callable[..., Any]
    person: Callable[[str], User]
    starter: Starter
    confirmer: str = "maria"
    signed_in_ago: timedelta = timedelta(seconds=5)

    @property
    def account(self) -> Any:
        return self.tenant.tenant.accounts["noor"]

    def tell(self, **properties: Any) -> None:
        self.account.properties.update(properties)

    def kept(self, **fields: Any) -> None:
        Starter.objects.filter(pk=self.starter.pk).update(**fields)

    def changes_manager(self) -> None:
        self.account.manager = self.confirmer = "tom"

    def made_passes(self) -> None:
        """Maria has already created one pass today, for another starter. It counts for the site, too."""
        start = {"start_date": date(2026, 9, 1), "start_time": time(9), "time_zone": "UTC"}
        other = Starter.objects.create(
            account_id="x",
            account_name="x@y.example",
            recorded_by=self.person("hanna"),
            state="registered",
            **start,
        )
        PassIssue.objects.create(
            starter=other, account_id="x", number=1, state="closed", actor=self.person("maria"), lifetime_minutes=60,
            policy_id=policy.for_site().number, lease_until=timezone.now(), identity_check="known",
        )  # fmt: skip


def unknown_pass(world: World) -> None:
    """After a backup was restored, Entra had a pass for this starter that the database does not know."""
    now = timezone.now()
    DirectoryFinding.objects.create(
        key="pass:x", kind="restored", at=now, found_at=now, event=1, starter=world.starter
    )


def stopped_before(world: World) -> None:
    """Somebody used the emergency stop for an earlier starter with this account, whom HR then withdrew."""
    Starter.objects.create(
        account_id=NOOR.object_id,
        account_name="earlier@contoso.example",
        recorded_by=world.person("hanna"),
        state="withdrawn",
        stopped_at=timezone.now(),
        start_date=date(2026, 9, 1),
        start_time=time(9),
        time_zone="UTC",
    )


def foreign_pass(world: World) -> None:
    now = world.tenant.tenant.clock.now()
    world.tenant.tenant.add_pass(world.account, now, now, 60, True, "help desk's pass")


@dataclass(frozen=True)
class Case:
    """What makes one guard refuse, and the Graph path of its facts."""

    fails: Callable[[World], object]
    part: str = ""  # the path of its facts
    fields: tuple[str, ...] = ("value",)  # without these facts the guard has no answer
    optional: bool = False  # the tenant may deny the read: the guard itself decides then
    problem: str = ""  # it blocks the starter before any guard is checked
    hidden: bool = False  # a person who fails it does not see the page


CASES: dict[str, Case] = {
    # If Graph returns another account than the requested one, there is no answer, so its guard is not checked.
    "same_account": Case(
        lambda w: w.tenant.tenant.faults.add(
            {"path": ACCOUNT, "mutate": {"id": BY_KEY["ben"].object_id}, "times": None}
        )
    ),
    "not_stopped": Case(stopped_before),
    "not_denied": Case(lambda w: w.policy_says(deny_list=NOOR.object_id)),
    "enabled": Case(lambda w: w.tell(accountEnabled=False), ACCOUNT, ("accountEnabled",)),
    "internal_member": Case(lambda w: w.tell(userType="Guest"), ACCOUNT, ("userType",)),
    "is_new": Case(
        lambda w: w.tell(createdDateTime="2020-01-01T00:00:00Z", employeeHireDate=None), ACCOUNT,
        ("createdDateTime", "employeeHireDate"),
    ),
    "never_signed_in": Case(lambda w: setattr(w.account, "last_sign_in", w.tenant.tenant.clock.now() - 60)),
    "no_own_method": Case(
        lambda w: w.account.methods.append(passkey_method("A key", 0)), "/authentication/methods$"
    ),
    "no_active_role": Case(
        lambda w: w.account.directory_roles.append(USER_ADMINISTRATOR), "/roleAssignments$"
    ),
    "no_eligible_role": Case(
        lambda w: w.account.eligible_roles.append(HELPDESK_ADMINISTRATOR), "/roleEligibilityScheduleInstances$",
        optional=True,
    ),
    "no_role_group": Case(
        lambda w: w.account.groups.append(SERVER_OPERATORS.name), "/transitiveMemberOf/microsoft.graph.group$"
    ),
    "no_eligible_group": Case(
        lambda w: w.account.eligible_groups.append(ACCOUNT_TEAM.name), "/group/eligibilityScheduleInstances$",
        optional=True,
    ),
    "not_restricted": Case(lambda w: w.tell(isManagementRestricted=True), ACCOUNT, ("isManagementRestricted",)),
    "in_scope": Case(lambda w: w.policy_says(scope_domains="elsewhere.example")),
    "in_pass_policy": Case(
        lambda w: w.tenant.tenant.policy.update(state="disabled"), "/temporaryAccessPass$", ("state",), optional=True
    ),
    "same_person": Case(
        lambda w: w.tell(displayName="Somebody Else"), ACCOUNT, ("employeeId",), problem="account_changed"
    ),
    "hire_date_agrees": Case(lambda w: w.tell(employeeHireDate="2099-01-01T00:00:00Z")),
    "same_manager": Case(World.changes_manager, MANAGER, ("id",), problem="manager_changed"),
    "manager_now": Case(lambda w: setattr(w.account, "manager", "tom"), problem="manager_changed", hidden=True),
    "manager_enabled": Case(
        lambda w: w.tenant.tenant.accounts["maria"].properties.update(accountEnabled=False), MANAGER,
        ("accountEnabled",),
    ),
    "three_people": Case(
        lambda w: w.kept(shaped_by=[BY_KEY["hanna"].object_id, MARIA.object_id]), problem="manager_recorded"
    ),
    "recorder_is_a_person": Case(lambda w: w.kept(recorded_by=None)),
    "approved": Case(lambda w: w.policy_says(approve_all=True)),
    "not_an_admin": Case(lambda w: User.objects.filter(pk=w.person("maria").pk).update(roles=["Admin"])),
    "manager_has_room": Case(
        lambda w: (w.made_passes(), w.policy_says(manager_daily=1, attempts=1))
    ),
    "site_has_room": Case(lambda w: (w.made_passes(), w.policy_says(site_daily=1, manager_daily=2))),
    "sign_in_is_fresh": Case(lambda w: setattr(w, "signed_in_ago", timedelta(hours=1))),
    "step_up_is_for_this": Case(lambda w: w.policy_says(step_up_context="c1")),
    "no_foreign_pass": Case(foreign_pass, "/authentication/methods$"),
    "no_unknown_pass": Case(unknown_pass),
}  # fmt: skip
WITH_FACTS = [code for code, case in CASES.items() if case.part]
CODES = [guard.code for guard in guards.GUARDS]


@pytest.fixture
def world(tenant, record, policy_says, person, worker_alive, every_guard_on) -> World:
    person("maria"), person("tom")
    return World(tenant, policy_says, person, record("noor"))


# --- The four places, as the portal itself goes through them ------------------------------------------------------


def at_recording(world: World) -> set[str] | None:
    """The codes in HR's warnings, for one account or in a list. None if the portal could not check."""
    alone = directory.look_up(NOOR.object_id).found
    listed = directory.look_up_several([NOOR.object_id])[NOOR.object_id].found
    if listed:
        (listed,) = directory.read_facts_of_several([listed], seconds=10)
    warned = [_warned(world, found) for found in (alone, listed)]
    assert warned[0] == warned[1]
    return warned[0]


def _warned(world: World, found: directory.FoundAccount | None) -> set[str] | None:
    if found is None or found.facts is None:
        return None
    starter = Starter.objects.select_related("recorded_by").get(pk=world.starter.pk)
    return {guard.code for guard in directory.guards_refusing(starter, found)}


def at_sending(world: World) -> set[str] | None:
    """The codes that block the link. A problem counts as its own code. None if the portal could not check."""
    starter = Starter.objects.select_related("recorded_by").get(pk=world.starter.pk)
    mails = Mail.objects.filter(kind="invitation").count()
    try:
        invitations.send_link(starter=starter, by=world.person("hanna"))
    except LinkNotSent:
        assert Mail.objects.filter(kind="invitation").count() == mails
        starter = Starter.objects.get(pk=starter.pk)
        return set(starter.refused_for) or {starter.problem}
    except graph.GraphError:
        assert Mail.objects.filter(kind="invitation").count() == mails
        return None
    return set()


def ensure_invited(world: World) -> None:
    """Mark the starter as invited, as if the link was sent before the problem began, and let the worker check."""
    starter = Starter.objects.get(pk=world.starter.pk)
    if starter.state == StarterState.RECORDED:
        changes = {"problem": "", "refused_for": [], "invited_at": clock.now()}
        move_starter(starter, StarterState.INVITED, event="starter.invited", changes=changes)
    starter_checks.check_starter(str(starter.pk))


def at_looking(world: World, browser_of: Any) -> tuple[int, set[str]]:
    """The manager's page before a click: its status, and the codes that it names."""
    before = AuditEvent.objects.count(), Mail.objects.count()
    page = browser_of(world.confirmer).get(f"/starters/{world.starter.public_id}/")
    assert (AuditEvent.objects.count(), Mail.objects.count()) == before
    if page.status_code != 200:
        return page.status_code, set()
    seen = page.context["page_state"]
    assert seen.code in {"ready", "refused", "sign_in"}, seen
    codes = (
        seen.lines[-1].removeprefix("Error code: ").rstrip(".").split(", ") if seen.code == "refused" else []
    )
    return 200, set(codes)


def codes_on_page(*codes: str) -> set[str]:
    """The codes of these refusals as a page names them."""
    return {reason.code for reason in guards.reasons_for_codes(codes, reference=1)}


def at_the_click(world: World, confirmation: Any) -> set[str] | None:
    """The codes that refuse the click, or None if the portal could not check. Checks that no pass was created."""
    before = len(creations(world.tenant))
    said = confirmation(
        Starter.objects.get(pk=world.starter.pk),
        by=world.confirmer,
        signed_in_at=clock.now() - world.signed_in_ago,
    )
    outcome = outcome_of(said)
    if isinstance(outcome, Shown):
        return set()
    assert len(creations(world.tenant)) == before
    if isinstance(outcome, RefusedByGuards):
        return {guard.code for guard in outcome.guards}
    assert isinstance(outcome, TryAgainLater) and outcome.code in {"not_checkable", "account_gone"}, outcome
    return None


# --- Pass, and fail -------------------------------------------------------------------------------------------------


def test_every_guard_has_a_case_here():
    assert set(CASES) == set(CODES)


def test_where_nothing_is_wrong_no_guard_refuses_anywhere(world, browser_of, confirmation):
    assert at_recording(world) == set()
    assert at_sending(world) == set()
    ensure_invited(world)
    assert at_looking(world, browser_of) == (200, set())
    assert at_the_click(world, confirmation) == set()


def test_facts_of_another_account_are_refused_everywhere(world, browser_of, confirmation):
    ensure_invited(world)
    CASES["same_account"].fails(world)

    assert (at_recording(world), at_sending(world), at_the_click(world, confirmation)) == (None, None, None)
    assert at_looking(world, browser_of) == (200, set())
    assert creations(world.tenant) == []


@pytest.mark.parametrize("code", [code for code in CODES if code != "same_account"])
def test_each_place_reports_a_failing_guard(world, browser_of, confirmation, code):
    guard, case = guards.BY_CODE[code], CASES[code]
    case.fails(world)

    warned = at_recording(world)
    sent = at_sending(world)
    ensure_invited(world)
    looked = at_looking(world, browser_of)
    pressed = at_the_click(world, confirmation)

    early = code != "never_signed_in"  # unknown until the worker has read it
    saved_only = code == "no_unknown_pass"  # the worker asks about alarms once the starter is saved
    assert (code in warned) is (guard.is_asked_at(Place.RECORDED) and early and not saved_only)
    blocks = guard.is_asked_at(Place.SENT) and early and not guard.resolves_itself
    assert sent == ({case.problem} if case.problem else {code} if blocks else set())
    if case.hidden:
        assert looked == (404, set())
    else:
        assert looked == (200, codes_on_page(code) if guard.is_asked_at(Place.OPENED) else set())
    assert pressed is not None and code in pressed
    assert creations(world.tenant) == []


ALARMING = [guard.code for guard in guards.GUARDS if guard.alarming]


@pytest.mark.parametrize("code", [code for code in ALARMING if code != "same_account"])
def test_only_security_hears_the_exact_reason(world, confirmation, code):
    CASES[code].fails(world)
    ensure_invited(world)
    Mail.objects.all().delete()

    at_the_click(world, confirmation)

    to = set(Mail.objects.filter(kind="refused").values_list("to", flat=True))
    assert to == {"hr@contoso.example", "security@contoso.example"}


# --- Graph fails, keeps something back, or leaves a field out ----------------------------------------------------------


@pytest.mark.parametrize("status", [500, 404])
@pytest.mark.parametrize("code", WITH_FACTS)
def test_an_error_of_graph_refuses_everywhere(world, browser_of, confirmation, code, status):
    if (code, status) in {("same_manager", 404), ("manager_enabled", 404)} or CASES[code].part == ACCOUNT:
        status = 500  # 404 has its own meaning there: no manager, or no account
    fault, scarce = (
        {"path": CASES[code].part, "status": status, "times": None},
        guards.BY_CODE[code].scarce,
    )
    faults = world.tenant.tenant.faults

    faults.add(fault)
    warned, sent = at_recording(world), at_sending(world)
    faults.end_all()
    ensure_invited(world)
    faults.add(fault)

    assert (warned, sent) == ((set(), set()) if scarce else (None, None))
    looked, said = at_looking(world, browser_of)
    assert (looked in {200, 503}, said) == (True, set())
    assert at_the_click(world, confirmation) is None
    assert creations(world.tenant) == []


@pytest.mark.parametrize("code", [code for code in WITH_FACTS if not CASES[code].optional])
def test_a_permission_that_is_missing_is_a_refusal(world, confirmation, code):
    ensure_invited(world)
    world.tenant.tenant.faults.add({"path": CASES[code].part, "status": 403, "times": None})

    assert at_the_click(world, confirmation) is None
    assert creations(world.tenant) == []


OPTIONAL = [code for code in WITH_FACTS if CASES[code].optional]


@pytest.mark.parametrize("answer", [403, 400], ids=["no right", "no licence"])
@pytest.mark.parametrize("code", OPTIONAL)
def test_unreadable_facts_are_refused_or_skipped_by_policy(
    world, browser_of, confirmation, policy_says, code, answer
):
    error = {"error": {"code": "AadPremiumLicenseRequired", "message": "A premium license is needed."}}
    ensure_invited(world)
    world.tenant.tenant.faults.add({"path": CASES[code].part, "status": answer, "body": error, "times": None})
    guard = guards.BY_CODE[code]

    assert at_looking(world, browser_of) == (200, {f"{code}.unread"})
    assert at_the_click(world, confirmation) == {f"{code}.unread"}
    policy_says(**{guard.setting: "skip"})
    assert at_looking(world, browser_of) == (200, set())
    assert at_the_click(world, confirmation) == set()

    intent = AuditEvent.objects.get(event="issue.intent")
    assert code in intent.facts["not_checked"]


@pytest.mark.parametrize("code", [code for code in WITH_FACTS if CASES[code].fields])
def test_a_field_that_is_missing_is_a_refusal(world, confirmation, code):
    ensure_invited(world)
    case = CASES[code]
    world.tenant.tenant.faults.add({"path": case.part, "remove": list(case.fields), "times": None})

    said = at_the_click(world, confirmation)

    assert said is None or code in said
    assert creations(world.tenant) == []


@pytest.mark.parametrize("code", sorted({g.code for g in guards.GUARDS if g.setting} - set(OPTIONAL)))
def test_the_intent_records_guards_that_policy_turned_off(world, confirmation, policy_says, code):
    setting = guards.BY_CODE[code].setting
    off: Any = {"sign_ins": "skip", "hire_date": "off"}.get(setting, False)
    policy_says(**{setting: off})
    if code == "never_signed_in":
        world.tenant.tenant.granted.discard("AuditLog.Read.All")
        world.tenant.tenant.expire_tokens()
    elif code != "same_manager":
        CASES[code].fails(world)
    ensure_invited(world)

    assert at_the_click(world, confirmation) == set()
    assert code in AuditEvent.objects.get(event="issue.intent").facts["not_checked"]


def test_a_hire_date_may_be_demanded(world, confirmation, policy_says):
    policy_says(hire_date="required")
    world.tell(employeeHireDate=None)
    ensure_invited(world)

    assert at_the_click(world, confirmation) == {"hire_date_agrees"}


def test_signing_in_before_may_have_to_be_known(world, confirmation, policy_says):
    policy_says(sign_ins="refuse")
    world.tenant.tenant.granted.discard("AuditLog.Read.All")
    world.tenant.tenant.expire_tokens()
    ensure_invited(world)

    assert at_the_click(world, confirmation) == {"never_signed_in.unread"}


@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        ({"scope_domains": "contoso.example"}, True),
        ({"scope_domains": "fabrikam.example\ncontoso.example"}, True),
        ({"scope_domains": "example"}, False),
        ({"scope_departments": "service design"}, True),
        ({"scope_departments": "service"}, False),
        ({"scope_groups": "96000000-0000-4000-8000-000000000001"}, True),
        ({"scope_groups": "96000000-0000-4000-8000-000000000003"}, False),
        ({"scope_domains": "contoso.example", "scope_departments": "legal"}, False),
        ({"deny_list": "96000000-0000-4000-8000-000000000001"}, False),
        ({"deny_list": "96000000-0000-4000-8000-000000000003"}, True),
    ],
    ids=str,
)
def test_scope_follows_domains_departments_groups_and_the_deny_list(
    world, confirmation, policy_says, scope, inside
):
    policy_says(**scope)
    ensure_invited(world)

    said = at_the_click(world, confirmation)

    assert said == (set() if inside else {"not_denied" if "deny_list" in scope else "in_scope"})


@pytest.mark.parametrize(
    ("policy", "inside"),
    [
        ({"minimumLifetimeInMinutes": 60}, True),
        ({"minimumLifetimeInMinutes": 61}, False),
        ({"maximumLifetimeInMinutes": 60}, True),
        ({"maximumLifetimeInMinutes": 59}, False),
        ({"includeTargets": [{"id": NOOR.object_id, "targetType": "user"}]}, True),
        ({"includeTargets": [{"id": "96000000-0000-4000-8000-000000000003", "targetType": "group"}]}, False),
        ({"excludeTargets": [{"id": "96000000-0000-4000-8000-000000000001", "targetType": "group"}]}, False),
    ],
    ids=str,
)
def test_the_tenants_own_policy_is_asked_beforehand(world, confirmation, policy, inside):
    world.tenant.tenant.policy.update(policy)
    ensure_invited(world)

    assert at_the_click(world, confirmation) == (set() if inside else {"in_pass_policy"})
