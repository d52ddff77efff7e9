"""HR's cases: what HR types, searches and clicks, and what the pages show, over HTTP."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from onboarding import jobs
from onboarding.models import PassIssue, Starter
from onboarding.models.hire_date import hire_day
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.receipt import confirm_receipt
from tests.conftest import BY_KEY, live_passes
from tests.support.hr_forms import click, fields_on_page
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db
SOON = (timezone.localdate() + timedelta(days=7)).isoformat()


def text_of(response: Any) -> str:
    """A page's words, without its tags."""
    return words_in(html.unescape(response.content.decode()))


def words_in(part: str) -> str:
    """The words of a piece of HTML, without tags; `bdi` elements add no space."""
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"</?bdi>", "", part)).split())


def row_of(response: Any, name: str) -> str:
    """The words of the table row with this name."""
    rows = re.findall(r"<tr>(.*?)</tr>", html.unescape(response.content.decode()), re.S)
    found = [words_in(row) for row in rows if name in row]
    assert found, f"no row holds {name}"
    return found[0]


# --- H1, H2, H5: what is pasted -----------------------------------------------------------------------------------

NOOR, LIAM, SOFIA = (BY_KEY[key].user_principal_name for key in ("noor", "liam", "sofia"))


def pasting(accounts: str, **differently: Any) -> dict[str, Any]:
    fields = {
        "start_date": SOON,
        "start_time": "09:00",
        "time_zone": "Europe/Amsterdam",
        "note": "",
        "step": "look",
    }
    return fields | {"accounts": accounts} | differently


def accounts_of(response: Any) -> dict[str, str]:
    """The words of each row, by its first cell; in the order of the page."""
    body = html.unescape(response.content.decode()).partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.S)
    return {re.search(r'class="exact"><bdi>(.*?)</bdi>', row)[1]: words_in(row) for row in rows}


@pytest.mark.parametrize(
    "pasted",
    [
        f'"{NOOR}"\n"{LIAM}"',
        f"de Vries, Noor <{NOOR}>; O’Brien, Liam <{LIAM}>",
        f"mailto:{NOOR}\nmailto:{LIAM}?subject=x",
        f"1. {NOOR}\n2. {LIAM}",
        f"- {NOOR}\n• {LIAM}",
        f"{NOOR} {LIAM}",
        f"| {NOOR} | {LIAM} |",
        f"{NOOR}.\n{LIAM};,",
        f"\ufeff{NOOR.upper()}\r\n\u200b{LIAM}\u00a0",
    ],
)
def test_h1_text_pasted_from_other_programs_is_read(browser_of, tenant, pasted):
    answer = browser_of("hanna").post("/hr/new/several/", pasting(pasted))

    rows = accounts_of(answer)
    assert answer.status_code == 200 and set(rows) == {NOOR, LIAM}
    assert "Noor de Vries" in rows[NOOR] and "Liam O'Brien" in rows[LIAM]


def test_h1_one_account_is_read_the_same_way(browser_of, tenant):
    answer = browser_of("hanna").post("/hr/new/", recording(account=f"de Vries, Noor <{NOOR}>;"))

    assert answer.status_code == 200 and "Maria Lindqvist" in text_of(answer)


def test_h2_a_bad_line_is_marked_and_all_input_stays(browser_of, tenant):
    pasted = f"{NOOR}\n{LIAM}\nzo\u00eb@contoso.example\nsofia\u200b.rossi@contoso.example"
    hanna = browser_of("hanna")

    answer = hanna.post("/hr/new/several/", pasting(pasted))

    rows = accounts_of(answer)
    assert answer.status_code == 200 and set(rows) == {NOOR, LIAM, SOFIA, "zo\u00eb@contoso.example"}
    odd = rows["zo\u00eb@contoso.example"]
    assert "line 3" in odd and "“\u00eb” (LATIN SMALL LETTER E WITH DIAERESIS, U+00EB)" in odd
    page = html.unescape(answer.content.decode())
    assert pasted in page
    assert page.count('name="take"') == 3

    saved = hanna.post(
        "/hr/new/several/", pasting(pasted, step="save", take=[f"{BY_KEY['noor'].object_id}:"])
    )
    left = re.search(
        r"<textarea name=\"accounts\".*?>\n?(.*?)</textarea>", html.unescape(saved.content.decode()), re.S
    )
    assert Starter.objects.get().account_name == NOOR
    assert set(left[1].split()) == {LIAM, SOFIA, "zo\u00eb@contoso.example"}


