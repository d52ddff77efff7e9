"""The cast, the pretend tenant, and the small steps that many tests take."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from onboarding import audit_triggers, clock, graph, handover, installation, jobs, policy, routine, services
from onboarding.lifecycle import StarterState
from onboarding.models import AuditHead, GraphBudget, Installation, PassIssue, PolicyVersion, Starter
from onboarding.models.rules import SETTINGS
from onboarding.moves import move_starter
from portal import identity
from portal.models import User
from portal.running import free_port
from portal.sandbox.people import CAST
from portal.sandbox.server import Sandbox
from tests.databases import IS_POSTGRESQL
from tests.mail_server import Peer

# What can happen to one kind of database only.
collect_ignore = ["test_disk_full.py" if IS_POSTGRESQL else "test_postgresql_lost.py"]

BY_KEY = {person.key: person for person in CAST}
ZONE = "Europe/Amsterdam"


# --- Nothing is skipped where everything can be installed ------------------------------------------------------


def refuse_to_skip(report: Any) -> Any:
    """With ALLOW_NO_SKIP=1, as `.ci/run` sets it, what was skipped has failed."""
    if os.environ.get("ALLOW_NO_SKIP") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{why} (and ALLOW_NO_SKIP=1 allows no skip)"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    return refuse_to_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    return refuse_to_skip((yield))


# --- Who waits longest begins first -------------------------------------------------------------------------------

LONG = (
    "exact_kills",
    "one_winner",
    "canary.py",
    "canary_memory",
    "who_may_what",
    "test_serve",
    "test_6_",
    "browser",
    "fault_rows",
    "disk_full",
    "postgresql_lost",
    "restart",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files are given to the processes of a run in this order; a long one at the end would keep one alone at work."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONG))


# --- Nothing leaves this machine ------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """A test that reached for the network would be a test of the network."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


# --- Database -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """The test database is a file; its folder is not in a fresh clone."""
    django_settings.VAR_DIR.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The triggers that forbid deletion would stop the clean-up between tests; they have tests of their own."""
    with django_db_blocker.unblock():
        audit_triggers.remove(connection)


@pytest.fixture(autouse=True)
def first_rows(request: pytest.FixtureRequest) -> None:
    """A test that commits for real ends with empty tables: put back what the migrations bring."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None and not {"db", "transactional_db"} & set(request.fixturenames):
        return
    commits = "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction"))
    request.getfixturevalue("transactional_db" if commits else "db")
    policy.forget()
    AuditHead.objects.get_or_create(id=1)
    GraphBudget.objects.get_or_create(id=1)
    tenant_id, address = installation.described()
    Installation.objects.get_or_create(id=1, defaults={"tenant_id": tenant_id, "address": address})
    if not PolicyVersion.objects.exists():
        PolicyVersion.objects.create(reason="The defaults")


