"""The doctor names exactly what is broken, and changes nothing; on the command line and as a page for admins."""

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

from onboarding import graph, jobs
from onboarding.budget import LONGEST_PAUSE
from onboarding.doctor.frame import all_is_well, checks, examine
from onboarding.graph import GraphError
from onboarding.management.commands.doctor import as_text
from onboarding.models import GraphBudget, Mail, PolicyVersion
from portal.models import ClaimsSeen
from portal.running import free_port
from portal.sandbox import control
from portal.sandbox.entra.assertions import projected_token
from portal.sandbox.people import BY_KEY
from portal.sandbox.web import Request
from tests.broken import EVERY_BREAK, NO_P2, NOOR, PATHS, SIGN_INS, Broken, Installation, by_smtp, registered
from tests.conftest import forget_everything_cached
from tests.test_architecture import reaches

pytestmark = pytest.mark.django_db

UPN = BY_KEY["noor"].user_principal_name
BUDGET = "onboarding_graphbudget"  # the one read of methods is taken from it, as everybody's is


@dataclass
class Written:
    """What a run told, and every token that was made while it ran."""

    states: dict[str, str]
    text: str
    tokens: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        return self.of("wrong")

    def of(self, state: str) -> list[str]:
        return [name for name, one in self.states.items() if one == state]

    def keeps_secrets(self, log: str = "") -> bool:
        """Neither a token nor the part of one that proves it, nor what an assertion looks like."""
        said = self.text + log
        proofs = [part for token in self.tokens for part in token.split(".")]
        return not any(part in said for part in proofs) and not re.search(r"eyJ[\w-]{20,}", said)


@pytest.fixture
def well(tenant, worker_alive, person, settings, monkeypatch) -> Installation:
    """An installation at which nothing is wrong, and nothing is left to be seen."""
    for key in ("hanna", "ada", "audrey"):
        person(key)
    ClaimsSeen.objects.create(id=1, names=["auth_time", "acct", "login_hint"], at=timezone.now())
    Mail.objects.create(kind="invitation", to="a@b.example", message_id="<1@b>", sent_at=timezone.now())
    settings.MIDDLEWARE = list(settings.MIDDLEWARE)
    return Installation(tenant.tenant, settings, monkeypatch, person)


@pytest.fixture
def look(well, caplog) -> Callable[..., Written]:
    """One run of the doctor, with every token that was signed meanwhile written down."""
    tokens: list[str] = []
    sign = well.tenant.keys.sign
    well.monkeypatch.setattr(
        well.tenant.keys, "sign", lambda claims: tokens.append(sign(claims)) or tokens[-1]
    )

    def looked(account: str = NOOR) -> Written:
        forget_everything_cached()
        told = examine(account=account)
        text = f"{as_text(told)}\n{json.dumps([(one.id, one.detail, one.fix) for one in told], ensure_ascii=False)}"
        written = Written({one.id: one.state for one in told}, text, tokens)
        assert written.keeps_secrets(caplog.text)
        return written

    return looked


# --- What is right, and what is not -----------------------------------------------------------------------------


@pytest.mark.parametrize("account", [NOOR, UPN, UPN.upper()])
def test_where_everything_is_right_every_check_is_a_tick(look, account):
    assert set(look(account).states.values()) == {"ok"}


def test_without_a_test_account_only_what_needs_one_is_left_out(look):
    seen = look("")

    assert seen.wrong == seen.of("unknown") == []
    assert seen.of("skipped")
    assert all(name.startswith(("fact.", "guard.", "account.")) for name in seen.of("skipped"))


@pytest.mark.parametrize("broken", EVERY_BREAK, ids=str)
def test_exactly_what_is_broken_is_named(broken: Broken, well, look):
    broken.how(well)

    seen = look(broken.account)

    assert seen.wrong == [broken.names], seen.text
    assert seen.of("unknown") == []
    assert broken.says in seen.text


def test_enough_things_are_broken_once():
    assert len(EVERY_BREAK) >= 25
    assert len({broken.what for broken in EVERY_BREAK}) == len(EVERY_BREAK)


def test_every_check_but_a_few_can_be_turned_red():
    """Those that no single break of the table reaches are named here, so that a new check needs one."""
    reached = {broken.names for broken in EVERY_BREAK}

    left = {check.id for check in checks() if not check.id.startswith("guard.")} - reached

    assert left == {"database.reach", "mail.right"}


def test_a_database_that_is_away_is_named(look, monkeypatch):
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


