"""HR adds several starters for one day. The portal looks up all, and saves only the selected ones."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding import guards
from onboarding.models import AuditEvent, Starter
from onboarding.models.job import Job
from onboarding.starters import withdrawal
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
SOON = (timezone.localdate() + timedelta(days=7)).isoformat()


def name(key):
    return BY_KEY[key].user_principal_name


def form_with(*keys, **differently):
    fields = {
        "accounts": "\r\n".join(name(key) if key in BY_KEY else key for key in keys),
        "start_date": SOON,
        "start_time": "08:30",
        "time_zone": "Europe/Lisbon",
        "note": "Come to the <side> door",
        "step": "look",
    }
    return fields | differently


def page_of(response, status=200):
    assert response.status_code == status, response.content.decode()[:3000]
    return html.unescape(response.content.decode())


def rows_of(page):
    """Each row's words, by the account that was typed."""
    body = re.search(r"<tbody>(.*?)</tbody>", page.replace("<wbr>", ""), re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1] if body else "", re.S)
    told = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    return {
        re.search(r'class="exact"><bdi>(.*?)</bdi>', row)[1]: words
        for row, words in zip(rows, told, strict=True)
    }


def ticks_of(page):
    """The label of each check box, and whether it is checked."""
    return {value: bool(on) for value, on in re.findall(r'name="take"\s+value="([^"]*)"(\s+checked)?', page)}


def shown_of(page):
    return re.search(r'name="shown"\s+value="([^"]*)"', page)[1]


def left_in(page):
    return re.search(r'<textarea name="accounts".*?>\n?(.*?)</textarea>', page, re.S)[1].split()


def test_look_up_shows_all_details_and_saves_nothing(browser_of, tenant):
    page = page_of(
        browser_of("hanna").post(
            "/hr/new/several/", form_with("noor", "liam", "ben", "guest", "late", "what?")
        )
    )

    rows = rows_of(page)
    assert "Noor de Vries" in rows[name("noor")] and "Maria Lindqvist" in rows[name("noor")]
    assert (
        "No manager is set in Entra" in rows[name("ben")] and "guest account" in rows[name("guest").lower()]
    )
    assert "This account does not exist yet" in rows[name("late")]
    assert "Enter an account name" in rows["what?"]
    assert next(iter(rows)) == "what?"  # accounts that cannot be added come first
    assert not Starter.objects.exists()
    # One for the accounts, one for the guards' facts of each two, and one for a name that may be a mail address.
    assert count_batches(tenant) == 4


def count_batches(tenant):
    return len([request for request in tenant.tenant.requests if request["path"].endswith("/$batch")])


def asked_about(tenant):
    """How many accounts' guards were checked."""
    return len(
        [request for request in tenant.tenant.requests if request["path"].endswith("/roleAssignments")]
    )


def test_account_that_guards_refuse_has_a_warning_and_is_unselected(browser_of, tenant):
    page = page_of(browser_of("hanna").post("/hr/new/several/", form_with("noor", "ceo", "ben")))

    assert str(guards.CANNOT) in rows_of(page)[name("ceo")]
    assert ticks_of(page) == {
        f"{BY_KEY['noor'].object_id}:": True,
        f"{BY_KEY['ceo'].object_id}:": False,
        f"{BY_KEY['ben'].object_id}:": False,
    }
    assert asked_about(tenant) == 3


def test_selecting_a_refused_account_is_audited_and_notifies_security(browser_of, tenant):
    hanna = browser_of("hanna")
    take = list(ticks_of(page_of(hanna.post("/hr/new/several/", form_with("ceo")))))

    hanna.post("/hr/new/several/", form_with("ceo", step="save", take=take))

    recorded = AuditEvent.objects.get(event="starter.recorded")
    assert "no_active_role" in recorded.facts["warned"]
    assert [mail.kind for mail in Starter.objects.get().mails.all()] == ["refused"]


def test_account_with_missing_facts_is_named_and_others_are_checked(browser_of, tenant):
    tenant.tenant.faults.add([{"path": rf"/users/{BY_KEY['noor'].object_id}/ownedObjects.*", "status": 404}])

    page = page_of(browser_of("hanna").post("/hr/new/several/", form_with("noor", "ceo")))

    assert "The portal could not fully check 1 account" in page
    assert ticks_of(page) == {f"{BY_KEY['noor'].object_id}:": True, f"{BY_KEY['ceo'].object_id}:": False}


