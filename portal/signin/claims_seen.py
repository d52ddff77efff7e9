"""Records which optional claims the id tokens contain, for the doctor. Names only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.models import ClaimsSeen

# Entra leaves these out unless the registration asks for them (Token configuration, optional claims).
OPTIONAL_CLAIMS = ("auth_time", "acct", "login_hint", "sid")
RECORD_INTERVAL = timedelta(minutes=5)  # so that frequent sign-ins do not lock the one row


def record_claims(claims: Mapping[str, Any]) -> None:
    names, now = [name for name in OPTIONAL_CLAIMS if name in claims], timezone.now()
    last = ClaimsSeen.objects.filter(id=1).first()
    if last is None or last.names != names or now - last.at > RECORD_INTERVAL:
        ClaimsSeen.objects.update_or_create(id=1, defaults={"names": names, "at": now})