def test_a_portal_at_another_address_is_told_of_both_ways_back(well, look):
    well.settings.PORTAL_URL = "https://elsewhere.example"

    assert look().wrong == ["signin.redirect", "signin.signed_out"]


def test_a_check_that_fails_itself_is_named_and_the_others_are_looked_at(well, look, monkeypatch):
    from onboarding import audit

    monkeypatch.setattr(audit, "verify_end", lambda _events: 1 / 0)

    seen = look()

    assert seen.wrong == ["audit.end"]
    assert "ZeroDivisionError" in seen.text


def test_another_way_to_prove_the_identity_is_told(well, look, tmp_path):
    token = tmp_path / "token"
    token.write_text(projected_token(well.tenant))
    well.settings.AZURE_FEDERATED_TOKEN_FILE = str(token)

    seen = look()

    assert set(seen.states.values()) == {"ok"}
    assert "by federated token file" in seen.text

    token.write_text("")
    assert look().wrong == ["identity.token"]


def test_a_context_that_a_policy_wants_is_among_the_claims(well, look):
    well.rules(step_up_context="c1")
    registered(claims=["auth_time", "acct", "login_hint", "acrs"], roles=["HR", "Admin", "Auditor"])(well)

    assert set(look().states.values()) == {"ok"}


def test_the_page_is_a_door_and_does_not_know_that_microsoft_exists():
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
def test_an_optional_permission_is_not_missed_where_policy_goes_on_without(well, look, rule, permission):
    well.rules(**{rule: "skip"})
    well.tenant.granted.discard(permission)

    seen = look()

    assert [name for name in seen.wrong if not name.startswith("guard.")] == []
    assert f"permission.{permission}" in seen.of("skipped")
    assert "passes are made without it, and that is written down with each" in seen.text


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("eligible_roles", {"path": PATHS["eligible"], "status": 400, "body": NO_P2}),
        ("eligible_groups", {"path": PATHS["eligible_groups"], "status": 400, "body": NO_P2}),
        ("sign_ins", {**SIGN_INS, "status": 403}),
    ],
)
def test_a_missing_licence_is_not_wrong_where_policy_goes_on_without(well, look, rule, fault):
    well.rules(**{rule: "skip"})
    well.fault(**fault)

    seen = look()

    assert [name for name in seen.wrong if not name.startswith("guard.")] == []
    assert "passes are made without it" in seen.text


# --- What cannot be known now ------------------------------------------------------------------------------------


def test_a_busy_graph_is_not_a_broken_one(well, look):
    well.fault(path=PATHS["manager"], status=429, headers={"Retry-After": "7"})

    seen = look()

    assert (seen.wrong, seen.of("unknown")) == ([], ["fact.manager"])
    assert "asks to wait 7 seconds" in seen.text


def test_where_graph_asks_to_wait_with_methods_everybody_waits(well, look):
    well.fault(path=PATHS["methods"], status=429, headers={"Retry-After": "30"})

    assert look().of("unknown") == ["fact.methods"]

    paused = GraphBudget.objects.get().paused_until
    assert timezone.now() < paused < timezone.now() + LONGEST_PAUSE


def test_people_who_wait_for_a_pass_come_before_the_doctor(well, look, tenant):
    now = timezone.now().timestamp()
    GraphBudget.objects.update(recent=[now] * 5)

    seen = look()

    assert (seen.wrong, seen.of("unknown")) == ([], ["fact.methods"])
    assert not [one for one in tenant.tenant.requests if one["path"].endswith("/authentication/methods")]


def test_before_anybody_signed_in_claims_and_roles_are_not_known_and_that_is_no_failure(well, look):
    ClaimsSeen.objects.all().delete()
    from portal.models import User

    User.objects.update(roles=[])

    seen = look()

    assert seen.wrong == []
    assert seen.of("unknown") == ["signin.claims", "signin.roles"]
    assert "Not known until somebody signs in" in seen.text


def test_a_page_that_says_neither_yes_nor_no_is_not_taken_for_an_answer(well, look):
    well.fault(path="/oauth2/v2.0/authorize$", status=200, body="<html>One moment…</html>")

    seen = look()

    assert seen.wrong == []
    assert seen.of("unknown") == ["signin.client"]


def test_the_right_to_send_is_not_known_until_a_mail_went_out(well, look):
    Mail.objects.all().delete()

    seen = look()

    assert (seen.wrong, seen.of("unknown")) == ([], ["mail.right"])
    assert "a token does not show" in seen.text


