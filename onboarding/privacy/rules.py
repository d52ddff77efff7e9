"""The rules about personal data: for each table and each field, what it is, why and how long it is kept, how it is erased.

A test fails on a table or field without a rule. `docs/reference/data-kept.md` is generated from this table
(`make privacy`), retention carries it out, and the search for one person reads it.
"""

from __future__ import annotations

from django.db.models import Q

from onboarding.models.policy_settings import REDACTED_SETTINGS, PolicySettings
from onboarding.privacy.needed import find_needed_policy_events, needed_people
from onboarding.privacy.rule_types import Link, Personal, TableRule

AFTER_THE_END = "`retention_days` after the end of the onboarding"
UNTIL_NO_MAIL = "until the person chooses no mail, or the person's row is erased"
UNTIL_DELETED = "until the person deletes it, or the person's row is erased"
AFTER_THE_LAST_SIGN_IN = "`audit_days` after the last sign-in, if the person holds nothing open"
WITH_THE_STARTER = "emptied when the starter is erased"
WITH_THE_PERSON = "the reference stays; the person's row is erased"
WITH_THE_ROW = "the row is deleted"
A_WEEK = "7 days after the last change of the list"
THE_CHAIN_STAYS = "the chain keeps only a salted hash, which says nothing without its salt"


def _everywhere() -> Q:
    return Q()


def _stopped() -> Q:
    return Q(stopped_at__isnull=False, erased_at__isnull=False)


def _reference(*fields: str, what: str, why: str) -> Personal:
    """A reference to a person's row."""
    return Personal(fields, what, why, AFTER_THE_LAST_SIGN_IN, WITH_THE_PERSON, Link.USER)


