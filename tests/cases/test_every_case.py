"""Each case that an outsider found has a test that uses the portal as the outsider did.

`make cases` runs them all. A case is named by an area and a number: F facts, M mail, P manager's pages, H HR's pages,
A admin, S sign-in and requests, O operation. Its tests begin with `test_` and that name.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.support.case_tests import case_of, find_case_tests
from tests.support.plan import TESTS

CASES = (
    *(f"f{number}" for number in range(1, 21)),
    *(f"m{number}" for number in range(1, 6)),
    *(f"p{number}" for number in range(1, 10)),
    *(f"h{number}" for number in range(1, 13)),
    *("a1", "a2", "a8", "a9", "a10"),
    *("s1", "s3", *(f"s{number}" for number in range(4, 10))),
    *(f"o{number}" for number in (*range(2, 7), 8, 9, *range(11, 16))),
)


@cache
def cases_with_a_test() -> set[str]:
    return set(map(case_of, find_case_tests(Path(TESTS))))


@pytest.mark.parametrize("case", CASES)
def test_every_case_has_a_test(case):
    assert case in cases_with_a_test()
