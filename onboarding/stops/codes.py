"""The stop code: HR creates it for the start letter, and whoever has it can stop the starter. It does nothing else.

It is as secret as a pass. Only a keyed hash is stored, and the answer to HR's click is the only one that shows it.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from onboarding import clock, graph, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.transitions import move_starter

# Crockford's Base32: no I, L, O and U. Twelve characters have 60 random bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH, GROUP = 12, 4
LOOK_ALIKES = str.maketrans("OIL", "011")
IGNORED = re.compile(r"[\s\-\u2010-\u2015.,]+")  # what people type between the groups
VALID_AFTER_PASS = timedelta(days=7)


class StopCode(graph.PassCode):
    """A stop code that only an explicit call of `reveal()` returns."""

    __slots__ = ()


@sensitive_variables()
def create_code(*, starter: Starter, by: Any) -> StopCode:
    """Create the starter's stop code, and end the one before. Raises ConcurrentUpdate."""
    if not can_create_code(starter):
        raise ConcurrentUpdate("the onboarding is finished")
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    move_starter(
        starter,
        None,
        event="starter.stop_code_made",
        by=by,
        changes={"stop_code_hash": _hash_code(code, settings.SECRET_KEY), "stop_code_made_at": clock.now()},
    )
    return StopCode(code)


def can_create_code(starter: Starter) -> bool:
    return starter.is_unfinished and starter.erased_at is None


@sensitive_variables()
def group_characters(code: StopCode) -> list[str]:
    """Return the code in groups, for the page that shows it."""
    text = code.reveal()
    return [text[start : start + GROUP] for start in range(0, LENGTH, GROUP)]


@sensitive_variables()
def normalise_code(typed: str) -> str:
    """Return the code as it was created: upper case, without look-alikes and spaces. Empty if it cannot be a code."""
    code = IGNORED.sub("", typed).upper().translate(LOOK_ALIKES)
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else ""


@sensitive_variables()
def find_starter(code: str) -> Starter | None:
    """Return the starter that this code can stop now. None for a wrong code, one that was replaced, and an old one."""
    hashes = [_hash_code(code, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    starter = Starter.objects.filter(stop_code_hash__in=hashes, erased_at=None).first()
    return starter if starter is not None and clock.now() <= valid_until(starter) else None


def valid_until(starter: Starter) -> datetime:
    """Return the end of the code: seven days after the last pass, or after the time in which one can be created."""
    ends = [issue.valid_until for issue in starter.issues.all() if issue.valid_until is not None]
    if starter.state != StarterState.REGISTERED or not ends:
        ends.append(starter.starts_at + policy.for_starter(starter).closes_after)
    return max(ends) + VALID_AFTER_PASS


@sensitive_variables()
def _hash_code(code: str, key: str) -> str:
    return salted_hmac("onboarding.stops.codes", code, secret=key, algorithm="sha256").hexdigest()
