"""The policy in Django admin, with forms filled in from what each page shows."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from onboarding import policy
from onboarding.models import Mail, PolicyVersion
from onboarding.models.policy_settings import DEPARTMENT_SETTINGS
from tests.support.shown_form import ShownForm

pytestmark = pytest.mark.django_db

SITE = "/admin/onboarding/policyversion/"
DEPARTMENTS = "/admin/onboarding/departmentpolicy/"
CHANGED = "The policy changed after you opened this form"
LIFETIME = "Lifetime of a pass (minutes)"
ATTEMPTS = "Passes per starter"
FREEZE = "Freeze: managers cannot create passes"


@pytest.fixture
def ada(browser_of) -> Client:
    return browser_of("ada")


def form_of(answer: Any) -> ShownForm:
    page = answer.content.decode()
    return ShownForm(page, "policyversion_form" if "policyversion_form" in page else "departmentpolicy_form")


def opened(browser: Client, path: str) -> ShownForm:
    return form_of(browser.get(path))


def add(browser: Client, path: str, **typed: str | bool) -> Any:
    """Open the form, fill it in by its labels and save."""
    return browser.post(path, opened(browser, path).fill({"Reason for the change": "A test", **typed}))


# --- A1 -----------------------------------------------------------------------------------------------------------


def test_a1_a_department_policy_is_added_by_what_its_form_shows(ada):
    form = opened(ada, f"{DEPARTMENTS}add/")

    body = form.fill({"Department": "Legal", "Reason for the change": "Much to lose", ATTEMPTS: "1"})
    answer = ada.post(f"{DEPARTMENTS}add/", body, follow=True)

    assert "was added successfully" in answer.content.decode()
    assert policy.for_department("Legal").attempts == 1
    assert policy.for_site().attempts == 3


def test_a1_a_missing_department_is_an_error_beside_its_field(ada):
    form = opened(ada, f"{DEPARTMENTS}add/")

    page = ada.post(
        f"{DEPARTMENTS}add/", form.fill({"Reason for the change": "Much to lose"})
    ).content.decode()

    row = page[page.index("field-department") :]
    assert "This field is required." in row[: row.index("</label>")]


@pytest.mark.parametrize("path", [SITE, DEPARTMENTS])
def test_a1_every_field_of_a_form_is_on_its_page(ada, path):
    """The error of a missing field would be invisible."""
    answer = ada.get(f"{path}add/")

    form = answer.context["adminform"]
    on_the_page = {field.field.name for fieldset in form for line in fieldset for field in line}
    assert on_the_page == {field.name for field in form.form.visible_fields()}
    page = answer.content.decode()
    assert all(f'name="{field.name}"' in page for field in form.form.hidden_fields())


@pytest.mark.parametrize("name", DEPARTMENT_SETTINGS)
def test_a1_invalid_department_value_is_error_beside_field(ada, name):
    form = opened(ada, f"{DEPARTMENTS}add/")
    body = form.fill({"Department": "Legal", "Reason for the change": "A test"}) | {name: ["99999"]}

    answer = ada.post(f"{DEPARTMENTS}add/", body)

    assert answer.status_code == 200
    assert name in answer.context["adminform"].form.errors
    assert not PolicyVersion.objects.exclude(department="").exists()


# --- A2 -----------------------------------------------------------------------------------------------------------


def test_a2_an_old_form_does_not_end_a_freeze(ada, browser_of):
    older = opened(ada, f"{SITE}add/")
    add(browser_of("amir"), f"{SITE}add/", **{FREEZE: True})

    answer = ada.post(f"{SITE}add/", older.fill({"Reason for the change": "Shorter", LIFETIME: "30"}))

    page = answer.content.decode()
    assert CHANGED in page
    assert "<td>no</td>" in page and "<td>yes</td>" in page
    assert policy.for_site().frozen is True
    assert policy.for_site().lifetime_minutes == 60


def test_a2_a_refused_form_keeps_typed_values_and_current_others(ada, browser_of):
    older = opened(ada, f"{SITE}add/")
    add(browser_of("amir"), f"{SITE}add/", **{FREEZE: True, ATTEMPTS: "2"})
    refused = form_of(
        ada.post(f"{SITE}add/", older.fill({"Reason for the change": "Shorter", LIFETIME: "30"}))
    )
    shows = (refused.value("Reason for the change"), refused.value(LIFETIME), refused.value(ATTEMPTS))

    again = ada.post(f"{SITE}add/", refused.sent())

    now = policy.for_site()
    assert shows == ("Shorter", "30", "2")
    assert again.status_code == 302
    assert (now.frozen, now.attempts, now.lifetime_minutes) == (True, 2, 30)


def test_a2_a_setting_changed_by_two_admins_is_shown(ada, browser_of):
    older = opened(ada, f"{SITE}add/")
    add(browser_of("amir"), f"{SITE}add/", **{LIFETIME: "45"})

    answer = ada.post(f"{SITE}add/", older.fill({"Reason for the change": "Shorter", LIFETIME: "30"}))

    page = answer.content.decode()
    assert "<td>60</td>" in page and "<td>45</td>" in page and "<td>30</td>" in page
    assert form_of(answer).value(LIFETIME) == "30"


def test_a2_a_form_without_its_opening_version_saves_nothing(ada):
    body = opened(ada, f"{SITE}add/").fill({"Reason for the change": "Shorter", LIFETIME: "30"})
    del body["opened_on"]

    answer = ada.post(f"{SITE}add/", body)

    assert CHANGED in answer.content.decode()
    assert PolicyVersion.objects.count() == 1


def test_a2_an_old_department_form_does_not_undo_a_newer_version(ada, browser_of):
    older = opened(ada, f"{DEPARTMENTS}add/")
    add(browser_of("amir"), f"{DEPARTMENTS}add/", **{"Department": "Legal", ATTEMPTS: "1"})

    answer = ada.post(
        f"{DEPARTMENTS}add/",
        older.fill({"Department": "Legal", "Reason for the change": "Shorter", LIFETIME: "30"}),
    )
    refused = form_of(answer)
    again = ada.post(f"{DEPARTMENTS}add/", refused.sent())

    assert CHANGED in answer.content.decode()
    assert (refused.value(ATTEMPTS), refused.value(LIFETIME)) == ("1", "30")
    assert again.status_code == 302
    assert (policy.for_department("Legal").attempts, policy.for_department("Legal").lifetime_minutes) == (
        1,
        30,
    )


def test_a2_a_departments_existing_policy_is_shown_before_it_ends(ada):
    add(ada, f"{DEPARTMENTS}add/", **{"Department": "Legal", ATTEMPTS: "1"})

    page = add(ada, f"{DEPARTMENTS}add/", **{"Department": "Legal", LIFETIME: "30"})
    opened_by_its_link = opened(ada, f"{DEPARTMENTS}add/?department=legal")

    assert CHANGED in page.content.decode()
    assert policy.for_department("Legal").attempts == 1
    assert "add/?department=legal" in ada.get(DEPARTMENTS).content.decode()
    assert opened_by_its_link.value(ATTEMPTS) == "1"


def test_a2_an_outdated_draft_says_so_and_has_no_button(ada, browser_of):
    add(ada, f"{SITE}add/", **{LIFETIME: "90"})
    draft = PolicyVersion.objects.drafts().get()
    page = f"{SITE}{draft.number}/agree/"
    before = browser_of("amir").get(page).content.decode()
    add(ada, f"{SITE}add/", **{FREEZE: True})

    after = browser_of("amir").get(page).content.decode()
    own = ada.get(page).content.decode()

    assert f"Activate version {draft.number}</" in before or 'type="submit"' in before
    for words in (after, own):
        main = words[words.index('id="content"') :]
        assert "This draft is out of date" in main
        assert 'type="submit"' not in main


def test_the_freeze_banner_names_the_admin_who_froze(ada, browser_of):
    add(ada, f"{SITE}add/", **{FREEZE: True, "Reason for the change": "A stolen laptop"})

    add(browser_of("amir"), f"{SITE}add/", **{LIFETIME: "30", "Reason for the change": "Shorter"})

    page = browser_of("maria").get("/starters/").content.decode()
    banner = page[page.index("banner frozen") :].partition("</div>")[0]
    assert "A stolen laptop" in banner and "Ada Jansen" in banner
    assert "Shorter" not in banner and "Amir" not in banner


# --- A8 -----------------------------------------------------------------------------------------------------------


def test_a8_one_admin_alone_loosens_nothing(ada):
    body = {
        LIFETIME: "90",
        "Same manager as when HR checked": False,
        "Security team's email address": "mine@contoso.example",
    }

    page = ada.post(
        f"{SITE}add/",
        opened(ada, f"{SITE}add/").fill({"Reason for the change": "A test", **body}),
        follow=True,
    )

    now = policy.for_site()
    assert (now.lifetime_minutes, now.same_manager, now.security_address) == (60, True, "")
    assert "was saved as a draft" in page.content.decode()


def test_a8_a_changed_address_is_mailed_to_the_one_before(ada, browser_of, tenant):
    add(ada, f"{SITE}add/", **{"Security team's email address": "mine@contoso.example"})
    draft = PolicyVersion.objects.drafts().get()
    browser_of("amir").post(f"{SITE}{draft.number}/agree/")

    sent = set(Mail.objects.filter(kind="policy_changed").values_list("to", flat=True))
    assert policy.for_site().security_address == "mine@contoso.example"
    assert sent == {"security@contoso.example", "hr@contoso.example"}


# --- A9 -----------------------------------------------------------------------------------------------------------


def test_a9_a_waiting_draft_is_mailed(ada):
    add(ada, f"{SITE}add/", **{LIFETIME: "90"})

    mail = Mail.objects.get(kind="policy_draft")
    assert mail.to == "security@contoso.example"
    assert "60 → 90" in mail.text


def test_a9_a_waiting_draft_is_on_the_first_page(ada, browser_of):
    add(ada, f"{SITE}add/", **{LIFETIME: "90"})
    draft = PolicyVersion.objects.drafts().get()

    page = browser_of("amir").get("/admin/").content.decode()

    assert f"Version {draft.number}, written by Ada Jansen, waits for a second admin" in page


# --- A10 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "named"), [(SITE, {}), (DEPARTMENTS, {"Department": "Legal"})])
def test_a10_a_lifetime_of_481_minutes_is_an_error_beside_it(ada, path, named):
    answer = add(ada, f"{path}add/", **{LIFETIME: "481"}, **named)

    errors = answer.context["adminform"].form.errors
    assert list(errors) == ["lifetime_minutes"]
    assert "480" in errors["lifetime_minutes"][0]
    assert "sign-in" not in str(errors)
