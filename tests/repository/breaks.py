"""Breaks each promise once, in a copy, and shows that a test turns red: `python -m tests.repository.breaks`.

A test that cannot fail proves nothing. Each break is one small change of the code, of the kind that somebody in a
hurry would make; a break that no longer fits the code is an error, so the list cannot grow stale.

`--sample` takes every second break, as CI does. `--all` also undoes the fix of each case (`case_breaks.py`).
`--cases WORD...` undoes only the fixes of the cases whose test has one of these words in its name.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tests.repository.case_breaks import CASE_BREAKS, CaseBreak

TOP = Path(__file__).resolve().parents[2]
AT_A_TIME = 2
OUTPUT = "output.txt"  # of the tests, in the copy


@dataclass(frozen=True)
class Break:
    promise: int
    what: str
    file: str
    before: str
    after: str
    tests: str  # a test; with `-k` words a part of its cases

    @property
    def title(self) -> str:
        return f"promise {self.promise}: {self.what}"

    @property
    def arguments(self) -> list[str]:
        """The arguments for pytest."""
        return self.tests.split(" ")

    def is_noticed_in(self, line: str) -> bool:
        """Whether this line of the output says that a test noticed the break."""
        return line.startswith(("FAILED tests", "ERROR tests"))


BREAKS = (
    Break(
        1, "the window has no beginning", "onboarding/passes/handover.py",
        "if not opens <= clock.now() <= closes or", "if not clock.now() <= closes or",
        "tests/promises/test_1_nothing_before_the_manager_asks.py::test_a_confirmation_outside_the_window_creates_no_pass",
    ),
    Break(
        1, "a pass may be asked for ahead", "onboarding/graph/client.py",
        '"isUsableOnce": True}', '"isUsableOnce": True, "startDateTime": "2099-01-01T00:00:00Z"}',
        "tests/promises/test_1_nothing_before_the_manager_asks.py::test_a_pass_is_valid_from_its_creation",
    ),
    Break(
        2, "the audit writes the pass down", "onboarding/passes/recording.py",
        'facts={"method_id": made.method_id, "valid', 'facts={"code": made.code.reveal(), "valid',
        "tests/promises/test_2_the_pass_is_written_nowhere.py::test_no_row_session_mail_or_log_contains_the_pass",
    ),
    Break(
        2, "the pass can be printed", "onboarding/graph/pass_code.py",
        "    def __str__(self) -> str:\n        return HIDDEN", "    def __str__(self) -> str:\n        return self.reveal()",
        "tests/promises/test_2_the_pass_is_written_nowhere.py::test_the_pass_cannot_be_printed_stored_or_copied",
    ),
    Break(
        2, "browsers may keep the page (a header)", "portal/middleware.py",
        '"Cache-Control": "no-store"', '"Cache-Control": "private"',
        "tests/promises/test_2_the_pass_is_written_nowhere.py::test_the_response_must_not_be_stored",
    ),
    Break(
        3, "the link is a key", "onboarding/permissions.py",
        "if manager is None or manager.object_id != user.oid:", "if manager is None:",
        "tests/promises/test_3_only_the_manager_can_ask.py::test_anyone_else_gets_the_404_of_an_unknown_address",
    ),
    Break(
        3, "the manager is not asked for at the press (a guard)", "onboarding/guards/people.py",
        "def manager_now(q: Question) -> bool:", "def manager_now(q: Question) -> bool:\n    return True\n",
        "tests/promises/test_3_only_the_manager_can_ask.py::test_only_the_current_manager_can_create_the_pass",
    ),
    Break(
        3, "a sign-in made for one starter opens another", "onboarding/guards/step_up.py",
        "        and proof.starter == starter.public_id\n", "",
        "tests/guards/test_step_up.py::test_a_step_up_for_something_else_is_refused_twice",
    ),
    Break(
        3, "a sign-in made for one pass is not used up", "onboarding/guards/step_up.py",
        "        StepUpUsed.objects.create(proof=proof.id, used_at=now)\n", "        pass\n",
        "tests/guards/test_step_up.py::test_a_step_up_counts_once_also_when_microsoft_then_refused",
    ),
    Break(
        3, "a token without the context proves one", "portal/signin/views.py",
        "begun.context not in person.contexts:", "begun.context in person.contexts:",
        "tests/signin/test_forged_sign_ins.py::test_met_context_is_a_proof_for_its_purpose_only",
    ),
    Break(
        4, "administrators pass (a guard)", "onboarding/guards/privileges.py",
        "def no_active_role(q: Question) -> bool:", "def no_active_role(q: Question) -> bool:\n    return True\n",
        "tests/promises/test_4_only_a_safe_account_receives.py::test_the_chief_executive_gets_no_pass",
    ),
    Break(
        4, "a guard that fails lets pass", "onboarding/guards/engine.py",
        "an error refuses\n        return Verdict.REFUSES", "an error refuses\n        return Verdict.HOLDS",
        "tests/promises/test_4_only_a_safe_account_receives.py::test_a_failing_guard_refuses",
    ),
    Break(
        4, "a null counts as never signed in", "onboarding/graph/entities.py",
        "            return self.attempted_at is not None\n", "            return False\n",
        "tests/cases/test_sign_in_activity_cases.py::test_f1_an_account_with_earlier_sign_ins_gets_no_pass",
    ),
    Break(
        4, "a known sign-in is forgotten", "onboarding/passes/sign_ins.py",
        '_store_fields(starter, {"sign_in_told": False})',
        '_store_fields(starter, {"sign_in_told": False, "last_sign_in_at": None})',
        "tests/passes/test_sign_ins.py::test_a_known_sign_in_is_never_forgotten",
    ),
    Break(
        4, "the click does not read once more", "onboarding/passes/sign_ins.py",
        "sign_in_quota.acquire_call(leave=CLICKS_LEAVE) == 0", "False",
        "tests/cases/test_sign_in_activity_cases.py::test_f19_a_sign_in_after_the_check_is_seen_at_click",
    ),
    Break(
        4, "the tenant's silence counts as a yes", "onboarding/guards/engine.py",
        "return Verdict.SKIPPED if setting == Check.SKIP else Verdict.UNREAD", "return Verdict.SKIPPED",
        "tests/guards/test_guards_everywhere.py::test_unreadable_facts_are_refused_or_skipped_by_policy",
    ),
    Break(
        4, "a pass of another tool is replaced unasked", "onboarding/guards/sign_in.py",
        "for live in foreign_passes(q)} <= q.replacing", "for live in foreign_passes(q)} is not None",
        "tests/starters/test_review.py::test_pass_of_another_tool_is_replaced_only_by_choice",
    ),
    Break(
        5, "who wrote a policy puts it in force", "onboarding/policy/changes.py",
        "if version.created_by is None or version.created_by.oid == by.oid:", "if version.created_by is None:",
        "tests/policy/test_two_people.py::test_the_author_can_never_activate_a_draft",
    ),
    Break(
        5, "one admin loosens a rule", "onboarding/policy/changes.py",
        "version.needs_second = bool(loosened) or", "version.needs_second =",
        "tests/policy/test_two_people.py::test_a_loosening_version_is_never_in_force_at_once",
    ),
    Break(
        5, "the console loosens a rule without a delay", "onboarding/policy/current.py",
        "(in_force_at is None or _has_come_into_force(key, in_force_at))", "(in_force_at is None or True)",
        "tests/policy/test_console.py::test_a_draft_is_in_force_24_hours_after_the_command",
    ),
    Break(
        5, "a stopped version comes into force", "onboarding/models/policy.py",
        "SCHEDULED = Q(activation__in_force_at__isnull=False, activation__stop=None)",
        "SCHEDULED = Q(activation__in_force_at__isnull=False)",
        "tests/policy/test_console.py::test_the_command_stops_a_version",
    ),
    Break(
        5, "a setting loosens unseen", "onboarding/policy/loosening.py",
        '"hire_date": Rule(ORDER, "Fewer accounts are checked.", order=HIRE_DATES)',
        '"hire_date": Rule(ORDER, "Fewer accounts are checked.", order=HIRE_DATES[::-1])',
        "tests/policy/test_loosening.py::test_the_looser_value_loosens",
    ),
    Break(
        5, "nobody hears of a changed address", "onboarding/mail/policy_mails.py",
        "recipients = list_recipients(change.before)", "recipients = list_recipients(change.after)",
        "tests/mail/test_policy_mails.py::test_a_new_address_is_mailed_to_the_old_one",
    ),
    Break(
        5, "who recorded approves", "onboarding/guards/approvals.py",
        "took_part = starter.contributor_ids", "took_part: set[str] = set()",
        "tests/starters/test_review.py::test_another_in_hr_approves_before_the_manager_can_confirm",
    ),
    Break(
        5, "who recorded can confirm (a guard)", "onboarding/guards/people.py",
        "def three_people(q: Question) -> bool:", "def three_people(q: Question) -> bool:\n    return True\n",
        "tests/promises/test_5_nobody_does_it_alone.py::test_the_person_who_added_a_starter_cannot_confirm",
    ),
    Break(
        5, "an employee number is not compared", "onboarding/participants.py",
        " or (bool(mine) and mine == theirs)", "",
        "tests/promises/test_5_nobody_does_it_alone.py::test_two_accounts_of_one_person_count_as_one",
    ),
    Break(
        5, "an admin gives the role up and confirms", "onboarding/participants.py",
        "    return AdminInvolvement.WAS_ADMIN if was or", "    return AdminInvolvement.WAS_ADMIN if",
        "tests/promises/test_5_nobody_does_it_alone.py::test_a_recent_admin_cannot_confirm",
    ),
    Break(
        5, "who wrote the policy confirms under it", "onboarding/participants.py",
        "        return AdminInvolvement.WROTE\n", "        pass\n",
        "tests/promises/test_5_nobody_does_it_alone.py::test_the_author_of_the_current_policy_cannot_confirm",
    ),
    Break(
        6, "a change does not look at what it changes (a lock)", "onboarding/transitions.py",
        "state=source, version=starter.version)", "state=source)",
        "tests/promises/test_6_the_outcome_is_always_known.py::test_a_starter_rescheduled_meanwhile_gets_no_pass",
    ),
    Break(
        6, "shown without a record (a commit order)", "onboarding/passes/recording.py",
        "        made.code.wipe()\n        _delete_unrecorded_pass",
        "        return Shown(issue, made.code, made.ends_at)\n        _delete_unrecorded_pass",
        "tests/promises/test_6_the_outcome_is_always_known.py::test_an_unsaved_pass_is_deleted_and_not_shown",
    ),
    Break(
        6, "a record after the lease (a lock)", "onboarding/passes/recording.py",
        "provided=Q(lease_until__gt=now)", "provided=Q()",
        "tests/promises/test_6_the_outcome_is_always_known.py::test_an_expired_lease_counts_before_the_worker_notices",
    ),
    Break(
        6, "nobody waits for the receipt", "onboarding/passes/reconciler/steps.py",
        "    cancel_pass(issue, reason=Reason.NO_RECEIPT)\n    return now", "    return now + SKEW",
        "tests/promises/test_6_the_outcome_is_always_known.py::test_an_unacknowledged_pass_is_deleted",
    ),
    Break(
        6, "a confirmed deletion ends a pass", "onboarding/passes/reconciler/deletion.py",
        "    if mine is None:\n        return DeletionResult(",
        "    if mine is None or deleted:\n        return DeletionResult(",
        "tests/cases/test_microsoft_cases.py::test_f12_a_pass_still_listed_after_204_is_not_gone",
    ),
    Break(
        6, "not found is an empty list", "onboarding/passes/reconciler/reading.py",
        "        require_deleted_account(issue, now)\n        return ()\n\n\ndef read", "        return ()\n\n\ndef read",
        "tests/cases/test_microsoft_cases.py::test_f16_a_404_on_the_list_settles_nothing",
    ),
    Break(
        6, "a refusal is final at once", "onboarding/passes/creation.py",
        "issue, IssueState.UNKNOWN, reason, error, counts=False", "issue, IssueState.REJECTED, reason, error, counts=False",
        "tests/cases/test_microsoft_cases.py::test_f14_a_pass_created_despite_a_refusal_is_deleted",
    ),
    Break(
        6, "an answer of 500 counts as a no", "onboarding/graph/responses.py",
        "        if isinstance(error, Unavailable):\n            return OutcomeUnknown(",
        "        if isinstance(error, Incomplete):\n            return OutcomeUnknown(",
        "tests/promises/test_6_the_outcome_is_always_known.py::test_an_unusable_response_leaves_no_pass -k 500",
    ),
    Break(
        7, "the events are not chained", "onboarding/audit/trail.py",
        "row.seq, row.previous = head.seq + 1, head.hash", "row.seq, row.previous = head.seq + 1, GENESIS",
        "tests/promises/test_7_everything_can_be_read_afterwards.py::test_the_audit_log_shows_a_whole_first_day",
    ),
    Break(
        7, "a wrong code of an event is not reported", "onboarding/audit/code_walk.py",
        "if not codes.is_genuine(key, row, code):", "if not code.code:",
        "tests/promises/test_7_everything_can_be_read_afterwards.py::test_a_rewritten_chain_does_not_match_the_noted_head",
    ),
    Break(
        7, "names can be blanked unnoticed", "onboarding/audit/verification.py",
        "    yield from _verify_blanks(blank)", "    yield from ()",
        "tests/promises/test_7_everything_can_be_read_afterwards.py::test_details_blanked_by_sql_are_reported",
    ),
    Break(
        7, "a changed row of a starter or pass is not reported", "onboarding/audit/comparison.py",
        "            for words in found:", "            for words in ():",
        "tests/audit/test_tampering.py -k recorder",
    ),
    Break(
        7, "a weaker trigger of the same name passes", "onboarding/audit/triggers.py",
        "if existing.get(name) != texts)", "if name not in existing)",
        "tests/audit/test_tampering.py -k nothing",
    ),
    Break(
        7, "a row can be replaced", "onboarding/audit/triggers.py",
        "    for table in PROTECTED_TABLES:", "    for table in ():",
        "tests/promises/test_7_everything_can_be_read_afterwards.py -k test_the_database_refuses_changes_of_written_rows",
    ),
    Break(
        7, "the move and its event are two transactions (a commit order)", "onboarding/transitions.py",
        "@audit.transaction()\ndef move_issue", "def move_issue",
        "tests/promises/test_7_everything_can_be_read_afterwards.py::test_no_transition_by_the_worker_happens_without_its_event",
    ),
    Break(
        8, "a client secret is accepted", "portal/settings.py",
        'if env.text("AZURE_CLIENT_SECRET"):', "if False:",
        "tests/promises/test_8_no_secret_opens_graph.py::test_a_client_secret_is_refused_with_an_explanation",
    ),
    Break(
        9, "a pass outlives the passkey", "onboarding/passes/reconciler/held_passes.py",
        "        delete_unneeded_pass(issue, mine, now)\n        report_early_use(issue, now)\n",
        "        report_early_use(issue, now)\n",
        "tests/promises/test_9_the_pass_is_removed.py::test_registering_a_passkey_removes_the_pass",
    ),
    Break(
        9, "an email counts as a way to sign in", "onboarding/graph/methods.py",
        'MethodRule("email", Blocks.NO, Closes.NO)', 'MethodRule("email", Blocks.NO, Closes.YES)',
        "tests/promises/test_9_the_pass_is_removed.py::test_the_pass_stays_while_no_method_allows_sign_in",
    ),
    Break(
        4, "a phone is in nobody's way", "onboarding/graph/methods.py",
        "            return not phones_expected", "            return False",
        "tests/promises/test_4_only_a_safe_account_receives.py::test_each_guard_refuses_its_example_account",
    ),
    Break(
        10, "a page says that HR was notified before it was", "onboarding/managers/views/starter_page.py",
        "starter.hr_notified_at if is_kept else None", "clock.now()",
        "tests/promises/test_10_what_it_says_is_true.py::test_no_page_claims_a_mail_before_it_is_written",
    ),
    Break(
        11, "starters without a result are kept for ever", "onboarding/worker/retention.py",
        "        lapsing.lapse_starters(now),\n", "        0,\n",
        "tests/promises/test_11_personal_data_leaves_on_time.py::test_after_800_days_only_the_rules_let_data_stay",
    ),
    Break(
        11, "the HR staff who took part are kept for ever", "onboarding/privacy/starters.py",
        '    "shaped_by": [],\n', "",
        "tests/promises/test_11_personal_data_leaves_on_time.py::test_after_800_days_only_the_rules_let_data_stay",
    ),
    Break(
        4, "roles do not matter for a probe pass", "onboarding/tenant_proof/guarding.py",
        "if guard.code not in ABOUT_ROLES:", "if guard.code:",
        "tests/tenant_proof/test_probe_passes.py::test_unread_roles_refuse_although_the_policy_continues_without_them",
    ),
    Break(
        5, "a named test account stays named", "onboarding/policy/probe_accounts.py",
        " and now < until else None", " else None",
        "tests/tenant_proof/test_probe_passes.py::test_the_hour_ends_although_another_version_follows",
    ),
    Break(
        5, "the console names a test account", "onboarding/policy/probe_accounts.py",
        " or activation.by is None:", ":",
        "tests/tenant_proof/test_probe_passes.py::test_the_console_is_not_an_admin",
    ),
    Break(
        2, "the code of a probe pass is recorded", "onboarding/graph/client.py",
        "created.code.wipe()\n        return created.method_id", "return created.code.reveal()",
        "tests/tenant_proof/test_probe_passes.py::test_no_report_no_log_and_no_row_has_it",
    ),
    Break(
        9, "an answer to the deletion of a probe pass is believed", "onboarding/tenant_proof/cleaning.py",
        "    if mine is not None:", "    if mine is not None and not is_deleted:",
        "tests/tenant_proof/test_probe_passes.py::test_a_deletion_that_is_only_said_does_not_count",
    ),
    Break(
        9, "nobody deletes the probe pass of a killed run", "onboarding/tenant_proof/requests.py",
        'jobs.enqueue_job(f"probe:{probe.pk}", priority=Job.Priority.PASS, due_at=probe.lease_until)', "pass",
        "tests/tenant_proof/test_probe_passes.py::test_a_run_that_is_killed_leaves_no_pass",
    ),
    Break(
        8, "the sandbox takes the assertion of another identity", "portal/sandbox/entra/assertions.py",
        "if not by_cluster and not trusted:", "if False:",
        "tests/signin/test_graph_registration.py::test_a_wrong_assertion_gives_no_token",
    ),
)  # fmt: skip


# Plugins and migrations take longer than most of these tests take to run.
LEFT_OUT = [f"-pno:{name}" for name in ("cacheprovider", "playwright", "xdist", "hypothesispytest")]
LEFT_OUT.append("--nomigrations")
# The libraries that tests import. One process loads them, and each run begins as a fork of it.
LIBRARIES = (
    "pytest", "aiosmtpd.controller", "requests", "responses", "msal", "jwt",
    "cryptography.x509", "cryptography.hazmat.primitives.asymmetric.rsa", "openpyxl", "environ", "whitenoise.middleware",
    "django.test.client", "django.test.utils", "django.template.defaulttags", "django.template.backends.django",
    "django.forms", "django.views.generic", "django.db.backends.sqlite3.base", "django.db.models.sql.compiler",
    "django.contrib.admin.apps", "django.core.management.commands.migrate", "django.core.handlers.wsgi",
    "django.core.mail.backends.smtp", "unittest.mock", "gunicorn.workers.gthread", "polib", "yaml",
)  # fmt: skip
OURS = {"tests", "onboarding", "portal"}
FORKS = multiprocessing.get_context("forkserver")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the breaks that were asked for. Return 0 when a test noticed every one of them."""
    parser = argparse.ArgumentParser(description="Break the code in a copy, and show that a test notices it.")
    parser.add_argument("--sample", action="store_true", help="only every second break of a promise")
    parser.add_argument("--all", action="store_true", help="undo the fix of each case as well")
    parser.add_argument(
        "--cases", nargs="+", metavar="WORD", help="only cases with such a word in their test"
    )
    given = parser.parse_args(arguments)
    chosen: list[Break | CaseBreak] = [*BREAKS, *CASE_BREAKS] if given.all else list(BREAKS)
    if given.sample:
        chosen = chosen[::2]
    if given.cases:
        chosen = [one for one in CASE_BREAKS if any(word in one.test for word in given.cases)]
    unnoticed = run(chosen)
    print(f"\n{len(chosen)} breaks; {unnoticed} went unnoticed.")
    return 1 if unnoticed or not chosen else 0


