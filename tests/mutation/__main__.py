"""Makes every mistake in a copy of the project and runs the tests that should notice: `python -m tests.mutation`.

For each mistake it runs the tests that reach the line: first those that noticed most so far, and the quickest. If the
line runs at import, it runs all tests of the module.
MODULES="guards transitions" tries only these modules, AGAIN=1 only the mistakes that survived the last run. WORKERS=1
runs one at a time. CONTINUE=1 keeps the results of a stopped run for each module that has not changed. New tests can
only notice more: AGAIN=1 tries them on the survivors. It ends with status 1 if the tests of any module miss more than
one mistake in ten.
"""
# ruff: noqa: T201

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.mistakes import Mistake, mistakes

TOP = Path(__file__).parents[2]
HERE = TOP / "var" / "mutants"
SURVIVORS = HERE / "survivors.json"
NOTICED = HERE / "noticed.txt"
VERDICTS = HERE / "verdicts"
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
LEFT_OUT = (".git", ".env", ".venv*", ".*_cache", "__pycache__", "var", "staticfiles")
OF_THE_DATABASE = {"DATABASE_URL", "PORTAL_DATA_DIR"}  # each copy has its own SQLite file
REACHED = "reached.json"
MOST = 0.1

HAND_OVER = (
    "handover", "refusal", "claim", "foreign_passes", "creation", "recording", "receipt", "cancellation",
    "confirmation", "errors",
)  # fmt: skip
GUARDS = ("engine", "account", "privileges", "people", "sign_in", "table")
SOURCES = {
    "lifecycle": "onboarding/lifecycle.py",
    **{f"guards/{name}": f"onboarding/guards/{name}.py" for name in GUARDS},
    "transitions": "onboarding/transitions.py",
    **{f"passes/{name}": f"onboarding/passes/{name}.py" for name in HAND_OVER},
}

OF_GUARDS = (
    "guards/test_guards_table",
    "promises/test_4_only_a_safe_account_receives",
    "promises/test_5_nobody_does_it_alone",
    "promises/test_3_only_the_manager_can_ask",
    "guards/test_step_up",
    "guards/test_guards_everywhere",
    "starters/test_review",
)
OF_STEPS = tuple(
    f"passes/handover/test_{step}"
    for step in ("check_ready", "refusal", "claim", "creation", "recording", "receipt")
)
OF_RECONCILER = tuple(
    f"passes/reconciler/test_{subject}"
    for subject in ("steps", "lost_passes", "held_passes", "cancelled_passes", "late_passes", "reading")
)
OF_HAND_OVER = (
    *OF_STEPS,
    "promises/test_5_nobody_does_it_alone",
    "passes/test_cancellation",
    "passes/test_confirm",
    "promises/test_2_the_pass_is_written_nowhere",
    "promises/test_4_only_a_safe_account_receives",
    "promises/test_7_everything_can_be_read_afterwards",
    "passes/test_graph_quota",
    "starters/test_withdraw",
    *OF_RECONCILER,
    "promises/test_3_only_the_manager_can_ask",
    "guards/test_step_up",
    "starters/test_review",
    "starters/test_stand_in",
    "promises/test_6_the_outcome_is_always_known",
)
# The tests of each module, the quickest and most effective first.
TESTS = {
    "lifecycle": ("lifecycle/test_lifecycle_table", "lifecycle/test_lifecycle", "repository/test_documents"),
    **dict.fromkeys((f"guards/{name}" for name in GUARDS), OF_GUARDS),
    "transitions": (
        "lifecycle/test_lifecycle_table",
        *OF_STEPS,
        "passes/test_cancellation",
        "starters/test_withdraw",
        "starters/test_reschedule",
        "promises/test_7_everything_can_be_read_afterwards",
        "passes/test_confirm",
        *OF_RECONCILER,
        "promises/test_6_the_outcome_is_always_known",
    ),
    **dict.fromkeys((f"passes/{name}" for name in HAND_OVER), OF_HAND_OVER),
}  # fmt: skip


