"""Install what looks at pages and parses queries from a lock file with hashes; do nothing when it is already there.

Usage: python3 requirements/node.py pages|queries|lighthouse|docs

`npm ci` checks each package against the hash in the lock. Scripts of packages are not run: none is needed, and one
would fetch a Java. Where npm is missing that is said, and no failure: the tests that need it say that they are skipped.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SETS = ("pages", "queries", "lighthouse", "docs")
NPM = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def main(which: str) -> None:
    wanted, folder = TOP / "requirements" / which, TOP / "var" / "node" / which
    lock = hashlib.sha256((wanted / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "lock.sha256"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    npm = shutil.which("npm")
    if npm is None:
        print(f"npm is not installed: the tools in requirements/{which} stay away.", flush=True)
        return
    print(f"Installing requirements/{which} (first time, or the lock has changed) …", flush=True)
    # A folder without the stamp was left half made: start over rather than guess what it holds.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(wanted / name, folder)
    cache = f"--cache={TOP / 'var' / 'npm-cache'}"  # nothing outside the checkout
    if subprocess.run([npm, *NPM[1:], cache], cwd=folder, check=False).returncode:
        raise SystemExit("\nThe locked packages could not be installed; the lines above say why.\n")
    stamp.write_text(lock)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in SETS:
        raise SystemExit(f"Usage: python3 requirements/node.py {'|'.join(SETS)}")
    main(sys.argv[1])
