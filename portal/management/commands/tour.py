"""`manage.py tour`: walks through the main job over HTTP, with a tick and the evidence for each step."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.running import Running, running, wait_for
from portal.supervisor import manage
from portal.visitor import Visitor, shown_pass

ACCOUNT = "noor.devries@contoso.example"


class Command(BaseCommand):
    help = "Run the main job by itself against the running code, on ports and data of its own."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError(
                "AZURE_TENANT_ID names a real tenant; the tour walks through the pretend one only."
            )
        try:
            with running() as demo:
                self.walk(Tour(demo))
        except (RuntimeError, TimeoutError) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write("The whole first day works.")

    def walk(self, tour: Tour) -> None:
        for number, step in enumerate(tour.steps(), 1):
            name = (step.__doc__ or "").strip().rstrip(".")
            try:
                evidence = step()
            except Exception as error:
                self.stdout.write(self.style.ERROR(f"✗ {number:2}. {name}"))
                raise CommandError(f"The tour ends here: {type(error).__name__}: {error}") from None
            self.stdout.write(f"{self.style.SUCCESS('✓')} {number:2}. {name:<58} {evidence}")


class Tour:
    """The first day, in order. Each step returns its evidence or raises."""

    def __init__(self, demo: Running) -> None:
        self.demo, self.portal_url, self.sandbox_url = demo, demo.portal_url, demo.sandbox_url
        self.hr, self.manager, self.starter = (Visitor(demo.portal_url) for _ in range(3))
        self.starter_page = self.link = self.code = ""

    def steps(self) -> tuple[Callable[[], str], ...]:
        return (
            self.recorded, self.mailed, self.stranger_sees_nothing, self.signed_in, self.nothing_yet, self.issued,
            self.receipt, self.second_look, self.not_kept, self.used, self.registered, self.removed, self.audited,
        )  # fmt: skip

    def recorded(self) -> str:
        """HR signs in, looks the account up and records the starter"""
        self.hr.sign_in("hanna", "/hr/new/")
        today = datetime.now(ZoneInfo(settings.TIME_ZONE))
        form = self.hr.form_with("account", "start_date")
        typed: dict[str, str] = {
            "account": ACCOUNT,
            "start_date": f"{today:%Y-%m-%d}",
            "start_time": f"{today:%H:%M}",
            "time_zone": settings.TIME_ZONE,
        }
        self.hr.send(form, **typed, step="look")
        must("Maria" in self.hr.text, f"the directory's manager is not shown: {self.hr.text[:1500]}")
        self.hr.send(self.hr.form_with("account", "start_date"), step="save")
        must("is recorded" in self.hr.text, self.hr.text[:300])
        self.starter_page = self.hr.page.url
        return urlsplit(self.starter_page).path

    def mailed(self) -> str:
        """The manager is mailed a link; the mail names nobody's account"""
        mail = wait_for(lambda: self._mail_to("maria"), "a mail to the manager")
        found = [word for word in mail["text"].split() if word.startswith(f"{self.portal_url}/starters/")]
        must(bool(found) and ACCOUNT not in mail["text"], "the mail is not as it should be")
        self.link = found[0]
        return f"“{mail['subject']}”"

    def _mail_to(self, alias: str) -> Any:
        mails = requests.get(f"{self.sandbox_url}/_control/mail", timeout=10).json()
        return next((mail for mail in mails if any(alias in to for to in mail["recipients"])), None)

    def stranger_sees_nothing(self) -> str:
        """Somebody else opens the link: the same 404 as for a starter that does not exist"""
        stranger = Visitor(self.portal_url)
        stranger.sign_in("tom", urlsplit(self.link).path)
        theirs = stranger.page
        nobody = stranger.get("/starters/AAAAAAAAAAAAAAAAAAAAAA/")
        must(theirs.status_code == nobody.status_code == 404, "not a 404")
        must(len(theirs.content) == len(nobody.content), "the two answers differ")
        return f"404, {len(theirs.content)} bytes each"

    def signed_in(self) -> str:
        """The manager follows the link, signs in, and sees who starts"""
        self.manager.sign_in("maria", urlsplit(self.link).path)
        must(
            self.manager.page.status_code == 200 and "Noor de Vries" in self.manager.text,
            self.manager.text[:300],
        )
        return f"{len(self.manager.page.content):,} bytes"

    def nothing_yet(self) -> str:
        """Up to here no pass exists anywhere"""
        must(not self._passes(), "there is a pass before anybody confirmed")
        return "0 passes in the tenant"

    def _passes(self) -> list[Any]:
        state = requests.get(f"{self.sandbox_url}/_control/state", timeout=10).json()
        return [one for one in state["passes"] if one["person"] == "noor"]

    def issued(self) -> str:
        """The manager confirms; one pass is made and shown in this very answer"""
        wait_for(self._known, "the worker to read what must be known about the account")
        form = self.manager.form_with("identity_check", "version")
        began = time.monotonic()
        self.manager.send(form, identity_check="in_person")
        took = time.monotonic() - began
        self.code = shown_pass(self.manager.page.text)
        must(len(self.code) >= 8, self.manager.text[:400])
        must(len(self._passes()) == 1, "not exactly one pass in the tenant")
        must("no-store" in self.manager.page.headers["Cache-Control"], "the answer may be stored")
        return f"{len(self.code)} characters, {took * 1000:.0f} ms from button to page"

    def _known(self) -> bool:
        asked = requests.get(f"{self.sandbox_url}/_control/requests", timeout=10).json()
        return any("signInActivity" in str(one) for one in asked)

    def receipt(self) -> str:
        """The page says that it shows the pass"""
        address = self.manager.form_to("/receipt/")
        answer = self.manager.http.post(
            f"{self.portal_url}{address.action}",
            data=address.fields,
            headers={"Origin": self.portal_url},
            timeout=10,
        )
        must(answer.status_code == 204, f"status {answer.status_code}")
        return "204"

    def second_look(self) -> str:
        """A second look, a reload and a second press show no pass, and make none"""
        self.manager.get(urlsplit(self.link).path)
        must(
            self.code not in self.manager.page.text and "handed over" in self.manager.text,
            "the second look is wrong",
        )
        must(len(self._passes()) == 1, "a second pass was made")
        return "“The pass was handed over”"

    def not_kept(self) -> str:
        """The pass stands nowhere in the portal's data"""
        files = [
            file for file in self.demo.folder.rglob("*") if file.is_file() and file.name != "sandbox.json"
        ]
        must(any(file.suffix == ".sqlite3" for file in files), "no database was searched")
        found = [file.name for file in files if self.code.encode() in file.read_bytes()]
        must(not found, f"found in {found}")
        return f"{len(files)} files searched"

    def used(self) -> str:
        """The starter signs in with it, once"""
        self.starter.portal_url = self.sandbox_url
        self.starter.post(f"{self.sandbox_url}/mysignins", {"account": ACCOUNT, "pass": self.code})
        must(self.starter.page.status_code == 200, self.starter.text[:300])
        again = Visitor(self.sandbox_url).post(
            f"{self.sandbox_url}/mysignins", {"account": ACCOUNT, "pass": self.code}
        )
        must(again.status_code == 403, "it was accepted twice")
        return "accepted once, refused the second time"

    def registered(self) -> str:
        """They register a passkey, and the portal notices"""
        self.starter.post(f"{self.sandbox_url}/mysignins/register", {"name": "Noor's phone"})

        def noticed() -> bool:
            self.hr.get(urlsplit(self.starter_page).path)
            return "set up their own way of signing in" in self.hr.text

        wait_for(noticed, "the portal to notice the passkey")
        return "the record says so"

    def removed(self) -> str:
        """The pass is gone from the account"""
        wait_for(lambda: not self._passes(), "the pass to be removed")

        def told() -> bool:  # the portal writes it down a moment after Microsoft has done it
            self.manager.get(urlsplit(self.link).path)
            return "can sign in" in self.manager.text

        wait_for(told, "the manager's page to say so")
        return "0 passes in the tenant"

    def audited(self) -> str:
        """The audit trail is whole"""
        done = subprocess.run(
            manage("verify_audit"), capture_output=True, text=True, check=False, env=self.demo.environment
        )
        must(done.returncode == 0, done.stderr)
        return done.stdout.strip()[:70]


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
