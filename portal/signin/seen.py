"""Which of the claims that must be asked for come with the id tokens: their names, for whoever looks after the site."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.models import ClaimsSeen

# Entra leaves these out unless the registration asks for them (Token configuration, optional claims).
OPTIONAL = ("auth_time", "acct", "login_hint")
NOTED_EVERY = timedelta(minutes=5)  # so that a morning of sign-ins does not queue for one row


def note(claims: Mapping[str, Any]) -> None:
    names, now = [name for name in OPTIONAL if name in claims], timezone.now()
    last = ClaimsSeen.objects.filter(id=1).first()
    if last is None or last.names != names or now - last.at > NOTED_EVERY:
        ClaimsSeen.objects.update_or_create(id=1, defaults={"names": names, "at": now})
