"""Access rules: every kind of visitor gets the answer of the table at every route with every method."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from onboarding import graph, guards, policy
from onboarding.imports import uploads
from onboarding.models import (
    AuditEvent,
    DirectoryFinding,
    Heartbeat,
    Hook,
    HookDelivery,
    Job,
    Mail,
    PassIssue,
    PolicyVersion,
    Starter,
    StarterImport,
)
from onboarding.models.policy_settings import SETTING_NAMES
from onboarding.operations import health
from onboarding.starters import accounts, recording, withdrawal
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.rescheduling import Schedule
from portal.demo.visitor import shown_pass
from portal.limits import points
from portal.models import User
from portal.sandbox.people import Person
from portal.sandbox.server import Sandbox
from tests.conftest import BY_KEY
from tests.faults.canary import shapes
from tests.site.who_may_what import (
    ENDED,
    EVERY_ASK,
    MANAGERS,
    OURS,
    PLACES,
    POST,
    RULES,
    TO_CHECK,
    TO_SIGN_IN,
    UNCHECKED,
    UNKNOWN,
    VALID,
    VISITORS,
    Ask,
    Place,
    Route,
    Verdict,
    Visitor,
    asks,
    expected_verdict,
    places,
    routes,
)
from tests.support import plan

pytestmark = pytest.mark.django_db

KEY, TOKEN = "k" * 32, "t" * 32
PROOF = ("_auth_user_id", "auth_time", "signed_in_at")  # the session's user and its times
# No table may change, Django's own included, except for these known side effects of a GET:
SESSIONS = "django_session"  # a form token, the idle limit, a message, the end; never a proof of sign-in
JOBS = "onboarding_job"  # a manager's page view that finds something new requests a check by the worker


# --- A day at the office ------------------------------------------------------------------------------------------


@dataclass
class World:
    """Starters for every relation to the visitors, a pass, and a row in every admin table."""

    tenant: Sandbox
    starters: dict[str, Starter]
    issue: PassIssue
    rows: dict[str, Any]
    codes: list[str]  # every pass that was created in this test
    policy: PolicyVersion

    def address(self, place: Place) -> str:
        there, names = place.names != UNKNOWN, place.names
        values: dict[str, Any] = {}
        match place.route.parameters:
            case ("public_id",):
                values["public_id"] = self.starters[names].public_id if there else "A" * 22
            case ("public_id", "issue_id"):
                values["public_id"] = self.starters[names.split("'")[0]].public_id if there else "A" * 22
                values["issue_id"] = self.issue.pk if names in {"liam", "noor"} else uuid4()
            case ("object_id",):
                values["object_id"] = self.rows[table_of(place)] if there else 999_999
            case ("content_type_id", "object_id"):
                values["content_type_id"] = ContentType.objects.get_for_model(Starter).pk
                values["object_id"] = self.starters["noor"].pk if there else 999_999
            case ("app_label",):
                values["app_label"] = names if there else "auth"
            case ("source", "number"):
                values |= {"source": "servicenow", "number": "RITM0000001" if there else "RITM9999999"}
            case (("hook_id" | "import_id") as name,):
                values[name] = self.rows[name] if there else "A" * 22
            case ("day",):
                values["day"] = "2026-12-01" if there else "2026-02-31"
            case ("url",):
                values["url"] = names if there else "nowhere/"
        return place.route.address(values)

    def form(self, place: Place) -> str:
        """A form with a valid value for every field of any page, so that only the access rules can refuse it."""
        starter = self.starters.get(place.names, self.starters["noor"])
        ben = BY_KEY["ben"]
        settings = {name: getattr(self.policy, name) for name in SETTING_NAMES}
        fields = {name: value for name, value in settings.items() if value is not None and value is not False} | {
            "department": "Finance", "identity_checks": "in_person",
            "identity_check": "in_person", "version": starter.version, "policy": self.policy.number,
            "step": "save", "account": ben.user_principal_name, "seen": ben.object_id, "found": starter.account_id,
            "start_date": f"{timezone.localdate():%Y-%m-%d}", "start_time": "10:30", "time_zone": "UTC", "note": "A note",
            "reason": "A reason", "lifetime_minutes": 30, "opens_minutes_before": 60, "closes_days_after": 3,
            "invite_days_before": 2, "attempts": 2, "sign_in_minutes": 4, "post": "yes", "index": 0,
            "opened_on": policy.newest_version_number(),
            "action": "start_again", "_selected_action": self.rows["onboarding/job"], "name": "Another name",
            "username": "ada", "password": "password", "next": "/", "starter": starter.public_id,
            "accounts": ben.user_principal_name, "take": f"{ben.object_id}:",
        }  # fmt: skip
        return urlencode(fields)


def imported_list(*, by: User) -> StarterImport:
    """A list with one row that was checked."""
    stored = uploads.store_file(data=b"Account;Start date\nnoor@contoso.example;soon", file_name="", by=by)
    choices = uploads.Choices(["account", "start_date"], "", time(9), "UTC")
    stored.phase, stored.choices = StarterImport.Phase.CHECKED, choices.as_json()
    stored.save()
    return stored


def table_of(place: Place) -> str:
    """The table of an admin page for one row, for example `portal/user`."""
    _, app, model, *_ = "".join(str(part) for part in place.route.parts).split("/")
    return f"{app}/{model}"


@pytest.fixture
def world(tenant, invite, shown, person, settings, monkeypatch) -> World:
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000  # the queue is empty
    codes: list[str] = []
    monkeypatch.setattr(tenant.tenant, "witness", codes)
    tenant.tenant.accounts["moved"].manager = "maria"
    issue = shown("liam").issue
    starters = {key: invite(key) for key in MANAGERS if key not in {"liam", "late"}}
    starters |= {"liam": issue.starter, "late": record_without_account(BY_KEY["late"], by=person("hanna"))}
    withdrawal.withdraw_starter(starter=starters["emma"], by=person("hanna"), reason="A reason")
    tenant.tenant.accounts["moved"].manager = "tom"
    accept_current_manager(starters["moved"], by=person("hanna"))
    Job.objects.update(failed_at=timezone.now())
    legal = PolicyVersion(department="legal", overrides=["attempts"], attempts=1, reason="One must do")
    policy.add_version(legal, by=person("ada"))
    hook = Hook.objects.create(source="servicenow", application_id="a", host="hooks.contoso.example")
    sent = HookDelivery.objects.create(
        hook=hook, starter=starters["noor"], message_id="msg_1", give_up_at=timezone.now()
    )
    rows = {
        "hook_id": hook.public_id,
        "import_id": imported_list(by=person("hanna")).public_id,
        "onboarding/hook": hook.pk,
        "onboarding/hookdelivery": sent.pk,
        "portal/user": person("maria").pk,
        "onboarding/policyversion": PolicyVersion.objects.get(department="").pk,
        "onboarding/departmentpolicy": PolicyVersion.objects.get(department="legal").pk,
        "onboarding/starter": starters["noor"].pk,
        "onboarding/passissue": issue.pk,
        "onboarding/auditevent": AuditEvent.objects.first().pk,
        "onboarding/mail": Mail.objects.first().pk,
        "onboarding/directoryfinding": DirectoryFinding.objects.create(
            key="a",
            kind="no_trail",
            at=timezone.now(),
            found_at=timezone.now(),
            event=AuditEvent.objects.first().pk,
        ).pk,
        "onboarding/heartbeat": Heartbeat.objects.first().pk,
        "onboarding/job": Job.objects.first().pk,
    }
    fresh = {key: Starter.objects.get(pk=starter.pk) for key, starter in starters.items()}
    return World(tenant, fresh, issue, rows, codes, policy.for_site())


def accept_current_manager(starter: Starter, *, by: User) -> None:
    """HR accepts the starter's current manager."""
    account, manager = graph.client().look_up(starter.account_id)
    accounts.accept_directory_changes(
        starter=starter, expected=guards.identity_snapshot(account, manager), by=by
    )


