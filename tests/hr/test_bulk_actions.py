"""HR selects several starters in the list and changes their start date or sends their links."""

from __future__ import annotations

import html
import re
from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from onboarding.models import AuditEvent, Mail, Starter
from onboarding.worker import starter_checks
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
IN_A_MONTH = timezone.localdate() + timedelta(days=30)


def page_of(response, status=200):
    assert response.status_code == status
    return html.unescape(response.content.decode())


def outcomes_of(page):
    """The words of each row, by the name in it."""
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.S)[1]
    rows = re.findall(r"<bdi>(.*?)</bdi>.*?</svg>\s*<span>(.*?)</span>", body, re.S)
    return {name: " ".join(words.split()) for name, words in rows}


def hidden_of(page):
    """The hidden fields of the selection page: each starter and the version that HR saw."""
    return {"starter": re.findall(r'<input type="hidden"\s+name="starter"\s+value="([^"]*)">', page)}


def select_starters(browser, step, *starters, **more):
    ids = [starter.public_id for starter in starters]
    return page_of(browser.post("/hr/together/", {"starter": ids, "step": step, **more}))


@pytest.fixture
def four(record, tenant):
    return [record(key, starts_in=timedelta(days=20)) for key in ("noor", "liam", "sofia", "ben")]


# --- Moving -----------------------------------------------------------------------------------------------------


def test_selection_page_lists_starters_and_changes_nothing(browser_of, four):
    before = list(Starter.objects.values())

    page = select_starters(browser_of("hanna"), "move", *four[:2])

    assert "Change the start date of 2 starters" in page
    assert "Noor de Vries" in page and "Liam O'Brien" in page and "Sofia Rossi" not in page
    assert list(Starter.objects.values()) == before


def test_the_result_of_one_starter_is_not_all(browser_of, four):
    hanna = browser_of("hanna")
    page = select_starters(hanna, "move", four[0])

    fields = {"step": "do-move", "start_date": IN_A_MONTH.isoformat(), "start_time": "", "time_zone": ""}

    assert "<h1>Done</h1>" in page_of(hanna.post("/hr/together/", hidden_of(page) | fields))


def test_all_starts_change_and_empty_fields_stay(browser_of, four):
    Starter.objects.filter(pk=four[0].pk).update(start_time=time(7, 30), note="By the side door")
    hanna = browser_of("hanna")
    page = select_starters(hanna, "move", *four[:2])

    fields = {"step": "do-move", "start_date": IN_A_MONTH.isoformat(), "start_time": "", "time_zone": ""}
    done = page_of(hanna.post("/hr/together/", hidden_of(page) | fields))

    noor, liam = (Starter.objects.get(pk=starter.pk) for starter in four[:2])
    assert "All 2 done" in done
    assert (noor.start_date, noor.start_time, noor.note) == (IN_A_MONTH, time(7, 30), "By the side door")
    assert noor.starts_at.date() == IN_A_MONTH
    assert (liam.start_date, liam.start_time) == (IN_A_MONTH, four[1].start_time)
    assert AuditEvent.objects.filter(event="starter.rescheduled").count() == 2
    assert BY_KEY["hanna"].object_id in noor.shaped_by
    assert Starter.objects.get(pk=four[2].pk).start_date == four[2].start_date


def test_time_and_zone_are_moved_without_the_date(browser_of, four):
    hanna = browser_of("hanna")
    page = select_starters(hanna, "move", four[0])

    fields = {"step": "do-move", "start_date": "", "start_time": "10:15", "time_zone": "Europe/Lisbon"}
    hanna.post("/hr/together/", hidden_of(page) | fields)

    moved = Starter.objects.get(pk=four[0].pk)
    assert (moved.start_date, moved.start_time, moved.time_zone) == (
        four[0].start_date,
        time(10, 15),
        "Europe/Lisbon",
    )


