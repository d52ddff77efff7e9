"""The threat model names guards and tests that exist, for each threat."""

from __future__ import annotations

import re

import pytest

from tests.repository.named_tests import TOP, missing_tests, named_tests, rows

TEXT = (TOP / "docs/explanation/threat-model.md").read_text()
THREATS = TEXT.split("## Threats, most important first")[1].split("\n## ")[0]
REMAINING = TEXT.split("## What remains")[1].split("\n## ")[0]
NUMBER = r"\d+"
MOST = 53


def numbers_in(cell: str) -> set[int]:
    return {int(number) for number in re.findall(NUMBER, cell)}


def test_no_threat_is_missing_and_each_is_there_once():
    numbers = [int(row[0]) for row in rows(THREATS, NUMBER)]

    assert numbers == list(range(1, MOST + 1))


@pytest.mark.parametrize("row", rows(THREATS, NUMBER), ids=lambda row: row[0])
def test_each_threat_has_a_guard_and_a_test(row):
    _, threat, guard, proof = row
    modules = re.findall(r"`((?:onboarding|portal|requirements)/[\w/]+\.py)`", guard)

    assert threat and modules
    assert [module for module in modules if not (TOP / module).is_file()] == []
    assert missing_tests(proof) == []
    # A row names tests, or says in a sentence why there can be none.
    assert bool(named_tests(proof)) != bool(re.match(r"No test: \w+ .{20,}", proof))


def test_each_threat_belongs_to_an_attacker():
    table = TEXT.split("## Who might attack")[1].split("\n## ")[0]
    named = [numbers_in(row[2]) for row in rows(table, r"(?!attacker|-).+")]

    assert set().union(*named) == set(range(1, MOST + 1))


def test_what_remains_names_threats_and_what_helps():
    remaining = rows(REMAINING, r"\d+(, \d+)*")

    assert len(remaining) >= 10
    assert all(numbers_in(row[0]) <= set(range(1, MOST + 1)) for row in remaining)
    assert all(len(row) == 3 and row[1] and row[2] for row in remaining)


def test_the_picture_has_each_trust_boundary():
    picture = TEXT.split("```mermaid")[1].split("```")[0]
    listed = [row[0] for row in rows(TEXT.split("```mermaid")[1].split("## Who might")[0], NUMBER)]

    assert re.findall(r'-- "(\d+)" -->', picture) == listed


def test_a_named_test_that_is_not_there_is_found():
    assert missing_tests("`tests/site/test_headers.py::test_there_is_none`") != []
    assert missing_tests("`tests/site/test_nothing.py::test_a_log_line_cannot_be_forged`") != []
    assert missing_tests("`tests/site/test_headers.py::test_a_log_line_cannot_be_forged`") == []
