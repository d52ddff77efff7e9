"""Which callback addresses the portal takes, and which network addresses it connects to.

The name is checked against the policy, and the addresses that it resolves to when the portal connects. The connection
goes to exactly the address that was checked, so a name that resolves to another address later changes nothing.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

from onboarding import policy
from onboarding.models import SitePolicy
from onboarding.policy.destinations import Network

LONGEST_URL = 2048
MOST_ADDRESSES = 3  # that are tried of one name
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
LOOPBACK_NAMES = {"localhost", "127.0.0.1"}

# What is not the public internet: the special-purpose registries of IANA, and what clouds use inside.
REFUSED_V4 = tuple(
    ip_network(line)
    for line in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's platform, which answers every virtual machine
    )
)  # fmt: skip
PUBLIC_V6 = ip_network("2000::/3")
# Of the public range: protocol assignments with Teredo, documentation, and 6to4, which carries an IPv4 address.
REFUSED_V6 = tuple(ip_network(line) for line in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


class AddressRefused(Exception):
    """`code` says why; the address itself is never in an error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, repr=False)
class Callback:
    """A callback address that the policy allows. It has no repr, because its query can hold a key."""

    url: str
    host: str
    port: int
    is_local: bool  # plain http to this machine, in the sandbox only

    @property
    def shown_host(self) -> str:
        return self.host if self.port == (80 if self.is_local else 443) else f"{self.host}:{self.port}"


def check_url(url: str, rules: SitePolicy) -> Callback:
    """Raises AddressRefused unless it is a https address whose host the policy lists."""
    if len(url) > LONGEST_URL:
        raise AddressRefused("too_long")
    if not VISIBLE_ASCII.fullmatch(url) or "\\" in url:
        raise AddressRefused("invalid")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("invalid") from None
    if parts.username is not None or parts.password is not None or parts.fragment or not host or port == 0:
        raise AddressRefused("invalid")
    is_local = settings.SANDBOX and parts.scheme == "http" and host in LOOPBACK_NAMES
    if parts.scheme != "https" and not is_local:
        raise AddressRefused("not_https")
    if not policy.is_allowed_host(rules, host):
        raise AddressRefused("host_not_allowed")
    return Callback(url, host, port or (80 if is_local else 443), is_local)


def resolve_checked(callback: Callback, rules: SitePolicy) -> list[str]:
    """Return the network addresses to connect to. Raises AddressRefused, also if only one of several is refused."""
    found = _resolve(callback.host, callback.port)
    if not found:
        raise AddressRefused("not_resolved")
    ranges = (
        (ip_network("127.0.0.0/8"), ip_network("::1")) if callback.is_local else policy.allowed_ranges(rules)
    )
    for address in found:
        if not is_permitted(address, ranges) or (callback.is_local and is_permitted(address)):
            raise AddressRefused("address_not_allowed")
    return found[:MOST_ADDRESSES]


def is_permitted(address: str, ranges: Iterable[Network] = ()) -> bool:
    """Return whether the portal connects to this network address: a public one, or one in `ranges`."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.scope_id:
        return False  # of one link
    return any(_is_in(parsed, network) for network in ranges) or _is_public(parsed)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(_is_in(address, network) for network in REFUSED_V4)
    # Outside the public range are also IPv4 addresses in the clothes of IPv6 (mapped, compatible, NAT64).
    return address in PUBLIC_V6 and not any(_is_in(address, network) for network in REFUSED_V6)


def _is_in(address: IPv4Address | IPv6Address, network: Network) -> bool:
    return address.version == network.version and address in network


def _resolve(host: str, port: int) -> list[str]:
    """Ask the resolver once. IPv4 comes first, because many servers have no way out over IPv6."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    ordered = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)
    return list(dict.fromkeys(str(entry[4][0]) for entry in ordered))
