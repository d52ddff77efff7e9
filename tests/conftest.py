"""The cast, the sandbox tenant, and the small steps that many tests take."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from onboarding import clock, graph, guards, jobs, policy
from onboarding.audit import triggers
from onboarding.lifecycle import StarterState
from onboarding.models import (
    AuditHead,
    GraphBudget,
    Installation,
    Job,
    Mail,
    PassIssue,
    PolicyVersion,
    Starter,
)
from onboarding.models.policy_settings import SETTING_NAMES
from onboarding.operations import installation
from onboarding.passes import handover
from onboarding.passes.confirmation import Confirmation, Shown
from onboarding.passes.receipt import confirm_receipt
from onboarding.restored import place, use
from onboarding.starters import invitations, recording
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from onboarding.starters.errors import LinkNotSent
from onboarding.starters.rescheduling import Schedule
from onboarding.transitions import move_starter
from onboarding.worker import starter_checks
from portal import identity
from portal.demo.process import free_port
from portal.limits.points import failures, sign_ins_begun
from portal.models import User
from portal.sandbox.people import CAST
from portal.sandbox.server import Sandbox
from tests.site import template_variables
from tests.support import plan
from tests.support.databases import IS_POSTGRESQL, KIND
from tests.support.mail_server import AnsweringController, Peer

# Skips that depend on the kind of database.
collect_ignore = ["faults/test_disk_full.py" if IS_POSTGRESQL else "faults/test_postgresql_lost.py"]

BY_KEY = {person.key: person for person in CAST}
ZONE = "Europe/Amsterdam"


# --- Nothing is skipped where everything can be installed ------------------------------------------------------


def refuse_to_skip(report: Any) -> Any:
    """Count a skipped test as failed if ALLOW_NO_SKIP=1, which `.ci/run` sets."""
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


# --- Each test on the database it depends on ------------------------------------------------------------------------


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Do not import a file whose tests all run on the other database."""
    is_file = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    if is_file and plan.is_left_out(collection_path, KIND) and not plan.has_other_tests(collection_path):
        return True
    return None


def leave_to_the_other_database(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave(
        config,
        items,
        {
            item
            for item in items
            if plan.is_left_out(item.path, KIND, name_of(item))
            and not item.get_closest_marker("both_databases")
        },
    )


def name_of(item: pytest.Item) -> str:
    """The name of a test without its parameters."""
    return item.originalname if isinstance(item, pytest.Function) else item.name


def leave(config: pytest.Config, items: list[pytest.Item], left: set[pytest.Item]) -> None:
    if left:
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=list(left))


# --- Of long tables a part, always the same -------------------------------------------------------------------------


