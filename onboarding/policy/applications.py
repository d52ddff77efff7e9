"""Which applications can use the API, and for which systems: `api_applications` of the policy.

One line has the client ID of an application and the names of its sources, such as `servicenow`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.utils.translation import gettext

from onboarding.models import SitePolicy
from onboarding.models.policy_settings import PolicySettings

CLIENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SOURCE = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def allowed_sources(rules: SitePolicy, application_id: str) -> frozenset[str]:
    """Return the sources that this application can use; empty if the policy does not list it."""
    return parse_applications(rules.api_applications).get(application_id.lower(), frozenset())


def is_trusted_source(rules: SitePolicy, source: str) -> bool:
    """Return whether HR need not accept this source's starters if a person in HR requested them."""
    return source in rules.api_trusted_sources.split()


def find_faults(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    """Yield each field with a line that cannot be read, with the reason."""
    for line in rules.api_applications.splitlines():
        client_id, *sources = line.split()
        if not CLIENT_ID.fullmatch(client_id):
            yield "api_applications", gettext("“%(line)s” does not begin with a client ID.") % {"line": line}
        elif not sources:
            yield (
                "api_applications",
                gettext(
                    "“%(line)s” contains no system. After the client ID, enter the systems whose tickets "
                    "this application can use."
                )
                % {"line": line},
            )
        for name in sources:
            if not SOURCE.fullmatch(name):
                yield "api_applications", _name_error(name)
    listed = {name for names in parse_applications(rules.api_applications).values() for name in names}
    for name in rules.api_trusted_sources.split():
        if name not in listed:
            yield (
                "api_trusted_sources",
                gettext(
                    "No application in the list above can use the system “%(name)s”. First add the system "
                    "to an application."
                )
                % {"name": name},
            )


def _name_error(name: str) -> str:
    return gettext("“%(name)s” is not a valid system name. Use lower-case letters, digits and hyphens.") % {
        "name": name
    }


def parse_applications(text: str) -> dict[str, frozenset[str]]:
    """Return the sources by client ID. An application that has several lines has the sources of all."""
    found: dict[str, frozenset[str]] = {}
    for line in text.splitlines():
        if words := line.lower().split():
            found[words[0]] = found.get(words[0], frozenset()) | frozenset(words[1:])
    return found
