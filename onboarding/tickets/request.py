"""Who calls, what a ticket says, and the account and requester that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from onboarding.starters import directory
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import LookupResult
from onboarding.starters.errors import DirectoryUnavailable, TicketError
from onboarding.starters.rescheduling import Schedule


@dataclass(frozen=True)
class Application:
    """Who calls the API: an application, or a person through one. It fits `audit.Person`."""

    tid: str
    oid: str  # of the service principal, or of the person
    name: str
    application_id: str
    is_person: bool

    @property
    def callers(self) -> list[str]:
        """Return the ids that daily limits count by: of the application, and of a person who uses it."""
        return [self.application_id, *([self.oid] if self.is_person else [])]


@dataclass(frozen=True)
class TicketRequest:
    """What a ticket says about a starter, as its system sent it."""

    source: str
    number: str
    account: str
    schedule: Schedule
    note: str = ""
    requested_by: str = ""

    @property
    def key(self) -> dict[str, str]:
        return {"source": self.source, "number": self.number}

    @property
    def as_sent(self) -> dict[str, Any]:
        """Return what the ticket keeps, to notice what a later request changes."""
        return {
            **asdict(self.schedule),
            "account": self.account,
            "note": self.note,
            "requested_by": self.requested_by,
        }


@dataclass(frozen=True)
class Requester:
    """The person who asked for the starter, as found in the directory; empty if the ticket names none."""

    object_id: str = ""
    name: str = ""
    is_active: bool = False  # an enabled member of the tenant


NOBODY = Requester()


def look_up_names(*names: str) -> dict[str, LookupResult]:
    """Look up the accounts that a ticket names, all in one round trip. An empty name is left out."""
    return directory.look_up_several([name for name in names if name])


def find_account(account: str, results: Mapping[str, LookupResult]) -> AccountEntry:
    """Return the account, or the name under which IT will create it. Raises TicketError, DirectoryUnavailable."""
    looked = results[account]
    if looked.error:
        raise DirectoryUnavailable
    if looked.owners:
        raise TicketError("account", "is_mail_address")
    if looked.found is None and "@" not in account:
        raise TicketError("account", "not_found")
    return AccountEntry.from_look_up(looked.found, typed=account)


def find_requester(name_or_id: str, results: Mapping[str, LookupResult]) -> Requester:
    """Return the person who asked for the starter. Raises TicketError, DirectoryUnavailable."""
    if not name_or_id:
        return NOBODY
    looked = results[name_or_id]
    if looked.error:
        raise DirectoryUnavailable
    if looked.found is None:
        raise TicketError("requestedBy", "not_found")
    account = looked.found.account
    is_active = account.enabled is True and account.kind == "member"
    return Requester(account.object_id, account.display_name[:256], is_active)
