"""Everything about one person: found through all tables, exported, and erased by two admins."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from onboarding import audit
from onboarding.models import AuditDetail, AuditEvent, Mail, PassIssue, Starter
from onboarding.privacy import requests, search
from onboarding.privacy.requests import ErasureRefused
from onboarding.starters import withdrawal
from tests.conftest import BY_KEY
from tests.promises.test_2_the_pass_is_written_nowhere import everything_in_the_database

pytestmark = pytest.mark.django_db
NOOR, MARIA, HANNA = BY_KEY["noor"], BY_KEY["maria"], BY_KEY["hanna"]
OF_THE_AUDIT_LOG = {"onboarding_auditdetail", "onboarding_auditword"}


@pytest.fixture
def handed_over(held, settings):
    """Hanna added Noor, and Maria created the pass."""
    settings.GRAPH_BUDGET_CALLS = 1000
    return held("noor").starter


@pytest.fixture
def withdrawn(record, person):
    """Noor is a starter of Maria's whom Hanna added and withdrew."""
    starter = record("noor")
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="Not coming")
    return starter


def tables_about(who):
    return {found.rule.db_table: found.rows for found in search.find_tables(search.find_person(who))}


def erase(who, person):
    number = requests.ask_for_erasure(who, by=person("ada"), reason="Article 17")
    return requests.carry_out(number, by=person("amir"))


# --- What is found --------------------------------------------------------------------------------------------------


def test_each_role_of_a_person_is_found_through_all_tables(handed_over, browser_of):
    browser = browser_of("maria")
    noor, maria, hanna = (tables_about(who.object_id) for who in (NOOR, MARIA, HANNA))

    assert noor == tables_about(NOOR.user_principal_name.upper())
    own = {"starter", "starterword", "passissue", "mail", "auditdetail"}
    assert set(noor) >= {f"onboarding_{table}" for table in own}
    assert (noor["onboarding_starter"][0]["display_name"], len(noor["onboarding_starter"])) == (NOOR.name, 1)

    # Of somebody else's starter, a manager or HR is found with what names them, and nothing about the starter.
    (row,) = maria["onboarding_starter"]
    assert (row["manager_id"], row["manager_name"]) == (MARIA.object_id, MARIA.name)
    assert hanna["onboarding_starter"][0]["shaped_by"] == [HANNA.object_id]
    for found in (row, hanna["onboarding_starter"][0]):
        assert {"display_name", "account_name", "employee_id"}.isdisjoint(found)
    intent = next(row for row in maria["onboarding_auditdetail"] if row["what"] == "issue.intent")
    assert intent["values"]["by_name"] == MARIA.name and NOOR.object_id not in json.dumps(intent)

    assert [user["name"] for user in maria["portal_user"]] == [MARIA.name]
    assert list(maria["django_session"][0]) == ["expire_date"]  # nothing that would open it
    assert browser.session.session_key not in json.dumps(maria, default=str)


def test_the_command_exports_and_records_it(withdrawn, capsys):
    assert tables_about("nobody@contoso.example") == {}
    call_command("person", "export", NOOR.user_principal_name)

    exported = json.loads(capsys.readouterr().out)
    assert exported["object_ids"] == [NOOR.object_id]
    starters = next(table for table in exported["tables"] if table["table"] == "onboarding_starter")
    assert starters["rows"][0]["display_name"] == NOOR.name and starters["rules"][0]["kept"]
    event = AuditEvent.objects.select_related("detail").get(event="person.exported")
    assert event.detail.values["person"] == NOOR.user_principal_name and event.detail.values["operator"]
    assert event.facts == {}


