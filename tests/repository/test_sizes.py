"""Folders, functions and names of tests stay short enough to be read."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

TOP = Path(settings.BASE_DIR)
MODULES = {"onboarding": 14, "tests": 14, "portal": 22}  # the most in one folder of each
LONGEST_FUNCTION = 50  # lines, its docstring among them
MOST_WORDS = 10  # in the name of a test
COMMANDS = "onboarding/management/commands"  # Django finds a command of `manage.py` in no other folder
CASE = re.compile(r"test_([a-z]?\d+_)?")  # the number of a case is no word


def modules(top: str) -> Iterator[Path]:
    return (path for path in sorted((TOP / top).rglob("*.py")) if "migrations" not in path.parts)


@pytest.mark.parametrize("top", MODULES)
def test_no_folder_has_too_many_modules(top):
    counted = Counter(
        str(path.parent.relative_to(TOP)) for path in modules(top) if path.name != "__init__.py"
    )
    counted.pop(COMMANDS, None)

    assert {folder: count for folder, count in counted.items() if count > MODULES[top]} == {}


@pytest.mark.parametrize("top", ["onboarding", "portal"])
def test_no_function_is_longer_than_a_screen(top):
    functions = [
        (path, node)
        for path in modules(top)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = [
        f"{path.relative_to(TOP)}: {node.name}"
        for path, node in functions
        if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert functions
    assert long == []


def test_no_name_of_a_test_is_a_sentence():
    names = [
        node.name
        for path in modules("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]

    assert len(names) > 1000
    assert [name for name in names if len(CASE.sub("", name, count=1).split("_")) > MOST_WORDS] == []
