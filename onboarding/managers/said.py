"""What a manager has said already, kept in the address over a wait or a sign-in, so that they say it once.

It is signed, for this manager and this starter as they stand: a link of somebody else's cannot choose the answer,
and for the next pass it is asked again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.http import HttpRequest
from django.utils.http import urlencode

from onboarding.handover import ForeignPass
from onboarding.models import Starter
from onboarding.models.issue import IdentityCheck

NAME = "said"
KEPT_SECONDS = 30 * 60


@dataclass(frozen=True)
class Said:
    """How they checked who stands before them, and the pass of another tool that they were shown, if any."""

    check: str = ""
    foreign: ForeignPass | None = None


def in_address(address: str, starter: Starter, person: Any, said: Said) -> str:
    """The address with what they have said, if they have."""
    if said.check not in IdentityCheck.values:
        return address
    kept: dict[str, Any] = {"check": said.check}
    if live := said.foreign:
        kept["foreign"] = asdict(live) | {
            "made_at": live.made_at.isoformat(), "ends_at": live.ends_at.isoformat()
        }  # fmt: skip
    return f"{address}?{urlencode({NAME: _signer(starter, person).sign_object(kept, compress=True)})}"


def still_in_address(address: str, request: HttpRequest) -> str:
    """The address with what the request's own says, unread: it counts, or not, when the page is opened again."""
    told = request.GET.get(NAME, "")
    return f"{address}?{urlencode({NAME: told})}" if told else address


def before(request: HttpRequest, starter: Starter) -> Said:
    """What this manager said about this starter before they waited or signed in; else nothing."""
    try:
        signer = _signer(starter, request.user)
        kept = signer.unsign_object(request.GET.get(NAME, ""), max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return Said()
    live = kept.get("foreign")
    return Said(kept["check"], _foreign(**live) if live else None)


def _foreign(made_at: str, ends_at: str, **live: Any) -> ForeignPass:
    return ForeignPass(
        made_at=datetime.fromisoformat(made_at), ends_at=datetime.fromisoformat(ends_at), **live
    )


def _signer(starter: Starter, person: Any) -> signing.TimestampSigner:
    # The number goes up with the shape of what is kept: a page from before an upgrade has said nothing.
    return signing.TimestampSigner(salt=f"{__name__}:2:{starter.public_id}:{starter.version}:{person.oid}")