def test_guards_stop_at_their_time_limit_and_unchecked_are_counted(browser_of, tenant, monkeypatch):
    monkeypatch.setattr("onboarding.hr.views.bulk_recording.GUARDS_TIME_LIMIT", -1.0)
    hanna = browser_of("hanna")

    page = page_of(hanna.post("/hr/new/several/", form_with("noor", "ceo")))

    assert "The portal could not fully check 2 accounts" in page
    assert asked_about(tenant) == 0
    hanna.post("/hr/new/several/", form_with("noor", "ceo", step="save", take=list(ticks_of(page))))
    assert Starter.objects.count() == 2 and Job.objects.filter(key__startswith="look:").count() == 2


@pytest.mark.parametrize("status", [429, 503])
def test_look_up_stops_when_microsoft_fails(browser_of, tenant, status):
    names = [tenant.tenant.add_starter(f"n{n}", f"Number {n}").user_principal_name for n in range(40)]
    tenant.tenant.faults.add([{"path": ".*/ownedObjects.*", "status": status, "times": None}])

    page = page_of(browser_of("hanna").post("/hr/new/several/", form_with(*names)))

    assert "The portal could not fully check 40 accounts" in page
    assert 0 < asked_about(tenant) <= 21  # three in each of the seven trips that had begun


def test_when_some_are_left_they_are_checked_once_more(browser_of, tenant):
    hanna, keys = browser_of("hanna"), ("noor", "ceo")
    hanna.post("/hr/new/several/", form_with(*keys))

    after = page_of(
        hanna.post("/hr/new/several/", form_with(*keys, step="save", take=[f"{BY_KEY['noor'].object_id}:"]))
    )

    assert str(guards.CANNOT) in rows_of(after)[name("ceo")]


def test_those_with_nothing_odd_about_them_are_ticked_at_once(browser_of, tenant):
    page = page_of(browser_of("hanna").post("/hr/new/several/", form_with("noor", "ben", "late", "what?")))

    assert ticks_of(page) == {
        f"{BY_KEY['noor'].object_id}:": True,
        f"{BY_KEY['ben'].object_id}:": False,
        f"{name('late')}:": False,
    }


def test_selected_accounts_are_saved_and_listed(browser_of, tenant, person):
    hanna = browser_of("hanna")
    page = page_of(hanna.post("/hr/new/several/", form_with("noor", "liam")))

    response = hanna.post(
        "/hr/new/several/", form_with("noor", "liam", step="save", take=list(ticks_of(page)))
    )

    assert response.status_code == 302 and response["Location"] == f"/hr/?state=all&since={SOON}&until={SOON}"
    page = page_of(hanna.get(response["Location"]))
    assert "2 starters added. The portal is now checking each account" in page
    noor, liam = Starter.objects.order_by("id")
    assert (noor.account_id, liam.account_id) == (BY_KEY["noor"].object_id, BY_KEY["liam"].object_id)
    assert {
        (starter.start_date.isoformat(), f"{starter.start_time:%H:%M}", starter.time_zone)
        for starter in (noor, liam)
    } == {(SOON, "08:30", "Europe/Lisbon")}
    assert noor.note == "Come to the <side> door" and noor.recorded_by == person("hanna")
    assert AuditEvent.objects.filter(event="starter.recorded").count() == 2


def test_unselected_and_failed_accounts_stay_and_saved_are_listed(browser_of, record, tenant):
    record("sofia")
    hanna = browser_of("hanna")
    keys = ("noor", "liam", "sofia", "ben", "what?")
    page = page_of(hanna.post("/hr/new/several/", form_with(*keys)))

    after = page_of(
        hanna.post(
            "/hr/new/several/",
            form_with(*keys, step="save", shown=shown_of(page), take=[f"{BY_KEY['noor'].object_id}:"]),
        )
    )

    noor = Starter.objects.get(account_id=BY_KEY["noor"].object_id)
    assert "1 added" in after and f'href="/hr/{noor.public_id}/"><bdi>Noor de Vries</bdi></a>' in after
    rows = rows_of(after)
    assert set(rows) == {name("liam"), name("sofia"), name("ben"), "what?"}
    assert "A starter with this account already exists" in rows[name("sofia")]
    assert sorted(left_in(after)) == sorted(rows)
    assert ticks_of(after)[f"{BY_KEY['liam'].object_id}:"] is False  # HR saw it, and did not select it
    assert SOON in after and ">\nCome to the <side> door</textarea>" in after
    assert Starter.objects.count() == 2


