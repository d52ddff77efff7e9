"""The doctor reports exactly what is broken and changes nothing, on the command line and on a page for admins."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as settings_of_site
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone, translation
from django.utils.html import escape

from onboarding import graph, jobs, sealing
from onboarding.doctor.runner import is_all_ok, list_checks, run_checks
from onboarding.graph import GraphError
from onboarding.hooks import subscriptions
from onboarding.management.commands.doctor import as_text
from onboarding.models import AuditOutlet, DirectoryLog, GraphBudget, Hook, Mail, PolicyVersion
from onboarding.passes.graph_quota import MAX_PAUSE
from portal.demo.process import free_port
from portal.models import ClaimsSeen
from portal.sandbox import control
from portal.sandbox.entra.assertions import projected_token
from portal.sandbox.people import BY_KEY
from portal.sandbox.web import Request
from tests.conftest import forget_everything_cached
from tests.doctor.broken import (
    EVERY_BREAK,
    NO_P2,
    NOOR,
    PATHS,
    SIGN_INS,
    Broken,
    Installation,
    by_smtp,
    registered,
)
from tests.repository.test_architecture import reaches

pytestmark = pytest.mark.django_db

UPN = BY_KEY["noor"].user_principal_name
# The reads of methods and of sign-in activity use these shared quotas.
UNREADABLE = ["api.tokens", "api.roles"]
BUDGETS = {"onboarding_graphbudget", "onboarding_signinbudget"}


@dataclass
class Written:
    """The output of a run, and every token that was issued during it."""

    states: dict[str, str]
    text: str
    tokens: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """All is OK. What only Application.Read.All would show, which the portal does not have, is skipped."""
        return self.of("skipped") in (UNREADABLE, []) and set(self.states.values()) <= {"ok", "skipped"}

    @property
    def wrong(self) -> list[str]:
        return self.of("wrong")

    def of(self, state: str) -> list[str]:
        return [name for name, found in self.states.items() if found == state]

    def keeps_secrets(self, log: str = "") -> bool:
        """The output contains no token, no signature of one, and no assertion."""
        said = self.text + log
        proofs = [part for token in self.tokens for part in token.split(".")]
        return not any(part in said for part in proofs) and not re.search(r"eyJ[\w-]{20,}", said)


@pytest.fixture
def well(tenant, worker_alive, every_guard_on, person, settings, monkeypatch) -> Installation:
    """A healthy installation where every check can run."""
    for key in ("hanna", "ada", "audrey"):
        person(key)
    ClaimsSeen.objects.create(id=1, names=["auth_time", "acct", "login_hint", "sid"], at=timezone.now())
    Mail.objects.create(kind="invitation", to="a@b.example", message_id="<1@b>", sent_at=timezone.now())
    DirectoryLog.objects.create(id=1, read_at=timezone.now())
    settings.MIDDLEWARE = list(settings.MIDDLEWARE)
    return Installation(tenant.tenant, settings, monkeypatch, person)


@pytest.fixture
def look(well, caplog) -> Callable[..., Written]:
    """Run the doctor, and keep every token that is signed during the run."""
    tokens: list[str] = []
    sign = well.tenant.keys.sign_token
    well.monkeypatch.setattr(
        well.tenant.keys, "sign_token", lambda claims: tokens.append(sign(claims)) or tokens[-1]
    )

    def looked(account: str = NOOR) -> Written:
        forget_everything_cached()
        results = run_checks(account=account)
        details = [(check.id, check.detail, check.fix) for check in results]
        text = f"{as_text(results)}\n{json.dumps(details, ensure_ascii=False)}"
        written = Written({check.id: check.state for check in results}, text, tokens)
        assert written.keeps_secrets(caplog.text)
        return written

    return looked


# --- What is right, and what is not -----------------------------------------------------------------------------


@pytest.mark.parametrize("account", [NOOR, UPN, UPN.upper()])
def test_a_healthy_installation_passes_every_check(look, account):
    assert look(account).is_well


def test_without_a_test_account_only_its_checks_are_skipped(look):
    seen = look("")

    assert seen.wrong == seen.of("unknown") == []
    assert seen.of("skipped")
    left = set(seen.of("skipped")) - set(UNREADABLE)
    assert left and all(name.startswith(("fact.", "guard.", "account.")) for name in left)


@pytest.mark.parametrize("broken", EVERY_BREAK, ids=str)
def test_exactly_the_broken_part_is_reported(broken: Broken, well, look):
    broken.how(well)

    seen = look(broken.account)

    assert seen.wrong == [broken.names], seen.text
    assert seen.of("unknown") == []
    assert broken.says in seen.text


def test_the_table_breaks_enough_things():
    assert len(EVERY_BREAK) >= 25
    assert len({broken.what for broken in EVERY_BREAK}) == len(EVERY_BREAK)


def test_almost_every_check_can_fail():
    """Checks that no break in the table reaches are listed here, so that a new check needs a break."""
    reached = {broken.names for broken in EVERY_BREAK}

    left = {check.id for check in list_checks() if not check.id.startswith("guard.")} - reached

    elsewhere = {"identity.credential"}  # in signin/test_graph_registration.py
    assert left == elsewhere | {
        "database.reach",
        "mail.right",
        "hooks.network",
    }  # the last is never wrong: see below


def test_a_missing_database_is_reported(look, monkeypatch):
    from django.db import OperationalError

    from onboarding.doctor import installation

    class Away:
        vendor = "postgresql"

        def cursor(self) -> Any:
            raise OperationalError("could not connect to db.example as portal with password hunter2")

    monkeypatch.setattr(installation, "connection", Away())

    seen = look()

    assert seen.wrong == ["database.reach"]
    assert "hunter2" not in seen.text


def test_a_moved_portal_reports_both_redirect_addresses(well, look):
    well.settings.PORTAL_URL = "https://elsewhere.example"

    assert look().wrong == ["signin.redirect", "signin.signed_out"]


def test_a_webhook_under_an_earlier_key_is_mentioned(well, look):
    hook = Hook.objects.create(host="hooks.contoso.example")
    hook.sealed_url = sealing.seal("https://hooks.contoso.example/?sig=1", context=f"url {hook.public_id}")
    hook.sealed_secret = sealing.seal("whsec_x", context=f"secret {hook.public_id}")
    hook.save()
    well.settings.SECRET_KEY_FALLBACKS = [well.settings.SECRET_KEY]
    well.settings.SECRET_KEY = "another key, of at least fifty random characters 0123456789"

    found = look()
    assert found.is_well
    assert "for some it needs an earlier key in SECRET_KEY_FALLBACKS" in found.text

    subscriptions.reseal_hooks()
    assert "SECRET_KEY_FALLBACKS" not in look().text


def test_a_crashing_check_is_reported_and_the_others_run(well, look, monkeypatch):
    from onboarding import audit

    monkeypatch.setattr(audit, "verify_last_events", lambda _events: 1 / 0)

    seen = look()

    assert seen.wrong == ["audit.end"]
    assert "ZeroDivisionError" in seen.text


def test_another_kind_of_credential_is_reported(well, look, tmp_path):
    token = tmp_path / "token"
    token.write_text(projected_token(well.tenant))
    well.settings.AZURE_FEDERATED_TOKEN_FILE = str(token)

    seen = look()

    assert seen.is_well
    assert "authenticates with: federated token file" in seen.text

    token.write_text("")
    assert look().wrong == ["identity.token"]


def test_a_required_authentication_context_needs_its_claim(well, look):
    well.rules(step_up_context="c1")
    registered(claims=["auth_time", "acct", "login_hint", "sid", "acrs"])(well)

    assert set(look().states.values()) == {"ok"}


def test_without_an_api_its_checks_are_skipped(well, look):
    well.settings.API_CLIENT_ID = ""

    seen = look()

    assert seen.wrong == seen.of("unknown") == []
    assert seen.of("skipped") == ["api.client", *UNREADABLE]
    assert "API_CLIENT_ID is not set" in seen.text


def test_the_sandbox_api_is_registered_as_the_doctor_expects(well, look):
    well.tenant.granted.add("Application.Read.All")

    seen = look()

    assert [seen.states[name] for name in ("api.client", *UNREADABLE)] == ["ok"] * 3
    assert seen.is_well


def test_opening_the_page_asks_microsoft_nothing():
    assert reaches("onboarding/doctor/views.py", "onboarding.graph", "msal", "requests") == []


# --- What policy goes on without ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "permission"),
    [
        ("pass_policy", "Policy.Read.AuthenticationMethod"),
        ("eligible_groups", "PrivilegedEligibilitySchedule.Read.AzureADGroup"),
        ("sign_ins", "AuditLog.Read.All"),
    ],
)
def test_a_missing_optional_permission_is_skipped_if_policy_allows(well, look, rule, permission):
    well.rules(**{rule: "skip"})
    well.tenant.granted.discard(permission)

    seen = look()

    assert [name for name in seen.wrong if not name.startswith("guard.")] == []
    assert f"permission.{permission}" in seen.of("skipped")
    assert "the portal continues without this check and records that with each pass" in seen.text


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("eligible_roles", {"path": PATHS["eligible"], "status": 400, "body": NO_P2}),
        ("eligible_groups", {"path": PATHS["eligible_groups"], "status": 400, "body": NO_P2}),
        ("sign_ins", {**SIGN_INS, "status": 403}),
    ],
)
def test_a_missing_licence_is_skipped_if_policy_allows(well, look, rule, fault):
    well.rules(**{rule: "skip"})
    well.fault(**fault)

    seen = look()

    assert [name for name in seen.wrong if not name.startswith("guard.")] == []
    assert "the portal continues without this check" in seen.text


# --- What cannot be known now ------------------------------------------------------------------------------------


def test_a_busy_graph_is_unknown_and_not_wrong(well, look):
    well.fault(path=PATHS["manager"], status=429, headers={"Retry-After": "7"})

    seen = look()

    assert (seen.wrong, seen.of("unknown")) == ([], ["fact.manager"])
    assert "asks the portal to wait 7 seconds" in seen.text


def test_a_throttled_methods_call_makes_all_processes_wait(well, look):
    well.fault(path=PATHS["methods"], status=429, headers={"Retry-After": "30"})

    assert look().of("unknown") == ["fact.methods"]

    paused = GraphBudget.objects.get().paused_until
    assert timezone.now() < paused < timezone.now() + MAX_PAUSE


def test_managers_who_wait_come_before_the_doctor(well, look, tenant):
    now = timezone.now().timestamp()
    GraphBudget.objects.update(recent=[now] * 5)

    seen = look()

    assert (seen.wrong, seen.of("unknown")) == ([], ["fact.methods"])
    assert not [
        request for request in tenant.tenant.requests if request["path"].endswith("/authentication/methods")
    ]


def test_before_the_first_sign_in_claims_and_roles_are_unknown(well, look):
    ClaimsSeen.objects.all().delete()
    from portal.models import User

    User.objects.update(roles=[])

    seen = look()

    assert seen.wrong == []
    assert seen.of("unknown") == ["signin.claims", "signin.roles"]
    assert "The portal can check the claims only after someone has signed in" in seen.text


def test_an_unclear_sign_in_page_is_unknown(well, look):
    well.fault(path="/oauth2/v2.0/authorize$", status=200, body="<html>One moment…</html>")

    seen = look()

    assert seen.wrong == []
    assert seen.of("unknown") == ["signin.client", "api.client"]


def test_the_right_to_send_is_unknown_before_the_first_mail(well, look):
    Mail.objects.all().delete()

    seen = look()

    assert (seen.wrong, seen.of("unknown")) == ([], ["mail.right"])
    assert "do not appear in tokens" in seen.text


def test_the_pass_policys_groups_are_shown_by_name_if_readable(well, look):
    group = {"id": BY_KEY["noor"].object_id, "displayName": "Current starters"}
    well.tenant.policy["excludeTargets"] = [{"id": NOOR.replace("5c0f", "6c0f"), "targetType": "group"}]
    well.fault(path="^/v1.0/groups/", status=200, body=group)

    assert "Included: all accounts. Excluded: Current starters." in look().text


def test_a_proxy_for_webhooks_is_named(well, look, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.contoso.example:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost,direct.contoso.example")
    well.rules(hook_hosts="hooks.contoso.example\ndirect.contoso.example")

    seen = look()

    assert (seen.wrong, seen.of("unknown")) == ([], ["hooks.network"])
    assert "A proxy sends the webhooks to: hooks.contoso.example." in seen.text
    monkeypatch.setenv("NO_PROXY", "*")
    assert look().states["hooks.network"] == "ok"


def test_the_doctor_says_when_a_head_was_sent_last(well, look, settings):
    assert "The portal sends no signed checkpoints of the audit log" in look().text
    settings.AUDIT_SIGNING_KEY_FILE = "/run/secrets/audit-signing-key.pem"
    AuditOutlet.objects.create(name="head_log", seq=1, sent_at=timezone.now())

    seen = look()

    assert seen.states["audit.outside"] == "ok"
    assert "The worker sent the last signed checkpoint on " in seen.text


def test_a_mail_server_is_contacted_and_gets_no_mail(well, look):
    from aiosmtpd.controller import Controller

    got: list[Any] = []

    class Server:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            got.append(envelope)
            return "250 OK"

    controller = Controller(Server(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        by_smtp(well, controller.port)
        seen = look()
    finally:
        controller.stop()

    assert seen.wrong == []
    assert "The doctor does not send a test email" in seen.text
    assert got == []


# --- It changes nothing -------------------------------------------------------------------------------------------


def rows() -> dict[str, Any]:
    tables = sorted(set(connection.introspection.table_names()) - BUDGETS)
    with connection.cursor() as cursor:
        return {table: all_of(cursor, table) for table in tables}


def all_of(cursor: Any, table: str) -> list[Any]:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")  # noqa: S608
    return list(cursor.fetchall())


@pytest.mark.parametrize("account", ["", NOOR, BY_KEY["haspass"].object_id])
def test_the_doctor_changes_nothing(well, look, account):
    there, before = control._describe_state(well.tenant, Request("GET", "/")), rows()
    well.tenant.requests.clear()

    look(account)

    assert rows() == before
    assert control._describe_state(well.tenant, Request("GET", "/")) == there
    asked = {
        (request["method"], request["path"]) for request in well.tenant.requests if request["method"] != "GET"
    }
    assert {path.rpartition("/")[2] for _, path in asked} <= {"$batch", "token"}


def test_the_quota_limited_call_is_made_at_most_once(well, look):
    well.tenant.requests.clear()

    look()

    scarce = [request for request in well.tenant.requests if "/authentication/" in request["path"]]
    assert [request["path"].rpartition("/")[2] for request in scarce] == ["methods"]


# --- The command --------------------------------------------------------------------------------------------------


def run(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", *words, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_exit_status_shows_whether_something_is_wrong(well):
    assert run("--account", NOOR)[0] == 0

    well.tenant.granted.discard("GroupMember.Read.All")
    forget_everything_cached()

    status, said = run("--account", NOOR)
    assert status == 1
    assert "✗ problem   Permission GroupMember.Read.All" in said
    assert "1 of " in said and " checks found a problem" in said


def test_a_doctor_that_fails_itself_exits_with_another_status(well, settings):
    settings.DOCTOR_CHECKS = ["onboarding.doctor.nowhere"]

    with pytest.raises(CommandError) as error:
        call_command("doctor", stdout=StringIO())

    assert error.value.returncode == 2


def test_the_report_is_available_as_json(well):
    status, said = run("--json", "--account", UPN)
    report = json.loads(said)

    assert (status, report["ok"]) == (0, True)
    assert {tuple(check) for check in report["checks"]} == {("id", "title", "state", "detail", "fix")}
    assert [check["id"] for check in report["checks"]] == [check.id for check in list_checks()]

    jobs.Heartbeat.objects.all().delete()
    status, said = run("--json")
    assert (status, json.loads(said)["ok"]) == (1, False)


def test_a_check_depends_only_on_earlier_checks():
    seen: set[str] = set()
    for check in list_checks():
        assert check.id not in seen
        assert set(check.needs) <= seen, check.id
        seen.add(check.id)


def test_checks_skipped_for_one_reason_share_one_text(well):
    well.tenant.policy["state"] = "disabled"

    said = run()[1]

    guards = [str(check.title) for check in list_checks() if check.id.startswith("guard.")]
    assert all(said.count(f"– skipped   {title}") == 1 for title in guards)
    # Once for the reads and once for the guards, because the check of the account's scope is between them.
    assert said.count("Skipped, because the check “Access to the test account” is not OK.") == 2


def test_the_document_explains_every_check():
    paper = (settings_of_site.BASE_DIR / "docs/reference/doctor-checks.md").read_text()
    families = {"permission.NAME", "guard.CODE"}
    explained = set(re.findall(r"`((?:[a-z]+)\.(?:[a-z_]+|NAME|CODE))`", paper)) - families

    own = {check.id for check in list_checks() if not re.match(r"guard\.|permission\.(?!too_wide)", check.id)}
    assert {name for name in own if name not in explained} == set()
    assert all(f"`{family}`" in paper for family in families)


# --- The page -----------------------------------------------------------------------------------------------------


def test_the_page_runs_checks_only_after_the_button(well, browser_of, tenant):
    ada = browser_of("ada")
    tenant.tenant.requests.clear()

    page = ada.get("/admin/doctor/", {"account": NOOR})
    assert page.status_code == 200
    assert not tenant.tenant.requests
    assert "Run the checks" in page.content.decode()

    answer = ada.post("/admin/doctor/", {"account": NOOR}).content.decode()
    assert "No problems found" in answer
    assert answer.count('data-state="ok"') == len(list_checks()) - len(UNREADABLE)
    assert tenant.tenant.requests


def test_the_page_shows_faults_in_words_and_by_shape(well, browser_of):
    well.tenant.policy["state"] = "disabled"

    answer = browser_of("ada").post("/admin/doctor/").content.decode()

    row = " ".join(re.search(r'<tr data-state="wrong".*?</tr>', answer, re.DOTALL)[0].split())
    assert '<span aria-hidden="true">✗</span> problem' in row
    assert "What to do:</strong> Enable the policy" in row
    assert answer.count('data-state="wrong"') == 1


def test_the_page_speaks_the_readers_language_and_the_command_english(well, browser_of):
    well.tenant.policy["state"] = "disabled"
    Mail.objects.update(sent_at=datetime(2026, 3, 5, 9, 0, tzinfo=UTC))

    page = browser_of("ada").post("/admin/doctor/", headers={"Accept-Language": "nl"}).content.decode()
    with translation.override("nl"):
        report = json.loads(run("--json")[1])["checks"]

    found = {check["id"]: (check["title"], check["state"], check["detail"]) for check in report}
    title, off = (
        "Status of the tenant’s pass policy",
        "The tenant's Temporary Access Pass policy is turned off, so Entra refuses every pass.",
    )
    assert found["policy.on"] == (title, "wrong", off)
    assert "on 05 March 2026, 09:00 UTC" in found["mail.right"][2]
    assert "Status van het passenbeleid van de tenant" in page
    assert "1 van de " in page and " controles vond een probleem" in page
    assert (
        "Het beleid voor de tijdelijke toegangspas van de tenant is uitgeschakeld. Daarom weigert Entra elke pas."
        in page
        and "5 maart 2026, 09:00 UTC" in page
    )
    assert not [check["title"] for check in report if escape(check["title"]) in page]
    rows = re.findall(r'<tr data-state="(\w+)" id="([\w.-]+)">', page)
    assert rows == [(check["state"], check["id"]) for check in report]


def test_a_token_error_is_logged_in_english_and_shown_translated(well, browser_of):
    well.settings.AZURE_CLIENT_ID = "11111111-2222-4333-8444-555555555555"
    forget_everything_cached()

    page = browser_of("ada").post("/admin/doctor/", headers={"Accept-Language": "nl"}).content.decode()
    with translation.override("nl"), pytest.raises(GraphError) as error:
        graph.client().ensure_token()

    assert "Microsoft Entra heeft geen token uitgegeven (beheerde identiteit)" in page
    assert "Microsoft Entra did not issue a token (managed identity)" in str(error.value)


def test_typed_input_is_shown_escaped(well, browser_of):
    answer = browser_of("ada").post("/admin/doctor/", {"account": '"><script>alert(1)</script>'})

    assert "<script>alert" not in answer.content.decode()


@pytest.mark.parametrize("key", ["audrey", "hanna", "maria", "outsider"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_only_admins_open_the_doctors_page(well, browser_of, tenant, key, method):
    visitor = browser_of(key)
    tenant.tenant.requests.clear()

    assert getattr(visitor, method)("/admin/doctor/").status_code == 403
    assert not tenant.tenant.requests


def test_a_cross_site_request_cannot_run_the_doctor(well, browser_of, tenant):
    ada = Client(enforce_csrf_checks=True)
    ada.cookies = browser_of("ada").cookies
    tenant.tenant.requests.clear()

    assert ada.post("/admin/doctor/").status_code == 403
    assert not tenant.tenant.requests


def test_the_administration_links_admins_to_the_doctor(well, browser_of):
    link = 'href="/admin/doctor/"'

    assert link in browser_of("ada").get("/admin/").content.decode()
    assert link not in browser_of("audrey").get("/admin/").content.decode()


@pytest.fixture(autouse=True)
def _nothing_waits(settings: Any) -> Iterator[None]:
    settings.GRAPH_BUDGET_CALLS, settings.GRAPH_BUDGET_SECONDS = 5, 10
    yield


def test_unknown_and_skipped_results_are_not_wrong():
    from onboarding.doctor.runner import CheckResult

    def result(state: Any) -> CheckResult:
        return CheckResult("one", "One", state, "")

    assert is_all_ok((result("ok"), result("unknown"), result("skipped")))
    assert not is_all_ok((result("ok"), result("wrong")))
    assert PolicyVersion.objects.exists()