def record_without_account(who: Person, *, by: User) -> Starter:
    now = timezone.localtime()
    schedule = Schedule(now.date(), now.time(), settings.TIME_ZONE)
    return recording.record_starter(entry=AccountEntry(who.user_principal_name), schedule=schedule, by=by)


# --- Sitting at a browser -----------------------------------------------------------------------------------------


class Browser:
    """One visitor's browser. Each request starts with the visitor's original session."""

    def __init__(self, visitor: Visitor, user: User | None) -> None:
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.session = Session(session_key=KEY, expire_date=timezone.now() + timedelta(minutes=30))
        self.held = session_data(visitor, user)
        self.session.session_data = Session.get_session_store_class()().encode(self.held)
        if visitor.session == "unused":
            self.session.expire_date = timezone.now() - timedelta(seconds=1)
        self.is_touched = True

    def restore_session(self) -> None:
        """Restore the original session if the last request changed it."""
        if self.is_touched:
            fields = ["session_data", "expire_date"]
            Session.objects.bulk_create(
                [self.session], update_conflicts=True, unique_fields=["session_key"], update_fields=fields
            )

    def ask(self, ask: Ask, address: str, form: str) -> HttpResponse:
        self.client.cookies.clear()
        self.client.cookies[settings.SESSION_COOKIE_NAME] = KEY
        headers = {"X-CSRFToken": TOKEN} if ask.has_token else {}
        body, query = ("" if ask.is_safe else form), (form if ask.in_address else "")
        kind = "application/x-www-form-urlencoded"
        answer = self.client.generic(ask.method, address, body, kind, headers=headers, QUERY_STRING=query)
        session = getattr(answer.wsgi_request, "session", None)
        self.is_touched = session is None or session.modified or session.session_key != KEY
        return answer

    def has_same_session(self, answer: HttpResponse) -> bool:
        """Whether the session has the same user and times, or has ended."""
        session = getattr(answer.wsgi_request, "session", {})
        left = {name: session.get(name) for name in PROOF}
        return not any(left.values()) or left == {name: self.held.get(name) for name in PROOF}


