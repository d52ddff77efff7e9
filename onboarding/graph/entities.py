"""The directory's data as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from onboarding.graph.errors import GraphError
from onboarding.graph.pass_code import PassCode

# Microsoft records `lastSuccessfulSignInDateTime` for sign-ins since 1 December 2023, and did not add earlier ones. The
# other two times exist since April and May 2020 and include failed attempts, which anybody can cause (Microsoft Graph,
# resource type signInActivity).
SUCCESS_RECORDED_SINCE = datetime(2023, 12, 1, tzinfo=UTC)
ATTEMPTS_RECORDED_SINCE = datetime(2020, 6, 1, tzinfo=UTC)

# "external" is a person from another tenant, even if the directory calls them a member.
Kind = Literal["member", "guest", "external"]


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account. None means that the directory returned no value; it never means no."""

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
    """An account's manager in the directory."""

    object_id: str
    user_principal_name: str
    display_name: str
    mail: str
    enabled: bool | None
    kind: Kind | None
    employee_id: str = ""


@dataclass(frozen=True, slots=True)
class MailOwner:
    """An account that receives mail at an address, which can differ from the account name."""

    object_id: str
    user_principal_name: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Method:
    """A registered sign-in method, which can be of a type newer than this portal. `methods.py` has the rules."""

    type: str
    method_id: str = ""
    created_at: datetime | None = None  # None: Graph did not say when it was registered
    sign_in_state: str = ""  # `smsSignInState` of a phone


@dataclass(frozen=True, slots=True)
class LivePass:
    """A pass as the directory lists it, also after its use or expiry. The list never contains the code."""

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

    @property
    def was_used(self) -> bool:
        """Whether its one use is over. An entry that also says "usable" contradicts itself and proves nothing."""
        return self.usable is not True and self.reason == "OneTimeUsed"

    @property
    def has_expired(self) -> bool:
        """Whether Microsoft says so. The portal's clock never decides this."""
        return self.usable is not True and self.reason == "Expired"

    @property
    def may_live(self) -> bool:
        """Whether it can open the account, now or later."""
        return not (self.was_used or self.has_expired)


@dataclass(frozen=True, slots=True)
class PassPolicy:
    """The tenant's policy for passes in Entra: whether they are enabled, for whom, and with which lifetimes."""

    enabled: bool
    shortest_minutes: int
    longest_minutes: int
    included: frozenset[str]  # object ids of people and groups, or `all_users`
    excluded: frozenset[str]

    def includes(self, object_id: str, groups: Iterable[str]) -> bool:
        """Whether the policy includes this account. An exclusion wins over every inclusion, as in Entra."""
        named = {object_id, *groups}
        return self.enabled and not named & self.excluded and bool({"all_users", *named} & self.included)


@dataclass(frozen=True, slots=True)
class SignIns:
    """The last successful sign-in to an account and the last attempt, by the directory."""

    succeeded_at: datetime | None
    attempted_at: datetime | None

    def was_used(self, created_at: datetime | None) -> bool | None:
        """Return whether anybody ever signed in to the account, None if that cannot be known.

        A missing time is proof only if the account was created after Microsoft began to record such times.
        """
        if self.succeeded_at is not None:
            return True
        if created_at is None or created_at < ATTEMPTS_RECORDED_SINCE:
            return None
        if created_at < SUCCESS_RECORDED_SINCE:
            return self.attempted_at is not None
        return False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that decides whether an account may get a pass, read at one moment.

    None means that the tenant does not permit the read of a part: a permission or licence is missing. Any other failure
    of a part fails the whole read. `methods` and `passes` are also None if they were not asked for.
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
    above: Manager | None = None  # the manager's manager, if asked for
    # Only if asked for and answered. A failure of this part is stored as its error, and fails nothing else.
    sign_ins: SignIns | GraphError | None = None
    # Employee numbers by object id, of the people that were asked for. Accounts without one or deleted are not in it.
    numbers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class CreatedPass:
    """A pass that was just created. Its code exists nowhere else."""

    method_id: str
    code: PassCode
    starts_at: datetime
    lifetime_minutes: int
    request_id: str

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.lifetime_minutes)
