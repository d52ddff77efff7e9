"""With the shipped start command no process remembers a pass; started otherwise it would. Nor does one leave a core."""

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

from portal.running import wait_for
from portal.sandbox.caller import command_of
from tests.canary import recognisable, sightings
from tests.memory import CAN_READ, WHY_NOT, memory_of
from tests.replicas import Portal, portal

pytestmark = pytest.mark.skipif(not CAN_READ, reason=WHY_NOT)

ISSUES = int(os.environ.get("CANARY_ISSUES", "12"))
# Steps at which a crash meets a process that holds a pass; the last is followed by no work that tidies up after it.
CRASHES = (
    "after:PassCode because_of_another",
    "after:commit database",
    "after:spelled in_another",
    "after:render several",
    "after:Outermost unicode",
    "before:write plain",
    "after:_body plain",
)
CUT_SHORT = {"method": "POST", "path": "/temporaryAccessPassMethods", "cut_at": 450}
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


@contextmanager
def used(settings: str) -> Iterator[tuple[Portal, set[int]]]:
    """A portal that has shown passes from each of its processes, and crashed, and is looked at right afterwards."""
    with recognisable(), cores_allowed(), portal(DJANGO_SETTINGS_MODULE=settings) as running:
        running.tenant.tenant.witness = []
        marias, showed = [running.person("maria") for _ in range(4)], set()

        def press(prepare: Callable[[], object] | None = None) -> None:
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
            press()
        press(lambda: running.tenant.tenant.faults.add([CUT_SHORT]))
        for crash in CRASHES:
            press(partial((running.folder / "crash").write_text, f"{crash} on demand"))
        assert not (running.folder / "crash").exists()
        yield running, showed


@contextmanager
def cores_allowed() -> Iterator[None]:
    """As on a machine that keeps the core of whatever crashes."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.fixture(scope="module")
def remembered() -> Iterator[tuple[Portal, dict[int, Counter[str]]]]:
    """What each process still held when the last answer had arrived."""
    with used("tests.loud.crashing") as (running, showed):
        family = [running.replicas[0].pid, *running.processes("")]
        held = {process: passes_in(process) for process in family}
        assert showed == set(running.serving()), "each process has shown some"
        yield running, held


def passes_in(process: int) -> Counter[str]:
    return sum((sightings(part, wide=True) for part in memory_of(process)), Counter[str]())


def test_no_process_remembers_anything_of_a_pass(remembered) -> None:
    _, held = remembered

    assert len(held) == 5, "the supervisor, the arbiter, two processes that serve, and the worker"
    assert {command_of(process): found for process, found in held.items() if found} == {}


def test_what_a_process_does_keep_is_found_there(remembered) -> None:
    running, held = remembered
    key = running.environment["SECRET_KEY"].encode()

    for process in held:
        assert any(key in part for part in memory_of(process)), command_of(process)


def test_without_the_settings_of_the_start_command_passes_stay_behind() -> None:
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
    ):  # the control, where cores land beside who crashes
        with cores_allowed():
            subprocess.run([sys.executable, "-c", SUICIDE], cwd=tmp_path, check=False)
        assert cores_in(tmp_path)


SUICIDE = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


def cores_in(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.glob("core*") if path.is_file()]
