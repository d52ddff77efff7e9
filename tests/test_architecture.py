"""Who may import whom: read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

TOP = Path(settings.BASE_DIR)


def modules(package: str) -> list[Path]:
    path = TOP / package
    found = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
    assert found, package
    return found


def imports(path: Path) -> Iterator[str]:
    """The full name of whatever a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reaches(package: str, *forbidden: str) -> list[str]:
    """The imports in `package` that lead into something forbidden."""
    return [
        f"{path.relative_to(TOP)}: {name}"
        for path in modules(package)
        for name in imports(path)
        if any(name == one or name.startswith(f"{one}.") for one in forbidden)
    ]


def test_the_work_never_imports_the_site():
    assert reaches("onboarding", "portal") == []


def test_the_site_knows_of_the_work_only_that_it_is_there():
    assert reaches("portal", "onboarding") == []


@pytest.mark.parametrize("package", ["onboarding/lifecycle.py"])
def test_the_lifecycle_imports_nothing_of_ours(package):
    assert reaches(package, "onboarding", "portal") == []


def test_the_graph_layer_imports_only_itself():
    others = [
        name
        for name in reaches("onboarding/graph", "onboarding", "portal")
        if "onboarding.graph" not in name.split(": ")[1]
    ]

    assert others == []


@pytest.mark.parametrize(
    "door",
    [
        "onboarding/hr",
        "onboarding/managers",
        "onboarding/admin.py",
        "onboarding/urls.py",
        "onboarding/health.py",
    ],
)
def test_a_door_does_not_know_that_microsoft_exists(door):
    assert reaches(door, "onboarding.graph", "msal", "requests") == []


def test_only_the_graph_layer_the_identity_and_the_sign_in_speak_http():
    speakers = {
        name.split(":")[0]
        for name in reaches("onboarding", "requests", "urllib3", "http.client", "urllib.request", "msal")
    }

    assert all(name.startswith("onboarding/graph/") for name in speakers)


def test_only_moves_updates_the_column_of_a_state():
    for path in modules("onboarding"):
        if path.name in {"moves.py", "starter.py", "issue.py"} or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "update"
            ):
                assert "state" not in {word.arg for word in node.keywords}, f"{path}:{node.lineno}"


def test_every_module_says_what_it_is_for():
    for package in ("onboarding", "portal", "tests"):
        for path in modules(package):
            text = path.read_text()
            assert not text.strip() or ast.get_docstring(ast.parse(text)), path


def test_no_page_holds_inline_script_or_style():
    for path in (TOP / "templates").rglob("*.html"):
        text = path.read_text()
        if "emails" in path.parts:
            continue
        assert "style=" not in text.replace("data-style=", ""), path
        assert " onclick=" not in text, path
        assert "<style" not in text, path
        assert "javascript:" not in text, path
        assert text.count("<script") + text.count("<img") == text.count("src="), path


def test_whatever_goes_on_the_trail_takes_the_end_of_the_chain_first():
    """Two transactions that take the same two rows in opposite order wait for each other until one is ended."""
    elsewhere = {
        "onboarding/audit.py",
        "onboarding/jobs.py",
        "onboarding/budget.py",
    }  # no event is written there
    own = [
        str(path.relative_to(TOP))
        for path in modules("onboarding")
        if "migrations" not in path.parts and any(name.endswith("transaction") for name in imports(path))
    ]

    assert set(own) == elsewhere
