"""Every combination of Graph's three times of sign-in activity, and what it proves for an account of each age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

SUCCESS, LAST, SILENT = (
    "lastSuccessfulSignInDateTime",
    "lastSignInDateTime",
    "lastNonInteractiveSignInDateTime",
)
MOMENT = "2023-05-04T07:08:09Z"
STATES = ("absent", "null", "set")
SECOND = timedelta(seconds=1)
JUNE_2020, DECEMBER_2023 = datetime(2020, 6, 1, tzinfo=UTC), datetime(2023, 12, 1, tzinfo=UTC)
CREATED = (
    None,
    datetime(2012, 3, 4, tzinfo=UTC),
    JUNE_2020 - SECOND,
    JUNE_2020,
    datetime(2021, 6, 7, tzinfo=UTC),
    DECEMBER_2023 - SECOND,
    DECEMBER_2023,
    datetime(2026, 11, 27, tzinfo=UTC),
)
TIMES = tuple(product(STATES, STATES, STATES))
ROWS = [(times, created) for times in TIMES for created in CREATED]


def activity(times: tuple[str, ...]) -> dict[str, Any]:
    """Graph's object with each of its three times absent, null or set."""
    said = zip((SUCCESS, LAST, SILENT), times, strict=True)
    return {name: None if how == "null" else MOMENT for name, how in said if how != "absent"}


def proven(times: tuple[str, ...], created: datetime | None) -> bool | None:
    """The rule, written differently from the code: used, never used, or unknown."""
    success, *attempts = times
    attempted = "set" in attempts
    if success == "set" or (success == "absent" and attempted):
        return True
    if created is None:
        return None
    days = (created - DECEMBER_2023).total_seconds(), (created - JUNE_2020).total_seconds()
    match [day >= 0 for day in days]:
        case [True, _]:
            return False
        case [_, True]:
            return attempted
        case _:
            return None
