"""`manage.py ticket_tour`: a ticket's day, from ServiceNow's first request to the webhook that closes the ticket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import requests
from django.conf import settings

from portal.demo.process import RunningDemo, wait_for
from portal.demo.visitor import Visitor
from portal.management.commands import tour
from portal.management.commands.tour import ACCOUNT, Tour, require
from portal.sandbox.api_registration import REPORT_TOOL, SERVICE_NOW, CallingApplication
from portal.sandbox.options import Options
from portal.sandbox.people import BY_KEY

TICKET = "servicenow/RITM0010001"
PARALLEL = 100
EXPECTED = ("recorded", "accepted", "invited", "pass_created", "pass_used", "registered")


class Command(tour.Command):
    help = "Run a ticket's day automatically: another system adds a starter, and follows it until it can sign in."
    done = "A ticket’s whole day works."

    def make_tour(self, demo: RunningDemo) -> Tour:
        return TicketTour(demo)


class TicketTour(Tour):
    """A ticket's day, in order. Each step returns its evidence or raises."""

    def __init__(self, demo: RunningDemo) -> None:
        super().__init__(demo)
        self.token = self.secret = ""
        self.receiver = Receiver()

    def steps(self) -> tuple[Callable[[], str], ...]:
        return (
            self.list_application,
            self.request_token,
            self.subscribe,
            self.send_ticket_in_parallel,
            self.read_obstacles,
            self.find_no_mail,
            self.accept_starter,
            self.receive_mail,
            self.open_as_manager,
            self.create_pass,
            self.send_receipt,
            self.use_pass,
            self.register_passkey,
            self.read_webhooks,
            self.read_final_state,
            self.search_data_for_pass,
            self.verify_audit,
        )

    def list_application(self) -> str:
        """An admin lists ServiceNow and its webhook host in the policy, and another activates the version"""
        admin = Visitor(self.portal_url)
        admin.sign_in("ada", "/admin/onboarding/policyversion/add/")
        form = admin.form_with("reason", "api_applications", "hook_hosts")
        admin.send(
            form,
            reason="ServiceNow adds starters from tickets",
            api_applications=f"{SERVICE_NOW.client_id} servicenow",
            hook_hosts="127.0.0.1",
            identity_checks="in_person",
        )
        require(
            "policyversion/add" not in admin.page.url,
            str(re.findall(r"errorlist.*?</ul>", admin.page.text, re.S)),
        )
        review = re.search(r"/admin/onboarding/policyversion/\d+/agree/", admin.page.text)
        require(review is not None, "the version is no draft, although it loosens a rule")
        second = Visitor(self.portal_url)
        second.sign_in("amir", review.group() if review else "")
        second.send(second.form_to("agree"))
        require("is in force" in second.text, "the second admin did not activate the version")
        return "one admin wrote it, another activated it"

    def request_token(self) -> str:
        """ServiceNow gets a token from Entra; an application without a role gets none"""
        refused = self._request_token(REPORT_TOOL)
        require(refused.status_code == 400, f"a token without a role: {refused.status_code}")
        answer = self._request_token(SERVICE_NOW)
        require(answer.ok, answer.text[:300])
        self.token = answer.json()["access_token"]
        return str(refused.json()["error_description"]).partition(":")[0]

    def _request_token(self, caller: CallingApplication) -> requests.Response:
        return requests.post(
            f"{self.sandbox_url}/{Options().tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": caller.client_id,
                "client_secret": caller.secret,
                "scope": f"api://{Options().api_client_id}/.default",
            },
            timeout=30,
        )

    def subscribe(self) -> str:
        """ServiceNow asks for webhooks and gets their secret once"""
        answer = self._call("POST", "hooks", {"url": self.receiver.url})
        require(answer.status_code == 201, answer.text[:300])
        self.secret = answer.json()["secret"]
        listed = self._call("GET", "hooks").text
        require(self.secret not in listed and self.receiver.url not in listed, "the list shows a secret")
        return f"host {answer.json()['host']}"

    def send_ticket_in_parallel(self) -> str:
        """The same ticket, sent 100 times in parallel, adds one starter"""
        now = datetime.now(ZoneInfo(settings.TIME_ZONE))
        body = {
            "account": ACCOUNT,
            "startDate": f"{now:%Y-%m-%d}",
            "startTime": f"{now:%H:%M}",
            "timeZone": settings.TIME_ZONE,
            "requestedBy": BY_KEY["hanna"].user_principal_name,
        }
        with ThreadPoolExecutor(20) as threads:
            answers = list(
                threads.map(lambda _: self._call("PUT", f"starters/{TICKET}", body), range(PARALLEL))
            )
        statuses = [answer.status_code for answer in answers]
        require(statuses.count(201) == 1 and statuses.count(200) == PARALLEL - 1, str(set(statuses)))
        listed = self._call("GET", "starters").json()["starters"]
        require(len(listed) == 1, f"{len(listed)} starters")
        return f"1 × 201, {PARALLEL - 1} × 200, one starter"

    def read_obstacles(self) -> str:
        """The answer says at once who acts next and what is in the way"""
        body = self._read()
        codes = [obstacle["code"] for obstacle in body["obstacles"]]
        require(body["nextActor"] == "hr" and "recorder_is_a_person" in codes, str(body))
        require("Noor" not in json.dumps(body), "the answer has a name that nobody sent")
        return f"next: {body['nextActor']}; {', '.join(codes)}"

    def find_no_mail(self) -> str:
        """No link leaves before HR has accepted the starter"""
        require(self._mail_to("maria") is None, "the manager has an email already")
        return "no email to the manager"

    def accept_starter(self) -> str:
        """HR accepts the starter with one click"""
        self.hr.sign_in("hanna", "/hr/to-accept/")
        require("Noor de Vries" in self.hr.text and "RITM0010001" in self.hr.text, self.hr.text[:600])
        page = self.hr.page.text
        row = re.search(r'name="accept"\s+value="([^"]+)"', page)
        link = re.search(r'href="(/hr/[A-Za-z0-9_-]{22}/)"', page)
        require(row is not None and link is not None, page[:600])
        assert row and link  # noqa: S101 (for the type checker)
        self.starter_page = self.portal_url + link[1]
        self.hr.send(self.hr.form_with("starter"), accept=html.unescape(row[1]))
        require("You accepted Noor de Vries" in self.hr.text, self.hr.text[:600])
        return urlsplit(self.starter_page).path

    def use_pass(self) -> str:
        """The starter signs in with the pass, once, and a webhook says so"""
        evidence = super().use_pass()
        wait_for(lambda: "pass_used" in self._told(), "the webhook about the used pass")
        return evidence

    def read_webhooks(self) -> str:
        """Webhooks told the ticket each step, in order and signed"""
        wait_for(lambda: self._told()[-1:] == ["registered"], "the last webhook")
        told = [name for name in self._told() if name in EXPECTED]
        require(tuple(dict.fromkeys(told)) == EXPECTED, str(self._told()))
        require(all(self._is_genuine(sent) for sent in self.receiver.received), "a signature is not good")
        require(not any(self.code in sent.body for sent in self.receiver.received), "a webhook has the pass")
        return f"{len(self.receiver.received)} webhooks: {', '.join(dict.fromkeys(self._told()))}"

    def _told(self) -> list[str]:
        return [json.loads(sent.body)["type"].partition(".")[2] for sent in self.receiver.received]

    def _is_genuine(self, sent: Received) -> bool:
        """Check as https://www.standardwebhooks.com describes, with nothing of the portal's own code."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.{sent.body}"
        digest = hmac.new(key, signed.encode(), hashlib.sha256).digest()
        return sent.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"

    def read_final_state(self) -> str:
        """The API says that the starter can sign in, and never had the pass"""
        body = self._read()
        require(body["state"] == "registered" and body["nextActor"] == "nobody", str(body))
        require(self.code not in json.dumps(body), "the answer has the pass")
        self.receiver.stop()
        return f"state {body['state']}"

    def _read(self) -> Any:
        answer = self._call("GET", f"starters/{TICKET}")
        require(answer.ok, answer.text[:300])
        return answer.json()

    def _call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return requests.request(
            method,
            f"{self.portal_url}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )


class Received:
    """One webhook as it arrived."""

    def __init__(self, headers: dict[str, str], body: str) -> None:
        self.headers, self.body = headers, body


class Receiver:
    """ServiceNow's side: a real HTTP server that keeps what it gets."""

    def __init__(self) -> None:
        received: list[Received] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                received.append(Received({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                pass

        self.received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/starters"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
