"""HR adds a starter: look up the account, check it, then save."""

from __future__ import annotations

import html
import re
from datetime import UTC, timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from onboarding.models import AuditEvent, Job, Starter
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
NOOR, LATE = BY_KEY["noor"], BY_KEY["late"]
OURS = {"Origin": settings.PORTAL_URL, "Sec-Fetch-Site": "same-origin"}
NOTE = 'Ring <twice> & say "hello"'


def form_with(**differently):
    """HR's input, different from the empty form in every field."""
    fields = {
        "account": NOOR.user_principal_name,
        "start_date": (timezone.localdate() + timedelta(days=7)).isoformat(),
        "start_time": "07:45",
        "time_zone": "Europe/Lisbon",
        "note": NOTE,
        "step": "look",
    }
    return fields | differently


def page_of(response):
    return response.content.decode()


def error_beside(page, field):
    """The error between a label and its field, which a screen reader reads with the field."""
    found = re.search(rf'<div id="id_{field}_error">(.*?)</div>', page, re.S)
    control = re.search(rf'<(?:input|select|textarea)[^>]*name="{field}"[^>]*>', page)
    assert control is not None, f"there is no field {field}"
    assert found is None or f"id_{field}_error" in control[0], "the error is not tied to its field"
    return html.unescape(re.sub(r"<[^>]+>", "", found[1])).strip() if found else ""


def lost_fields(page, fields):
    """The names of fields whose input is no longer in the form."""
    shapes = {
        "account": f'name="account" value="{fields["account"]}"' if fields["account"] else 'name="account"',
        "start_date": f'name="start_date" value="{fields["start_date"]}"',
        "start_time": f'name="start_time" value="{fields["start_time"]}"',
        "time_zone": f'<option value="{fields["time_zone"]}" selected>',
        "note": f">\n{html.escape(fields['note'])}</textarea>",
    }
    return [name for name, shape in shapes.items() if shape not in page]


def seen_on(page):
    return re.search(r'name="seen" value="([^"]*)"', page)[1]


# --- Seen first, saved then ---------------------------------------------------------------------------------------


def test_look_up_shows_details_and_saves_nothing(browser_of, tenant):
    fields = form_with()

    response = browser_of("hanna").post("/hr/new/", fields)

    page = page_of(response)
    hired = timezone.now()  # the demo cast is hired today, in UTC
    assert response.status_code == 200 and not lost_fields(page, fields)
    facts = page.split("Account details")[1].split("</dl>")[0]
    for fact in ("Noor de Vries", "Service designer", "Service design", "Maria Lindqvist", f"{hired:%B %Y}"):
        assert fact in facts
    assert "Save this starter" in page
    assert not Starter.objects.exists() and not AuditEvent.objects.exists()


def test_looking_up_needs_nothing_but_the_account(browser_of, tenant):
    fields = form_with(start_date="", start_time="25:00", note="")

    response = browser_of("hanna").post("/hr/new/", fields)

    page = page_of(response)
    assert response.status_code == 200 and "Maria Lindqvist" in page
    assert not error_beside(page, "start_date") and not error_beside(page, "start_time")
    assert "Start date and note" in page and not {"account", "start_time"} & set(lost_fields(page, fields))


def test_saving_before_having_seen_anything_shows_it_first(browser_of, tenant):
    fields = form_with(step="save")

    response = browser_of("hanna").post("/hr/new/", fields)

    assert "Account details" in page_of(response) and not lost_fields(page_of(response), fields)
    assert not Starter.objects.exists()


def test_saving_an_unseen_account_shows_it_first(browser_of, tenant):
    hanna = browser_of("hanna")
    seen = seen_on(page_of(hanna.post("/hr/new/", form_with())))

    liam = BY_KEY["liam"]
    response = hanna.post(
        "/hr/new/", form_with(account=liam.user_principal_name.replace("'", ""), step="save", seen=seen)
    )

    assert "Content designer" in page_of(response)
    assert seen_on(page_of(response)) == liam.object_id
    assert not Starter.objects.exists()


def test_saving_adds_the_account_by_its_object_id(browser_of, tenant, person):
    hanna = browser_of("hanna")
    seen = seen_on(page_of(hanna.post("/hr/new/", form_with())))

    response = hanna.post("/hr/new/", form_with(step="save", seen=seen))

    starter = Starter.objects.get()
    assert response.status_code == 302 and response["Location"] == f"/hr/{starter.public_id}/"
    assert (starter.account_id, starter.manager_id) == (NOOR.object_id, BY_KEY["maria"].object_id)
    assert (starter.recorded_by, starter.state, starter.note) == (person("hanna"), "recorded", NOTE)
    assert f"{starter.start_local:%H:%M %Z}" in {"07:45 WET", "07:45 WEST"}
    assert starter.starts_at == starter.start_local.astimezone(UTC)
    assert "Noor de Vries was added." in page_of(hanna.get(response["Location"]))