def test_nothing_is_saved_that_was_not_seen(browser_of, tenant):
    """A check box contains the id of the account that HR saw. Another account may have the name by now."""
    hanna = browser_of("hanna")
    fields = form_with(
        "noor", "liam", step="save", take=["5c0ffee0-0000-4000-8000-00000000dead:", name("noor") + ":"]
    )

    page = page_of(hanna.post("/hr/new/several/", fields), 400)

    assert "Check the accounts, then select" in page and len(ticks_of(page)) == 2
    assert not Starter.objects.exists()


def test_expected_account_that_now_exists_is_shown_before_saving(browser_of, tenant):
    hanna = browser_of("hanna")
    take = list(ticks_of(page_of(hanna.post("/hr/new/several/", form_with("late")))))
    tenant.tenant.create_expected_account("late")

    page = page_of(hanna.post("/hr/new/several/", form_with("late", step="save", take=take)), 400)

    assert "Lotte Vos" in rows_of(page)[name("late")]
    assert not Starter.objects.exists()


def test_missing_account_is_added_as_expected(browser_of, tenant):
    browser_of("hanna").post("/hr/new/several/", form_with("late", step="save", take=[f"{name('late')}:"]))

    starter = Starter.objects.get()
    assert (starter.account_name, starter.account_id, starter.problem) == (
        name("late"),
        "",
        "account_missing",
    )


def test_possible_duplicate_has_a_warning_and_is_unselected(browser_of, record, person, tenant):
    before = record("noor")
    withdrawal.withdraw_starter(starter=before, by=person("hanna"), reason="x")
    hanna = browser_of("hanna")

    page = page_of(hanna.post("/hr/new/several/", form_with("noor")))
    without = page_of(
        hanna.post("/hr/new/several/", form_with("noor", step="save", take=[f"{before.account_id}:"])), 400
    )
    known = f"{before.account_id}:{before.public_id}"
    hanna.post("/hr/new/several/", form_with("noor", step="save", take=[known]))

    assert "Possible duplicate. Same account" in rows_of(page)[name("noor")]
    assert ticks_of(page) == ticks_of(without) == {known: False}
    assert Starter.objects.filter(state="recorded").count() == 1


def test_look_up_keeps_unselected_rows_and_selects_new_ones(browser_of, tenant):
    hanna = browser_of("hanna")
    first = page_of(hanna.post("/hr/new/several/", form_with("noor", "liam")))

    again = page_of(
        hanna.post(
            "/hr/new/several/",
            form_with("noor", "liam", "sofia", shown=shown_of(first), take=[f"{BY_KEY['liam'].object_id}:"]),
        )
    )

    assert ticks_of(again) == {
        f"{BY_KEY['noor'].object_id}:": False,
        f"{BY_KEY['liam'].object_id}:": True,
        f"{BY_KEY['sofia'].object_id}:": True,
    }


def test_the_same_account_under_two_names_is_saved_once(browser_of, tenant):
    fields = form_with("noor", BY_KEY["noor"].object_id, step="save", take=[f"{BY_KEY['noor'].object_id}:"])

    page = page_of(browser_of("hanna").post("/hr/new/several/", fields))

    assert (
        "1 added" in page
        and "A starter with this account already exists" in rows_of(page)[BY_KEY["noor"].object_id]
    )
    assert Starter.objects.count() == 1


def test_two_starters_of_one_name_need_confirmation(browser_of, tenant):
    tenant.tenant.accounts["liam"].properties["displayName"] = BY_KEY["noor"].name
    hanna, both = browser_of("hanna"), ("noor", "liam")
    first = page_of(hanna.post("/hr/new/several/", form_with(*both)))

    left = page_of(hanna.post("/hr/new/several/", form_with(*both, step="save", take=list(ticks_of(first)))))
    assert "A colleague has just added this person" in rows_of(left)[name("liam")]
    again = page_of(hanna.post("/hr/new/several/", form_with("liam", shown=shown_of(left))))
    assert "Possible duplicate. Same name, different account" in rows_of(again)[name("liam")]

    hanna.post("/hr/new/several/", form_with("liam", step="save", take=list(ticks_of(again))))
    assert Starter.objects.filter(display_name=BY_KEY["noor"].name).count() == 2


