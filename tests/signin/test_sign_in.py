"""Sign-in, step-up and sign-out over HTTP against the sandbox."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from django.conf import settings as running
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, get_resolver

from portal import identity
from portal.models import SignIn, User
from portal.sandbox.people import BY_KEY
from portal.signin import flows
from tests.support.lying_entra import begun_sign_ins

pytestmark = pytest.mark.django_db


@pytest.fixture
def microsoft():
    """The person's browser at Microsoft, with its own cookies."""
    return requests.Session()


def start_sign_in(client: Client, path: str) -> dict[str, str]:
    """The query that the portal sends to Microsoft."""
    leaving = client.get(path)["Location"]
    assert leaving.startswith(f"{running.SANDBOX_URL}/{running.TENANT_ID}/oauth2/v2.0/authorize?")
    return dict(parse_qsl(urlsplit(leaving).query))


def answer_as(microsoft: requests.Session, asked: dict[str, str], person: str, **more: str) -> str:
    """Microsoft's redirect back, as path and query."""
    address = f"{running.SANDBOX_URL}/{running.TENANT_ID}/oauth2/v2.0/authorize"
    response = microsoft.post(address, asked | {"person": person} | more, allow_redirects=False)
    back = response.headers["Location"]
    assert back.startswith(f"{running.PORTAL_URL}/signin/callback/?")
    return back.removeprefix(running.PORTAL_URL)


def sign_in(client, microsoft, person, path="/signin/", **more):
    return client.get(answer_as(microsoft, start_sign_in(client, path), person, **more))


def signed_in_user(client: Client) -> User | None:
    return User.objects.filter(pk=client.session.get("_auth_user_id")).first()


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def test_sign_in_leads_to_the_requested_page(tenant, client, microsoft):
    wanted = client.get("/hr/?q=noor")
    assert wanted["Location"] == "/signin/?next=/hr/%3Fq%3Dnoor"

    response = sign_in(client, microsoft, "hanna", wanted["Location"])

    assert (response.status_code, response["Location"]) == (302, "/hr/?q=noor")
    assert signed_in_user(client).name == "Hanna Reuter"


def test_a_person_is_known_by_tenant_and_object_id(tenant, client, microsoft):
    sign_in(client, microsoft, "maria")
    first = signed_in_user(client)
    tenant.state.accounts["maria"].properties["userPrincipalName"] = "maria.berg@contoso.example"

    sign_in(Client(), requests.Session(), "maria")

    again = User.objects.get()
    assert (again.pk, again.tid, again.oid) == (first.pk, running.TENANT_ID, BY_KEY["maria"].object_id)
    assert again.user_principal_name == "maria.berg@contoso.example"


@pytest.mark.parametrize(
    ("person", "roles"), [("hanna", ["HR"]), ("ada", ["Admin"]), ("audrey", ["Auditor"]), ("maria", [])]
)
def test_roles_come_from_the_token(tenant, client, microsoft, person, roles):
    sign_in(client, microsoft, person)

    assert signed_in_user(client).roles == roles


def test_removed_role_is_gone_at_the_next_sign_in(tenant, client, microsoft):
    sign_in(client, microsoft, "hanna")
    tenant.state.accounts["hanna"].app_roles = ["Something else"]

    sign_in(client, microsoft, "hanna")

    assert signed_in_user(client).roles == []


def test_sign_in_request_has_challenge_nonce_and_max_age(tenant, client):
    asked = start_sign_in(client, "/signin/")

    assert asked["code_challenge_method"] == "S256" and asked["nonce"] and asked["state"]
    assert asked["response_mode"] == "query"
    assert int(asked["max_age"]) == 8 * 3600
    assert "offline_access" not in asked["scope"]


@pytest.mark.parametrize(
    ("person", "text"), [("guestmanager", "guest account"), ("othertenant", "another organisation")]
)
def test_guests_and_other_tenants_get_an_explanation(tenant, client, microsoft, person, text):
    response = sign_in(client, microsoft, person)

    assert response.status_code == 403 and text in text_of(response)
    again = re.search(r'href="(/signin/[^"]*)"', text_of(response))[1].replace("&amp;", "&")
    assert start_sign_in(client, again)["prompt"] == "select_account"
    assert signed_in_user(client) is None and not User.objects.exists()


def test_cancelling_begins_no_session(tenant, client, microsoft):
    response = sign_in(client, microsoft, "cancel")

    assert response.status_code == 400 and "cancelled" in text_of(response)
    assert signed_in_user(client) is None


def test_microsofts_keys_may_change_at_any_time(tenant, client, microsoft):
    sign_in(client, microsoft, "maria")
    tenant.state.keys.replace_key()
    identity.forget_workload_identity()  # the sandbox tenant forgets the old key and its assertions at once

    sign_in(Client(), requests.Session(), "hanna")

    assert User.objects.count() == 2


def test_a_token_that_the_tenant_did_not_sign_opens_nothing(tenant, client, microsoft):
    for signature in ("none", "foreign", "unknown key"):
        tenant.state.id_token_changes = {"signature": signature}

        assert sign_in(client, microsoft, "maria").status_code == 403
        assert signed_in_user(client) is None