class Copy:
    """A copy of the project in its own folder, with a mistake in one module at a time."""

    def __init__(self, number: int) -> None:
        self.folder = HERE / f"copy-{number}"
        self.said = HERE / f"copy-{number}.txt"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(TOP, self.folder, ignore=shutil.ignore_patterns(*LEFT_OUT))

    def who_notices(self, mistake: Mistake, tests: list[str], patience: float) -> str:
        """The first test that fails, or an empty string. A test that hangs counts as failing."""
        path = self.folder / mistake.module
        name = next(name for name, source in SOURCES.items() if source == mistake.module)
        right = path.read_text()
        path.write_text(mistake.source)
        try:
            return "" if self.test(name, tests, patience=patience) == 0 else self.first_failure()
        except subprocess.TimeoutExpired:
            return "(waited for ever)"
        finally:
            path.write_text(right)

    def first_failure(self) -> str:
        lines = self.said.read_text().splitlines()
        return next(
            (line for line in lines if line.startswith(("FAILED tests", "ERROR tests"))),
            "(nothing could be imported)",
        )

    def test(self, name: str, tests: list[str], *options: str, patience: float | None = None) -> int:
        for compiled in self.folder.glob(f"onboarding/**/__pycache__/{Path(SOURCES[name]).stem}.*"):
            compiled.unlink()  # Python's cache cannot tell apart two sources of the same second and size
        asked = self.folder / "asked.txt"
        asked.write_text("\n".join(tests))
        # Create the tables from the models: migrations take longer than most tests.
        quickly = [
            "-qx",
            "--tb=line",
            "--nomigrations",
            "-pno:playwright",
            "-pno:xdist",
            "-pno:cacheprovider",
            *options,
        ]
        with self.said.open("w") as said:
            run = subprocess.Popen(
                [sys.executable, "-m", "pytest", *quickly, f"@{asked}"],
                cwd=self.folder,
                env={
                    **{name: value for name, value in os.environ.items() if name not in OF_THE_DATABASE},
                    "REACHED_OF": str(self.folder / SOURCES[name]),
                    "REACHED": str(self.folder / REACHED),
                },
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            return run.wait(patience)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()


@dataclass(frozen=True)
class Result:
    module: str
    equivalent: int
    mistakes: int
    survivors: list[Mistake]

    @property
    def share(self) -> float:
        return len(self.survivors) / self.mistakes


def main() -> int:
    names = os.environ.get("MODULES", "").split() or list(TESTS)
    copies = [Copy(number) for number in range(int(os.environ.get("WORKERS", "2")))]
    last = json.loads(SURVIVORS.read_text()) if SURVIVORS.exists() else {}
    NOTICED.unlink(missing_ok=True)
    started = time.monotonic()
    results = []
    for name in names:
        results.append(examine(name, copies, last.get(name, []) if os.environ.get("AGAIN") else None))
        last[name] = [mistake.name for mistake in results[-1].survivors]
        SURVIVORS.write_text(json.dumps(last, indent=1))
    report(results, (time.monotonic() - started) / 60)
    return int(any(result.share > MOST for result in results))


def examine(name: str, copies: list[Copy], again: list[str] | None) -> Result:
    module = SOURCES[name]
    found = mistakes(module, (TOP / module).read_text())
    harmless = equivalents(name)
    if unknown := harmless - {mistake.name for mistake in found}:
        sys.exit("equivalent.toml names mistakes that nobody can make:\n  " + "\n  ".join(sorted(unknown)))
    found = [mistake for mistake in found if mistake.name not in harmless]
    tried = [mistake for mistake in found if again is None or mistake.name in again]
    reach = Reach(name, copies[0])
    print(f"{module}: {len(tried)} mistakes, {len(reach.seconds)} tests", flush=True)
    return Result(module, len(harmless), len(found), list(those_that_survive(name, tried, copies, reach)))


def all_tests(name: str) -> list[str]:
    return [f"tests/{file}.py" for file in TESTS[name]]


def equivalents(name: str) -> set[str]:
    """The mistakes that change nothing that the portal promises, each listed with its reason."""
    return {f"{SOURCES[name]} {mistake}" for mistake in tomllib.loads(EQUIVALENT.read_text()).get(name, {})}


class Reach:
    """The tests that reach each line of a module. All tests must pass without a mistake."""

    def __init__(self, name: str, copy: Copy) -> None:
        if copy.test(name, all_tests(name), "-p", "tests.mutation.reached") != 0:
            sys.exit(f"The tests of {name} fail without any mistake:\n{copy.said.read_text()}")
        told = json.loads((copy.folder / REACHED).read_text())
        self.seconds: dict[str, float] = {test: run["seconds"] for test, run in told.items()}
        self.patience = 60 + 2 * sum(self.seconds.values())
        self.noticed: Counter[str] = Counter()
        self._tests: defaultdict[int, set[str]] = defaultdict(set)
        for test, run in told.items():
            for line in run["lines"]:
                self._tests[line].add(test)

    def of(self, mistake: Mistake) -> list[str]:
        tests = set().union(*(self._tests.get(line, ()) for line in mistake.reached)) or self.seconds
        return sorted(tests, key=lambda test: (-self.noticed[test], self.seconds[test], test))


def those_that_survive(
    name: str, tried: list[Mistake], copies: list[Copy], reach: Reach
) -> Iterator[Mistake]:
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    verdicts = Verdicts(name)

    def who_notices(mistake: Mistake) -> str:
        if (who := verdicts.known.get(mistake.name)) is not None and not os.environ.get("AGAIN"):
            return who
        copy = free.get()
        try:
            who = copy.who_notices(mistake, reach.of(mistake), reach.patience)
            reach.noticed[who.partition(" ")[2].partition(" - ")[0]] += 1
            verdicts.add(mistake, who)
            return who
        finally:
            free.put(copy)

    with NOTICED.open("a") as noticed, ThreadPoolExecutor(len(copies)) as threads:
        told = zip(tried, threads.map(who_notices, tried), strict=True)
        for number, (mistake, who) in enumerate(told, 1):
            print(f"{mistake.name}\n    {who or 'nobody'}", file=noticed, flush=True)
            if not who:
                print(
                    f"  survives: {mistake.module}:{mistake.line} {mistake.place}: {mistake.change}",
                    flush=True,
                )
                yield mistake
            if number % 25 == 0:
                print(f"  {number} of {len(tried)}", flush=True)


class Verdicts:
    """The test that noticed each mistake of a module. Saved at once, so that a stopped run can continue later."""

    def __init__(self, name: str) -> None:
        of = sha256((TOP / SOURCES[name]).read_bytes()).hexdigest()[:16]
        self.file = VERDICTS / f"{name}-{of}.jsonl"
        self.file.parent.mkdir(exist_ok=True)
        if not os.environ.get("CONTINUE"):
            self.file.unlink(missing_ok=True)
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        self.known: dict[str, str] = dict(json.loads(line) for line in lines)

    def add(self, mistake: Mistake, who: str) -> None:
        with self.file.open("a") as kept:
            print(json.dumps([mistake.name, who]), file=kept)


def report(results: list[Result], minutes: float) -> None:
    print(f"\n{'module':26}{'mistakes':>9}{'noticed':>9}{'survive':>9}{'share':>7}{'equivalent':>12}")
    for result in results:
        left = len(result.survivors)
        numbers = (
            f"{result.mistakes:9}{result.mistakes - left:9}{left:9}{result.share:7.1%}{result.equivalent:12}"
        )
        print(f"{result.module:26}{numbers}")
    print(f"\n{minutes:.0f} minutes; who noticed what: {NOTICED.relative_to(TOP)}")


if __name__ == "__main__":
    sys.exit(main())