def session_data(visitor: Visitor, user: User | None) -> dict[str, Any]:
    """The data of the visitor's session."""
    now = timezone.now()
    session: dict[str, Any] = {"_csrftoken": TOKEN}
    if user is not None:
        began = now - (settings.SESSION_ABSOLUTE_AGE if visitor.session == "old" else visitor.signed_in_ago)
        session |= {
            "_auth_user_id": "0" if visitor.session == "unknown" else str(user.pk),
            "_auth_user_backend": settings.AUTHENTICATION_BACKENDS[0],
            "_auth_user_hash": "0" * 64 if visitor.session == "foreign" else user.get_session_auth_hash(),
            "auth_time": epoch_seconds(now - visitor.signed_in_ago),
            # By Entra: see tests/signin/test_silent_sign_in.py.
            "checked_at": epoch_seconds(now - timedelta(minutes=6 if visitor.session == UNCHECKED else 0)),
        }
        session |= {} if visitor.session == "undated" else {"signed_in_at": epoch_seconds(began)}
    return session


def epoch_seconds(moment: datetime) -> int:
    return int(moment.timestamp())


# --- Looking at what changed -----------------------------------------------------------------------------------


def rows_of(tables: list[str]) -> dict[str, list[Any]]:
    with connection.cursor() as cursor:
        return {table: dump_table(cursor, table) for table in tables}


def dump_table(cursor: Any, table: str) -> list[Any]:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")  # noqa: S608
    return list(cursor.fetchall())


class Watch:
    """The rows of every table, the state of the sandbox tenant, and the write requests to Microsoft."""

    def __init__(self, world: World) -> None:
        self.tenant = world.tenant.tenant
        self.tables = sorted(set(connection.introspection.table_names()) - {SESSIONS})
        self.before = self.now()

    def now(self) -> dict[str, Any]:
        tenant = {
            "passes": [(pass_.id, pass_.used, pass_.ended) for pass_ in self.tenant.passes],
            "mails": len(self.tenant.mails),
            "acts": [request["path"] for request in self.tenant.requests if is_write(request)],
            "other sessions": list(Session.objects.exclude(session_key=KEY).values_list("session_key")),
        }
        return rows_of(self.tables) | tenant

    def changes(self) -> list[str]:
        """What changed since the last call."""
        before, self.before = self.before, self.now()
        return [name for name in before if before[name] != self.before[name]]


