"""What a manager has said already, kept in the address over a wait or a sign-in, so that they say it once.

It is signed, for this manager and this starter as they stand: a link of somebody else's cannot choose the answer,
and for the next pass it is asked again.
"""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import HttpRequest
from django.utils.http import urlencode

from onboarding.models import Starter
from onboarding.models.issue import IdentityCheck

NAME = "said"
KEPT_SECONDS = 30 * 60


def in_address(address: str, starter: Starter, person: Any, check: str) -> str:
    """The address with how the manager checked who stands before them, if they have said it."""
    if check not in IdentityCheck.values:
        return address
    return f"{address}?{urlencode({NAME: _signer(starter, person).sign_object(check)})}"


def before(request: HttpRequest, starter: Starter) -> str:
    """What this manager said about this starter before they waited or signed in; else nothing."""
    try:
        signer = _signer(starter, request.user)
        check = signer.unsign_object(request.GET.get(NAME, ""), max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return ""
    return check if check in IdentityCheck.values else ""


def _signer(starter: Starter, person: Any) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"{__name__}:{starter.public_id}:{starter.version}:{person.oid}")
