"""Who may confirm: the manager in the directory; or, only where HR routed it, the manager of that very manager."""

from __future__ import annotations

from typing import Any

from onboarding.graph import Manager
from onboarding.models import Starter

NOT_ROUTED: dict[str, Any] = dict.fromkeys(
    ("stand_in_for", "stand_in_id", "stand_in_name", "stand_in_mail"), ""
)


def of(starter: Starter, manager: Manager | None, above: Manager | None) -> Manager | None:
    """Who may confirm by what the directory says now; None where nobody may.

    A routing holds for the manager past whom HR routed it, and for the person whom HR saw: with another manager it
    is void, and while somebody else is above that manager nobody may confirm. `above` that was not read is nobody.
    """
    if manager is None or not is_routed_past(starter, manager):
        return manager
    return above if above is not None and above.object_id == starter.stand_in_id else None


def is_routed_past(starter: Starter, manager: Manager | None) -> bool:
    return starter.is_routed and manager is not None and manager.object_id == starter.stand_in_for
