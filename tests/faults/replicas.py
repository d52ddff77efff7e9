"""The portal as shipped, in processes of its own, with a sandbox tenant in this process.

The tests that use it click, kill and stop from outside. Nothing of the portal is replaced.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import requests
from django.conf import settings

from portal.demo.process import free_port, is_up, raise_daily_limits, wait_for
from portal.demo.visitor import Visitor, shown_pass
from portal.sandbox.caller import command_of
from portal.sandbox.server import Sandbox
from portal.supervisor import manage_command
from tests.support.databases import Database, fresh_database, give_static_files

ZONE = "Europe/Amsterdam"
# Deadlines of a few seconds, so that a test sees how a fault ends.
QUICK = {
    "PASS_LEASE_SECONDS": "3",
    "PASS_RECEIPT_SECONDS": "4",
    "PASS_QUARANTINE_SECONDS": "1",
    "GRAPH_READ_TIMEOUT_SECONDS": "2",
    "WORKER_LOCK_SECONDS": "3",
    "GRAPH_BUDGET_CALLS": "1000",
    "GRAPH_SIGN_IN_CALLS": "1000",
}
RECEIPT = re.compile(r'data-receipt-url="([^"]+)"')


@dataclass(frozen=True)
class Starter:
    """A starter whose manager has the link, and whose account the worker has read."""

    key: str
    name: str
    account_id: str
    public_id: str

    @property
    def page(self) -> str:
        return f"/starters/{self.public_id}/"


class Person(Visitor):
    """A person of the demo cast, who signs in again when the portal asks."""

    def __init__(self, portal_url: str, key: str) -> None:
        super().__init__(portal_url)
        self.key = key
        self.sign_in(key, "/")
        self.signed_in_at = time.monotonic()
        self.token = self.form_to("/signout/").fields["csrfmiddlewaretoken"]

    def get(self, path: str) -> requests.Response:
        """Open a page, and try again if the process has just died, as a person would."""
        for _ in range(5):
            try:
                return super().get(path)
            except requests.ConnectionError:
                time.sleep(0.2)
        return super().get(path)

    def again(self, page: str) -> None:
        self.sign_in(self.key, f"/signin/again/?next={page}")
        self.signed_in_at = time.monotonic()

    def stay_fresh(self, page: str) -> None:
        """Sign in again before the portal asks for it, which it does after five minutes."""
        if time.monotonic() - self.signed_in_at > 200:
            self.again(page)


@dataclass
class Answer:
    """The response to one click: a status, words, and perhaps a pass. `status` is 0 if there was no response."""

    starter: Starter
    status: int
    page: str = ""

    @property
    def code(self) -> str:
        return shown_pass(self.page)

    @property
    def words(self) -> str:
        """The text that a person reads."""
        _, _, main = self.page.rpartition("<main")
        return " ".join(re.sub(r"<[^>]*>", " ", f"<main{main}").split())

    @property
    def receipt_path(self) -> str:
        found = RECEIPT.search(self.page)
        return found[1] if found else ""

    @property
    def issue_id(self) -> str:
        return self.receipt_path.strip("/").split("/")[2] if self.receipt_path else ""


@dataclass
class Portal:
    """One or several replicas of `manage.py serve`, one database, one tenant."""

    tenant: Sandbox
    database: Database
    folder: Path
    environment: dict[str, str]
    urls: list[str]
    replicas: list[subprocess.Popen[bytes]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    count: int = 0
    manager: str = "maria"  # of the starters that are added from now on

    # --- Its processes --------------------------------------------------------------------------------------

    def start(self) -> None:
        """The first prepares the database; the others find it ready."""
        for url in self.urls:
            ready = [] if self.replicas else ["--prepare"]
            address = urlsplit(url).netloc.replace("localhost", "127.0.0.1")
            self.replicas.append(self.launch("serve", "--bind", address, *ready))
            wait_for(lambda: is_up(*self.urls[: len(self.replicas)]), "a replica to start")
            if ready:
                # Managers change at the moment of a click here; HR's approval of that is tested elsewhere.
                raise_daily_limits(self.environment, same_manager=False)
        wait_for(lambda: self.database.one("SELECT count(*) FROM onboarding_heartbeat"), "a worker")

    def launch(self, *words: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                manage_command(*words), env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self) -> None:
        self.tenant.tenant.faults.end_all()  # also continues stopped processes
        for replica in self.replicas:
            replica.send_signal(signal.SIGTERM)
        for replica in self.replicas:
            replica.wait(120)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def processes(self, part: str) -> list[int]:
        """The processes of these replicas whose command line holds `part`; the arbiter of the site is the first."""
        tops = {replica.pid for replica in self.replicas}
        family = {pid for pid, parent in parents().items() if parent in tops}
        family |= {pid for pid, parent in parents().items() if parent in family}
        return sorted(pid for pid in family if part in command_of(pid))

    def serving(self) -> list[int]:
        """The processes that answer requests: the arbiters' children."""
        arbiters = {
            pid for pid in self.processes("gunicorn") if parents().get(pid) in {r.pid for r in self.replicas}
        }
        return [pid for pid in self.processes("gunicorn") if pid not in arbiters]

    # --- People ---------------------------------------------------------------------------------------------

    def person(self, key: str, url: str = "") -> Person:
        """A person of the demo cast with a browser, freshly signed in at the first replica."""
        person = Person(self.urls[0], key)
        person.portal_url = url or self.urls[0]
        return person

    def new_manager(self) -> Person:
        """A manager who created no pass today: policy allows at most a thousand."""
        self.count += 1
        self.manager = f"boss{self.count}"
        self.tenant.tenant.add_starter(self.manager, f"Boss Number{self.count}")
        return self.person(self.manager)

    def starters(self, count: int, manager: str = "") -> list[Starter]:
        """New starters that HR added to start now, with their manager invited."""
        hr, starters = self.person("hanna"), []
        for _ in range(count):
            self.count += 1
            key, name = f"new{self.count}", f"New Starter{self.count}"
            account = self.tenant.tenant.add_starter(key, name, manager or self.manager)
            starters.append(Starter(key, name, account.id, record(hr, account.id)))
        wait_for(lambda: not self._unread(starters), "the worker to read the accounts")
        return starters

    def _unread(self, starters: list[Starter]) -> set[str]:
        rows = self.database.rows("SELECT public_id FROM onboarding_starter WHERE sign_in_looked_at IS NULL")
        return {row[0] for row in rows} & {starter.public_id for starter in starters}

    def click(self, visitor: Person, starter: Starter, *, receipt: bool = False) -> Answer:
        """Open the page and click the button. With `receipt`, the page reports that the pass is on a screen."""
        form = self.form(visitor, starter)
        return self.send(visitor, starter, form, receipt=receipt)

    def form(self, visitor: Person, starter: Starter) -> dict[str, str]:
        visitor.get(starter.page)
        if "First, confirm it is you" in visitor.text:
            visitor.again(starter.page)
        return {**visitor.form_with("identity_check", "version").fields, "identity_check": "in_person"}

    def send(
        self, visitor: Person, starter: Starter, form: dict[str, str], *, receipt: bool = False
    ) -> Answer:
        try:
            page = visitor.post(f"{visitor.portal_url}{starter.page}", form)
            answer = Answer(starter, page.status_code, page.text)
        except requests.RequestException as error:
            answer = Answer(starter, 0, f"no answer: {error!r}")
        self.answers.append(answer)
        if receipt and answer.code:
            self.acknowledge(visitor, answer)
        return answer

    def acknowledge(self, visitor: Person, answer: Answer) -> int:
        token = {"csrfmiddlewaretoken": visitor.form_to("/not-seen/").fields["csrfmiddlewaretoken"]}
        return visitor.post(f"{visitor.portal_url}{answer.receipt_path}", token).status_code

    # --- What is true afterwards ----------------------------------------------------------------------------

    def settle(self, seconds: float = 600) -> None:
        """Wait until the outcome of every unseen pass is known."""
        wait_for(lambda: not self.unsettled(), "every outcome to be known", seconds)

    def unsettled(self) -> list[tuple[str, ...]]:
        return self.database.rows(
            "SELECT s.public_id, i.state FROM onboarding_passissue i JOIN onboarding_starter s ON s.id = i.starter_id"
            " WHERE i.state IN ('issuing', 'unknown', 'shown', 'revoking')"
        )

    def issues(self, starter: Starter) -> list[tuple[str, str]]:
        """State and reason of each pass of a starter, in order."""
        return self.database.rows(
            "SELECT i.state, i.reason FROM onboarding_passissue i JOIN onboarding_starter s ON s.id = i.starter_id"
            " WHERE s.public_id = %s ORDER BY i.number",
            starter.public_id,
        )

    def state(self, starter: Starter) -> str:
        return str(
            self.database.one("SELECT state FROM onboarding_starter WHERE public_id = %s", starter.public_id)
        )

    def live(self) -> list[str]:
        """The ids of the portal's passes that still work."""
        tenant = self.tenant.tenant
        ours = [issued for issued in list(tenant.passes) if issued.client_request_id and not issued.ended]
        return [issued.id for issued in ours if tenant.unusable_because(issued) is None]

    def creations(self) -> list[str]:
        """The client-request-id of each request for a pass."""
        return [
            request["client_request_id"]
            for request in self.tenant.tenant.requests.copy()  # it grows meanwhile
            if request["method"] == "POST" and request["path"].endswith("/temporaryAccessPassMethods")
        ]

    def assert_sound(self) -> None:
        """Checks what must hold after every fault. Every usable pass was acknowledged. Every request for a pass has one
        audited intent, and every page with a pass has one event. Nothing is stuck, and the database is intact. The
        audit chain is checked once, when the portal ends."""
        assert not self.unsettled()
        held = {
            row[0]
            for row in self.database.rows("SELECT method_id FROM onboarding_passissue WHERE state = 'held'")
        }
        assert set(self.live()) <= held, "a pass is alive that nobody saw"
        intended = self._events("issue.intent")
        asked = self.creations()
        assert len(asked) == len(set(asked)), "a request for a pass was repeated"
        assert set(asked) <= set(intended), "a pass was asked for without an intent on record"
        shown = [answer.issue_id for answer in self.answers if answer.code]
        assert len(shown) == len(set(shown)), "a pass was shown twice"
        assert set(shown) <= set(self._events("issue.shown")), "a pass was shown that is not on record"
        wrong = self.database.rows(
            "SELECT s.public_id FROM onboarding_starter s WHERE s.state = 'issued' AND NOT EXISTS"
            " (SELECT 1 FROM onboarding_passissue i WHERE i.starter_id = s.id AND i.state = 'held')"
        )
        assert wrong == [], "a starter is stuck"
        assert self.database.is_whole()

    def assert_unbroken(self) -> None:
        """Verify the audit chain, as an auditor would."""
        chain = subprocess.run(
            manage_command("verify_audit"), env=self.environment, capture_output=True, check=False
        )
        assert chain.returncode == 0, chain.stdout.decode() + chain.stderr.decode()

    def _events(self, event: str) -> list[str]:
        return [
            row[0]
            for row in self.database.rows("SELECT issue FROM onboarding_auditevent WHERE event = %s", event)
        ]

    def complaints(self) -> list[str]:
        """Lines of the log that report an error."""
        return [
            line
            for line in self.log.read_text().splitlines()
            if "Traceback" in line or '"log.level": "error"' in line
        ]