def is_write(asked: dict[str, Any]) -> bool:
    """Whether this request can change something. Reads of Graph are GETs, alone or in a `$batch`."""
    about_graph = asked["path"].startswith("/v1.0/") and not asked["path"].endswith("/$batch")
    return about_graph and asked["method"] != "GET"


@contextmanager
def rolled_back(world: World) -> Iterator[None]:
    """Roll back everything that happens inside the block."""
    passes, asked = list(world.tenant.tenant.passes), world.tenant.tenant.requests.copy()
    ended = [(pass_, pass_.ended) for pass_ in passes]
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    world.tenant.tenant.passes, world.tenant.tenant.requests = passes, asked
    for pass_, how in ended:
        pass_.ended = how


# --- Judging answers -------------------------------------------------------------------------------------------


def status_of(answer: HttpResponse) -> str:
    to_sign_in = answer.status_code == 302 and answer["Location"].startswith("/signin/?next=")
    if answer.status_code == 302 and answer["Location"].startswith("/signin/check/?next="):
        return TO_CHECK
    return TO_SIGN_IN if to_sign_in else str(answer.status_code)


CHANGING = re.compile(r"""'nonce-[^']+'|nonce="[^"]+"|name="csrfmiddlewaretoken" value="[^"]+\"""")


def fingerprint(answer: HttpResponse, address: str) -> tuple[Any, ...]:
    """The exact answer, without values that differ at each request and without its own address."""

    def plain(text: str) -> str:
        return CHANGING.sub("", text.replace(address, "…").replace(quote(address, safe=""), "…"))

    # The id of the request is new each time.
    named = ((name, value) for name, value in answer.headers.items() if name != "X-Request-ID")
    headers = sorted((name, plain(value)) for name, value in named)
    cookies = sorted(answer.cookies)
    return answer.status_code, plain(body_of(answer)), headers, cookies


def body_of(answer: HttpResponse) -> str:
    """The text of an answer. The export of the audit log is streamed, and is read once."""
    if answer.streaming and not hasattr(answer, "read_body"):
        answer.read_body = answer.getvalue()
    return (answer.read_body if answer.streaming else answer.content).decode()


written = cache(shapes)


def is_confirmation(place: Place, ask: Ask, right: Verdict) -> bool:
    """Whether this is the one request whose answer shows a pass."""
    return place.route.name == "managers:starter" and ask == POST and right.answers == {"200"}


class Walk:
    """Sends every request of one visitor to every route, and records differences from the table."""

    def __init__(self, world: World, visitor: Visitor, user: User | None) -> None:
        self.world, self.visitor = world, visitor
        self.roles = list(user.roles) if user else []
        self.browser, self.watch = Browser(visitor, user), Watch(world)
        self.faults: list[str] = []
        self.asked = 0
        self.refusals: dict[tuple[str, Ask], tuple[Any, ...]] = {}
        self.forms: dict[Place, str] = {}

    def try_route(self, route: Route) -> None:
        """Send the requests that may change nothing, and check that. Then send each action, and undo it."""
        tried = [
            (place, ask, expected_verdict(self.visitor, self.roles, place, ask))
            for place in places()
            if place.route == route
            for ask in asks(self.visitor, place)
        ]
        for place, ask, right in tried:
            if not right.may_change:
                self.try_request(place, ask, right)
        self.note_changes(route)
        for place, ask, right in tried:
            if right.may_change:
                with rolled_back(self.world):
                    self.try_request(place, ask, right)

    def note_changes(self, route: Route) -> None:
        left_behind = {JOBS} if route.name == "managers:starter" else set()
        changed = [name for name in self.watch.changes() if name not in left_behind]
        self.faults += [f"{route.name}: a look or a refused act changed {name}" for name in changed]

    def form(self, place: Place) -> str:
        """The form for a place, written once: it can only change if a refused request changed something."""
        if place not in self.forms:
            self.forms[place] = self.world.form(place)
        return self.forms[place]

    def try_request(self, place: Place, ask: Ask, right: Verdict) -> None:
        address, made_before = self.world.address(place), len(self.world.codes)
        self.browser.restore_session()
        form = "" if ask.is_safe and not ask.in_address else self.form(place)
        answer = self.browser.ask(ask, address, form)
        self.asked += 1
        said = status_of(answer)
        if said not in right.answers:
            self.record_difference(place, ask, f"{said}, and not {' or '.join(sorted(right.answers))}")
        if not self.browser.has_same_session(answer):
            self.record_difference(place, ask, "a fresher proof in the session")
        made = self.world.codes[made_before:]
        if len(made) != is_confirmation(place, ask, right):
            self.record_difference(place, ask, f"{len(made)} passes made")
        if shown_pass(body_of(answer)) != "".join(made) or (not made and self.contains_pass(answer)):
            self.record_difference(place, ask, "a pass in the answer, or none where it belongs")
        if right.is_denied and not self.is_alike(place, ask, fingerprint(answer, address)):
            self.record_difference(place, ask, "refused in another way than at another address")

    def contains_pass(self, answer: HttpResponse) -> bool:
        page = body_of(answer)
        return any(shape in page for code in self.world.codes for shape in written(code))

    def is_alike(self, place: Place, ask: Ask, told: tuple[Any, ...]) -> bool:
        return self.refusals.setdefault((place.route.name, ask), told) == told

    def record_difference(self, place: Place, ask: Ask, what: str) -> None:
        self.faults.append(f"{place}: {ask}: {what}")