RULES: tuple[TableRule, ...] = (
    # --- Starters and what belongs to them ------------------------------------------------------------------------
    TableRule(
        "onboarding.Starter",
        "Starters.",
        "The row stays. It then says only that somebody started, when, and how it went.",
        (
            Personal(
                ("account_name", "found_account_id"),
                "the starter's account",
                "The pass is created for this account.",
                AFTER_THE_END,
                "emptied; the account name is replaced",
                Link.ADDRESS,
            ),
            Personal(
                ("account_id",),
                "object id of the starter's account",
                "The pass is created for this account. While an emergency stop is in force, nobody can create a pass for it, "
                "also if HR adds it again.",
                f"{AFTER_THE_END}. With an emergency stop in force: until two people in HR end it, or `audit_days` after the "
                "other details were erased. An erasure on request does not end it earlier",
                "emptied",
                Link.ADDRESS,
                stays=_stopped,
            ),
            Personal(
                ("display_name", "job_title", "department", "employee_id", "hire_date"),
                "who the starter is, as in Entra",
                "HR and the manager recognise the right person. Guards compare the details.",
                AFTER_THE_END,
                "emptied",
            ),
            Personal(
                ("manager_id", "first_manager_id", "stand_in_for", "stand_in_id"),
                "object ids of the manager and the stand-in",
                "Only they can create the pass.",
                AFTER_THE_END,
                "emptied",
                Link.OBJECT_ID,
            ),
            Personal(
                ("manager_name", "manager_mail", "stand_in_name", "stand_in_mail"),
                "names and addresses of the manager and the stand-in",
                "The portal mails them the link. HR sees who must act.",
                AFTER_THE_END,
                "emptied",
                Link.ADDRESS,
            ),
            Personal(
                ("seen", "calendar_said"),
                "the details that HR checked, and a hash of the calendar entry",
                "The portal notices that the account or the manager changed.",
                AFTER_THE_END,
                "emptied",
                Link.TEXT,
            ),
            Personal(
                ("note",),
                "HR's note for the manager",
                "HR tells the manager what to know.",
                AFTER_THE_END,
                "emptied",
                Link.TEXT,
            ),
            Personal(
                ("last_sign_in_at", "last_attempt_at", "refused_for"),
                "when the account was used, and which checks refused a pass",
                "An account that was used gets no pass.",
                AFTER_THE_END,
                "emptied",
            ),
            Personal(
                ("shaped_by",),
                "object ids of the HR staff who took part",
                "None of them can create the pass or approve.",
                AFTER_THE_END,
                "emptied",
                Link.OBJECT_IDS,
            ),
            Personal(
                ("stop_code_hash",),
                "a keyed hash of the starter's stop code",
                "The starter can stop everything with the code.",
                AFTER_THE_END,
                "emptied",
                is_secret=True,
            ),
            _reference("recorded_by", what="who in HR added the starter", why="This person cannot create the pass."),
        ),
        (
            "id", "public_id", "state", "version", "problem", "looked_at", "answer_event", "hr_notified_at", "start_date",
            "start_time", "time_zone", "starts_at", "calendar_sequence", "sign_in_looked_at", "sign_in_told",
            "sign_in_awaited_at", "sign_in_missed_at", "first_pass_at", "source", "recorded_at", "invited_at", "reminded_for",
            "escalated_for", "schedule", "extra_attempts", "ended_at", "erased_at", "stopped_at", "stop_code_made_at",
        ),
    ),
    TableRule(
        "onboarding.Ticket",
        "Tickets of other systems, and which starter each added.",
        "The row stays: a repeated request adds no second starter.",
        (
            Personal(
                ("account", "note"),
                "the account and the note as sent",
                "An answer repeats what was sent.",
                AFTER_THE_END,
                WITH_THE_STARTER,
                Link.ADDRESS,
            ),
            Personal(
                ("requested_by", "requested_by_id", "requested_by_name"),
                "who asked for it in the other system",
                "This person cannot create the pass.",
                AFTER_THE_END,
                WITH_THE_STARTER,
                Link.ADDRESS,
            ),
            Personal(
                ("source", "number"),
                "the number of the ticket, which the other system knows",
                "A repeated request adds no second starter.",
                "as long as the portal. It leads to a person only through the other system",
                "not erased",
                stays=_everywhere,
            ),
        ),
        (
            "id", "starter", "application_id", "start_date", "start_time", "time_zone", "created_at", "accepted_at",
            "changed_at", "last_event",
        ),
    ),
    TableRule(
        "onboarding.StarterWord",
        "Words of the names, for HR's search.",
        "Until the starter is erased.",
        (
            Personal(
                ("starter", "word"), "parts of names", "HR finds starters by name.", AFTER_THE_END, WITH_THE_ROW
            ),
        ),
        ("id",),
    ),
    TableRule(
        "onboarding.PassIssue",
        "Attempts to hand over a pass. The pass itself is never stored.",
        "The row stays.",
        (
            Personal(
                ("account_id",),
                "object id of the account",
                "The portal deletes the pass of this account.",
                AFTER_THE_END,
                WITH_THE_STARTER,
                Link.OBJECT_ID,
            ),
            Personal(
                ("methods_before",),
                "ids of earlier sign-in methods of the account",
                "A method that was there before does not show that the pass worked.",
                AFTER_THE_END,
                WITH_THE_STARTER,
            ),
            _reference("actor", what="who confirmed", why="Daily limits count passes of one manager."),
        ),
        (
            "id", "starter", "number", "state", "reason", "counted", "identity_check", "policy", "override",
            "lifetime_minutes", "intended_at", "lease_until", "method_id", "seen_before", "graph_request_id", "answered_at",
            "valid_until", "shown_at", "receipt_until", "held_at", "used_at", "first_empty_at", "revoking_at", "ended_at",
        ),
    ),
    TableRule(
        "onboarding.StepUpUsed",
        "Step-ups that were used.",
        "A day.",
        (),
        ("id", "proof", "used_at"),
    ),
    TableRule(
        "onboarding.Approval",
        "Approvals by a second person in HR.",
        "The row stays.",
        (
            Personal(
                ("occasion", "reason"),
                "what was approved (object ids of the account, manager or stand-in), and why",
                "The approval counts only for this occasion. Auditors read why.",
                AFTER_THE_END,
                WITH_THE_STARTER,
                Link.TEXT,
            ),
            _reference("by", what="who approved", why="This person cannot create the pass."),
        ),
        ("id", "starter", "why", "at", "voided_at"),
    ),
    TableRule(
        "onboarding.Turn",
        "Queue positions.",
        "Until the position lapses.",
        (
            Personal(
                ("starter", "person"),
                "which manager waits for which starter",
                "Requests are served in order of arrival.",
                "until the position lapses",
                WITH_THE_ROW,
                Link.USER,
            ),
        ),
        ("id", "asked_at", "opens_at", "lapses_at"),
    ),
    TableRule(
        "onboarding.StopCodeTries",
        "How often stop codes were entered in the last hours, by group of addresses. A group is a keyed hash of the address, "
        "one of 16,384.",
        "At most 16,384 rows, which are written again.",
        (),
        ("address_group", "last_at", "count"),
    ),
    # --- Imported lists -------------------------------------------------------------------------------------------
    TableRule(
        "onboarding.StarterImport",
        "Lists that HR imported: how the file was read, and what HR chose.",
        "7 days after the last change.",
        (
            Personal(
                ("uploaded_by",), "who imported it", "This person counts as the recorder.", A_WEEK, WITH_THE_ROW, Link.USER
            ),
            Personal(
                ("file_name", "source", "layout", "choices"),
                "the name of the file, its titles, and HR's choices",
                "HR finds the list again, and adds its rows.",
                A_WEEK,
                WITH_THE_ROW,
                Link.TEXT,
            ),
        ),
        ("id", "public_id", "uploaded_at", "touched_at", "phase", "row_count", "failures", "stopped"),
    ),
    TableRule(
        "onboarding.ImportRow",
        "The rows of these lists, and what the check found.",
        "Deleted with the list.",
        (
            Personal(
                ("cells", "values", "findings", "shown", "identity"),
                "all cells of the row: names, accounts, notes, managers",
                "HR checks the rows and adds them.",
                A_WEEK,
                WITH_THE_ROW,
                Link.TEXT,
            ),
        ),
        ("id", "starter_import", "number", "status", "question", "starter_id", "is_wanted"),
    ),
    TableRule(
        "onboarding.ImportColumns",
        "HR's choices for the columns of a kind of file. The key is a hash of the titles.",
        "As long as the portal.",
        (),
        ("id", "signature", "choices", "changed_at"),
    ),
    TableRule(
        "onboarding.SavedFilter",
        "Filters of HR's list that a person saved under a name. Search words are not saved.",
        "Until the person deletes them, or the person's row is erased.",
        (
            Personal(
                ("owner",), "who saved them", "Each person sees their own.", UNTIL_DELETED, WITH_THE_ROW, Link.USER
            ),
            Personal(
                ("name", "query"),
                "the name, and filters: a department, the object id of a manager",
                "HR opens the same list again.",
                UNTIL_DELETED,
                WITH_THE_ROW,
                Link.TEXT,
            ),
        ),
        ("id", "saved_at"),
    ),
    # --- Mails ----------------------------------------------------------------------------------------------------
    TableRule(
        "onboarding.Mail",
        "Mails, sent and unsent.",
        "The row stays. It then says which kind of mail was sent, and when.",
        (
            Personal(
                ("text", "html", "reason"),
                "what the mail says",
                "The mail is sent again if the mail server fails.",
                "7 days after it was sent, dropped or refused. An unsent mail about a starter keeps it until the starter is "
                "erased, and any other unsent mail `retention_days`",
                "emptied",
                Link.TEXT,
            ),
            Personal(
                ("to", "reader_id", "subject", "answer", "box"),
                "who the mail is for, and what it is about",
                "HR sees which mails a starter's manager got.",
                f"{AFTER_THE_END}. Digests: 7 days after sending. Mails about no starter: `retention_days` after they were "
                "written",
                "emptied; an unsent mail is dropped",
                Link.ADDRESS,
            ),
        ),
        (
            "id", "kind", "recipient", "starter", "message_id", "written_at", "sent_at", "dropped_at", "refused_at",
            "starts_at", "calendar", "calendar_sequence", "fault", "fault_at", "released_at", "digest",
        ),
    ),
    TableRule(
        "onboarding.HrMailChoice",
        "Which mails a person in HR chose.",
        "Until the person chooses no mail, or the person's row is erased.",
        (
            Personal(
                ("user",),
                "who chose",
                "The portal sends these mails.",
                UNTIL_NO_MAIL,
                WITH_THE_ROW,
                Link.USER,
            ),
            Personal(
                ("address",), "the address", "The portal sends these mails.", UNTIL_NO_MAIL, WITH_THE_ROW, Link.ADDRESS
            ),
        ),
        ("id", "choice", "chosen_at"),
    ),
    # --- People who sign in ---------------------------------------------------------------------------------------
    TableRule(
        "portal.User",
        "People who signed in.",
        "The row stays, because other rows refer to it. It then says only that a person acted.",
        (
            Personal(
                ("oid", "name", "user_principal_name"),
                "who the person is",
                "Pages and the audit log name who acted. Guards tell people apart.",
                f"{AFTER_THE_LAST_SIGN_IN}: no starter that is not erased yet, no policy that is in force or was in the last "
                "`audit_days`, no draft that waits",
                "replaced",
                Link.ADDRESS,
                stays=needed_people,
            ),
            Personal(
                ("roles", "last_login", "last_admin_at", "sessions_ended_at"),
                "roles, the last sign-in, and when the person was last an admin",
                "Roles decide what a person can do. A recent admin cannot create a pass.",
                AFTER_THE_LAST_SIGN_IN,
                "emptied",
                stays=needed_people,
            ),
        ),
        ("id", "tid"),
    ),
    TableRule(
        "portal.SignIn",
        "Sign-ins that somebody has finished, so that the same answer does not work twice.",
        "Ten minutes; then the next sign-in or retention deletes it.",
        (
            Personal(
                ("browser_hash", "flow", "next_path", "made_for"),
                "the browser (a hash), and where it goes next",
                "Only the browser that began a sign-in can finish it.",
                "ten minutes",
                WITH_THE_ROW,
                is_secret=True,
            ),
            Personal(
                ("expected_oid",),
                "for a repeated sign-in, who must sign in",
                "Nobody else can continue in this session.",
                "ten minutes",
                WITH_THE_ROW,
                Link.OBJECT_ID,
            ),
        ),
        ("id", "state_hash", "purpose", "context", "created_at"),
    ),
    TableRule(
        "portal.EntraSession",
        "Which session began in which session of Entra.",
        "Until the session ends.",
        (
            Personal(
                ("session", "sid_hash"),
                "a hash of the token's `sid`",
                "Entra can end the session.",
                "until the session ends",
                WITH_THE_ROW,
                is_secret=True,
            ),
        ),
    ),
    TableRule(
        "sessions.Session",
        "Sessions.",
        "Eight hours at most; retention deletes expired ones once a day.",
        (
            Personal(
                ("session_key", "session_data"),
                "who is signed in, since when, with which browser and system, from which network address, and when Entra "
                "last confirmed it",
                "A person stays signed in, and sees where.",
                "until the session ends: [sessions](../explanation/sessions.md)",
                WITH_THE_ROW,
                is_secret=True,
            ),
        ),
        ("expire_date",),
    ),
    TableRule(
        "portal.ClaimsSeen",
        "Names of the optional claims in the last token.",
        "One row.",
        (),
        ("id", "names", "at"),
    ),
    # --- The audit log --------------------------------------------------------------------------------------------
    TableRule(
        "onboarding.AuditEvent",
        "The audit log. Of personal values it has only salted hashes (commitments).",
        "As long as the portal.",
        (),
        ("seq", "at", "event", "starter", "issue", "facts", "commitments", "previous", "hash"),
    ),
    TableRule(
        "onboarding.AuditDetail",
        "The personal values of events.",
        "The row stays, emptied. An event says so.",
        (
            Personal(
                ("values",),
                "who did it, for whom, and reasons; what auditors and admins searched for",
                "Everything that happened can be read afterwards.",
                "`audit_days` after the end of the onboarding; without a starter, `audit_days` after the event. Events of a "
                "policy version: `audit_days` after it was last in force",
                f"emptied; {THE_CHAIN_STAYS}",
                Link.TEXT,
                stays=lambda: Q(event__in=find_needed_policy_events()),
            ),
        ),
        ("event", "salt"),
    ),
    TableRule(
        "onboarding.AuditWord",
        "Words of the names of erased starters, for the auditors' search.",
        "Until the details are erased.",
        (
            Personal(
                ("starter", "word"),
                "parts of names",
                "Auditors find the events of a starter by name.",
                "`audit_days` after the end of the onboarding",
                WITH_THE_ROW,
            ),
        ),
        ("id",),
    ),
    TableRule("onboarding.AuditHead", "The end of the audit chain.", "One row.", (), ("id", "seq", "hash", "key")),
    TableRule(
        "onboarding.AuditKey",
        "The keys of the codes below, encrypted under `SECRET_KEY`.",
        "As long as the portal.",
        (),
        ("name", "sealed"),
    ),
    TableRule(
        "onboarding.AuditCode",
        "A code for each event, which only the portal can make. Of who acted it has only keyed hashes: they answer whether "
        "somebody did it, and only to who has `SECRET_KEY`.",
        "As long as the portal.",
        (),
        ("event", "key", "people", "code"),
    ),
    TableRule(
        "onboarding.AuditOutlet",
        "How far the audit log was sent to each place outside the database.",
        "One row per place.",
        (),
        ("name", "seq", "sent_at", "error"),
    ),
    TableRule(
        "onboarding.AuditCheck",
        "The result of the last `verify_audit`: when, up to which event, and its first problems.",
        "One row.",
        (),
        ("id", "finished_at", "seq", "problems", "lines"),
    ),
    TableRule(
        "onboarding.DirectoryLog",
        "How far Entra's audit log was read.",
        "One row.",
        (),
        ("id", "complete_until", "window_start", "window_end", "next_token", "read_at", "refused_at"),
    ),
    TableRule(
        "onboarding.LoggedPass",
        "Passes in Entra's audit log that were compared.",
        "90 days.",
        (),
        ("entry_id", "at", "by_portal", "issue", "probe"),
    ),
    TableRule(
        "onboarding.DirectoryFinding",
        "Passes on which Entra's audit log and the portal's differ.",
        "90 days after an admin closed it.",
        (_reference("closed_by", what="who closed it", why="Auditors read who closed it."),),
        ("id", "key", "kind", "at", "found_at", "event", "starter", "closed_at"),
    ),
    TableRule(
        "onboarding.ProbePass",
        "Probe passes, which `manage.py prove_tenant` created for a test account and deleted.",
        "90 days after Microsoft's list no longer showed the pass.",
        (
            Personal(
                ("account_id",),
                "object id of the test account",
                "The worker deletes a pass that the command left behind.",
                "90 days after Microsoft's list no longer showed the pass",
                WITH_THE_ROW,
                Link.OBJECT_ID,
            ),
        ),
        (
            "id", "check_name", "lifetime_minutes", "policy", "intended_at", "lease_until", "seen_before", "answer",
            "method_id", "listed_seconds", "answered_at", "ended_at",
        ),
    ),
    TableRule(
        "onboarding.HireListing",
        "How far the accounts with a hire date were read.",
        "One row.",
        (),
        ("id", "first_day", "last_day", "next_token", "read_at"),
    ),
    # --- The policy -----------------------------------------------------------------------------------------------
    TableRule(
        "onboarding.PolicyVersion",
        "The policy, each version.",
        "As long as the portal: triggers refuse every change.",
        (
            _reference("created_by", what="who wrote it", why="The author cannot create passes, nor activate it."),
            Personal(
                ("reason", *sorted(REDACTED_SETTINGS)),
                "why it was written, addresses of teams, and object ids of test accounts and of accounts that never get a pass",
                "Each pass names the version under which it was created, and every version can be read again.",
                "as long as the portal",
                "not erased",
                stays=_everywhere,
            ),
        ),
        (
            *(f.name for f in PolicySettings._meta.local_fields if f.name not in REDACTED_SETTINGS),
            "number", "created_at", "department", "overrides", "needs_second",
        ),
    ),
    TableRule(
        "onboarding.PolicyActivation",
        "Who activated a version, and from when it is in force.",
        "As long as the portal.",
        (_reference("by", what="who activated it", why="Nobody activates a version of their own."),),
        ("id", "version", "at", "in_force_at"),
    ),
    TableRule(
        "onboarding.PolicyStop",
        "Versions that were stopped before they came into force.",
        "As long as the portal.",
        (_reference("by", what="who stopped it", why="Auditors read who stopped it."),),
        ("id", "activation", "at"),
    ),
    # --- Other systems --------------------------------------------------------------------------------------------
    TableRule(
        "onboarding.ApiUsage",
        "How much of the daily limits each application and each person has used: look-ups and changes by the API, HR's "
        "look-ups, links sent again, refused requests.",
        "Two days.",
        (
            Personal(
                ("caller",),
                "client id of the application, or object id of the person",
                "Limits per day.",
                "two days",
                WITH_THE_ROW,
                Link.OBJECT_ID,
            ),
        ),
        ("id", "day", "count", "look_ups", "links", "refusals"),
    ),
    TableRule(
        "onboarding.Hook",
        "Webhooks: which host gets events of which system. The address and the secret are encrypted.",
        "30 days after the webhook ended. The address and the secret until it ends.",
        (),
        (
            "id", "public_id", "source", "application_id", "host", "format", "events", "sealed_url", "sealed_secret",
            "created_at", "ended_at", "ended_by", "failures", "paused_until",
        ),
    ),
    TableRule(
        "onboarding.HookDelivery",
        "Events that were or will be sent to a webhook: source, state, codes and times.",
        "30 days after it was delivered or given up.",
        (
            Personal(
                ("body",),
                "the number of the ticket, and what is in the way of a pass",
                "The event is sent again if the receiver does not answer.",
                "7 days after it was delivered or given up",
                "emptied",
            ),
        ),
        (
            "id", "message_id", "hook", "starter", "event", "created_at", "status", "tries", "next_try_at", "give_up_at",
            "http_status", "error", "ended_at",
        ),
    ),
    # --- Machinery ------------------------------------------------------------------------------------------------
    TableRule(
        "onboarding.Job",
        "Background jobs. A key names a row by its number, never a person.",
        "7 days after it is done; a failed one 30 days. A failed check of an account stays, because the portal tries it again.",
        (
            Personal(
                ("last_error",),
                "the last error, which may quote an answer",
                "IT finds the cause.",
                "until the job succeeds; of a failed job 30 days",
                "emptied, or the row is deleted",
                Link.TEXT,
            ),
        ),
        ("id", "key", "priority", "due_at", "attempts", "locked_until", "claim", "done_at", "failed_at"),
    ),
    TableRule(
        "onboarding.Heartbeat",
        "When each worker last reported.",
        "One row per worker.",
        (),
        ("id", "worker", "beat_at", "clock_skew"),
    ),
    TableRule(
        "onboarding.MetricCount",
        "How often something happened, such as calls to Microsoft, for monitoring.",
        "One row per kind and result. No row is about a person.",
        (),
        ("series", "value"),
    ),
    TableRule(
        "onboarding.GraphBudget",
        "Recent calls in Graph's quota.",
        "One row.",
        (),
        ("id", "recent", "on_their_way", "paused_until"),
    ),
    TableRule(
        "onboarding.SignInBudget",
        "Recent readings of sign-in activity.",
        "One row.",
        (),
        ("id", "recent", "on_their_way", "paused_until", "lists_refused_until"),
    ),
    TableRule(
        "onboarding.Installation",
        "Which portal the database belongs to.",
        "One row.",
        (),
        (
            "id", "tenant_id", "address", "since", "database_id", "database_address", "suspended", "adopted_at",
        ),
    ),
    # --- Django's own, into which the portal writes nothing personal ----------------------------------------------
    TableRule(
        "admin.LogEntry",
        "Django's log of the administration. The portal writes nothing into it: the audit log has these changes.",
        "No rows.",
        (),
        ("id", "action_time", "user", "content_type", "object_id", "object_repr", "action_flag", "change_message"),
    ),
    TableRule(
        "auth.Permission",
        "Names of rights, from migrations.",
        "As long as the portal.",
        (),
        ("id", "name", "content_type", "codename"),
    ),
    TableRule("auth.Group", "Groups. The portal has none: roles come from Entra.", "No rows.", (), ("id", "name")),
    TableRule("auth.Group_permissions", "Rights of groups.", "No rows.", (), ("id", "group", "permission")),
    TableRule("contenttypes.ContentType", "Names of the tables.", "As long as the portal.", (), ("id", "app_label", "model")),
)  # fmt: skip
