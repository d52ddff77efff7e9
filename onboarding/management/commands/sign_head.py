"""`manage.py sign_head`: sign the head of the audit log now, and send it where the hourly job sends it."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from onboarding.audit.signed_heads import UnusableKey
from onboarding.restored import use
from onboarding.worker.audit_outlets import HeadNotSent, send_head


class Command(BaseCommand):
    help = (
        "Sign the last event of the audit log (the head) with the key in AUDIT_SIGNING_KEY_FILE. Send it to the server log, "
        "AUDIT_HEAD_FILE and AUDIT_HEAD_URL, and print it. The worker does the same every hour."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.AUDIT_SIGNING_KEY_FILE:
            raise CommandError("AUDIT_SIGNING_KEY_FILE is not set, so there is no key to sign with.")
        if words := use.not_in_use_error():
            raise CommandError(words)
        try:
            head = send_head()
        except UnusableKey as error:
            raise CommandError(f"The file in AUDIT_SIGNING_KEY_FILE cannot be used: {error}.") from None
        except HeadNotSent as error:
            raise CommandError(f"{error} `manage.py doctor` shows each error.") from None
        self.stdout.write(json.dumps(head, sort_keys=True))
