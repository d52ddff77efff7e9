"""The documents agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

TOP = Path(settings.BASE_DIR)
FOLDERS_OF_PAPERS = ("docs", "connectors")
PAPERS = [
    *sorted(TOP.glob("*.md")),
    *(path for folder in FOLDERS_OF_PAPERS for path in sorted((TOP / folder).rglob("*.md"))),
]


def test_the_diagrams_show_the_lifecycle_as_it_is():
    call_command("diagrams", check=True)


def test_every_promise_has_its_test_file():
    promised = re.findall(r"^(\d+)\. ", (TOP / "SECURITY.md").read_text(), re.M)
    files = [path.name for path in (TOP / "tests/promises").glob("test_*.py")]

    assert sorted(name.split("_")[1] for name in files) == sorted(promised)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(TOP)))
def test_every_file_that_a_paper_names_is_there(paper):
    text = paper.read_text()
    linked = re.findall(r"(?:\]\(|src=\")([^)#:\"]+)(?:#[\w-]+)?[)\"]", text)
    named = re.findall(
        r"`((?:connectors|deploy|onboarding|portal|tests|docs|templates|static|requirements)/[\w./-]*)`", text
    )

    assert not [name for name in linked if not (paper.parent / name).exists()]
    assert not [name for name in named if not (TOP / name).exists()]


def test_the_pictures_are_all_shown_and_small():
    pictures = sorted((TOP / "docs/pictures").iterdir())

    shown = [name for paper in PAPERS for name in re.findall(r"pictures/([\w-]+[.]png)", paper.read_text())]
    assert sorted(shown) == [path.name for path in pictures]
    assert [path.name for path in pictures if path.stat().st_size > 60_000] == []


def test_the_readme_is_short_and_leads_to_every_other_document():
    text = (TOP / "README.md").read_text()

    assert len(text.splitlines()) <= 100
    listed = [*(TOP / "docs/decisions").glob("0*.md"), *(TOP / "connectors").glob("*/README.md")]
    apart = {"README.md", *(str(path.relative_to(TOP)) for path in listed)}
    assert [
        name for paper in PAPERS if (name := str(paper.relative_to(TOP))) not in apart and name not in text
    ] == []


def test_the_readme_names_only_targets_that_make_knows():
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.M))

    named = set(re.findall(r"(?:^|`|\d )make ([a-z-]+)", (TOP / "README.md").read_text(), re.M))

    assert {"demo", "test", "tour"} <= named <= targets


def test_the_sandbox_grants_only_documented_permissions():
    from onboarding.graph.permissions import PERMISSIONS
    from portal.sandbox.tenant import GRANTED

    assert set(GRANTED) <= {permission.name for permission in PERMISSIONS}


def test_the_decisions_are_all_in_their_list():
    listed = re.findall(r"\]\((\d{4}[\w.-]+)\)", (TOP / "docs/decisions/README.md").read_text())

    assert sorted(listed) == sorted(path.name for path in (TOP / "docs/decisions").glob("0*.md"))


def test_the_connectors_are_all_in_their_list():
    listed = re.findall(r"\]\(([\w-]+/README[.]md)\)", (TOP / "connectors/README.md").read_text())

    assert sorted(listed) == sorted(
        str(path.relative_to(TOP / "connectors")) for path in (TOP / "connectors").glob("*/README.md")
    )


LOCKS = sorted([*(TOP / "requirements").glob("*.txt"), *(TOP / "requirements").glob("*/package-lock.json")])


@pytest.mark.parametrize("path", [*PAPERS, *LOCKS], ids=lambda path: str(path.relative_to(TOP)))
def test_no_committed_paper_or_lock_names_a_registry(path):
    words = path.read_text().lower()

    assert "pypi" not in words and "npmjs" not in words
    assert path not in LOCKS or "://" not in words  # also in sentences about money


GUIDES = [
    TOP / "CONTRIBUTING.md",
    TOP / "GLOSSARY.md",
    *sorted((TOP / "docs/how-to").glob("add-*.md")),
    *sorted((TOP / "docs/explanation").glob("*.md")),
]
# Examples in the guides, and the folder of a language.
EXAMPLES = {
    "has_department", "HAS_DEPARTMENT", "department_required", "window_closed", "write_window_closed", "LC_MESSAGES",
}  # fmt: skip


def names_in_the_code() -> set[str]:
    """Each word in the code, the tests, the templates and the file names."""
    tops = ("onboarding", "portal", "templates", "tests")
    paths = [path for top in tops for path in (TOP / top).rglob("*") if path != Path(__file__)]
    texts = [path.read_text() for path in paths if path.suffix in {".py", ".html", ".txt"}]
    texts += [path.stem for path in (*paths, *TOP.glob("*.md"))]
    return {name for text in texts for name in re.findall(r"\w+", text)}


@pytest.mark.parametrize("paper", GUIDES, ids=lambda path: path.name)
def test_a_guide_uses_only_names_that_the_code_has(paper):
    drawn = re.compile(r"```mermaid\n.*?```", re.S)
    marked = re.findall(r"```\w*\n.*?```|`[^`\n]+`", drawn.sub("", paper.read_text()), re.S)
    named = {
        name
        for text in marked
        for name in re.findall(r"\w+", text)
        if "_" in name or name.isupper() or re.fullmatch(r"[A-Z][a-z]+[A-Z]\w+", name)
    }

    assert named - names_in_the_code() - EXAMPLES == set()
