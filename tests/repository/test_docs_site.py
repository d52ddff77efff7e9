"""The documents as a web site. CI builds it with `make docs`, which fails on a broken link; these are the other rules."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.repository.test_documents import PAPERS, TOP

CONFIGURATION = (TOP / "requirements/docs/mkdocs.yml").read_text()


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_site", TOP / "requirements/docs_site.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_document_is_in_the_navigation_once():
    listed = sorted(re.findall(r"^\s+-(?: [^:\n]+:)? (\S+[.]md)$", CONFIGURATION, re.M))

    named = (str(paper.relative_to(TOP)) for paper in PAPERS)
    assert listed == sorted(name for name in named if not name.startswith("docs/decisions/0"))


def test_the_build_checks_pages_links_and_headings():
    assert "strict: true" in CONFIGURATION
    for kind in ("omitted_files", "not_found", "anchors", "absolute_links", "unrecognized_links"):
        assert f"{kind}: warn" in CONFIGURATION
    source = (TOP / "requirements/docs_site.py").read_text()
    assert '"--strict"' in source
    assert '"--quiet"' not in source  # MkDocs would not count its warnings
    assert "make -s docs" in (TOP / ".ci/run").read_text()


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<script src="https://cdn.example/a.js"></script>', ["https://cdn.example/a.js"]),
        ('<link rel="stylesheet" href="//fonts.example/b.css">', ["//fonts.example/b.css"]),
        ('<img src="http://images.example/c.png">', ["http://images.example/c.png"]),
        ('<a href="https://learn.example/">read</a><img src="d.png"><script>1</script>', []),
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(
    page: str, found: list[str], tmp_path: Path, build: ModuleType
):
    file = tmp_path / "page.html"
    file.write_text(page)

    assert build.loaded_from_elsewhere(file) == [f"page.html: {address}" for address in found]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(TOP)))
def test_a_list_begins_after_an_empty_line(paper: Path):
    """Otherwise the site shows it as a part of the paragraph above it."""
    text = re.sub(r"^```.*?^```", "", paper.read_text(), flags=re.M | re.S)
    item = re.compile(r"(?:[*-]|\d+[.]) ")
    blocks = re.split(r"\n\s*\n", text)
    begun = (block.splitlines() for block in blocks)

    late = [
        line
        for lines in begun
        if lines and not item.match(lines[0]) and not lines[0].startswith(("#", " "))
        for line in lines[1:]
        if item.match(line)
    ]
    assert late == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(TOP)))
def test_a_diagram_has_no_semicolon(paper: Path):
    """It would end a label, and the words after it would become boxes."""
    diagrams = re.findall(r"^```mermaid\n(.*?)^```", paper.read_text(), re.M | re.S)

    assert [line for diagram in diagrams for line in diagram.splitlines() if ";" in line] == []