def test_adding_is_in_the_audit_log_with_person_and_time(record, person):
    starter = record()

    event = AuditEvent.objects.get(event="starter.recorded")

    assert event.starter == starter.public_id
    assert event.detail.values["by"] == f"{settings.TENANT_ID}/{BY_KEY['hanna'].object_id}"
    assert event.facts["start"].startswith(starter.start_date.isoformat())
    assert "Noor" not in str(event.facts) and event.detail.values["name"] == "Noor de Vries"


def test_recording_creates_no_pass_and_sends_no_mail(browser_of, tenant, mailoutbox):
    hanna = browser_of("hanna")
    seen = seen_on(page_of(hanna.post("/hr/new/", form_with())))
    hanna.post("/hr/new/", form_with(step="save", seen=seen))

    asked = {request["path"] for request in tenant.tenant.requests}

    assert not any("/authentication/" in path for path in asked)
    assert not Job.objects.filter(key__startswith="mail:").exists() and not mailoutbox


def test_opening_an_address_records_nothing(browser_of, tenant):
    hanna = browser_of("hanna")

    response = hanna.get("/hr/new/", form_with(step="save", seen=NOOR.object_id))

    assert response.status_code == 200
    assert not Starter.objects.exists()


def test_an_object_id_finds_the_account_with_its_name(browser_of, tenant):
    hanna = browser_of("hanna")
    fields = form_with(account=NOOR.object_id.upper())

    page = page_of(hanna.post("/hr/new/", fields))
    hanna.post("/hr/new/", fields | {"step": "save", "seen": seen_on(page)})

    assert "Noor de Vries" in page
    assert Starter.objects.get().account_name == NOOR.user_principal_name


@pytest.mark.parametrize(
    ("key", "warning"),
    [
        ("disabled", "The account is disabled."),
        ("guest", "This is a guest account."),
        ("ben", "No manager is set in Entra."),
        ("nadia", "You cannot add someone you manage."),
        ("henry", "This is your own account. Ask an HR colleague to add you."),
    ],
)
def test_later_refusals_are_warnings_before_saving(browser_of, tenant, key, warning):
    henry = browser_of("henry")

    page = page_of(henry.post("/hr/new/", form_with(account=BY_KEY[key].object_id)))

    assert warning in html.unescape(page)


def test_manager_without_mailbox_is_a_warning_before_saving(browser_of, tenant):
    tenant.tenant.accounts["maria"].properties["mail"] = None

    page = page_of(browser_of("hanna").post("/hr/new/", form_with()))

    assert "The manager has no mailbox" in page


def test_markup_in_directory_values_is_escaped(browser_of, tenant):
    tenant.tenant.accounts["noor"].properties["displayName"] = "<script>alert(1)</script>"

    page = page_of(browser_of("hanna").post("/hr/new/", form_with()))

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


# --- Accounts that are not there ------------------------------------------------------------------------------------


def test_missing_account_can_be_added_as_expected(browser_of, tenant):
    hanna, fields = browser_of("hanna"), form_with(account=LATE.user_principal_name)
    page = page_of(hanna.post("/hr/new/", fields))
    assert "This account does not exist yet" in page and not Starter.objects.exists()
    assert not lost_fields(page, fields)

    hanna.post("/hr/new/", fields | {"step": "expect"})

    starter = Starter.objects.get()
    assert (starter.account_name, starter.account_id) == (LATE.user_principal_name, "")
    assert starter.problem == Starter.Problem.ACCOUNT_MISSING
    assert Job.objects.filter(key=f"look:{starter.pk}", done_at=None).exists()


def test_save_never_records_an_account_that_is_not_there(browser_of, tenant):
    hanna = browser_of("hanna")

    page = page_of(
        hanna.post("/hr/new/", form_with(account=LATE.user_principal_name, step="save", seen=LATE.object_id))
    )

    assert "This account does not exist yet" in page
    assert not Starter.objects.exists()


def test_account_that_appeared_meanwhile_is_shown_before_saving(browser_of, tenant):
    hanna, fields = browser_of("hanna"), form_with(account=LATE.user_principal_name)
    hanna.post("/hr/new/", fields)
    tenant.tenant.create_expected_account("late")

    page = page_of(hanna.post("/hr/new/", fields | {"step": "expect"}))

    assert "Lotte Vos" in page and "Save this starter" in page
    assert not Starter.objects.exists()


