"""The portal's own side: database, worker, jobs, and the end of the audit trail."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import audit, clock, jobs
from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.visit import Visit
from onboarding.models import AuditHead, Job

CLOCKS_AGREE = 60.0  # seconds: more than that and a fresh sign-in looks stale, and a new pass old
LAST_EVENTS = 100


def database_answers(_visit: Visit) -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        return Finding(
            "wrong",
            gettext("The database does not answer (%(error)s).") % {"error": type(error).__name__},
            gettext(
                "Start the database, or put right DATABASE_URL and what stands between it and this machine."
            ),
        )
    return Finding("ok", {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(connection.vendor, ""))


def migrations_are_applied(_visit: Visit) -> Finding:
    loader = MigrationLoader(connection)
    missing = sorted(set(loader.graph.nodes) - set(loader.applied_migrations))
    if missing:
        names = ", ".join(f"{app} {name}" for app, name in missing)
        return Finding(
            "wrong",
            gettext("Not applied: %(names)s.") % {"names": names},
            gettext("Run `manage.py migrate`."),
        )
    return Finding("ok", gettext("The tables are those of this release."))


def database_clock_agrees(_visit: Visit) -> Finding:
    apart = (clock.now() - timezone.now()).total_seconds()
    if abs(apart) > CLOCKS_AGREE:
        words = (
            gettext("The database's clock is %(seconds)s seconds ahead of this machine's.")
            if apart > 0
            else gettext("The database's clock is %(seconds)s seconds behind this machine's.")
        )
        return Finding(
            "wrong",
            words % {"seconds": round(abs(apart))},
            gettext("Let both machines take the time from a time server."),
        )
    return Finding("ok", gettext("Within a minute of each other."))


def a_worker_lives(_visit: Visit) -> Finding:
    if jobs.a_worker_lives():
        return Finding("ok", gettext("A worker said so within the last minute and a half."))
    return Finding(
        "wrong",
        gettext("No worker has said that it lives. Without one no pass is made, and no mail is sent."),
        gettext("Start `manage.py serve`, which runs one, or `manage.py worker` beside the site."),
    )


def no_job_was_given_up(_visit: Visit) -> Finding:
    given_up = Job.objects.filter(failed_at__isnull=False).values_list("key", flat=True)
    kinds = sorted({key.partition(":")[0] for key in given_up[:1000]})
    if not kinds:
        return Finding("ok", gettext("None."))
    return Finding(
        "wrong",
        gettext("%(count)s given up, of the kind %(kinds)s.")
        % {"count": given_up.count(), "kinds": ", ".join(kinds)},
        gettext(
            "Open Jobs in the administration: each says why. When the cause is gone, start them again there."
        ),
    )


def the_trail_ends_well(_visit: Visit) -> Finding:
    fault = next(audit.verify_end(LAST_EVENTS), None)
    if fault is None:
        return Finding(
            "ok",
            gettext("%(count)s events; the last %(last)s are as they were written.")
            % {"count": AuditHead.objects.get(id=1).seq, "last": LAST_EVENTS},
        )
    return Finding(
        "wrong",
        gettext("Event %(number)s: %(what)s.") % {"number": fault.seq, "what": fault.what},
        gettext(
            "Run `manage.py verify_audit` for the whole trail, and keep a copy of the database for whoever looks into it."
        ),
    )


CHECKS = (
    Check("database.reach", _("The database answers"), database_answers),
    Check(
        "database.migrations",
        _("The database is migrated"),
        migrations_are_applied,
        needs=("database.reach",),
    ),
    Check(
        "database.clock",
        _("The database's clock is right"),
        database_clock_agrees,
        needs=("database.reach",),
    ),
    Check("worker.alive", _("A worker is alive"), a_worker_lives, needs=("database.migrations",)),
    Check("jobs.given_up", _("No job was given up"), no_job_was_given_up, needs=("database.migrations",)),
    Check(
        "audit.end",
        _("The end of the audit trail is as it was written"),
        the_trail_ends_well,
        needs=("database.migrations",),
    ),
)
