"""The doctor's look at the site's own settings: what Django and the portal have to say about them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


def settings_make_sense(_visit: Any) -> tuple[str, str, str]:
    """All that `check --deploy` says; of a pretend tenant only what would be wrong there too."""
    found = checks.run_checks(include_deployment_checks=not settings.SANDBOX)
    grave = [one for one in found if one.level >= checks.WARNING and not one.is_silenced()]
    if grave:
        said = "; ".join(f"{one.id}: {one.msg}" for one in grave)
        hints = " ".join(str(one.hint) for one in grave if one.hint)
        return "wrong", said, hints or gettext("Run `manage.py check --deploy`: it says more.")
    words = (
        gettext("Nothing to complain of, for the pretend tenant: what only a real one needs was left out.")
        if settings.SANDBOX
        else gettext("Nothing to complain of, for a real tenant.")
    )
    return "ok", words, ""


CHECKS = (("settings.sense", _("The settings make sense"), settings_make_sense, ()),)
