"""An auditor, and a starter with a whole story."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from onboarding.models import AuditEvent, Starter
from onboarding.starters import withdrawal
from onboarding.worker import retention


@pytest.fixture
def audrey(browser_of: Callable[..., Client]) -> Client:
    return browser_of("audrey")


@pytest.fixture
def emma(invite: Callable[..., Starter], person: Callable[[str], Any]) -> Starter:
    """A starter whom HR withdrew."""
    starter = invite("emma")
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="She took another job")
    return Starter.objects.get(pk=starter.pk)


@pytest.fixture
def erased(emma: Starter, time_machine: Any) -> Starter:
    """A starter of whom neither the row nor the audit log has a name any more."""
    time_machine.move_to(timezone.now() + timedelta(days=800))
    retention.run_retention("forget")
    return Starter.objects.get(pk=emma.pk)


def search(client: Client, **filters: str) -> str:
    """Search as the form does, and return the text of the result."""
    return text_of(client.post("/audit/", filters, follow=True))


def text_of(answer: Any) -> str:
    """The words of a page."""
    assert answer.status_code == 200
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    main = re.sub(r"<select.*?</select>", "", main, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def recorded(event: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event=event).order_by("seq").select_related("detail"))
