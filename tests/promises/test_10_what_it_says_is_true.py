"""Promise 10: what the portal says is true. A text claims an action only if the action is on record.

Every text that claims that something was sent, cancelled or deleted is listed here with its proof: the label of a stored
state or event, a function that reads the stored fact, or a mail that is written with its event. A new claim without a
proof fails this test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polib
import pytest
from django.apps import apps
from django.conf import settings
from django.utils import translation

from onboarding.history.event_words import EVENTS
from onboarding.hooks import events
from onboarding.hr import labels
from onboarding.managers import page_state
from onboarding.models import AuditEvent, Mail

TOP = Path(settings.BASE_DIR)
DONE = r"(?:told|notified|informed|mailed|sent|cancelled|deleted|removed|taken back|withdrawn|invited|written to)"
CLAIM = re.compile(
    rf"\b(?:was|were|has been|have been|had been|(?:is|are) being)\s+(?:also |already |now |not )?{DONE}\b"
    rf"|\b(?:has|have) (?:told|notified|written to|stopped|cancelled|deleted|removed|withdrawn|sent)\b|^{DONE}\b"
    rf"|\bthe portal {DONE}\b|\bthe portal is (?:deleting|cancelling|withdrawing)\b",
    re.IGNORECASE,
)

# A text, the function with the text, and the stored fact that this function reads.
BY_FUNCTION = {
    "HR was notified on %(moment)s.": ("onboarding/managers/page_state.py", "_hr_notified_line", "hr_notified_at"),
    "HR has been notified.": ("onboarding/managers/page_state.py", "_describe_last_pass", "_hr_was_notified"),
    "The pass was deleted. The manager or stand-in can create another one with the same link.": (
        "onboarding/hr/attention.py", "_action_for_unconfirmed", "last.state",
    ),
    "This starter has been withdrawn": ("onboarding/managers/page_state.py", "_state_when_over", "WITHDRAWN"),
    "The pass is being cancelled": ("onboarding/managers/page_state.py", "_state_of_issue", "issue.state"),
    "Do not use this pass. The portal is deleting it. When it is gone, this page shows what you can do.": (
        "onboarding/managers/page_state.py", "_state_of_issue", "issue.state",
    ),
    "Do not use the pass. The portal is deleting it.": (
        "onboarding/managers/pass_progress.py", "_progress_cancelled", "issue.state",
    ),
    "The pass was cancelled": ("onboarding/managers/pass_progress.py", "_progress_cancelled", "issue.state"),
    "no email was sent": ("onboarding/hr/mail_log.py", "link_status", "starter.mails"),
    "sent as part of a digest email": ("onboarding/hr/mail_log.py", "_delivery_status", "mail.sent_at"),
    "sent": ("onboarding/hr/mail_log.py", "_delivery_status", "mail.sent_at"),
    "The link was sent at %(time)s. You can send it again ten minutes later.": (
        "onboarding/hr/views/feedback.py", "describe_recent_link", "sent_at",
    ),
    # The result of a service that returned without an error. Its event is in the same transaction.
    "No email was sent, because the manager or stand-in has no mailbox.": (
        "onboarding/hr/views/actions.py", "send_link", "invitations.send_link",
    ),
    "The pass is being cancelled. It may still work until the portal has deleted it.": (
        "onboarding/hr/views/actions.py", "cancel_pass", "cancellation.cancel_pass",
    ),
    "The portal is deleting %(count)s pass that nobody had seen yet.": (
        "portal/admin.py", "describe_end", "passes",
    ),
    "The portal is deleting %(count)s pass that you had just created, because no page had confirmed that "
    "it showed the pass.": (
        "portal/own_sessions/views.py", "describe_end", "passes",
    ),
    "The saved filter “%(name)s” was deleted.": ("onboarding/hr/lists/saved.py", "delete_filter", "saved.delete"),
    "The starter has been withdrawn.": ("onboarding/hr/views/editing.py", "withdraw_starter", "withdraw_starter"),
    "Withdrawn.": ("onboarding/hr/views/bulk_actions.py", "_withdraw_all", "withdraw_starter"),
    "The link was not sent. %(why)s.": ("onboarding/starters/errors.py", "LinkNotSent", "problem"),
}  # fmt: skip

# Texts about a pass that was not shown, by the reason in its row.
BY_REASON = {str(text) for text in page_state._WHY_FAILED.values()}

# Texts of mails, and the function that writes each. A mail is written in the transaction of its event.
BY_MAIL = {
    "emails/account_replaced": "write_account_replaced",
    "emails/not_asked": "write_not_asked",
    "emails/withdrawn": "write_withdrawal",
    "emails/refused": "_write_refusal_to_hr",
    "emails/registered": "write_registered",
    "emails/escalation": "write_escalation",
    "emails/sessions_ended": "write_sessions_ended",
}

# Texts that claim no action of the portal, and why.
NO_CLAIM = {
    "An earlier request created a pass after all. The portal is deleting that pass. This page updates "
    "automatically.": ("the hand-over refuses with this code only after it has queued the deletion"),
    "Check in Entra whether someone has deleted the object.": "a question",
    "Ask IT whether the account was deleted by mistake. If there is a new account, choose it.": "a question",
    "no worker has sent one": "shown where no place outside has the time of one",
    "sent in digest": "the name of a column",
    "Sent by %(portal_host)s. We never ask for a password or a pass by email. Questions? Ask %(support_contact)s.": "itself",
    "The manager was already invited. If you change the account, the portal will email this manager that "
    "the link is no longer needed. The new account’s manager will get a link when the invitation is due.": (
        "shown where `was_invited`; the rest is what saving does"
    ),
    "The link was not sent, because you have reached the daily limit for sending links again. Continue tomorrow, or "
    "ask an admin to raise the limit.": "raised before the email is written",
    (
        "The link was not sent, because today’s limit for this starter’s link has been reached. You can send "
        "the link again tomorrow."
    ): ("raised before the email is written, by the number of emails"),
    "No pass was created, and the existing pass was not deleted.": "the request never left the browser",
    "The sign-in was cancelled.": "the person's own action",
    "withdrawn": "a number of starters, counted by their state",
    "The sign-in was cancelled. You are still signed in to the portal.": "the person's own action",
}


def labels_of_stored_values() -> set[str]:
    """The labels of states, reasons and events. Each is shown only with a row that has it."""
    with translation.override("en"):
        found = {str(text) for text in EVENTS.values()} | {
            str(text) for text in labels.ISSUE_IN_PROGRESS.values()
        }
        found |= {str(text) for text in events.TITLES.values()}  # sent only with the audit event of that name
        for name in ("onboarding", "portal"):
            for model in apps.get_app_config(name).get_models():
                for field in model._meta.get_fields():
                    found |= {str(label) for _, label in getattr(field, "flatchoices", None) or ()}
    return found


def claims() -> Iterator[polib.POEntry]:
    words = polib.pofile(str(TOP / "locale/de/LC_MESSAGES/django.po"))
    for entry in words:
        texts = [entry.msgid, entry.msgid_plural] if entry.msgid_plural else [entry.msgid]
        if not entry.obsolete and any(CLAIM.search(text) for text in texts):
            yield entry


def is_proven(entry: polib.POEntry) -> bool:
    text = entry.msgid
    in_mails = [place.removeprefix("templates/").partition(".")[0] for place, _ in entry.occurrences]
    return (
        text in labels_of_stored_values()
        or text in BY_FUNCTION
        or text in BY_REASON
        or text in NO_CLAIM
        or (bool(in_mails) and all(place in BY_MAIL for place in in_mails))
    )


def test_every_claim_of_an_action_has_a_proof():
    found = list(claims())

    assert len(found) > 30
    assert [entry.msgid for entry in found if not is_proven(entry)] == []


def test_each_proof_belongs_to_an_existing_text():
    known = {entry.msgid for entry in claims()}

    assert {*BY_FUNCTION, *NO_CLAIM} - known == set()


@pytest.mark.parametrize("text", BY_FUNCTION)
def test_the_function_with_the_claim_reads_the_stored_fact(text):
    path, name, fact = BY_FUNCTION[text]
    source = (TOP / path).read_text()

    (function,) = (
        ast.get_source_segment(source, node) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
    )
    constants = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    assert text in constants
    assert text in function.replace('"\n', '"') or any(
        text == node.value
        for node in ast.walk(ast.parse(function.lstrip()))
        if isinstance(node, ast.Constant)
    )
    assert fact in function


@pytest.mark.parametrize("function", BY_MAIL.values())
def test_the_function_that_writes_the_mail_exists(function):
    assert f"def {function}(" in (TOP / "onboarding/mail/notifications.py").read_text()


# --- In the running portal ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_no_page_claims_a_mail_before_it_is_written(invite, browser_of, tenant, run_jobs):
    """The account is disabled after the invitation. The manager's page shows only what is on record."""
    starter = invite("noor")
    tenant.tenant.accounts["noor"].properties["accountEnabled"] = False
    maria = browser_of("maria")

    before = maria.get(f"/starters/{starter.public_id}/").content.decode()
    written = Mail.objects.filter(starter=starter, recipient=Mail.Reader.HR, kind="refused")
    assert not written.exists()
    assert "HR was notified" not in before
    run_jobs(ahead=timedelta(minutes=20))
    browser = browser_of("maria")
    after = browser.get(f"/starters/{starter.public_id}/").content.decode()

    assert written.count() == 1
    assert "HR was notified on" in after


@pytest.mark.django_db
def test_the_history_shows_only_audited_events(invite, browser_of):
    starter = invite("noor")
    page = browser_of("hanna").get(f"/hr/{starter.public_id}/").content.decode()

    recorded = set(AuditEvent.objects.filter(starter=starter.public_id).values_list("event", flat=True))
    shown = {event for event, text in EVENTS.items() if f">{text}<" in page}
    assert shown
    assert shown <= recorded
