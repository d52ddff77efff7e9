"""HR sees possible duplicates and must confirm them before saving."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding import graph, policy
from onboarding.models import AuditEvent, Starter
from onboarding.starters import duplicates, withdrawal
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
NOOR, LATE = BY_KEY["noor"], BY_KEY["late"]


def form_with(**differently):
    fields = {
        "account": NOOR.user_principal_name,
        "start_date": (timezone.localdate() + timedelta(days=7)).isoformat(),
        "start_time": "09:00",
        "time_zone": "Europe/Amsterdam",
        "note": "",
        "step": "look",
    }
    return fields | differently


def page_of(response, status=200):
    assert response.status_code == status
    return html.unescape(response.content.decode())


def known_on(page):
    return re.search(r'name="known"\s+value="([^"]*)"', page)[1]


@pytest.fixture
def withdrawn(record, person):
    starter = record("noor")
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="Starts later")
    return starter


def create_another(starter, **differently):
    """Another starter that shares only the given values with this one."""
    values = {
        "account_id": "70000000-0000-4000-8000-000000000001",
        "account_name": "somebody.else@contoso.example",
        "display_name": "Somebody Else",
        "employee_id": "999",
        "state": "registered",
    }
    other = Starter.objects.get(pk=starter.pk)
    other.pk, other.public_id = None, "B" * 22
    for name, value in {**values, **differently}.items():
        setattr(other, name, value)
    other.save(force_insert=True)
    return other


def test_the_same_account_is_shown_when_it_is_looked_up(browser_of, withdrawn):
    page = page_of(browser_of("hanna").post("/hr/new/", form_with()))

    assert "Possible duplicate" in page and "Same account" in page
    assert f'href="/hr/{withdrawn.public_id}/"' in page and "Withdrawn." in page
    assert known_on(page) == withdrawn.public_id and " checked" not in page


def test_duplicate_needs_confirmation_and_entries_stay(browser_of, withdrawn):
    hanna = browser_of("hanna")

    page = page_of(hanna.post("/hr/new/", form_with(step="save", seen=NOOR.object_id, note="By train")), 409)

    assert "confirm that this is not a duplicate" in page and "Save this starter" in page
    assert ">\nBy train</textarea>" in page
    assert Starter.objects.count() == 1

    response = hanna.post("/hr/new/", form_with(step="save", seen=NOOR.object_id, known=known_on(page)))

    assert response.status_code == 302
    assert list(Starter.objects.order_by("pk").values_list("state", flat=True)) == ["withdrawn", "recorded"]
    facts = AuditEvent.objects.filter(event="starter.recorded").latest("seq").facts
    assert facts["recorded_before"] == 1


def test_duplicate_added_meanwhile_needs_its_own_confirmation(browser_of, withdrawn):
    hanna = browser_of("hanna")
    known = known_on(page_of(hanna.post("/hr/new/", form_with())))
    create_another(withdrawn, display_name=NOOR.name)

    page = page_of(hanna.post("/hr/new/", form_with(step="save", seen=NOOR.object_id, known=known)), 409)

    assert "Same name, different account" in page
    assert Starter.objects.count() == 2


@pytest.mark.parametrize(
    ("same", "why"),
    [
        ({"employee_id": f"{NOOR.number:06d}"}, "Same employee number, different account"),
        ({"display_name": NOOR.name}, "Same name, different account"),
        ({"display_name": NOOR.name, "state": "recorded"}, "Same name, different account"),
        ({"account_name": NOOR.user_principal_name}, "Same account"),
        (
            {"account_name": NOOR.user_principal_name, "account_id": "", "state": "recorded"},
            "Same account",
        ),
    ],
)
def test_same_number_name_or_account_is_a_possible_duplicate(browser_of, record, same, why):
    starter = create_another(record("liam"), **same)

    page = page_of(browser_of("hanna").post("/hr/new/", form_with()))

    assert why in page and known_on(page) == starter.public_id


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"employee_id": ""},
        {"display_name": "", "account_id": ""},
        {"erased_at": timezone.now(), "display_name": NOOR.name},
    ],
)
def test_starter_with_nothing_in_common_is_no_duplicate(browser_of, record, tenant, same):
    tenant.tenant.accounts["noor"].properties["employeeId"] = None
    create_another(record("liam"), **same)

    page = page_of(browser_of("hanna").post("/hr/new/", form_with()))

    assert "Possible duplicate" not in page


def test_an_expected_name_that_was_recorded_before_is_warned_of(browser_of, withdrawn):
    before = create_another(withdrawn, account_name=LATE.user_principal_name)
    hanna, fields = browser_of("hanna"), form_with(account=LATE.user_principal_name, step="expect")

    page = page_of(hanna.post("/hr/new/", fields), 409)
    assert known_on(page) == before.public_id and "Save without an account" in page

    assert hanna.post("/hr/new/", fields | {"known": known_on(page)}).status_code == 302


def test_the_tick_is_kept_with_what_was_typed(browser_of, withdrawn):
    known = withdrawn.public_id

    wrong = page_of(
        browser_of("hanna").post("/hr/new/", form_with(step="save", start_date="", known=known)), 400
    )
    again = page_of(browser_of("hanna").post("/hr/new/", form_with(known=known_on(wrong))))

    assert re.search(r'name="known"\s+value="[^"]+" checked', again)


def test_many_are_compared_in_one_question_to_the_database(record, tenant):
    people = [record(key) for key in ("noor", "liam", "sofia")] and [
        graph.client().look_up(BY_KEY[key].object_id)[0] for key in ("noor", "liam", "sofia", "yusuf")
    ]
    Starter.objects.update(state="withdrawn")

    with CaptureQueriesContext(connection) as queries:
        found = duplicates.find_duplicates_of_several(people)

    assert len(queries) == 1
    assert [len(found[person.object_id]) for person in people] == [1, 1, 1, 0]


def test_missing_employee_number_matches_no_starter(record, tenant):
    for key in ("noor", "liam"):
        tenant.tenant.accounts[key].properties["employeeId"] = None
    create_another(record("sofia"), display_name=NOOR.name, employee_id="")
    people = [graph.client().look_up(BY_KEY[key].object_id)[0] for key in ("noor", "liam")]

    found = duplicates.find_duplicates_of_several(people)

    assert [[duplicate.match for duplicate in found[who.object_id]] for who in people] == [["name"], []]


def test_the_employee_number_is_forgotten_with_the_rest(withdrawn, time_machine, settings, run_jobs):
    from onboarding.worker import retention

    Starter.objects.update(employee_id="000020")
    time_machine.move_to(timezone.now() + policy.for_site().retention_period + timedelta(seconds=1))

    retention.run_retention("")

    assert Starter.objects.get().employee_id == ""
