"""The demo on free ports and with data of its own: the tour and the browser tests walk through it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from django.conf import settings

from portal.supervisor import manage_command

# Generous, because a shared machine can pause for half a minute. `wait_for` returns as soon as it can.
PATIENCE = 600.0


@dataclass(frozen=True)
class RunningDemo:
    """Where it runs, and the environment in which another command sees the same data."""

    portal_url: str
    sandbox_url: str
    folder: Path
    environment: Mapping[str, str]


@contextmanager
def running_demo(
    *words: str,
    complaints: int | None = None,
    furnish: Callable[[Path], None] | None = None,
    **variables: str,
) -> Iterator[RunningDemo]:
    """`manage.py demo` with these words and variables, in a folder that is removed afterwards.

    `complaints` is the file that gets what it writes to standard error. `furnish` puts into the folder what is there
    before the start. Raises RuntimeError.
    """
    (settings.BASE_DIR / "var").mkdir(exist_ok=True)
    folder = tempfile.mkdtemp(prefix="running-", dir=settings.BASE_DIR / "var")
    if furnish:
        furnish(Path(folder))
    portal, sandbox = f"http://localhost:{free_port()}", f"http://127.0.0.1:{free_port()}"
    own = {"PORTAL_URL": portal, "SANDBOX_URL": sandbox, "PORTAL_DATA_DIR": folder, "DATABASE_URL": ""}
    environment = {**os.environ, "LOG_LEVEL": "ERROR", "AUDIT_TO_LOG": "off", **own, **variables}
    demo = subprocess.Popen(
        manage_command("demo", "--quiet", *words),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=complaints,
        start_new_session=True,
    )
    try:
        wait_for(lambda: demo.poll() is not None or is_up(portal, sandbox), "the portal to start")
        if demo.poll() is not None:
            raise RuntimeError("The portal did not start; the lines above say why.")
        yield RunningDemo(portal, sandbox, Path(folder), environment)
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


# In tests and benchmarks one manager creates all passes, far more than a policy usually allows.
RAISE_LIMITS_CODE = """
from onboarding import audit, policy
from onboarding.models import PolicyVersion
with audit.transaction():
    before = policy.for_site()
    version = PolicyVersion.objects.create(
        reason="Tried in bulk", manager_daily=1000, hr_daily=10000, site_daily=100000,
        hr_look_ups_daily=100000, hr_links_daily=10000, manager_refusals_daily=1000, **{otherwise}
    )
    policy.record_version(version, policy.compare_versions(before, version, version), by=None)
"""


def raise_daily_limits(environment: Mapping[str, str], **otherwise: object) -> None:
    """Raise the daily limits of passes in the portal with this environment.

    `otherwise` sets further policy fields.
    """
    code = RAISE_LIMITS_CODE.format(otherwise=otherwise)
    subprocess.run(manage_command("shell", "-v", "0", "-c", code), env=dict(environment), check=True)


def wait_for(look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return the first true result of `look`. Raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")


def is_up(*addresses: str) -> bool:
    try:
        return all(requests.get(f"{a}/livez" if "localhost" in a else a, timeout=5).ok for a in addresses)
    except requests.RequestException:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
