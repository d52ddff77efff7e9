"""Sends one webhook by HTTP: to the address that was checked, without redirects, within a deadline."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import NewConnectionError

from onboarding.hooks import addresses, retry_after
from onboarding.hooks.addresses import AddressRefused, Callback
from onboarding.models import SitePolicy

CONNECT_SECONDS, READ_SECONDS = 5, 10
MOST_BYTES = 4096  # that are read of an answer
USER_AGENT = "starter-pass-portal"


@dataclass(frozen=True)
class Outcome:
    """What became of one try. `error` is a code or the name of an error, never an address or an answer.

    `pause` is how long the receiver asks the portal to wait.
    """

    status: int | None = None
    error: str = ""
    pause: timedelta = retry_after.NONE

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == 410


class PinnedAdapter(HTTPAdapter):
    """Connects to one checked network address. TLS still verifies the name of the host."""

    address = host = ""

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        made: Any = super().build_connection_pool_key_attributes(*args, **kwargs)
        host_params, pool_kwargs = made
        host_params["host"] = self.address
        if host_params["scheme"] == "https":
            pool_kwargs["server_hostname"] = self.host
        return host_params, pool_kwargs


@sensitive_variables()
def post(url: str, body: bytes, headers: Mapping[str, str], rules: SitePolicy) -> Outcome:
    """Send once. Every failure is an outcome."""
    try:
        callback = addresses.check_url(url, rules)
        request = _prepare(callback, body, headers)
        if is_proxied(callback):
            return _send(request, "", callback)
        return _send_to_first(request, addresses.resolve_checked(callback, rules), callback)
    except AddressRefused as refused:
        return Outcome(error=refused.code)
    except Exception as error:  # its text can contain the callback address, so only the type is kept
        return Outcome(error=type(error).__name__[:60])


def is_proxied(callback: Callback) -> bool:
    """Return whether a proxy of the environment sends it. That proxy then resolves the name, so nothing checks it."""
    return not callback.is_local and _has_proxy(callback.url)


def list_proxied_hosts(rules: SitePolicy) -> list[str]:
    """Return the lines of the policy's list of hosts that a proxy of the environment would send to."""
    return [line for line in rules.hook_hosts.split() if _has_proxy(f"https://{line.removeprefix('*.')}/")]


def _has_proxy(url: str) -> bool:
    return bool(select_proxy(url, get_environ_proxies(url)))


@sensitive_variables()
def _prepare(callback: Callback, body: bytes, headers: Mapping[str, str]) -> requests.PreparedRequest:
    """Without a session: it would keep cookies, follow redirects and read a .netrc file."""
    own = {"Content-Type": "application/json", "User-Agent": USER_AGENT, "Connection": "close"}
    sent = {**own, **headers, "Host": callback.shown_host}
    return requests.Request("POST", callback.url, data=body, headers=sent).prepare()


@sensitive_variables()
def _send_to_first(request: requests.PreparedRequest, found: list[str], callback: Callback) -> Outcome:
    """Try the next address only if no connection was made."""
    for address in found[:-1]:
        try:
            return _send(request, address, callback)
        except requests.ConnectionError as error:
            if not _was_never_connected(error):
                raise
    return _send(request, found[-1], callback)


def _was_never_connected(error: Exception) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


@sensitive_variables()
def _send(request: requests.PreparedRequest, address: str, callback: Callback) -> Outcome:
    """Send to this network address; without one, over the proxy."""
    environment = _environment(callback)
    with closing(_adapter(address, callback)) as adapter:
        response = adapter.send(
            request,
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            verify=environment["verify"],
            proxies={} if address else environment["proxies"],
        )
        with closing(response), suppress(Exception):  # the status is the answer
            response.raw.read(MOST_BYTES, decode_content=False)
        return Outcome(status=response.status_code, pause=_pause_of(response))


def _pause_of(response: requests.Response) -> timedelta:
    if response.status_code not in retry_after.STATUSES:
        return retry_after.NONE
    return retry_after.read_retry_after(response.headers.get("Retry-After"), timezone.now())


def _environment(callback: Callback) -> dict[str, Any]:
    """Return the proxies and certificate authorities that the environment names, as everywhere in the portal."""
    if callback.is_local:
        return {"verify": True, "proxies": {}}
    found: Any = requests.Session().merge_environment_settings(callback.url, {}, None, None, None)
    return {"verify": found["verify"], "proxies": found["proxies"]}


def _adapter(address: str, callback: Callback) -> HTTPAdapter:
    """Return an adapter with the portal's own deadline."""
    base = import_string(settings.HTTP_ADAPTER)
    made: Any = type("PinnedDeadlineAdapter", (PinnedAdapter, base), {})() if address else base()
    if address:
        made.address, made.host = address, callback.host
    return made  # type: ignore[no-any-return]
