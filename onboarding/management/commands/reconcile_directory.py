"""`manage.py reconcile_directory`: compare Entra's audit log with the portal's, now."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from onboarding import graph
from onboarding.directory_log import after_restore, reading
from onboarding.models import DirectoryFinding
from onboarding.restored import use


class Command(BaseCommand):
    help = (
        "Compare the passes in Entra's audit log with the portal's audit log, from where the last comparison ended. "
        "After `manage.py adopt`, first look for passes that the restored database does not know. The worker does "
        "the same every 15 minutes. Exit status: 0 no alarm is open, 1 an alarm is open or the comparison is not "
        "complete."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if words := use.not_in_use_error():
            raise CommandError(words)
        unchecked, unread = after_restore.check_all(time.sleep), ""
        try:
            reading.read_to_the_end(time.sleep)
        except graph.GraphError as error:
            unread = f"Entra's audit log could not be read to the end: {error}"
        alarms = self.list_findings()
        if unchecked:
            raise CommandError(
                f"Starters that could not be checked yet: {unchecked}. The worker will try them again."
            )
        if unread:
            raise CommandError(unread)
        if alarms:
            raise CommandError(
                f"Open alarms: {alarms}. An admin must mark them as resolved in the administration."
            )
        self.stdout.write("The portal's audit log explains every pass in Entra's audit log.")

    def list_findings(self) -> int:
        """Print each open finding, and return how many are alarms."""
        alarms = 0
        for finding in DirectoryFinding.objects.filter(closed_at=None).order_by("found_at"):
            alarms += finding.is_alarm
            word = "alarm" if finding.is_alarm else "notice"
            self.stderr.write(
                f"{word}, event {finding.event}: {finding.describe()} ({finding.at:%Y-%m-%d %H:%M} UTC)"
            )
        return alarms
