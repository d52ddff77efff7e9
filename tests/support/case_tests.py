"""The tests of cases, found by their names: `test_`, the letter of an area and a number."""

from __future__ import annotations

import re
from pathlib import Path

DEFINED = re.compile(r"^def (test_[fmphaso]\d+_\w+)\(", re.MULTILINE)


def find_case_tests(folder: Path) -> dict[str, Path]:
    """The file of each test of a case in this folder, by the name of the test."""
    files = sorted(folder.rglob("test_*.py"))
    return {name: path for path in files for name in DEFINED.findall(path.read_text())}


def case_of(test: str) -> str:
    """The case in the name of a test."""
    return test.split("_")[1]
