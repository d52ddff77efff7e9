"""`manage.py renew_audit_keys`: after a change of SECRET_KEY, where the portal itself gets no earlier key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from onboarding import audit
from onboarding.models import AuditHead


class Command(BaseCommand):
    help = (
        "Encrypt the keys of the audit log again under SECRET_KEY, and let later events have a new key. It needs the earlier "
        "key in SECRET_KEY_FALLBACKS. The worker does this at each start."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = audit.renew_keys()
        if unreadable:
            raise CommandError(
                f"No key in SECRET_KEY or SECRET_KEY_FALLBACKS opens these keys of the audit log: {', '.join(unreadable)}."
            )
        key = AuditHead.objects.get(id=1).key
        self.stdout.write(
            f"SECRET_KEY opens all keys of the audit log. The one in use is {key or 'not made yet'}."
        )
