"""Breaks each promise once, in a copy, and shows that a test turns red: `python -m tests.breaks`.

A test that cannot fail proves nothing. Each break is one small change of the code, of the kind that somebody in a
hurry would make; a break that no longer fits the code is an error, so the list cannot grow stale.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

TOP = Path(__file__).resolve().parent.parent
AT_A_TIME = 2


@dataclass(frozen=True)
class Break:
    promise: int
    what: str
    file: str
    before: str
    after: str
    tests: str  # a file, and with `::` or `-k` words a part of it


BREAKS = (
    Break(
        1, "the window has no beginning", "onboarding/handover.py",
        "if not opens <= clock.now() <= closes or", "if not clock.now() <= closes or",
        "tests/promises/test_1_nothing_before_the_manager_asks.py",
    ),
    Break(
        1, "a pass may be asked for ahead", "onboarding/graph/client.py",
        '"isUsableOnce": True}', '"isUsableOnce": True, "startDateTime": "2099-01-01T00:00:00Z"}',
        "tests/promises/test_1_nothing_before_the_manager_asks.py",
    ),
    Break(
        2, "the audit writes the pass down", "onboarding/handover.py",
        'facts={"method_id": made.method_id, "valid', 'facts={"code": made.code.reveal(), "valid',
        "tests/promises/test_2_the_pass_is_written_nowhere.py",
    ),
    Break(
        2, "the pass can be printed", "onboarding/graph/passcode.py",
        "    def __str__(self) -> str:\n        return HIDDEN", "    def __str__(self) -> str:\n        return self.reveal()",
        "tests/promises/test_2_the_pass_is_written_nowhere.py",
    ),
    Break(
        2, "browsers may keep the page (a header)", "portal/middleware.py",
        '"Cache-Control": "no-store"', '"Cache-Control": "private"',
        "tests/promises/test_2_the_pass_is_written_nowhere.py",
    ),
    Break(
        3, "the link is a key", "onboarding/permissions.py",
        "if manager is None or manager.object_id != user.oid:", "if manager is None:",
        "tests/promises/test_3_only_the_manager_can_ask.py",
    ),
    Break(
        3, "the manager is not asked for at the press (a guard)", "onboarding/guards.py",
        "def manager_now(q: Question) -> bool:", "def manager_now(q: Question) -> bool:\n    return True\n",
        "tests/promises/test_3_only_the_manager_can_ask.py",
    ),
    Break(
        3, "a sign-in made for one starter opens another", "onboarding/step_up.py",
        "        and proof.starter == starter.public_id\n", "",
        "tests/test_step_up.py -k not_of_this",
    ),
    Break(
        3, "a sign-in made for one pass is not used up", "onboarding/step_up.py",
        "        StepUpUsed.objects.create(proof=proof.id, used_at=now)\n", "        pass\n",
        "tests/test_step_up.py -k counts_once",
    ),
    Break(
        3, "a token without the context proves one", "portal/signin/views.py",
        "begun.context not in person.contexts:", "begun.context in person.contexts:",
        "tests/test_forged_sign_ins.py -k context",
    ),
    Break(
        4, "administrators pass (a guard)", "onboarding/guards.py",
        "def no_active_role(q: Question) -> bool:", "def no_active_role(q: Question) -> bool:\n    return True\n",
        "tests/promises/test_4_only_a_safe_account_receives.py",
    ),
    Break(
        4, "a guard that fails lets pass", "onboarding/guards.py",
        "has said no\n        return Verdict.REFUSES", "has said no\n        return Verdict.HOLDS",
        "tests/promises/test_4_only_a_safe_account_receives.py",
    ),
    Break(
        4, "the tenant's silence counts as a yes", "onboarding/guards.py",
        "return Verdict.SKIPPED if wanted == Check.SKIP else Verdict.UNREAD", "return Verdict.SKIPPED",
        "tests/test_guards_everywhere.py -k what_the_tenant_keeps_back",
    ),
    Break(
        4, "a pass of another tool is replaced unasked", "onboarding/guards.py",
        "for live in foreign_passes(q)} <= q.replacing", "for live in foreign_passes(q)} is not None",
        "tests/test_second_look.py -k another_tool",
    ),
    Break(
        5, "who wrote a policy puts it in force", "onboarding/policy.py",
        "if version.created_by is None or version.created_by.oid == by.oid:", "if version.created_by is None:",
        "tests/test_policy.py -k until_the_other_has_agreed",
    ),
    Break(
        5, "who recorded approves", "onboarding/approvals.py",
        "took_part = {starter.recorded_by.oid, *starter.shaped_by}", "took_part: set[str] = set()",
        "tests/test_second_look.py -k another_in_hr_approves",
    ),
    Break(
        5, "who recorded can confirm (a guard)", "onboarding/guards.py",
        "def three_people(q: Question) -> bool:", "def three_people(q: Question) -> bool:\n    return True\n",
        "tests/promises/test_5_nobody_does_it_alone.py",
    ),
    Break(
        6, "a change does not look at what it changes (a lock)", "onboarding/moves.py",
        "state=source, version=starter.version)", "state=source)",
        "tests/promises/test_6_the_outcome_is_always_known.py -k meanwhile",
    ),
    Break(
        6, "shown without a record (a commit order)", "onboarding/handover.py",
        "        made.code.wipe()\n        raise _Stop(_unrecorded",
        "        return Shown(issue, made.code, made.ends_at)\n        raise _Stop(_unrecorded",
        "tests/promises/test_6_the_outcome_is_always_known.py",
    ),
    Break(
        6, "a record after the lease (a lock)", "onboarding/handover.py",
        "provided=Q(lease_until__gt=now)", "provided=Q()",
        "tests/promises/test_6_the_outcome_is_always_known.py -k lease",
    ),
    Break(
        6, "nobody waits for the receipt", "onboarding/reconciler.py",
        "    handover.take_back(issue, reason=Reason.NO_RECEIPT)\n    return now", "    return now + SKEW",
        "tests/promises/test_6_the_outcome_is_always_known.py -k acknowledged",
    ),
    Break(
        6, "an answer of 500 counts as a no", "onboarding/graph/answers.py",
        "        if isinstance(complaint, Unavailable):\n            return OutcomeUnknown(",
        "        if isinstance(complaint, Incomplete):\n            return OutcomeUnknown(",
        "tests/promises/test_6_the_outcome_is_always_known.py -k cannot_be_used",
    ),
    Break(
        7, "the events are not chained", "onboarding/audit.py",
        "    previous=head.hash,", "    previous=GENESIS,",
        "tests/promises/test_7_everything_can_be_read_afterwards.py",
    ),
    Break(
        7, "the move and its event are two transactions (a commit order)", "onboarding/moves.py",
        "@audit.change()\ndef move_issue", "def move_issue",
        "tests/promises/test_7_everything_can_be_read_afterwards.py",
    ),
    Break(
        8, "a client secret is accepted", "portal/settings.py",
        'if env.text("AZURE_CLIENT_SECRET"):', "if False:",
        "tests/promises/test_8_no_secret_opens_graph.py",
    ),
    Break(
        9, "a pass outlives the passkey", "onboarding/reconciler.py",
        "        _delete(issue, mine, now)\n        _if_early(issue, now)\n", "        _if_early(issue, now)\n",
        "tests/promises/test_9_the_pass_is_removed.py",
    ),
)  # fmt: skip


def main() -> int:
    """Two at a time, each in a copy of its own. 0 when every break was noticed."""
    folders = [Path(tempfile.mkdtemp(prefix="breaks-", dir=made(TOP / "var"))) for _ in range(AT_A_TIME)]
    free: Queue[Path] = Queue()
    try:
        for folder in folders:
            copied(folder)
            free.put(folder)
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            noticed = list(threads.map(lambda one: turns_red(one, free), BREAKS))
    finally:
        for folder in folders:
            shutil.rmtree(folder)
    green = noticed.count(False)
    print(
        f"\n{len(BREAKS)} breaks of {len({one.promise for one in BREAKS})} promises; {green} went unnoticed."
    )
    return 1 if green else 0


def turns_red(one: Break, free: Queue[Path]) -> bool:
    folder = free.get()
    try:
        return _turns_red(one, folder)
    finally:
        free.put(folder)


def _turns_red(one: Break, folder: Path) -> bool:
    """Break the copy, run the tests, mend it again."""
    path = folder / one.file
    whole = path.read_text()
    if whole.count(one.before) != 1:
        print(f"✗ promise {one.promise}: {one.what}: the code no longer holds {one.before!r} once")
        return False
    path.write_text(whole.replace(one.before, one.after))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", *one.tests.split(" ")],
            cwd=folder,
            env={**os.environ, "DATABASE_URL": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(whole)
    red = next(
        (line for line in done.stdout.splitlines() if line.startswith(("FAILED tests", "ERROR tests"))), ""
    )
    # 1: tests ran, and some failed. Anything else (no test found, a broken import) shows nothing.
    noticed = done.returncode == 1 and bool(red)
    print(
        f"{'✓' if noticed else '✗'} promise {one.promise}: {one.what}\n    {red or done.stdout[-400:]}"[:220],
        flush=True,
    )
    return noticed


def copied(folder: Path) -> None:
    """Everything that is kept, as it stands now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=TOP, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (TOP / name).is_file():
            made((folder / name).parent)
            shutil.copy2(TOP / name, folder / name)


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
