"""The policy: versions are only added, a second admin activates a draft, and departments can have overrides."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from onboarding import audit, policy
from onboarding.audit import triggers
from onboarding.models import AuditEvent, PassIssue, PolicyActivation, PolicyVersion, Starter
from onboarding.models.policy import DepartmentPolicy
from onboarding.models.policy_settings import DEPARTMENT_SETTINGS, SETTING_NAMES
from onboarding.policy import current, validation

pytestmark = pytest.mark.django_db

ADD = "/admin/onboarding/policyversion/add/"
ADD_FOR_DEPARTMENT = "/admin/onboarding/departmentpolicy/add/"


def filled(**differently: Any) -> dict[str, Any]:
    """The form as it opens, with an admin's changes."""
    now = policy.for_site()
    values = (
        {name: getattr(now, name) for name in SETTING_NAMES}
        | {"reason": "A test", "opened_on": policy.newest_version_number()}
        | differently
    )
    return {name: value for name, value in values.items() if value is not None and value is not False}


def for_department(department: str, **typed: Any) -> dict[str, Any]:
    """A department's form as it opens from its list, with an admin's changes."""
    opened = {"opened_on": policy.newest_version_number(), "opened_for": department}
    return opened | {"department": department, "reason": "A test"} | typed


def errors(answer: Any) -> dict[str, list[str]]:
    return dict(answer.context["adminform"].form.errors)


# --- The version cache -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_version_is_not_cached(policy_says):
    """A number that was rolled back is used again; the first version must not stay in the cache."""
    with pytest.raises(RuntimeError), transaction.atomic():
        number = policy_says(lifetime_minutes=30).number
        assert policy.for_site().lifetime_minutes == 30
        raise RuntimeError("and the power fails")

    PolicyVersion.objects.create(number=number, reason="Another", lifetime_minutes=40)

    assert policy.for_site().lifetime_minutes == 40


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "clock_was_ahead", [False, True], ids=["a right clock", "ahead when another was written"]
)
def test_another_database_in_the_same_process_has_its_own_versions(policy_says, clock_was_ahead):
    """A backup is restored while the portal runs, and an admin adds a version with the same number."""
    if clock_was_ahead:
        later = timezone.now() + timedelta(days=365)
        PolicyVersion.objects.create(reason="By a wrong clock", lifetime_minutes=50, created_at=later)
    number = policy_says(lifetime_minutes=30).number
    assert policy.for_site().lifetime_minutes == 30
    PolicyVersion.objects.filter(number=number).delete()

    PolicyVersion.objects.create(number=number, reason="Another", lifetime_minutes=40)

    assert policy.for_site().lifetime_minutes == 40


@pytest.mark.django_db(transaction=True)
def test_a_version_is_cached_and_the_newest_is_looked_up(policy_says):
    before = policy.for_site()
    with CaptureQueriesContext(connection) as queries:
        again = policy.for_site()
    assert len(queries) == 1
    assert "lifetime_minutes" not in queries[0]["sql"]
    assert (again.number, again is before) == (before.number, False)

    number = policy_says(frozen=True).number

    assert (policy.for_site().number, policy.for_site().frozen) == (number, True)


@pytest.mark.django_db(transaction=True)
def test_changing_a_returned_policy_does_not_change_the_cache():
    policy.for_site()
    policy.for_site().lifetime_minutes = 480

    assert policy.for_site().lifetime_minutes == 60


def test_the_version_cache_is_bounded(monkeypatch):
    monkeypatch.setattr("onboarding.policy.current.MAX_CACHED_VERSIONS", 2)
    versions = {("", number, timezone.now()): PolicyVersion(number=number) for number in range(5)}

    for seen, version in versions.items():
        current._cache_versions({seen: version})

    assert len(current._version_cache) <= 2
    policy.clear_version_cache()


# --- Versions ---------------------------------------------------------------------------------------------------


def test_a_new_version_starts_from_the_active_one(browser_of):
    ada, before = browser_of("ada"), policy.for_site().number
    opened = ada.get(ADD).context["adminform"].form.initial

    answer = ada.post(ADD, filled(lifetime_minutes=30, reason="Shorter is enough"))

    assert answer.status_code == 302, errors(answer)
    assert opened["lifetime_minutes"] == 60
    assert policy.for_site().lifetime_minutes == 30
    event = AuditEvent.objects.get(event="policy.changed")
    assert event.facts == {
        "from": before,
        "to": policy.for_site().number,
        "changed": {"lifetime_minutes": [60, 30]},
        "settings": audit.hash_settings(policy.for_site()),
    }
    assert (
        event.detail.values["by_name"] == "Ada Jansen"
        and event.detail.values["reason"] == "Shorter is enough"
    )
    page = ada.get("/admin/onboarding/policyversion/").content.decode()
    assert "lifetime of a pass (minutes): 60 → 30" in page


def test_python_code_cannot_change_a_version(db):
    version = policy.for_site()
    version.lifetime_minutes = 480

    with pytest.raises(TypeError, match="only ever added"):
        version.save()


