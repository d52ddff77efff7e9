"""The portal itself: database, worker, jobs, and the end of the audit chain."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding import audit, clock, jobs
from onboarding.audit import database_role
from onboarding.doctor.context import DoctorRun
from onboarding.doctor.runner import Check, Finding
from onboarding.i18n import join_sentences
from onboarding.models import AuditHead, AuditOutlet, Job
from onboarding.restored import use

MAX_CLOCK_SKEW = 60.0  # seconds; beyond this a fresh sign-in seems old, and a new pass expired
LAST_EVENTS = 100
HEAD_LATE_AFTER = timedelta(hours=3)


def check_database(_run: DoctorRun) -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        return Finding(
            "wrong",
            gettext("The database does not answer (%(error)s).") % {"error": type(error).__name__},
            gettext(
                "Start the database, or fix DATABASE_URL or the network between the database and this machine."
            ),
        )
    return Finding("ok", {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(connection.vendor, ""))


def check_migrations(_run: DoctorRun) -> Finding:
    loader = MigrationLoader(connection)
    missing = sorted(set(loader.graph.nodes) - set(loader.applied_migrations))
    if missing:
        names = ", ".join(f"{app} {name}" for app, name in missing)
        return Finding(
            "wrong",
            gettext("Migrations not applied: %(names)s.") % {"names": names},
            gettext("Run `manage.py migrate`."),
        )
    return Finding("ok", gettext("The database tables match this version of the portal."))


def check_restored_copy(_run: DoctorRun) -> Finding:
    cause = use.find_cause()
    if cause is None:
        return Finding("ok", gettext("The database is where the portal last used it."))
    return Finding(
        "wrong",
        str(
            join_sentences(
                [
                    use.describe_cause(cause),
                    gettext("The portal creates no passes, sends no emails and runs no jobs."),
                ]
            )
        ),
        gettext(
            "If another portal still uses the original database, leave this database as it is. Otherwise run "
            "`manage.py adopt`."
        ),
    )


def check_database_clock(_run: DoctorRun) -> Finding:
    apart = (clock.now() - timezone.now()).total_seconds()
    if abs(apart) > MAX_CLOCK_SKEW:
        words = (
            gettext("The database's clock is %(seconds)s seconds ahead of this machine's.")
            if apart > 0
            else gettext("The database's clock is %(seconds)s seconds behind this machine's.")
        )
        return Finding(
            "wrong",
            words % {"seconds": round(abs(apart))},
            gettext("Synchronise the clocks of both machines with a time server."),
        )
    return Finding("ok", gettext("The database’s clock and this machine’s differ by less than a minute."))


def check_worker(_run: DoctorRun) -> Finding:
    state = jobs.worker_state()
    if state == "alive":
        return Finding(
            "ok", gettext("The worker, which runs in the background, was active in the last 90 seconds.")
        )
    if state == "late":
        return Finding(
            "wrong",
            gettext(
                "A worker is active, but a job about a pass has waited for more than ten minutes. Until such jobs are "
                "done, the portal creates no passes."
            ),
            gettext("Read the worker's log, then restart the worker."),
        )
    return Finding(
        "wrong",
        gettext(
            "No worker was active in the last 90 seconds. Without a worker, the portal creates no passes "
            "and sends no emails."
        ),
        gettext("Start `manage.py serve`, which includes a worker, or start `manage.py worker` separately."),
    )


def check_failed_jobs(_run: DoctorRun) -> Finding:
    given_up = Job.objects.filter(failed_at__isnull=False).values_list("key", flat=True)
    kinds = sorted({key.partition(":")[0] for key in given_up[:1000]})
    if not kinds:
        return Finding("ok", gettext("No job has failed."))
    return Finding(
        "wrong",
        gettext("Failed jobs: %(count)s. Kind: %(kinds)s.")
        % {"count": given_up.count(), "kinds": ", ".join(kinds)},
        gettext(
            "Open “Failed jobs” in the administration. Fix the cause of each failed job, then start the jobs "
            "again there."
        ),
    )


def check_failing_jobs(_run: DoctorRun) -> Finding:
    """Jobs that the worker never gives up. Mails and checks of starters become failed jobs; another check finds those."""
    found = jobs.failing_jobs()
    kinds = sorted({key.partition(":")[0] for key in found.values_list("key", flat=True)[:1000]})
    if not kinds:
        return Finding("ok", gettext("No job keeps failing."))
    words = ngettext(
        "%(count)s job has kept failing for an hour or longer. Kind: %(kinds)s.",
        "%(count)s jobs have kept failing for an hour or longer. Kind: %(kinds)s.",
        found.count(),
    ) % {"count": found.count(), "kinds": ", ".join(kinds)}
    return Finding(
        "wrong",
        str(join_sentences([words, *(CONSEQUENCES[kind] for kind in kinds if kind in CONSEQUENCES)])),
        gettext(
            "Open “Jobs” in the administration to see the last error of each job, then fix the cause. The "
            "portal keeps trying these jobs automatically."
        ),
    )


# What does not happen while jobs of a kind fail.
CONSEQUENCES = {
    "daily": _("The portal does not delete personal data on time."),
    "sign_ins": _(
        "The portal cannot read the last sign-ins of accounts in Entra. Until it can, some starters cannot "
        "get their first pass."
    ),
    "issue": _("A pass that should be deleted may still exist."),
    "audit_events": _("The server log does not receive the events of the audit log."),
    "proposals": _("The portal cannot propose new starters from the hire dates in Entra."),
    "directory_log": _("The portal raises no alarm about passes that someone creates outside the portal."),
    "audit_head": _(
        "Not all destinations receive the signed checkpoints (the number and hash of the newest event)."
    ),
}


def check_audit_end(_run: DoctorRun) -> Finding:
    fault = next(audit.verify_last_events(LAST_EVENTS), None)
    if fault is None:
        count = AuditHead.objects.get(id=1).seq
        return Finding(
            "ok",
            gettext("%(count)s events in total. Checked the last %(last)s: all unchanged.")
            % {"count": count, "last": min(count, LAST_EVENTS)},
        )
    return Finding(
        "wrong",
        gettext("Event %(number)s: %(what)s.") % {"number": fault.seq, "what": fault.what},
        gettext(
            "Run `manage.py verify_audit` to check the whole audit log, and keep a copy of the database for the "
            "investigation."
        ),
    )


def why_role_is_not_checked() -> str:
    """Return why the rights of the database role do not matter here, or an empty text."""
    if connection.vendor != "postgresql":
        return gettext(
            "SQLite cannot limit what the portal may change in the database. Anyone who can write the "
            "database file can change the audit log and its triggers."
        )
    return (
        gettext("Not checked: a portal with the sandbox tenant needs no database role of its own.")
        if settings.SANDBOX
        else ""
    )


def check_database_role(_run: DoctorRun) -> Finding:
    if reason := why_role_is_not_checked():
        return Finding("ok", reason)
    rights = database_role.find_excessive_rights()
    if rights:
        return Finding(
            "wrong",
            gettext("The portal's database role can change the audit log: %(rights)s.")
            % {"rights": ", ".join(rights)},
            gettext(
                "Let the portal run under a role that does not own the tables. `manage.py database_role --role NAME` "
                "prints the SQL."
            ),
        )
    return Finding(
        "ok", gettext("The role does not own the tables, and cannot change the audit log or its triggers.")
    )


def check_audit_outside(_run: DoctorRun) -> Finding:
    """When a signed checkpoint last arrived outside the database."""
    if not settings.AUDIT_SIGNING_KEY_FILE:
        return Finding(
            "ok",
            gettext(
                "The portal sends no signed checkpoints of the audit log, because AUDIT_SIGNING_KEY_FILE "
                "is not set."
            ),
            gettext(
                "A signed checkpoint is the number and hash of the newest event. Only checkpoints on "
                "another system can prove that nobody rewrote the whole audit log or restored an old "
                "backup. Set AUDIT_SIGNING_KEY_FILE, and AUDIT_HEAD_FILE or AUDIT_HEAD_URL."
            ),
        )
    since = clock.now() - HEAD_LATE_AFTER
    outlets = AuditOutlet.objects.exclude(name=AuditOutlet.Name.EVENTS).order_by("name")
    failed = [
        outlet for outlet in outlets if outlet.error and (outlet.sent_at is None or outlet.sent_at < since)
    ]
    last = max((outlet.sent_at for outlet in outlets if outlet.sent_at), default=None)
    if failed or last is None or last < since:
        errors = ", ".join(f"{outlet.get_name_display()} ({outlet.error})" for outlet in failed)
        return Finding(
            "wrong",
            gettext(
                "In the last three hours, at least one destination has received no signed checkpoint: %(errors)s."
            )
            % {"errors": errors or gettext("no worker has sent one")},
            gettext(
                "Run `manage.py sign_head` to try again. Until a checkpoint is sent, nobody can prove "
                "later that the newest part of the audit log is unchanged."
            ),
        )
    return Finding(
        "ok",
        gettext("The worker sent the last signed checkpoint on %(moment)s UTC.")
        % {"moment": date_format(last, "ENDED")},
    )


CHECKS = (
    Check("database.reach", _("Connection to the database"), check_database),
    Check(
        "database.migrations",
        _("Tables and columns of the database"),
        check_migrations,
        needs=("database.reach",),
    ),
    Check(
        "database.in_use",
        _("Database in use, not a restored copy"),
        check_restored_copy,
        needs=("database.migrations",),
    ),
    Check(
        "database.clock",
        _("Clock of the database"),
        check_database_clock,
        needs=("database.reach",),
    ),
    Check(
        "database.role",
        _("Rights of the database role"),
        check_database_role,
        needs=("database.migrations",),
    ),
    Check("worker.alive", _("Activity of the worker"), check_worker, needs=("database.migrations",)),
    Check("jobs.given_up", _("Failed jobs"), check_failed_jobs, needs=("database.migrations",)),
    Check("jobs.failing", _("Jobs that keep failing"), check_failing_jobs, needs=("database.migrations",)),
    Check(
        "audit.end",
        _("Latest events in the audit log"),
        check_audit_end,
        needs=("database.migrations",),
    ),
    Check(
        "audit.outside",
        _("Sending of signed checkpoints"),
        check_audit_outside,
        needs=("database.migrations",),
    ),
)
