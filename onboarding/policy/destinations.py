"""Where webhooks can go: `hook_hosts` and `hook_private_ranges` of the policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from django.utils.translation import gettext

from onboarding.models import SitePolicy
from onboarding.models.policy_settings import PolicySettings

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"{LABEL}(\.{LABEL})*|\*(\.{LABEL}){{2,}}")
Network = IPv4Network | IPv6Network


def is_allowed_host(rules: SitePolicy, host: str) -> bool:
    """Return whether the policy lists this host, by its name or below a `*`."""
    name = host.lower()
    return any(
        name.endswith(line[1:]) and name != line[2:] if line.startswith("*.") else name == line
        for line in rules.hook_hosts.split()
    )


def allowed_ranges(rules: SitePolicy) -> tuple[Network, ...]:
    """Return the networks that webhooks can reach although they are not public."""
    return tuple(ip_network(line) for line in rules.hook_private_ranges.split())


def find_faults(rules: PolicySettings) -> Iterator[tuple[str, str]]:
    """Yield each field with a line that cannot be read, with the reason."""
    for line in rules.hook_hosts.splitlines():
        if line and (len(line) > 253 or not HOST.fullmatch(line)):
            yield (
                "hook_hosts",
                gettext("“%(line)s” is not a host name. Enter one per line, without https://.")
                % {"line": line[:80]},
            )
    for line in rules.hook_private_ranges.splitlines():
        if line and not _is_network(line):
            yield (
                "hook_private_ranges",
                gettext("“%(line)s” is not an address range such as 10.20.0.0/16. Enter one per line.")
                % {"line": line[:80]},
            )


def _is_network(line: str) -> bool:
    """Everything is no range: `0.0.0.0/0` would turn the check off."""
    try:
        return ip_network(line).prefixlen > 0
    except ValueError:
        return False
