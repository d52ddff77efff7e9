"""A restored copy of a portal's database, and the portal that is started on it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from portal.demo.process import free_port, is_up, wait_for
from portal.supervisor import manage_command
from tests.faults.replicas import Portal
from tests.postgresql.clusters import Cluster
from tests.support.databases import Database, give_static_files

# What nobody may do on a copy. Rows of the last minutes are in the backup too, so numbers are compared with those.
TRACES = {
    "jobs started": "SELECT coalesce(sum(claim), 0) FROM onboarding_job",
    "mails sent": "SELECT count(*) FROM onboarding_mail WHERE sent_at IS NOT NULL",
    "events": "SELECT seq FROM onboarding_audithead",
    "passes": "SELECT count(*) FROM onboarding_passissue",
    "heartbeats": "SELECT coalesce(max(beat_at)::text, '') FROM onboarding_heartbeat",
    "webhooks": "SELECT coalesce(sum(tries), 0) FROM onboarding_hookdelivery",
}


def dump(source: Cluster, database: str, file: Path) -> None:
    """The command of docs/how-to/back-up.md."""
    source.run("pg_dump", "--format=custom", f"--file={file}", source.url_of(database))


def restore(target: Cluster, database: str, file: Path) -> None:
    """The command of docs/how-to/back-up.md, into an empty database."""
    target.execute(f"CREATE DATABASE {database}")
    target.run(
        "pg_restore",
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
        f"--dbname={target.url_of(database)}",
        str(file),
    )


def copy_of_files(source: Cluster, folder: Path) -> Cluster:
    """A server on a copy of another one's files, as from a snapshot of its disk. It is not started."""
    made = Cluster(folder, source.programs)
    place = f"host={source.folder} port={source.port} user=postgres"
    made.run("pg_basebackup", "-D", str(made.data), "-d", place, "-X", "stream", "-c", "fast")
    return made


@contextmanager
def portal_on(database: Database, original: Portal) -> Iterator[Portal]:
    """The same portal on another database, at another port of this machine, with a data folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="copy-", dir=original.folder.parent))
    url = f"http://localhost:{free_port()}"
    own = {"PORTAL_URL": url, "PORTAL_DATA_DIR": str(folder), "DATABASE_URL": database.url}
    made = Portal(original.tenant, database, folder, {**original.environment, **own}, [url])
    give_static_files(folder)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def serve(portal: Portal, **variables: str) -> None:
    """Start the portal, and wait until it answers. A copy's worker has no heartbeat to wait for."""
    portal.environment.update(variables)
    address = portal.urls[-1].replace("http://localhost", "127.0.0.1")
    portal.replicas.append(portal.launch("serve", "--bind", address))
    wait_for(lambda: is_up(portal.urls[-1]), "the portal to start")


def manage(portal: Portal, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        manage_command(*words), env=portal.environment, capture_output=True, text=True, check=False
    )


def manage_well(portal: Portal, *words: str) -> str:
    done = manage(portal, *words)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def readiness(portal: Portal) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{portal.urls[-1]}/readyz", timeout=30).json()
    return found


def traces(database: Database) -> dict[str, Any]:
    return {name: database.one(query) for name, query in TRACES.items()}
