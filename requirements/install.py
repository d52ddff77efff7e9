"""Make a virtual environment from a lock file with hashes; do nothing when it is already right.

Usage: python3 requirements/install.py run|dev [folder]

Only the standard library is used, since it runs before anything is installed. Each failure ends in one
sentence that says what is missing.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
WHERE = {"run": TOP / ".venv-run", "dev": TOP / ".venv"}


def main(which: str, where: str = "") -> None:
    if sys.version_info < (3, 11):
        found = ".".join(str(part) for part in sys.version_info[:3])
        stop(f"Python 3.11 or newer is needed; this python3 is {found}.")
    folder, lock = (TOP / where if where else WHERE[which]), TOP / "requirements" / f"{which}.txt"
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
    run(
        [*pip, "--require-hashes", "--no-deps", "-r", str(lock)],
        "The locked packages could not be installed; the lines above say why. Is the package index within reach?",
    )
    stamp.write_text(wanted)


def run(command: list[str], complaint: str) -> None:
    if subprocess.run(command, check=False).returncode:
        stop(complaint)


def stop(sentence: str) -> None:
    raise SystemExit(f"\n{sentence}\n")


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3} or sys.argv[1] not in WHERE:
        stop("Usage: python3 requirements/install.py run|dev [folder]")
    main(*sys.argv[1:])
