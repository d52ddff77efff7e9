"""The doctor's check of the site's settings: the system checks of Django and the portal."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


def settings_make_sense(_visit: Any) -> tuple[str, str, str]:
    """Run the system checks; with a real tenant also those of `check --deploy`."""
    found = checks.run_checks(include_deployment_checks=not settings.SANDBOX)
    grave = [message for message in found if message.level >= checks.WARNING and not message.is_silenced()]
    if grave:
        said = "; ".join(f"{message.id}: {message.msg}" for message in grave)
        hints = " ".join(str(message.hint) for message in grave if message.hint)
        return "wrong", said, hints or gettext("Run `manage.py check --deploy` for details.")
    words = (
        gettext("Checks for the sandbox tenant found no problems. Checks for a real tenant were skipped.")
        if settings.SANDBOX
        else gettext("Checks for a real tenant found no problems.")
    )
    return "ok", words, ""


CHECKS = (("settings.sense", _("Settings"), settings_make_sense, ()),)