TABLE = (
    f"Noor de Vries\t{NOOR}\tmaria.lindqvist@contoso.example\t7-12-2026\nLiam O'Brien\t{LIAM}\t\t7-12-2026"
)


@pytest.mark.parametrize("table", [TABLE, TABLE.replace("\t7-12-2026", "")])
def test_h3_a_table_is_kept_and_goes_to_the_import(browser_of, tenant, table):
    hanna = browser_of("hanna")

    answer = hanna.post("/hr/new/several/", pasting(table))

    page = html.unescape(answer.content.decode())
    assert answer.status_code == 400 and table in page and "Import the table instead" in page
    assert 'name="take"' not in page and 'formaction="/hr/import/"' in page
    columns = hanna.post("/hr/import/", pasting(table), follow=True)
    assert columns.resolver_match.view_name == "hr:import-columns"
    assert "maria.lindqvist@contoso.example" in text_of(
        columns
    )  # HR says which of the two is the starter's account
    assert not columns.context["form"]["column-1"].value()
    single = hanna.post("/hr/new/", recording(account=table.splitlines()[0]))
    assert single.status_code == 400 and "Import the table instead" in text_of(single)
    assert not Starter.objects.exists()


@pytest.mark.parametrize("odd", ["no\x07or@contoso.example", "noor@", "\x92\x93\x94\x95x"])
def test_h2_no_character_makes_the_list_fail(browser_of, tenant, odd):
    answer = browser_of("hanna").post("/hr/new/several/", pasting(f"{LIAM}\n{odd}\n{SOFIA}"))

    assert answer.status_code == 200 and {LIAM, SOFIA} <= set(accounts_of(answer))


@pytest.mark.parametrize("apostrophe", ["’", "‘", "ʼ", "´", "`", "\x92"])
def test_h5_a_typographic_apostrophe_is_found(browser_of, tenant, apostrophe):
    tenant.tenant.accounts["liam"].properties["userPrincipalName"] = "sean.o'brien@contoso.example"

    several = browser_of("hanna").post(
        "/hr/new/several/", pasting(f"sean.o{apostrophe}brien@contoso.example")
    )
    page = browser_of("hanna").post("/hr/new/", recording(account=f"sean.o{apostrophe}brien@contoso.example"))

    assert "Liam O'Brien" in accounts_of(several)["sean.o'brien@contoso.example"]
    assert "Liam O'Brien" in text_of(page) and page.status_code == 200


# --- H4: a mail address that is not the account name ---------------------------------------------------------------

MAIL = "n.devries@contoso.example"


@pytest.fixture(params=["mail", "proxyAddresses"])
def has_mail(request, tenant):
    """Noor receives mail at an address that is not her account name: her main address, or another one."""
    value = MAIL if request.param == "mail" else [f"SMTP:{NOOR}", f"smtp:{MAIL}"]
    tenant.tenant.accounts["noor"].properties[request.param] = value


def test_h4_hr_accepts_a_mail_addresss_owner_with_one_click(has_mail, browser_of):
    hanna = browser_of("hanna")

    asked = hanna.post("/hr/new/", recording(account=MAIL.upper()))

    words, page = text_of(asked), asked.content.decode()
    assert f"This is the email address of Noor de Vries. Their account name is {NOOR}." in words
    assert "This account does not exist yet" not in words and 'value="expect"' not in page
    use = re.search(r'name="use"\s+value="([^"]+)"', page)[1]
    chosen = hanna.post("/hr/new/", recording(account=MAIL, use=use))
    assert 'value="save"' in chosen.content.decode() and "Maria Lindqvist" in text_of(chosen)
    assert f'value="{NOOR}"' in chosen.content.decode()
    assert not Starter.objects.exists()


@pytest.mark.parametrize("step", ["expect", "expect-next", "save", "save-next"])
def test_h4_a_mail_address_is_never_accepted_without_asking(has_mail, browser_of, step):
    answer = browser_of("hanna").post("/hr/new/", recording(account=MAIL, step=step, start_date=SOON))

    assert "This is the email address of" in text_of(answer) and not Starter.objects.exists()


def test_h4_in_a_list_only_that_row_asks(has_mail, browser_of):
    hanna = browser_of("hanna")

    asked = hanna.post("/hr/new/several/", pasting(f"{LIAM}\n{MAIL}\nnoor"))

    rows = accounts_of(asked)
    assert f"This is the email address of Noor de Vries. Their account name is {NOOR}." in rows[MAIL]
    assert asked.content.decode().count('name="take"') == 1
    use = re.search(r'name="use"\s+value="([^"]+)"', html.unescape(asked.content.decode()))[1]
    chosen = hanna.post("/hr/new/several/", pasting(f"{LIAM}\n{MAIL}\nnoor", use=use))
    assert set(accounts_of(chosen)) == {LIAM, NOOR, "noor"} and "Noor de Vries" in accounts_of(chosen)[NOOR]


