"""What the directory says of an account, in HR's words. Doors ask here and never learn that Graph exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from onboarding import graph

# What can go wrong while asking: an alias, so that a door can catch it without knowing where it comes from.
Trouble = graph.GraphError


@dataclass(frozen=True)
class Found:
    account: graph.Account
    manager: graph.Manager | None


@dataclass(frozen=True)
class Looked:
    """The answer to a look: found, not found, or a trouble in words."""

    found: Found | None = None
    trouble: str = ""


def look_up(account_name_or_id: str) -> Looked:
    try:
        return Looked(Found(*graph.client().look_up(account_name_or_id)))
    except graph.NotFound:
        return Looked()
    except graph.GraphError:
        return Looked(
            trouble="The directory does not answer. Nothing you typed is lost; try again in a minute."
        )


def in_words(found: Found, *, recorder: Any) -> dict[str, Any]:
    """Facts for HR to check, and warnings about what will be refused on the day."""
    account, manager = found.account, found.manager
    return {
        "account_name": account.user_principal_name,
        "name": account.display_name,
        "job_title": account.job_title,
        "department": account.department,
        "hire_date": account.hire_date,
        "manager_name": manager.display_name if manager else "",
        "warnings": _warnings(account, manager, recorder),
    }


def _warnings(account: graph.Account, manager: graph.Manager | None, recorder: Any) -> list[str]:
    told = [
        (account.enabled is not True, "The account is disabled. It must be enabled before the first day."),
        (account.kind != "member", "This is a guest account. It cannot get a pass."),
        (manager is None, "The directory names no manager. Without one nobody can confirm on the first day."),
        (
            manager is not None and not manager.mail,
            "The manager has no mailbox. They find the starter on their own page.",
        ),
        (
            manager is not None and manager.object_id == recorder.oid,
            "You are this person's manager: somebody else in HR must record them.",
        ),
        (account.object_id == recorder.oid, "This is your own account."),
    ]
    return [words for holds, words in told if holds]
