"""A portal that is started as an installer starts it: by a command, with variables, from any directory."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from django.conf import settings

from portal.demo.process import free_port, is_up, wait_for
from portal.supervisor import manage_command
from tests.support.databases import fresh_database, give_static_files

TOP = Path(settings.BASE_DIR)


@dataclass
class Served:
    """A running `manage.py serve`, and the values that identify its processes."""

    portal: str
    folder: Path
    key: str
    process: subprocess.Popen[bytes]

    def environments(self) -> list[bytes]:
        """The environment and command line of each of its processes."""
        mark = f"PORTAL_DATA_DIR={self.folder}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark in environment:
                found.append(environment + b"\0" + command)
        return found


@contextmanager
def own_folder() -> Iterator[Path]:
    (TOP / "var").mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="test-start-", dir=TOP / "var"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def serving(variables: Mapping[str, str], *, cwd: Path, folder: Path, key: str) -> Iterator[Served]:
    portal = f"http://localhost:{free_port()}"
    environment = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}
    environment |= {"PORTAL_URL": portal, "PORTAL_DATA_DIR": str(folder), "LOG_LEVEL": "ERROR", **variables}
    process = subprocess.Popen(
        manage_command("serve", "--prepare"), env=environment, cwd=cwd, start_new_session=True
    )
    try:
        wait_for(lambda: process.poll() is not None or is_up(portal), "the portal to start")
        assert process.poll() is None, "it ended; the lines above say why"
        yield Served(portal, folder, key, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Started from a directory that is not the portal's, with the key in a file."""
    key = secrets.token_urlsafe(60)
    with own_folder() as folder, fresh_database(folder) as database:
        give_static_files(folder)
        file = folder / "key"
        file.write_text(key + "\n")
        variables = {"SECRET_KEY_FILE": str(file), "DATABASE_URL": database.url}
        with serving(variables, cwd=Path(tempfile.gettempdir()), folder=folder, key=key) as portal:
            yield portal


# --- S8 -----------------------------------------------------------------------------------------------------------


def test_s8_a_key_file_is_in_no_processs_environment(served):
    environments = served.environments()

    assert len(environments) >= 4  # serve, the site with its two processes, and the worker
    assert [environment for environment in environments if served.key.encode() in environment] == []
    assert [environment for environment in environments if b"\0SECRET_KEY=" in environment] == []


# --- O14 ----------------------------------------------------------------------------------------------------------


def test_o14_serve_starts_from_any_directory(served):
    assert requests.get(f"{served.portal}/livez", timeout=60).json() == {"status": "alive"}
    assert requests.get(f"{served.portal}/sheet/", timeout=60).ok


# --- O9 -----------------------------------------------------------------------------------------------------------

CANNOT_WRITE = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
RUN = "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.mark.parametrize("command", ["serve", "site"])
def test_o9_a_start_without_a_writable_folder_is_one_sentence(command):
    """No file can grow here, which is what a read-only root means to a program; root cannot get round it either."""
    python, manage = manage_command()
    start = [python, "-c", CANNOT_WRITE + RUN, manage, command, "--bind", f"127.0.0.1:{free_port()}"]

    done = subprocess.run(
        start, env={"PATH": os.environ["PATH"], **REAL}, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0, "it started"
    assert_one_sentence(done.stderr.strip(), "TMPDIR")
    assert "Example: TMPDIR=/" in done.stderr


# --- O2, O3, O5, O6: what an installer can get wrong --------------------------------------------------------------------

REAL = {
    "AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555",
    "AZURE_CLIENT_ID": "22222222-2222-3333-4444-555555555555",
    "SIGN_IN_CLIENT_ID": "33333333-2222-3333-4444-555555555555",
    "PORTAL_URL": "https://starters.contoso.example",
    "SECRET_KEY": "q0w9e8r7t6y5u4i3o2p1" * 3,
    "HR_ADDRESS": "hr@contoso.example",
    "SECURITY_ADDRESS": "security@contoso.example",
    "MAIL_FROM": "starters@contoso.example",
}


def refusal(*command: str, **variables: str) -> str:
    """The output of a command that does not start with exactly these variables."""
    done = subprocess.run(
        manage_command(*command),
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0, "it started"
    return done.stderr.strip()


def assert_one_sentence(said: str, name: str) -> None:
    assert name in said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1, said
    assert REAL["SECRET_KEY"] not in said


@pytest.mark.parametrize("sign", ["#", "/"])
@pytest.mark.parametrize("command", ["check", "serve"])
def test_o2_an_unescaped_database_password_is_explained_without_showing_it(command, sign):
    url = f"postgres://portal:correct{sign}horse@db.example:5432/portal"

    said = refusal(command, DATABASE_URL=url)

    assert_one_sentence(said, "DATABASE_URL")
    assert "correct" not in said and "horse" not in said
    assert "Example: DATABASE_URL=postgres://" in said


UNREACHABLE = {
    "nothing there": ("127.0.0.1:{free}", "no server listens on this port"),
    "no such server": ("db.invalid:5432", "no server has this name"),
}


@pytest.mark.parametrize(("where", "cause"), UNREACHABLE.values(), ids=UNREACHABLE)
@pytest.mark.parametrize(
    "command", [("serve", "--bind"), ("worker",), ("migrate",)], ids=lambda arguments: arguments[0]
)
def test_o3_an_unreachable_database_is_reported_with_host_and_cause(command, where, cause):
    where = where.format(free=free_port())
    words = [*command, f"127.0.0.1:{free_port()}"] if "--bind" in command else command

    said = refusal(*words, DATABASE_URL=f"postgres://portal:hunter2@{where}/portal")

    assert_one_sentence(said, "DATABASE_URL")
    assert where.split(":")[0] in said and cause in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("name", "value"), [("MAIL_FROM", "not an address"), ("HR_ADDRESS", "hr"), ("SECURITY_ADDRESS", "@x")]
)
def test_o5_an_invalid_mail_address_stops_the_start(name, value):
    said = refusal("check", **REAL | {name: value})

    assert_one_sentence(said, f"{name} must be one email address")
    assert f"Example: {name}=" in said


@pytest.mark.parametrize("name", ["AZURE_CLIENT_CERTIFICATE_PATH", "SIGN_IN_CERTIFICATE_PATH"])
def test_o6_an_invalid_certificate_file_stops_the_start(tmp_path, name):
    file = tmp_path / "portal.pem"
    file.write_text("not a certificate")

    said = refusal("check", **REAL | {name: str(file)})

    assert_one_sentence(said, f"{name} must be the path of a PEM file")
    assert "it contains no private key" in said
