"""What the directory says, as plain values in the portal's words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from onboarding.graph.passcode import PassCode

# "external" is anyone whose home is elsewhere, also where the directory calls them a member.
Kind = Literal["member", "guest", "external"]


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account. None means that the directory did not say, and never that the answer is no."""

    object_id: str
    user_principal_name: str
    display_name: str
    job_title: str
    department: str
    mail: str
    employee_id: str
    hire_date: datetime | None
    created_at: datetime | None
    enabled: bool | None
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Manager:
    """Who the directory records as an account's manager."""

    object_id: str
    user_principal_name: str
    display_name: str
    mail: str
    enabled: bool | None
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Method:
    """A way to sign in that is registered, also of a type newer than this portal."""

    type: str

    @property
    def is_own(self) -> bool:
        """Something the person set up themselves: everything but the password that comes with the account."""
        return self.type != "password"


@dataclass(frozen=True, slots=True)
class LivePass:
    """A pass as the directory lists it: never with its code, and listed after use and expiry too."""

    method_id: str
    created_at: datetime
    starts_at: datetime
    lifetime_minutes: int
    usable_once: bool | None
    usable: bool | None
    reason: str

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.lifetime_minutes)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides whether an account may get a pass, read in one moment and complete."""

    account: Account
    manager: Manager | None
    methods: tuple[Method, ...]
    passes: tuple[LivePass, ...]
    active_roles: tuple[str, ...]
    eligible_roles: tuple[str, ...]
    role_groups: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CreatedPass:
    """A pass that was just made. Its code exists nowhere else."""

    method_id: str
    code: PassCode
    starts_at: datetime
    lifetime_minutes: int
    request_id: str

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.lifetime_minutes)