@contextmanager
def portal(
    *, replicas: int = 1, database: Database | None = None, data: Path | None = None, **variables: str
) -> Iterator[Portal]:
    """A portal that runs until the end of the block, with quick deadlines unless `variables` say otherwise.

    It makes a database of its own unless it is given one, and keeps its data in the folder `data` if it is given that.
    """
    (settings.BASE_DIR / "var").mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="replicas-", dir=settings.BASE_DIR / "var"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        data = data or folder
        give_static_files(data)
        if database is None:
            database = stack.enter_context(fresh_database(data))
        tenant = stack.enter_context(Sandbox(port=0))
        urls = [f"http://localhost:{free_port()}" for _ in range(replicas)]
        own = {
            "PORTAL_URL": urls[0],
            "SANDBOX_URL": tenant.url,
            "PORTAL_DATA_DIR": str(data),
            "DATABASE_URL": database.url,
            "SECRET_KEY": secrets.token_urlsafe(60),
            "LOG_LEVEL": "INFO",
        }
        made = Portal(tenant, database, folder, {**os.environ, **QUICK, **own, **variables}, urls)
        stack.callback(made.stop)
        made.start()
        yield made
        made.assert_unbroken()


def record(hr: Visitor, account: str) -> str:
    """HR adds an account to start now and sends the link. Returns the starter's public id."""
    now = datetime.now(ZoneInfo(ZONE))
    hr.get("/hr/new/")
    when = {"start_date": f"{now:%Y-%m-%d}", "start_time": f"{now:%H:%M}", "time_zone": ZONE}
    hr.send(hr.form_with("account", "start_date"), account=account, **when, step="look")
    hr.send(hr.form_with("account", "start_date"), step="save")
    path = urlsplit(hr.page.url).path
    if "Send the link now" in hr.text:  # or the worker was faster
        hr.send(hr.form_to("/send/"))
    assert "Send the link again" in hr.text, hr.text
    return path.strip("/").split("/")[1]


def parents() -> dict[int, int]:
    """The parent of every process of this machine."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it ended meanwhile
    return found
