"""One person's browser in a test: the portal's cookies, and those of the sandbox tenant's sign-in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from django.conf import settings
from django.test import Client
from django.utils import timezone

AT_MICROSOFT = f"/{settings.TENANT_ID}/oauth2/v2.0/authorize"


class SignedInBrowser:
    """Signs in as one person, and follows redirects between the portal and the sandbox tenant."""

    def __init__(self, person: str, clock: Any, *, path: str = "/starters/") -> None:
        self.person, self.clock = person, clock
        self.portal, self.microsoft = Client(enforce_csrf_checks=True), requests.Session()
        self.redirects: list[str] = []
        self.page = self.get(path)

    def get(self, path: str, **headers: str) -> Any:
        """Open a page, as a person does: follow each redirect, and pick the person where Microsoft asks."""
        self.redirects, answer = [], self.portal.get(path, headers=headers)
        while answer.status_code in {301, 302, 303}:
            self.redirects.append(answer["Location"])
            assert len(self.redirects) < 12, self.redirects
            answer = self._follow(answer["Location"])
        self.page = answer
        return answer

    def _follow(self, address: str) -> Any:
        if AT_MICROSOFT not in address:
            return self.portal.get(address.removeprefix(settings.PORTAL_URL))
        at_microsoft = self.microsoft.get(address, allow_redirects=False)
        if at_microsoft.status_code == 200:  # the picker
            asked = dict(parse_qsl(urlsplit(address).query)) | {"person": self.person}
            at_microsoft = self.microsoft.post(address.split("?")[0], asked, allow_redirects=False)
        return self.portal.get(at_microsoft.headers["Location"].removeprefix(settings.PORTAL_URL))

    def post(self, path: str, fields: dict[str, Any], *, page: str = "", **headers: str) -> Any:
        """Send a form of the page that is open."""
        sent = {"csrfmiddlewaretoken": token_of(self.page), **fields}
        origin = {
            "Origin": settings.PORTAL_URL,
            "Sec-Fetch-Site": "same-origin",
            "Referer": settings.PORTAL_URL + (page or path),
        }
        self.page = self.portal.post(path, sent, headers=origin | headers)
        return self.page

    def wait(self, minutes: float) -> None:
        self.clock.move_to(timezone.now() + timedelta(minutes=minutes))

    @property
    def is_signed_in(self) -> bool:
        return "_auth_user_id" in self.portal.session


def token_of(page: Any) -> str:
    return str(page.content.decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0])


def text_of(page: Any) -> str:
    return " ".join(page.content.decode().split())
