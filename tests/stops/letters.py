"""HR creates a stop code, and a stranger enters it."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from onboarding.models import Starter


def letter_of(hr: Client, starter: Starter) -> Any:
    """Click HR's button, and return the letter."""
    version = Starter.objects.get(pk=starter.pk).version
    answer = hr.post(f"/hr/{starter.public_id}/stop-code/", {"version": version})
    assert answer.status_code == 200
    return answer


def new_code(hr: Client, starter: Starter) -> str:
    """The code as the letter prints it."""
    printed = re.search(r"data-stop-code>(.*?)</p>", letter_of(hr, starter).content.decode(), re.S)
    assert printed
    return re.sub(r"<[^>]+>|\s", "", printed[1])


def enter(code: str, *, address: str = "192.0.2.1") -> Any:
    """Enter a code on the public page, from this client address."""
    headers = {"X-Forwarded-For": address}
    return Client(enforce_csrf_checks=True).post("/sheet/stop/", {"code": code}, headers=headers)
