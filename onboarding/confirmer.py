"""The confirmer: the manager in Entra, or the manager's manager while HR has assigned them as stand-in."""

from __future__ import annotations

from typing import Any

from onboarding.graph import Manager
from onboarding.models import Starter

NO_STAND_IN: dict[str, Any] = dict.fromkeys(Starter.STAND_IN_FIELDS, "")


def find_confirmer(starter: Starter, manager: Manager | None, above: Manager | None) -> Manager | None:
    """Return the person who can confirm by these facts, or None.

    `above` is the manager's manager; None if it was not read. A stand-in counts only while the manager
    they replace is still the manager. If that manager now has another manager, nobody can confirm.
    """
    if manager is None or not is_replaced_by_stand_in(starter, manager):
        return manager
    return above if above is not None and above.object_id == starter.stand_in_id else None


def is_replaced_by_stand_in(starter: Starter, manager: Manager | None) -> bool:
    """Return whether a stand-in replaces this manager."""
    return starter.has_stand_in and manager is not None and manager.object_id == starter.stand_in_for