def test_the_page_lists_exports_and_records(record, browser_of):
    record("noor")
    ada, url = browser_of("ada"), "/admin/one-person/"
    typed = {"person": NOOR.object_id}

    assert "Data about one person" in ada.get(url).content.decode()
    assert not AuditEvent.objects.filter(event__startswith="person.").exists()
    page = ada.post(url, typed | {"action": "search"}).content.decode()
    exported = ada.post(url, typed | {"action": "export"})

    assert NOOR.name in page and "You cannot erase this data now." in page
    shown = re.sub(r"<[^>]+>", " ", page)
    assert re.search(r"Hire date\s+\d+ \w+ \d{4}\s*\n", shown)  # a day, without a time
    assert re.search(rf"Added by\s+{HANNA.name}", shown)
    assert "attachment" in exported["Content-Disposition"] and NOOR.name in exported.content.decode()
    kinds = AuditEvent.objects.filter(event__startswith="person.").values_list("event", flat=True)
    assert sorted(kinds) == ["person.exported", "person.searched"]
    assert "Enter an object ID" in ada.post(url, {"action": "search"}).content.decode()
    assert browser_of("audrey").get(url).status_code == 403


@pytest.mark.parametrize("reason", ["", "She asked"])
def test_a_refused_request_lists_nothing_unrecorded(record, browser_of, reason):
    record("noor")
    typed = {"person": NOOR.object_id, "action": "ask", "reason": reason}

    page = browser_of("ada").post("/admin/one-person/", typed)

    assert page.status_code == 400 and NOOR.name not in page.content.decode()


@pytest.mark.parametrize("typed", ["@", "0", "", "noor", "contoso.example", "@contoso.example"])
def test_part_of_an_address_finds_nobody(record, typed):
    record("noor")

    assert not search.find_tables(search.find_person(typed))


def test_people_without_a_mailbox_are_not_one_person(record):
    for key in ("noor", "liam"):
        record(key)
    Starter.objects.update(manager_mail="")

    found = search.find_person(NOOR.object_id)

    assert BY_KEY["liam"].object_id not in found.object_ids


def test_a_person_who_may_have_a_pass_cannot_be_erased(held, person):
    held("noor")
    Starter.objects.update(state="withdrawn", ended_at=timezone.now())
    with pytest.raises(ErasureRefused, match="may still have a valid pass"):
        requests.ask_for_erasure(NOOR.object_id, by=person("ada"), reason="She asked")
    PassIssue.objects.update(state="revoked", ended_at=timezone.now())
    Starter.objects.update(stopped_at=timezone.now())

    with pytest.raises(ErasureRefused, match="emergency stop is in force"):
        requests.ask_for_erasure(NOOR.object_id, by=person("ada"), reason="She asked")


# --- Erasure on request -----------------------------------------------------------------------------------------------


def test_an_unfinished_starter_and_helpers_cannot_be_erased(record, person):
    record("noor")
    for who, words in [
        (NOOR, "This person is a starter whose onboarding is not finished."),
        (MARIA, "This person takes part in an onboarding that is not finished"),
        (HANNA, "This person takes part in an onboarding that is not finished"),
    ]:
        with pytest.raises(ErasureRefused, match=words):
            requests.ask_for_erasure(who.object_id, by=person("ada"), reason="x")

    assert not AuditEvent.objects.filter(event="person.erasure_asked").exists()


def test_helpers_of_a_stopped_starter_cannot_be_erased(withdrawn, person):
    Starter.objects.update(stopped_at=timezone.now())

    for who in (MARIA, HANNA):
        with pytest.raises(ErasureRefused, match="took part in an onboarding with an emergency stop"):
            requests.ask_for_erasure(who.object_id, by=person("ada"), reason="x")


def test_the_author_of_the_policy_cannot_be_erased(person, policy_says):
    policy_says(attempts=1)

    with pytest.raises(ErasureRefused, match="policy version"):
        requests.ask_for_erasure(BY_KEY["ada"].object_id, by=person("amir"), reason="x")


def test_erasure_takes_two_admins(withdrawn, person):
    number = requests.ask_for_erasure(NOOR.object_id, by=person("ada"), reason="Article 17")

    with pytest.raises(ErasureRefused, match="already requested"):
        requests.ask_for_erasure(NOOR.user_principal_name, by=person("amir"), reason="x")
    with pytest.raises(ErasureRefused, match="You requested this erasure"):
        requests.carry_out(number, by=person("ada"))
    with pytest.raises(ErasureRefused, match="Only an admin"):
        requests.carry_out(number, by=person("hanna"))
    assert Starter.objects.get().display_name == NOOR.name
    requests.carry_out(number, by=person("amir"))

    assert Starter.objects.get().display_name == ""
    with pytest.raises(ErasureRefused, match="already carried out"):
        requests.carry_out(number, by=person("amir"))