def test_a_code_that_someone_else_redeemed_opens_nothing(tenant, client, microsoft):
    back = answer_as(microsoft, start_sign_in(client, "/signin/"), "maria")
    other = Client()
    stolen = dict(parse_qsl(urlsplit(back).query)) | {"state": start_sign_in(other, "/signin/")["state"]}

    assert other.get("/signin/callback/", stolen).status_code == 403  # a new verifier and a new nonce
    assert signed_in_user(other) is None


def test_unreachable_microsoft_begins_no_session(tenant, client, microsoft):
    tenant.state.faults.add([{"method": "POST", "path": "/oauth2/v2.0/token", "status": 503}])

    response = sign_in(client, microsoft, "maria")

    assert response.status_code == 503 and "Try again in a minute" in text_of(response)
    assert signed_in_user(client) is None


def test_a_session_gets_a_new_id_when_someone_signs_in(tenant, client, microsoft):
    client.cookies[running.SESSION_COOKIE_NAME] = "chosen-by-someone-else"

    sign_in(client, microsoft, "maria")
    first = client.session.session_key
    sign_in(client, microsoft, "hanna")

    assert "chosen-by-someone-else" != first != client.session.session_key
    assert not Session.objects.filter(session_key=first).exists()


@pytest.mark.parametrize(("loopback", "prefix"), [(True, "signin-"), (False, "__Host-signin-")])
def test_sign_in_is_bound_to_the_browser_by_a_cookie(tenant, client, settings, loopback, prefix):
    settings.LOOPBACK = loopback

    ((name, cookie),) = client.get("/signin/").cookies.items()

    assert name.startswith(prefix)
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/"
    assert cookie["max-age"] == 600 and not cookie["domain"]
    assert bool(cookie["secure"]) is not loopback


def test_sign_ins_in_two_tabs_both_succeed(tenant, client, microsoft):
    first, second = start_sign_in(client, "/signin/?next=/one/"), start_sign_in(client, "/signin/?next=/two/")

    assert client.get(answer_as(microsoft, second, "maria"))["Location"] == "/two/"
    assert client.get(answer_as(microsoft, first, "maria"))["Location"] == "/one/"


def test_a_finished_sign_in_is_remembered_for_ten_minutes(tenant, client, microsoft):
    sign_in(client, microsoft, "maria")
    first = SignIn.objects.get()
    assert first.flow == {} and begun_sign_ins(client) == []

    SignIn.objects.update(created_at="2020-01-01T00:00:00Z")
    sign_in(client, microsoft, "maria")
    assert SignIn.objects.get() != first


def test_cookies_of_many_sign_ins_fit_into_one_request(tenant, client):
    """gunicorn refuses a request whose cookies have more than 8,190 bytes, so the oldest are dropped."""
    for number in range(12):
        start_sign_in(client, f"/signin/?next=/{number}/{'a' * 1900}")

    sent = client.cookies.output(attrs=[], header="", sep=";")
    assert len(sent) < 7500
    assert begun_sign_ins(client)[-1]["next_path"].startswith("/11/")
    assert (
        start_sign_in(client, "/signin/?next=/" + "é" * 1900)
        and begun_sign_ins(client)[-1]["next_path"] == "/"
    )


def test_step_up_renews_the_proof_and_keeps_other_tabs(tenant, client, microsoft):
    sign_in(client, microsoft, "maria", signed_in_ago="900")
    before = dict(client.session.items())
    key = client.session.session_key

    asked = start_sign_in(client, "/signin/again/?next=/")
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert asked["login_hint"] == "maria.lindqvist@contoso.example"
    client.get(answer_as(microsoft, asked, "maria"))

    after = dict(client.session.items())
    assert after["auth_time"] >= before["auth_time"] + 890
    assert after["signed_in_at"] == before["signed_in_at"]
    assert client.session.session_key != key
    assert after.get("_csrftoken") == before.get("_csrftoken")


def test_a_step_up_keeps_a_forms_token_good(tenant, microsoft):
    client = Client(enforce_csrf_checks=True)
    sign_in(client, microsoft, "maria")
    page = text_of(client.get("/starters/"))
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]

    sign_in(client, microsoft, "maria", "/signin/again/")

    assert client.post("/signout/", {"csrfmiddlewaretoken": token}).status_code == 200


@pytest.mark.parametrize(
    ("person", "more", "text"),
    [("hanna", {}, "different account"), ("maria", {"signed_in_ago": "300"}, "you must sign in again")],
)
def test_a_step_up_needs_the_same_person_at_this_moment(tenant, client, microsoft, person, more, text):
    sign_in(client, microsoft, "maria", signed_in_ago="900")
    before = client.session["auth_time"]

    response = sign_in(client, microsoft, person, "/signin/again/", **more)

    assert response.status_code == 403 and text in text_of(response)
    assert client.session["auth_time"] == before
    assert signed_in_user(client).oid == BY_KEY["maria"].object_id