def test_an_unknown_object_id_cannot_be_expected(browser_of, tenant):
    fields = form_with(account="5c0ffee0-0000-4000-8000-00000000dead", step="expect")

    response = browser_of("hanna").post("/hr/new/", fields)

    assert response.status_code == 400
    assert "No account has this object ID." in error_beside(page_of(response), "account")
    assert not lost_fields(page_of(response), fields) and not Starter.objects.exists()


# --- What was typed wrongly -----------------------------------------------------------------------------------------

LONG_AGO = (timezone.localdate() - timedelta(days=40)).isoformat()
FAR_AHEAD = (timezone.localdate() + timedelta(days=800)).isoformat()


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("account", "", "Enter the account that this person will use."),
        ("account", "noor", "Enter an account name"),
        ("account", "noor@", "Enter an account name"),
        ("account", "Noor de Vries", "Enter an account name"),
        ("account", "https://contoso.example/noor", "Enter an account name"),
        ("account", "5c0ffee0-0000-4000-8000", "Enter an account name"),
        ("account", "zoë@contoso.example", "“ë” (LATIN SMALL LETTER E WITH DIAERESIS, U+00EB)"),
        ("account", "noor@contoso.example; liam@contoso.example", "You entered several accounts"),
        ("account", "no\x07or@contoso.example", "(BELL, U+0007)"),
        ("account", "x" * 130 + "@contoso.example", "at most 120 characters"),
        ("start_date", "", "Enter the start date."),
        ("start_date", "31-31-2026", "Enter a valid date"),
        ("start_date", LONG_AGO, "at most 31 days ago"),
        ("start_date", FAR_AHEAD, "at most two years ahead"),
        ("start_time", "", "This field is required"),
        ("start_time", "25:00", "Enter a valid time"),
        ("time_zone", "Mars/Olympus", "Select a valid choice"),
        ("time_zone", "../../etc/passwd", "Select a valid choice"),
        ("note", "n" * 501, "at most 500 characters"),
        ("note", "Bring \u202ethe form", "contains invisible characters"),
        ("note", "Wo\x1frd", "contains invisible characters"),
    ],
)
def test_form_error_is_beside_its_field_and_entries_stay(browser_of, tenant, field, value, error):
    fields = form_with(**{"step": "save", field: value})

    response = browser_of("hanna").post("/hr/new/", fields)

    page = page_of(response)
    others = {"account", "start_date", "start_time", "time_zone", "note"} - {field}
    assert response.status_code == 400
    assert error in error_beside(page, field)
    assert not [other for other in others if error_beside(page, other)]
    assert not set(lost_fields(page, fields)) & (others if field in {"time_zone"} else others | {field})
    assert f'<a href="#id_{field}">' in page  # the error summary links to it
    assert not Starter.objects.exists() and not tenant.tenant.requests


def test_all_errors_are_shown_at_once(browser_of, tenant):
    wrong = {"account": "noor", "start_date": "", "start_time": "25:00", "note": "x\u202e"}

    page = page_of(browser_of("hanna").post("/hr/new/", form_with(step="save", **wrong)))

    assert all(error_beside(page, field) for field in wrong)


def test_several_lines_in_a_note_are_fine(browser_of, tenant):
    hanna, fields = browser_of("hanna"), form_with(note="First line\r\nsecond line")

    hanna.post("/hr/new/", fields | {"step": "save", "seen": NOOR.object_id})

    assert Starter.objects.get().note.splitlines() == ["First line", "second line"]


# --- One unfinished starter an account --------------------------------------------------------------------------------


def test_an_account_is_not_recorded_twice(browser_of, record):
    record("noor")
    fields = form_with(step="save", seen=NOOR.object_id)

    response = browser_of("henry").post("/hr/new/", fields)

    assert response.status_code == 409
    assert "A starter with this account already exists" in error_beside(page_of(response), "account")
    assert not lost_fields(page_of(response), fields)
    assert Starter.objects.count() == 1 and AuditEvent.objects.count() == 1


def test_an_expected_name_is_not_recorded_twice(browser_of, tenant):
    hanna, fields = browser_of("hanna"), form_with(account=LATE.user_principal_name, step="expect")
    hanna.post("/hr/new/", fields)

    response = hanna.post("/hr/new/", fields | {"account": LATE.user_principal_name.upper()})

    assert response.status_code == 409
    assert "A starter with this account already exists" in error_beside(page_of(response), "account")
    assert Starter.objects.count() == 1


