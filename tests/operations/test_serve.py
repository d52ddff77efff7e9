"""Start and stop: one clear sentence when it cannot start, no process left after the end, and data that stays."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.conf import settings

from portal.demo.process import free_port, is_up, wait_for
from portal.demo.visitor import Visitor
from portal.supervisor import CLEAN_MEMORY, Program, Supervisor, manage_command
from tests.support.databases import IS_POSTGRESQL, Database, fresh_database, give_static_files

TOP = Path(settings.BASE_DIR)


class Demo:
    """`manage.py demo` with its own ports and data."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.portal, self.sandbox = f"http://localhost:{free_port()}", f"http://127.0.0.1:{free_port()}"
        own = {"PORTAL_URL": self.portal, "SANDBOX_URL": self.sandbox, "PORTAL_DATA_DIR": str(folder)}
        self.environment = {**os.environ, **own, "LOG_LEVEL": "ERROR", "AUDIT_TO_LOG": "off"}
        self.environment["DATABASE_URL"] = database.url
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            manage_command("demo"),
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.said = ""
        while "Press Ctrl-C to stop" not in self.said:
            line = self.process.stdout.readline()
            assert line, f"the demo ended: {self.said}"
            self.said += line
        self.began = time.monotonic()

    def age(self) -> float:
        return time.monotonic() - self.began

    def stop(self, number: int = signal.SIGTERM) -> str:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=120)
        return self.said + rest


@contextmanager
def own_folder() -> Iterator[Path]:
    (TOP / "var").mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="test-serve-", dir=TOP / "var"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def a_demo(furnish: Callable[[Path], None] = lambda folder: None) -> Iterator[Demo]:
    with own_folder() as path, fresh_database(path) as database:
        furnish(path)
        running = Demo(path, database)
        yield running
        if running.process.poll() is None:
            running.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    with own_folder() as path:
        yield path


@pytest.fixture
def demo() -> Iterator[Demo]:
    """A demo that the test may stop."""
    with a_demo(give_static_files) as running:
        yield running


@pytest.fixture(scope="module")
def lasting() -> Iterator[Demo]:
    """A demo shared by the tests that leave it running."""
    with a_demo() as running:
        yield running


def processes_of(demo: Demo) -> list[str]:
    """The processes that still run with the demo's data folder in their environment."""
    mark = f"PORTAL_DATA_DIR={demo.environment['PORTAL_DATA_DIR']}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_the_people_and_stops_all_processes(demo, number):
    assert len(processes_of(demo)) >= 4

    said = demo.stop(number)

    assert demo.process.returncode == 0
    assert demo.portal in said
    assert "Hanna Reuter" in said
    assert "Maria Lindqvist" in said
    assert processes_of(demo) == []


def test_a_killed_serve_leaves_no_process(demo):
    demo.stop(signal.SIGKILL)

    wait_for(lambda: processes_of(demo) == [], "the others to end")


def test_data_and_sessions_survive_a_restart(lasting):
    hanna = Visitor(lasting.portal)
    hanna.sign_in("hanna", "/hr/new/")
    form = hanna.form_with("account", "start_date")
    today = time.strftime("%Y-%m-%d")
    hanna.send(
        form, account="noor.devries@contoso.example", start_date=today, start_time="09:00", step="look"
    )
    hanna.send(hanna.form_with("account", "start_date"), step="save")
    assert "was added" in hanna.text

    lasting.stop()
    lasting.start()

    assert "Noor de Vries" in hanna.get("/hr/").text


def test_serve_writes_only_into_its_folder(lasting):
    folder = Path(lasting.environment["PORTAL_DATA_DIR"])

    made = {path.name for path in folder.iterdir()}
    open_to_others = [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077]

    database = set() if IS_POSTGRESQL else {"portal.sqlite3"}
    assert {"sandbox.json", "secret-key", "static"} | database <= made
    assert open_to_others == []


def test_a_dead_worker_is_restarted(lasting):
    before = _pid_of(lasting, "manage.py worker")

    os.kill(before, signal.SIGKILL)

    wait_for(lambda: _pid_of(lasting, "manage.py worker") not in {0, before}, "a new worker")
    assert requests.get(f"{lasting.portal}/livez", timeout=30).ok


def _pid_of(demo: Demo, words: str) -> int:
    mark = f"PORTAL_DATA_DIR={demo.environment['PORTAL_DATA_DIR']}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if words in command and mark in (entry / "environ").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    return 0


def test_a_dead_site_is_restarted_and_the_worker_continues(lasting):
    worker, site = _pid_of(lasting, "manage.py worker"), _master(lasting)
    time.sleep(max(0.0, 4 - lasting.age()))  # the supervisor treats an early death as a wrong set-up

    os.kill(site, signal.SIGKILL)

    wait_for(lambda: _master(lasting) not in {0, site} and is_up(lasting.portal), "the site to come back")
    assert _pid_of(lasting, "manage.py worker") == worker