def test_a_step_up_needs_a_session(client):
    assert client.get("/signin/again/")["Location"] == "/signin/?next=/signin/again/"


# --- A session begins only by an action ------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?next=/hr/", "?another=1", "?fresh=1", "?prompt=none", "?silent=1"])
def test_each_sign_in_asks_the_person_to_act(tenant, client, query):
    assert start_sign_in(client, f"/signin/{query}")["prompt"] in {"select_account", "login"}


def test_a_person_signed_in_at_microsoft_still_chooses(tenant, client, microsoft):
    sign_in(client, microsoft, "maria")
    client.cookies.clear()
    leaving = client.get("/signin/?next=/starters/")["Location"]

    answer = microsoft.get(leaving, allow_redirects=False)

    assert answer.status_code == 200 and "Pick an account" in answer.text
    assert signed_in_user(client) is None


@pytest.mark.parametrize(
    "how",
    [
        {"prompt": "none"},
        {"prompt": "none", "purpose": SignIn.Purpose.STEP_UP},
        {"prompt": "select_account", "purpose": SignIn.Purpose.SILENT},
    ],
    ids=str,
)
def test_only_the_check_of_a_session_is_silent(tenant, rf, how):
    with pytest.raises(ValueError, match="silent"):
        flows.begin_sign_in(rf.get("/signin/"), next_path="/", **how)


def test_no_sign_in_begins_without_a_prompt(tenant, rf):
    with pytest.raises(TypeError, match="prompt"):
        flows.begin_sign_in(rf.get("/signin/"), next_path="/")


def test_signing_out_ends_the_session_and_offers_microsofts(tenant, client, microsoft):
    sign_in(client, microsoft, "maria")
    key = client.session.session_key

    response = client.post("/signout/")

    assert not Session.objects.filter(session_key=key).exists()
    assert response["Clear-Site-Data"] == '"cookies", "storage", "cache"'
    link = re.search(f'href="({tenant.url}/[^"]*/logout[^"]*)"', text_of(response))[1].replace("&amp;", "&")
    assert "logout_hint=" in link
    back = microsoft.get(link).headers["Refresh"]
    assert back == f"1; url={running.PORTAL_URL}/signout/done/"
    assert "signed out" in text_of(client.get("/signout/done/"))


def test_signing_out_needs_a_post(tenant, client, microsoft):
    sign_in(client, microsoft, "maria")

    assert client.get("/signout/").status_code == 405
    assert signed_in_user(client) is not None


# --- What is open ------------------------------------------------------------------------------------------

OPEN = {"signin:start", "signin:callback", "signin:out", "signin:signed_out", "csp-report", "livez", "readyz"}
OPEN |= {"sheet", "stop", "components", "language", "signin:front_channel"}
# The API asks for a token in place of a session. Its documents are open.
OPEN |= {"api:starters", "api:starter", "api:withdrawal", "api:hooks", "api:hook", "api:no-such-address"}
OPEN |= {"api:openapi", "api:swagger"}


def every_view(resolver=None, namespace=""):
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}", pattern.callback
        else:
            yield from every_view(
                pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            )


def test_every_page_except_these_needs_sign_in():
    views = dict(every_view())

    assert len(views) > 20
    assert {name for name, view in views.items() if not getattr(view, "login_required", True)} == OPEN


def test_polling_script_gets_401_instead_of_a_redirect(client):
    response = client.get("/", headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"})

    assert response.status_code == 401


# --- Django admin -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "status"), [("ada", 200), ("audrey", 200), ("hanna", 403), ("maria", 403)]
)
def test_admin_opens_by_role(tenant, client, microsoft, person, status):
    assert client.get("/admin/")["Location"] == "/signin/?next=/admin/"
    sign_in(client, microsoft, person)

    for path in ("/admin/", "/admin/portal/", "/admin/onboarding/"):
        assert client.get(path).status_code == status


def test_admin_has_no_password_form(tenant, client, microsoft):
    assert client.get("/admin/login/")["Location"].startswith("/signin/")
    sign_in(client, microsoft, "hanna")

    assert client.get("/admin/login/").status_code == 403
    assert client.post("/admin/login/", {"username": "hanna", "password": "x"}).status_code == 403
    assert client.get("/admin/password_change/").status_code in {403, 404}


def test_admins_cannot_change_people(tenant, client, microsoft):
    sign_in(client, microsoft, "ada")
    ada = signed_in_user(client)

    assert ada.has_perm("portal.view_user") and ada.has_perm("onboarding.add_policyversion")
    for permission in (
        "portal.change_user",
        "portal.add_user",
        "portal.delete_user",
        "onboarding.change_policyversion",
    ):
        assert not ada.has_perm(permission)
    for permission in ("auth.view_group", "auth.add_permission", "sessions.view_session"):
        assert not ada.has_perm(permission)


def test_an_auditor_only_reads(tenant, client, microsoft):
    sign_in(client, microsoft, "audrey")

    assert signed_in_user(client).has_perm("onboarding.view_policyversion")
    assert not signed_in_user(client).has_perm("onboarding.add_policyversion")
