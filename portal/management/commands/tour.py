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

from portal.demo.process import RunningDemo, running_demo, wait_for
from portal.demo.visitor import Visitor, shown_pass
from portal.supervisor import manage_command

ACCOUNT = "noor.devries@contoso.example"


class Command(BaseCommand):
    help = "Run the main job automatically, on its own ports and with its own data."
    done = "The whole first day works."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError("AZURE_TENANT_ID is a real tenant. The tour uses only the sandbox tenant.")
        try:
            with running_demo() as demo:
                self.run_steps(self.make_tour(demo))
        except (RuntimeError, TimeoutError) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(self.done)

    def make_tour(self, demo: RunningDemo) -> Tour:
        return Tour(demo)

    def run_steps(self, tour: Tour) -> None:
        for number, step in enumerate(tour.steps(), 1):
            name = (step.__doc__ or "").strip().rstrip(".")
            try:
                evidence = step()
            except Exception as error:
                self.stdout.write(self.style.ERROR(f"✗ {number:2}. {name}"))
                raise CommandError(f"The tour failed: {type(error).__name__}: {error}") from None
            self.stdout.write(f"{self.style.SUCCESS('✓')} {number:2}. {name:<58} {evidence}")


class Tour:
    """The first day, in order. Each step returns its evidence or raises."""

    def __init__(self, demo: RunningDemo) -> None:
        self.demo, self.portal_url, self.sandbox_url = demo, demo.portal_url, demo.sandbox_url
        self.hr, self.manager, self.starter = (Visitor(demo.portal_url) for _ in range(3))
        self.starter_page = self.link = self.code = ""

    def steps(self) -> tuple[Callable[[], str], ...]:
        return (
            self.add_starter,
            self.receive_mail,
            self.open_as_stranger,
            self.open_as_manager,
            self.find_no_pass,
            self.create_pass,
            self.send_receipt,
            self.open_page_again,
            self.search_data_for_pass,
            self.use_pass,
            self.register_passkey,
            self.wait_for_removal,
            self.verify_audit,
        )

    def add_starter(self) -> str:
        """HR signs in, looks up the account and adds the starter"""
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
        require("Maria" in self.hr.text, f"the manager from Entra is not shown: {self.hr.text[:1500]}")
        self.hr.send(self.hr.form_with("account", "start_date"), step="save")
        require("was added" in self.hr.text, self.hr.text[:300])
        self.starter_page = self.hr.page.url
        return urlsplit(self.starter_page).path

    def receive_mail(self) -> str:
        """The manager gets an email with a link and no account name"""
        mail = wait_for(lambda: self._mail_to("maria"), "the email to the manager")
        found = [word for word in mail["text"].split() if word.startswith(f"{self.portal_url}/starters/")]
        require(bool(found) and ACCOUNT not in mail["text"], "the email is not as it should be")
        self.link = found[0]
        return f"“{mail['subject']}”"

    def _mail_to(self, alias: str) -> Any:
        mails = requests.get(f"{self.sandbox_url}/_control/mail", timeout=10).json()
        return next((mail for mail in mails if any(alias in to for to in mail["recipients"])), None)

    def open_as_stranger(self) -> str:
        """Another person opens the link and gets the usual 404"""
        stranger = Visitor(self.portal_url)
        stranger.sign_in("tom", urlsplit(self.link).path)
        theirs = stranger.page
        nobody = stranger.get("/starters/AAAAAAAAAAAAAAAAAAAAAA/")
        require(theirs.status_code == nobody.status_code == 404, "not a 404")
        require(len(theirs.content) == len(nobody.content), "the two answers differ")
        return f"404, {len(theirs.content)} bytes each"

    def open_as_manager(self) -> str:
        """The manager opens the link, signs in and sees the starter"""
        self.manager.sign_in("maria", urlsplit(self.link).path)
        require(
            self.manager.page.status_code == 200 and "Noor de Vries" in self.manager.text,
            self.manager.text[:300],
        )
        return f"{len(self.manager.page.content):,} bytes"

    def find_no_pass(self) -> str:
        """No pass exists yet"""
        require(not self._existing_passes(), "there is a pass before the manager confirmed")
        return "0 passes in the tenant"

    def _existing_passes(self) -> list[Any]:
        state = requests.get(f"{self.sandbox_url}/_control/state", timeout=10).json()
        return [found for found in state["passes"] if found["person"] == "noor"]

    def create_pass(self) -> str:
        """The manager confirms; one pass is created and shown at once"""
        wait_for(self._is_sign_in_activity_read, "the worker to read what must be known about the account")
        form = self.manager.form_with("identity_check", "version")
        began = time.monotonic()
        self.manager.send(form, identity_check="in_person")
        took = time.monotonic() - began
        self.code = shown_pass(self.manager.page.text)
        require(len(self.code) >= 8, self.manager.text[:400])
        require(len(self._existing_passes()) == 1, "not exactly one pass in the tenant")
        require("no-store" in self.manager.page.headers["Cache-Control"], "the answer may be stored")
        return f"{len(self.code)} characters, {took * 1000:.0f} ms from button to page"

    def _is_sign_in_activity_read(self) -> bool:
        asked = requests.get(f"{self.sandbox_url}/_control/requests", timeout=10).json()
        return any("signInActivity" in str(request) for request in asked)

    def send_receipt(self) -> str:
        """The page reports that it shows the pass"""
        address = self.manager.form_to("/receipt/")
        answer = self.manager.http.post(
            f"{self.portal_url}{address.action}",
            data=address.fields,
            headers={"Origin": self.portal_url},
            timeout=10,
        )
        require(answer.status_code == 204, f"status {answer.status_code}")
        return "204"

    def open_page_again(self) -> str:
        """Opening the page again shows no pass and creates none"""
        self.manager.get(urlsplit(self.link).path)
        require(
            self.code not in self.manager.page.text and "handed over" in self.manager.text,
            "the second look is wrong",
        )
        require(len(self._existing_passes()) == 1, "a second pass was made")
        return "“The pass was handed over”"

    def search_data_for_pass(self) -> str:
        """The portal's data does not contain the pass"""
        files = [
            file for file in self.demo.folder.rglob("*") if file.is_file() and file.name != "sandbox.json"
        ]
        require(any(file.suffix == ".sqlite3" for file in files), "no database was searched")
        found = [file.name for file in files if self.code.encode() in file.read_bytes()]
        require(not found, f"found in {found}")
        return f"{len(files)} files searched"

    def use_pass(self) -> str:
        """The starter signs in with the pass, once"""
        self.starter.portal_url = self.sandbox_url
        self.starter.post(f"{self.sandbox_url}/mysignins", {"account": ACCOUNT, "pass": self.code})
        require(self.starter.page.status_code == 200, self.starter.text[:300])
        again = Visitor(self.sandbox_url).post(
            f"{self.sandbox_url}/mysignins", {"account": ACCOUNT, "pass": self.code}
        )
        require(again.status_code == 403, "it was accepted twice")
        return "accepted once, refused the second time"

    def register_passkey(self) -> str:
        """The starter registers a passkey and the portal notices"""
        self.starter.post(f"{self.sandbox_url}/mysignins/register", {"name": "Noor's phone"})

        def is_registration_noticed() -> bool:
            self.hr.get(urlsplit(self.starter_page).path)
            return "registered a sign-in method" in self.hr.text

        wait_for(is_registration_noticed, "the portal to notice the passkey")
        return "the record says so"

    def wait_for_removal(self) -> str:
        """The pass is gone from the account"""
        wait_for(lambda: not self._existing_passes(), "the pass to be removed")

        def is_shown_as_done() -> bool:  # the portal writes it down a moment after Microsoft has done it
            self.manager.get(urlsplit(self.link).path)
            return "can sign in" in self.manager.text

        wait_for(is_shown_as_done, "the manager's page to say so")
        return "0 passes in the tenant"

    def verify_audit(self) -> str:
        """The audit chain is unchanged"""
        done = subprocess.run(
            manage_command("verify_audit"),
            capture_output=True,
            text=True,
            check=False,
            env=self.demo.environment,
        )
        require(done.returncode == 0, done.stderr)
        return done.stdout.strip()[:70]


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
