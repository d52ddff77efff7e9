"""What the directory says, as plain values in the portal's words."""

from __future__ import annotations

from collections.abc import Iterable
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
    # In a restricted management administrative unit, where only its own administrators may act.
    restricted: bool | None


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
class PassPolicy:
    """The tenant's own policy for passes: whether there are any, for whom, and how long they may last."""

    enabled: bool
    shortest_minutes: int
    longest_minutes: int
    included: frozenset[str]  # object ids of people and groups, or `all_users`
    excluded: frozenset[str]

    def includes(self, object_id: str, groups: Iterable[str]) -> bool:
        """An exclusion wins over every inclusion, as in Entra."""
        named = {object_id, *groups}
        return self.enabled and not named & self.excluded and bool({"all_users", *named} & self.included)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides whether an account may get a pass, read in one moment and complete.

    None stands for a part that the tenant does not let the portal read, for want of a right or a licence. A part
    that failed in any other way fails the whole. `methods` and `passes` are None also where they were not asked for.
    """

    account: Account
    manager: Manager | None
    methods: tuple[Method, ...] | None
    passes: tuple[LivePass, ...] | None
    active_roles: tuple[str, ...]
    eligible_roles: tuple[str, ...] | None
    groups: tuple[str, ...]
    role_groups: tuple[str, ...]
    eligible_groups: tuple[str, ...] | None
    pass_policy: PassPolicy | None
    above: Manager | None = None  # the manager of the manager, where that was asked for


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
