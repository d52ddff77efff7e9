"""How Django knows this application."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OnboardingConfig(AppConfig):
    name = "onboarding"
    verbose_name = _("Onboarding")

    def ready(self) -> None:
        from onboarding.hooks import following
        from onboarding.mail import policy_mails
        from onboarding.operations import installation  # noqa: F401 - registers a system check

        following.follow_audit_events()
        policy_mails.follow_policy_changes()
        post_migrate.connect(install_triggers, sender=self)


def install_triggers(*, using: str, apps: Any = None, **_: Any) -> None:
    """Create the triggers of the audit log again after each `migrate`, which may have rebuilt a table without them.

    Django sends the signal after a `flush` too, then without `apps`.
    """
    from onboarding.audit import triggers

    if apps is not None:
        triggers.install_triggers(connections[using])
