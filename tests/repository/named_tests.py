"""The tests that a document names, and whether they exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from django.conf import settings

TOP = Path(settings.BASE_DIR)
NAMED = re.compile(r"`(tests/[\w/.-]+)::(\w+)`")


@cache
def functions_of(file: str) -> frozenset[str]:
    """The names of the test functions of a file under tests/; none if there is no such file."""
    path = TOP / file
    if not path.is_file():
        return frozenset()
    nodes = ast.parse(path.read_text()).body
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


def named_tests(text: str) -> list[tuple[str, str]]:
    """Each file and test that the text names."""
    return NAMED.findall(text)


def missing_tests(text: str) -> list[str]:
    """What the text names as a test and is none."""
    return [
        f"{file}::{name}"
        for file, name in named_tests(text)
        if not name.startswith("test_") or name not in functions_of(file)
    ]


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of each row of a table whose first cell matches a pattern."""
    lines = [line.strip().strip("|") for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    return [row for row in cells if re.fullmatch(first, row[0])]
