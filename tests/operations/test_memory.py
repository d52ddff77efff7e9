"""How much memory an installation takes: the process that only watches, and all of them together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmark.pages import weights
from tests.faults.replicas import Portal, portal

SUPERVISOR_MEGABYTES = 30
# Python itself takes a part of that. What the supervisor adds is its own modules and no more.
SUPERVISOR_ADDS_MEGABYTES = 10
INSTALLATION_MEGABYTES = 250  # two processes of the site, one worker, and what starts them
WAIT_FOR_INPUT = "import sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.read()"


@pytest.fixture(scope="module")
def site() -> Iterator[Portal]:
    with portal() as running:
        yield running


def resident_megabytes(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


@pytest.fixture
def bare_python() -> Iterator[float]:
    """The memory of a Python that does nothing, on this machine."""
    command = [sys.executable, "-I", "-S", "-c", WAIT_FOR_INPUT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        yield resident_megabytes(process.pid)
        process.stdin.close()


def test_the_supervisor_is_hardly_larger_than_python(site: Portal, bare_python: float) -> None:
    (serve,) = site.replicas

    taken = resident_megabytes(serve.pid)

    assert taken < SUPERVISOR_MEGABYTES
    assert taken - bare_python < SUPERVISOR_ADDS_MEGABYTES


def test_a_used_installation_stays_below_its_bound(site: Portal) -> None:
    maria, hanna = site.person("maria"), site.person("hanna")
    for starter in site.starters(2):
        assert site.click(maria, starter, receipt=True).code
    for _ in range(8):  # each process answers some
        hanna.get("/hr/")
        maria.get("/starters/")

    shares = weights(site)

    assert len(shares) == 5, "the supervisor, the arbiter, two processes that serve, and the worker"
    assert sum(share for _, share in shares) < INSTALLATION_MEGABYTES, shares


def test_nothing_secret_is_in_a_command_line(site: Portal) -> None:
    (serve,) = site.replicas

    for process in [serve.pid, *site.processes("")]:
        assert site.environment["SECRET_KEY"].encode() not in Path(f"/proc/{process}/cmdline").read_bytes()
