"""MSAL insists on https, the sandbox speaks http: one reserved origin is mapped, in this process only."""

from __future__ import annotations

from collections.abc import Mapping

import requests

from portal.http_deadline import DeadlineAdapter
from portal.sandbox.options import LOGIN_ORIGIN


class SandboxLoginAdapter(DeadlineAdapter):
    """Mount it on `https://login.sandbox.invalid`: such requests go to the sandbox's address instead."""

    def __init__(self, sandbox_url: str) -> None:
        self.sandbox_url = sandbox_url.rstrip("/")
        super().__init__()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        request = request.copy()
        request.url = on_sandbox(str(request.url), self.sandbox_url)
        # Never through a proxy: the sandbox is on this machine.
        return super().send(request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies={})


def on_sandbox(address: str, sandbox_url: str) -> str:
    """The same address at the sandbox; any other origin stays as it is."""
    if address == LOGIN_ORIGIN or address.startswith(f"{LOGIN_ORIGIN}/"):
        return sandbox_url.rstrip("/") + address.removeprefix(LOGIN_ORIGIN)
    return address