def test_groups_of_the_pass_policy_are_told_by_name_where_that_can_be_read(well, look):
    group = {"id": BY_KEY["noor"].object_id, "displayName": "Current starters"}
    well.tenant.policy["excludeTargets"] = [{"id": NOOR.replace("5c0f", "6c0f"), "targetType": "group"}]
    well.fault(path="^/v1.0/groups/", status=200, body=group)

    assert "For everybody; not for Current starters." in look().text


def test_a_mail_server_is_greeted_and_gets_no_mail(well, look):
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
    assert "Nothing was sent" in seen.text
    assert got == []


# --- It changes nothing -------------------------------------------------------------------------------------------


def rows() -> dict[str, Any]:
    tables = sorted(set(connection.introspection.table_names()) - {BUDGET})
    with connection.cursor() as cursor:
        return {table: all_of(cursor, table) for table in tables}


def all_of(cursor: Any, table: str) -> list[Any]:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")  # noqa: S608
    return list(cursor.fetchall())


@pytest.mark.parametrize("account", ["", NOOR, BY_KEY["haspass"].object_id])
def test_the_doctor_changes_nothing(well, look, account):
    there, before = control._state(well.tenant, Request("GET", "/")), rows()
    well.tenant.requests.clear()

    look(account)

    assert rows() == before
    assert control._state(well.tenant, Request("GET", "/")) == there
    asked = {(one["method"], one["path"]) for one in well.tenant.requests if one["method"] != "GET"}
    assert {path.rpartition("/")[2] for _, path in asked} <= {"$batch", "token"}


def test_the_scarce_kind_of_call_is_made_once_at_most(well, look):
    well.tenant.requests.clear()

    look()

    scarce = [one for one in well.tenant.requests if "/authentication/" in one["path"]]
    assert [one["path"].rpartition("/")[2] for one in scarce] == ["methods"]


# --- The command --------------------------------------------------------------------------------------------------


