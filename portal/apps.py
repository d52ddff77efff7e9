"""The portal as a Django application: people, sign-in, headers, pages outside the apps."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = _("Portal")

    def ready(self) -> None:
        from portal import checks  # noqa: F401 - registers the system checks
        from portal.signin import session  # noqa: F401 - listens for sign-ins
