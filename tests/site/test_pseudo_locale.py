"""In a pseudo-locale, no page and no mail contains a word that was not marked for translation.

It opens each page in each of its states. A failure shows a text without `translate` or `gettext`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.test import Client
from django.utils import timezone, translation
from django.utils.translation import trans_real

from onboarding import clock, guards, policy
from onboarding.admin import mail_previews
from onboarding.doctor.runner import run_checks
from onboarding.graph.permissions import PERMISSIONS, TOO_WIDE
from onboarding.guards import approvals
from onboarding.guidance.instructions import DEVICES
from onboarding.history.event_words import EVENTS
from onboarding.hr import labels as hr_words
from onboarding.hr.importing.labels import GROUPS
from onboarding.imports import dry_run
from onboarding.lifecycle import IssueState
from onboarding.mail.kinds import Reader
from onboarding.managers import page_state, spelling
from onboarding.models import AuditEvent, AuditHead, Job, Mail, PassIssue, Starter, StarterImport
from onboarding.models.pass_issue import IdentityCheck
from onboarding.passes.confirmation import ForeignPass
from onboarding.starters import stand_ins
from onboarding.worker import starter_checks
from portal import views
from portal.context_processors import site_context
from portal.models import ADMIN, ClaimsSeen, User
from portal.signin.access_tokens import PERMISSIONS as PERMISSIONS_OF_API
from portal.signin.failure_pages import AT_STEP_UP, FAILURE_PAGES
from tests.conftest import BY_KEY, forget_everything_cached
from tests.doctor import broken
from tests.doctor.broken import EVERY_BREAK, LAST_MIGRATION, NOOR, Broken, Installation
from tests.doctor.test_doctor import well  # noqa: F401
from tests.passes.test_confirm import SITUATIONS, browser_for, form_of, in_situation, page_of, traveller  # noqa: F401
from tests.site.pseudo import Pseudo, accented, forgotten
from tests.site.test_error_pages import REFUSALS

pytestmark = pytest.mark.django_db
SOON = (timezone.localdate() + timedelta(days=7)).isoformat()
TYPED = (
    "x",
    "Because of a test",
    "A note",
    "Maria is ill",
    "An attack",
    "Does not come",
    "zzz",
    "noor",
    "CSV",
    "Excel (XLSX)",
)
ON_THE_DAY = {"start_date": SOON, "start_time": "08:30", "time_zone": "Europe/Lisbon", "note": ""}
A_REASON = {"reason": "Because of a test"}


@pytest.fixture(autouse=True)
def pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    language = Pseudo()
    for code in ("en-gb", "en"):
        monkeypatch.setitem(trans_real._translations, code, language)
    monkeypatch.setattr(trans_real, "_default", language)
    with translation.override("en-gb", deactivate=True):
        yield


def assert_all_marked(answer: Any, *data: str, status: int | None = None) -> None:
    page = answer.content.decode()
    assert status is None or answer.status_code == status, answer.status_code
    assert "[!!" in page, "this is no page"
    assert forgotten(page, *TYPED, *data) == []


# --- The test itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "<p>Forgotten</p>",
        '<p aria-label="Forgotten">1</p>',
        '<input type="submit" value="Forgotten">',
        '<img alt="Forgotten">',
        '<div data-soon="Any moment now"></div>',
        f"<p>{accented('Marked')} and forgotten</p>",
        accented("<b>%(name)s</b>") % {"name": "said otherwise"},
    ],
)
def test_unmarked_words_are_found(page):
    assert len(forgotten(page)) == 1


def test_marked_words_and_data_are_not_reported():
    page = f"<title>{accented('A page')}</title><p title='{accented('Hm')}'>Noor de Vries, 09:00 Europe/Amsterdam</p>"

    assert forgotten(page) == []
    assert accented("<b>%(name)s</b> and {where} &amp; so") == "[!! <b>%(name)s</b> áñđ {where} &amp; šó !!]"


# --- HR -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def hanna(browser_of: Any) -> Client:
    return browser_of("hanna")


@pytest.fixture
def some(invite: Any, record: Any, tenant: Any) -> list[Starter]:
    starters = [
        invite("noor"),
        *(record(key, starts_in=timedelta(days=3)) for key in ("liam", "sofia", "ben")),
    ]
    Starter.objects.filter(pk=starters[1].pk).update(problem="no_manager")
    Starter.objects.filter(pk=starters[2].pk).update(state="withdrawn", ended_at=timezone.now())
    return starters


LISTS = (
    "",
    "?state=all",
    "?q=noor",
    "?q=zzz",
    "?state=all&sort=-name",
    "?day=today",
    "?state=problem",
    "?show=200",
)


@pytest.mark.parametrize("query", LISTS)
def test_the_list_of_starters(hanna, some, query):
    assert_all_marked(hanna.get(f"/hr/{query}"))


def test_list_of_starters_when_empty_or_long(hanna, some, monkeypatch):
    monkeypatch.setattr("onboarding.hr.filters.PAGE_SIZE", 1)
    monkeypatch.setattr("onboarding.hr.views.listing.PAGE_SIZE", 1)
    assert_all_marked(hanna.get("/hr/?state=all&page=2"))
    Starter.objects.update(state="registered")
    assert_all_marked(hanna.get("/hr/"))
    Starter.objects.update(erased_at=timezone.now())
    assert_all_marked(hanna.get("/hr/"))


@pytest.mark.parametrize(
    "form",
    [
        {"account": "", "step": "look"},
        {"account": "no account", "step": "look"},
        {"account": "00000000-0000-4000-8000-000000000000", "step": "look"},
        {"account": "new.person@contoso.example", "step": "look"},
        {"account": "new.person@contoso.example", "step": "save", "start_date": "1999-01-01"},
        {"account": "new.person@contoso.example", "step": "save", "start_date": "2999-01-01"},
        {
            "account": "new.person@contoso.example",
            "step": "save",
            "start_date": "x",
            "start_time": "x",
            "time_zone": "x",
        },
        *(
            {"account": account, "step": "look", **ON_THE_DAY}
            for account in ("ceo", "disabled", "guest", "noor", "henry", "hanna")
        ),
    ],
    ids=str,
)
def test_recording_a_starter(hanna, tenant, form):
    account = BY_KEY[form["account"]].object_id if form["account"] in BY_KEY else form["account"]

    assert_all_marked(hanna.post("/hr/new/", {**form, "account": account}))


def test_recording_a_duplicate_starter(hanna, some):
    again = {"account": some[2].account_name, "seen": some[2].account_id, **ON_THE_DAY}
    assert_all_marked(hanna.post("/hr/new/", {**again, "step": "save"}), status=409)
    assert_all_marked(
        hanna.post(
            "/hr/new/", {**again, "account": some[0].account_name, "seen": some[0].account_id, "step": "save"}
        )
    )
    assert_all_marked(hanna.get(f"/hr/new/?start_date={SOON}"))


def test_recording_while_the_directory_is_silent(hanna, tenant):
    tenant.tenant.faults.add({"path": "batch|users", "drop": "before", "times": None})

    assert_all_marked(hanna.post("/hr/new/", {"account": "a.b@contoso.example", "step": "look"}), status=503)


def test_recording_several(hanna, some):
    keys = ("nadia", "guest", "noor", "sofia", "disabled")
    accounts = "\n".join(BY_KEY[key].user_principal_name for key in keys)
    accounts += "\nnot an account\nnew.one@contoso.example\n00000000-0000-4000-8000-000000000000"
    fields = {**ON_THE_DAY, "accounts": accounts}
    assert_all_marked(hanna.get("/hr/new/several/"))
    assert_all_marked(hanna.post("/hr/new/several/", {"step": "look", "accounts": ""}), status=400)
    looked = hanna.post("/hr/new/several/", {**fields, "step": "look"})
    assert_all_marked(looked, "not an account")
    assert_all_marked(
        hanna.post("/hr/new/several/", {**fields, "step": "save"}), "not an account", status=400
    )
    take = re.search(r'name="take"\s+value="([^"]*)"\s+checked', looked.content.decode())[1]
    assert_all_marked(
        hanna.post("/hr/new/several/", {**fields, "step": "save", "take": take}), "not an account", status=200
    )
    done = {**fields, "accounts": BY_KEY["late"].user_principal_name, "step": "save"}
    done["take"] = f"{BY_KEY['late'].user_principal_name}:"
    assert_all_marked(hanna.post("/hr/new/several/", done, follow=True))


IMPORTED = """New hires\nName;Account;Manager;Start date;Zone;Size
Noor;{noor};;{day};Europe/Lisbon;41\nX;{liam};X;{day};x;\nX;x@@;;03/04/2027;;x\n;new.x@contoso.example;;{day};;\n;{ben};;{later};;
;{sofia};;{day};;"""


def test_importing_a_list(hanna, some):
    accounts = {key: BY_KEY[key].user_principal_name for key in ("noor", "liam", "ben", "sofia")}
    pasted = IMPORTED.format(**accounts, day=SOON, later=f"{timezone.localdate() + timedelta(days=20)}")
    data = (
        *accounts.values(),
        "new.x@contoso.example",
        "UTF-8",
        "03/04/2027",
        "New hires",
        "Account",
        "Manager",
        "Start date",
    )
    data += ("Zone", "Size", "Name", "Noor", "x@@", "X", "A")
    assert_all_marked(hanna.get("/hr/import/"))
    assert_all_marked(hanna.post("/hr/import/", {"pasted": "x"}, follow=True), *data)
    assert_all_marked(hanna.post("/hr/import/", {}), status=400)
    page = hanna.post("/hr/import/", {"pasted": pasted}, follow=True)
    assert_all_marked(page, *data)
    address = page.wsgi_request.path
    assert_all_marked(hanna.post(address, {"start_time": "09:00", "time_zone": "UTC"}), *data, status=400)
    fields = ("name", "account", "manager", "start_date", "time_zone", "ignored")
    chosen = {f"column-{number}": name for number, name in enumerate(fields)} | {"day_order": "dmy"}
    checking = hanna.post(address, chosen | {"start_time": "09:00", "time_zone": "UTC"}, follow=True)
    assert_all_marked(checking, *data)
    stored = StarterImport.objects.latest("pk")
    while dry_run.check_next_rows(str(stored.pk)):
        pass
    for group, *_ in GROUPS:
        assert_all_marked(hanna.get(f"/hr/import/{stored.public_id}/?show={group}"), *data)
    StarterImport.objects.update(stopped="daily_limit")
    assert_all_marked(hanna.get(f"/hr/import/{stored.public_id}/"), *data)
    assert_all_marked(hanna.post(f"/hr/import/{stored.public_id}/add/", {"group": "expected"}, follow=True))
    assert_all_marked(hanna.get("/hr/import/"), *data)


def test_several_at_once(hanna, some):
    ids = [starter.public_id for starter in some]
    assert_all_marked(hanna.post("/hr/together/", {"step": "move"}, follow=True))
    for step in ("move", "send"):
        for chosen in (ids, ids[:1]):
            page = hanna.post("/hr/together/", {"step": step, "starter": chosen})
            assert_all_marked(page)
    seen = re.findall(r'name="starter"\s+value="([^"]*)"', page.content.decode())
    assert_all_marked(hanna.post("/hr/together/", {"step": "do-move", "starter": seen}), status=400)
    assert_all_marked(hanna.post("/hr/together/", {"step": "do-move", "starter": seen, "start_date": SOON}))
    assert_all_marked(hanna.post("/hr/together/", {"step": "do-send", "starter": [*ids, *seen]}))


@pytest.mark.parametrize("day", ["", f"day/{SOON}/", "day/2027-03-01/"])
def test_the_day(hanna, some, day):
    record_url = hanna.get(f"/hr/today/{day}".replace("today/day", "day"))

    assert_all_marked(record_url)


@pytest.mark.parametrize("where", SITUATIONS)
def test_a_starter_as_hr_sees_them(in_situation, hanna, where):  # noqa: F811
    assert_all_marked(hanna.get(f"/hr/{in_situation(where).public_id}/"))
    assert_all_marked(hanna.get("/hr/today/"))


@pytest.mark.parametrize("problem", [value for value in Starter.Problem.values if value])
def test_what_is_in_the_way(record, hanna, problem):
    starter = record("noor")
    changes = {"account_id": ""} if problem.startswith("account_m") else {}
    found = {"found_account_id": starter.account_id, "account_id": ""} if problem == "account_found" else {}
    Starter.objects.filter(pk=starter.pk).update(problem=problem, **changes, **found)

    assert_all_marked(hanna.get(f"/hr/{starter.public_id}/"))
    assert_all_marked(hanna.get("/hr/today/"))


def test_why_a_pass_was_refused(record, hanna):
    starter = record("noor")
    Starter.objects.filter(pk=starter.pk).update(problem="refused", refused_for=list(guards.BY_CODE))

    assert_all_marked(hanna.get(f"/hr/{starter.public_id}/"))


def test_a_starter_with_everything_that_can_happen(invite, hanna, person, policy_says, tenant):
    starter = invite("noor")
    policy_says(approve_all=True, approve_manager=True)
    tenant.tenant.accounts["noor"].properties["displayName"] = "Noor Jansen"
    starter_checks.check_starter(str(starter.pk))
    page = hanna.get(f"/hr/{starter.public_id}/")
    assert_all_marked(page, "Noor Jansen")
    henry = person("henry")
    again = Starter.objects.select_related("recorded_by").get(pk=starter.pk)
    stand_ins.assign_stand_in(
        starter=again, stand_in_id=BY_KEY["ceo"].object_id, by=person("hanna"), reason="Maria is ill"
    )
    approvals.approve_missing(
        starter=Starter.objects.get(pk=starter.pk), by=henry, reason="Because of a test"
    )
    assert_all_marked(hanna.get(f"/hr/{starter.public_id}/"), "Noor Jansen")


def test_the_mails_of_a_starter(invite, hanna):
    starter = invite("noor")
    mail = Mail.objects.filter(starter=starter).first()
    job = Job.objects.get(key=f"mail:{mail.pk}")
    for change in ({}, {"attempts": 1}, {"attempts": 3}, {"attempts": 4, "failed_at": timezone.now()}):
        Job.objects.filter(pk=job.pk).update(**change)
        assert_all_marked(hanna.get(f"/hr/{starter.public_id}/"))
    for change in ("dropped_at", "refused_at", "sent_at"):
        Mail.objects.filter(pk=mail.pk).update(**{change: timezone.now()})
        assert_all_marked(hanna.get(f"/hr/{starter.public_id}/"))


PAGES = {
    "edit": [
        {},
        {"version": "1"},
        {**ON_THE_DAY, "start_date": "1999-01-01", "version": "1"},
        {**ON_THE_DAY, "version": "99"},
    ],
    "withdraw": [{}, {"version": "1"}, {**A_REASON, "version": "99"}],
    "account": [
        {},
        {"account": "", "version": "1"},
        {"account": "new.person@contoso.example", "version": "1", "step": "look"},
        {"account": BY_KEY["liam"].user_principal_name, "version": "1", "step": "look"},
        {"account": "00000000-0000-4000-8000-000000000000", "version": "1", "step": "look"},
    ],
    "stand-in": [{}, {"version": "1", "step": "route"}],
    "approve": [{}, {"version": "1"}],
}


@pytest.mark.parametrize(
    ("page", "form"), [(page, form) for page, forms in PAGES.items() for form in forms], ids=str
)
@pytest.mark.parametrize("has_stand_in", [False, True], ids=["", "with stand-in"])
def test_what_hr_does_to_one(invite, hanna, person, policy_says, page, form, has_stand_in):
    starter = invite("noor")
    policy_says(approve_all=True, approve_manager=True)
    if has_stand_in:
        stand_ins.assign_stand_in(
            starter=starter, stand_in_id=BY_KEY["ceo"].object_id, by=person("henry"), reason="Maria is ill"
        )
    address = f"/hr/{starter.public_id}/{page}/"

    assert_all_marked(hanna.post(address, form) if form else hanna.get(address))


def test_bringing_back(in_situation, hanna):  # noqa: F811
    starter = in_situation("withdrawn")
    address = f"/hr/{starter.public_id}/bring-back/"
    assert_all_marked(hanna.get(address))
    assert_all_marked(hanna.post(address, {}))
    Starter.objects.filter(pk=starter.pk).update(starts_at=timezone.now() - timedelta(days=50))
    assert_all_marked(hanna.get(address))


ACTS = {
    "send": {},
    "allow": {**A_REASON, "version": "2"},
    "take-back": {},
    "accept": {},
    "look-again": {},
    "withdraw": {**A_REASON, "version": "2"},
}


@pytest.mark.parametrize("where", ["ready", "held", "used up", "recorded", "withdrawn"])
@pytest.mark.parametrize("act", ACTS)
def test_messages_after_an_action(in_situation, hanna, act, where):  # noqa: F811
    starter = in_situation(where)
    ACTS["withdraw"]["version"] = ACTS["allow"]["version"] = str(Starter.objects.get(pk=starter.pk).version)

    assert_all_marked(hanna.post(f"/hr/{starter.public_id}/{act}/", ACTS[act], follow=True))


def test_the_words_of_the_history():
    told = [
        *EVENTS.values(),
        *hr_words.ISSUE_IN_PROGRESS.values(),
        *hr_words.DUPLICATE_MATCHES.values(),
    ]
    labels = [*PassIssue.Reason.labels, *PassIssue.State.labels, *IdentityCheck.labels, *Starter.State.labels]
    labels += [*Starter.Problem.labels, *Reader.labels, *approvals.Why.labels]

    assert [str(text) for text in (*told, *labels) if text and forgotten(str(text))] == []


# --- Managers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", SITUATIONS)
def test_a_starter_as_their_manager_sees_them(in_situation, browser_of, where):  # noqa: F811
    starter, maria = in_situation(where), browser_for(where, browser_of)

    assert_all_marked(maria.get(page_of(starter)))
    assert_all_marked(maria.get("/starters/"))


def test_landing_page_without_starters(browser_of, tenant):
    assert_all_marked(browser_of("outsider").get("/starters/"))
    assert_all_marked(browser_of("hanna").get("/starters/"))
    assert_all_marked(browser_of("ada").get("/starters/"))


@pytest.mark.parametrize("form", [{"identity_check": ""}, {"version": "99"}], ids=str)
def test_a_confirmation_that_is_not_right(invite, browser_of, form):
    starter = invite("noor")

    assert_all_marked(browser_of("maria").post(page_of(starter), form_of(starter, **form)))


@pytest.mark.parametrize("minutes", [0, 6], ids=["the pass", "a sign-in too long ago"])
def test_answer_to_the_confirmation(invite, browser_of, tenant, monkeypatch, minutes):
    starter = invite("noor")
    # The characters of a pass are data; their spelling is text.
    monkeypatch.setattr(spelling, "group_characters", lambda code: [["1", "2"]])
    page = browser_of("maria", ago=timedelta(minutes=minutes)).post(page_of(starter), form_of(starter))

    assert_all_marked(page, *"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def test_the_page_while_the_directory_is_silent(invite, browser_of, fault):
    starter = invite("noor")
    fault(path="batch|users", drop="before", times=None)

    assert_all_marked(browser_of("maria").get(page_of(starter)), status=503)


def test_every_outcome_of_a_confirmation(invite, person):
    starter = invite("noor")
    found = [
        page_state.refused_state(starter, guards.reasons_for_codes([code], reference=1), hr_notified_at)
        for code in guards.BY_CODE
        for hr_notified_at in (None, clock.now())
    ]
    found.append(page_state.account_gone_state(starter))
    found += [page_state.unavailable_state(code) for code in page_state._WHY_UNAVAILABLE]
    now = page_state.build_page_state(starter, policy.for_site(), clock.now(), signed_in_at=clock.now())
    found += [
        page_state.failed_state(PassIssue(reason=reason, state=IssueState.UNKNOWN), now)
        for reason in PassIssue.Reason.values
    ]
    for once in (True, False):
        pass_ = ForeignPass("id", made_at=clock.now(), ends_at=clock.now(), once=once)
        found.append(page_state.foreign_pass_state(pass_, starter))

    told = [words for state in found for words in (state.title, *state.lines)]
    assert [left for words in told for left in forgotten(words, guards.HANDLED_BY_IT, *guards.BY_CODE)] == []


# --- Everybody ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["", *(device.key for device in DEVICES)])
def test_the_starters_sheet(client, device):
    assert_all_marked(client.get(f"/sheet/?with={device}"))


def test_the_pages_of_a_stop(client, invite, hanna, browser_of, settings):
    starter, maria = invite("noor"), browser_of("maria")
    letter = hanna.post(f"/hr/{starter.public_id}/stop-code/", {"version": starter.version})
    code = "-".join(re.findall(r"<span>(\w{4})</span>", letter.content.decode()))
    assert_all_marked(letter, *code.split("-"), settings.PORTAL_URL, status=200)
    assert_all_marked(maria.get(f"/starters/not-me/{starter.public_id}/"), status=200)
    assert_all_marked(client.get("/sheet/stop/"), status=200)
    assert_all_marked(client.post("/sheet/stop/", {"code": "0" * 12}), "0" * 12, status=400)
    assert_all_marked(client.post("/sheet/stop/", {"code": code}), status=200)
    assert_all_marked(maria.get(f"/starters/not-me/{starter.public_id}/"), status=200)
    restart = f"/hr/{starter.public_id}/restart/"
    assert_all_marked(hanna.get(restart), status=200)
    form = {"version": Starter.objects.get().version, "step": "asked", **A_REASON}
    assert_all_marked(hanna.post(restart, form, follow=True), status=200)
    assert_all_marked(hanna.get(restart), status=200)


@pytest.mark.parametrize("name", [name for name in REFUSALS if not name.startswith(("managers/", "signin/"))])
def test_refusal_pages(client, name):
    assert_all_marked(views.static_page(name, 400))


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get("/nowhere/"),
        lambda client: client.get("/signout/", headers={"Accept": "text/html"}),
        lambda client: client.get("/signout/done/"),
        lambda client: client.post("/signout/"),
        lambda client: client.get("/signin/callback/"),
        lambda client: client.get("/hr/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}),
        lambda client: client.post(
            "/hr/new/", {"note": "A note"}, headers={"Origin": "http://localhost:8000"}
        ),
        lambda client: client.post("/hr/new/"),
    ],
)
def test_pages_for_signed_out_visitors(client, ask):
    assert_all_marked(ask(client))


def test_pages_for_people_without_permission(browser_of):
    assert_all_marked(browser_of("maria").get("/hr/"), status=403)
    strict = browser_of("hanna")
    strict.handler.enforce_csrf_checks = True
    for headers in ({"Origin": "http://localhost:8000"}, {}):
        assert_all_marked(strict.post("/hr/new/", {"note": "A note"}, headers=headers), status=403)


@pytest.mark.parametrize("reason", FAILURE_PAGES)
def test_a_sign_in_that_does_not_succeed(rf, reason):
    from portal.signin.views import failure_page

    request = rf.get("/")
    request.session, request.user = {}, None
    for step_up in (False, True):
        assert_all_marked(failure_page(request, reason, step_up=step_up))
    assert set(AT_STEP_UP) <= set(FAILURE_PAGES)


def test_the_foot_of_a_page_that_leads_elsewhere(client, settings):
    settings.HELP_URL = settings.PRIVACY_NOTICE_URL = "https://contoso.example/help"

    assert_all_marked(client.get("/sheet/"))
    assert "[!!" in str(site_context()["support_contact"])


# --- Administration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model.__name__)
def test_the_names_that_the_administration_shows(model):
    options = admin.site._registry[model]
    names = {
        "application": apps.get_app_config(model._meta.app_label).verbose_name,
        "one": model._meta.verbose_name,
        "many": model._meta.verbose_name_plural,
        **{field.name: field.verbose_name for field in model._meta.concrete_fields},
        **{
            name: label_for_field(name, model, options)
            for name in (*options.list_display, *options.readonly_fields)
        },
    }

    assert {name for name, words in names.items() if "[!!" not in str(words)} <= {"id"}


OF_DJANGO = ("Search",)  # the icon of a magnifying glass has this name in every language


@pytest.mark.parametrize(
    "path",
    [
        "",
        "onboarding/starter/",
        "onboarding/job/",
        "onboarding/passissue/",
        "onboarding/policyversion/",
        "onboarding/policyversion/add/",
        "onboarding/policyversion/in-force/",
        "onboarding/departmentpolicy/add/",
        "onboarding/auditevent/",
        "onboarding/mail/",
        "onboarding/heartbeat/",
        "portal/user/",
        "audit-chain/",
        "one-person/",
    ],
)
def test_the_administration(browser_of, some, path):
    recorded = [*AuditEvent.objects.values_list("event", "starter", "at"), *Job.objects.values_list("key")]
    kinds = [
        *Mail.objects.values_list("kind", flat=True),
        "Admin",
        "HR",
        policy.for_site().reason,
        "True",
        "a worker",
    ]
    data = [
        *OF_DJANGO,
        *kinds,
        *(str(value) for row in recorded for value in row),
        AuditHead.objects.get().hash,
    ]

    assert_all_marked(browser_of("ada").get(f"/admin/{path}"), *data)


# --- The doctor -------------------------------------------------------------------------------------------------------

# Fixed names: permissions, claims, roles, licences, kinds of errors and jobs, Graph's codes, Django's checks.
NAMED = (
    *(permission.name for permission in PERMISSIONS),
    *TOO_WIDE,
    *("Sites.FullControl.All", "Calendars.ReadWrite", "api://AzureADTokenExchange", "Application Mail.Send"),
    *(*PERMISSIONS_OF_API, "idtyp", "Application.Read.All", "AZURE_CLIENT_ID", "GRAPH_CLIENT_ID"),
    *(
        "auth_time",
        "acct",
        "login_hint",
        "sid",
        "acrs",
        "SUPERUSER",
        "HR",
        "Admin",
        "Auditor",
        "Entra ID P1",
        "SQLite",
    ),
    *("ConnectionError", "ConnectionRefusedError", "HTTPError", "MsalServiceError", "ZeroDivisionError"),
    *("invalid_request", "invalid_client", "accessDenied", "serviceNotAvailable", "TooManyRequests"),
    *("AadPremiumLicenseRequired", "Authentication_RequestFromNonPremiumTenantOrB2CTenant"),
    *("isManagementRestricted", "state", f"onboarding {LAST_MIGRATION}", "legal", "All employees"),
    *("hooks.contoso.example", "OSError: the disk is full"),
    *("mail", "sign_ins", "daily", "issue"),
    *("Test-ServicePrincipalAuthorization -Identity OBJECT-ID -Resource", "Current starters"),
    (
        "admin.E409: 'django.contrib.messages.middleware.MessageMiddleware' must be in MIDDLEWARE in order to use the "
        "admin application."
    ),
)


def nobody_came(_it: Installation) -> None:
    ClaimsSeen.objects.all().delete()
    Mail.objects.all().delete()
    User.objects.exclude(roles=[ADMIN]).update(roles=[])


def too_early(it: Installation) -> None:
    it.monkeypatch.setattr("onboarding.passes.graph_quota.acquire_for_worker", lambda: 3.0)


def fails_itself(it: Installation) -> None:
    it.monkeypatch.setattr("onboarding.audit.verify_last_events", lambda _events: 1 / 0)


def of_a_department(it: Installation) -> None:
    it.rules(department="legal", overrides=["lifetime_minutes"], lifetime_minutes=30)


def without_the_optional(it: Installation) -> None:
    it.rules(pass_policy="skip", eligible_groups="off", sign_ins="skip")
    it.tenant.granted -= {permission.name for permission in PERMISSIONS if permission.optional}


MORE = (
    Broken("no account was named", "", lambda _it: None, account=""),
    Broken("nobody came yet", "", nobody_came),
    Broken("Graph is busy", "", broken.fault(path="/manager$", status=429, headers={"Retry-After": "7"})),
    Broken("people go first", "", too_early),
    Broken("a page without an error code", "", broken.fault(path="/authorize$", drop="before")),
    Broken("a check that fails", "", fails_itself),
    Broken("what policy goes on without", "", without_the_optional),
    Broken("a department of its own", "", of_a_department),
    Broken("every pass once", "", broken.pass_policy(isUsableOnce=True)),
    Broken(
        "states of every kind",
        "",
        broken.all_of(nobody_came, without_the_optional, broken.no_worker),
    ),
)


def assert_findings_are_marked(account: str, *, also_well: bool) -> None:
    told = [check for check in run_checks(account=account) if also_well or check.state != "ok"]
    left = {check.id: forgotten("\n".join((check.title, check.detail, check.fix)), *NAMED) for check in told}

    assert told
    assert {name: words for name, words in left.items() if words} == {}


@pytest.mark.parametrize("found", EVERY_BREAK, ids=str)
def test_doctor_findings(well, found):  # noqa: F811
    found.how(well)
    forget_everything_cached()

    assert_findings_are_marked(found.account, also_well=False)


@pytest.mark.parametrize("found", MORE, ids=str)
def test_other_doctor_texts(well, found):  # noqa: F811
    found.how(well)
    forget_everything_cached()

    assert_findings_are_marked(found.account, also_well=True)


def test_the_doctors_page_with_findings_of_every_state(well, browser_of):  # noqa: F811
    ada = browser_of("ada")
    assert_all_marked(ada.get("/admin/doctor/"), *OF_DJANGO)
    assert_all_marked(ada.post("/admin/doctor/", {"account": NOOR}), *OF_DJANGO, *NAMED)

    MORE[-1].how(well)
    forget_everything_cached()
    page = ada.post("/admin/doctor/", {"account": NOOR})

    assert_all_marked(page, *OF_DJANGO, *NAMED)
    states = set(re.findall(r'data-state="(\w+)"', page.content.decode()))
    assert states == {"ok", "wrong", "unknown", "skipped"}


# --- Mails ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "preview",
    list(mail_previews.list_previews()),
    ids=lambda preview: f"{preview.kind} {preview.reader.value}",
)
def test_a_mail(preview):
    written = mail_previews.Preview(preview.kind, preview.reader).content
    data = (
        "Robin Adler (invented)",
        "Robin Adler",
        "Sam Bakker (invented)",
        "Europe/Amsterdam",
        "This is where the reason stands, in a sentence or two.",
        *("fido2", "2 Sep 2030, 09:12", "example"),  # a sign-in method, as Microsoft names it
    )

    assert {part: forgotten(text, *data) for part, text in written.items() if forgotten(text, *data)} == {}


# --- Auditors -------------------------------------------------------------------------------------------------------


def without_recorded_values(answer: Any) -> Any:
    """The page without facts, hashes and names of events, which are the same in each language."""
    page = re.sub(r'<code translate="no">.*?</code>|<dd>.*?</dd>', "", answer.content.decode(), flags=re.S)
    answer.content = page.encode()
    return answer


def test_the_auditors_pages(held, browser_of):
    audrey, issue = browser_of("audrey"), held("noor")
    AuditEvent.objects.filter(event="issue.held").update(facts={})
    PassIssue.objects.update(identity_check="known")
    story = f"/audit/starters/{issue.starter.public_id}/"

    for address in (
        "/audit/",
        "/audit/?person=Noor",
        "/audit/passes/",
        "/audit/passes/?month=2026-05",
        story,
    ):
        assert_all_marked(without_recorded_values(audrey.get(address)), "JSON lines", "CSV", status=200)
    for address, form in (
        ("/audit/", {"person": "Noor"}),
        ("/audit/", {"event": "hook.given_up"}),
        ("/audit/", {"starter": "Noor"}),
        (story, {}),
    ):
        page = without_recorded_values(audrey.post(address, form, follow=True))
        assert_all_marked(page, "Noor", "JSON lines", "CSV", status=200)
