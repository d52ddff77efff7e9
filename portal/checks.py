"""System checks: what `manage.py check --deploy` tells whoever installs the portal.

Nonsense never gets this far; these are settings that make sense somewhere, and probably not here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.utils.translation import gettext


@register(Tags.security, deploy=True)
def is_for_real(**_: Any) -> list[CheckMessage]:
    if not settings.SANDBOX:
        return []
    return [
        checks.Warning(
            gettext("The portal is set to the pretend tenant, where anyone can sign in as anyone."),
            hint=gettext("Set AZURE_TENANT_ID to the id of your tenant."),
            id="portal.W001",
        )
    ]


@register(Tags.security, deploy=True)
def can_be_reached(**_: Any) -> list[CheckMessage]:
    if settings.LOOPBACK or settings.BEHIND_PROXY:
        return []
    return [
        checks.Warning(
            gettext(
                "PORTAL_URL is https and BEHIND_PROXY is off. The server itself speaks http, so every page would "
                "redirect to itself for ever."
            ),
            hint=gettext(
                "Put a proxy in front that sets X-Forwarded-Proto, dropping what the visitor sent, and set "
                "BEHIND_PROXY=on."
            ),
            id="portal.W002",
        )
    ]


@register(Tags.security, deploy=True)
def says_who_to_ask(**_: Any) -> list[CheckMessage]:
    if settings.SANDBOX or settings.ORGANISATION_NAME != "Your organisation":
        return []
    return [
        checks.Warning(
            gettext("Pages and mails call the organisation `Your organisation`."),
            hint=gettext("Set ORGANISATION_NAME, and SUPPORT_CONTACT to where people find help."),
            id="portal.W003",
        )
    ]


@register(Tags.security, deploy=True)
def keys_are_private(**_: Any) -> list[CheckMessage]:
    """A file that anyone on the machine may change can be made to name another key."""
    named = {
        "SECRET_KEY_FILE": settings.SECRET_KEY_FILE,
        "AZURE_CLIENT_CERTIFICATE_PATH": settings.AZURE_CLIENT_CERTIFICATE_PATH,
        "SIGN_IN_CERTIFICATE_PATH": settings.SIGN_IN_CERTIFICATE_PATH,
        "AZURE_FEDERATED_TOKEN_FILE": settings.AZURE_FEDERATED_TOKEN_FILE,
    }
    return [
        checks.Warning(
            gettext("Anyone on this machine may write the file that %(setting)s names.") % {"setting": name},
            id="portal.W004",
        )
        for name, path in named.items()
        if path and Path(path).stat().st_mode & 0o002
    ]


@register(Tags.database, deploy=True)
def one_server_only(**_: Any) -> list[CheckMessage]:
    if not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return []
    return [
        checks.Info(
            gettext(
                "The database is SQLite: right for one server, wrong for two, and never on a network disk."
            ),
            hint=gettext("For more than one server set DATABASE_URL to PostgreSQL."),
            id="portal.I001",
        )
    ]
