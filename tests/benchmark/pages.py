"""How long each page takes, compared with a bare Django view on the same server, and the processes' memory."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from portal.demo.process import free_port, is_up, wait_for
from portal.sandbox.caller import command_of
from portal.supervisor import CLEAN_MEMORY
from tests.faults.replicas import Portal

ROUNDS = 60


def measure(site: Portal) -> Iterator[tuple[str, float, float]]:
    """Each page's name, its milliseconds, and how many bare views that is."""
    starter = site.starters(1)[0]
    hanna, maria = site.person("hanna"), site.person("maria")
    with bare() as address:
        plain = median(requests.Session(), f"{address}/livez")
    yield "a bare view of Django", plain, 1.0
    for what, session, path in (
        ("/livez", requests.Session(), "/livez"),
        ("/readyz", requests.Session(), "/readyz"),
        ("the page after signing out", requests.Session(), "/signout/done/"),
        ("the manager's first page", maria.http, "/starters/"),
        ("the starter's page (asks Microsoft)", maria.http, starter.page),
        ("HR's list", hanna.http, "/hr/"),
        ("HR's page of a starter", hanna.http, starter.page.replace("/starters/", "/hr/")),
        ("HR's form", hanna.http, "/hr/new/"),
    ):
        taken = median(session, f"{site.urls[0]}{path}")
        yield what, taken, taken / plain


def median(session: requests.Session, address: str) -> float:
    session.trust_env = False
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        session.get(address, timeout=60, allow_redirects=False)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


@contextmanager
def bare() -> Iterator[str]:
    """The bare view on gunicorn, with the portal's gunicorn settings."""
    port = free_port()
    own = {
        "DJANGO_SETTINGS_MODULE": "tests.benchmark.bare",
        "PORTAL_BIND": f"127.0.0.1:{port}",
        "PORTAL_PROCESSES": "2",
        **CLEAN_MEMORY,
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:portal.gunicorn_conf"]
    server = subprocess.Popen(command, env={**os.environ, **own}, start_new_session=True)
    try:
        wait_for(lambda: is_up(f"http://localhost:{port}"), "the bare view")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(40)


def weights(site: Portal) -> list[tuple[str, float]]:
    """Each process of the portal and its own share of memory, in megabytes."""
    arbiters = set(site.processes("gunicorn")) - set(site.serving())
    everybody = {
        "serve": [replica.pid for replica in site.replicas],
        "gunicorn, which starts the site's processes": sorted(arbiters),
        "a process of the site": site.serving(),
        "the worker": [pid for pid in site.processes("manage.py worker") if "worker" in command_of(pid)],
    }
    return [(what, share(pid)) for what, pids in everybody.items() for pid in pids]


def share(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def start_up(site: Portal) -> tuple[float, float]:
    """Seconds from the command until the site answers, and until it is ready, its worker too."""
    site.stop()
    site.replicas.clear()
    site.database.rows("SELECT 1")
    port = site.urls[0].rpartition(":")[2]
    began = time.perf_counter()
    site.replicas.append(site.launch("serve", "--bind", f"127.0.0.1:{port}"))
    wait_for(lambda: is_up(site.urls[0]), "the site")
    answers = time.perf_counter() - began
    wait_for(
        lambda: requests.get(f"{site.urls[0]}/readyz", timeout=10).json()["status"] == "ready",
        "the site to be ready",
    )
    return answers, time.perf_counter() - began
