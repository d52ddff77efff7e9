"""HR's page of one starter: facts, next step, passes, history and emails."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from onboarding import audit, lifecycle
from onboarding.history.event_words import EVENTS
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.passes.cancellation import cancel_pass
from onboarding.starters import withdrawal
from tests.conftest import BY_KEY
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def page_of(browser, starter):
    response = browser.get(f"/hr/{starter.public_id}/")
    assert response.status_code == 200
    return response.content.decode()


def text_under(page, title):
    """The words under one heading."""
    part = page.split(f"<h2>{title}</h2>")[1].split("</section>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def entries_under(page, title="History"):
    """The entries under one heading, from the top."""
    part = page.split(f"<h2>{title}</h2>")[1].split("</section>")[0]
    return [
        " ".join(html.unescape(re.sub(r"<[^>]+>", " ", item)).split())
        for item in re.findall(r"<li>(.*?)</li>", part, re.S)
    ]


# --- Facts and what happens next ----------------------------------------------------------------------------------------


def test_the_facts_are_those_of_the_directory_and_of_hr(browser_of, record):
    starter = record("noor")
    Starter.objects.update(note="Second floor\nuse the <stairs>")

    facts = text_under(page_of(browser_of("henry"), starter), "Details")

    for fact in ("Service designer", "Service design", "Maria Lindqvist", "noor.devries@contoso.example"):
        assert fact in facts
    assert starter.start_words in facts and "(Europe/Amsterdam)" in facts
    assert "Second floor use the <stairs>" in facts
    assert "by Hanna Reuter" in facts


@pytest.mark.parametrize(
    ("state", "next_step"),
    [
        ("recorded", "The manager will get the link on"),
        ("invited", "The manager or stand-in can create the pass from"),
        ("issued", "The starter signs in with the pass"),
        ("registered", "Nothing. The starter can sign in."),
        ("withdrawn", "Nothing. HR or another system withdrew the starter."),
    ],
)
def test_page_describes_the_next_step(browser_of, record, state, next_step):
    starter = record("noor", starts_in=timedelta(days=9))
    Starter.objects.update(state=state)

    assert next_step in html.unescape(page_of(browser_of("hanna"), starter))


def test_times_of_the_window_are_those_of_the_starter(browser_of, record):
    starter = record("noor", starts_in=timedelta(days=9))
    Starter.objects.update(state="invited", time_zone="Asia/Tokyo")
    starter = Starter.objects.get()
    starter.save()

    opens = starter.start_local - timedelta(hours=2)

    assert f"from {opens:%A} {opens.day} {opens:%B, %H:%M} to" in page_of(browser_of("hanna"), starter)


def test_the_managers_address_is_there_to_copy(browser_of, record):
    starter = record("noor")

    page = page_of(browser_of("hanna"), starter)

    assert f"/starters/{starter.public_id}/</code>" in page


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("recorded", {"send", "edit", "withdraw", "account"}),
        ("invited", {"send", "edit", "withdraw", "account"}),
        ("issued", {"withdraw"}),
        ("registered", set()),
        ("withdrawn", {"bring-back"}),
    ],
)
def test_only_what_can_be_done_is_offered(browser_of, record, state, offered):
    starter = record("noor")
    Starter.objects.update(state=state)

    page = page_of(browser_of("hanna"), starter)

    names = ("send", "edit", "withdraw", "allow", "take-back", "accept", "account", "bring-back")
    assert {name for name in names if f"/hr/{starter.public_id}/{name}/" in page} == offered


def test_taking_back_is_offered_while_a_pass_is_out(browser_of, held):
    starter = held("noor").starter

    assert f"/hr/{starter.public_id}/take-back/" in page_of(browser_of("hanna"), starter)


# --- History ------------------------------------------------------------------------------------------------------------


def test_history_describes_the_first_day_newest_first(browser_of, held):
    starter = held("noor").starter

    entries = entries_under(page_of(browser_of("hanna"), starter))

    told = [entry.rsplit(" · ", 1) for entry in entries]
    assert [(re.sub(r" \d+ \w+ \d{4}, .*", "", what), who) for what, who in told] == [
        ("The page confirmed that the pass arrived", "Maria Lindqvist"),
        ("A pass was created", "The portal"),
        ("The portal sent the pass to the page that requested it", "Maria Lindqvist"),
        ("Identity confirmed and pass requested", "Maria Lindqvist"),
        ("The portal queued the email with the link", "Hanna Reuter"),
        ("Added", "Hanna Reuter"),
    ]


def test_every_history_entry_has_a_time(browser_of, record, time_machine):
    time_machine.move_to(datetime.fromisoformat("2026-07-01T22:30:00+00:00"), tick=False)
    starter = record("noor")

    entry = entries_under(page_of(browser_of("hanna"), starter))[0]

    assert "2 Jul 2026, 00:30" in entry  # in the zone of the organisation


def test_history_describes_a_refusal_in_words_without_codes(browser_of, invite, confirmation, tenant):
    starter = invite("passkey")
    outcome_of(confirmation(starter))

    entry = entries_under(page_of(browser_of("hanna"), starter))[0]

    assert "No pass was created. The account already has a sign-in method" in entry
    assert "no_own_method" not in entry


def test_history_names_an_account_that_could_not_be_checked(browser_of, invite, confirmation, tenant):
    starter = invite("noor")
    tenant.tenant.faults.add([{"path": r"/\$batch", "status": 403}])
    outcome_of(confirmation(starter))

    assert (
        "The portal could not check the account." in entries_under(page_of(browser_of("hanna"), starter))[0]
    )


def test_history_shows_why_a_pass_was_cancelled(browser_of, held, run_jobs):
    issue = held("noor")
    cancel_pass(issue, reason=PassIssue.Reason.LOST, by=issue.actor)
    run_jobs()

    entries = entries_under(page_of(browser_of("hanna"), issue.starter))

    assert any(
        ("The pass is being cancelled: the manager or stand-in cancelled the pass") in entry
        for entry in entries
    )
    assert "A new pass is needed: the manager or stand-in cancelled the pass" in entries[0]


def test_every_event_that_the_portal_writes_has_words():
    """A new event needs a text for HR."""
    states = {f"issue.{state}" for state in lifecycle.IssueState} - {"issue.issuing"}
    ends = {"starter.registered", "starter.withdrawn", "starter.opened_again", "starter.invited"}
    ends |= {"starter.stop_kept"}

    assert states | ends <= set(EVENTS)
    assert not [event for event, told in EVENTS.items() if "_" in told or "." in told]


def test_an_event_of_tomorrow_is_still_shown(browser_of, record):
    starter = record("noor")
    with audit.transaction():
        audit.record("starter.something_new", starter=starter)

    assert "starter.something_new" in entries_under(page_of(browser_of("hanna"), starter))[0]


def test_nothing_in_the_history_can_write_on_the_page(browser_of, record, person):
    starter = record("noor")
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="<script>alert(1)</script>")

    page = page_of(browser_of("hanna"), starter)

    assert "<script>alert" not in page
    assert "Withdrawn: <script>alert(1)</script>" in entries_under(page)[0]


def test_history_holds_no_events_of_another_starter(browser_of, record, person):
    noor, liam = record("noor"), record("liam")
    withdrawal.withdraw_starter(starter=liam, by=person("hanna"), reason="Liam has left")

    assert len(entries_under(page_of(browser_of("hanna"), noor))) == 1
    assert AuditEvent.objects.count() == 3


# --- Passes and mails ---------------------------------------------------------------------------------------------------


def test_every_attempt_is_listed_with_what_became_of_it(browser_of, held, run_jobs, confirmation, settings):
    settings.GRAPH_BUDGET_CALLS = 1000
    issue = held("noor")
    cancel_pass(issue, reason=PassIssue.Reason.NOT_SEEN, by=issue.actor)
    run_jobs()
    outcome_of(confirmation(issue.starter, identity_check="by_video"))

    passes = text_under(page_of(browser_of("hanna"), issue.starter), "Passes")

    second, first = passes.index("By video call"), passes.index("In person")
    assert second < first
    assert (
        "Cancelled: the manager or stand-in did not see the pass. In person, with an identity document."
        in passes
    )
    assert "Shown. By video call, with an identity document." in passes


def test_no_pass_is_ever_on_the_page(browser_of, shown):
    outcome = shown("noor")
    code = outcome.code.reveal()

    page = page_of(browser_of("hanna"), outcome.issue.starter)

    assert code not in page and outcome.issue.method_id not in page


def test_mails_are_listed_with_whether_they_went(browser_of, invite, run_jobs):
    starter, hanna = invite("noor"), browser_of("hanna")
    before = entries_under(page_of(hanna, starter), "Emails")
    run_jobs()

    after = entries_under(page_of(hanna, starter), "Emails")

    assert (
        before[0].startswith("Help Noor de Vries sign in on the first day (")
        and "(not sent yet)" in before[0]
    )
    assert after[0].startswith("Help Noor de Vries sign in on the first day (") and "(sent)" in after[0]
    assert "to maria.lindqvist@contoso.example" in after[0]


def test_new_starter_has_no_history_of_passes(browser_of, record):
    page = page_of(browser_of("hanna"), record("noor"))

    assert "No emails yet." in text_under(page, "Emails")
    assert "<h2>Passes</h2>" not in page


# --- Who, and without effect ----------------------------------------------------------------------------------------------


def test_reading_the_page_makes_no_call_and_changes_nothing(browser_of, invite, tenant):
    starter = invite("noor")
    before = Starter.objects.values().get(), AuditEvent.objects.count()
    tenant.tenant.requests.clear()

    page_of(browser_of("hanna"), starter)

    assert (Starter.objects.values().get(), AuditEvent.objects.count()) == before
    assert not tenant.tenant.requests


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_the_page_is_for_hr_alone(browser_of, record, key):
    starter = record("noor")

    response = browser_of(key).get(f"/hr/{starter.public_id}/")

    assert response.status_code == 403
    assert BY_KEY["noor"].name not in response.content.decode()


@pytest.mark.parametrize("public_id", ["nobody", "AAAAAAAAAAAAAAAAAAAAAA", "1", "..", "%27"])
def test_a_starter_that_does_not_exist_is_not_found(browser_of, record, public_id):
    record("noor")

    assert browser_of("hanna").get(f"/hr/{public_id}/").status_code == 404


def test_the_number_of_a_starter_opens_nothing(browser_of, record):
    starter = record("noor")

    assert browser_of("hanna").get(f"/hr/{starter.pk}/").status_code == 404


def test_every_event_that_is_ever_written_has_words():
    """Find the events in the code: every recorded event needs a text for HR."""
    written = set()
    for path in Path(settings.BASE_DIR, "onboarding").rglob("*.py"):
        for name in re.findall(r'"((?:starter|issue)\.[a-z_]+)"', path.read_text()):
            written.add(name)
    written |= {f"issue.{state}" for state in ("rejected", "unknown", "void", "revoked", "closed")}

    assert len(written) > 20
    assert written <= set(EVENTS)
