"""Microsoft's answers to everything but the click: HR's pages, the worker, mail, and the portal's own identity."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from onboarding.models import AuditEvent, Job, Mail, PassIssue, Starter
from portal.sandbox.people import CAST
from tests.answers.conftest import Microsoft, seen
from tests.conftest import forget_everything_cached
from tests.promises.test_6_the_outcome_is_always_known import form_of, page_of
from tests.support.hr_forms import click

pytestmark = pytest.mark.django_db

NOOR = next(person for person in CAST if person.key == "noor")
HTML = "<html><title>Gateway</title></html>"
NO_P1 = {"error": {"code": "AadPremiumLicenseRequired", "message": "The tenant needs a premium license."}}
ELSEWHERE = {"Location": "{elsewhere}/x"}
ACCOUNT, MANAGER, BATCH, SEND_MAIL, TOKEN = (
    r"/users/[^/]+$",
    "/manager$",
    r"\$batch$",
    "/sendMail$",
    "^/metadata/",
)


# --- 14: when did somebody last sign in? ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "told", "says"),
    [
        ({"status": 403}, False, "data-pass"),
        ({"status": 400, "body": NO_P1}, False, "data-pass"),
        ({"status": 400}, False, "still checking"),
        ({"status": 404}, False, "still checking"),
        ({"status": 403, "body": HTML}, False, "still checking"),
        ({"status": 429, "headers": {"Retry-After": "30"}}, False, "still checking"),
        ({"status": 503, "times": 4}, False, "still checking"),
        ({"status": 200, "body": HTML}, False, "still checking"),
        ({"drop": "before"}, False, "still checking"),
        ({"mutate": {"signInActivity": None}}, True, "data-pass"),
    ],
    ids=[
        "14 no right",
        "14 no licence",
        "14 refused for another reason",
        "14 not known yet",
        "14 a gateway says no",
        "19 busy",
        "21 failing",
        "22 HTML",
        "21 no answer",
        "14 never",
    ],
)
def test_unread_activity_is_awaited_and_forbidden_activity_is_not(
    microsoft: Microsoft, order: Any, record: Any, worker_alive: Any, browser_of: Any, run_jobs: Any, answer: Any,
    told: bool, says: str,
) -> None:  # fmt: skip
    starter = record("noor")
    # Three reads of the account, one at the sending and two by the worker, come before the read of its sign-ins.
    order(path=ACCOUNT, skip=3, **answer)
    click(browser_of("hanna"), starter, "send")
    run_jobs()

    page = browser_of("maria").post(page_of(starter), form_of(starter))
    run_jobs(timedelta(minutes=2))

    assert says in seen(page), seen(page)
    assert PassIssue.objects.exists() is (says == "data-pass")
    starter.refresh_from_db()
    assert starter.sign_in_looked_at is not None
    assert starter.sign_in_told is (told or says == "still checking")


# --- 15, 16, 21: HR and the manager look -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"path": MANAGER, "status": 404}, "No manager is set in Entra."),
        ({"path": ACCOUNT, "status": 404}, "without an account"),
        ({"path": ACCOUNT, "mutate": {"accountEnabled": None}}, "The account is disabled."),
        ({"path": ACCOUNT, "mutate": {"userType": "Guest"}}, "This is a guest account."),
        ({"path": ACCOUNT, "remove": ["id"]}, "Microsoft Entra does not respond."),
        ({"path": ACCOUNT, "mutate": {"userPrincipalName": "x@y.z"}}, "Microsoft Entra does not respond."),
        ({"path": MANAGER, "status": 403}, "Microsoft Entra does not respond."),
        ({"path": BATCH, "status": 429}, "Microsoft Entra does not respond."),
        ({"path": BATCH, "status": 503, "times": 4}, "Microsoft Entra does not respond."),
        ({"path": BATCH, "status": 200, "body": HTML}, "Microsoft Entra does not respond."),
        ({"path": BATCH, "status": 302, "headers": ELSEWHERE}, "Microsoft Entra does not respond."),
        ({"path": BATCH, "drop": "before"}, "Microsoft Entra does not respond."),
    ],
    ids=[
        "16 no manager", "15 no such account", "23 not said to be enabled", "8 a guest", "22 no id",
        "22 somebody else", "13 no right", "19 busy", "21 failing", "22 HTML", "22 elsewhere", "21 no answer",
    ],
)  # fmt: skip
def test_hr_reads_what_the_directory_said_and_nothing_is_saved(
    microsoft: Microsoft, order: Any, browser_of: Any, answer: Any, says: str
) -> None:
    order(**answer)

    page = browser_of("hanna").post("/hr/new/", {"account": NOOR.user_principal_name, "step": "look"})

    assert says in seen(page), seen(page)
    assert page.status_code == (503 if "does not respond" in says else 200)
    assert not Starter.objects.exists() and not AuditEvent.objects.exists()
    assert microsoft.strangers == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"status": 404}, 404),
        ({"mutate": {"id": "5c0ffee0-0000-4000-8000-000000000040"}}, 404),
        ({"status": 403}, 503),
        ({"status": 429}, 503),
        ({"status": 503, "times": 5}, 503),
        ({"status": 200, "body": HTML}, 503),
        ({"status": 307, "headers": ELSEWHERE}, 503),
        ({"drop": "after"}, 503),
    ],
    ids=[
        "16 nobody",
        "16 another",
        "13 no right",
        "19 busy",
        "21 failing",
        "22 HTML",
        "22 elsewhere",
        "21 lost",
    ],
)
def test_an_unconfirmed_manager_sees_no_button(
    microsoft: Microsoft, order: Any, invite: Any, browser_of: Any, effects_of: Any, answer: Any, status: int
) -> None:
    starter = invite("noor")
    effects = effects_of(starter)
    order(path=MANAGER, **{"times": 2, **answer})  # requested with everything else, and once more alone

    page = browser_of("maria").get(page_of(starter))

    assert page.status_code == status
    assert ("Microsoft Entra does not respond" in seen(page)) is (status == 503)
    assert b"identity_check" not in page.content
    assert (effects.events, effects.notified, microsoft.strangers) == ([], set(), [])


# --- 26, 27: mail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 403, "times": 3},
        {"status": 404, "times": 3},
        {"status": 401},
        {"status": 429, "headers": {"Retry-After": "30"}},
        {"status": 503, "times": 2},
        {"status": 200, "body": HTML},
        {"status": 307, "headers": ELSEWHERE},
        {"drop": "before"},
    ],
    ids=[
        "27 no right", "27 no mailbox", "11 the token is refused", "19 busy", "21 failing", "22 HTML",
        "22 elsewhere", "21 no answer",
    ],
)  # fmt: skip
def test_a_mail_that_is_not_taken_is_sent_later(
    microsoft: Microsoft, order: Any, invite: Any, effects_of: Any, time_passes: Any, answer: Any
) -> None:
    effects = effects_of(invite("noor"))
    order(path=SEND_MAIL, **answer)

    time_passes(timedelta(0))
    unsent = Mail.objects.filter(sent_at=None).count()
    time_passes(timedelta(minutes=2))

    assert (unsent, Mail.objects.filter(sent_at=None).count()) == (1, 0)
    assert effects.calls["sendMail"] == answer.get("times", 1) + 1
    assert microsoft.strangers == []


@pytest.mark.parametrize("status", [403, 404, 503])
def test_27_a_pass_stays_valid_when_mail_fails(
    microsoft: Microsoft,
    order: Any,
    invite: Any,
    browser_of: Any,
    effects_of: Any,
    time_passes: Any,
    status: int,
) -> None:
    starter, maria = invite("noor"), browser_of("maria")
    effects = effects_of(starter)
    order(path=SEND_MAIL, status=status, times=99)
    time_passes(timedelta(0))

    page = maria.post(page_of(starter), form_of(starter))
    assert maria.post(f"{page_of(starter)}{effects.issue.pk}/receipt/").status_code == 204
    time_passes(timedelta(minutes=2))

    assert "data-pass" in seen(page) and microsoft.live() == [effects.issue.method_id]
    # The portal does not send a link that is no longer needed.
    assert Mail.objects.get(kind="invitation").dropped_at is not None


def test_26_a_mail_is_handed_over_once(
    microsoft: Microsoft, invite: Any, effects_of: Any, time_passes: Any
) -> None:
    effects = effects_of(invite("noor"))

    time_passes(timedelta(minutes=30))

    assert (effects.calls["sendMail"], Mail.objects.exclude(sent_at=None).count()) == (1, 1)


# --- 28, 29, 30: the portal's own identity ------------------------------------------------------------------------


def refusal(description: str, error: str = "invalid_request") -> dict[str, Any]:
    return {"status": 400, "body": {"error": error, "error_description": description}}


NO_TOKEN = {
    "28 an error with its number": (refusal("AADSTS500011: secret words"), "invalid_request AADSTS500011"),
    "28 an error that is no word": (refusal("x", "<b>"), "an invalid answer"),
    "29 HTML": ({"status": 502, "body": HTML}, "did not issue a token (managed identity): JSONDecodeError"),
    "29 gone": ({"status": 410, "body": ""}, "did not issue a token"),
    "29 HTML with 200": ({"status": 200, "body": HTML}, "did not issue a token"),
    "29 no token in it": ({"status": 200, "body": {"token_type": "Bearer"}}, "did not issue a token"),
    "29 no answer": ({"drop": "before"}, "did not issue a token"),
    "29 to another host": ({"status": 302, "headers": ELSEWHERE}, "did not issue a token"),
    "30 no such identity": (
        refusal("Identity not found"),
        "no identity with this AZURE_CLIENT_ID is attached to this machine",
    ),
}


@pytest.mark.parametrize("answer", [answer for answer, _ in NO_TOKEN.values()], ids=NO_TOKEN)
def test_no_call_is_made_without_a_token(
    microsoft: Microsoft,
    order: Any,
    invite: Any,
    browser_of: Any,
    effects_of: Any,
    time_passes: Any,
    answer: Any,
) -> None:
    starter = invite("noor")
    effects = effects_of(starter)
    forget_everything_cached()
    order(path=TOKEN, times=2, **answer)

    page = browser_of("maria").post(page_of(starter), form_of(starter))

    assert (page.status_code, "Microsoft cannot be reached at the moment." in seen(page)) == (503, True)
    assert (effects.calls["$batch"], effects.calls["make"], effects.events, effects.notified) == (
        0,
        0,
        [],
        set(),
    )
    assert not PassIssue.objects.exists() and microsoft.strangers == []
    time_passes(timedelta(seconds=61))  # MSAL remembers a failing endpoint for a minute
    assert "data-pass" in seen(browser_of("maria").post(page_of(starter), form_of(starter)))
    assert (effects.calls["make"], len(microsoft.live())) == (1, 1)


WITH_WORDS = [name for name, (_, why) in NO_TOKEN.items() if why != "did not issue a token"]


@pytest.mark.parametrize(("answer", "why"), [NO_TOKEN[name] for name in WITH_WORDS], ids=WITH_WORDS)
def test_the_job_records_why_there_was_no_token(
    microsoft: Microsoft, order: Any, invite: Any, run_jobs: Any, answer: Any, why: str
) -> None:
    invite("noor")
    Job.objects.exclude(key__startswith="look:").delete()
    forget_everything_cached()
    order(path=TOKEN, **answer)

    run_jobs()

    job = Job.objects.get()
    assert why in job.last_error and "secret words" not in job.last_error
    assert (job.attempts, job.done_at, job.failed_at) == (1, None, None)
