"""Builds the container image as a folder, without an engine: what `.dockerignore` lets through, the COPY lines, and the
RUN lines of the portal itself. Starts commands in it as the image does."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DOCKERFILE = TOP / "deploy/Dockerfile"
# Locally, an environment with nothing but the lock file of the image; else the one of the tests.
LEAN = TOP / ".venv-run"
FOLDERS = (
    ".", "connectors", "deploy", "docs", "locale", "onboarding", "portal", "requirements", "static", "templates", "tests",
)  # fmt: skip
NO_PIP = re.compile(r"-m pip|-m venv")


def instructions() -> Iterator[tuple[str, str]]:
    """Each instruction of the Dockerfile, on one line: its word and its arguments."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word, rest.strip()


@dataclass
class Stage:
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str:
        return [rest for found, rest in self.steps if found == word][-1]

    def variables(self) -> dict[str, str]:
        pairs = [pair for word, rest in self.steps if word == "ENV" for pair in shlex.split(rest)]
        return dict(pair.split("=", 1) for pair in pairs)


def stages() -> list[Stage]:
    found: list[Stage] = []
    for word, rest in instructions():
        if word == "FROM":
            found.append(Stage(rest.partition(" AS ")[2]))
        elif found:
            found[-1].steps.append((word, rest))
    return found


def as_expression(pattern: str) -> re.Pattern[str]:
    """A line of `.dockerignore`. It also matches all that is in a folder that it matches."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    return re.compile("".join(parts.get(word, re.escape(word)) for word in words) + "(?:/.*)?")


def files_below(top: Path, folder: str) -> Iterator[str]:
    """The names of all files in a folder of `top`, also in folders below it; "." means only those in `top` itself."""
    inside = (top / folder).iterdir() if folder == "." else (top / folder).rglob("*")
    yield from (path.relative_to(top).as_posix() for path in inside if path.is_file())


@cache
def build_context() -> frozenset[str]:
    """The files of the checkout that an engine gets to see. The last line that matches decides."""
    lines = [line.strip() for line in (TOP / ".dockerignore").read_text().splitlines()]
    rules = [
        (line.startswith("!"), as_expression(line.lstrip("!"))) for line in lines if line and line[0] != "#"
    ]
    names = [name for folder in FOLDERS for name in files_below(TOP, folder)]
    return frozenset(
        name for name in names if next(seen for seen, rule in reversed(rules) if rule.fullmatch(name))
    )


@dataclass
class Image:
    """The image as a folder: its paths are below `root`."""

    root: Path
    interpreter: Path

    @property
    def portal(self) -> Path:
        return self.root / "srv/portal"

    def place(self, text: str) -> str:
        """A command of the image, with the paths that its parts have here."""
        text = text.replace("/opt/venv/bin/python", str(self.interpreter))
        return text.replace("/srv/portal", str(self.portal)).replace(" /opt/venv", "")

    def build(self) -> None:
        for word, rest in stages()[0].steps:
            if word == "COPY":
                self._copy(*shlex.split(rest))
            elif word == "RUN" and not NO_PIP.search(rest):
                subprocess.run(
                    ["sh", "-ec", self.place(rest)], cwd=self.portal, env=self.environment({}), check=True
                )

    def _copy(self, *words: str) -> None:
        *sources, target = words
        for source in sources:
            names = [name for name in build_context() if name == source or name.startswith(f"{source}/")]
            assert names, f"COPY {source}: .dockerignore lets nothing through"
            for name in names:
                inside = name.removeprefix(source).lstrip("/") or (
                    Path(name).name if target.endswith("/") else ""
                )
                to = (
                    self.root / target.lstrip("/") if target.startswith("/") else self.portal / target
                ) / inside
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(TOP / name, to)

    def files(self) -> set[str]:
        return {path.relative_to(self.portal).as_posix() for path in self.portal.rglob("*") if path.is_file()}

    def environment(self, own: dict[str, str]) -> dict[str, str]:
        path = f"{self.interpreter.parent}:/usr/local/bin:/usr/bin:/bin"
        return {**stages()[-1].variables(), "PATH": path, **own}

    def command(self, *arguments: str) -> list[str]:
        """The start command of the image; without arguments, with those of CMD."""
        start = json.loads(stages()[-1].last("ENTRYPOINT"))
        return [self.place(word) for word in (*start, *(arguments or json.loads(stages()[-1].last("CMD"))))]


def interpreter() -> Path:
    lean = LEAN / "bin/python"
    return lean if lean.exists() else Path(sys.executable)


@cache
def can(*command: str) -> bool:
    return not subprocess.run(command, capture_output=True, check=False).returncode


def ways_to_drop_root() -> Iterator[list[str]]:
    """As the user of the image; the same, but able to read a checkout or a Python that only root can read; or not."""
    user, group = stages()[-1].last("USER").split(":")
    drop = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
    yield drop
    yield [*drop, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    yield []


def read_only(command: Sequence[str], *, image: Image, writable: Path, socket: Path | None) -> list[str]:
    """`command` where nothing but `writable` can be written, as the user of the image.

    Root gets a read-only view of the machine, and gives up root in it. For anybody else the folder of the image is made
    read-only. `socket` is a database's, which the user of the image must reach.
    """
    if os.geteuid() != 0 or not can("unshare", "--mount", "sh", "-c", "mount -o remount,bind,ro /"):
        return list(command)
    mounts = [f"mount --bind {folder} {folder}" for folder in (image.root, writable)]
    if socket:
        mounts.append(f"mount --bind {socket} {writable / socket.name}")
    path = f"PATH={image.interpreter.parent}:/usr/bin:/bin"
    script = " && ".join(
        [*mounts, f"mount -o remount,bind,ro {image.root}", "mount -o remount,bind,ro /", 'exec "$@"']
    )
    drop = next(
        found for found in ways_to_drop_root() if can(*found, "env", path, "python", "-c", "import django")
    )
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", *drop, *command]