def _master(demo: Demo) -> int:
    """The gunicorn process that the supervisor started: its parent is the demo."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if b"gunicorn" in command and parent == demo.process.pid:
            return int(entry.name)
    return 0


def test_the_site_runs_with_cleared_and_protected_memory(lasting):
    site = _pid_of(lasting, "gunicorn")

    # glibc ends each tunable with a zero byte where the colon was.
    environment = Path(f"/proc/{site}/environ").read_bytes().decode().replace("\0", ":")

    for name, value in CLEAN_MEMORY.items():
        assert f":{name}={value}:" in environment


@pytest.mark.parametrize(("variable", "taken"), [("PORT", "PORTAL_URL"), ("SANDBOX_PORT", "SANDBOX_URL")])
def test_a_busy_port_is_explained_in_one_sentence(folder, variable, taken):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        urls = {
            "PORTAL_URL": f"http://localhost:{free_port()}",
            "SANDBOX_URL": f"http://127.0.0.1:{free_port()}",
        }
        host = "localhost" if taken == "PORTAL_URL" else "127.0.0.1"
        environment = {**os.environ, **urls, taken: f"http://{host}:{port}", "PORTAL_DATA_DIR": str(folder)}
        done = subprocess.run(
            manage_command("demo"), env=environment, capture_output=True, text=True, check=False
        )

    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
    assert f"{variable}=" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.both_databases
def test_serve_refuses_a_database_that_is_not_up_to_date(folder):
    with fresh_database(folder) as database:
        environment = {
            **os.environ,
            "PORTAL_DATA_DIR": str(folder),
            "DATABASE_URL": database.url,
            "PORTAL_URL": f"http://localhost:{free_port()}",
        }
        done = subprocess.run(
            manage_command("serve"), env=environment, capture_output=True, text=True, check=False
        )

    assert done.returncode == 1
    assert "manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_and_the_sandbox_refuse_a_real_tenant(folder):
    from tests.promises.test_8_no_secret_opens_graph import REAL

    for command in ("demo", "sandbox", "tour"):
        environment = {"PATH": os.environ["PATH"], **REAL, "PORTAL_DATA_DIR": str(folder)}
        done = subprocess.run(
            manage_command(command), env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, command
        assert "real tenant" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_end_of_a_required_process_ends_all():
    site = Program("The site", [sys.executable, "-c", "raise SystemExit(3)"], needed_to_start=True)
    other = Program("The worker", [sys.executable, "-c", "import time; time.sleep(60)"])
    supervisor = Supervisor([site, other])
    for program in supervisor.programs:
        program.start()

    assert supervisor.run() == 3
    assert other.process is not None
    assert other.process.poll() is not None


# --- Making the environment ---------------------------------------------------------------------------------------


def install(*words: str, **kwargs) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOP / "requirements/install.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)


def test_a_correct_environment_is_not_rebuilt():
    done = install("dev")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_incomplete_environment_is_rebuilt(tmp_path):
    shutil.copytree(TOP / "requirements", tmp_path / "requirements")
    (tmp_path / "requirements/run.txt").write_text("# nothing to install\n")
    (tmp_path / ".venv-run/bin").mkdir(parents=True)
    (tmp_path / ".venv-run/bin/python").write_text("half made")

    script = tmp_path / "requirements/install.py"
    first = subprocess.run([sys.executable, str(script), "run"], capture_output=True, text=True, check=False)
    second = subprocess.run([sys.executable, str(script), "run"], capture_output=True, text=True, check=False)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "Making .venv-run" in first.stdout
    assert second.stdout == ""


def test_packages_that_do_not_match_their_hash_are_not_installed(tmp_path):
    shutil.copytree(TOP / "requirements", tmp_path / "requirements")
    lock = tmp_path / "requirements/run.txt"
    lock.write_text("asgiref==3.13.0 --hash=sha256:" + "0" * 64 + "\n")

    done = subprocess.run(
        [sys.executable, str(tmp_path / "requirements/install.py"), "run"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert not (tmp_path / ".venv-run/lock.sha256").exists()


def test_unknown_arguments_print_the_usage():
    assert "Usage:" in install("everything").stderr


def test_the_quick_environment_has_all_but_the_large_packages():
    spec = importlib.util.spec_from_file_location("install", TOP / "requirements/install.py")
    install_py = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(install_py)
    lock = (TOP / "requirements/dev.txt").read_text()

    chosen = install_py.without_large(lock)

    names = re.compile(r"^([\w.-]+)==", re.M).findall
    assert set(names(lock)) - set(names(chosen)) == install_py.LARGE
    assert len(names(lock)) - len(names(chosen)) == len(install_py.LARGE)
    assert chosen.count("--hash") > len(names(chosen))
