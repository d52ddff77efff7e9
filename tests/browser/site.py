"""The running demo, seen through its control interface."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import requests
from django.contrib.sessions.backends.db import SessionStore
from django.test import override_settings

from portal.demo.process import RunningDemo, wait_for
from portal.demo.visitor import Visitor
from tests.support.databases import Database

ZONE = "Europe/Amsterdam"
FIRST = (
    "Robin", "Sam", "Kim", "Lou", "Alex", "Charlie", "Noa", "Max", "Toni", "Luca",
    "Mika", "Nico", "Dani", "Jude", "Quinn", "Eden", "Kai", "Remy", "Sasha", "Yael",
)  # fmt: skip
LAST = (
    "Adler", "Bakker", "Costa", "Dubois", "Eriksen", "Farah", "Garcia", "Horvat", "Ivanov", "Jansen",
)  # fmt: skip
# More names than all browser tests use together. Neighbours share no word, so that a search finds one starter only.
NAMES = iter([(LAST[i % 10], FIRST[(i + i // 10) % 20]) for i in range(len(LAST) * len(FIRST))])


@dataclass(frozen=True)
class Starter:
    """A starter whose manager, Maria, was sent the link."""

    key: str
    name: str
    account: str
    path: str
    hr_path: str


class Site:
    def __init__(self, demo: RunningDemo, database: Database) -> None:
        self.url, self.tenant, self.environment = demo.portal_url, demo.sandbox_url, demo.environment
        self.database = database
        self.key = (demo.folder / "secret-key").read_text().strip()
        self.next: Starter | None = None
        self.hr = Visitor(self.url)
        self.hr.sign_in("hanna", "/hr/new/")

    # --- Sessions -----------------------------------------------------------------------------------------------

    def move_sessions_back(self, minutes: float) -> None:
        """Let every session look so much older: begun, checked and used so many minutes earlier than it was."""
        with override_settings(SECRET_KEY=self.key):
            for key, data in self.database.rows("SELECT session_key, session_data FROM django_session"):
                session = SessionStore().decode(data)
                for name in {"signed_in_at", "checked_at", "auth_time"} & set(session):
                    session[name] -= int(minutes * 60)
                self.database.write(
                    "UPDATE django_session SET session_data = %s WHERE session_key = %s",
                    SessionStore().encode(session),
                    key,
                )

    # --- The sandbox tenant -------------------------------------------------------------------------------------

    def change(self, **wanted: Any) -> Any:
        answer = requests.post(f"{self.tenant}/_control/change", json=wanted, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, **fault: Any) -> None:
        assert requests.post(f"{self.tenant}/_control/faults", json=fault, timeout=60).ok

    def seen(self, what: str) -> Any:
        return requests.get(f"{self.tenant}/_control/{what}", timeout=60).json()

    def passes(self, starter: Starter) -> list[Any]:
        """The passes on the starter's account now."""
        return [pass_ for pass_ in self.seen("state")["passes"] if pass_["person"] == starter.key]

    def passes_made(self, starter: Starter) -> int:
        """How many passes were created for the starter, ended ones included."""
        state = self.seen("state")
        every = [*state["passes"], *state["past_passes"]]
        return sum(pass_["person"] == starter.key for pass_ in every)

    # --- People -------------------------------------------------------------------------------------------------

    def newcomer(self) -> tuple[str, str, str]:
        """Add a person to the directory. Returns their key, name and account name."""
        last, first = next(NAMES)
        key, account = f"{first}-{last}".lower(), f"{first}.{last}@contoso.example".lower()
        self.change(add=[{"key": key, "name": f"{first} {last}"}])
        return key, f"{first} {last}", account

    def starter(self, **differently: Any) -> Starter:
        """Add a starter whose manager has the link and whose account the worker has read."""
        if differently:
            ready = self._recorded(**differently)
        else:  # always one ahead, so that no test waits for the worker
            ready, self.next = self.next or self._recorded(), self._recorded()
        wait_for(lambda: self._is_looked_at(ready), "the worker to look at the account")
        return ready

    def _recorded(self, *, display_name: str = "", starts_in: timedelta = timedelta(0)) -> Starter:
        key, name, account = self.newcomer()
        if display_name:
            self.change(person=key, set={"displayName": display_name})
        start = datetime.now(ZoneInfo(ZONE)) + starts_in
        typed = {
            "account": account,
            "start_date": f"{start:%Y-%m-%d}",
            "start_time": f"{start:%H:%M}",
            "time_zone": ZONE,
        }
        self.hr.get("/hr/new/")
        self.hr.send(self.hr.form_with("account", "start_date"), **typed, step="look")
        self.hr.send(self.hr.form_with("account", "start_date"), step="save")
        hr_path = urlsplit(self.hr.page.url).path
        assert hr_path != "/hr/new/", self.hr.text
        if "Send the link now" in self.hr.text:  # or the worker sent it first
            self.hr.send(self.hr.form_to("/send/"))
        assert "Send the link again" in self.hr.text, self.hr.text
        return Starter(key, display_name or name, account, hr_path.replace("/hr/", "/starters/"), hr_path)

    def _is_looked_at(self, starter: Starter) -> bool:
        """Whether the worker has read the guards' facts. No page shows this."""
        query = "SELECT sign_in_looked_at FROM onboarding_starter WHERE public_id = %s"
        return self.database.one(query, starter.path.split("/")[2]) is not None

    def told_to_hr(self, starter: Starter) -> str:
        """The text of the starter's page for HR."""
        self.hr.get(starter.hr_path)
        return self.hr.text
