"""Every five minutes Entra confirms the person of a session, without asking them anything, or the session ends."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.utils import timezone

from onboarding import jobs
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.passes import graph_quota
from portal.models import User
from portal.sandbox.people import BY_KEY
from tests.conftest import creations
from tests.signin.signed_in_browser import SignedInBrowser, text_of

pytestmark = pytest.mark.django_db

TYPED = {"account": "noor.devries@contoso.example", "note": "She comes by <train>", "step": "look"}


@pytest.fixture
def signed_in(tenant):
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield lambda person, path="/starters/": SignedInBrowser(person, clock, path=path)


@pytest.fixture
def hanna(signed_in):
    return signed_in("hanna", "/hr/")


def silent_request(browser: SignedInBrowser) -> dict[str, str]:
    """The query of the last redirect to Microsoft."""
    asked = [address for address in browser.redirects if "/authorize?" in address]
    return dict(parse_qsl(urlsplit(asked[-1]).query)) if asked else {}


# --- A page view ---------------------------------------------------------------------------------------------


def test_a_page_within_five_minutes_asks_nobody(hanna):
    hanna.wait(4.9)

    assert hanna.get("/hr/").status_code == 200
    assert hanna.redirects == []


def test_later_page_goes_by_microsoft_to_the_same_page(hanna):
    hanna.wait(5.1)

    assert hanna.get("/hr/?q=noor").status_code == 200

    assert hanna.redirects[0] == "/signin/check/?next=%2Fhr%2F%3Fq%3Dnoor"
    assert hanna.redirects[-1] == "/hr/?q=noor"
    asked = silent_request(hanna)
    assert (asked["prompt"], asked["login_hint"]) == ("none", "hanna.reuter@contoso.example")
    assert "max_age" not in asked  # else Microsoft would refuse people who signed in this morning


def test_one_check_holds_for_five_minutes(hanna):
    hanna.wait(5.1)
    hanna.get("/hr/")
    hanna.wait(4.8)

    hanna.get("/hr/")

    assert hanna.redirects == []


def test_a_check_makes_no_sign_in_look_fresher(hanna):
    signed_in_at = hanna.portal.session["auth_time"]
    began, key = hanna.portal.session["signed_in_at"], hanna.portal.session.session_key
    hanna.wait(6)
    hanna.get("/hr/")

    assert hanna.portal.session["auth_time"] == signed_in_at
    assert (hanna.portal.session["signed_in_at"], hanna.portal.session.session_key) == (began, key)


def test_a_step_up_counts_as_a_check(hanna):
    hanna.wait(6)
    hanna.get("/signin/again/?next=/hr/")
    assert silent_request(hanna)["prompt"] == "login"

    hanna.wait(4.5)
    hanna.get("/hr/")

    assert hanna.redirects == []


def test_removed_role_is_gone_at_the_next_check(hanna, tenant):
    tenant.state.accounts["hanna"].app_roles = []
    hanna.wait(4)
    assert hanna.get("/hr/").status_code == 200

    hanna.wait(1.1)
    assert hanna.get("/hr/").status_code == 403

    assert User.objects.get(oid=BY_KEY["hanna"].object_id).roles == []


def test_added_role_comes_with_a_new_session_id(signed_in, tenant):
    tom = signed_in("tom")
    before = tom.portal.session.session_key
    tenant.state.accounts["tom"].app_roles = ["HR"]
    tom.wait(5.1)

    assert tom.get("/hr/").status_code == 200

    assert tom.portal.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


# --- Entra does not confirm -------------------------------------------------------------------------------------


def sign_out_at_microsoft(tenant):
    tenant.state.sessions.end_for("hanna")


def require_interaction(tenant):
    tenant.state.interaction = ["hanna"]


def disable_account(tenant):
    tenant.state.accounts["hanna"].properties["accountEnabled"] = False


def delete_account(tenant):
    tenant.state.accounts["hanna"].exists = False


def require_assignment(tenant):
    principals = tenant.state.registrations.principals
    for principal in principals:
        principal["appRoleAssignmentRequired"] = True
    tenant.state.accounts["hanna"].app_roles = []


def become_a_guest(tenant):
    tenant.state.accounts["hanna"].properties["userType"] = "Guest"
    tenant.state.id_token_changes = {"set": {"acct": 1}}


def become_somebody_else(tenant):
    tenant.state.id_token_changes = {"set": {"oid": BY_KEY["ada"].object_id, "roles": ["Admin"]}}


def forge_the_token(tenant):
    tenant.state.id_token_changes = {"signature": "foreign"}


@pytest.mark.parametrize(
    "happen",
    [
        sign_out_at_microsoft,
        require_interaction,
        disable_account,
        delete_account,
        require_assignment,
        become_a_guest,
        become_somebody_else,
        forge_the_token,
    ],
)
def test_session_ends_unless_entra_confirms_its_person(hanna, tenant, happen):
    happen(tenant)
    key = hanna.portal.session.session_key
    hanna.wait(5.1)

    page = hanna.get("/hr/?q=noor")

    assert page.status_code in {401, 403}
    assert 'href="/signin/?next=%2Fhr%2F%3Fq%3Dnoor' in page.content.decode()
    assert not hanna.is_signed_in and not Session.objects.filter(session_key=key).exists()
    assert not User.objects.filter(oid=BY_KEY["ada"].object_id).exists()


@pytest.mark.parametrize("error", ["consent_required", "access_denied", "login_required", "invalid_request"])
def test_session_ends_at_each_error_of_entra(hanna, error):
    hanna.wait(5.1)
    leaving = hanna.portal.get(hanna.portal.get("/hr/")["Location"])["Location"]
    state = dict(parse_qsl(urlsplit(leaving).query))["state"]

    page = hanna.portal.get("/signin/callback/", {"error": error, "state": state})

    assert page.status_code == 401 and not hanna.is_signed_in


@pytest.mark.parametrize("error", ["temporarily_unavailable", "server_error"])
def test_entra_that_cannot_answer_ends_nothing(hanna, error):
    hanna.wait(5.1)
    leaving = hanna.portal.get(hanna.portal.get("/hr/")["Location"])["Location"]
    state = dict(parse_qsl(urlsplit(leaving).query))["state"]

    page = hanna.portal.get("/signin/callback/", {"error": error, "state": state})

    assert page.status_code == 503 and hanna.is_signed_in
    assert hanna.portal.get("/hr/").status_code == 302  # and shows nothing until it can


def test_browser_never_bounces_while_entra_refuses(hanna, tenant):
    """Entra always answers `login_required`: one trip, then a page with a link; then the ordinary sign-in."""
    sign_out_at_microsoft(tenant)
    hanna.wait(5.1)

    hanna.get("/hr/")
    assert len(hanna.redirects) == 2  # to the check and to Microsoft; the answer is a page

    answer = hanna.portal.get("/hr/")
    assert answer["Location"] == "/signin/?next=/hr/"
    assert hanna.get("/hr/").status_code == 200
    assert silent_request(hanna)["prompt"] == "select_account"


def test_answer_without_a_session_begins_none(hanna):
    hanna.wait(5.1)
    leaving = hanna.portal.get(hanna.portal.get("/hr/")["Location"])["Location"]
    back = hanna.microsoft.get(leaving, allow_redirects=False).headers["Location"]
    Session.objects.all().delete()

    page = hanna.portal.get(back.removeprefix("http://localhost:8000"))

    assert page.status_code == 400 and not hanna.is_signed_in


def test_check_needs_a_session(client):
    assert client.get("/signin/check/?next=/hr/")["Location"].startswith("/signin/?next=")


# --- Microsoft cannot be reached ----------------------------------------------------------------------------------


@pytest.fixture
def unreachable(tenant):
    tenant.state.faults.add([{"method": "POST", "path": "/oauth2/v2.0/token", "status": 503, "times": 50}])


def test_pages_of_hr_wait_until_microsoft_is_reached(hanna, tenant, unreachable):
    hanna.wait(5.1)

    page = hanna.get("/hr/")

    assert page.status_code == 503 and "Microsoft cannot be reached" in text_of(page)
    assert 'href="/signin/check/?next=%2Fhr%2F"' in page.content.decode()
    assert hanna.is_signed_in  # nothing is lost
    tenant.state.faults.end_all()
    assert hanna.get("/hr/").status_code == 200


@pytest.fixture
def queueing_maria(signed_in, tenant, invite, person):
    maria, starter = signed_in("maria"), invite("noor")
    graph_quota.join_queue(starter, person("maria"))
    return maria, starter


def keep_place(starter, person):
    """As the page does while it waits: a place that is asked for again stays."""
    graph_quota.Turn.objects.filter(starter=starter).update(
        opens_at=timezone.now(), lapses_at=timezone.now() + timedelta(minutes=1)
    )


def test_manager_in_the_queue_goes_on_for_a_while(queueing_maria, person, unreachable):
    maria, starter = queueing_maria
    for minutes in (5.1, 7, 7):
        maria.wait(minutes)
        keep_place(starter, person)
        assert maria.get(f"/starters/{starter.public_id}/").status_code == 200

    maria.wait(1.5)  # twenty minutes after the last check
    keep_place(starter, person)
    assert maria.get(f"/starters/{starter.public_id}/").status_code == 503


def test_manager_outside_the_queue_waits(signed_in, unreachable):
    maria = signed_in("maria")
    maria.wait(5.1)

    assert maria.get("/starters/").status_code == 503


def test_hr_in_the_queue_waits_too(signed_in, tenant, invite, person, unreachable):
    henry, starter = signed_in("henry"), invite("nadia", by="hanna")
    graph_quota.join_queue(starter, person("henry"))
    henry.wait(5.1)
    keep_place(starter, person)

    assert henry.get("/starters/").status_code == 503


# --- A form ---------------------------------------------------------------------------------------------------


def test_late_form_is_kept_and_continues_after_the_check(hanna):
    hanna.get("/hr/new/")
    hanna.wait(6)

    page = hanna.post("/hr/new/", TYPED)

    text = page.content.decode()
    assert page.status_code == 401 and "must be checked" in text
    assert 'name="note" value="She comes by &lt;train&gt;"' in text
    assert 'href="/signin/check/?next=%2Fhr%2Fnew%2F"' in text and 'target="_blank"' in text
    kept = hanna.page
    hanna.get("/signin/check/?next=/hr/new/")  # in another tab
    hanna.page = kept
    found = hanna.post("/hr/new/", TYPED)
    assert found.status_code == 200 and "Noor de Vries" in text_of(found)


def test_late_search_of_an_auditor_is_kept(signed_in):
    audrey = signed_in("audrey", "/audit/")
    audrey.wait(6)

    page = audrey.post("/audit/", {"starter": "Noor de Vries", "since": "2026-05-01"})

    text = page.content.decode()
    assert page.status_code == 401
    assert 'name="starter" value="Noor de Vries"' in text and 'name="since" value="2026-05-01"' in text
    assert not AuditEvent.objects.filter(event="audit.searched").exists()


def test_late_form_of_a_removed_role_does_nothing(hanna, tenant):
    hanna.get("/hr/new/")
    tenant.state.accounts["hanna"].app_roles = []
    hanna.wait(6)
    form = TYPED | {
        "step": "save",
        "seen": BY_KEY["noor"].object_id,
        "start_date": f"{timezone.localdate():%Y-%m-%d}",
        "start_time": "09:00",
        "time_zone": "Europe/Amsterdam",
    }

    kept = hanna.post("/hr/new/", form)
    assert kept.status_code == 401 and not Starter.objects.exists()
    assert hanna.get("/signin/check/?next=/hr/new/").status_code == 403
    hanna.page = kept
    assert hanna.post("/hr/new/", form).status_code == 403
    assert not Starter.objects.exists() and not AuditEvent.objects.filter(event="starter.recorded").exists()


def test_late_form_of_another_site_is_not_kept(hanna):
    hanna.get("/hr/new/")
    hanna.wait(6)

    page = hanna.post("/hr/new/", TYPED, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})

    assert page.status_code == 403 and "train" not in page.content.decode()


def test_no_pass_without_a_check_whatever_the_policy_allows(signed_in, tenant, invite, policy_says):
    policy_says(sign_in_minutes=60)
    starter, maria = invite("noor"), signed_in("maria")
    page = f"/starters/{starter.public_id}/"
    maria.get(page)
    maria.wait(6)
    click = {"identity_check": "in_person", "version": starter.version, "policy": 2}

    refused = maria.post(page, click)

    assert refused.status_code == 403 and "/signin/again/" in refused.content.decode()
    assert creations(tenant) == [] and not PassIssue.objects.exists()
    maria.get(page)  # the check
    jobs.record_heartbeat("a worker")
    assert maria.post(page, click).status_code == 200


# --- Polls and scripts ------------------------------------------------------------------------------------------


def test_poll_is_answered_and_is_no_check(hanna):
    hanna.wait(6)

    assert hanna.portal.head("/hr/").status_code == 200
    assert hanna.portal.get("/hr/")["Location"].startswith("/signin/check/")


def test_script_gets_no_page_of_an_unchecked_session(hanna):
    hanna.wait(6)

    for mode in ("cors", "same-origin", "no-cors"):
        answer = hanna.portal.get("/hr/", headers={"Sec-Fetch-Mode": mode})
        assert (answer.status_code, answer.content) == (401, b"The sign-in must be checked.\n")


def test_a_receipt_and_a_cancellation_need_no_check(signed_in, tenant, shown, person):
    maria, issue = signed_in("maria"), shown("noor").issue
    maria.wait(6)
    address = f"/starters/{issue.starter.public_id}/{issue.pk}"

    assert maria.portal.get(f"{address}/progress/", headers={"Sec-Fetch-Mode": "cors"}).status_code == 200
    assert maria.post(f"{address}/not-seen/", {}).status_code == 302
    issue.refresh_from_db()
    assert issue.state == "revoking"
