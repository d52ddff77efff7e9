"""What the directory says, as plain values in the portal's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from onboarding.graph.errors import GraphError
from onboarding.graph.pass_code import PassCode

# Microsoft records `lastSuccessfulSignInDateTime` for sign-ins since the first of these days, and did not fill it in
# for earlier ones. The other two times exist since April and May 2020 and include failed attempts, which anybody can
# cause (Microsoft Graph, resource type signInActivity).
SUCCESS_RECORDED_SINCE = datetime(2023, 12, 1, tzinfo=UTC)
ATTEMPTS_RECORDED_SINCE = datetime(2020, 6, 1, tzinfo=UTC)

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
    employee_id: str = ""


@dataclass(frozen=True, slots=True)
class MailOwner:
    """An account that receives mail at an address which may not be its account name."""

    object_id: str
    user_principal_name: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Method:
    """A way to sign in that is registered, also of a type newer than this portal. `methods.py` judges it."""

    type: str
    method_id: str = ""
    created_at: datetime | None = None  # None: Graph did not say when it was registered
    sign_in_state: str = ""  # `smsSignInState` of a phone


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

    @property
    def was_used(self) -> bool:
        """Its one use is over. An entry that also says "usable" contradicts itself and proves nothing."""
        return self.usable is not True and self.reason == "OneTimeUsed"

    @property
    def has_expired(self) -> bool:
        """By Microsoft's word. No clock of ours ends a pass."""
        return self.usable is not True and self.reason == "Expired"

    @property
    def may_live(self) -> bool:
        """Whether it opens the account, or may do so later."""
        return not (self.was_used or self.has_expired)


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
class SignIns:
    """When somebody last signed in to an account, and when somebody last tried to, as the directory says."""

    succeeded_at: datetime | None
    attempted_at: datetime | None

    def was_used(self, created_at: datetime | None) -> bool | None:
        """Say whether the account was ever signed in to. None: that cannot be known.

        A time that is not there proves nothing by itself. What it proves depends on when the account was created: on
        whether the directory would have recorded a sign-in since then.
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
    # Only where it was asked for and answered. A failure of this part is an answer of its own, and fails nothing else.
    sign_ins: SignIns | GraphError | None = None
    # Employee numbers by object id, of the people that were asked for. Who has none, or is gone, is not in it.
    numbers: Mapping[str, str] = field(default_factory=dict)


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
