"""Entra's audit log, as far as it is about authentication methods: who did what to whose methods, and when it is readable.

An entry can be read only some time after it happened, as in Entra. The log is written in the words of its service.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from portal.sandbox.clock import graph_time

SERVICE = "Authentication Methods"
USUAL_DELAY = 300.0  # seconds: Entra needs minutes, and sometimes hours
ENTRIES_KEPT = 50_000
REGISTERED_BY_ADMIN, REGISTERED_BY_USER = "Admin registered security info", "User registered security info"
DELETED_BY_ADMIN = "Admin deleted security info"
# The same act under a third name, which some tenants' logs have.
CREATED_PASS = "Create Temporary Access Pass method for user"  # noqa: S105 (an activity)
PASS = "temporary access pass"  # noqa: S105 (a kind of method)


@dataclass
class LoggedActivity:
    """One entry. `at` is when it happened, `readable_at` when the log shows it; both are seconds since the epoch."""

    id: str
    at: float
    readable_at: float
    activity: str
    reason: str
    target: str  # the account's object id
    target_name: str
    app: dict[str, Any] | None  # of an application; else of a person
    user: dict[str, Any] | None
    correlation_id: str
    operation: str = "Update"
    result: str = "success"

    def as_graph(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "category": "UserManagement",
            "correlationId": self.correlation_id,
            "result": self.result,
            "resultReason": self.reason,
            "activityDisplayName": self.activity,
            "activityDateTime": graph_time(self.at),
            "loggedByService": SERVICE,
            "operationType": self.operation,
            "initiatedBy": {"app": self.app, "user": self.user},
            "targetResources": [
                {
                    "id": self.target,
                    "displayName": None,
                    "type": "User",
                    "userPrincipalName": self.target_name,
                    "groupType": None,
                    "modifiedProperties": [],
                }
            ],
            "additionalDetails": [],
        }


def application_initiator(principal_id: str, name: str) -> dict[str, Any]:
    """An application as the log names it: by its service principal, without `appId`."""
    return {
        "appId": None,
        "displayName": name,
        "servicePrincipalId": principal_id,
        "servicePrincipalName": None,
    }


def person_initiator(object_id: str, name: str) -> dict[str, Any]:
    return {
        "id": object_id,
        "displayName": None,
        "userPrincipalName": name,
        "ipAddress": "",
        "userType": None,
        "homeTenantId": None,
        "homeTenantName": None,
    }


class AuditLog:
    """All entries, the oldest first."""

    def __init__(self) -> None:
        self.entries: list[LoggedActivity] = []
        self.delay = USUAL_DELAY

    def add(
        self,
        now: float,
        activity: str,
        reason: str,
        *,
        target: tuple[str, str],
        app: dict[str, Any] | None = None,
        user: dict[str, Any] | None = None,
        operation: str = "Update",
    ) -> LoggedActivity:
        """Write an entry about the account `target`, an object id and a name."""
        number = uuid.uuid4()
        entry = LoggedActivity(
            id=f"{SERVICE}_{number.hex[:5].upper()}_{number.int % 10**9}",
            at=now,
            readable_at=now + self.delay,
            activity=activity,
            reason=reason,
            target=target[0],
            target_name=target[1],
            app=app,
            user=user,
            correlation_id=str(uuid.uuid4()),
            operation=operation,
        )
        self.entries.append(entry)
        del self.entries[:-ENTRIES_KEPT]
        return entry

    def readable(self, now: float) -> list[LoggedActivity]:
        """What the log shows now, the newest first."""
        return sorted(
            (entry for entry in self.entries if entry.readable_at <= now),
            key=lambda entry: (entry.at, entry.id),
            reverse=True,
        )