def test_each_starter_is_done_or_has_a_reason(browser_of, four, held, invite):
    """One starter changed meanwhile, HR is the manager of one, and one date is too far ahead. The fourth is still moved."""
    henry, own, gone = browser_of("henry"), invite("nadia"), held("yusuf").starter
    page = select_starters(henry, "move", four[0], four[1], own, gone)
    Starter.objects.filter(pk=four[0].pk).update(version=9)

    fields = {"step": "do-move", "start_date": IN_A_MONTH.isoformat()}
    told = outcomes_of(page_of(henry.post("/hr/together/", hidden_of(page) | fields)))

    assert "have changed since you opened the list" in told["Noor de Vries"]
    assert told["Liam O'Brien"] == "The new start was saved."
    assert "You are this person’s manager" in told["Nadia Khan"]
    assert "did not save your changes" in told["Yusuf Demir"]
    assert list(told)[-1] == "Liam O'Brien"  # what was not done comes first
    assert Starter.objects.filter(start_date=IN_A_MONTH).count() == 1


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"start_date": ""}, "Enter a new date, time or time zone"),
        ({"start_date": "2026-02-31"}, "Enter a valid date"),
        ({"start_date": "2019-01-01"}, "at most 31 days ago"),
        ({"start_time": "25:00"}, "Enter a valid time"),
        ({"time_zone": "Mars/Olympus"}, "Select a valid choice"),
    ],
)
def test_a_mistake_moves_nobody_and_keeps_those_chosen(browser_of, four, fields, error):
    hanna = browser_of("hanna")
    page = select_starters(hanna, "move", *four)

    response = hanna.post("/hr/together/", hidden_of(page) | {"step": "do-move"} | fields)

    assert error in page_of(response, 400)
    assert hidden_of(page_of(response, 400))["starter"] == hidden_of(page)["starter"]
    assert not AuditEvent.objects.filter(event="starter.rescheduled").exists()


# --- Sending ----------------------------------------------------------------------------------------------------


def test_each_link_costs_one_question_to_the_directory(browser_of, four, tenant):
    hanna = browser_of("hanna")
    page = select_starters(hanna, "send", *four)
    tenant.tenant.requests.clear()

    told = outcomes_of(page_of(hanna.post("/hr/together/", hidden_of(page) | {"step": "do-send"})))

    trips = [request for request in tenant.tenant.requests if request["path"].endswith("/$batch")]
    assert len(trips) == len(four)  # the guards' facts are read for each
    assert told.pop("Ben Carter") == "The link was not sent. No manager is set in Entra."
    assert set(told.values()) == {"The portal is emailing the link to the manager or stand-in."}
    assert Mail.objects.filter(kind="invitation").count() == 3
    assert Starter.objects.filter(state="invited").count() == 3


def test_hr_learns_which_managers_have_no_mailbox(browser_of, four, tenant):
    hanna = browser_of("hanna")
    tenant.tenant.accounts["maria"].properties["mail"] = None
    page = select_starters(hanna, "send", four[0])

    answer = page_of(hanna.post("/hr/together/", hidden_of(page) | {"step": "do-send"}))

    assert outcomes_of(answer) == {
        "Noor de Vries": "No email was sent, because the manager or stand-in has no mailbox."
    }
    assert "1 of 1 failed" in answer and 'data-tone="problem"' in answer
    assert not Mail.objects.filter(kind="invitation").exists()


@pytest.mark.usefixtures("managers_may_change")
def test_the_manager_of_this_moment_gets_the_link(browser_of, four, tenant):
    hanna = browser_of("hanna")
    page = select_starters(hanna, "send", four[0])
    tenant.tenant.accounts["noor"].manager = "tom"

    hanna.post("/hr/together/", hidden_of(page) | {"step": "do-send"})

    assert Mail.objects.get(kind="invitation").to == "tom.becker@contoso.example"


def test_the_same_page_sent_twice_sends_no_second_link(browser_of, four, invite):
    hanna, invited = browser_of("hanna"), invite("yusuf")
    page = select_starters(hanna, "send", four[0], invited)
    hanna.post("/hr/together/", hidden_of(page) | {"step": "do-send"})

    told = outcomes_of(page_of(hanna.post("/hr/together/", hidden_of(page) | {"step": "do-send"})))

    assert all("have changed since you opened the list" in words for words in told.values())
    assert Mail.objects.filter(kind="invitation").count() == 3  # Yusuf's first, and then one each


def test_silent_directory_is_the_reason_of_each_starter(browser_of, four, tenant):
    hanna = browser_of("hanna")
    page = select_starters(hanna, "send", *four[:2])
    tenant.tenant.faults.add([{"path": r"/\$batch", "status": 403, "times": None}])

    told = outcomes_of(page_of(hanna.post("/hr/together/", hidden_of(page) | {"step": "do-send"})))

    assert told and all("Microsoft Entra does not respond" in words for words in told.values())
    assert not Mail.objects.exists()


# --- Choosing ---------------------------------------------------------------------------------------------------


