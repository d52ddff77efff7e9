"""The table of breaks and the tests of cases stay together, and no break is out of date."""

from __future__ import annotations

from collections import Counter

from tests.repository.breaks import BREAKS, TOP
from tests.repository.case_breaks import CASE_BREAKS, files_of_tests


def test_each_case_test_has_one_break():
    breaks = Counter(planned.test for planned in CASE_BREAKS)

    assert breaks == Counter(list(files_of_tests()))


def test_each_break_finds_its_old_text_once_and_changes_it():
    code = {file: (TOP / file).read_text() for file in {planned.file for planned in (*BREAKS, *CASE_BREAKS)}}

    stale = [planned for planned in (*BREAKS, *CASE_BREAKS) if code[planned.file].count(planned.before) != 1]

    assert stale == []
    assert [planned for planned in CASE_BREAKS if planned.before == planned.after] == []
    assert {planned.file.partition("/")[0] for planned in CASE_BREAKS} <= {
        "onboarding",
        "portal",
        "templates",
        "static",
    }
