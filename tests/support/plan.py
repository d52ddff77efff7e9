"""On which database each test runs, and which tests and cases `make test` leaves to `make test-all`.

`make test` and CI set EACH_ONCE=1: then a test runs once, on the database named here, and on both only where the
database can change its result. A file that no line names runs on both. A test with the mark `both_databases` does too,
in whichever file. Of a test with several cases every third one runs, of some fewer, of some all: two more tables here
say so. `make test-all` runs everything on both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar

Database = Literal["SQLite", "PostgreSQL"]
T = TypeVar("T")

TESTS = Path(__file__).resolve().parents[1]
EACH_ONCE = os.environ.get("EACH_ONCE") == "1"

# A folder, file or test under tests/, the one database it runs on, and why that is enough. The longest name decides.
ONCE: dict[str, tuple[Database, str]] = {
    "admin": ("SQLite", "Pages over the ORM. The constraints and triggers behind them run on both, in policy and promise 7."),
    "api": ("SQLite", "Requests and texts. Parallel requests and times in a query carry the mark for both."),
    "answers": ("SQLite", "Graph's answers decide. The claims and locks behind them run on both, in passes and promise 6."),
    "audit/test_signed_heads.py": ("SQLite", "Signatures and files. The chain itself is verified on both, in promise 7."),
    "auditors": ("SQLite", "Pages over the ORM. The rows that they read run on both, in audit and promise 7."),
    "browser": ("SQLite", "Pages and scripts. What they save is tested without a browser."),
    "cases": ("SQLite", "Driven from outside. Cases about the database carry the mark for both."),
    "connectors": ("SQLite", "Files for other products, over HTTP. The services behind them run on both, in api and hooks."),
    "deployment": ("SQLite", "Files for each platform, and a start from read-only folders."),
    "deployment/test_entra_login.py": ("PostgreSQL", "SQLite has no login."),
    "deployment/test_image.py::test_site_and_worker_start_apart_on_a_read_only_image": (
        "PostgreSQL", "With SQLite the portal writes its database, so the image would need a folder for it."),
    "directory_log": ("SQLite", "Entra's log decides. Rows of the trail are compared on both, in audit."),
    "doctor": ("SQLite", "Checks of settings and of the tenant; its checks of the database carry the mark for both."),
    "faults/test_canary.py": ("PostgreSQL", "Looks for a pass in all that is written; PostgreSQL also writes a log ahead."),
    "faults/test_canary_memory.py": ("PostgreSQL", "Looks into the memory of processes; the database plays no part."),
    "faults/test_disk_full.py": ("SQLite", "A full disk under a PostgreSQL server is a lost server: test_postgresql_lost.py."),
    "faults/test_killed_probe.py": ("SQLite", "One kill of the command; kills of the worker run on both, in hooks."),
    "faults/test_killed_webhooks.py": ("PostgreSQL", "Kills of the worker; those in hooks/test_kills.py run on both."),
    "faults/test_postgresql_lost.py": ("PostgreSQL", "Loses a PostgreSQL server."),
    "graph": ("SQLite", "HTTP towards Microsoft Graph; no database."),
    "guards": ("SQLite", "Functions over facts."),
    "guidance": ("SQLite", "One page without data."),
    "hooks/test_addresses.py": ("SQLite", "Names, addresses and TLS; no database."),
    "hooks/test_hook_admin.py": ("SQLite", "Pages over the ORM."),
    "hooks/test_hook_api.py": ("SQLite", "Requests over the ORM. Order and kills run on both."),
    "hooks/test_retry_after.py": ("SQLite", "What a header says. Order and retries run on both."),
    "hooks/test_secrecy.py": ("SQLite", "Texts, and what is sent."),
    "hooks/test_sending.py": ("SQLite", "HTTP and signatures."),
    "hr": ("SQLite", "Pages over the ORM. Sorting, filters and search carry the mark for both."),
    "inputs": ("SQLite", "Functions over text, and forms over the ORM."),
    "limits": ("SQLite", "Counters. The update that counts runs on both, by its mark."),
    "imports": ("SQLite", "Files, and pages over the ORM. Checking and adding rows carry the mark for both."),
    "mail": ("SQLite", "SMTP and texts. The jobs that send mail run on both, in worker."),
    "managers": ("SQLite", "Texts and signed values."),
    "metrics/test_counts.py": ("SQLite", "Counters in memory; the update that adds them runs on both, by its mark."),
    "metrics/test_monitoring_files.py": ("SQLite", "Files; no database."),
    "metrics/test_service.py": ("SQLite", "Sockets and processes. What is read runs on both, in test_samples.py."),
    "mutation": ("SQLite", "Python source; no database."),
    "api/test_running_api.py::test_one_ticket_sent_in_parallel_adds_one_starter": (
        "PostgreSQL", "The constraint on tickets; SQLite has one writer at a time."),
    "api/test_running_api.py::test_parallel_tickets_for_one_account_add_one_starter": (
        "PostgreSQL", "The constraint on starters; SQLite has one writer at a time."),
    "operations/test_health.py::test_lists_and_health_are_answered_while_microsoft_hangs": (
        "PostgreSQL", "Processes that wait for Microsoft; no lock is held meanwhile."),
    "operations/test_installation.py": ("PostgreSQL", "One row against the settings; what an installation has."),
    "operations/test_log_lines.py": ("SQLite", "Lines on two streams. What the portal stores is tested elsewhere."),
    "operations/test_memory.py": ("SQLite", "Memory of processes; `make bench` measures it on both."),
    "operations/test_restart.py::test_a_running_release_works_on_the_next_releases_schema": (
        "PostgreSQL", "An upgrade without a break is for several servers; SQLite serves one."),
    "operations/test_restart.py::test_a_stop_lets_clicks_and_jobs_finish": (
        "PostgreSQL", "Signals and processes; what they leave in the database is tested by kills on both."),
    "operations/test_restart.py::test_two_concurrent_migrations_both_succeed": (
        "PostgreSQL", "Several servers start at once; SQLite serves one."),
    "operations/test_runbooks.py": ("SQLite", "Pages over the ORM, and commands; what they change is tested on both."),
    "operations/test_serve.py": ("SQLite", "Processes and folders. Kills and restarts over data run on both, in faults."),
    "operations/test_static_files.py": ("SQLite", "Files; no database."),
    "passes/test_cancellation.py": ("SQLite", "Pages and Graph's answers decide."),
    "passes/test_closed_loop.py": ("SQLite", "What the directory says decides."),
    "passes/test_confirm.py": ("SQLite", "Pages and guards. Claims run on both, in test_one_winner.py and promise 6."),
    "passes/test_one_winner.py::test_a_manager_change_during_the_race_creates_no_second_pass": (
        "PostgreSQL", "The race itself runs on both."),
    "passes/test_one_winner.py::test_only_the_current_of_two_managers_gets_the_pass": (
        "PostgreSQL", "The race itself runs on both."),
    "passes/test_every_status.py": ("SQLite", "Graph's answers decide. The claims and locks run on both, in promise 6."),
    "passes/reconciler": ("SQLite", "Graph's answers decide."),
    "policy/test_loosening.py": ("SQLite", "A table of settings. Versions and their races run on both, beside it."),
    "postgresql": ("PostgreSQL", "SQLite has no server."),
    "promises/test_1_nothing_before_the_manager_asks.py": ("SQLite", "Time and state decide, not the database."),
    "promises/test_2_the_pass_is_written_nowhere.py": ("SQLite", "Types and texts. test_canary.py searches PostgreSQL."),
    "promises/test_3_only_the_manager_can_ask.py": ("SQLite", "The directory decides."),
    "promises/test_4_only_a_safe_account_receives.py": ("SQLite", "Guards over facts."),
    "promises/test_5_nobody_does_it_alone.py": ("SQLite", "Guards and services; policy runs on both."),
    "promises/test_10_what_it_says_is_true.py": ("SQLite", "Texts, and the records that they name."),
    "promises/test_11_personal_data_leaves_on_time.py": (
        "SQLite", "Time decides. What retention writes under the triggers of PostgreSQL runs in audit/test_database_role.py."),
    "promises/test_8_no_secret_opens_graph.py": ("SQLite", "Settings and tokens; no database."),
    "promises/test_9_the_pass_is_removed.py": ("SQLite", "Graph's answers decide."),
    "proposals": ("SQLite", "The directory decides. The constraint on tickets runs on PostgreSQL, in api."),
    "releases": ("SQLite", "Git and files; no database."),
    "repository": ("SQLite", "Source and documents; no database."),
    "restored": ("SQLite", "Graph's list decides. How a copy knows that it is one carries the mark for both."),
    "sandbox": ("SQLite", "The sandbox has no database."),
    "scanning": ("SQLite", "Texts of the scanners and of the log; no database."),
    "server": ("SQLite", "Sockets; no database."),
    "signin": ("SQLite", "Tokens and sessions."),
    "site": ("SQLite", "Headers, languages, branding, routes and settings."),
    "starters": ("SQLite", "Services over the ORM; tests of constraints carry the mark for both."),
    "stops": ("SQLite", "Services over the ORM; tests of counters and constraints carry the mark for both."),
    "tenant": ("SQLite", "A script against the sandbox; no database."),
    "tenant_proof": ("SQLite", "Microsoft's answers decide. The audit lock that serialises claims runs on both, in promise 6."),
    "worker/test_lapsing.py": ("SQLite", "Time decides."),
    "worker/test_retention.py": ("SQLite", "Time decides."),
    "worker/test_worker.py": ("SQLite", "Time and the directory decide. Claiming jobs runs on both, in test_jobs.py."),
}  # fmt: skip

# Of a test with several cases one in `EVERY` runs, unless one of the two tables below names it. A test that runs on both
# databases begins further on with PostgreSQL, so that the two take other cases.
EVERY = 3
# A file or folder under tests/ of which all cases run, and why.
WHOLE: dict[str, str] = {
    "browser": "Each case is another page or another way to leave one.",
    "audit/test_database_role.py": "Each table that the role must not change.",
    "cases/test_every_case.py": "Each case must have a test; milliseconds each.",
    "connectors/test_folder.py": "Each file of the folder; milliseconds each.",
    "deployment": "Each file for a platform is another case.",
    "faults": "Each kind of fault is another case. Long tables have a line of their own; the canary runs as served.",
    "graph": "What Microsoft answers; milliseconds each.",
    "guards/test_guards_table.py": "The guards themselves; milliseconds each.",
    "guards/test_step_up.py": "It stands in for browser tests.",
    "hooks/test_kills.py": "Each moment of a kill. It stands in for a longer run.",
    "hr/test_bulk_actions.py": "Who may not act; milliseconds each.",
    "hr/test_bulk_recording.py": "Who may not act; milliseconds each.",
    "hr/test_day.py": "Each problem has its own words.",
    "hooks/test_addresses.py": "Addresses that must be refused; milliseconds each.",
    "imports": "Shapes of files; milliseconds each.",
    "lifecycle": "Each state with each change; milliseconds each.",
    "metrics": "Each alert and each number; milliseconds each.",
    "mutation": "Milliseconds each.",
    "performance": "Milliseconds each.",
    "policy/test_loosening.py": "The direction of each setting.",
    "promises": "The promises; long tables have a line of their own.",
    "repository": "Each document, text, file and folder is a case.",
    "server": "How requests are cut; milliseconds each.",
    "signin": "Forged answers and tokens; milliseconds each.",
    "site/test_error_pages.py": "Each error has its own page.",
    "site/test_languages.py": "Each language is a case.",
    "site/test_settings.py": "What an installer can get wrong; milliseconds each.",
    "site/test_translations.py": "Each language is a case.",
    "site/test_who_may_what.py": "Each visitor; the test itself chooses among the requests.",
    "starters/test_accept_account.py::test_nobody_but_hr_accepts": "Each person who may not.",
    "starters/test_allow_another.py::test_nobody_but_hr_allows_another": "Each person who may not.",
    "starters/test_record.py::test_nobody_but_hr_looks_up_or_records": "Each person who may not.",
    "starters/test_replace_account.py::test_nobody_but_hr_replaces_an_account": "Each person who may not.",
    "starters/test_reschedule.py::test_nobody_but_hr_moves_a_start": "Each person who may not.",
    "starters/test_send_link.py::test_nobody_but_hr_sends_a_link": "Each person who may not.",
    "starters/test_withdraw.py::test_nobody_but_hr_withdraws": "Each person who may not.",
    "tenant/test_first_run.py::test_organisation_name_is_never_run_as_a_command": "It stands in for other names.",
}
# A folder or file under tests/ or one test in it, how many of its cases share one that runs, and why that is enough.
SAMPLED: dict[str, tuple[int, str]] = {
    "answers/test_after_the_click.py::test_a_cancelled_pass_is_deleted_in_the_end": (
        4, "Each fourth answer, by one of the two transports in turn; how each is read is tested in tests/graph."),
    "answers/test_after_the_click.py::test_a_lost_pass_is_deleted_in_the_end": (
        4, "Each second answer, by one of the two transports in turn; how each is read is tested in tests/graph."),
    "answers/test_before_the_click.py::test_every_answer_before_the_post_has_one_outcome": (
        8, "Each fourth answer, by one of the two transports in turn; how each is read is tested in tests/graph."),
    "answers/test_click.py::test_every_answer_to_the_post_has_one_outcome": (
        8, "Each fourth answer, by one of the two transports in turn; how each is read is tested in tests/graph."),
    "answers/test_click.py::test_the_next_click_works_under_both_documented_behaviours": (
        4, "Each fourth answer, with both behaviours."),
    "answers/test_other_entrances.py": (
        4, "Each fourth answer; how each is read is tested in tests/graph."),
    "audit/test_tampering.py::test_tampering_is_refused_or_found": (
        8, "Each fourth kind, on one of the two databases in turn."),
    "browser/admin/test_admin_screens.py::test_a_table_of_the_administration_fits": (
        2, "The tables are made alike; every page of the administration is opened in tests/site/test_who_may_what.py."),
    "browser/everyone/test_screens.py::test_refusal_page_fits_the_screen": (
        3, "The pages are made alike; the words of each are read without a browser, in promises 3 and 4."),
    "browser/manager/test_back_and_forward.py::test_a_second_tab_at_the_same_address_shows_no_pass": (
        2, "A second tab that is opened again; one that is duplicated makes the same request."),
    "browser/manager/test_pass_page_polls.py::test_p2_pass_page_without_its_script_shows_the_fallback": (
        2, "A script that is broken; one that was not loaded leaves the same page."),
    "browser/manager/test_refused_people.py": (
        3, "The pages are made alike; each guard's words are read without a browser, in guards and promise 4."),
    "doctor/test_doctor.py::test_exactly_the_broken_part_is_reported": (
        6, "Each sixth part that can be broken; the others run in make test-all."),
    "faults/test_exact_kills.py": (
        6, "A third of the kills, each on one of the two databases."),
    "inputs/test_payloads.py::test_a_page_that_does_not_escape_is_noticed": (
        10, "Each tenth payload; all of them are on the pages of the first test."),
    "mail/test_mail_answers.py::test_only_an_answer_about_the_address_ends_the_sending": (
        8, "Each eighth code of the RFCs; how each is read is a table."),
    "promises/test_4_only_a_safe_account_receives.py::test_an_unreadable_fact_counts_as_a_refusal": (
        2, "Each second fact; what each guard makes of it is in guards/test_guards_table.py."),
    "promises/test_6_the_outcome_is_always_known.py": (
        2, "Each case, with one way to treat a second POST, on one of the two databases in turn."),
    "promises/test_6_the_outcome_is_always_known.py::test_an_unusable_response_leaves_no_pass": (
        8, "Each second response, on one of the two databases and with one way to treat a second POST."),
    "promises/test_7_everything_can_be_read_afterwards.py::test_every_manipulation_of_the_audit_log_is_detected": (
        2, "Each on one of the two databases; audit/test_tampering.py has them and more."),
    "promises/test_7_everything_can_be_read_afterwards.py::test_the_database_refuses_changes_of_written_rows": (
        2, "Each on one of the two databases in turn."),
    "site/test_pseudo_locale.py": (
        6, "Each kind of page in one state of six."),
    "starters/test_timetable.py::test_each_moment_is_exactly_this_one": (
        4, "Each fourth moment."),
    "tenant/test_api_registration.py": (
        4, "Each fourth of what can differ, be named or fail."),
    "tenant/test_runs_again.py::test_differences_are_reported_and_left_unchanged": (
        5, "Each fifth of what can differ."),
    "tenant/test_runs_again.py::test_second_run_creates_only_missing_objects": (
        5, "Each fifth object."),
    "tenant/test_stops.py::test_failed_call_stops_the_script_and_a_rerun_completes": (
        4, "Each fourth of the calls that can fail."),
}  # fmt: skip


# A test that only `make test-all` runs, and what `make test` runs in its place.
LONG_RUN: dict[str, str] = {
    "browser/admin/test_freeze.py::test_button_is_missing_during_a_freeze_and_returns":
        "A browser freezes, and a manager is stopped; the page without its button is in passes/test_confirm.py.",
    "browser/admin/test_freeze.py::test_form_from_before_the_freeze_is_shown_again_first":
        "The form of an older policy is in passes/test_confirm.py.",
    "browser/everyone/test_screens.py::test_hrs_pages_for_many_fit":
        "The same pieces fit on HR's other pages; each page's HTML is checked in test_pseudo_locale.py.",
    "browser/manager/test_back_and_forward.py::test_after_done_back_finds_no_pass":
        "Going back after leaving by an address, which keeps more.",
    "browser/manager/test_back_and_forward.py::test_forward_does_not_bring_the_pass_back":
        "The same page comes back by going back.",
    "browser/manager/test_back_and_forward.py::test_this_browser_keeps_even_the_portals_other_pages":
        "A control; the control with the portal's pass page runs.",
    "browser/manager/test_pass_page_polls.py::test_offline_page_shows_a_notice_and_keeps_the_pass":
        "Losing the connection at a click, in test_lost_connection.py.",
    "browser/manager/test_pass_page_polls.py::test_p1_a_pass_that_hr_cancels_leaves_the_page":
        "A pass that is cancelled in another tab leaves the page by the same answer.",
    "browser/manager/test_pass_page_polls.py::test_p1_pass_of_a_withdrawn_starter_leaves_the_page":
        "A pass that is cancelled in another tab leaves the page by the same answer.",
    "browser/manager/test_pass_page_polls.py::test_page_of_a_signed_out_person_stops_updating":
        "The answer to a poll without a session is in signin/test_sessions.py.",
    "browser/manager/test_step_up_context.py::test_expired_step_up_asks_again_and_keeps_the_choice":
        "Without a browser, in guards/test_step_up.py.",
    "browser/manager/test_step_up_context.py::test_sign_in_for_one_starter_does_not_count_for_another":
        "Without a browser, in guards/test_step_up.py.",
    "browser/manager/test_step_up_context.py::test_cancelled_sign_in_is_explained_and_can_be_repeated":
        "A cancelled sign-in keeps the session, in test_step_up.py; its words are in guards/test_step_up.py.",
    "browser/manager/test_the_pass_leaves_the_screen.py::test_hiding_the_page_for_under_a_minute_changes_nothing":
        "Hiding it for a minute masks the pass.",
    "browser/manager/test_the_pass_leaves_the_screen.py::test_page_clears_after_sleep_past_the_expiry":
        "The page clears at the expiry.",
    "browser/manager/test_the_pass_leaves_the_screen.py::test_a_session_that_is_over_is_no_receipt":
        "The answer without a session is in signin/test_sessions.py.",
    "browser/manager/test_the_pass_leaves_the_screen.py::test_page_announces_five_minutes_and_one_minute_left":
        "The page counts down and clears at the expiry.",
    "postgresql/test_failover.py::test_nothing_is_lost_or_doubled_when_the_replica_takes_over":
        "A server that is lost and comes back, in faults/test_postgresql_lost.py; addresses in site/test_settings.py.",
    "postgresql/test_pooler.py::test_portal_migrates_and_works_through_the_pooler":
        "What each of its connections has, and a migration's lock, are tested beside it.",
    "operations/test_serve.py::test_packages_that_do_not_match_their_hash_are_not_installed":
        "Each environment of CI is installed from the lock file with its hashes.",
    "faults/test_canary_memory.py::test_passes_stay_in_memory_without_serves_memory_settings":
        "Another control: a value that processes do keep in memory is found.",
    "faults/test_killed_probe.py::test_a_killed_command_leaves_no_probe_pass":
        "A run that ends at the same moment, in one process, in tests/tenant_proof.",
    "browser/admin/test_admin_screens.py::test_what_an_admin_opens_fits":
        "A table of each kind fits; each form is opened, filled in and saved in test_admin_forms.py.",
    "browser/admin/test_freeze.py::test_an_admin_stops_a_version_that_waits":
        "Without a browser, in policy/test_console.py and admin/test_policy_notices.py.",
    "browser/everyone/test_keyboard.py::test_an_admin_changes_the_policy_with_the_keyboard":
        "HR's form with the keyboard, which is made of the same parts.",
    "browser/everyone/test_keyboard.py::test_hr_withdraws_a_starter_with_the_keyboard":
        "HR adds a starter with the keyboard; the form is made of the same parts.",
    "browser/everyone/test_screens.py::test_the_pages_about_other_systems_fit":
        "The same pieces fit on HR's other pages; each page's HTML is checked in test_pseudo_locale.py.",
    "browser/everyone/test_without_scripts.py::test_form_without_an_answer_creates_no_pass":
        "The same form without a browser, in passes/test_confirm.py.",
    "browser/everyone/test_without_scripts.py::test_i_did_not_see_it_takes_the_pass_back":
        "The same button with scripts.",
    "browser/everyone/test_without_scripts.py::test_page_without_scripts_shows_the_deadline_and_limits":
        "Its words are read without a browser, in managers.",
    "browser/manager/test_lost_connection.py::test_p6_cancelling_without_a_connection_changes_nothing":
        "A click without a connection.",
    "browser/manager/test_ready_page_polls.py::test_filled_in_form_is_not_interrupted":
        "A form that has the focus is not interrupted.",
    "browser/manager/test_ready_page_polls.py::test_unchanged_page_stays_and_keeps_polling":
        "A button that disappears and returns, by the same polls.",
    "browser/manager/test_step_up_context.py::test_unmet_context_shows_a_page_with_ways_on":
        "Without a browser, in guards/test_step_up.py.",
    "operations/test_serve.py::test_an_incomplete_environment_is_rebuilt":
        "CI makes each environment from nothing.",
    "operations/test_serve.py::test_data_and_sessions_survive_a_restart":
        "Data survive kills in faults; a stop lets clicks finish in operations/test_restart.py.",
    "operations/test_serve.py::test_the_quick_environment_has_all_but_the_large_packages":
        "CI makes this environment and runs tests in it.",
    "api/test_running_api.py::test_parallel_tickets_for_one_account_add_one_starter":
        "One ticket that is sent in parallel, and one account that many add, in passes/test_one_winner.py.",
    "browser/everyone/test_keyboard.py::test_hr_walks_through_the_list_with_the_keyboard":
        "The keys of the list, in browser/hr/test_hr_list.py.",
    "browser/everyone/test_sessions.py::test_half_typed_form_of_a_removed_role_does_nothing":
        "A form that goes on after the check; a removed role is refused in signin/test_silent_sign_in.py.",
    "browser/everyone/test_sheet.py::test_polling_page_does_not_interrupt_a_reader":
        "The page of a manager that does not interrupt a form.",
    "browser/everyone/test_strange_names.py::test_hrs_pages_show_it_as_text":
        "Every text on every page, in inputs/test_payloads.py.",
    "browser/everyone/test_strange_names.py::test_the_admins_pages_show_it_as_text":
        "Every text on every page, in inputs/test_payloads.py.",
    "browser/everyone/test_strange_names.py::test_the_mail_shows_it_as_text":
        "Every text of every mail, in inputs/test_payloads.py.",
    "browser/manager/test_lost_connection.py::test_p6_portal_that_does_not_respond_counts_as_offline":
        "A click without a connection.",
    "browser/manager/test_one_pass_only.py::test_two_tabs_get_one_pass_and_one_explanation":
        "Two tabs that confirm at once.",
    "browser/manager/test_pass_page_polls.py::test_p2_waiting_page_without_its_script_offers_a_link":
        "The pass page without its script, which has the same part.",
    "browser/manager/test_step_up.py::test_somebody_else_at_the_step_up_is_refused":
        "Without a browser, in guards/test_step_up.py.",
    "browser/manager/test_step_up.py::test_cancelled_step_up_keeps_the_session_and_creates_nothing":
        "Without a browser, in guards/test_step_up.py.",
    "browser/manager/test_the_pass_leaves_the_screen.py::test_page_clears_after_two_minutes_without_a_receipt":
        "The page clears at the expiry.",
    "cases/test_doctor_cases.py::test_sign_in_activity_unread_for_a_day_is_reported":
        "Another daily job that fails is reported, beside it.",
    "cases/test_mail_cases.py::test_m1_five_days_of_refused_set_up_lose_no_mail":
        "Mail that is refused for the set-up leaves after the fix, beside it.",
    "cases/test_mail_cases.py::test_m5_each_mail_to_the_manager_contains_the_date":
        "Mails with dates, in mail/test_calendar.py and mail/test_digest.py.",
    "cases/test_manager_cases.py::test_o15_a_page_that_updates_automatically_writes_no_warning":
        "Requests of every kind write no warning, in operations/test_log_lines.py.",
    "faults/test_killed_webhooks.py::test_killed_workers_lose_and_reorder_no_webhook":
        "Kills at each moment, in hooks/test_kills.py.",
    "tenant/test_api_registration.py::test_organisation_name_of_the_api_is_never_run":
        "Names that look like commands, in test_first_run.py.",
    "tenant/test_first_run.py::test_a_graph_registration_that_trusts_something_else_is_reported":
        "What differs and is reported, in test_runs_again.py.",
    "tenant/test_role_groups.py::test_group_name_is_never_run_as_a_command":
        "Names that look like commands, in test_first_run.py.",
    "tenant/test_role_groups.py::test_holders_beside_the_groups_are_shown":
        "Holders of roles, in test_holders.py.",
    "tenant/test_role_groups.py::test_group_and_role_can_be_added_later":
        "What is missing is created by another run, in test_runs_again.py.",
    "tenant/test_stops.py::test_failed_read_stops_the_script":
        "Calls that fail, beside it.",
}  # fmt: skip


@cache
def only_database_of(path: Path, test: str = "") -> Database | None:
    """The one database that a test file, or one test of it, runs on; None for both."""
    try:
        name = path.resolve().relative_to(TESTS).as_posix()
    except ValueError:
        return None
    named = [key for key in ONCE if key in {name, f"{name}::{test}"} or name.startswith(f"{key}/")]
    return ONCE[max(named, key=len)][0] if named else None


def is_left_out(path: Path, database: str, test: str = "") -> bool:
    """Whether this run, on `database`, leaves a test file, or one test of it, to the run on the other one."""
    only = only_database_of(path, test)
    return EACH_ONCE and only is not None and only != database


def has_other_tests(path: Path) -> bool:
    """Whether a file has tests that run elsewhere than the file: on both databases, or on the other one."""
    return "mark.both_databases" in path.read_text() or any(
        key.startswith(f"{path.resolve().relative_to(TESTS).as_posix()}::") for key in ONCE
    )


def is_left_to_test_all(path: Path, test: str) -> bool:
    """Whether only `make test-all` runs this test."""
    return EACH_ONCE and f"{path.resolve().relative_to(TESTS).as_posix()}::{test}" in LONG_RUN


def sampled(path: Path, test: str) -> int:
    """How many cases of a test share one that runs: 1 where all run. The line with the longest name decides."""
    if not EACH_ONCE:
        return 1
    try:
        name = path.resolve().relative_to(TESTS).as_posix()
    except ValueError:
        return 1
    names = (f"{name}::{test}", name, *(str(folder) for folder in PurePosixPath(name).parents))
    for one in names:
        if one in SAMPLED:
            return SAMPLED[one][0]
        if one in WHOLE:
            return 1
    return EVERY


def spread(cases: Sequence[Mapping[str, int]], every: int, first: int = 0) -> list[bool]:
    """Choose the cases of one test that run: one in `every`, always the same ones.

    A case has the index of its value for each parameter. The indexes are added up, so that each value of two parameters
    with at least `every` values still occurs. Parameters that are given together count once. A test with fewer cases
    than that has one that runs.
    """
    parameters = {tuple(case[name] for case in cases) for name in cases[0]}
    taken = [sum(values) % every == first % every for values in zip(*parameters, strict=True)]
    return taken if any(taken) else [number == first % len(cases) for number in range(len(cases))]


def part_of(values: Sequence[T], every: int, first: int = 0) -> tuple[T, ...]:
    """One in `every` of the values, from index `first` on, if each test runs once. Otherwise all values."""
    return tuple(values[first % every :: every] if EACH_ONCE else values)


def size_of(whole: int, part: int) -> int:
    """How many of something a test makes: `part` if each test runs once, otherwise `whole`."""
    return part if EACH_ONCE else whole


def table() -> str:
    """The first table above, for docs/proof.md."""
    rows = [f"| `tests/{name}` | {database} | {why} |" for name, (database, why) in ONCE.items()]
    return "\n".join(["| tests | database | why once is enough |", "|---|---|---|", *rows])


def table_of_long_runs() -> str:
    """The third table above, for docs/proof.md."""
    rows = [f"| `tests/{name}` | {instead} |" for name, instead in LONG_RUN.items()]
    return "\n".join(["| only in `make test-all` | what `make test` runs in its place |", "|---|---|", *rows])


def table_of_whole_tests() -> str:
    """The tests of which all cases run, for docs/proof.md."""
    rows = [f"| `tests/{name}` | {why} |" for name, why in WHOLE.items()]
    return "\n".join(["| tests | why all cases run |", "|---|---|", *rows])


def table_of_samples() -> str:
    """The second table above, for docs/proof.md."""
    rows = [f"| `tests/{name}` | 1 in {every} | {why} |" for name, (every, why) in SAMPLED.items()]
    return "\n".join(["| tests | cases | why that is enough |", "|---|---|---|", *rows])
