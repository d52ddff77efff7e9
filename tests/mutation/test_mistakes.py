"""`mistakes` makes the listed mistakes, one at a time, and does not change texts."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.mistakes import mistakes

MADE = {
    # the right source: the wrong ones
    "a = b < c": ["b <= c", "b >= c"],
    "a = b <= c": ["b < c", "b > c"],
    "a = b == c": ["b != c"],
    "a = b is None": ["b is not None"],
    "a = b not in c": ["b in c"],
    "a = b and c": ["b or c", "c", "b"],
    "a = not b": ["b"],
    "a = True": ["False"],
    "a = 2": ["3"],
    "a = b + c": ["b - c"],
    "a = b / c": ["b * c"],
    "a = (b, c)": ["(c,)", "(b,)"],
    "a = frozenset({b, c})": ["frozenset({c})", "frozenset({b})"],
    "a = {b: c}": ["{}"],
    "a = b(c, d=e)": ["b(c)"],
    "a = b(c=True)": ["b(c=False)"],
    "a = [b for b in c if d]": ["[b for b in c]"],
    "a = b if c else d": ["b if True else d", "b if False else d", "b if not c else d"],
    "a = 'words'": [],
    "a: Final[1] = b": [],
}


@pytest.mark.parametrize("right", MADE)
def test_what_is_worked_out_can_be_worked_out_wrongly(right):
    made = [mistake.source.partition("= ")[2] for mistake in mistakes("a.py", right)]

    assert made == MADE[right]


STEPS = {
    "def f():\n    g()": "def f():\n    pass",
    "def f():\n    raise g": "def f():\n    pass",
    "def f():\n    a.b = c": "def f():\n    pass",
    "def f():\n    return g": "def f():\n    return None",
    "with f():\n    pass": "if True:\n    pass",
    "@g\ndef f():\n    pass": "def f():\n    pass",
    "try:\n    pass\nexcept E:\n    pass": "try:\n    pass\nexcept E:\n    raise",
}


@pytest.mark.parametrize("right", STEPS)
def test_a_step_can_be_left_out(right):
    assert [mistake.source for mistake in mistakes("a.py", right)] == [STEPS[right]]


@pytest.mark.parametrize(
    "right", ['"""What it is for."""', "log.error('no worker')", "import a", "return_ = None"]
)
def test_what_promises_nothing_is_left_alone(right):
    assert mistakes("a.py", right) == []


def test_each_mutation_is_named_by_its_place():
    right = "class C:\n    def f(self):\n        a.b(1)\n        a.b(1)"

    found = mistakes("a.py", right)

    assert [(mistake.line, mistake.name) for mistake in found] == [
        (3, "a.py C.f: a.b(1) → pass"), (3, "a.py C.f: 1 → 2"),
        (4, "a.py C.f: a.b(1) → pass (2)"), (4, "a.py C.f: 1 → 2 (2)"),
    ]  # fmt: skip
    assert len({mistake.source for mistake in found}) == 4
    assert all(mistake.source != right and ast.parse(mistake.source) for mistake in found)