@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
@pytest.mark.parametrize(
    ("table", "column"),
    [("onboarding_policyversion", "attempts"), ("onboarding_policyactivation", "version_id")],
)
def test_the_database_refuses_changes_of_versions_and_activations(person, statement, table, column):
    PolicyActivation.objects.create(version=policy.for_site(), by=person("ada"))
    triggers.install_triggers(connection)
    try:
        with (
            pytest.raises(DatabaseError, match="only ever added"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format(table, column, column))
    finally:
        triggers.remove_triggers(connection)


@pytest.mark.parametrize(
    "forbidden",
    [
        {"lifetime_minutes": 481}, {"lifetime_minutes": 9}, {"single_use": False}, {"attempts": 0}, {"attempts": 11},
        {"sign_in_minutes": 61}, {"sign_in_minutes": 0}, {"opens_minutes_before": 1441}, {"closes_days_after": 31},
        {"new_days_before": 366}, {"new_days_after": 91}, {"eligible_roles": "off"}, {"manager_daily": 0},
        {"site_daily": 100001}, {"department": "legal", "frozen": True},
    ],
    ids=str,
)  # fmt: skip
def test_the_database_enforces_the_limits(forbidden):
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.create(reason="By hand", **forbidden)


def test_the_audit_log_hides_the_contents_of_the_deny_list(person):
    emergency = "5c0ffee0-0000-4000-8000-000000000099"

    policy.add_version(PolicyVersion(deny_list=emergency, reason="Emergency accounts"), by=person("ada"))

    facts = AuditEvent.objects.get(event="policy.changed").facts
    assert facts["changed"] == {"deny_list": ["changed", "changed"]}
    assert emergency not in str(facts)


# --- Departments ---------------------------------------------------------------------------------------------------


def test_a_department_overrides_only_its_own_settings(record, browser_of):
    starter = record("noor")
    Starter.objects.filter(pk=starter.pk).update(department="  Legal ")
    starter.refresh_from_db()
    ada = browser_of("ada")

    answer = ada.post(
        ADD_FOR_DEPARTMENT,
        for_department("LEGAL", reason="Much to lose", attempts=1, approve_all="yes"),
    )
    ada.post(ADD, filled(lifetime_minutes=30))

    assert answer.status_code == 302, errors(answer)
    rules = policy.for_starter(starter)
    assert (rules.attempts, rules.approve_all, rules.lifetime_minutes) == (1, True, 30)
    assert (policy.for_site().attempts, policy.for_site().approve_all) == (3, False)
    page = ada.get(f"/admin/onboarding/policyversion/in-force/?starter={starter.public_id}").content.decode()
    assert (
        re.search(rf"version {rules.own.number}\s", page)
        and "(department)" in page
        and "Much to lose" in page
    )
    listed = ada.get("/admin/onboarding/departmentpolicy/").content.decode()
    assert "legal" in listed and "passes per starter: 3 → 1" in listed


def test_an_empty_override_ends_a_departments_policy(adopt, person, browser_of):
    adopt(PolicyVersion(department="legal", overrides=["attempts"], attempts=1, reason="Less"))

    browser_of("ada").post(ADD_FOR_DEPARTMENT, for_department("Legal", reason="As the others"))
    draft = PolicyVersion.objects.drafts().get()
    before = policy.for_department("Legal").attempts
    policy.activate_version(draft.number, by=person("amir"))

    assert (before, policy.for_department("Legal").attempts) == (1, 3)


def test_a_changed_department_policy_reaches_open_pages(invite, browser_of, person, tenant):
    starter, maria = invite("noor"), browser_of("maria")
    key = policy.for_starter(starter).version_key
    own = PolicyVersion(
        department=policy.normalise_department(starter.department),
        overrides=["lifetime_minutes"],
        lifetime_minutes=20,
        reason="Less",
    )
    policy.add_version(own, by=person("ada"))
    form = {"identity_check": "in_person", "version": starter.version, "policy": key}

    answer = maria.post(f"/starters/{starter.public_id}/", form)

    assert answer.status_code == 409
    assert PassIssue.objects.count() == 0
    form["policy"] = policy.for_starter(starter).version_key
    assert maria.post(f"/starters/{starter.public_id}/", form).status_code == 200
    issue = PassIssue.objects.get()
    assert (issue.lifetime_minutes, issue.policy_id, issue.override_id) == (
        20,
        policy.for_site().number,
        own.number,
    )


def test_a_department_cannot_freeze(browser_of):
    browser_of("ada").post(ADD_FOR_DEPARTMENT, for_department("Legal", reason="Stop", frozen="on"))

    assert policy.for_department("Legal").frozen is False


# --- Contradictions --------------------------------------------------------------------------------------------------------

NONSENSE = {
    "nothing accepted": ({"identity_checks": []}, "identity_checks"),
    "mailed after it opened": ({"invite_days_before": 0, "opens_minutes_before": 120}, "invite_days_before"),
    "reminded before the first mail": ({"remind_days_before": 3}, "remind_days_before"),
    "hire date stricter than the window": ({"closes_days_after": 30, "hire_date_days": 5}, "hire_date_days"),
    "dies before the sign-in is old": ({"lifetime_minutes": 10, "sign_in_minutes": 60}, "lifetime_minutes"),
    "fewer for a manager than for a starter": ({"manager_daily": 2}, "manager_daily"),
    "fewer for all than for one": ({"site_daily": 10}, "site_daily"),
    "audit forgets before the list": ({"audit_days": 90, "retention_days": 120}, "audit_days"),
    "half a budget": ({"graph_calls": 5}, "graph_seconds"),
    "a name among object ids": ({"deny_list": "breakglass@contoso.example"}, "deny_list"),
    "half an id": ({"scope_groups": "96000000-0000"}, "scope_groups"),
    "no domain": ({"scope_domains": "contoso"}, "scope_domains"),
    "for those only who never": (
        {
            "scope_groups": "96000000-0000-4000-8000-000000000001",
            "deny_list": "96000000-0000-4000-8000-000000000001",
        },
        "scope_groups",
    ),
    "no context": ({"step_up_context": "mfa"}, "step_up_context"),
    "others hear of it before the manager": ({"remind_on_day": False}, "escalate_to"),
    "nobody on duty": ({"escalate_to": "duty"}, "duty_address"),
    "told at midnight": ({"escalate_hour": 24}, "escalate_hour"),
}


@pytest.mark.parametrize(("typed", "where"), NONSENSE.values(), ids=NONSENSE)
def test_contradictions_are_shown_beside_fields_and_typed_values_stay(browser_of, typed, where):
    answer = browser_of("ada").post(ADD, filled(reason="What I typed", **typed))

    assert answer.status_code == 200
    assert list(errors(answer)) == [where]
    assert "What I typed" in answer.content.decode()
    assert PolicyVersion.objects.count() == 1


def test_every_setting_has_a_help_text():
    for name in SETTING_NAMES:
        field = PolicyVersion._meta.get_field(name)
        assert len(str(field.help_text)) > 15, name


def test_lists_are_normalised_when_saved(browser_of):
    typed = "  96000000-0000-4000-8000-00000000000A \n\n96000000-0000-4000-8000-00000000000a\n"

    browser_of("ada").post(ADD, filled(deny_list=typed))

    assert policy.for_site().deny_list == "96000000-0000-4000-8000-00000000000a"


# --- Any sequence of changes ---------------------------------------------------------------------------------------------

ACTION = some.tuples(
    some.sampled_from(["", "legal", "it"]),
    some.sampled_from(["attempts", "lifetime_minutes", "approve_all", "frozen"]),
    some.integers(min_value=1, max_value=10),
    some.sampled_from(["ada", "amir"]),
    some.booleans(),  # the other admin reviews the oldest draft
)


def everything(rules: PolicyVersion) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in SETTING_NAMES}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=some.lists(ACTION, max_size=8))
def test_the_policy_key_changes_with_every_change(person, actions):
    """The active values are those of the newest activated versions, and no two different policies share a key."""
    with transaction.atomic():
        seen: dict[tuple[str, int], dict[str, Any]] = {}
        for department, name, number, who, agrees in actions:
            value: Any = {"attempts": number, "lifetime_minutes": 10 * number}.get(name, number % 2 == 0)
            site = everything(policy.for_site())
            if department:
                own = {} if name == "frozen" else {name: value}
                version = PolicyVersion(
                    **site | {"frozen": False} | own, department=department, overrides=list(own), reason="One"
                )
            else:
                version = PolicyVersion(**site | {name: value}, reason="One")
            policy.add_version(version, by=person(who))
            waiting = PolicyVersion.objects.drafts().order_by("number").first()
            if agrees and waiting is not None:
                other = "amir" if waiting.created_by == person("ada") else "ada"
                try:
                    policy.activate_version(waiting.number, by=person(other))
                except policy.CannotActivate:
                    assert not policy.can_activate(waiting)
            for whose in ("", "legal", "it", "unheard of"):
                rules = policy.for_department(whose)
                values = everything(rules)
                assert seen.setdefault((whose, rules.version_key), values) == values
                assert rules.frozen == policy.for_site().frozen
                assert 10 <= policy.pass_lifetime_minutes(rules) <= 480 and rules.single_use
                if rules.own is None:
                    assert values == everything(policy.for_site())
                for origin in policy.list_origins(rules):
                    assert getattr(origin.version, origin.name) == origin.value
            for agreed in PolicyActivation.objects.select_related("version"):
                assert agreed.by_id != agreed.version.created_by_id
        transaction.set_rollback(True)


def test_department_settings_exist_and_exclude_the_freeze():
    assert set(DEPARTMENT_SETTINGS) < set(SETTING_NAMES)
    assert {"frozen", "deny_list", "second_admin", "site_daily", "same_person", "same_manager"}.isdisjoint(
        DEPARTMENT_SETTINGS
    )
    assert issubclass(DepartmentPolicy, PolicyVersion)
    assert list(validation.find_contradictions(PolicyVersion())) == []
