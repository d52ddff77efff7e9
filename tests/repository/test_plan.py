"""Each test runs on the database it depends on, and the documents say which."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from tests.browser import looking
from tests.support import plan


@pytest.mark.parametrize("name", [*plan.ONCE, *plan.WHOLE, *plan.SAMPLED, *plan.LONG_RUN])
def test_each_line_of_the_plan_names_tests_that_exist(name):
    file, _, test = name.partition("::")
    path = plan.TESTS / file

    assert path.is_file() or any(path.glob("**/test_*.py"))
    assert not test or f"\ndef {test}(" in path.read_text()


def test_one_test_can_run_elsewhere_than_its_file(monkeypatch):
    file, test = (
        plan.TESTS / "api" / "test_running_api.py",
        "test_one_ticket_sent_in_parallel_adds_one_starter",
    )

    monkeypatch.setattr(plan, "EACH_ONCE", True)
    assert [plan.is_left_out(file, database) for database in ("SQLite", "PostgreSQL")] == [False, True]
    assert [plan.is_left_out(file, database, test) for database in ("SQLite", "PostgreSQL")] == [True, False]
    assert plan.has_other_tests(file)


def test_a_long_run_is_left_out_where_tests_run_once(monkeypatch):
    file, _, test = next(iter(plan.LONG_RUN)).partition("::")

    monkeypatch.setattr(plan, "EACH_ONCE", True)
    assert plan.is_left_to_test_all(plan.TESTS / file, test)
    assert not plan.is_left_to_test_all(plan.TESTS / file, "test_another")
    monkeypatch.setattr(plan, "EACH_ONCE", False)
    assert not plan.is_left_to_test_all(plan.TESTS / file, test)


def test_what_no_line_names_runs_on_both():
    assert plan.only_database_of(plan.TESTS / "faults" / "test_exact_kills.py") is None


@pytest.mark.parametrize(
    "name",
    ["faults/test_exact_kills.py", "faults/test_fault_rows.py", "passes/test_one_winner.py", "passes/test_graph_quota.py",
     "policy/test_policy.py", "worker/test_jobs.py", "promises/test_6_the_outcome_is_always_known.py",
     "promises/test_7_everything_can_be_read_afterwards.py", "operations/test_restart.py", "operations/test_schema.py"],
)  # fmt: skip
def test_locks_constraints_triggers_kills_and_migrations_run_on_both(name):
    assert (plan.TESTS / name).is_file()
    assert plan.only_database_of(plan.TESTS / name) is None


def test_files_are_left_out_only_when_each_test_runs_once(monkeypatch):
    file = plan.TESTS / "graph" / "test_graph_facts.py"

    monkeypatch.setattr(plan, "EACH_ONCE", True)
    assert (plan.is_left_out(file, "SQLite"), plan.is_left_out(file, "PostgreSQL")) == (False, True)
    monkeypatch.setattr(plan, "EACH_ONCE", False)
    assert not plan.is_left_out(file, "PostgreSQL")


def test_two_databases_together_run_the_whole_sample():
    cases = [{"answer": row, "end": row, "way": way} for row in range(7) for way in range(2)]
    first, second = plan.spread(cases, 2), plan.spread(cases, 2, 1)

    for taken in (first, second):
        kept = [case for case, is_taken in zip(cases, taken, strict=True) if is_taken]
        assert {case["answer"] for case in kept} == set(range(7))
        assert {case["way"] for case in kept} == {0, 1}
    assert [mine != other for mine, other in zip(first, second, strict=True)] == [True] * len(cases)


def test_two_databases_together_run_each_row_of_a_smaller_sample():
    cases = [{"answer": row, "way": way} for row in range(10) for way in range(2)]
    first, second = plan.spread(cases, 4), plan.spread(cases, 4, 2)

    kept = [case for case, *taken in zip(cases, first, second, strict=True) if any(taken)]

    assert sorted(case["answer"] for case in kept) == list(range(10))
    assert {case["way"] for case in kept} == {0, 1}


def test_a_sample_is_never_empty():
    assert plan.spread([{"way": 0}, {"way": 1}], 3, 2) == [True, False]
    assert plan.spread([{"way": 0}, {"way": 1}, {"way": 2}], 8, 4) == [False, True, False]


def test_each_language_and_each_person_without_a_right_is_tried(monkeypatch):
    monkeypatch.setattr(plan, "EACH_ONCE", True)

    assert plan.sampled(plan.TESTS / "site" / "test_translations.py", "test_any") == 1
    assert plan.sampled(plan.TESTS / "starters" / "test_withdraw.py", "test_nobody_but_hr_withdraws") == 1
    assert plan.sampled(plan.TESTS / "starters" / "test_withdraw.py", "test_any") == plan.EVERY


def test_a_sample_is_taken_only_where_each_test_runs_once(monkeypatch):
    file = plan.TESTS / "passes" / "test_graph_quota.py"

    monkeypatch.setattr(plan, "EACH_ONCE", True)
    assert plan.sampled(file, "test_any") == plan.EVERY == 3
    assert plan.sampled(plan.TESTS / "answers" / "test_other_entrances.py", "test_any") == 4
    assert plan.sampled(plan.TESTS / "graph" / "test_graph_facts.py", "test_any") == 1
    assert plan.sampled(plan.TESTS / "guards" / "test_guards_table.py", "test_any") == 1
    assert plan.sampled(plan.TESTS / "faults" / "test_exact_kills.py", "test_any") == 6
    assert plan.part_of("abcdefgh", 3, 1) == ("b", "e", "h")
    monkeypatch.setattr(plan, "EACH_ONCE", False)
    assert plan.sampled(file, "test_any") == 1
    assert plan.part_of("abc", 3, 1) == ("a", "b", "c")


def test_the_documents_list_what_runs_on_one_database():
    assert plan.table() in Path(settings.BASE_DIR, "docs/proof.md").read_text()


def test_the_documents_list_of_what_a_part_runs():
    page = Path(settings.BASE_DIR, "docs/proof.md").read_text()

    for table in (plan.table_of_samples(), plan.table_of_whole_tests(), plan.table_of_long_runs()):
        assert table in page


def test_each_width_and_screen_is_checked_by_a_page(monkeypatch):
    monkeypatch.setattr(plan, "EACH_ONCE", True)
    screens = [
        looking.screens_of(name) for name in ("manager-home", "manager-confirm", "hr-list", "hr-starter")
    ]

    assert {(checked[0][0], len(checked)) for checked in screens} == {(320, 2)}
    assert {len(set(checked) & set(looking.AXE)) for checked in screens} == {1}
    assert set().union(*screens) == set(looking.EVERY_SCREEN)
    monkeypatch.setattr(plan, "EACH_ONCE", False)
    assert looking.screens_of("hr-list") == looking.EVERY_SCREEN
