"""The disk is full: no pass is requested, a created one is deleted, and all works when there is space again."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.demo.process import wait_for
from tests.faults.replicas import Portal, portal

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
CREATION = {"method": "POST", "path": "temporaryAccessPassMethods$"}
SMALL = "size=16m"


@pytest.fixture(scope="module")
def disk() -> Iterator[Path | None]:
    """A disk of a few megabytes, if this machine allows one."""
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    order = [program("mount"), "-t", "tmpfs", "-o", SMALL, "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(order, capture_output=True, check=False).returncode == 0
    yield folder if mounted else None
    if mounted:
        subprocess.run([program("umount"), "-l", str(folder)], check=True)
    folder.rmdir()


def program(name: str) -> str:
    return shutil.which(name) or name


@pytest.fixture(scope="module")
def site(disk: Path | None) -> Iterator[Portal]:
    with portal(data=disk, GRAPH_READ_TIMEOUT_SECONDS="20", PASS_LEASE_SECONDS="6") as running:
        yield running


@contextmanager
def full(site: Portal, disk: Path | None) -> Iterator[None]:
    """No process of the portal can write to the disk until the end of the block."""
    if disk is None:  # no small disk: the kernel limits the size of each process's files instead
        everybody = [*site.processes("gunicorn"), *site.processes("manage.py worker")]
        before = {process: resource.prlimit(process, resource.RLIMIT_FSIZE, (0, -1)) for process in everybody}
        try:
            yield
        finally:
            for process, limits in before.items():
                resource.prlimit(process, resource.RLIMIT_FSIZE, limits)
        return
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 9, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue
        yield
    finally:
        filler.unlink()


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_a_full_disk_creates_no_pass_or_deletes_it(site: Portal, disk: Path | None, _round: int) -> None:
    made, asked = site.starters(2)
    maria, other = site.person("maria"), site.person("maria")
    forms = site.form(maria, made), site.form(other, asked)
    faults, before = site.tenant.tenant.faults, len(site.creations())
    faults.add({**CREATION, "delay_after": 18})
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(site.send, maria, made, forms[0])
        wait_for(lambda: len(site.creations()) > before, "a pass to be made")
        with full(site, disk):
            refused = site.send(other, asked, forms[1])
            faults.end_all()
            unrecorded = first.result()
            assert site.live() == held(site)

    assert refused.status == 503
    assert not refused.code
    assert len(site.creations()) == before + 1
    assert unrecorded.status == 503
    assert not unrecorded.code
    site.settle()
    assert site.issues(asked) == []
    assert site.issues(made)[0][0] in {"revoked", "void"}
    for person, starter in ((maria, made), (other, asked)):
        assert site.click(person, starter, receipt=True).code
    site.assert_sound()


def held(site: Portal) -> list[str]:
    return [
        row[0]
        for row in site.database.rows("SELECT method_id FROM onboarding_passissue WHERE state = 'held'")
    ]
