"""How Django knows this application."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OnboardingConfig(AppConfig):
    name = "onboarding"
    verbose_name = _("Onboarding")

    def ready(self) -> None:
        from onboarding.hooks import following
        from onboarding.operations import installation  # noqa: F401 - registers a system check

        following.follow_audit_events()