def test_h4_replacing_an_account_asks_about_a_mail_address_too(has_mail, browser_of, record):
    starter, hanna = record("liam"), browser_of("hanna")
    page = hanna.get(f"/hr/{starter.public_id}/account/").content.decode()
    version = re.search(r'name="version" value="(\d+)"', page)[1]

    answer = hanna.post(
        f"/hr/{starter.public_id}/account/", {"account": MAIL, "version": version, "step": "expect"}
    )

    assert "This is the email address of" in text_of(answer) and Starter.objects.get().account_name == LIAM


def test_h4_an_unknown_address_can_be_an_expected_account(browser_of, tenant):
    answer = browser_of("hanna").post("/hr/new/", recording(account="nobody@contoso.example"))

    assert "This account does not exist yet" in text_of(answer)


def test_h4_a_silent_directory_makes_no_expected_account(browser_of, fault, tenant):
    fault(path=r"/users$", status=503, times=None)

    answer = browser_of("hanna").post("/hr/new/", recording(account=MAIL))

    assert "Microsoft Entra did not respond" in text_of(answer)
    assert "This account does not exist yet" not in text_of(answer)


# --- H6: names as people spell them -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Zoë Müller", "muller"), ("Zoë Müller", "mueller"), ("Seán O’Brien", "obrien"), ("Seán O’Brien", "o'brien"),
        ("Jörg Groß", "jorg gross"), ("Søren Łuczak", "soren luczak"), ("İlkay Işık", "ilkay isik"),
        ("Andre\u0301 Weiß", "andré weiss"),
    ],
)  # fmt: skip
def test_h6_the_search_folds_case_accents_and_apostrophes(record, browser_of, name, typed):
    starter = record("noor")
    record("sofia")
    Starter.objects.filter(pk=starter.pk).update(display_name=name)

    page = browser_of("hanna").get("/hr/", {"q": typed})

    assert name in text_of(page) and "1 starter found" in text_of(page)


# --- H7: a date that is missing ------------------------------------------------------------------------------------


def recording(**differently: str) -> dict[str, str]:
    fields = {
        "account": BY_KEY["noor"].user_principal_name,
        "start_time": "09:00",
        "time_zone": "Europe/Amsterdam",
    }
    return fields | {"start_date": "", "note": "", "seen": "", "step": "look"} | differently


def test_h7_saving_without_a_date_keeps_the_looked_up_account(browser_of, tenant):
    hanna = browser_of("hanna")
    looked = hanna.post("/hr/new/", recording())
    assert "Noor de Vries" in text_of(looked)
    seen = BY_KEY["noor"].object_id

    answer = hanna.post("/hr/new/", recording(seen=seen, step="save"))

    page = answer.content.decode()
    assert answer.status_code == 400 and not Starter.objects.exists()
    assert "Noor de Vries" in text_of(answer) and "Maria Lindqvist" in text_of(answer)
    assert 'value="save"' in page and f'value="{seen}"' in page
    assert "Enter the start date." in page.split('id="id_start_date_error"')[1].split("</div>")[0]
    assert re.search(r'role="alert" tabindex="-1" autofocus', page)

    saved = hanna.post("/hr/new/", recording(seen=seen, step="save", start_date=SOON))
    assert saved.status_code == 302 and Starter.objects.get().account_id == seen


def test_h7_an_expected_account_without_a_date_stays_expected(browser_of, tenant):
    late = BY_KEY["late"].user_principal_name

    answer = browser_of("hanna").post("/hr/new/", recording(account=late, step="expect"))

    assert answer.status_code == 400 and 'value="expect"' in answer.content.decode()
    assert "This account does not exist yet" in text_of(answer)


# --- H9: a stand-in --------------------------------------------------------------------------------------------------


@pytest.fixture
def stood_in(invite, browser_of):
    """Noor's manager is away, and HR assigned the manager's manager as stand-in."""
    starter, hanna = invite("noor"), browser_of("hanna")
    page = hanna.get(f"/hr/{starter.public_id}/stand-in/").content.decode()
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    hanna.post(f"/hr/{starter.public_id}/stand-in/", fields | {"reason": "On leave"})
    found = Starter.objects.get(pk=starter.pk)
    assert found.stand_in_name and found.stand_in_name != found.manager_name
    return found


