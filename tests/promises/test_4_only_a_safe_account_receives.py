"""Promise 4: only a new, enabled, internal, unprivileged account without its own methods can receive a pass."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.utils import timezone

from onboarding import guards, policy
from onboarding.models import AuditEvent, Mail, Starter
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import RefusedByGuards
from tests.conftest import creations
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

# An account of the sandbox, and the guards that refuse it, in the order of the table.
REFUSED = {
    "guest": {"internal_member"},
    "disabled": {"enabled"},
    "passkey": {"no_own_method"},
    "phoned": {"no_own_method"},
    "eligible": {"no_eligible_role"},
    "rolegroup": {"no_role_group"},
    "groupadmin": {"no_active_role", "no_role_group"},
    "old": {"is_new", "never_signed_in"},
    "haspass": {"no_foreign_pass"},
}


def confirmed(invite, confirmation, key: str, **how):
    starter = invite(key, **how)
    return starter, outcome_of(confirmation(starter))


def codes(outcome) -> set[str]:
    assert isinstance(outcome, RefusedByGuards), outcome
    return {guard.code for guard in outcome.guards}


@pytest.mark.parametrize("key", REFUSED)
def test_each_guard_refuses_its_example_account(tenant, invite, confirmation, run_jobs, key):
    starter = invite(key)
    run_jobs()  # the worker reads the sign-in activity

    outcome = outcome_of(confirmation(Starter.objects.get(pk=starter.pk)))

    assert REFUSED[key] & codes(outcome), codes(outcome)
    assert creations(tenant) == []


def test_an_email_for_password_reset_is_no_own_method(tenant, invite, confirmation):
    _, outcome = confirmed(invite, confirmation, "mailed")

    assert isinstance(outcome, Shown), outcome


@pytest.mark.parametrize(("policy_values", "shown"), [({}, False), ({"phones_beforehand": True}, True)])
def test_a_phone_is_a_method_unless_policy_expects_it(
    tenant, invite, confirmation, policy_says, policy_values, shown
):
    policy_says(**policy_values)

    _, outcome = confirmed(invite, confirmation, "phoned")

    assert isinstance(outcome, Shown) is shown, outcome


def test_the_chief_executive_gets_no_pass(tenant, record, worker_alive, person, confirmation):
    tenant.tenant.accounts["ceo"].manager = "maria"
    starter = record("ceo")
    Starter.objects.filter(pk=starter.pk).update(state="invited", sign_in_looked_at=timezone.now())

    outcome = outcome_of(confirmation(starter))

    assert {"is_new", "no_own_method", "no_active_role"} <= codes(outcome)
    assert creations(tenant) == []


def test_an_account_used_before_its_first_pass_is_refused(tenant, invite, confirmation, run_jobs):
    tenant.tenant.granted.add("AuditLog.Read.All")
    tenant.tenant.expire_tokens()
    starter = invite("signedin")
    run_jobs()

    outcome = outcome_of(confirmation(Starter.objects.get(pk=starter.pk)))

    assert codes(outcome) == {"never_signed_in"}
    assert creations(tenant) == []


def test_no_pass_is_created_before_sign_ins_are_read(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    Starter.objects.update(sign_in_looked_at=None)

    answer = maria.post(
        f"/starters/{starter.public_id}/",
        {"identity_check": "known", "version": starter.version, "policy": policy.for_site().number},
    )

    assert answer.status_code == 503
    assert "still checking" in answer.content.decode()
    assert creations(tenant) == []


def test_the_guard_refuses_an_unread_account(invite):
    starter = invite("noor")
    starter.sign_in_looked_at = None

    assert guards.never_signed_in(SimpleNamespace(starter=starter, place=guards.Place.CLICKED)) is False


def test_an_old_account_without_a_hire_date_is_refused(tenant, invite, confirmation):
    account = tenant.tenant.accounts["noor"]
    account.properties["createdDateTime"] = "2020-01-01T00:00:00Z"
    account.properties["employeeHireDate"] = None

    _, outcome = confirmed(invite, confirmation, "noor")

    assert codes(outcome) == {"is_new"}


@pytest.mark.parametrize(
    ("readable", "created", "refused"),
    [
        (True, "2021-01-01T00:00:00Z", False),
        (True, "2020-05-31T23:59:59Z", True),
        (True, None, True),
        (False, "2021-01-01T00:00:00Z", True),
    ],
)
def test_a_hire_date_helps_only_accounts_with_known_history(
    tenant, invite, confirmation, readable, created, refused
):
    """HR systems write the hire date. An old account without sign-in activity stays an old account."""
    tenant.tenant.accounts["noor"].properties["createdDateTime"] = created
    if not readable:
        tenant.tenant.granted.discard("AuditLog.Read.All")
        tenant.tenant.expire_tokens()

    _, outcome = confirmed(invite, confirmation, "noor")

    assert (isinstance(outcome, RefusedByGuards) and codes(outcome) == {"is_new"}) is refused


@pytest.mark.parametrize("name", ["accountEnabled", "userType"])
def test_a_missing_property_counts_as_a_refusal(tenant, invite, confirmation, name):
    starter = invite("noor")
    tenant.tenant.accounts["noor"].properties[name] = None

    outcome = outcome_of(confirmation(starter))

    assert not isinstance(outcome, Shown)
    assert creations(tenant) == []


READS = [
    r"/v1.0/users/[^/]+$",
    ".*/manager$",
    ".*/authentication/methods$",
    ".*directoryRole$",
    ".*transitiveMemberOf/microsoft.graph.group$",
    ".*ownedObjects/microsoft.graph.group$",
    ".*roleAssignments$",
    ".*roleEligibilityScheduleInstances$",
]


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
@pytest.mark.parametrize("path", READS)
def test_an_unreadable_fact_counts_as_a_refusal(tenant, invite, confirmation, path, status):
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "GET", "path": path, "status": status, "times": None}])

    outcome = outcome_of(confirmation(starter))

    assert not isinstance(outcome, Shown), outcome
    assert creations(tenant) == []


@pytest.mark.parametrize(
    "permission",
    [
        "RoleManagement.Read.Directory",
        "GroupMember.Read.All",
        "UserAuthenticationMethod.Read.All",
        "User.Read.All",
    ],
)
def test_a_missing_permission_counts_as_a_refusal(tenant, invite, confirmation, permission):
    starter = invite("noor")
    tenant.tenant.granted.discard(permission)
    tenant.tenant.expire_tokens()

    outcome = outcome_of(confirmation(starter))

    assert not isinstance(outcome, Shown), outcome
    assert creations(tenant) == []


def test_the_account_is_checked_again_at_creation(tenant, invite, browser_of):
    """The account becomes an administrator between the page and the click."""
    starter, maria = invite("noor"), browser_of("maria")
    assert maria.get(f"/starters/{starter.public_id}/").context["form"]
    tenant.tenant.accounts["noor"].directory_roles.append("Global Administrator")

    answer = maria.post(
        f"/starters/{starter.public_id}/",
        {"identity_check": "known", "version": starter.version, "policy": policy.for_site().number},
    )

    assert answer.status_code == 403
    assert creations(tenant) == []


def test_a_refusal_is_worded_for_manager_hr_and_audit_log(tenant, invite, browser_of):
    starter, maria = invite("passkey"), browser_of("maria")

    answer = maria.post(
        f"/starters/{starter.public_id}/",
        {"identity_check": "in_person", "version": starter.version, "policy": policy.for_site().number},
    )

    guard = guards.BY_CODE["no_own_method"]
    page = answer.content.decode()
    assert answer.status_code == 403
    assert str(guard.for_manager) in page
    assert str(guard.for_hr) not in page
    assert AuditEvent.objects.get(event="issue.refused").facts["codes"] == ["no_own_method"]
    assert str(guard.for_hr) in browser_of("hanna").get(f"/hr/{starter.public_id}/").content.decode()
    assert set(Mail.objects.filter(kind="refused").values_list("to", flat=True)) == {
        "hr@contoso.example",
        "security@contoso.example",
    }


def test_a_failing_guard_refuses(tenant, invite, confirmation, monkeypatch):
    def breaks(question):
        raise ZeroDivisionError

    broken = guards.Guard("enabled", "a title", breaks, "a sentence", "words")
    monkeypatch.setattr("onboarding.guards.table.GUARDS", (broken,))

    _, outcome = confirmed(invite, confirmation, "noor")

    assert codes(outcome) == {"enabled"}
    assert creations(tenant) == []


def test_the_table_contains_every_guard():
    assert [guard.code for guard in guards.GUARDS] == [
        "same_account", "not_stopped", "not_denied", "enabled", "internal_member", "is_new", "never_signed_in",
        "no_own_method", "no_active_role", "no_eligible_role", "no_role_group", "no_eligible_group", "not_restricted",
        "in_scope", "in_pass_policy", "same_person", "hire_date_agrees", "same_manager", "manager_now", "manager_enabled",
        "recorder_is_a_person", "three_people", "approved", "not_an_admin", "manager_has_room", "site_has_room",
        "sign_in_is_fresh", "step_up_is_for_this", "no_foreign_pass", "no_unknown_pass",
    ]  # fmt: skip


def test_no_policy_switches_off_the_mandatory_guards():
    """No setting turns off the checks for privileged, disabled, guest or existing accounts and for three people."""
    settable = {guard.code for guard in guards.GUARDS if guard.setting}

    assert settable == {
        "never_signed_in", "no_eligible_role", "no_eligible_group", "not_restricted", "in_pass_policy", "same_person",
        "hire_date_agrees", "same_manager",
    }  # fmt: skip
