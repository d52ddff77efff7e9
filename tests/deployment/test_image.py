"""The container image: what is in it, and that its start commands work as another user on a read-only file system."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from portal.demo.process import free_port, wait_for
from portal.supervisor import CLEAN_MEMORY
from tests.deployment import image as container
from tests.deployment.image import TOP, Image
from tests.support.databases import IS_POSTGRESQL, SERVER, Database, fresh_database

TENANT = {
    "AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555555",
    "AZURE_CLIENT_ID": "22222222-2222-3333-4444-555555555555",
    "SIGN_IN_CLIENT_ID": "33333333-2222-3333-4444-555555555555",
    "PORTAL_URL": "https://starters.contoso.example",
    "BEHIND_PROXY": "on",
    "SECRET_KEY": "q0w9e8r7t6y5u4i3o2p1" * 3,
    "HR_ADDRESS": "hr@contoso.example",
    "SECURITY_ADDRESS": "security@contoso.example",
    "MAIL_FROM": "starters@contoso.example",
}
# What the portal needs only with the sandbox tenant, or to be measured.
LEFT_OUT = re.compile(
    r"portal/(sandbox|demo)/.*|portal/management/commands/(bench|demo|sandbox|tour|ticket_tour)[.]py|.*[.]po"
)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    root = Path(tempfile.mkdtemp(prefix="image-"))
    root.chmod(0o755)
    built = Image(root, container.interpreter())
    built.build()
    if os.geteuid() != 0:
        subprocess.run(["chmod", "-R", "a-w", root], check=True)
    yield built
    subprocess.run(["chmod", "-R", "u+w", root], check=True)
    shutil.rmtree(root)


def test_the_image_has_only_the_portal(image):
    files = image.files()

    folders = ("locale", "onboarding", "portal", "static", "templates")
    sources = {name for folder in folders for name in container.files_below(TOP, folder)}
    made = {name for name in files if name.startswith("var/") or "__pycache__/" in name}
    kept = {name for name in sources if "__pycache__/" not in name and not LEFT_OUT.fullmatch(name)}
    kept |= {"LICENSE", "manage.py"}
    assert files - made == kept
    assert {"var/static/staticfiles.json", "locale/nl/LC_MESSAGES/django.mo"} <= files
    assert any(name.startswith("portal/__pycache__/settings.") for name in made)
    assert not any(name.startswith("var/") and not name.startswith("var/static/") for name in made)


def test_the_image_is_made_as_the_guide_says():
    build, final = container.stages()
    install = next(rest for word, rest in build.steps if word == "RUN" and "pip" in rest)

    assert {"--require-hashes", "--no-deps", "--only-binary", "--without-pip"} <= set(install.split())
    assert not re.search(r"apt|apk|gcc|build-essential", container.DOCKERFILE.read_text())
    assert (
        re.findall(r"^FROM (\S+)", container.DOCKERFILE.read_text(), re.M)
        == ["${PYTHON_IMAGE}@${PYTHON_DIGEST}"] * 2
    )
    assert [rest.split() for word, rest in final.steps if word == "COPY"] == [
        ["--from=build", path, path] for path in ("/opt/venv", "/srv/portal")
    ]
    assert int(final.last("USER").partition(":")[0]) > 0
    assert CLEAN_MEMORY.items() <= final.variables().items()
    assert "/livez" in final.last("HEALTHCHECK")


def test_hadolint_finds_nothing():
    linter = Path(sys.executable).with_name("hadolint")

    done = subprocess.run([linter, container.DOCKERFILE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_image_without_a_tenant_says_that_it_needs_one(image):
    done = subprocess.run(
        image.command(), env=image.environment({}), capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "AZURE_TENANT_ID must be the id of your tenant" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


# --- Started ------------------------------------------------------------------------------------------------------


class Started:
    """The containers of one installation: each command in a read-only image, with one folder to write in."""

    def __init__(self, image: Image, writable: Path, database: Database) -> None:
        self.image, self.writable = image, writable
        self.socket = Path(SERVER.partition("host=")[2]) / ".s.PGSQL.5432" if IS_POSTGRESQL else None
        url = database.url or f"sqlite:///{writable}/portal.sqlite3"
        prefix = container.read_only([], image=image, writable=writable, socket=self.socket)
        if self.socket and prefix:
            url = url.partition("host=")[0] + f"host={writable}"
        self.port = free_port()
        self.variables = {**TENANT, "DATABASE_URL": url, "TMPDIR": str(writable), "LOG_LEVEL": "WARNING"}

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [
            word.replace("0.0.0.0:8000", f"127.0.0.1:{self.port}") for word in self.image.command(*arguments)
        ]
        shielded = container.read_only(command, image=self.image, writable=self.writable, socket=self.socket)
        return subprocess.Popen(
            shielded, env=self.image.environment(self.variables), cwd="/", start_new_session=True
        )

    def health(self, path: str) -> dict[str, str]:
        try:
            return dict(requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=10).json())
        except requests.RequestException:
            return {}

    @contextmanager
    def running(self, *commands: tuple[str, ...]) -> Iterator[list[subprocess.Popen[bytes]]]:
        processes = [self.start(*command) for command in commands]
        try:
            yield processes
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            assert [process.wait(60) for process in processes] == [0] * len(processes)


def test_site_and_worker_start_apart_on_a_read_only_image(image):
    before = {path: path.stat().st_mtime_ns for path in image.root.rglob("*")}
    with tempfile.TemporaryDirectory(prefix="writable-") as folder, fresh_database() as database:
        writable = Path(folder)
        writable.chmod(0o777)
        for name in (".s.PGSQL.5432",) if IS_POSTGRESQL else ():
            (writable / name).touch()  # the database's socket is mounted here
        installation = Started(image, writable, database)
        assert installation.start("migrate", "--verbosity", "0").wait(300) == 0

        with installation.running((), ("worker",)) as (site, worker):
            wait_for(
                lambda: (
                    installation.health("/readyz").get("status") == "ready"
                    or site.poll() is not None
                    or worker.poll() is not None
                ),
                "the site and the worker",
            )
            assert (site.poll(), worker.poll()) == (None, None), "one ended; the lines above say why"

            user = re.search(r"^Uid:\s+(\d+)", Path(f"/proc/{site.pid}/status").read_text(), re.M)
            assert user is not None and user[1] != "0"
            page = requests.get(
                f"http://127.0.0.1:{installation.port}/sheet/", timeout=30,
                headers={"Host": "starters.contoso.example", "X-Forwarded-Proto": "https"},
            )  # fmt: skip
            sheet = re.search(r'href="(/static/css/[^"]+[.]css)"', page.text)
            assert page.ok and sheet is not None
            assert (image.portal / "var" / sheet[1].lstrip("/")).is_file()
    assert {path: path.stat().st_mtime_ns for path in image.root.rglob("*")} == before
