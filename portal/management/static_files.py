"""Collects the static files. Compressing them takes seconds, so what is there and unchanged stays."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

STAMP = (
    "static.sha256"  # in the data folder: what the collected files were made from, and that they are those
)


def collect_static_files() -> None:
    """Collect them, unless the folder has them already. The caller holds the lock of the data folder."""
    stamp = settings.VAR_DIR / STAMP
    if stamp.exists() and stamp.read_text() == fingerprint():
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(fingerprint())


def are_collected() -> bool:
    return bool((settings.STATIC_ROOT / "staticfiles.json").exists())


def fingerprint() -> str:
    """Of all sources, of what processes them, and of the list of what was made; empty without such a list."""
    if not are_collected():
        return ""
    whole = hashlib.sha256(f"{version('django')} {version('whitenoise')}".encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            with storage.open(path) as file:
                whole.update(f"\n{path} {file.size}\n".encode() + file.read())
    whole.update((settings.STATIC_ROOT / "staticfiles.json").read_bytes())
    return whole.hexdigest()