def leave_to_the_long_run(config: pytest.Config, items: list[pytest.Item]) -> None:
    tests: dict[tuple[Path, str], list[Any]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            tests.setdefault((item.path, item.originalname), []).append(item)
    left = {item for item in items if plan.is_left_to_test_all(item.path, name_of(item))}
    for (path, name), cases in tests.items():
        if (every := plan.sampled(path, name)) > 1:
            on_both = plan.only_database_of(path) is None or cases[0].get_closest_marker("both_databases")
            first = every // 2 if IS_POSTGRESQL and on_both else 0
            taken = plan.spread([case.callspec.indices for case in cases], every, first)
            left |= {case for case, is_taken in zip(cases, taken, strict=True) if not is_taken}
    leave(config, items, left)


# --- Two browsers --------------------------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let one process run a manager's browser tests and one all others: each starts a site, Chromium and a checker."""
    from xdist.scheduler import LoadFileScheduling  # not installed everywhere

    class TwoBrowsers(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            if not file.startswith("tests/browser/"):
                return file
            return "tests/browser/manager" if file.startswith("tests/browser/manager/") else "tests/browser"

    return TwoBrowsers(config, log) if config.getvalue("dist") == "loadfile" else None


# --- Who waits longest begins first -------------------------------------------------------------------------------

LONG = (
    "exact_kills",
    "one_winner",
    "canary.py",
    "canary_memory",
    "who_may_what",
    "test_serve",
    "test_6_",
    "every_status",
    "browser",
    "fault_rows",
    "disk_full",
    "postgresql_lost",
    "restart",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start long files first. If one came last, the other processes of the run would be idle."""
    leave_to_the_other_database(config, items)
    leave_to_the_long_run(config, items)
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONG))


# --- What stays for good is not looked at again and again ----------------------------------------------------------


def pytest_collection_finish() -> None:
    """Exclude modules and collected tests from garbage collection: scanning them took a tenth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture
def no_collection_at_full_depth() -> Iterator[None]:
    """For JSON nested beyond Python's limit. A finalizer that ran at that depth would also hit the limit."""
    gc.disable()
    yield
    gc.enable()


# --- Nothing leaves this machine ------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Fail a test that opens a connection to another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


# --- Templates get what they ask for ------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="session")
def watched_templates() -> None:
    template_variables.watch()


@pytest.fixture(autouse=True)
def templates_get_what_they_ask_for(watched_templates: None) -> Iterator[None]:
    """Fail a test whose template uses an undefined variable. Django would show nothing."""
    template_variables.watch_texts()
    yield
    # List a variable that a page does not need in OPTIONAL there.
    assert template_variables.take_missing() == []


# --- Database -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Create the folder of the test database, which is a file: a fresh clone does not have it."""
    django_settings.VAR_DIR.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Drop the triggers that forbid deletion: they would block the clean-up between tests. Other tests test them."""
    with django_db_blocker.unblock():
        triggers.remove_triggers(connection)
    yield
    place.label_file().unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def first_rows(request: pytest.FixtureRequest) -> None:
    """A test with real commits ends with empty tables: restore the rows that the migrations create."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None and not {"db", "transactional_db"} & set(request.fixturenames):
        return
    commits = "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction"))
    request.getfixturevalue("transactional_db" if commits else "db")
    policy.clear_version_cache()
    AuditHead.objects.get_or_create(id=1)
    GraphBudget.objects.get_or_create(id=1)
    tenant_id, address = installation.configured_owner()
    Installation.objects.get_or_create(id=1, defaults={"tenant_id": tenant_id, "address": address})
    if not PolicyVersion.objects.exists():
        PolicyVersion.objects.create(reason="The defaults")


@pytest.fixture(autouse=True)
def travelling_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use Python's clock instead of PostgreSQL's, which time travel does not move. One test reads PostgreSQL's."""
    if connection.vendor == "postgresql" and not request.node.get_closest_marker("database_clock"):
        monkeypatch.setattr(clock, "now", timezone.now)


@pytest.fixture(autouse=True)
def no_restored_copy(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has another audit log in the same place. tests/restored asks."""
    settings.LAST_HEAD_FILE = ""
    monkeypatch.setattr(use._Known, "cause", None)
    monkeypatch.setattr(use._Known, "until", float("inf"))


@pytest.fixture(autouse=True)
def no_points_used() -> None:
    """All tests visit from one address."""
    failures.clear()
    sign_ins_begun.clear()


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = (
        True  # a fresh clone has no collected static files
    )


# --- The sandbox tenant -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(port=0) as sandbox:
        yield sandbox


def forget_everything_cached() -> None:
    identity.forget_workload_identity()
    graph.forget_client()


@pytest.fixture
def loses_patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], None]:
    """Set a short timeout for the next use of one method of the Graph client. All other calls keep the normal timeout."""

    def once(call: str, seconds: float) -> None:
        real = getattr(graph.Graph, call)

        def hasty(self: graph.Graph, *args: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(graph.Graph, call, real)
            self.ensure_token()
            transport = self.transport
            patient, transport._timeout = transport._timeout, (transport._timeout[0], seconds)
            try:
                return real(self, *args, **kwargs)
            finally:
                transport._timeout = patient

        monkeypatch.setattr(graph.Graph, call, hasty)

    return once


@pytest.fixture
def tenant(running_sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox tenant in its initial state, reached over real HTTP with the portal's own settings."""
    running_sandbox.reset()
    settings.SANDBOX_URL = settings.GRAPH_URL = running_sandbox.url
    settings.EMAIL_BACKEND = "onboarding.graph.mail.GraphMailBackend"
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", running_sandbox.url)
    forget_everything_cached()
    yield running_sandbox
    forget_everything_cached()


@pytest.fixture
def fault(tenant: Sandbox) -> Callable[..., None]:
    """Order a fault of the tenant for calls about passes, unless `path` names others."""
    return lambda **entry: tenant.tenant.faults.add({"path": "temporaryAccessPassMethods", **entry})


def live_passes(tenant: Sandbox, key: str = "noor") -> list[Any]:
    """The passes of one person that work now."""
    found = [pass_ for pass_ in tenant.tenant.passes if pass_.person == key and not pass_.ended]
    return [pass_ for pass_ in found if tenant.tenant.unusable_because(pass_) is None]


def creations(tenant: Sandbox) -> list[Any]:
    """The POSTs that asked for a pass."""
    asked = tenant.tenant.requests
    return [
        request
        for request in asked
        if request["method"] == "POST" and request["path"].endswith("/temporaryAccessPassMethods")
    ]


# --- People -------------------------------------------------------------------------------------------------------


@pytest.fixture
def person(db: None) -> Callable[[str], User]:
    """The portal's user for a person of the demo cast, as after a sign-in."""

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
        user.signed_in_at = timezone.now()  # as in a session that has just begun
        return user

    return known


@pytest.fixture
def browser_of(person: Callable[[str], User]) -> Callable[..., Client]:
    """A browser in which a person signed in `ago` before now."""

    def signed_in(key: str, *, ago: timedelta = timedelta(seconds=5)) -> Client:
        client = Client()
        client.force_login(person(key))
        session = client.session
        session["auth_time"] = int((timezone.now() - ago).timestamp())
        session["signed_in_at"] = int(timezone.now().timestamp())
        # Entra confirms the person all day. tests/signin/test_silent_sign_in.py has the check itself.
        session["checked_at"] = session["signed_in_at"] + 24 * 3600
        session.save()
        return client

    return signed_in


# --- Starters -------------------------------------------------------------------------------------------------------


@pytest.fixture
def worker_alive(db: None) -> None:
    jobs.record_heartbeat("a worker")


@pytest.fixture
def record(person: Callable[[str], User], tenant: Sandbox) -> Callable[..., Starter]:
    """Add a person of the demo cast as a starter, as HR does, to start `starts_in` from now."""

    def recorded(key: str = "noor", *, by: str = "hanna", starts_in: timedelta = timedelta(0)) -> Starter:
        account, manager = graph.client().look_up(BY_KEY[key].object_id)
        start = datetime.now(ZoneInfo(ZONE)) + starts_in
        return recording.record_starter(
            entry=AccountEntry(account.user_principal_name, FoundAccount(account, manager)),
            schedule=Schedule(start.date(), start.time().replace(second=0, microsecond=0), ZONE),
            by=person(by),
        )

    return recorded


@pytest.fixture
def invite(record: Callable[..., Starter], worker_alive: None) -> Callable[..., Starter]:
    """Add a starter and send the link, so that the manager can create a pass."""

    def invited(key: str = "noor", **how: Any) -> Starter:
        starter = record(key, **how)
        try:
            invitations.send_link(starter=starter, by=starter.recorded_by)
        except LinkNotSent:  # the problem of the account began after the link was sent
            sent = Starter.objects.get(pk=starter.pk)
            changes = {"invited_at": clock.now(), "problem": "", "refused_for": []}
            move_starter(sent, StarterState.INVITED, event="starter.invited", changes=changes)
        starter_checks.check_starter(str(starter.pk))  # the worker reads the facts that the guards need
        return Starter.objects.select_related("recorded_by").get(pk=starter.pk)

    return invited


@pytest.fixture
def adopt(person: Callable[[str], User]) -> Callable[[PolicyVersion], PolicyVersion]:
    """Put a policy version in force. Ada writes it; if it loosens a rule, Amir activates it. No mail about it is left."""

    def adopted(version: PolicyVersion) -> PolicyVersion:
        if not policy.add_version(version, by=person("ada")):
            policy.activate_version(version.number, by=person("amir"))
        mails = Mail.objects.filter(kind__in=("policy_changed", "policy_draft"))
        Job.objects.filter(key__in=[f"mail:{mail.pk}" for mail in mails]).delete()
        mails.delete()
        return version

    return adopted


@pytest.fixture
def policy_says(adopt: Callable[[PolicyVersion], PolicyVersion]) -> Callable[..., PolicyVersion]:
    """Activate a policy version with these changes."""

    def said(**otherwise: Any) -> PolicyVersion:
        now = policy.for_site()
        rules = {name: getattr(now, name) for name in SETTING_NAMES} | otherwise
        adopt(PolicyVersion(**rules, reason="A test"))
        return policy.for_site()

    return said


@pytest.fixture
def every_guard_on(policy_says: Callable[..., PolicyVersion]) -> None:
    """The policy turns on each guard that is off by default."""
    named = {guard.setting for guard in guards.GUARDS if guard.setting}
    off = {name for name in named if getattr(policy.for_site(), name) is False}
    if off:
        policy_says(**dict.fromkeys(off, True))


@pytest.fixture
def managers_may_change(policy_says: Callable[..., PolicyVersion]) -> None:
    """A new manager in the directory needs no approval of HR."""
    policy_says(same_manager=False)


@pytest.fixture
def confirmation(person: Callable[[str], User]) -> Callable[..., Confirmation]:
    """The input of a manager's click: freshly signed in, on a current page."""

    def said(starter: Starter, *, by: str = "maria", **differently: Any) -> Confirmation:
        starter = Starter.objects.get(pk=starter.pk)
        values: dict[str, Any] = {
            "starter": starter,
            "person": person(by),
            "signed_in_at": clock.now(),
            "identity_check": "in_person",
            "starter_version": starter.version,
            "policy_key": policy.for_site().number,
        }
        return Confirmation(**values | differently)

    return said


@pytest.fixture
def shown(invite: Callable[..., Starter], confirmation: Callable[..., Confirmation]) -> Callable[..., Shown]:
    """A pass that was just shown."""

    def made(key: str = "noor", **how: Any) -> Shown:
        outcome = handover.confirm(confirmation(invite(key, **how)))
        assert isinstance(outcome, Shown), outcome
        return outcome

    return made


@pytest.fixture
def held(shown: Callable[..., Shown]) -> Callable[..., PassIssue]:
    """A pass that is on the manager's screen."""

    def acknowledged(key: str = "noor", **how: Any) -> PassIssue:
        issue = shown(key, **how).issue
        assert confirm_receipt(issue, by=issue.actor)
        return issue

    return acknowledged


@pytest.fixture
def peer(tenant: Any, settings: Any) -> Iterator[Peer]:
    """A real mail server on this machine, to which the portal sends by SMTP."""
    handler = Peer()
    controller = AnsweringController(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", controller.port, False
    yield handler
    controller.stop()


@pytest.fixture
def run_jobs() -> Callable[[], int]:
    """Run every job that is due; with `ahead`, at that much later a time."""
    from onboarding.management.commands import worker  # noqa: F401  (registers every handler)

    def run(ahead: timedelta = timedelta(0), most: int = 200) -> int:
        with time_machine.travel(timezone.now() + ahead) if ahead else nullcontext():
            for count in range(most):
                job = jobs.claim_job(clock.now())
                if job is None:
                    return count
                jobs.run_job(job)
        raise AssertionError("the jobs do not end")

    return run


@pytest.fixture
def time_passes(run_jobs: Callable[[], int]) -> Iterator[Callable[[timedelta], None]]:
    """Let time pass everywhere, and run each job when it is due."""
    with time_machine.travel(timezone.now()) as traveller:

        def passes(span: timedelta) -> None:
            until = timezone.now() + span
            while True:
                jobs.record_heartbeat("a worker")
                run_jobs()
                waiting = jobs.Job.objects.filter(done_at=None, failed_at=None)
                # A job that a killed worker had claimed waits until its lock ends.
                due = [max(job.due_at, job.locked_until or job.due_at) for job in waiting]
                if not due or min(due) > until:
                    break
                traveller.move_to(max(min(due), timezone.now()) + timedelta(milliseconds=1))
            traveller.move_to(until)
            jobs.record_heartbeat("a worker")

        yield passes
