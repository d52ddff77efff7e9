"""System checks for the person who installs the portal: `manage.py check --deploy`.

Invalid settings fail earlier. These settings are valid, but probably wrong for a real installation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.utils.translation import gettext


@register(Tags.security, deploy=True)
def check_real_tenant(**_: Any) -> list[CheckMessage]:
    if not settings.SANDBOX:
        return []
    return [
        checks.Warning(
            gettext("The portal uses the sandbox tenant, where anyone can sign in as anyone."),
            hint=gettext("Set AZURE_TENANT_ID to the id of your tenant."),
            id="portal.W001",
        )
    ]


@register(Tags.security, deploy=True)
def check_proxy(**_: Any) -> list[CheckMessage]:
    if settings.LOOPBACK or settings.BEHIND_PROXY:
        return []
    return [
        checks.Warning(
            gettext(
                "PORTAL_URL starts with https, but BEHIND_PROXY is off. The server itself uses http, so every page "
                "would redirect to itself endlessly."
            ),
            hint=gettext(
                "Use a proxy that always sets the X-Forwarded-Proto header itself, even if a visitor sends "
                "one. Then set BEHIND_PROXY=on."
            ),
            id="portal.W002",
        )
    ]


@register(Tags.security, deploy=True)
def check_organisation_name(**_: Any) -> list[CheckMessage]:
    if settings.SANDBOX or settings.ORGANISATION_NAME != "Your organisation":
        return []
    return [
        checks.Warning(
            gettext("No organisation name is set, so pages and emails say `Your organisation`."),
            hint=gettext(
                "Set ORGANISATION_NAME, and set SUPPORT_CONTACT to the address where people get help."
            ),
            id="portal.W003",
        )
    ]


@register(Tags.security, deploy=True)
def check_file_permissions(**_: Any) -> list[CheckMessage]:
    """A user who can change the file could replace the key."""
    named = {
        "SECRET_KEY_FILE": [settings.SECRET_KEY_FILE],
        "SECRET_KEY_FALLBACK_FILES": settings.SECRET_KEY_FALLBACK_FILES,
        "AZURE_CLIENT_CERTIFICATE_PATH": [settings.AZURE_CLIENT_CERTIFICATE_PATH],
        "SIGN_IN_CERTIFICATE_PATH": [settings.SIGN_IN_CERTIFICATE_PATH],
        "AZURE_FEDERATED_TOKEN_FILE": [settings.AZURE_FEDERATED_TOKEN_FILE],
    }
    return [
        checks.Warning(
            gettext(
                "Every user of this machine can change the file set in %(setting)s. Let only the portal’s user "
                "change it."
            )
            % {"setting": name},
            id="portal.W004",
        )
        for name, paths in named.items()
        if any(path and Path(path).stat().st_mode & 0o002 for path in paths)
    ]


@register(Tags.database, deploy=True)
def check_database_engine(**_: Any) -> list[CheckMessage]:
    if not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        return []
    return [
        checks.Info(
            gettext(
                "The database is SQLite. It supports only one server and must not be on a network drive."
            ),
            hint=gettext("To use more than one server, set DATABASE_URL to a PostgreSQL database."),
            id="portal.I001",
        )
    ]