# --- One after the other ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["save-next", "expect-next"])
def test_next_starter_begins_with_the_same_schedule(browser_of, tenant, step):
    hanna = browser_of("hanna")
    who = NOOR if step == "save-next" else LATE
    fields = form_with(step=step, account=who.user_principal_name, seen=NOOR.object_id)

    response = hanna.post("/hr/new/", fields)
    page = page_of(hanna.get(response["Location"]))

    assert response.status_code == 302 and response["Location"].startswith("/hr/new/?")
    assert "was added." in page and 'name="account"' in page
    assert sorted(lost_fields(page, fields)) == ["account", "note"]  # these values belong to one person
    assert "1 starter</a> starts on" in html.unescape(page)
    assert Starter.objects.get().account_name == who.user_principal_name


def test_a_day_in_the_address_only_fills_the_form(browser_of, tenant):
    page = page_of(browser_of("hanna").get('/hr/new/?start_date="><script>&time_zone=Mars&seen=x&account=y'))

    assert "<script>" not in page.replace('<script type="module"', "")
    assert 'name="account" value' not in page and not tenant.tenant.requests


# --- Who may ------------------------------------------------------------------------------------------------------------


def test_hr_colleague_can_continue_with_the_starter(browser_of, record):
    starter = record("noor", by="hanna")

    response = browser_of("henry").get(f"/hr/{starter.public_id}/")

    assert response.status_code == 200 and "Hanna Reuter" in page_of(response)
    assert f'action="/hr/{starter.public_id}/send/"' in page_of(response)


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_looks_up_or_records(browser_of, tenant, key):
    browser = browser_of(key)

    answers = [
        browser.get("/hr/new/").status_code,
        browser.post("/hr/new/", form_with()).status_code,
        browser.post("/hr/new/", form_with(step="save", seen=NOOR.object_id)).status_code,
    ]

    assert answers == [403, 403, 403]
    assert not Starter.objects.exists() and not tenant.tenant.requests


def test_signed_out_visitor_is_redirected_to_sign_in():
    response = Client().get("/hr/new/")

    assert response.status_code == 302 and response["Location"] == "/signin/?next=/hr/new/"


# --- Nothing typed is lost ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": "before", "times": None},
        {"status": 429, "headers": {"Retry-After": "30"}, "times": None},
        {"status": 403, "times": None},
        {"body": "<html>maintenance</html>", "times": None},
    ],
    ids=["no answer", "throttled", "forbidden", "nonsense"],
)
def test_a_directory_that_does_not_answer_loses_nothing(browser_of, tenant, fault):
    tenant.tenant.faults.add([{"path": r"/\$batch", **fault}])
    fields = form_with(step="save", seen=NOOR.object_id)

    response = browser_of("hanna").post("/hr/new/", fields)

    assert response.status_code == 503
    assert "Microsoft Entra does not respond." in error_beside(page_of(response), "account")
    assert not lost_fields(page_of(response), fields) and seen_on(page_of(response)) == NOOR.object_id
    assert not Starter.objects.exists()


def token_on(page):
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]


def hidden_on(page):
    """The hidden form that keeps HR's input, as a browser would send it."""
    form = page[page.rindex("<form", 0, page.index("Send again")) :]
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form, re.S)
    return {name: html.unescape(value) for name, value in pairs}


def sign_in_anew(client, user):
    """Sign in as a real sign-in does: the form token changes."""
    client.force_login(user)
    session = client.session
    session.pop("_csrftoken", None)
    session.save()


def test_form_sent_after_session_end_is_saved_after_sign_in(person, tenant, time_machine):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("hanna"))
    token = token_on(page_of(client.get("/hr/new/")))
    fields = form_with(step="save", seen=NOOR.object_id, csrfmiddlewaretoken=token)
    time_machine.move_to(timezone.now() + timedelta(minutes=31))

    over = client.post("/hr/new/", fields, headers=OURS)
    sign_in_anew(client, person("hanna"))  # in another tab
    again = client.post("/hr/new/", hidden_on(page_of(over)), headers=OURS)
    done = client.post("/hr/new/", hidden_on(page_of(again)), headers=OURS)

    kept = {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"}
    assert over.status_code == 403 and "Please sign in again" in page_of(over)
    for answer in (over, again):
        assert kept.items() <= hidden_on(page_of(answer)).items()
    assert done.status_code == 302
    assert Starter.objects.get().note == NOTE


def test_a_form_without_its_token_records_nothing(person, tenant):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("hanna"))

    response = client.post("/hr/new/", form_with(step="save", seen=NOOR.object_id), headers=OURS)

    assert response.status_code == 403
    assert not Starter.objects.exists() and not tenant.tenant.requests
