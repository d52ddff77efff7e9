"""HR finds an account by name while adding a starter, and chooses the hire date as the start date."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import graph
from onboarding.graph.listing import people
from onboarding.models import AuditEvent, Starter
from portal.demo.visitor import forms_of
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
NOOR = BY_KEY["noor"]


def search(browser, name, **more):
    return browser.post("/hr/new/", {"account": name, "step": "look", **more})


def found_on(response):
    return re.findall(r'name="use"\s+value="([^"]*)"', response.content.decode())


def form_on(response):
    return next(form for form in forms_of(response.content.decode()) if "account" in form.fields)


def searches(tenant):
    return [request for request in tenant.tenant.requests if request["path"].endswith("/$batch")]


@pytest.mark.parametrize("name", ["Noor", "noor vri", "Vries, Noor", "noor.devries", "  NOOR\tde  Vries "])
def test_the_beginnings_of_a_name_find_the_account(browser_of, tenant, name):
    response = search(browser_of("hanna"), name, note="Bring cake")

    page = response.content.decode()
    assert response.status_code == 200 and NOOR.user_principal_name in found_on(response)
    assert "Noor de Vries" in page and "Service designer" in page
    assert form_on(response).fields["note"].strip() == "Bring cake"
    assert not Starter.objects.exists()


def test_chosen_account_is_shown_before_it_is_saved(browser_of, tenant):
    hanna = browser_of("hanna")
    form = form_on(search(hanna, "Noor de Vries", start_time="07:45"))

    response = hanna.post("/hr/new/", {**form.fields, "use": NOOR.user_principal_name})

    page = response.content.decode()
    assert "Account details" in page and f'name="seen" value="{NOOR.object_id}"' in page
    assert form_on(response).fields["account"] == NOOR.user_principal_name
    assert form_on(response).fields["start_time"] == "07:45"
    assert not Starter.objects.exists()


def test_search_is_one_round_trip_of_at_most_ten(browser_of, tenant):
    for number in range(14):
        tenant.tenant.add_starter(f"zwart{number}", f"Zara Zwart{number:02}")

    response = search(browser_of("hanna"), "zara zwart")

    assert len(found_on(response)) == people.MOST == 10 and len(searches(tenant)) == 1
    assert "There are more accounts with this name." in response.content.decode()


def test_an_account_looks_the_same_whoever_it_is(browser_of, tenant):
    """A search must not say which accounts have privileges, are disabled or are guests."""
    kinds = ("ceo", "disabled", "guest", "noor")
    both = [search(browser_of("hanna"), BY_KEY[key].name) for key in kinds]

    shapes = set()
    for response in both:
        panel = response.content.decode().split('<ul class="people">')[1].split("</li>")[0]
        shown = re.sub(r"<bdi>.*?</bdi>|[^\s\"]+@[^\s\"]+", "", panel)
        shapes.add(" ".join(shown.split()))
    assert len(shapes) == 1


def test_every_account_found_counts_as_a_look_up(browser_of, tenant, policy_says):
    for number in range(9):
        tenant.tenant.add_starter(f"zwart{number}", f"Zara Zwart{number}")
    policy_says(hr_look_ups_daily=300, hr_daily=300)
    hanna = browser_of("hanna")
    for _ in range(33):
        assert len(found_on(search(hanna, "zara"))) == 9

    response = search(hanna, "zara")

    assert response.status_code == 429 and not found_on(response)
    assert response["Retry-After"] and form_on(response).fields["account"] == "zara"
    assert AuditEvent.objects.filter(event="account.look_ups_refused").count() == 1


@pytest.mark.parametrize("name", ["zzyzx", "q w", "'' or 1 eq 1", "((("])
def test_name_that_nobody_has_is_an_error(browser_of, tenant, name):
    response = search(browser_of("hanna"), name)

    assert response.status_code == 400 and not found_on(response)
    assert 'id="id_account_error"' in response.content.decode()
    assert form_on(response).fields["account"].split() == name.split()


def test_a_silent_directory_loses_nothing(browser_of, tenant, fault):
    fault(path=r"/\$batch", status=503, times=None)

    response = search(browser_of("hanna"), "Noor", note="Bring cake")

    assert response.status_code == 503 and "does not respond" in response.content.decode()
    assert form_on(response).fields["note"].strip() == "Bring cake"


def test_a_name_finds_another_account_for_a_starter(browser_of, record, tenant):
    starter, hanna = record("liam"), browser_of("hanna")
    address = f"/hr/{starter.public_id}/account/"
    fields = form_on(hanna.get(address)).fields

    response = hanna.post(address, {**fields, "account": "Noor", "step": "look"})

    assert NOOR.user_principal_name in found_on(response)
    chosen = hanna.post(address, {**form_on(response).fields, "use": NOOR.user_principal_name})
    assert "Account details" in chosen.content.decode()


@pytest.mark.parametrize("name", ['a" OR "mail:b', "a'b", "a\\b", "a&$top=999", "x" * 500, "é ü", "', id"])
def test_nothing_typed_becomes_part_of_a_query(tenant, name):
    for path in people.search_paths(name).values():
        answer = graph.client().transport.get(path)

        assert answer.status == 200, name
        assert path.count("%22displayName%3A") * 2 == path.count("%22")


# --- The hire date ------------------------------------------------------------------------------------------------------


def hired_in(tenant, days):
    account = tenant.tenant.add_starter("zara", "Zara Zwart")
    day = timezone.localdate() + timedelta(days=days)
    account.properties["employeeHireDate"] = f"{day}T12:00:00Z"
    return account.user_principal_name, day


def test_hire_date_is_offered_and_not_filled_in(browser_of, tenant):
    account, day = hired_in(tenant, 9)
    hanna = browser_of("hanna")

    response = search(hanna, account)

    assert f'name="use_date"\n                  value="{day}"' in response.content.decode()
    assert form_on(response).fields["start_date"] == ""
    taken = hanna.post("/hr/new/", {**form_on(response).fields, "use_date": f"{day}"})
    assert form_on(taken).fields["start_date"] == f"{day}"
    assert 'name="use_date"' not in taken.content.decode() and "Save this starter" in taken.content.decode()
    assert not Starter.objects.exists()


@pytest.mark.parametrize("days", [-400, 800])
def test_hire_date_with_a_wrong_year_is_not_offered(browser_of, tenant, days):
    account, _ = hired_in(tenant, days)

    assert 'name="use_date"' not in search(browser_of("hanna"), account).content.decode()
