"""Expand, migrate, contract: two releases serve at a time, managers click all the while, and the database changes below."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from portal.demo.process import is_up, wait_for
from tests.drill import copies
from tests.drill.restored import Figures
from tests.faults.replicas import Portal

NEXT, AFTER = "tests.next_release.settings", "tests.release_after_next.settings"
CLICKS = 3  # passes at each server, each time


@contextmanager
def readers(site: Portal) -> Iterator[Counter[int]]:
    """HR reads the list at every replica until the end of the block; the statuses are counted."""
    seen: Counter[int] = Counter()
    over = threading.Event()

    def read(url: str) -> None:
        hr = site.person("hanna", url)
        while not over.is_set():
            seen[hr.http.get(f"{url}/hr/", timeout=60).status_code] += 1
            time.sleep(0.05)

    with ThreadPoolExecutor(len(site.urls)) as threads:
        reading = [threads.submit(read, url) for url in site.urls]
        try:
            yield seen
        finally:
            over.set()
        for one in reading:
            one.result()


def install(site: Portal, server: int, settings: str) -> None:
    """Stop one server, and start it again with a later release."""
    old = site.replicas[server]
    old.send_signal(signal.SIGTERM)
    assert old.wait(120) == 0
    url = site.urls[server]
    address = url.replace("http://localhost", "127.0.0.1")
    site.environment["DJANGO_SETTINGS_MODULE"] = settings
    site.replicas[server] = site.launch("serve", "--bind", address)
    wait_for(lambda: is_up(url), "the server to start again")


def migrate(site: Portal, settings: str) -> float:
    """Migrate with the code of that release. Returns the seconds."""
    site.environment["DJANGO_SETTINGS_MODULE"] = settings
    began = time.monotonic()
    copies.manage_well(site, "migrate", "-v0")
    return time.monotonic() - began


def click_everywhere(site: Portal) -> int:
    """A manager creates passes at each server. Returns how many."""
    passes = 0
    for url in site.urls:
        manager = site.person(site.manager, url)
        passes += sum(
            bool(site.click(manager, starter, receipt=True).code) for starter in site.starters(CLICKS)
        )
    return passes


def upgrade(site: Portal, figures: Figures) -> None:
    """Two servers, two upgrades: in each, the database changes first, then one server after the other."""
    passes, statuses = 0, Counter[int]()
    for name, settings, verb in (("N+1", NEXT, "expand, migrate"), ("N+2", AFTER, "contract")):
        with readers(site) as seen:
            figures.add(f"migrated to {name} ({verb}) under load", f"{migrate(site, settings):.1f} s")
            passes += click_everywhere(site)  # both servers still run the earlier release
        statuses += seen
        install(site, 1, settings)
        with readers(site) as seen:
            passes += click_everywhere(site)  # both releases serve
        statuses += seen
        install(site, 0, settings)
    expected = CLICKS * 2 * 2 * 2
    figures.add("passes while the releases changed", f"{passes} of {expected}")
    figures.add(
        "pages read meanwhile; with an error", f"{statuses.total()}; {statuses.total() - statuses[200]}"
    )
    assert passes == expected and set(statuses) == {200}, statuses
    columns = (
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND column_name = %s"
    )
    assert (site.database.one(columns, "cost_centre"), site.database.one(columns, "place")) == (0, 1)
    site.assert_sound()
