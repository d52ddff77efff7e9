"""Static files are collected when something changed, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.management import static_files
from portal.management.static_files import collect_static_files

WHITENOISE = "whitenoise.storage.CompressedManifestStaticFilesStorage"


@pytest.fixture
def source(tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one file that is to be collected."""
    (tmp_path / "static").mkdir()
    settings.VAR_DIR, settings.STATIC_ROOT = tmp_path, tmp_path / "collected"
    settings.STATICFILES_DIRS = [tmp_path / "static"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": WHITENOISE}}
    file = tmp_path / "static" / "page.css"
    file.write_text("a { color: red }")
    return file


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that the files were collected."""
    seen, really = [], static_files.call_command
    monkeypatch.setattr(
        static_files, "call_command", lambda name, **how: (seen.append(name), really(name, **how))
    )
    return seen


def copies(source: Path) -> list[str]:
    folder = source.parents[1] / "collected"
    return [path.read_text() for path in folder.glob("page.*.css")]


def test_unchanged_files_are_collected_once(source, times):
    collect_static_files()
    collect_static_files()

    assert len(times) == 1
    assert copies(source) == ["a { color: red }"]


def test_a_changed_file_is_collected_again(source, times):
    collect_static_files()
    source.write_text("a { color: tan }")

    collect_static_files()

    assert len(times) == 2
    assert "a { color: tan }" in copies(source)


def test_a_new_file_is_collected(source, times):
    collect_static_files()
    source.with_name("script.js").write_text("1")

    collect_static_files()

    assert len(times) == 2


def test_lost_files_are_collected_again(source, times):
    collect_static_files()
    (source.parents[1] / "collected" / "staticfiles.json").unlink()

    collect_static_files()

    assert len(times) == 2


def test_files_that_another_release_collected_are_replaced(source, times):
    """Somebody ran `collectstatic` by hand with another release."""
    collect_static_files()
    manifest = source.parents[1] / "collected" / "staticfiles.json"
    manifest.write_text(manifest.read_text().replace("page.css", "other.css"))

    collect_static_files()

    assert len(times) == 2
    assert "page.css" in manifest.read_text()


def test_files_that_could_not_be_collected_are_collected_next_time(source, times, monkeypatch):
    collect_static_files()
    source.write_text("a { color: tan }")

    def fails(*_, **__):
        raise OSError("the disk is full")

    with monkeypatch.context() as meanwhile, pytest.raises(OSError, match="full"):
        meanwhile.setattr(static_files, "call_command", fails)
        collect_static_files()
    source.write_text("a { color: red }")
    collect_static_files()

    assert len(times) == 2
