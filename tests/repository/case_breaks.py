"""One break for each test of a case: a small change that undoes the case's fix. Exactly this test must notice it.

`make breaks-all` runs them after the breaks of the promises. `test_case_breaks.py` keeps this table and the tests of
cases together: each test has a break, and each old text is found once in its file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.case_tests import case_of, find_case_tests

TESTS = Path(__file__).resolve().parents[1]


@cache
def files_of_tests() -> dict[str, str]:
    """The file of each test of a case, by the name of the test."""
    return {name: path.relative_to(TESTS.parent).as_posix() for name, path in find_case_tests(TESTS).items()}


@dataclass(frozen=True)
class CaseBreak:
    """`before` occurs once in `file`. With `after` in its place, `test` must fail by an assertion or an error of its own."""

    test: str
    file: str
    before: str
    after: str

    @property
    def title(self) -> str:
        return f"case {case_of(self.test)}: {self.file}"

    @property
    def arguments(self) -> list[str]:
        """What pytest is started with."""
        return [self.node]

    def is_noticed_in(self, line: str) -> bool:
        """Whether this line of the output says that the test, or one of its fixtures, noticed the break."""
        return bool(re.match(rf"(FAILED|ERROR) {re.escape(self.node)}(\[|$| )", line))

    @property
    def node(self) -> str:
        return f"{files_of_tests()[self.test]}::{self.test}"


ADDRESSES = "onboarding/inputs/addresses.py"
ADMIN_POLICY = "onboarding/admin/policy.py"
ANSWERS = "onboarding/mail/answers.py"
BACKEND = "portal/signin/backend.py"
BULK_RECORDING = "onboarding/hr/views/bulk_recording.py"
CLIPBOARD = "onboarding/hr/clipboard.py"
CREATION = "onboarding/passes/creation.py"
DAY = "onboarding/hr/views/day.py"
DELETION = "onboarding/passes/reconciler/deletion.py"
DELIVERY = "onboarding/mail/delivery.py"
DIRECTORY = "onboarding/starters/directory.py"
ENDING = "onboarding/passes/reconciler/ending.py"
ENVIRONMENT = "portal/environment.py"
FEEDBACK = "onboarding/hr/views/feedback.py"
FOREIGN_PASSES = "onboarding/passes/foreign_passes.py"
HANDOVER = "onboarding/passes/handover.py"
HELD_PASSES = "onboarding/passes/reconciler/held_passes.py"
HOLDERS = "portal/tenant_setup/holders.sh"
IDENTITY = "onboarding/doctor/identity.py"
IMPOSSIBLE = "portal/impossible_input.py"
LIST_ROWS = "onboarding/hr/lists/rows.py"
LOST_PASSES = "onboarding/passes/reconciler/lost_passes.py"
MAIL_DIGEST = "onboarding/mail/digest.py"
MAIL_RELEVANCE = "onboarding/mail/relevance.py"
MAIL_RENDERING = "onboarding/mail/rendering.py"
MAIL_SEND_TIMES = "onboarding/mail/send_times.py"
METHODS = "onboarding/graph/methods.py"
MIDDLEWARE = "portal/middleware.py"
NOTIFICATIONS = "onboarding/mail/notifications.py"
OBSTACLES = "onboarding/obstacles.py"
ONCE_SCRIPT = "static/js/submit_once.js"
OPENED_ON = "onboarding/admin/opened_on.py"
PAGE_STATE = "onboarding/managers/page_state.py"
PARTICIPANTS = "onboarding/participants.py"
PASS_PROGRESS = "onboarding/managers/pass_progress.py"
PASS_SCRIPT = "static/js/pass.js"
PEOPLE_GUARDS = "onboarding/guards/people.py"
POLICY = "onboarding/policy/current.py"
POLICY_FORMS = "onboarding/admin/policy_forms.py"
POSTGRESQL = "portal/postgresql/base.py"
READING = "onboarding/passes/reconciler/reading.py"
RECOGNITION = "onboarding/passes/recognition.py"
RECORDING = "onboarding/hr/views/recording.py"
RESCHEDULING = "onboarding/starters/rescheduling.py"
SERVE = "portal/management/commands/serve.py"
START = "portal/management/start.py"
SIGN_INS = "onboarding/passes/sign_ins.py"
SIGN_IN_GUARDS = "onboarding/guards/sign_in.py"
SIGN_IN_VIEWS = "portal/signin/views.py"
STARTER = "onboarding/models/starter.py"
STARTER_PAGE = "onboarding/managers/views/starter_page.py"
TOKENS = "portal/signin/tokens.py"
WITHDRAWAL = "onboarding/starters/withdrawal.py"

CASE_BREAKS = (
    # --- Microsoft's answers about passes ---------------------------------------------------------------------------
    CaseBreak(
        "test_f11_a_404_for_a_new_account_notifies_nobody", CREATION,
        "_settle_refusal(issue, Reason.NOT_KNOWN_YET, error", "_settle_refusal(issue, Reason.REFUSED, error",
    ),
    CaseBreak(
        "test_f14_a_pass_created_despite_a_refusal_is_deleted", CREATION,
        "issue, IssueState.UNKNOWN, reason, error, counts=False",
        "issue, IssueState.REJECTED, reason, error, counts=False",
    ),
    CaseBreak(
        "test_f11_a_refusal_claims_that_hr_was_notified_only_afterwards", PAGE_STATE,
        "Microsoft refused to create a pass for this account.",
        "Microsoft refused to create a pass for this account. HR has been notified.",
    ),
    CaseBreak(
        "test_f18_a_contradictory_answers_pass_is_deleted",
        "onboarding/graph/parsing.py", "(_starts_now(record, answer), ", "(True, ",
    ),
    CaseBreak(
        "test_f18_our_pass_under_another_id_is_recognised", HELD_PASSES,
        "    if mine is not None:\n        adopt_listed_id(issue, mine)\n", "",
    ),
    CaseBreak(
        "test_f12_a_pass_still_listed_after_204_is_not_gone", DELETION,
        "    if mine is None:\n        return DeletionResult(",
        "    if mine is None or deleted:\n        return DeletionResult(",
    ),
    CaseBreak(
        "test_f12_another_tools_pass_listed_after_204_is_not_replaced", FOREIGN_PASSES,
        "    if chosen & listed:", "    if False:",
    ),
    CaseBreak(
        "test_f16_a_404_on_the_list_settles_nothing", READING,
        "        require_deleted_account(issue, now)\n        return ()\n", "        return ()\n",
    ),
    CaseBreak(
        "test_f20_a_found_pass_is_audited_despite_a_killed_worker",
        LOST_PASSES, "            record_found_pass(issue, live)\n        if _is_known_to_exist(issue):",
        "            issue.method_id = live.method_id\n        if lost or _is_known_to_exist(issue):",
    ),
    CaseBreak(
        "test_f15_a_pass_is_followed_until_microsoft_reports_its_end", HELD_PASSES,
        "    if mine.has_expired:", "    if mine.has_expired or now > (issue.valid_until or now):",
    ),
    CaseBreak(
        "test_f15_a_pass_that_never_expires_is_deleted", HELD_PASSES,
        "    if issue.valid_until is not None and now > issue.valid_until + SKEW:", "    if False:",
    ),
    CaseBreak(
        "test_f17_our_late_pass_is_deleted_without_an_alarm",
        RECOGNITION,
        "return not _is_fully_known(issue) and _made_in_time(issue, live)", "return False",
    ),
    CaseBreak(
        "test_f17_our_late_replacing_pass_is_deleted_without_an_alarm", HELD_PASSES,
        "    if others and set(others) <= set(late):", "    if False:",
    ),
    CaseBreak(
        "test_f17_another_tools_pass_alarms_security",
        RECOGNITION,
        "return live.usable_once is not False and live.lifetime_minutes == issue.lifetime_minutes", "return True",
    ),
    CaseBreak(
        "test_p8_a_429_keeps_the_queue_position", HANDOVER,
        "confirmation.person, calls.asked_at)", "confirmation.person, None)",
    ),
    # --- Sign-in activity -------------------------------------------------------------------------------------------
    CaseBreak(
        "test_f1_an_account_with_earlier_sign_ins_gets_no_pass", "onboarding/graph/entities.py",
        "            return self.attempted_at is not None\n", "            return False\n",
    ),
    CaseBreak(
        "test_f7_among_290_accounts_the_waiting_managers_is_read_first",
        SIGN_INS, "        _sort_first(awaited),\n", "",
    ),
    CaseBreak(
        "test_f7_an_early_click_gets_a_page_that_updates", PAGE_STATE,
        'if code == "not_read_yet":\n        return not_read_yet_state()',
        'if code == "not_read_yet":\n        return replace(not_read_yet_state(), refresh_seconds=0)',
    ),
    CaseBreak(
        "test_f7_a_starter_added_for_today_is_read_next", SIGN_INS,
        '        "starts_at",\n        "pk",\n', '        "pk",\n',
    ),
    CaseBreak(
        "test_f7_300_starters_of_today_are_all_read_within_five_minutes", SIGN_INS, "AT_ONCE = 15", "AT_ONCE = 1",
    ),
    CaseBreak(
        "test_f7_a_tenant_without_lists_is_read_one_by_one", SIGN_INS,
        "return sign_in_quota.refuse_lists(NO_LISTS_AFTER_REFUSAL)", "return None",
    ),
    CaseBreak(
        "test_f13_a_known_sign_in_survives_missing_activity_data", SIGN_INS,
        '_store_fields(starter, {"sign_in_told": False})',
        '_store_fields(starter, {"sign_in_told": False, "last_sign_in_at": None})',
    ),
    CaseBreak(
        "test_f13_only_a_missing_right_or_licence_means_unreadable", SIGN_INS,
        "    except graph.ReadNotPermitted:\n        _store_not_permitted(starter)",
        "    except (graph.Refused, graph.Unavailable):\n        _store_not_permitted(starter)",
    ),
    CaseBreak(
        "test_f19_a_sign_in_after_the_check_is_seen_at_click", SIGN_INS,
        "sign_in_quota.acquire_call(leave=CLICKS_LEAVE) == 0", "False",
    ),
    CaseBreak(
        "test_f19_with_no_quota_left_the_page_shows_the_age", "onboarding/managers/views/pass_page.py",
        "format_clock(shown.sign_ins_read_at, starter)", '""',
    ),
    CaseBreak(
        "test_f19_with_no_quota_left_the_confirmation_shows_the_age", STARTER_PAGE,
        "else format_clock(known, starter)", 'else ""',
    ),
    CaseBreak(
        "test_f19_activity_data_hours_old_makes_no_pass", HANDOVER,
        "    if sign_ins.is_too_old(starter):", "    if False:",
    ),
    CaseBreak(
        "test_f19_with_quota_left_no_page_shows_an_age", STARTER_PAGE,
        'return "" if sign_in_quota.has_room_for_click() else', "return",
    ),
    # --- Methods ----------------------------------------------------------------------------------------------------
    CaseBreak(
        "test_f3_an_email_method_does_not_block_a_starter", METHODS,
        'MethodRule("email", Blocks.NO', 'MethodRule("email", Blocks.YES',
    ),
    CaseBreak(
        "test_f3_each_method_blocks_as_the_table_says", METHODS,
        'MethodRule("qrCodePin", Blocks.YES', 'MethodRule("qrCodePin", Blocks.NO',
    ),
    CaseBreak(
        "test_f3_a_phone_does_not_block_if_hr_registers_phones", METHODS,
        "return not phones_expected", "return True",
    ),
    CaseBreak(
        "test_f2_an_unused_pass_stays_unless_a_method_opens_the_account", METHODS,
        'MethodRule("email", Blocks.NO, Closes.NO)', 'MethodRule("email", Blocks.NO, Closes.YES)',
    ),
    CaseBreak(
        "test_f2_a_used_pass_closes_only_with_a_real_method", METHODS,
        "return method.sign_in_state == READY", "return True",
    ),
    CaseBreak(
        "test_f2_an_earlier_authenticator_does_not_close_the_starter", HELD_PASSES,
        "    _record_methods_before_use(issue, methods)\n", "",
    ),
    CaseBreak(
        "test_f2_a_starter_without_a_method_needs_attention", ENDING,
        "            _mark_needs_attention(starter)\n", "            pass\n",
    ),
    CaseBreak(
        "test_f2_the_manager_can_create_another_pass_for_them", SIGN_IN_GUARDS,
        "return all(_was_registered_with_pass(method, used) for method in found)", "return not found",
    ),
    CaseBreak(
        "test_f2_a_second_factor_without_a_pass_blocks_another", SIGN_IN_GUARDS,
        "return issue.used_at is not None and issue.account_id", "return issue.account_id",
    ),
    CaseBreak(
        "test_f2_an_unknown_authenticator_blocks_another_pass", METHODS,
        'MethodRule("microsoftAuthenticator", Blocks.YES, Closes.AFTER_USE)',
        'MethodRule("microsoftAuthenticator", Blocks.YES, Closes.AFTER_USE, second_factor=True)',
    ),
    # --- Different people -------------------------------------------------------------------------------------------
    CaseBreak(
        "test_f9_a_recorder_with_another_account_cannot_confirm", PARTICIPANTS,
        " or (bool(mine) and mine == theirs)", "",
    ),
    CaseBreak(
        "test_f9_an_unknown_or_different_employee_number_blocks_nobody", PARTICIPANTS,
        "bool(mine) and mine == theirs", "mine == theirs",
    ),
    CaseBreak(
        "test_f9_a_rescheduler_with_another_account_cannot_confirm", PARTICIPANTS,
        "starter.contributor_ids | approver_ids(starter)", "approver_ids(starter)",
    ),
    CaseBreak(
        "test_f9_an_approver_with_another_account_cannot_confirm", PARTICIPANTS,
        "starter.contributor_ids | approver_ids(starter)", "starter.contributor_ids",
    ),
    CaseBreak(
        "test_f9_a_recorders_other_account_is_no_second_approver", PEOPLE_GUARDS, "q.policy, counts=is_another)", "q.policy)",
    ),
    CaseBreak(
        "test_f9_a_contributor_with_another_account_cannot_approve", DIRECTORY,
        'return not any(Identity(oid, numbers.get(oid, "")).is_same_person(known) for oid in took_part)',
        "return True",
    ),
    CaseBreak(
        "test_f9_nobody_approves_while_the_directory_does_not_answer", DIRECTORY,
        "    numbers = graph.client().read_employee_numbers([person.oid, *sorted(took_part)])\n",
        "    try:\n        numbers = graph.client().read_employee_numbers([person.oid, *sorted(took_part)])\n"
        "    except graph.GraphError:\n        numbers = {}\n",
    ),
    CaseBreak(
        "test_f9_the_starters_other_account_is_no_third_person", PEOPLE_GUARDS,
        " or participant.is_same_person(receiver)", "",
    ),
    CaseBreak(
        "test_f9_hr_is_warned_before_saving_and_no_link_leaves", "onboarding/guards/engine.py",
        'return self.confirmer.object_id if self.confirmer else ""', 'return ""',
    ),
    CaseBreak(
        "test_f10_the_active_policys_author_cannot_confirm_without_the_role", PARTICIPANTS,
        "        return AdminInvolvement.WROTE\n", "        pass\n",
    ),
    CaseBreak(
        "test_f10_the_admin_who_activated_the_policy_cannot_confirm", POLICY,
        " + activated_by", "",
    ),
    CaseBreak(
        "test_f10_the_department_policys_author_cannot_confirm",
        POLICY, "[rules, *([rules.own] if rules.own else [])]", "[rules]",
    ),
    CaseBreak(
        "test_f10_a_recent_admin_cannot_confirm_and_reads_why", PARTICIPANTS,
        "    return AdminInvolvement.WAS_ADMIN if was or", "    return AdminInvolvement.WAS_ADMIN if",
    ),
    CaseBreak(
        "test_f10_a_former_admin_can_confirm_after_the_policys_days", PARTICIPANTS,
        "timedelta(days=rules.admin_days)", "timedelta(days=30)",
    ),
    CaseBreak(
        "test_f10_an_admin_with_another_account_cannot_confirm", PARTICIPANTS,
        "(others and others & recent_admin_ids(rules, now))", "False",
    ),
    CaseBreak(
        "test_f10_a_policy_author_with_another_account_cannot_confirm", PARTICIPANTS,
        "{person.oid, *others} & policy", "{person.oid} & policy",
    ),
    CaseBreak(
        "test_f10_the_portal_remembers_a_former_admin_role", BACKEND,
        "if user.is_admin or ADMIN in person.roles:", "if ADMIN in person.roles:",
    ),
    CaseBreak(
        "test_f10_a_person_never_admin_is_not_remembered_as_admin", BACKEND,
        "if user.is_admin or ADMIN in person.roles:", "if True:",
    ),
    # --- Mail -------------------------------------------------------------------------------------------------------
    CaseBreak(
        "test_m1_mail_refused_for_the_set_up_leaves_after_the_fix", ANSWERS,
        "    if detail in ABOUT_THE_RECIPIENT.get(subject, ()):", "    if stage == Stage.RCPT:",
    ),
    CaseBreak(
        "test_m1_an_answer_about_the_address_is_shown_as_one", ANSWERS,
        '"1": {"1", "2", "3", "4", "6", "10", "351"}', '"1": {"2", "3", "4", "6"}',
    ),
    CaseBreak(
        "test_m1_five_days_of_refused_set_up_lose_no_mail", DELIVERY,
        "GIVES_UP_AFTER = timedelta(days=14)", "GIVES_UP_AFTER = timedelta(days=1)",
    ),
    CaseBreak(
        "test_o11_the_doctor_reports_the_missing_right_to_send", "onboarding/doctor/mail.py",
        "    if delay is not None:\n        return _delay_finding(delay)\n", "",
    ),
    CaseBreak(
        "test_m2_an_invalid_address_in_the_directory_gets_no_mail", ADDRESSES,
        '    if found is None:\n        return ""\n', "    if found is None:\n        return str(value)\n",
    ),
    CaseBreak(
        "test_m2_a_valid_address_gets_the_mail", ADDRESSES,
        'value.strip(" ")', "value",
    ),
    CaseBreak(
        "test_m3_sending_the_link_twelve_times_is_one_mail", MAIL_SEND_TIMES,
        "return last if last is not None and last > clock.now() - RATE_LIMIT else None", "return None",
    ),
    CaseBreak(
        "test_m3_after_ten_minutes_the_link_can_be_sent_again", MAIL_SEND_TIMES,
        "return last if last is not None and last > clock.now() - RATE_LIMIT else None", "return last",
    ),
    CaseBreak(
        "test_p9_no_page_says_that_a_waiting_link_was_sent", "onboarding/hr/progress.py",
        "            _link_status(starter),\n", "            _format_local(starter, starter.invited_at),\n",
    ),
    CaseBreak(
        "test_m4_the_manager_is_notified_of_a_moved_start", RESCHEDULING,
        "        notifications.write_start_moved(starter)\n", "        pass\n",
    ),
    CaseBreak(
        "test_m4_the_manager_is_notified_of_a_withdrawal", WITHDRAWAL,
        "            notifications.write_withdrawal(starter)\n", "            pass\n",
    ),
    CaseBreak(
        "test_m4_an_unsent_link_has_only_the_new_date", RESCHEDULING,
        "        notifications.write_invitation(starter, number=invitations.next_invitation_number(starter))\n",
        "        pass\n",
    ),
    CaseBreak(
        "test_m4_the_pass_is_deleted_before_the_withdrawal_mail", ENDING,
        "        notifications.write_withdrawal(starter)\n", "        pass\n",
    ),
    CaseBreak(
        "test_m5_each_mail_to_the_manager_contains_the_date", MAIL_RENDERING,
        'if context.get("start_short") else subject', "if False else subject",
    ),
    CaseBreak(
        "test_m5_no_mail_calls_a_present_day_soon", MAIL_RENDERING,
        "return f\"{subject} ({context['start_short']})\"", "return f\"{subject} soon ({context['start_short']})\"",
    ),
    CaseBreak(
        "test_m5_a_mail_after_the_window_is_not_sent", MAIL_RELEVANCE,
        "    if facts.now > starter.starts_at +", "    if False and facts.now > starter.starts_at +",
    ),
    CaseBreak(
        "test_m5_a_digest_is_by_date_without_a_calendar_file", MAIL_DIGEST,
        "sorted(mails, key=lambda mail: mail.starter.starts_at if mail.starter else mail.written_at)", "list(mails)",
    ),
    CaseBreak(
        "test_m5_an_imports_52_problems_are_one_hr_digest", MAIL_SEND_TIMES,
        "        return True  # an import", "        return False  # an import",
    ),
    # --- HR's pages -------------------------------------------------------------------------------------------------
    CaseBreak(
        "test_h1_text_pasted_from_other_programs_is_read", CLIPBOARD,
        "return piece.lstrip(_BULLETS)", "return piece or piece.lstrip(_BULLETS)",
    ),
    CaseBreak(
        "test_h1_one_account_is_read_the_same_way", "onboarding/hr/forms.py",
        "return accounts[0]", 'return str(self.cleaned_data["account"])',
    ),
    CaseBreak(
        "test_h2_a_bad_line_is_marked_and_all_input_stays", CLIPBOARD,
        'unicodedata.category(c) not in {"Cf", "Co"}', "True",
    ),
    CaseBreak(
        "test_h2_no_character_makes_the_list_fail", IMPOSSIBLE,
        'PASTED = {"account", "accounts", "pasted"}', 'PASTED = {"account"}',
    ),
    CaseBreak(
        "test_h3_a_table_is_kept_and_goes_to_the_import", CLIPBOARD,
        "return any(_is_row_of_table(line)", "return not text and any(_is_row_of_table(line)",
    ),
    CaseBreak(
        "test_h5_a_typographic_apostrophe_is_found", CLIPBOARD, '"’‘‛′´`ʼʻʹ＇"', '"’"',
    ),
    CaseBreak(
        "test_h4_hr_accepts_a_mail_addresss_owner_with_one_click", DIRECTORY,
        "LookupResult(owners=_owners_with_other_name(name, owners.get(name, ())))", "LookupResult()",
    ),
    CaseBreak(
        "test_h4_a_mail_address_is_never_accepted_without_asking", RECORDING,
        "    if looked.owners:", '    if looked.owners and request.POST.get("step") == "look":',
    ),
    CaseBreak(
        "test_h4_in_a_list_only_that_row_asks", BULK_RECORDING,
        "return str(A_MAIL_ADDRESS)", 'return ""',
    ),
    CaseBreak(
        "test_h4_replacing_an_account_asks_about_a_mail_address_too", "onboarding/hr/views/account.py",
        " and was_shown and not looked.owners:", " and was_shown:",
    ),
    CaseBreak(
        "test_h4_an_unknown_address_can_be_an_expected_account", RECORDING,
        "return _record_page(request, form, expected=True)", "return _record_page(request, form)",
    ),
    CaseBreak(
        "test_h4_a_silent_directory_makes_no_expected_account", DIRECTORY,
        "LookupResult(error=str(NOT_ANSWERED)) if name in addresses else LookupResult()", "LookupResult()",
    ),
    CaseBreak(
        "test_h6_the_search_folds_case_accents_and_apostrophes", "onboarding/models/folded_words.py",
        "if not unicodedata.combining(c)).translate(PLAIN_LETTERS)", ").translate(PLAIN_LETTERS)",
    ),
    CaseBreak(
        "test_h7_saving_without_a_date_keeps_the_looked_up_account", RECORDING,
        "if not is_complete and not _was_looked_up(request, form):", "if not is_complete:",
    ),
    CaseBreak(
        "test_h7_an_expected_account_without_a_date_stays_expected", RECORDING,
        'was_expected = request.POST.get("step") in EXPECT_STEPS and', "was_expected = False and",
    ),
    CaseBreak(
        "test_h9_list_day_and_search_show_stand_in_and_manager", LIST_ROWS,
        '"away_name": away_name', '"away_name": ""',
    ),
    CaseBreak(
        "test_h9_a_filter_by_manager_finds_the_stand_ins_starter", STARTER,
        'Q(manager_id=object_id, stand_in_id="")', "Q(manager_id=object_id)",
    ),
    CaseBreak(
        "test_h9_the_search_finds_the_starter_by_the_stand_ins_name", "onboarding/models/starter_search.py",
        '"manager_name", "stand_in_name")', '"manager_name")',
    ),
    CaseBreak(
        "test_h10_a_quiet_today_says_how_many_others_need_attention", DAY,
        "IS_OPEN, ~Q(start_date=shown)", "IS_OPEN, Q(start_date=shown)",
    ),
    CaseBreak(
        "test_h10_where_nobody_needs_attention_nothing_is_counted", DAY,
        "        if count\n", "",
    ),
    CaseBreak(
        "test_h12_an_old_page_does_not_end_a_newer_pass", "onboarding/hr/views/actions.py",
        "        check_version(request, starter)\n        issue = starter.open_issue()\n"
        '        if issue is None or request.POST.get("issue") != str(issue.number):',
        "        issue = starter.open_issue()\n        if issue is None:",
    ),
    CaseBreak(
        "test_h12_every_action_from_an_old_page_is_refused", FEEDBACK,
        'if request.POST.get("version") != str(starter.version):', "if False:",
    ),
    CaseBreak(
        "test_h12_an_old_page_does_not_send_the_link", FEEDBACK,
        'if request.POST.get("version") != str(starter.version):', "if False:",
    ),
    CaseBreak(
        "test_h12_every_form_on_a_starters_page_carries_the_version", "templates/hr/starter.html",
        'name="version" value="{{ starter.version|unlocalize }}">\n              <input type="hidden" name="issue"',
        'value="{{ starter.version|unlocalize }}">\n              <input type="hidden" name="issue"',
    ),
    CaseBreak(
        "test_h11_hr_and_admin_see_the_directorys_hire_date", STARTER,
        "return hire_day(self.hire_date, self.zone_info) if", "return self.hire_date.date() if",
    ),
    CaseBreak(
        "test_h11_the_form_shows_the_same_hire_date_before_saving", DIRECTORY,
        "return hire_day(account.hire_date, ZoneInfo(zone)) if", "return account.hire_date.date() if",
    ),
    CaseBreak(
        "test_h11_the_guard_counts_days_in_the_starters_time_zone", "onboarding/guards/account.py",
        "return hire_day(q.account.hire_date, q.starter.zone_info) if", "return q.account.hire_date.date() if",
    ),
    CaseBreak(
        "test_h11_a_hire_date_is_a_day_in_the_starters_zone", "onboarding/models/hire_date.py",
        "return written.date() if written.time() == time(0) else", "return",
    ),
    # --- One answer to what is in the way ---------------------------------------------------------------------------
    CaseBreak(
        "test_f8_the_departments_longer_window_allows_the_pass", POLICY,
        "return for_department(starter.department)", 'return for_department("")',
    ),
    CaseBreak(
        "test_f8_hrs_pages_agree_with_the_managers_page", DAY,
        "_row(starter, rules[starter.department], now)", '_row(starter, policy.for_department(""), now)',
    ),
    CaseBreak(
        "test_f8_hrs_list_does_not_count_the_starter_as_late", "onboarding/starters/timetable.py",
        'own = policy.department_policies_with("closes_days_after")', "own = {}",
    ),
    CaseBreak(
        "test_f8_a_departments_shorter_window_is_late_everywhere", LIST_ROWS,
        ".write(starter, rules[starter.department])", '.write(starter, policy.for_department(""))',
    ),
    CaseBreak(
        "test_f8_a_withdrawal_can_be_undone_in_the_longer_window", "onboarding/hr/views/editing.py",
        "policy.for_starter(starter).closes_after", 'policy.for_department("").closes_after',
    ),
    CaseBreak(
        "test_f8_a_list_reads_all_departments_policies_in_one_query", LIST_ROWS,
        ".write(starter, rules[starter.department])", ".write(Starter.objects.get(pk=starter.pk), rules[starter.department])",
    ),
    CaseBreak(
        "test_f4_a_change_after_the_link_reads_alike_everywhere", OBSTACLES,
        "waits = starter.state in {StarterState.RECORDED, StarterState.INVITED}",
        "waits = starter.state == StarterState.RECORDED",
    ),
    CaseBreak(
        "test_f4_a_fixed_problem_disappears_from_every_page", OBSTACLES,
        "    elif before.problem in {*BLOCKING, Problem.REFUSED}:", "    elif False:",
    ),
    CaseBreak(
        "test_f4_a_page_with_the_button_notices_a_new_problem", PAGE_STATE,
        "refresh_seconds=POLL_SECONDS_READY", "refresh_seconds=0",
    ),
    CaseBreak(
        "test_f4_a_page_that_updates_keeps_the_choice", STARTER_PAGE, "replace(choice, identity_check=check))", "choice)",
    ),
    CaseBreak(
        "test_f4_a_disabled_account_is_no_problem_until_a_day_before", OBSTACLES,
        "if starter.state == StarterState.INVITED and now >= opens - COUNTS_BEFORE:",
        "if starter.state == StarterState.INVITED:",
    ),
    CaseBreak(
        "test_f5_page_claims_hr_notified_only_afterwards", STARTER_PAGE,
        "starter.hr_notified_at if is_kept else None", "clock.now()",
    ),
    CaseBreak(
        "test_f5_without_an_hr_address_no_page_claims_notification", OBSTACLES,
        "stored.hr_notified_at = event.seq, written", "stored.hr_notified_at = event.seq, clock.now()",
    ),
    CaseBreak(
        "test_f6_a_mail_about_an_added_starter_claims_no_click", NOTIFICATIONS,
        "occasion = ADDED if starter.state == StarterState.RECORDED else CHANGED", "occasion = ASKED",
    ),
    CaseBreak(
        "test_f6_a_missing_manager_notifies_hr_and_not_security", OBSTACLES,
        "if codes and (problem not in BLOCKING or not guards.FOR_IT.isdisjoint(codes)):", "if codes:",
    ),
    CaseBreak(
        "test_f6_adding_a_privileged_account_notifies_security", "onboarding/guards/outside.py",
        '{"never_signed_in", "no_own_method"}', '{"never_signed_in", "no_own_method", "is_new"}',
    ),
    CaseBreak(
        "test_p7_a_deleted_account_is_shown_with_the_notification", "onboarding/managers/views/access.py",
        "    obstacles.store_answer(starter, obstacles.Answer(Starter.Problem.ACCOUNT_GONE))\n", "",
    ),
    # --- The manager's pages ----------------------------------------------------------------------------------------
    CaseBreak(
        "test_p5_a_pass_not_seen_needs_nothing_from_hr", "onboarding/hr/attention.py",
        "return issue.reason == Reason.NO_RECEIPT", "return True",
    ),
    CaseBreak(
        "test_o15_a_page_that_updates_automatically_writes_no_warning", MIDDLEWARE,
        'if request.method == "HEAD":', "if False:",
    ),
    CaseBreak(
        "test_s4_slow_and_idle_clients_delay_nobody", "portal/gunicorn_conf.py",
        'worker_class = "portal.server.worker.PatientWorker"', 'worker_class = "gthread"',
    ),
    CaseBreak(
        "test_s5_no_request_of_a_visitor_leaves_a_row", "templates/components/typed_form.html",
        "{% if has_token %}", "{% if fields %}",
    ),
    CaseBreak(
        "test_s6_pasted_names_are_counted_and_end_at_the_daily_limit", "onboarding/starters/directory.py",
        "look_up_limit.count_look_ups(len(set(names)), by=recorder)", "pass",
    ),
    CaseBreak(
        "test_s9_requests_that_will_be_refused_take_no_queue_position", HANDOVER,
        "    refuse_before_queueing(confirmation, rules)\n", "",
    ),
    CaseBreak(
        "test_s9_one_manager_holds_at_most_three_queue_positions", "onboarding/passes/graph_quota.py",
        "MOST_POSITIONS_PER_PERSON = 3", "MOST_POSITIONS_PER_PERSON = 30",
    ),
    CaseBreak(
        "test_p4_switching_from_the_wrong_account_returns_to_the_link", "portal/views.py",
        "return sign_in_url(request.path)", 'return sign_in_url("/")',
    ),
    CaseBreak(
        "test_p3_the_managers_list_begins_with_what_needs_them",
        "onboarding/managers/my_starters.py", "key=lambda starter: starter.sort_key", "key=lambda starter: -starter.starts_in",
    ),
    # --- Requests and sign-ins --------------------------------------------------------------------------------------
    CaseBreak(
        "test_s1_a_sign_in_with_an_impossible_time_opens_no_session", SIGN_IN_VIEWS,
        "elif person.auth_time < oldest_proof(begun).timestamp() - tokens.LEEWAY:", "elif False:",
    ),
    CaseBreak(
        "test_s1_after_an_old_sign_in_microsoft_asks_again", "portal/signin/failure_pages.py",
        "        fresh=True,\n", "",
    ),
    CaseBreak(
        "test_s1_a_step_up_with_an_impossible_time_confirms_nothing",
        SIGN_IN_VIEWS,
        "if person.auth_time < begun.created_at.timestamp() - tokens.LEEWAY:", "if False:",
    ),
    CaseBreak(
        "test_s1_other_impossible_times_cause_no_server_error", TOKENS,
        "(jwt.PyJWTError, ArithmeticError, TypeError, ValueError)", "jwt.InvalidSignatureError",
    ),
    CaseBreak(
        "test_s1_a_session_with_an_impossible_time_causes_no_error", "portal/signin/session_times.py",
        "except (OverflowError, OSError, ValueError):", "except OSError:",
    ),
    CaseBreak(
        "test_s3_an_address_with_impossible_characters_is_refused", IMPOSSIBLE,
        "if any(map(has_impossible_characters, names_and_values(asked))) or any(", "if any(",
    ),
    CaseBreak(
        "test_s3_no_filter_in_the_administration_causes_a_server_error", IMPOSSIBLE,
        'PATTERNS = {"regex", "iregex"}', "PATTERNS = set()",
    ),
    CaseBreak(
        "test_s3_a_form_with_a_nul_character_is_refused", IMPOSSIBLE,
        'return "body" if is_odd or any(', 'return "body" if any(',
    ),
    CaseBreak(
        "test_s3_control_characters_from_word_and_excel_are_accepted", IMPOSSIBLE,
        r'IMPOSSIBLE = re.compile(r"[\x00-\x08\x0e-\x1d', r'IMPOSSIBLE = re.compile(r"[\x00-\x08\x0b-\x1f',
    ),
    CaseBreak(
        "test_s3_an_extreme_date_is_an_error_beside_its_field", IMPOSSIBLE,
        'return "body" if is_odd or any(',
        'return "body" if any(is_out_of_range(name, one) for name, some in sent for one in some) or any(',
    ),
    CaseBreak(
        "test_s3_a_cookie_with_a_nul_character_is_ignored", MIDDLEWARE,
        "        forget_impossible_cookies(request)\n        part = impossible_part(request)\n",
        '        part = "cookie" if "\\0" in "".join(request.COOKIES.values()) else impossible_part(request)\n',
    ),
    CaseBreak(
        "test_s3_a_claim_with_an_impossible_character_opens_no_session", TOKENS,
        "    if has_impossible_characters(value):", "    if False:",
    ),
    CaseBreak(
        "test_s7_an_unknown_host_is_logged_with_portal_url", "portal/settings.py",
        '    "portal.middleware.KnownHostMiddleware",\n', "",
    ),
    CaseBreak(
        "test_s7_a_load_balancer_can_check_health_by_ip", MIDDLEWARE,
        "        if request.path_info in settings.HEALTH_PATHS:", "        if False:",
    ),
    # --- Starting ---------------------------------------------------------------------------------------------------
    CaseBreak(
        "test_s8_a_key_file_is_in_no_processs_environment", SERVE,
        " if settings.SECRET_KEY_IS_MADE_UP else {}", "",
    ),
    CaseBreak(
        "test_o9_a_start_without_a_writable_folder_is_one_sentence", START,
        "tempfile.gettempdir()\n    except OSError:", "tempfile.gettempdir()\n    except KeyError:",
    ),
    CaseBreak(
        "test_o8_strangers_application_stops_a_first_run", HOLDERS,
        '  [ -n "$strangers$unread" ] || return 0\n', "  return 0\n",
    ),
    CaseBreak(
        "test_o8_strangers_application_stops_a_later_run", HOLDERS,
        'check_owners "the enterprise application $1 ($other)"', ': "the enterprise application $1 ($other)"',
    ),
    CaseBreak(
        "test_o8_application_of_another_tenant_is_named", HOLDERS,
        'check_holder "$other"', ': "$other"',
    ),
    CaseBreak(
        "test_o8_known_client_id_still_finds_a_namesake", "portal/tenant_setup/steps.py",
        "    return filter_by_name(called) + (", "    return filter_by_client_id(client_id) or (",
    ),
    CaseBreak(
        "test_o14_serve_starts_from_any_directory", START,
        '[str(settings.BASE_DIR), os.environ.get("PYTHONPATH")]', '[os.environ.get("PYTHONPATH")]',
    ),
    CaseBreak(
        "test_o2_an_unescaped_database_password_is_explained_without_showing_it",
        "portal/service_urls.py", 'return f"must be postgres://', 'return "" and f"must be postgres://',
    ),
    CaseBreak(
        "test_o3_an_unreachable_database_is_reported_with_host_and_cause",
        "onboarding/operations/unreachable.py", '    ("connection refused", _("no server listens on this port")),\n', "",
    ),
    CaseBreak(
        "test_o5_an_invalid_mail_address_stops_the_start", ENVIRONMENT,
        "            validate_email(value)\n", "            pass\n",
    ),
    CaseBreak(
        "test_o6_an_invalid_certificate_file_stops_the_start", ENVIRONMENT,
        "if value and (fault := fault_of_certificate(value)):", "if False:",
    ),
    # --- The administration -----------------------------------------------------------------------------------------
    CaseBreak(
        "test_a1_a_department_policy_is_added_by_what_its_form_shows", ADMIN_POLICY,
        "return self.readonly_fields if obj else ()", "return self.readonly_fields",
    ),
    CaseBreak(
        "test_a1_a_missing_department_is_an_error_beside_its_field", POLICY_FORMS,
        "max_length=128,\n        help_text=_(", "max_length=128,\n        required=False,\n        help_text=_(",
    ),
    CaseBreak(
        "test_a1_every_field_of_a_form_is_on_its_page", ADMIN_POLICY,
        'who = ("department", "reason")', 'who = ("reason",)',
    ),
    CaseBreak(
        "test_a1_invalid_department_value_is_error_beside_field", POLICY_FORMS,
        "    made.validators += [check for check in setting_field(name).validators if check not in made.validators]\n", "",
    ),
    CaseBreak(
        "test_a2_an_old_form_does_not_end_a_freeze", OPENED_ON,
        "if not policy.has_changed_since(number, department) and opened == now:", "if True:",
    ),
    CaseBreak(
        "test_a2_a_refused_form_keeps_typed_values_and_current_others", OPENED_ON,
        "[name for name in changed if self._is_untouched(name, opened)]", "[]",
    ),
    CaseBreak(
        "test_a2_a_setting_changed_by_two_admins_is_shown", OPENED_ON,
        "[name for name in changed if self._is_untouched(name, opened)]", "changed",
    ),
    CaseBreak(
        "test_a2_a_form_without_its_opening_version_saves_nothing", OPENED_ON,
        'self.cleaned_data.get("opened_on") or 0', 'self.cleaned_data.get("opened_on") or policy.newest_version_number()',
    ),
    CaseBreak(
        "test_a2_an_old_department_form_does_not_undo_a_newer_version", POLICY_FORMS,
        '            self.refuse_if_changed(cleaned["department"])\n', "            pass\n",
    ),
    CaseBreak(
        "test_a2_a_departments_existing_policy_is_shown_before_it_ends", POLICY_FORMS,
        """policy.normalise_department(self.cleaned_data.get("opened_for", ""))""", 'self.cleaned_data["department"]',
    ),
    CaseBreak(
        "test_a2_an_outdated_draft_says_so_and_has_no_button", "onboarding/policy/changes.py",
        "return not others.filter(later).exists()", "return True",
    ),
    CaseBreak(
        "test_a8_one_admin_alone_loosens_nothing", "onboarding/policy/changes.py",
        "version.needs_second = bool(loosened) or", "version.needs_second =",
    ),
    CaseBreak(
        "test_a8_a_changed_address_is_mailed_to_the_one_before", "onboarding/mail/policy_mails.py",
        "recipients = list_recipients(change.before)", "recipients = list_recipients(change.after)",
    ),
    CaseBreak(
        "test_a9_a_waiting_draft_is_mailed", "onboarding/policy/changes.py",
        "else ChangeKind.DRAFT\n", "else ChangeKind.IN_FORCE\n",
    ),
    CaseBreak(
        "test_a9_a_waiting_draft_is_on_the_first_page", "templates/admin/index.html",
        "{% for version in drafts %}", "{% for version in scheduled %}",
    ),
    CaseBreak(
        "test_a10_a_lifetime_of_481_minutes_is_an_error_beside_it", "onboarding/models/policy_settings.py",
        "SHORTEST_LIFETIME, LONGEST_LIFETIME = 10, 480", "SHORTEST_LIFETIME, LONGEST_LIFETIME = 10, 600",
    ),
    # --- The doctor, and a database that hangs ----------------------------------------------------------------------
    CaseBreak(
        "test_o12_a_server_that_is_not_graph_is_one_finding", IDENTITY,
        "if reached.answers and not reached.is_graph:", "if False:",
    ),
    CaseBreak(
        "test_o12_graph_is_recognised_as_graph", IDENTITY,
        "if reached.answers and not reached.is_graph:", "if reached.answers:",
    ),
    CaseBreak(
        "test_o13_an_unneeded_permission_is_reported_as_too_wide", IDENTITY,
        'return gettext("lets the portal change data that it must not change")', 'return ""',
    ),
    CaseBreak(
        "test_o13_an_extra_directory_permission_is_reported_and_not_wrong", IDENTITY,
        "    if READS_THE_DIRECTORY.fullmatch(name):", "    if False:",
    ),
    CaseBreak(
        "test_o6_a_failed_directory_job_is_shown_and_retried",
        "onboarding/worker/starter_checks.py", '@job_handler("look", is_retried=True)', '@job_handler("look")',
    ),
    CaseBreak(
        "test_o4_pages_answer_503_while_postgresql_hangs_and_then_recover", "portal/views.py",
        "if not isinstance(sys.exception(), OperationalError | InterfaceError):", "if True:",
    ),
    CaseBreak(
        "test_o4_database_timeouts_apply_to_every_connection", POSTGRESQL,
        '{"connect_timeout": CONNECT_SECONDS, ',
        '{"connect_timeout": CONNECT_SECONDS, "options": "-c statement_timeout=5000", ',
    ),
    # --- In a browser: scripts, paper and focus ---------------------------------------------------------------------
    CaseBreak(
        "test_h7_focus_is_on_the_error_and_the_account_stays", "templates/components/form_errors.html",
        'role="alert" tabindex="-1" autofocus{% endif %}', 'role="alert" tabindex="-1"{% endif %}',
    ),
    CaseBreak("test_h8_a_printed_list_has_its_rows", "static/css/print.css", "form:not(.printable),", "form,"),
    CaseBreak(
        "test_h8_a_printed_list_is_a_table_with_its_head", "static/css/lists.css",
        "@media screen and (max-width: 46rem)", "@media (max-width: 46rem)",
    ),
    CaseBreak(
        "test_p1_page_shows_the_sign_in_and_then_the_end", PASS_PROGRESS,
        "    if issue.used_at is not None:\n        return _progress_after_use(issue)\n", "",
    ),
    CaseBreak(
        "test_p1_a_pass_that_hr_cancels_leaves_the_page", PASS_SCRIPT,
        "}\nnextPoll = setTimeout(poll, POLL_INTERVAL);", "}",
    ),
    CaseBreak(
        "test_p1_pass_of_a_withdrawn_starter_leaves_the_page", PASS_PROGRESS,
        "        case IssueState.REVOKING | IssueState.REVOKED:\n            return _progress_cancelled(issue)",
        "        case IssueState.REVOKING | IssueState.REVOKED:\n            return OPEN",
    ),
    CaseBreak(
        "test_p1_pass_cancelled_in_another_tab_leaves_this_one", PASS_SCRIPT,
        "const first = wipe();", "const first = true;",
    ),
    CaseBreak(
        "test_p2_pass_page_without_its_script_shows_the_fallback",
        "templates/managers/pass.html", "          data-script-fallback>", "          data-script-fallback hidden>",
    ),
    CaseBreak(
        "test_p2_pass_page_with_its_script_hides_the_fallback", PASS_SCRIPT,
        "// The script runs.\nscriptFallback.hidden = true;", "// The script runs.",
    ),
    CaseBreak(
        "test_p2_waiting_page_without_its_script_offers_a_link", "templates/managers/starter.html",
        'small script-fallback" data-script-fallback>', 'small script-fallback" data-script-fallback hidden>',
    ),
    CaseBreak(
        "test_p6_click_without_a_connection_keeps_page_and_choice", ONCE_SCRIPT,
        "    if (!offline) return;\n", "    return;\n",
    ),
    CaseBreak(
        "test_p6_portal_that_does_not_respond_counts_as_offline", ONCE_SCRIPT,
        "return answer.status < 500;", "return true;",
    ),
    CaseBreak(
        "test_p6_cancelling_without_a_connection_changes_nothing", "templates/managers/pass.html",
        '{% include "components/offline.html" with text=_("Nothing was changed.") only %}', "",
    ),
)  # fmt: skip