@pytest.mark.parametrize("address", ["/hr/?state=all", "/hr/day/", "/hr/?q=noor"])
def test_h9_list_day_and_search_show_stand_in_and_manager(stood_in, browser_of, address):
    row = row_of(browser_of("hanna").get(address), "Noor de Vries")

    assert f"{stood_in.stand_in_name} stand-in for {stood_in.manager_name}" in row


def test_h9_a_filter_by_manager_finds_the_stand_ins_starter(stood_in, browser_of, record):
    record("liam")
    hanna = browser_of("hanna")

    theirs = text_of(hanna.get(f"/hr/?manager={stood_in.stand_in_id}"))
    managers = text_of(hanna.get(f"/hr/?manager={stood_in.manager_id}"))
    choices = html.unescape(hanna.get("/hr/").content.decode()).split('id="manager"')[1].split("</select>")[0]

    assert "Noor de Vries" in theirs and "Liam" not in theirs
    assert "Liam" in managers and "Noor de Vries" not in managers
    assert f"{stood_in.stand_in_name} (1)" in choices and f"{stood_in.manager_name} (1)" in choices


def test_h9_the_search_finds_the_starter_by_the_stand_ins_name(stood_in, browser_of):
    assert "Noor de Vries" in text_of(browser_of("hanna").get("/hr/", {"q": stood_in.stand_in_name}))


# --- H10: a quiet day ------------------------------------------------------------------------------------------------


def test_h10_a_quiet_today_says_how_many_others_need_attention(browser_of, record):
    record("noor", starts_in=timedelta(days=9))
    record("liam", starts_in=timedelta(days=12))
    Starter.objects.update(problem="no_manager")

    page = browser_of("hanna").get("/hr/day/")

    assert "2 starters on other days need attention" in text_of(page)
    assert 'href="/hr/?state=problem"' in page.content.decode()


def test_h10_where_nobody_needs_attention_nothing_is_counted(browser_of, record):
    record("noor", starts_in=timedelta(days=9))

    assert "need attention" not in text_of(browser_of("hanna").get("/hr/day/"))


# --- H12: an old page ------------------------------------------------------------------------------------------------

OUT_OF_DATE = "The page was out of date"


def test_h12_an_old_page_does_not_end_a_newer_pass(
    held, browser_of, confirmation, run_jobs, settings, tenant
):
    settings.GRAPH_BUDGET_CALLS = 1000
    first = held("noor")
    hanna = browser_of("hanna")
    old = fields_on_page(hanna, first.starter, "take-back")
    cancel_pass(first, reason=PassIssue.Reason.LOST, by=first.actor)
    run_jobs()
    second = outcome_of(confirmation(first.starter))
    confirm_receipt(second.issue, by=second.issue.actor)

    answer = hanna.post(f"/hr/{first.starter.public_id}/take-back/", old, follow=True)
    run_jobs()

    assert OUT_OF_DATE in text_of(answer)
    assert PassIssue.objects.get(pk=second.issue.pk).state == "held" and len(live_passes(tenant)) == 1
    click(hanna, first.starter, "take-back")
    run_jobs()
    assert not live_passes(tenant)


@pytest.mark.parametrize("action", ["send", "accept", "take-back", "look-again"])
@pytest.mark.parametrize("version", [None, "", "0", "x"])
def test_h12_every_action_from_an_old_page_is_refused(invite, browser_of, action, version):
    starter = invite("noor")
    before = Starter.objects.values().get(pk=starter.pk)
    fields = {} if version is None else {"version": version}

    answer = browser_of("hanna").post(f"/hr/{starter.public_id}/{action}/", fields, follow=True)

    assert OUT_OF_DATE in text_of(answer)
    after = Starter.objects.values().get(pk=starter.pk)
    assert (after["version"], after["state"], after["extra_attempts"]) == (
        before["version"],
        before["state"],
        before["extra_attempts"],
    )


def test_h12_an_old_page_does_not_send_the_link(record, browser_of):
    starter, hanna = record("noor"), browser_of("hanna")
    old = fields_on_page(hanna, starter, "send")
    page = hanna.get(f"/hr/{starter.public_id}/edit/").content.decode()
    moved = {"start_date": SOON, "start_time": "10:00", "time_zone": "Europe/Amsterdam", "note": ""}
    version = re.search(r'name="version" value="(\d+)"', page)[1]
    hanna.post(f"/hr/{starter.public_id}/edit/", moved | {"version": version})

    answer = hanna.post(f"/hr/{starter.public_id}/send/", old, follow=True)

    assert OUT_OF_DATE in text_of(answer) and Starter.objects.get().state == "recorded"
    click(hanna, starter, "send")
    assert Starter.objects.get().state == "invited"


