"""Is this database in use, or a copy that nobody has adopted yet? Asked at each start, job, form and claim."""

from __future__ import annotations

import time
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256

from django.conf import settings
from django.utils.translation import gettext

from onboarding import clock
from onboarding.models import Installation, Job, Starter
from onboarding.restored import heads, place

LONGEST_PASS = timedelta(days=30)  # Entra keeps no Temporary Access Pass longer
KNOWN_FOR = 5.0  # seconds that pages use an answer again


class Cause(StrEnum):
    """Why the portal does nothing with this database."""

    NO_OWNER = "no_owner"
    ELSEWHERE = "elsewhere"
    BEHIND = "behind"
    BY_OPERATOR = "operator"
    QUIET = "quiet"


def find_cause() -> Cause | None:
    """Ask the database now; None: it is in use. A claim asks inside its transaction. Raises DatabaseError."""
    row = Installation.objects.filter(id=1).first()
    if row is None:
        return Cause.NO_OWNER
    if row.suspended:
        return Cause(row.suspended)
    here = place.read_place()
    return None if here.is_same(row.database_id, row.database_address) else Cause.ELSEWHERE


class _Known:
    cause: Cause | None = None
    until = float("-inf")


def last_cause() -> Cause | None:
    """For pages: the answer of the last `KNOWN_FOR` seconds. Raises DatabaseError."""
    if time.monotonic() >= _Known.until:
        _Known.cause = find_cause()
        _Known.until = time.monotonic() + KNOWN_FOR
    return _Known.cause


def forget_last_cause() -> None:
    """Ask again at the next page."""
    _Known.until = float("-inf")


def take_first_place() -> None:
    """The first worker of a new database stores where it is. Only then can a copy tell that it is elsewhere."""
    new = Installation.objects.filter(id=1, suspended="", database_id="", database_address="")
    if new.exists():
        here = place.label_place()
        new.update(database_id=here.number, database_address=here.address)


def keep_address() -> None:
    """Store the hosts as DATABASE_URL has them now, if the stored ones overlap: a replica was added or removed.

    An address that only DATABASE_ALSO_AT names is not stored. Raises DatabaseError.
    """
    here, row = place.read_place(), Installation.objects.filter(id=1, suspended="").first()
    if (
        row
        and row.database_address != here.address
        and here.shares_host(row.database_id, row.database_address)
    ):
        Installation.objects.filter(id=1, database_address=row.database_address).update(
            database_address=here.address
        )


def suspend_if_behind() -> bool:
    """Stop using a database that lacks an event which was kept outside it. Returns whether it does."""
    row = Installation.objects.filter(id=1).first()
    if row is None or not heads.is_behind(row):
        return False
    Installation.objects.filter(id=1, suspended="").update(suspended=Installation.Suspended.BEHIND)
    forget_last_cause()
    return True


def check_key(starter: Starter) -> str:
    """The key of the job that checks this starter after an adoption (`onboarding/directory_log/after_restore.py`)."""
    account = sha256(starter.account_id.encode()).hexdigest()[:12]  # keys of jobs are logged
    return f"restored:{starter.pk}:{account}"


def is_check_missing(starter: Starter) -> bool:
    """Whether the account was set since the adoption: the original may have served it before HR added it here."""
    since = clock.now() - LONGEST_PASS
    if not starter.account_id or not Installation.objects.filter(id=1, adopted_at__gte=since).exists():
        return False
    return not Job.objects.filter(key=check_key(starter)).exists()


def is_unchecked(starter: Starter) -> bool:
    """Whether a pass may exist that a restored database does not know: the check after the adoption is not done."""
    return Job.objects.filter(key=check_key(starter), done_at=None).exists()


def describe_cause(cause: Cause) -> str:
    """One sentence for operators: what was found."""
    return {
        Cause.NO_OWNER: gettext("The database does not say which portal it belongs to."),
        Cause.ELSEWHERE: gettext(
            "The database is not where the portal last used it, so it is a copy or was moved."
        ),
        Cause.BEHIND: gettext(
            "The portal saved an event of the audit log outside the database. This database does not contain "
            "that event, so it is an older copy."
        ),
        Cause.BY_OPERATOR: gettext("An operator marked this database as restored."),
        Cause.QUIET: gettext(
            "The database comes from an earlier release. When it was migrated, nothing had happened in it "
            "for a day. It may be a restored backup."
        ),
    }[cause]


def not_in_use_error() -> str:
    """What to tell somebody at a command line; empty if the database is in use. Raises DatabaseError."""
    cause = find_cause()
    if cause is None:
        return ""
    return gettext(
        "%(found)s Until you adopt this database, the portal creates no passes, sends no emails and runs "
        "no jobs. If another portal still uses the original database, do not adopt this one. To adopt "
        "this database for %(address)s, run: manage.py adopt --reason 'why'"
    ) % {"found": describe_cause(cause), "address": settings.PORTAL_URL}
