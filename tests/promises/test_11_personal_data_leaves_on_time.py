"""Promise 11: personal data leaves on time. What is kept longer is in the table of rules, with the reason."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.apps import apps
from django.utils import timezone

from onboarding import audit, policy
from onboarding.guards import approvals
from onboarding.models import (
    ApiUsage,
    DirectoryFinding,
    Hook,
    HookDelivery,
    HrMailChoice,
    ImportRow,
    Job,
    Mail,
    PolicyVersion,
    ProbePass,
    SavedFilter,
    Starter,
    StarterImport,
    Ticket,
    Turn,
)
from onboarding.passes import handover
from onboarding.passes.errors import PassNotCreated
from onboarding.privacy import document
from onboarding.privacy.rule_types import is_erased_value
from onboarding.privacy.rules import RULES, WITH_THE_PERSON
from onboarding.starters import recording, stand_ins, withdrawal
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.rescheduling import Schedule
from onboarding.stops.stopping import Way, stop_starter
from onboarding.worker import retention
from portal.models import SignIn, User
from portal.sandbox.methods import new_method
from portal.sandbox.people import CAST
from tests.conftest import BY_KEY
from tests.promises.test_2_the_pass_is_written_nowhere import everything_in_the_database

STEP = timedelta(days=20)
STAFF = ("hanna", "henry", "maria", "audrey", "ada", "amir")
STILL_NEEDED = {"ada", "amir"}  # they wrote and activated the policy that is in force
NOT_FILLED = {
    "onboarding.AuditWord",  # written when a starter is erased
    "onboarding.PolicyVersion",  # what it has stays, or refers to a person
    "onboarding.PolicyActivation",
    "onboarding.DirectoryFinding",
    "onboarding.PolicyStop",
    "portal.EntraSession",  # deleted with its session
}


# --- The rules ----------------------------------------------------------------------------------------------------


def test_each_table_and_each_field_has_one_rule():
    models = {
        model._meta.label: model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
    }

    assert sorted(rule.label for rule in RULES) == sorted(models)
    for rule in RULES:
        named = [*rule.other, *(name for one in rule.personal for name in one.fields)]
        assert sorted(named) == sorted(field.name for field in models[rule.label]._meta.concrete_fields), (
            rule.label
        )


def test_the_page_about_data_protection_is_generated_from_the_rules():
    assert document.DOCUMENT.read_text() == document.write_page(), "Run `make privacy`."


# --- 800 days later -----------------------------------------------------------------------------------------------


def add_starters(record, invite, held, confirmation, person, tenant, fault):
    """Add starters who end up in every state, with every kind of pass attempt, problem and helper."""
    stand_ins.assign_stand_in(
        starter=invite("liam"), stand_in_id=BY_KEY["ceo"].object_id, by=person("hanna"), reason="Maria is ill"
    )
    for key in ("sofia", "yusuf", "emma"):
        held(key)
    tenant.tenant.accounts["yusuf"].methods.append(new_method("fido2", tenant.tenant.clock.now()))
    emma = Starter.objects.get(account_id=BY_KEY["emma"].object_id)
    withdrawal.withdraw_starter(starter=emma, by=person("henry"), reason="She is not coming")
    olga = record("olga")
    stop_starter(olga, way=Way.CODE)  # the object id of her account is kept longer than all else
    olga.refresh_from_db()
    withdrawal.withdraw_starter(starter=olga, by=person("henry"), reason="Added by mistake")
    unclear = invite("nadia")
    fault(method="POST", status=500, times=1)
    with pytest.raises(PassNotCreated):
        handover.confirm(confirmation(unclear, by="henry"))
    record("disabled")
    record("ben")
    start = timezone.localtime() + timedelta(days=3)
    recording.record_starter(
        entry=AccountEntry(BY_KEY["late"].user_principal_name, None),
        schedule=Schedule(start.date(), start.time().replace(microsecond=0), "UTC"),
        by=person("hanna"),
    )


def add_rows_of_other_tables(person, noor):
    """One row with personal data in each table that the starters above do not fill."""
    now, maria = timezone.now(), person("maria")
    Starter.objects.filter(pk=noor.pk).update(
        note="Has a dog called Rex", last_sign_in_at=now, last_attempt_at=now, refused_for=["is_new"]
    )
    Ticket.objects.create(
        starter=noor, source="servicenow", number="RITM1", account=noor.account_name, note="Rex", requested_by="Rex",
        requested_by_id="Rex", requested_by_name="Rex",
    )  # fmt: skip
    ProbePass.objects.create(
        account_id=BY_KEY["liam"].object_id, check_name="creation", lifetime_minutes=10, lease_until=now, ended_at=now,
        policy_id=policy.for_site().number,
    )  # fmt: skip
    Turn.objects.create(starter=noor, person=maria, opens_at=now, lapses_at=now)
    ApiUsage.objects.create(caller=maria.oid, day=now.date(), count=1)
    HrMailChoice.objects.create(
        user=person("hanna"), choice="digest", address="hanna@rex.example", chosen_at=now
    )
    SavedFilter.objects.create(owner=person("hanna"), name="Rex", query="department=Rex")
    hook = Hook.objects.create(source="servicenow", host="rex.example")
    HookDelivery.objects.create(
        hook=hook,
        starter=noor,
        event="starter.invited",
        body="Rex",
        give_up_at=now,
        ended_at=now,
        message_id="m",
    )
    SignIn.objects.create(
        state_hash="s", browser_hash="b", flow={"login_hint": "Rex"}, next_path="/", purpose="silent",
        expected_oid=maria.oid, created_at=now,
    )  # fmt: skip
    for kind, sent_at in (("digest", now), ("policy_changed", None)):
        Mail.objects.create(
            kind=kind, to="rex@rex.example", subject="Rex", text="Rex", message_id=kind, sent_at=sent_at
        )
    Job.objects.create(key="note:1", priority=1, due_at=now, failed_at=now, last_error="Rex")
    Job.objects.create(key="look:0", priority=1, due_at=now, failed_at=now, last_error="Rex")
    stored = StarterImport.objects.create(uploaded_by=person("hanna"), file_name="rex.csv")
    ImportRow.objects.create(starter_import=stored, number=2, cells=["Rex"], identity="rex@rex.example")
    DirectoryFinding.objects.create(
        key="entry-1", kind="by_another", at=now, found_at=now, event=1, starter=noor,
        closed_at=now, closed_by=person("audrey"),
    )  # fmt: skip
    audit.record_reading(audit.SEARCHED, by=person("audrey"), facts={}, personal={"q": "Noor"})


@pytest.fixture
def portal_in_use(
    record, invite, held, confirmation, person, adopt, policy_says, browser_of, tenant, fault, settings
):
    """A portal with starters in every state and personal data in each table."""
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000
    for key in STAFF:
        browser_of(key)
    adopt(PolicyVersion(reason="Everybody needs an approval", approve_all=True))
    noor = record("noor")
    approvals.approve_missing(starter=noor, by=person("henry"), reason="I know her")
    policy_says(approve_all=False)
    add_starters(record, invite, held, confirmation, person, tenant, fault)
    add_rows_of_other_tables(person, noor)


def find_personal_values():
    """Each field that still holds personal data although no rule lets it stay."""
    found = []
    for rule in RULES:
        for one in rule.personal:
            if one.erased == WITH_THE_PERSON:  # the person's own row has a rule
                continue
            rows = rule.model._default_manager.all()
            if one.stays is not None:
                rows = rows.exclude(pk__in=rows.filter(one.stays()).values("pk"))
            for row in rows:
                values = {name: row.serializable_value(name) for name in one.fields}
                found += [(rule.label, name) for name, value in values.items() if not is_erased_value(value)]
    return Counter(found)


def test_after_800_days_only_the_rules_let_data_stay(portal_in_use, run_jobs, time_machine, monkeypatch):
    before = find_personal_values()
    filled = {label for label, _ in before}
    assert {rule.label for rule in RULES if rule.personal} - filled <= NOT_FILLED
    started = timezone.now()
    for hours in (1, 12, 24):  # the worker ends what is under way
        time_machine.move_to(started + timedelta(hours=hours))
        run_jobs()
    assert set(Starter.objects.values_list("state", flat=True)) == {
        "recorded",
        "invited",
        "registered",
        "withdrawn",
    }

    while timezone.now() < started + timedelta(days=800):
        time_machine.move_to(timezone.now() + STEP)
        retention.run_retention("")

    assert find_personal_values() == Counter()
    assert not Starter.objects.filter(stopped_at__isnull=False, erased_at__isnull=False).exists()
    assert set(Starter.objects.values_list("state", flat=True)) == {"lapsed", "registered", "withdrawn"}
    dump = everything_in_the_database()
    gone = [person for person in CAST if person.key not in STILL_NEEDED]
    texts = [text for person in gone for text in (person.name, person.user_principal_name, person.object_id)]
    assert [text for text in [*texts, "Rex", "I know her", "She is not coming"] if text in dump] == []
    needed = {BY_KEY[key].name for key in STILL_NEEDED}
    assert set(User.objects.values_list("name", flat=True)) == {"—", *needed}
    assert list(audit.verify_chain()) == [] and list(audit.compare_rows()) == []
