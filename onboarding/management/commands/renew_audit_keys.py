"""`manage.py renew_audit_keys`: after a change of SECRET_KEY, where the portal itself gets no earlier key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from onboarding import audit
from onboarding.models import AuditHead


class Command(BaseCommand):
    help = (
        "After a change of SECRET_KEY, encrypt the keys of the audit log again and use a new key for later events. "
        "The earlier SECRET_KEY must be in SECRET_KEY_FALLBACKS. The worker does this at each start."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = audit.renew_keys()
        if unreadable:
            raise CommandError(
                f"No key in SECRET_KEY or SECRET_KEY_FALLBACKS opens these keys of the audit log: "
                f"{', '.join(unreadable)}. Add the earlier SECRET_KEY to SECRET_KEY_FALLBACKS."
            )
        key = AuditHead.objects.get(id=1).key
        self.stdout.write(
            f"SECRET_KEY opens all keys of the audit log. The key in use is {key or 'not created yet'}."
        )
