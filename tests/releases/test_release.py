"""`make release`: one command makes the version, the tag, the notes, the upgrade notes and the checksums."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings

TOP = Path(settings.BASE_DIR)
CHANGELOG = "# Changelog\n\n## Unreleased\n\n### HR\n* HR can {what}.\n"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", TOP / "requirements/release.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["release"] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


release = load()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A small repository with what a release reads, and nothing released yet."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "config", "user.name", "A maintainer")
    git(tmp_path, "config", "user.email", "maintainer@example.com")
    (tmp_path / ".gitignore").write_text("var/\n")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/run.txt").write_text("django==5.2\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "0.1.0"\n')
    (tmp_path / ".env.example").write_text("AZURE_TENANT_ID=sandbox\n#OLD_ONE=1\n")
    add_migration(tmp_path, "0001_tables")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.format(what="add a starter"))
    commit(tmp_path)
    return tmp_path


def git(top: Path, *words: str) -> str:
    return subprocess.run(
        [str(shutil.which("git")), *words], cwd=top, check=True, capture_output=True, text=True
    ).stdout


def commit(top: Path) -> None:
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "Change something")


def add_migration(top: Path, name: str) -> None:
    folder = top / "onboarding/migrations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text("")


def run(top: Path, *words: str) -> int:
    return int(release.main([*words], top))


def test_a_release_is_committed_tagged_and_archived(clone: Path) -> None:
    assert run(clone, "1.0.0") == 0

    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "cat-file", "-t", "v1.0.0").strip() == "tag"  # an annotated one
    assert git(clone, "show", "v1.0.0:pyproject.toml").count('version = "1.0.0"') == 1
    text = (clone / "CHANGELOG.md").read_text()
    assert text.index("## Unreleased\n\n## 1.0.0 (") < text.index("* HR can add a starter.")
    assert "first release" in text
    folder = clone / "var/releases"
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    with tarfile.open(folder / "starter-pass-portal-1.0.0.tar.gz") as archive:
        assert "starter-pass-portal-1.0.0/onboarding/migrations/0001_tables.py" in archive.getnames()


def test_notes_list_migrations_and_settings_since_the_last_release(clone: Path) -> None:
    assert run(clone, "1.0.0") == 0
    add_migration(clone, "0002_more")
    (clone / ".env.example").write_text(
        "AZURE_TENANT_ID=sandbox\n# A text with NEW_TEXT= in it\n#NEW_ONE=1\n"
    )
    (clone / "requirements/run.txt").write_text("django==5.3\n")
    text = (clone / "CHANGELOG.md").read_text()
    (clone / "CHANGELOG.md").write_text(
        text.replace("## Unreleased\n", "## Unreleased\n\n### HR\n* HR can print.\n")
    )
    commit(clone)

    assert run(clone, "1.1.0") == 0

    notes = (clone / "var/releases/starter-pass-portal-1.1.0.md").read_text()
    assert "* Migrations: `onboarding 0002_more`." in notes and "0001_tables" not in notes
    assert "* New settings: `NEW_ONE`." in notes and "* Settings that are no longer read: `OLD_ONE`." in notes
    assert "The packages changed" in notes and "HR can print" in notes and "add a starter" not in notes
    assert notes.strip() in git(clone, "for-each-ref", "--format=%(contents)", "refs/tags/v1.1.0")
    text = (clone / "CHANGELOG.md").read_text()
    assert text.index("## 1.1.0") < text.index("## 1.0.0")


def test_a_dry_run_changes_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = git(clone, "rev-parse", "HEAD")

    assert run(clone, "1.0.0", "--dry-run") == 0

    assert "## 1.0.0 (" in capsys.readouterr().out
    assert (
        git(clone, "rev-parse", "HEAD") == before
        and git(clone, "tag") == git(clone, "status", "--porcelain") == ""
    )


def change_a_file(clone: Path) -> None:
    (clone / "new").write_text("")


def have_no_news(clone: Path) -> None:
    (clone / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
    commit(clone)


def have_a_later_release(clone: Path) -> None:
    git(clone, "tag", "v1.10.0")


def have_this_release(clone: Path) -> None:
    git(clone, "tag", "v1.9.0")


@pytest.mark.parametrize(
    ("change", "version", "says"),
    [
        (change_a_file, "1.9.0", "Commit them first"),
        (have_no_news, "1.9.0", "nothing under"),
        (have_a_later_release, "1.9.0", "does not come after v1.10.0"),
        (have_this_release, "1.9.0", "exists already"),
        (lambda _: None, "1.9", "three numbers"),
        (lambda _: None, "v1.9.0", "three numbers"),
    ],
)
def test_what_cannot_be_released_is_refused_unchanged(clone, capsys, change, version, says) -> None:
    change(clone)
    before = git(clone, "rev-parse", "HEAD"), git(clone, "tag"), git(clone, "status", "--porcelain")

    assert run(clone, version) == 1

    assert says in capsys.readouterr().err
    assert (git(clone, "rev-parse", "HEAD"), git(clone, "tag"), git(clone, "status", "--porcelain")) == before


def test_this_repository_can_be_read_for_a_release() -> None:
    assert release.IN_PYPROJECT.search((TOP / "pyproject.toml").read_text())
    assert release.UNRELEASED in (TOP / "CHANGELOG.md").read_text()
    assert len(release.SETTING.findall((TOP / ".env.example").read_text())) > 40
