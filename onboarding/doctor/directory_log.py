"""The doctor's check of the comparison with Entra's audit log."""

from __future__ import annotations

from datetime import timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding import clock
from onboarding.doctor.context import DoctorRun
from onboarding.doctor.runner import Check, Finding
from onboarding.models import DirectoryFinding, DirectoryLog

LATE_AFTER = timedelta(hours=3)


def check_directory_log(_run: DoctorRun) -> Finding:
    position = DirectoryLog.objects.filter(id=1).first()
    findings = DirectoryFinding.objects.filter(closed_at=None)
    alarms = findings.exclude(kind=DirectoryFinding.Kind.NOT_LOGGED).count()
    if alarms:
        words = ngettext(
            "Entra lists %(count)s pass that is missing from the portal’s audit log.",
            "Entra lists %(count)s passes that are missing from the portal’s audit log.",
            alarms,
        )
        fix = gettext("The administration’s home page lists these passes and says what to do.")
        return Finding("wrong", words % {"count": alarms}, fix)
    if position is not None and position.refused_at:
        words = gettext(
            "The portal is not allowed to read Entra’s audit log, so it raises no alarm about passes that "
            "someone creates outside the portal. This check is optional."
        )
        return Finding("skipped", words, gettext("Grant AuditLog.Read.All to the portal’s identity."))
    if position is None or position.read_at is None:
        return Finding(
            "unknown",
            gettext("The portal has not read Entra’s audit log yet. The worker will read it automatically."),
        )
    if clock.now() - position.read_at > LATE_AFTER:
        words = gettext("The portal has not read all of Entra’s audit log since %(moment)s UTC.")
        fix = gettext("Run `manage.py reconcile_directory` to see what fails.")
        return Finding("wrong", words % {"moment": date_format(position.read_at, "ENDED")}, fix)
    if notices := findings.count():
        words = ngettext(
            "%(count)s pass that the portal created is missing from Entra’s audit log. The administration’s "
            "home page lists this pass.",
            "%(count)s passes that the portal created are missing from Entra’s audit log. The administration’s "
            "home page lists these passes.",
            notices,
        )
        return Finding("unknown", words % {"count": notices})
    return Finding(
        "ok", gettext("The portal created every pass that Entra’s audit log lists for the portal’s identity.")
    )


CHECKS = (
    Check(
        "audit.directory",
        _("Comparison with Entra’s audit log"),
        check_directory_log,
        ("database.migrations",),
    ),
)