def run(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", *words, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_exit_status_says_whether_something_is_wrong(well):
    assert run("--account", NOOR)[0] == 0

    well.tenant.granted.discard("GroupMember.Read.All")
    forget_everything_cached()

    status, said = run("--account", NOOR)
    assert status == 1
    assert "✗ wrong     Permission GroupMember.Read.All" in said
    assert "1 thing is wrong, of " in said


def test_who_cannot_look_says_so_with_another_status(well, settings):
    settings.DOCTOR_CHECKS = ["onboarding.doctor.nowhere"]

    with pytest.raises(CommandError) as error:
        call_command("doctor", stdout=StringIO())

    assert error.value.returncode == 2


def test_a_machine_can_read_it(well):
    status, said = run("--json", "--account", UPN)
    report = json.loads(said)

    assert (status, report["ok"]) == (0, True)
    assert {tuple(one) for one in report["checks"]} == {("id", "title", "state", "detail", "fix")}
    assert [one["id"] for one in report["checks"]] == [check.id for check in checks()]

    jobs.Heartbeat.objects.all().delete()
    status, said = run("--json")
    assert (status, json.loads(said)["ok"]) == (1, False)


def test_a_check_rests_only_on_checks_before_it():
    seen: set[str] = set()
    for check in checks():
        assert check.id not in seen
        assert set(check.needs) <= seen, check.id
        seen.add(check.id)


def test_what_is_left_out_for_one_reason_is_told_together(well):
    well.tenant.policy["state"] = "disabled"

    said = run()[1]

    assert said.count("– left out  Guard ") == len([one for one in checks() if one.id.startswith("guard.")])
    # Once for what is read, once for the guards: the account's scope, which rests on the policy, stands between.
    assert said.count("Not looked at: it rests on “The test account can be read”.") == 2


def test_the_document_explains_every_check():
    paper = (settings_of_site.BASE_DIR / "docs/doctor.md").read_text()
    families = {"permission.NAME", "guard.CODE"}
    explained = set(re.findall(r"`((?:[a-z]+)\.(?:[a-z_]+|NAME|CODE))`", paper)) - families

    own = {one.id for one in checks() if not re.match(r"guard\.|permission\.(?!too_wide)", one.id)}
    assert {name for name in own if name not in explained} == set()
    assert all(f"`{family}`" in paper for family in families)


# --- The page -----------------------------------------------------------------------------------------------------


def test_the_page_looks_when_the_button_is_pressed_and_not_before(well, browser_of, tenant):
    ada = browser_of("ada")
    tenant.tenant.requests.clear()

    page = ada.get("/admin/doctor/", {"account": NOOR})
    assert page.status_code == 200
    assert not tenant.tenant.requests
    assert "Look now" in page.content.decode()

    answer = ada.post("/admin/doctor/", {"account": NOOR}).content.decode()
    assert "Nothing is wrong" in answer
    assert answer.count('data-state="ok"') == len(checks())
    assert tenant.tenant.requests


def test_the_page_says_what_is_wrong_in_words_and_by_shape(well, browser_of):
    well.tenant.policy["state"] = "disabled"

    answer = browser_of("ada").post("/admin/doctor/").content.decode()

    row = " ".join(re.search(r'<tr data-state="wrong".*?</tr>', answer, re.DOTALL)[0].split())
    assert '<span aria-hidden="true">✗</span> wrong' in row
    assert "What to do:</strong> Enable it" in row
    assert answer.count('data-state="wrong"') == 1


def test_the_page_speaks_the_readers_language_and_the_command_english(well, browser_of):
    well.tenant.policy["state"] = "disabled"
    Mail.objects.update(sent_at=datetime(2026, 3, 5, 9, 0, tzinfo=UTC))

    page = browser_of("ada").post("/admin/doctor/", headers={"Accept-Language": "nl"}).content.decode()
    with translation.override("nl"):
        report = json.loads(run("--json")[1])["checks"]

    found = {one["id"]: (one["title"], one["state"], one["detail"]) for one in report}
    title, off = "The tenant's pass policy is on", "It is disabled: Entra refuses every pass."
    assert found["policy.on"] == (title, "wrong", off)
    assert "on 05 March 2026, 09:00 UTC" in found["mail.right"][2]
    assert "Het passenbeleid van de tenant staat aan" in page and "Er is 1 ding fout" in page
    assert "Het is uitgeschakeld: Entra weigert elke pas." in page and "5 maart 2026, 09:00 UTC" in page
    assert not [one["title"] for one in report if escape(one["title"]) in page]
    rows = re.findall(r'<tr data-state="(\w+)" id="([\w.-]+)">', page)
    assert rows == [(one["state"], one["id"]) for one in report]


def test_why_there_is_no_token_is_english_in_the_log_and_in_the_readers_language_on_the_page(
    well, browser_of
):
    well.settings.AZURE_CLIENT_ID = "11111111-2222-4333-8444-555555555555"
    forget_everything_cached()

    page = browser_of("ada").post("/admin/doctor/", headers={"Accept-Language": "nl"}).content.decode()
    with translation.override("nl"), pytest.raises(GraphError) as error:
        graph.client().prepare()

    assert "Microsoft Entra gaf geen token (beheerde identiteit)" in page
    assert "Microsoft Entra gave the managed identity no token" in str(error.value)


def test_what_was_typed_comes_back_as_text(well, browser_of):
    answer = browser_of("ada").post("/admin/doctor/", {"account": '"><script>alert(1)</script>'})

    assert "<script>alert" not in answer.content.decode()


@pytest.mark.parametrize("key", ["audrey", "hanna", "maria", "outsider"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_only_admins_may_open_it(well, browser_of, tenant, key, method):
    visitor = browser_of(key)
    tenant.tenant.requests.clear()

    assert getattr(visitor, method)("/admin/doctor/").status_code == 403
    assert not tenant.tenant.requests


def test_nobody_presses_the_button_for_an_admin(well, browser_of, tenant):
    ada = Client(enforce_csrf_checks=True)
    ada.cookies = browser_of("ada").cookies
    tenant.tenant.requests.clear()

    assert ada.post("/admin/doctor/").status_code == 403
    assert not tenant.tenant.requests


def test_the_index_of_the_administration_leads_admins_to_it(well, browser_of):
    link = 'href="/admin/doctor/"'

    assert link in browser_of("ada").get("/admin/").content.decode()
    assert link not in browser_of("audrey").get("/admin/").content.decode()


@pytest.fixture(autouse=True)
def _nothing_waits(settings: Any) -> Iterator[None]:
    settings.GRAPH_BUDGET_CALLS, settings.GRAPH_BUDGET_SECONDS = 5, 10
    yield


def test_what_is_unknown_or_left_out_is_not_wrong():
    from onboarding.doctor.frame import Told

    def told(state: Any) -> Told:
        return Told("one", "One", state, "")

    assert all_is_well((told("ok"), told("unknown"), told("skipped")))
    assert not all_is_well((told("ok"), told("wrong")))
    assert PolicyVersion.objects.exists()