def run(breaks: Sequence[Break | CaseBreak]) -> int:
    """Run two at a time, each in its own copy. Return how many no test noticed."""
    FORKS.set_forkserver_preload(list(LIBRARIES))
    folders = [Path(tempfile.mkdtemp(prefix="breaks-", dir=made(TOP / "var"))) for _ in range(AT_A_TIME)]
    free: Queue[Path] = Queue()
    try:
        for folder in folders:
            copied(folder)
            free.put(folder)
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            noticed = list(threads.map(lambda one: turns_red(one, free), breaks))
    finally:
        for folder in folders:
            shutil.rmtree(folder)
    return noticed.count(False)


def turns_red(one: Break | CaseBreak, free: Queue[Path]) -> bool:
    folder = free.get()
    try:
        return _turns_red(one, folder)
    finally:
        free.put(folder)


def _turns_red(one: Break | CaseBreak, folder: Path) -> bool:
    """Break the copy, run the tests, and restore the copy."""
    path = folder / one.file
    whole = path.read_text()
    if whole.count(one.before) != 1:
        print(f"✗ {one.title}: the code no longer holds {one.before!r} once")
        return False
    path.write_text(whole.replace(one.before, one.after))
    try:
        status, output = run_tests(folder, [*LEFT_OUT, "-qx", *one.arguments])
    finally:
        path.write_text(whole)
    red = next((line for line in output.splitlines() if one.is_noticed_in(line)), "")
    # 1: tests ran, and some failed. Anything else (no test found, a broken import) shows nothing.
    noticed = status == 1 and bool(red)
    print(f"{'✓' if noticed else '✗'} {one.title}\n    {red or output[-400:]}"[:500], flush=True)
    return noticed


def run_tests(folder: Path, arguments: list[str]) -> tuple[int | None, str]:
    """Run pytest in a copy, in a process of its own. Returns its status and what it wrote."""
    process = FORKS.Process(target=_run_pytest, args=(folder, arguments))
    process.start()
    process.join()
    return process.exitcode, (folder / OUTPUT).read_text()


def _run_pytest(folder: Path, arguments: list[str]) -> None:
    """Forget the code that was imported to get here, and run the tests with the code of the copy."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    os.chdir(folder)
    sys.path[:] = [str(folder), *(each for each in sys.path if Path(each).resolve() != TOP)]
    os.environ.update(DATABASE_URL="", COLUMNS="400")  # wide enough to show the reason
    output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    import pytest

    sys.exit(int(pytest.main(arguments)))


def copied(folder: Path) -> None:
    """Copy every file that git does not ignore, as it is now."""
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