# --- The promises ----------------------------------------------------------------------------------------------


def test_every_route_has_an_expectation_and_every_expectation_a_route():
    names = Counter(route.name for route in routes())

    assert [f"no expectation for route {name}" for name in names if name not in RULES] == []
    assert [
        f"nothing to put into route {route.name}" for route in routes() if route.parameters not in PLACES
    ] == []
    assert [f"no route for expectation {name}" for name in RULES if name not in names] == []
    assert [name for name, count in names.items() if count > 1] == []


def test_every_tested_address_resolves_to_its_route(world):
    missed = [str(place) for place in places() if resolve(world.address(place)).func is not place.route.view]

    assert missed == []


def test_the_matrix_leaves_nothing_out():
    requests = len(VISITORS) * requests_of_one()
    figure = f"{len(routes())} routes ({len(places())} addresses) x {len(VISITORS)} people x {len(EVERY_ASK)} ways to ask"

    sys.stdout.write(f"{figure} = {requests} requests\n")
    assert {place.route for place in places()} == set(routes())
    assert {role for who in VISITORS if who.key for role in BY_KEY[who.key].app_roles} == {
        "HR",
        "Admin",
        "Auditor",
    }
    assert requests > 17_000


def requests_of_one() -> int:
    return sum(len(place.asks) for place in places())


def test_quick_part_tries_valid_and_ended_sessions(monkeypatch):
    monkeypatch.setattr(plan, "EACH_ONCE", True)

    for place in places():
        least = len(VALID) // 6 if place.route.name in OURS else 1
        for ask in place.asks:
            assert sum(ask in asks(visitor, place) for visitor in VALID) >= least, (place, ask)
            assert sum(ask in asks(visitor, place) for visitor in ENDED) == 1, (place, ask)
    monkeypatch.setattr(plan, "EACH_ONCE", False)
    assert {asks(visitor, place) == place.asks for visitor in VISITORS for place in places()} == {True}


@pytest.mark.parametrize("visitor", VISITORS, ids=lambda visitor: visitor.who)
def test_visitors_get_exactly_what_the_table_allows(world, person, visitor, monkeypatch):
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # thousands of refusals
    monkeypatch.setattr(health.DatabaseProbe, "timeout", 0.05)  # this test does not check the answer
    monkeypatch.setattr(points, "MOST_POINTS", 1_000_000)  # strangers ask more often than one address may
    walk = Walk(world, visitor, person(visitor.key) if visitor.key else None)

    for route in routes():
        walk.try_route(route)

    assert walk.asked == sum(len(asks(visitor, place)) for place in places())
    assert not walk.faults, "\n".join(walk.faults)