def test_pasted_list_of_any_shape_is_read_without_duplicates(browser_of, tenant):
    pasted = f"{name('noor').upper()};{name('liam')}\t{name('noor')}\n\n  ,{name('sofia')}  "

    page = page_of(browser_of("hanna").post("/hr/new/several/", form_with(accounts=pasted)))

    assert set(rows_of(page)) == {name("noor"), name("liam"), name("sofia")}


def test_two_hundred_accounts_take_thirty_round_trips_each_way(browser_of, tenant):
    names = [f"person.{n:03}@contoso.example" for n in range(200)]
    hanna = browser_of("hanna")
    page = page_of(hanna.post("/hr/new/several/", form_with(*names)))
    trips = len([request for request in tenant.tenant.requests if request["path"].endswith("/$batch")])

    response = hanna.post("/hr/new/several/", form_with(*names, step="save", take=list(ticks_of(page))))

    # Ten by name in a round trip. Then twenty of the missing ones by mail address.
    assert trips == 20 + 10
    assert len(rows_of(page)) == 200
    assert response.status_code == 302 and Starter.objects.count() == 200


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("accounts", "", "Enter or paste the accounts, one per line"),
        ("accounts", " ,;\n", "Enter or paste the accounts, one per line"),
        ("accounts", "\n".join(f"p{n}@contoso.example" for n in range(201)), "You entered 201 accounts"),
        ("start_date", "", "Enter the start date."),
        ("start_time", "25:00", "Enter a valid time"),
        ("time_zone", "Mars/Olympus", "Select a valid choice"),
        ("note", "x\u202e", "contains invisible characters"),
    ],
)
def test_error_is_beside_its_field_and_entries_stay(browser_of, tenant, field, value, error):
    take = [f"{BY_KEY['noor'].object_id}:"]
    fields = form_with("noor", step="save", take=take) | {field: value}

    page = page_of(browser_of("hanna").post("/hr/new/several/", fields), 400)

    beside = re.search(rf'<div id="id_{field}_error">(.*?)</div>', page, re.S)[1]
    assert error in beside
    if field != "accounts":
        assert left_in(page) == [name("noor")] and ticks_of(page) == {take[0]: True}
    assert not Starter.objects.exists()


def test_looking_up_needs_nothing_but_the_accounts(browser_of, tenant):
    page = page_of(
        browser_of("hanna").post("/hr/new/several/", form_with("noor", start_date="", start_time="25:00"))
    )

    assert "Noor de Vries" in rows_of(page)[name("noor")]


def test_a_directory_that_does_not_answer_loses_nothing(browser_of, tenant):
    tenant.tenant.faults.add([{"path": r"/\$batch", "status": 429, "times": None}])

    page = page_of(browser_of("hanna").post("/hr/new/several/", form_with("noor", "liam")))

    assert all(
        "Microsoft Entra did not respond for this account" in words for words in rows_of(page).values()
    )
    assert left_in(page) == [name("noor"), name("liam")]


def test_opening_the_page_makes_no_call(browser_of, tenant):
    page_of(browser_of("hanna").get("/hr/new/several/", form_with("noor", step="save")))

    assert not tenant.tenant.requests and not Starter.objects.exists()


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_records_several(browser_of, tenant, key):
    response = browser_of(key).post("/hr/new/several/", form_with("noor"))

    assert response.status_code == 403 and not tenant.tenant.requests


@pytest.fixture
def refused_everywhere(policy_says, tenant):
    """Twelve accounts that IT handles, `it0` to `it11`."""
    names = []
    for number in range(12):
        account = tenant.tenant.add_starter(f"it{number}", f"Handled{number} Byit")
        tenant.tenant.accounts[f"it{number}"].groups.append("Server operators")
        names.append(account.user_principal_name)
    return names


def test_second_look_up_of_many_costs_no_extra_queries(browser_of, refused_everywhere):
    hanna = browser_of("hanna")
    first_of_them = form_with(*refused_everywhere[:2])
    all_of_them = form_with(*refused_everywhere)
    first = page_of(hanna.post("/hr/new/several/", all_of_them))
    assert first.count("give IT the reference") == 12
    with CaptureQueriesContext(connection) as few:
        hanna.post("/hr/new/several/", first_of_them)

    with CaptureQueriesContext(connection) as many:
        again = page_of(hanna.post("/hr/new/several/", all_of_them))

    assert len(many) == len(few), (len(few), len(many))
    assert AuditEvent.objects.filter(event="account.looked_up").count() == 12
    assert re.findall(r"give IT the reference number (\d+)", again) == re.findall(
        r"give IT the reference number (\d+)", first
    )
