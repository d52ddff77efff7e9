"""Each mail to a manager has the link "That was not me", and its page shows a reader nothing that their mail did not say."""

from __future__ import annotations

import html
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings as project
from django.utils import timezone

from onboarding import graph
from onboarding.mail import digest, notifications
from onboarding.models import AuditEvent, Mail, PassIssue, Starter
from onboarding.passes import handover
from onboarding.starters import accounts
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from tests.conftest import BY_KEY, live_passes

pytestmark = pytest.mark.django_db
LIAM = BY_KEY["liam"]
# Which function writes each kind of mail that can go to a manager, stand-in, former one or the manager's manager.
WRITERS = {
    "invitation": lambda starter: notifications.write_invitation(starter, number=9),
    "reminder": notifications.write_reminder,
    "reminder_ahead": notifications.write_early_reminder,
    "moved": notifications.write_start_moved,
    "withdrawn": notifications.write_withdrawal,
    "account_replaced": notifications.write_account_replaced,
    "registered": notifications.write_registered,
    "not_asked": lambda starter: notifications.write_not_asked(
        starter, to=starter.manager_mail, reader_id=starter.manager_id
    ),
    "escalation": lambda starter: notifications.write_escalation(
        starter, SimpleNamespace(mail="ceo@contoso.example", object_id=BY_KEY["ceo"].object_id)
    ),
    "taken_back": lambda starter: notifications.write_pass_cancelled(starter.issues.get()),
}
DIGESTS = {"digest"}  # made of these mails, with a link each
# To HR, security, admins or, about no starter, to the person themselves.
OTHERS = {
    "account_found", "directory_alarm", "erasure", "hr_digest", "policy_changed", "policy_draft", "problem", "refused",
    "sessions_ended", "stopped", "unexpected",
}  # fmt: skip


@pytest.fixture(autouse=True)
def addresses(settings):
    settings.SECURITY_ADDRESS, settings.HR_ADDRESS = "security@contoso.example", "hr@contoso.example"
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000


def page(starter):
    return f"/starters/not-me/{starter.public_id}/"


def now_of(starter):
    return Starter.objects.select_related("recorded_by").get(pk=starter.pk)


def words_of(answer):
    assert answer.status_code == 200
    return " ".join(html.unescape(answer.content.decode()).split())


# --- Each mail ----------------------------------------------------------------------------------------------------------


def test_every_kind_of_mail_is_named_here():
    folder = Path(project.BASE_DIR) / "templates" / "emails"
    kinds = {path.name.removesuffix(".subject.txt") for path in folder.glob("*.subject.txt")}

    assert kinds == {*WRITERS, *DIGESTS, *OTHERS}


@pytest.mark.parametrize("kind", WRITERS)
def test_each_mail_to_a_manager_has_a_link_that_works(kind, held, browser_of):
    starter = held("noor").starter
    Mail.objects.all().delete()

    WRITERS[kind](starter)

    (mail,) = Mail.objects.filter(kind=kind, starter=starter, recipient__in=Mail.TO_MANAGERS)
    assert page(starter) in mail.text and page(starter) in mail.html
    reader = next(person.key for person in BY_KEY.values() if person.object_id == mail.reader_id)
    assert "Stop everything" in words_of(browser_of(reader).get(page(starter)))


def test_a_digest_has_a_link_for_each_starter(invite):
    starters = [invite(key) for key in ("noor", "liam")]
    Mail.objects.all().delete()
    for starter in starters:
        notifications.write_invitation(starter, number=9)

    whole = digest.render_digest(list(Mail.objects.select_related("starter")))

    for starter in starters:
        assert page(starter) in whole["text"] and page(starter) in whole["html"]


# --- After HR chose another account -------------------------------------------------------------------------------------


@pytest.fixture
def replaced(invite, person, tenant, run_jobs):
    """Maria got the link for Noor. Then HR chose Liam's account, whose manager is Tom, and Tom got the link."""
    starter = invite("noor")
    run_jobs()
    tenant.tenant.accounts["liam"].manager = "tom"
    found = FoundAccount(*graph.client().look_up(LIAM.object_id))
    entry = AccountEntry.from_look_up(found, typed="")
    accounts.replace_account(starter=now_of(starter), entry=entry, by=person("hanna"), acknowledged_ids=())
    run_jobs()
    return now_of(starter)


def test_former_managers_learn_nothing_new(replaced, browser_of):
    maria, tom = browser_of("maria"), browser_of("tom")
    told = Mail.objects.get(kind="account_replaced")
    assert page(replaced) in told.text and "Liam" not in told.text + told.html

    before = maria.get(page(replaced))
    new = ("Liam", LIAM.user_principal_name, "Tom", replaced.start_words, str(replaced.start_date), "Noor")
    assert [text for text in new if text in words_of(before)] == []
    assert "Stop everything" in words_of(before) and "Liam" in words_of(tom.get(page(replaced)))
    tom.post(page(replaced))
    # Others' stop is also something new.
    unchanged = maria.get(page(replaced))
    assert "Stop everything" in words_of(unchanged) and "is in force" not in words_of(unchanged)

    maria.post(page(replaced))

    after = words_of(maria.get(page(replaced)))
    assert "An emergency stop is in force" in after and [text for text in new if text in after] == []
    assert AuditEvent.objects.filter(starter=replaced.public_id, event="starter.stopped").count() == 1


def test_the_former_managers_button_stops_everything(replaced, tenant, confirmation, browser_of, run_jobs):
    handover.confirm(confirmation(replaced, by="tom")).code.wipe()
    assert len(live_passes(tenant, "liam")) == 1

    answer = browser_of("maria").post(page(replaced))
    run_jobs()

    assert answer.status_code == 302 and live_passes(tenant, "liam") == []
    assert now_of(replaced).problem == Starter.Problem.STOPPED
    event = AuditEvent.objects.select_related("detail").get(event="starter.stopped")
    assert event.facts["way"] == "former_mail" and event.detail.values["by_name"] == "Maria Lindqvist"
    mails = Mail.objects.filter(kind="stopped")
    assert set(mails.values_list("recipient", flat=True)) == {"hr", "security"}
    for mail in mails:
        assert (
            "Maria Lindqvist used the emergency stop (“That was not me”) from an email about the account that HR had first"
            in mail.text
        )
    assert PassIssue.objects.get().state == "revoked"  # the evidence stays


def test_others_do_not_find_the_page_after_the_change(replaced, browser_of, time_machine):
    assert browser_of("ceo").get(page(replaced)).status_code == 404
    time_machine.move_to(timezone.now() + timedelta(days=31))
    assert browser_of("maria").get(page(replaced)).status_code == 404
    assert browser_of("maria").post(page(replaced)).status_code == 404
