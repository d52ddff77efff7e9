"""Make a release: `make release VERSION=1.2.0`, or `make release VERSION=1.2.0 DRY_RUN=1` to see what it would do.

It sets the version in pyproject.toml, moves the notes of CHANGELOG.md from *Unreleased* to the version, adds what changes for
those who upgrade, commits, tags, and writes a source archive with its SHA-256 into var/releases. It pushes nothing. It needs
git and Python's own modules only.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
IN_PYPROJECT = re.compile(r'^version = "([^"]+)"$', re.M)
UNRELEASED = "## Unreleased\n"
SETTING = re.compile(r"^#?([A-Z][A-Z0-9_]+)=", re.M)
MIGRATION = re.compile(r"^(onboarding|portal)/migrations/(\d{4}_\w+)\.py$")


class NotReleasable(Exception):
    """The sentence for the person who runs the command."""


@dataclass(frozen=True)
class Release:
    """What will be written. `notes` is the section of the changelog, with its heading."""

    version: str
    notes: str
    changelog: str
    pyproject: str

    @property
    def tag(self) -> str:
        return f"v{self.version}"


def git(top: Path, *words: str) -> str:
    """Run git, and return what it prints. Raises NotReleasable."""
    done = subprocess.run(
        [shutil.which("git") or "git", *words], cwd=top, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotReleasable(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout


def plan_release(top: Path, version: str, today: str) -> Release:
    """Check that this can be released, and work out all texts. Changes nothing. Raises NotReleasable."""
    if not VERSION.fullmatch(version):
        raise NotReleasable("VERSION must have three numbers. Example: make release VERSION=1.2.0")
    if git(top, "status", "--porcelain").strip():
        raise NotReleasable("Files are changed or new. Commit them first: a release is what is committed.")
    if git(top, "tag", "--list", f"v{version}").strip():
        raise NotReleasable(f"The tag v{version} exists already.")
    last = find_last_tag(top)
    if last and as_numbers(version) <= as_numbers(last):
        raise NotReleasable(f"{version} does not come after {last}.")
    changelog = (top / "CHANGELOG.md").read_text(encoding="utf-8")
    before, heading, rest = changelog.partition(UNRELEASED)
    news, _, older = rest.partition("\n## ")
    if not heading or not news.strip():
        raise NotReleasable("CHANGELOG.md has nothing under “Unreleased”. Say what users will notice.")
    notes = f"## {version} ({today})\n\n{describe_upgrade(top, last)}\n{news.strip()}\n"
    text = f"{before}{UNRELEASED}\n{notes}" + (f"\n## {older}" if older else "")
    pyproject, count = IN_PYPROJECT.subn(
        f'version = "{version}"', (top / "pyproject.toml").read_text(encoding="utf-8")
    )
    if count != 1:
        raise NotReleasable("pyproject.toml must have one version.")
    return Release(version, notes, text, pyproject)


def find_last_tag(top: Path) -> str:
    """The tag of the last release; empty if there is none."""
    tags = [tag for tag in git(top, "tag", "--list", "v*", "--merged").split() if VERSION.fullmatch(tag[1:])]
    return max(tags, key=as_numbers, default="")


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.removeprefix("v").split("."))


def describe_upgrade(top: Path, last: str) -> str:
    """What operators need to know: migrations, and settings that came or went since the last release."""
    lines = ["### Upgrade"]
    if not last:
        return "\n".join([*lines, "* This is the first release: there is nothing to upgrade.", ""])
    migrations = list_migrations(top, "HEAD") - list_migrations(top, last)
    new = [name for name in list_settings(top, "HEAD") if name not in list_settings(top, last)]
    gone = [name for name in list_settings(top, last) if name not in list_settings(top, "HEAD")]
    applied = ", ".join(f"`{name}`" for name in sorted(migrations))
    lines.append(
        f"* Migrations: {applied}. The release before goes on serving on them."
        if migrations
        else "* No migrations."
    )
    lines.append(f"* New settings: {quoted(new)}." if new else "* No new settings.")
    if gone:
        lines.append(f"* Settings that are no longer read: {quoted(gone)}.")
    if git(top, "diff", "--name-only", last, "HEAD", "--", "requirements/run.txt").strip():
        lines.append("* The packages changed: install them as docs/how-to/upgrade.md says.")
    return "\n".join([*lines, ""])


def quoted(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def list_migrations(top: Path, commit: str) -> set[str]:
    """The migrations of a commit: `app name`."""
    found = (MIGRATION.match(path) for path in git(top, "ls-tree", "-r", "--name-only", commit).splitlines())
    return {f"{match[1]} {match[2]}" for match in found if match}


def list_settings(top: Path, commit: str) -> list[str]:
    """The variables of `.env.example` in a commit, in its order."""
    return list(dict.fromkeys(SETTING.findall(git(top, "show", f"{commit}:.env.example"))))


def make_release(top: Path, release: Release) -> Path:
    """Write, commit, tag, and put the archive and its checksum into var/releases. Returns the archive."""
    (top / "CHANGELOG.md").write_text(release.changelog, encoding="utf-8")
    (top / "pyproject.toml").write_text(release.pyproject, encoding="utf-8")
    git(
        top,
        "commit",
        "--quiet",
        "--message",
        f"Release {release.version}",
        "--",
        "CHANGELOG.md",
        "pyproject.toml",
    )
    git(
        top,
        "tag",
        "--annotate",
        release.tag,
        "--cleanup=verbatim",
        "--message",
        f"{release.version}\n\n{release.notes}",
    )
    folder = top / "var" / "releases"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"starter-pass-portal-{release.version}"
    archive = folder / f"{name}.tar.gz"
    git(top, "archive", "--format=tar.gz", f"--prefix={name}/", f"--output={archive}", release.tag)
    (folder / f"{name}.md").write_text(release.notes, encoding="utf-8")
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in (archive, folder / f"{name}.md")
    ]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return archive


def main(words: list[str], top: Path) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--dry-run", action="store_true", help="show the notes, and change nothing")
    chosen = parser.parse_args(words)
    try:
        release = plan_release(top, chosen.version, f"{datetime.now(UTC):%Y-%m-%d}")
        if chosen.dry_run:
            sys.stdout.write(f"{release.notes}\nNothing was changed.\n")
            return 0
        archive = make_release(top, release)
    except NotReleasable as why:
        sys.stderr.write(f"{why}\n")
        return 1
    sys.stdout.write(
        f"{release.tag} is committed and tagged. {archive.relative_to(top)} and SHA256SUMS are beside each other.\n"
        "To publish it: git push --follow-tags\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parents[1]))
