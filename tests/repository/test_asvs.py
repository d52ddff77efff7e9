"""The ASVS page has each requirement once, with a true verdict form, named tests that exist, and right sums."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.repository.named_tests import TOP, missing_tests, named_tests, rows

# The levels of the requirements of each section of ASVS 5.0.0, in their order.
LEVELS = {
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22",
    "10.7": "222",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
}  # fmt: skip
VERDICTS = ("met", "partly", "not met", "not applicable")
TEXT = (TOP / "docs/reference/asvs.md").read_text()
ROWS = rows(TEXT[TEXT.index("\n## 6 ") :], r"\d+\.\d+\.\d+")
LINK_OR_TEST = re.compile(r"`tests/[^`]+`|\[[^]]*\]\([^)]*\)\.?|, ")


def reason_in(cell: str) -> str:
    """What the cell says apart from tests and links."""
    return LINK_OR_TEST.sub("", cell).strip()


def test_each_requirement_is_there_once_with_its_level():
    expected = [
        [f"{section}.{number}", level]
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, 1)
    ]

    assert [row[:2] for row in ROWS] == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_requirement_has_a_verdict_and_a_proof(row):
    _, _, requirement, verdict, proof = row

    assert requirement and verdict in VERDICTS
    assert missing_tests(proof) == []
    if verdict == "met":
        assert named_tests(proof)
    else:
        assert len(reason_in(proof)) >= 20


def test_the_words_are_not_those_of_the_standard():
    """The standard begins each requirement with the same word."""
    assert [row[0] for row in ROWS if row[2].startswith("Verify") or len(row[2]) > 120] == []


def test_the_summary_counts_the_rows():
    def counts(chosen: list[list[str]]) -> list[str]:
        found = Counter(row[3] for row in chosen)
        return [str(len(chosen)), *(str(found[verdict]) for verdict in VERDICTS)]

    summary = TEXT.split("## Summary")[1].split("\n## ")[0]
    parts = {row[0]: row[1:] for row in rows(summary, r"(\d+ .+|level \d|all)")}

    chapters = {name: name.split()[0] for name in parts if name[0].isdigit()}
    assert list(chapters.values()) == ["6", "7", "8", "10", "16"]
    for name, chapter in chapters.items():
        assert parts[name] == counts([row for row in ROWS if row[0].startswith(f"{chapter}.")]), name
    for level in "123":
        assert parts[f"level {level}"] == counts([row for row in ROWS if row[1] == level])
    assert parts["all"] == counts(ROWS)


def test_what_is_missing_lists_each_open_requirement():
    missing = TEXT.split("## What is missing")[1].split("\n## ")[0]
    listed = [number for row in rows(missing, r"[\d., ]+") for number in row[0].split(", ")]

    assert sorted(listed) == sorted(row[0] for row in ROWS if row[3] in ("partly", "not met"))