def test_nobody_chosen_leads_back_to_the_same_list(browser_of, four):
    hanna = browser_of("hanna")

    response = hanna.post("/hr/together/", {"step": "move", "back": "q=noor&day=week"})

    assert response.status_code == 302 and response["Location"] == "/hr/?q=noor&day=week"
    assert "Select starters in the list first" in page_of(hanna.get(response["Location"]))


@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example", "page=javascript:alert(1)"])
def test_the_way_back_leads_only_to_the_list(browser_of, four, back):
    response = browser_of("hanna").post("/hr/together/", {"step": "move", "back": back})

    assert response["Location"].startswith("/hr/") and "evil" not in response["Location"]


def test_unknown_starter_is_not_selected(browser_of, four):
    ids = [four[0].public_id, "A" * 22, str(four[1].pk), "' OR 1=1 --"]

    page = page_of(browser_of("hanna").post("/hr/together/", {"step": "move", "starter": ids}))

    assert "Change the start date of 1 starter" in page and "Liam" not in page


def test_without_having_seen_them_nobody_is_moved(browser_of, four):
    ids = [starter.public_id for starter in four]
    fields = {"step": "do-move", "start_date": date(2027, 1, 4).isoformat(), "starter": ids}

    page = page_of(browser_of("hanna").post("/hr/together/", fields))

    assert "4 of 4 failed" in page
    assert not AuditEvent.objects.filter(event="starter.rescheduled").exists()


def test_two_hundred_are_moved_at_once(browser_of, person):
    now = timezone.now()
    starters = Starter.objects.bulk_create(
        Starter(
            account_name=f"person{n:03}@contoso.example",
            account_id=f"70000000-0000-4000-8000-{n:012}",
            start_date=now.date(),
            start_time=now.time(),
            starts_at=now,
            time_zone="UTC",
            recorded_by=person("hanna"),
        )
        for n in range(200)
    )
    hanna = browser_of("hanna")
    page = select_starters(hanna, "move", *starters)

    fields = {"step": "do-move", "start_date": IN_A_MONTH.isoformat()}
    done = page_of(hanna.post("/hr/together/", hidden_of(page) | fields))

    assert "All 200 done" in done
    assert Starter.objects.filter(start_date=IN_A_MONTH).count() == 200


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_acts_on_several(browser_of, four, key):
    fields = {"step": "do-send", "starter": [four[0].public_id]}

    assert browser_of(key).post("/hr/together/", fields).status_code == 403
    assert not Mail.objects.exists()


# --- Withdrawing, and accepting changes in Entra ----------------------------------------------------------------


def test_selected_starters_are_withdrawn_with_one_reason(browser_of, four):
    hanna = browser_of("hanna")
    page = select_starters(hanna, "withdraw", *four[:2])
    send = hidden_of(page) | {"step": "do-withdraw"}

    refused = page_of(hanna.post("/hr/together/", send | {"reason": " "}), 400)
    outcomes = outcomes_of(page_of(hanna.post("/hr/together/", send | {"reason": "The team closes"})))

    assert "Withdraw 2 starters" in page and "Enter a reason." in refused
    assert outcomes == {"Noor de Vries": "Withdrawn.", "Liam O'Brien": "Withdrawn."}
    states = [Starter.objects.get(pk=starter.pk).state for starter in four]
    assert states == ["withdrawn", "withdrawn", "recorded", "recorded"]
    events = AuditEvent.objects.filter(event="starter.withdrawn")
    assert {event.detail.values["reason"] for event in events} == {"The team closes"}


def test_only_the_changes_that_were_shown_are_accepted(browser_of, four, tenant):
    hanna = browser_of("hanna")
    for key, starter in zip(("noor", "liam"), four[:2], strict=True):
        tenant.tenant.accounts[key].properties["displayName"] = f"{key.title()} Newname"
        starter_checks.check_starter(str(starter.pk))
    page = select_starters(hanna, "accept", *four[:3])
    tenant.tenant.accounts["liam"].properties["displayName"] = "Mallory Black"

    outcomes = outcomes_of(page_of(hanna.post("/hr/together/", hidden_of(page) | {"step": "do-accept"})))

    assert "Noor de Vries" in page and "Noor Newname" in page
    assert outcomes["Noor Newname"] == "Changes confirmed."
    assert outcomes["Sofia Rossi"] == "Entra has no changes to confirm for this starter."
    assert Starter.objects.get(pk=four[0].pk).seen["name"] == "Noor Newname"
    assert Starter.objects.get(pk=four[1].pk).seen["name"] == "Liam O'Brien"