def test_two_accounts_of_one_admin_are_one_person(withdrawn, person, tenant, fault):
    number = requests.ask_for_erasure(NOOR.object_id, by=person("ada"), reason="Article 17")
    numbers = tenant.tenant.accounts
    before = numbers["amir"].properties["employeeId"]
    numbers["amir"].properties["employeeId"] = numbers["ada"].properties["employeeId"]
    with pytest.raises(ErasureRefused, match="the same employee number"):
        requests.carry_out(number, by=person("amir"))
    numbers["amir"].properties["employeeId"] = before
    fault(path="users", status=503, times=10)

    with pytest.raises(ErasureRefused, match="Nothing was erased, because the portal could not check"):
        requests.carry_out(number, by=person("amir"))

    assert Starter.objects.get().erased_at is None


def test_a_request_is_valid_for_two_weeks(withdrawn, person, time_machine):
    number = requests.ask_for_erasure(NOOR.object_id, by=person("ada"), reason="Article 17")
    time_machine.move_to(timezone.now() + timedelta(days=15))

    with pytest.raises(ErasureRefused, match="the request has expired"):
        requests.carry_out(number, by=person("amir"))


def test_erased_people_are_only_in_the_audit_log(held, person, browser_of, run_jobs, settings):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter = held("noor").starter
    browser_of("maria")
    digest = Mail.objects.create(
        kind="digest", to="duty@contoso.example", text=NOOR.name, message_id="d", sent_at=timezone.now()
    )
    Mail.objects.filter(starter=starter).update(digest=digest)
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="Not coming")
    run_jobs()
    assert Starter.objects.get().state == "withdrawn"

    for who in (NOOR, MARIA, HANNA):
        erase(who.object_id, person)

        assert set(tables_about(who.object_id)) <= OF_THE_AUDIT_LOG
        dump, details = everything_in_the_database(), AuditDetail.objects.values_list("values", flat=True)
        for text in (who.name, who.user_principal_name, who.object_id):
            assert dump.count(text) <= sum(str(values).count(text) for values in details)
    assert list(audit.verify_chain()) == [] and list(audit.compare_rows()) == []


def test_security_hears_of_both_steps_without_the_name(withdrawn, person):
    erase(NOOR.object_id, person)

    mails = list(Mail.objects.filter(kind="erasure").order_by("pk"))
    assert {mail.recipient for mail in mails} == {"security"} and len(mails) == 2
    assert "Ada Jansen asked" in mails[0].text and "Amir Haddad carried out" in mails[1].text
    assert all("Article 17" in mail.text and NOOR.name not in mail.text for mail in mails)


def test_the_page_asks_and_another_admin_carries_out(withdrawn, browser_of):
    ada, amir, url = browser_of("ada"), browser_of("amir"), "/admin/one-person/"
    ask = {"action": "ask", "person": NOOR.object_id}

    assert "Enter a reason." in ada.post(url, ask).content.decode()
    assert ada.post(url, ask | {"reason": "Article 17"}).status_code == 302
    request = requests.list_requests()[0]
    assert "You requested this erasure" in ada.get(url).content.decode()
    erase_it = {"action": "erase", "number": request.number}
    assert "Tick the box" in amir.post(url, erase_it).content.decode()
    page = amir.post(url, erase_it | {"is_sure": "yes"}, follow=True).content.decode()

    assert "The portal erased this person’s data, including 1 finished onboarding." in page
    assert Starter.objects.get().display_name == "" and requests.list_requests() == []


def test_verification_reports_an_erasure_by_one_person(withdrawn, person):
    number = requests.ask_for_erasure(NOOR.object_id, by=person("ada"), reason="Article 17")
    with audit.transaction():
        alone = audit.record(audit.ERASURE_DONE, by=person("ada"), facts={"request": number}).seq
        unasked = audit.record(audit.ERASURE_DONE, by=person("amir"), facts={"request": 1}).seq

    found = {fault.seq: fault.what for fault in audit.verify_chain()}

    assert set(found) == {alone, unasked}