def test_h12_every_form_on_a_starters_page_carries_the_version(held, record, browser_of):
    hanna = browser_of("hanna")

    for starter in (held("noor").starter, record("liam")):
        page = hanna.get(f"/hr/{starter.public_id}/").content.decode()
        forms = re.findall(rf'<form[^>]*action="/hr/{starter.public_id}/.*?</form>', page, re.S)
        assert forms and all('name="version"' in form for form in forms)


# --- H11: a hire date -------------------------------------------------------------------------------------------------

HIRED = "2026-11-28T23:00:00Z"  # midnight of 29 November in Amsterdam


@pytest.fixture
def hired(record, tenant):
    """Noor starts on 30 November in Amsterdam; her hire date in the directory is the 29th."""
    tenant.tenant.accounts["noor"].properties["employeeHireDate"] = HIRED
    with time_machine.travel("2026-11-28T10:00:00Z", tick=True):
        tenant.tenant.accounts["noor"].properties["createdDateTime"] = "2026-11-20T10:00:00Z"
        starter = record("noor")
        Starter.objects.filter(pk=starter.pk).update(
            start_date="2026-11-30", start_time="09:00", starts_at="2026-11-30T08:00Z"
        )
        yield Starter.objects.get()


def test_h11_hr_and_admin_see_the_directorys_hire_date(hired, browser_of):
    page = text_of(browser_of("hanna").get(f"/hr/{hired.public_id}/"))
    admin = text_of(browser_of("ada").get(f"/admin/onboarding/starter/{hired.pk}/change/"))

    assert re.search(r"Hire date Sunday,? 29 November", page), page
    assert re.search(r"Hire date:? 29 Nov(ember)? 2026", admin), admin


def test_h11_the_form_shows_the_same_hire_date_before_saving(hired, browser_of):
    Starter.objects.all().delete()

    page = browser_of("hanna").post("/hr/new/", recording(start_date="2026-11-30"))

    assert re.search(r"Hire date Sunday,? 29 November", text_of(page))


@pytest.mark.parametrize(
    ("hire_date", "agrees"), [(HIRED, True), ("2026-11-29T00:00:00Z", True), ("2026-11-27T23:00:00Z", False)]
)
def test_h11_the_guard_counts_days_in_the_starters_time_zone(
    hired, tenant, confirmation, policy_says, hire_date, agrees
):
    policy_says(hire_date_days=1, closes_days_after=1)
    tenant.tenant.accounts["noor"].properties["employeeHireDate"] = hire_date

    Starter.objects.update(state="invited", sign_in_looked_at=timezone.now(), sign_in_told=True)
    with time_machine.travel("2026-11-30T09:00:00Z", tick=True):
        jobs.record_heartbeat("a worker")
        outcome = outcome_of(confirmation(hired))

    refused = [guard.code for guard in getattr(outcome, "guards", ())]
    assert agrees or refused, outcome
    assert ("hire_date_agrees" not in refused) is agrees


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-11-28T23:00:00+00:00", "Europe/Amsterdam", "2026-11-29"),
        ("2026-11-29T00:00:00+00:00", "Europe/Amsterdam", "2026-11-29"),
        ("2026-06-28T22:00:00+00:00", "Europe/Amsterdam", "2026-06-29"),
        (
            "2026-11-29T00:00:00+00:00",
            "America/Los_Angeles",
            "2026-11-29",
        ),  # the day, not the evening before
        ("2026-11-29T08:00:00+00:00", "America/Los_Angeles", "2026-11-29"),
        ("2026-11-28T11:00:00+00:00", "Pacific/Auckland", "2026-11-29"),
        ("2026-11-29T00:00:00+00:00", "Pacific/Auckland", "2026-11-29"),
        ("2026-11-28T18:30:00+00:00", "Asia/Kolkata", "2026-11-29"),
        ("2026-11-29T12:34:00+00:00", "UTC", "2026-11-29"),
    ],
)
def test_h11_a_hire_date_is_a_day_in_the_starters_zone(moment, zone, day):
    assert hire_day(datetime.fromisoformat(moment), ZoneInfo(zone)).isoformat() == day
