"""Started as shipped, no process keeps a pass in memory or leaves a core file; started otherwise it would."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from portal.demo.process import wait_for
from portal.sandbox.caller import command_of
from tests.faults.canary import recognisable, sightings
from tests.faults.memory import CAN_READ, WHY_NOT, memory_of
from tests.faults.replicas import Portal, portal

pytestmark = pytest.mark.skipif(not CAN_READ, reason=WHY_NOT)

ISSUES = int(os.environ.get("CANARY_ISSUES", "3"))
# Steps at which the crashing process holds a pass; after the last one no other work overwrites its memory.
CRASHES = (
    "after:PassCode because_of_another",
    "after:commit database",
    "after:spell_characters in_another",
    "after:render several",
    "after:Outermost unicode",
    "before:write plain",
    "after:_read_body plain",
)
CUT_SHORT = {"method": "POST", "path": "/temporaryAccessPassMethods", "cut_at": 450}
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


@contextmanager
def used(settings: str) -> Iterator[tuple[Portal, set[int]]]:
    """A portal whose processes have all shown passes and crashed, inspected right afterwards."""
    with recognisable(), cores_allowed(), portal(DJANGO_SETTINGS_MODULE=settings) as running:
        running.tenant.tenant.witness = []
        marias, showed = [running.person("maria") for _ in range(4)], set()

        def click(prepare: Callable[[], object] | None = None) -> None:
            number = len(running.tenant.tenant.witness)
            [starter], maria = running.starters(1), marias[number % len(marias)]
            maria.http.close()  # whichever process is free takes the next connection
            form = running.form(maria, starter)
            if prepare:
                prepare()
            answer = running.send(maria, starter, form)
            assert bool(answer.code) == (prepare is None), answer
            assert len(running.tenant.tenant.witness) == number + 1, answer
            if answer.code:
                showed.add(int(maria.page.headers["Process"]))

        for issue in range(5 * ISSUES):  # one process may be quicker than the other each time
            if issue >= ISSUES and showed == set(running.serving()):
                break
            click()
        click(lambda: running.tenant.tenant.faults.add([CUT_SHORT]))
        for crash in CRASHES:
            click(partial((running.folder / "crash").write_text, f"{crash} on demand"))
        assert not (running.folder / "crash").exists()
        yield running, showed


@contextmanager
def cores_allowed() -> Iterator[None]:
    """As on a machine that keeps core files."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.fixture(scope="module")
def remembered() -> Iterator[tuple[Portal, dict[int, Counter[str]]]]:
    """What each process still had in memory when the last response had arrived."""
    with used("tests.loud.crashing") as (running, showed):
        family = [running.replicas[0].pid, *running.processes("")]
        held = {process: passes_in(process) for process in family}
        assert showed == set(running.serving()), "each process has shown some"
        yield running, held


def passes_in(process: int) -> Counter[str]:
    return sum((sightings(part, wide=True) for part in memory_of(process)), Counter[str]())


def test_no_process_keeps_a_pass_in_memory(remembered) -> None:
    _, held = remembered

    assert len(held) == 5, "the supervisor, the arbiter, two processes that serve, and the worker"
    assert {command_of(process): found for process, found in held.items() if found} == {}


def test_a_value_kept_in_memory_is_found(remembered) -> None:
    running, held = remembered
    key = running.environment["SECRET_KEY"].encode()

    for process in held:
        assert any(key in part for part in memory_of(process)), command_of(process)


def test_passes_stay_in_memory_without_serves_memory_settings() -> None:
    with used("tests.loud.ordinary_memory") as (running, showed):
        held = {process: passes_in(process) for process in running.serving()}

    assert set(held) == showed
    assert all(held.values()), held


def test_no_process_leaves_a_core_file(remembered, tmp_path) -> None:
    running, _ = remembered
    for process in running.processes(""):
        limits = Path(f"/proc/{process}/limits").read_text()
        assert limits.partition("Max core file size")[2].split()[:2] == ["0", "0"]
    victim, folder = running.serving()[0], Path(f"/proc/{running.serving()[0]}/cwd").resolve()
    before = cores_in(folder, running.folder)

    os.kill(victim, signal.SIGSEGV)

    wait_for(lambda: not Path(f"/proc/{victim}").exists(), "the process to end")
    assert cores_in(folder, running.folder) == before
    if not CORE_PATTERN.read_text().startswith(
        ("|", "/")
    ):  # the control, with a core file in the process's folder
        with cores_allowed():
            subprocess.run([sys.executable, "-c", SUICIDE], cwd=tmp_path, check=False)
        assert cores_in(tmp_path)


SUICIDE = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


def cores_in(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.glob("core*") if path.is_file()]
