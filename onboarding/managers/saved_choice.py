"""The manager's saved choice: kept in the page's address during a wait or a sign-in, so that they choose once.

It is signed for this manager and this version of the starter. A link from another person cannot make the choice, and
the next pass needs a new one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.http import HttpRequest
from django.utils.http import urlencode

from onboarding.models import Starter
from onboarding.models.pass_issue import IdentityCheck
from onboarding.passes.confirmation import ForeignPass

PARAMETER = "said"
KEPT_SECONDS = 30 * 60
SALT = "onboarding.managers.saved_choice"  # never change it: signed choices would be lost


@dataclass(frozen=True)
class SavedChoice:
    """How the manager checked the starter's identity, and the other tool's pass that they chose to replace, if any."""

    identity_check: str = ""
    foreign_pass: ForeignPass | None = None


def add_to_address(address: str, starter: Starter, person: Any, choice: SavedChoice) -> str:
    """Return the address with the choice, if there is one."""
    if choice.identity_check not in IdentityCheck.values:
        return address
    kept: dict[str, Any] = {"check": choice.identity_check}
    if live := choice.foreign_pass:
        kept["foreign"] = asdict(live) | {
            "made_at": live.made_at.isoformat(), "ends_at": live.ends_at.isoformat()
        }  # fmt: skip
    return (
        f"{address}?{urlencode({PARAMETER: _make_signer(starter, person).sign_object(kept, compress=True)})}"
    )


def keep_in_address(address: str, request: HttpRequest) -> str:
    """Return the address with the choice of this request, unread. The page checks it when it is opened again."""
    signed = request.GET.get(PARAMETER, "")
    return f"{address}?{urlencode({PARAMETER: signed})}" if signed else address


def read_saved_choice(request: HttpRequest, starter: Starter) -> SavedChoice:
    """Return what this manager chose before the wait or the sign-in, or an empty choice."""
    try:
        signer = _make_signer(starter, request.user)
        kept = signer.unsign_object(request.GET.get(PARAMETER, ""), max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return SavedChoice()
    live = kept.get("foreign")
    return SavedChoice(kept["check"], _read_foreign_pass(**live) if live else None)


def _read_foreign_pass(made_at: str, ends_at: str, **live: Any) -> ForeignPass:
    return ForeignPass(
        made_at=datetime.fromisoformat(made_at), ends_at=datetime.fromisoformat(ends_at), **live
    )


def _make_signer(starter: Starter, person: Any) -> signing.TimestampSigner:
    # Raise the number when the stored keys change: a page from before an upgrade then has no choice.
    return signing.TimestampSigner(salt=f"{SALT}:2:{starter.public_id}:{starter.version}:{person.oid}")
