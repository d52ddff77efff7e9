"""Build the documents as a web site: `make docs`.

The pages keep the folders of the repository, so that their links work unchanged; files that a page links to are copied
beside it. A missing page, file or heading is an error, and so is anything that a reader's browser would load from
elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
WORK = TOP / "var" / "docs-site"
PAGES, SITE = WORK / "pages", WORK / "site"
MERMAID = TOP / "var/node/docs/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"
# The pages: what the README leads to.
SOURCES = ("*.md", "docs/**/*.md", "connectors/**/*.md")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[\w-]+)?\)")
# What a browser loads while it shows a page. Links that a reader can follow are no part of it.
LOADS = {
    "audio": "src", "embed": "src", "iframe": "src", "img": "src", "link": "href", "script": "src", "source": "src",
    "video": "src",
}  # fmt: skip


def main() -> None:
    if not MERMAID.is_file():
        raise SystemExit("npm is not installed, so the diagrams of the documents cannot be drawn.")
    shutil.rmtree(WORK, ignore_errors=True)
    copy_pages()
    # Not `--quiet`: MkDocs would then not count its warnings, and they are what fails the build.
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--config-file",
            str(TOP / "requirements/docs/mkdocs.yml"),
        ],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise SystemExit(f"{built.stdout}{built.stderr}\nThe site was not built; the lines above say why.")
    foreign = sorted(found for page in SITE.rglob("*.html") for found in loaded_from_elsewhere(page))
    if foreign:
        raise SystemExit("A page would load this from elsewhere:\n" + "\n".join(foreign))
    count = sum(1 for _ in SITE.rglob("*.html"))
    sys.stdout.write(f"{count} pages. Open {(SITE / 'index.html').relative_to(TOP)} in a browser.\n")


def copy_pages() -> None:
    """Copy each page, each file that a page links to, and the site's own files."""
    pages = {path for pattern in SOURCES for path in TOP.glob(pattern)}
    linked = {
        (page.parent / name).resolve()
        for page in pages
        for name in LINK.findall(page.read_text(encoding="utf-8"))
    }
    pictures = set((TOP / "docs/pictures").iterdir())
    own = {TOP / "requirements/docs/site.css", TOP / "static/favicon.svg"}
    for path in pages | {path for path in linked if path.is_file()} | pictures | own:
        copy(path, PAGES / path.relative_to(TOP))
    copy(MERMAID, PAGES / "requirements/docs/mermaid.js")


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


class Loads(HTMLParser):
    """The addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and given.get("rel") in {"canonical", "next", "prev"}:
            return
        self.addresses.append(given.get(LOADS.get(tag, "")) or "")


def loaded_from_elsewhere(page: Path) -> list[str]:
    """What a browser would load from another host to show this page."""
    parser = Loads()
    parser.feed(page.read_text(encoding="utf-8"))
    return [f"{page.name}: {address}" for address in parser.addresses if re.match(r"(\w+:)?//", address)]


if __name__ == "__main__":
    main()