@pytest.fixture(autouse=True)
def travelling_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests travel in Python's time; PostgreSQL's clock would stay behind. One test asks it itself."""
    if connection.vendor == "postgresql" and not request.node.get_closest_marker("database_clock"):
        monkeypatch.setattr(clock, "now", timezone.now)


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = (
        True  # a fresh clone has collected none
    )


# --- The pretend tenant -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(port=0) as sandbox:
        yield sandbox


def forget_everything_cached() -> None:
    identity.forget_workload_identity()
    graph.forget_client()


@pytest.fixture
def loses_patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], None]:
    """Wait only so many seconds for the next answer to this call of Graph's; all else has the time it needs."""

    def once(call: str, seconds: float) -> None:
        real = getattr(graph.Graph, call)

        def hasty(self: graph.Graph, *args: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(graph.Graph, call, real)
            self.prepare()
            transport = self._transport
            patient, transport._timeout = transport._timeout, (transport._timeout[0], seconds)
            try:
                return real(self, *args, **kwargs)
            finally:
                transport._timeout = patient

        monkeypatch.setattr(graph.Graph, call, hasty)

    return once


@pytest.fixture
def tenant(running_sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The tenant as it was at the start, reached over real HTTP through the portal's own settings."""
    running_sandbox.reset()
    settings.SANDBOX_URL = settings.GRAPH_URL = running_sandbox.url
    settings.EMAIL_BACKEND = "onboarding.graph.mail.GraphMailBackend"
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", running_sandbox.url)
    forget_everything_cached()
    yield running_sandbox
    forget_everything_cached()


@pytest.fixture
def fault(tenant: Sandbox) -> Callable[..., None]:
    """Let the tenant do something else than asked: with passes, unless `path` says with what."""
    return lambda **entry: tenant.tenant.faults.add({"path": "temporaryAccessPassMethods", **entry})


def live_passes(tenant: Sandbox, key: str = "noor") -> list[Any]:
    """The passes of one person that would open their account now."""
    found = [one for one in tenant.tenant.passes if one.person == key and not one.ended]
    return [one for one in found if tenant.tenant.unusable_because(one) is None]


def creations(tenant: Sandbox) -> list[Any]:
    """The POSTs that asked for a pass."""
    asked = tenant.tenant.requests
    return [
        one
        for one in asked
        if one["method"] == "POST" and one["path"].endswith("/temporaryAccessPassMethods")
    ]


# --- People -------------------------------------------------------------------------------------------------------


@pytest.fixture
def person(db: None) -> Callable[[str], User]:
    """Somebody of the cast as the portal knows them after a sign-in."""

    def known(key: str) -> User:
        who = BY_KEY[key]
        user, _ = User.objects.get_or_create(
            tid=django_settings.TENANT_ID,
            oid=who.object_id,
            defaults={
                "name": who.name,
                "user_principal_name": who.user_principal_name,
                "roles": list(who.app_roles),
            },
        )
        return user

    return known


@pytest.fixture
def browser_of(person: Callable[[str], User]) -> Callable[..., Client]:
    """A browser in which somebody signed in `ago` before now."""

    def signed_in(key: str, *, ago: timedelta = timedelta(seconds=5)) -> Client:
        client = Client()
        client.force_login(person(key))
        session = client.session
        session["auth_time"] = int((timezone.now() - ago).timestamp())
        session["signed_in_at"] = int(timezone.now().timestamp())
        session.save()
        return client

    return signed_in


# --- Starters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def worker_alive(db: None) -> None:
    jobs.beat("a worker")


@pytest.fixture
def record(person: Callable[[str], User], tenant: Sandbox) -> Callable[..., Starter]:
    """Record somebody of the cast, as HR would, to start `starts_in` from now."""

    def recorded(key: str = "noor", *, by: str = "hanna", starts_in: timedelta = timedelta(0)) -> Starter:
        account, manager = graph.client().look_up(BY_KEY[key].object_id)
        start = datetime.now(ZoneInfo(ZONE)) + starts_in
        return services.record_starter(
            account_name=account.user_principal_name,
            account=account,
            manager=manager,
            start_date=start.date(),
            start_time=start.time().replace(second=0, microsecond=0),
            time_zone=ZONE,
            note="",
            by=person(by),
        )

    return recorded


@pytest.fixture
def invite(record: Callable[..., Starter], worker_alive: None) -> Callable[..., Starter]:
    """Record somebody and send the link: everything is ready for the manager."""

    def invited(key: str = "noor", **how: Any) -> Starter:
        starter = record(key, **how)
        try:
            services.send_link(starter=starter, by=starter.recorded_by)
        except services.CannotInvite:  # what is wrong with the account came after the link was sent
            sent = Starter.objects.get(pk=starter.pk)
            changes = {"invited_at": clock.now(), "problem": "", "refused_for": []}
            move_starter(sent, StarterState.INVITED, event="starter.invited", changes=changes)
        routine.look(str(starter.pk))  # the worker reads what must be known before a pass
        return Starter.objects.select_related("recorded_by").get(pk=starter.pk)

    return invited


@pytest.fixture
def policy_says(person: Callable[[str], User]) -> Callable[..., PolicyVersion]:
    """Put a version in force that says these things otherwise."""

    def said(**otherwise: Any) -> PolicyVersion:
        now = policy.in_force()
        rules = {name: getattr(now, name) for name in SETTINGS} | otherwise
        policy.add_version(PolicyVersion(**rules, reason="A test"), by=person("ada"))
        return policy.in_force()

    return said


@pytest.fixture
def managers_may_change(policy_says: Callable[..., PolicyVersion]) -> None:
    """HR need not look again when the directory names another manager."""
    policy_says(same_manager=False)


@pytest.fixture
def confirmation(person: Callable[[str], User]) -> Callable[..., handover.Confirmation]:
    """What a manager's form brings, freshly signed in and having seen the present state."""

    def said(starter: Starter, *, by: str = "maria", **differently: Any) -> handover.Confirmation:
        starter = Starter.objects.get(pk=starter.pk)
        values: dict[str, Any] = {
            "starter": starter,
            "person": person(by),
            "signed_in_at": clock.now(),
            "identity_check": "in_person",
            "starter_version": starter.version,
            "policy_key": policy.in_force().number,
        }
        return handover.Confirmation(**values | differently)

    return said


@pytest.fixture
def shown(
    invite: Callable[..., Starter], confirmation: Callable[..., handover.Confirmation]
) -> Callable[..., handover.Shown]:
    """A pass that was just shown."""

    def made(key: str = "noor", **how: Any) -> handover.Shown:
        outcome = handover.confirm(confirmation(invite(key, **how)))
        assert isinstance(outcome, handover.Shown), outcome
        return outcome

    return made


@pytest.fixture
def held(shown: Callable[..., handover.Shown]) -> Callable[..., PassIssue]:
    """A pass that is on the manager's screen."""

    def acknowledged(key: str = "noor", **how: Any) -> PassIssue:
        issue = shown(key, **how).issue
        assert handover.receipt(issue, by=issue.actor)
        return issue

    return acknowledged


@pytest.fixture
def peer(tenant: Any, settings: Any) -> Iterator[Peer]:
    """A real mail server on this machine, to which the portal sends by SMTP."""
    handler = Peer()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", controller.port, False
    yield handler
    controller.stop()


@pytest.fixture
def hurry() -> Callable[[], int]:
    """Let a worker do everything that is due; with `ahead`, after so much time has gone by everywhere."""
    from onboarding import post, reconciler, routine  # noqa: F401  (names the handlers)

    def done(ahead: timedelta = timedelta(0), most: int = 200) -> int:
        with time_machine.travel(timezone.now() + ahead) if ahead else nullcontext():
            for count in range(most):
                job = jobs.claim(clock.now())
                if job is None:
                    return count
                jobs.work(job)
        raise AssertionError("the jobs never end")

    return done


@pytest.fixture
def time_passes(hurry: Callable[[], int]) -> Iterator[Callable[[timedelta], None]]:
    """Let time go by everywhere, with a worker that does each job when its moment comes."""
    with time_machine.travel(timezone.now()) as traveller:

        def passes(span: timedelta) -> None:
            until = timezone.now() + span
            while True:
                jobs.beat("a worker")
                hurry()
                waiting = jobs.Job.objects.filter(done_at=None, failed_at=None).order_by("due_at").first()
                if waiting is None or waiting.due_at > until:
                    break
                traveller.move_to(max(waiting.due_at, timezone.now()) + timedelta(milliseconds=1))
            traveller.move_to(until)
            jobs.beat("a worker")

        yield passes
