"""Every answer of Microsoft to the POST: what the manager sees, what is stored, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from onboarding import audit, policy
from onboarding.models import PassIssue, Starter
from tests.answers.conftest import PAIRS, PASSES, Effects, Microsoft, seen
from tests.graph.graph_answers import error
from tests.promises.test_6_the_outcome_is_always_known import form_of, page_of

pytestmark = pytest.mark.django_db

HR, MANAGER = "hr@contoso.example", "maria.lindqvist@contoso.example"
LONG_ENOUGH = timedelta(minutes=4)  # the lease, the quarantine and a margin


@dataclass(frozen=True)
class End:
    """The result of a click: at once, and after the worker has finished."""

    status: int
    says: str
    state: str
    reason: str
    events: list[str]
    notified: set[tuple[str, str]] = field(default_factory=set)
    counted: bool = False
    finally_: str = ""  # the issue's last state; if it is the same as at once, the worker does nothing more
    later_says: str = ""
    later_notified: set[tuple[str, str]] = field(default_factory=set)
    calls: frozenset[str] = frozenset()  # the requests that the worker may send


REFUSED = End(
    503,
    "Microsoft refused to create a pass for this account.",
    "unknown",
    "refused",
    ["issue.intent", "issue.unknown"],
    finally_="rejected",
    later_says="did not create a pass: Microsoft refused. You can try again.",
    later_notified={("refused", HR)},
    calls=frozenset({"list"}),
)
NOT_KNOWN_YET = replace(
    REFUSED,
    says="Microsoft does not know this account yet. Try again in a minute.",
    reason="not_known_yet",
    later_says="did not create a pass: Microsoft did not know the account yet. You can try again.",
    later_notified=set(),
)
THROTTLED = replace(
    REFUSED,
    status=200,
    says="Please wait a moment",
    reason="throttled",
    later_notified=set(),
    later_says="did not create a pass: Microsoft asked the portal to wait.",
)
LOST = End(
    503,
    "Microsoft’s answer did not reach the portal. A pass may have been created.",
    "unknown",
    "no_answer",
    ["issue.intent", "issue.unknown"],
    counted=True,
    finally_="void",
    later_says="did not create a pass: Microsoft did not respond. You can create one now.",
    later_notified={("taken_back", MANAGER)},
    calls=frozenset({"list"}),
)
LOST_BUT_MADE = replace(
    LOST,
    finally_="revoked",
    later_says="no longer works: Microsoft did not respond. You can create a new one.",
    calls=frozenset({"list", "delete"}),
)
STRANGE = replace(
    LOST_BUT_MADE,
    says="Microsoft created a pass that cannot be used. The portal is deleting it without showing it.",
    reason="strange_answer",
    notified={("refused", HR)},
    later_says="no longer works: Microsoft’s response was not usable.",
)
SHOWN = End(200, "data-pass", "shown", "", ["issue.intent", "issue.shown", "starter.issued"], counted=True)


def error_answer(message: str, *, status: int = 400, code: str = "badRequest") -> dict[str, Any]:
    return {"status": status, "body": error(code, message)}


def created_with(status: int, **more: Any) -> dict[str, Any]:
    """Microsoft created the pass, and then sent this answer."""
    return {"status": status, "applied": True, **more}


def changed_answer(**fields: Any) -> dict[str, Any]:
    return {"mutate": fields}


def other_context(whose: str) -> dict[str, Any]:
    return changed_answer(
        **{"@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#users('{whose}')/x"}
    )


HTML = "<html><title>Gateway</title><p>Your pass is ready.</p></html>"
SOMEBODY = "5c0ffee0-0000-4000-8000-000000000040"
LIFETIME = "Invalid LifetimeInMinutes specified. The valid range between 60 and 480."
ONCE = (
    "Invalid IsUsableOnce specified. Tenant Policy does not allow multiple use temporary access pass method."
)
NOT_IN_POLICY = (
    "Converged UserCredentialPolicy does not allow creating or updating this authentication method. "
    "AuthMethodType [TemporaryAccessPass]."
)
GUEST = "Temporary Access Pass cannot be added to an external guest user."
EXISTS = "A Temporary Access Pass already exists for this user."

# The rows by number: a 201, a refusal, a busy service, no answer, an unusable answer.
ROWS: list[tuple[str, dict[str, Any], End]] = [
    ("1 a pass that works", {}, SHOWN),
    ("1 a pass without a context", {"remove": ["@odata.context"]}, SHOWN),
    # `isUsable` alone decides whether the pass works; the reason is only text.
    ("1 usable for a reason that nobody knows", changed_answer(methodUsabilityReason="EnabledByMoon"), SHOWN),
    ("1 of a type that nobody knows", changed_answer(**{"@odata.type": "#microsoft.graph.newPass"}), SHOWN),
    ("1 shorter than asked", changed_answer(lifetimeInMinutes=30), SHOWN),
    # The portal never requests a later start, so a pass that is not valid yet is not the one that it requested.
    ("2 not valid yet", changed_answer(isUsable=False, methodUsabilityReason="NotYetValid"), STRANGE),
    (
        "3 not usable by policy",
        changed_answer(isUsable=False, methodUsabilityReason="DisabledByPolicy"),
        STRANGE,
    ),
    (
        "3 not usable, nobody knows why",
        changed_answer(isUsable=False, methodUsabilityReason="Eclipse"),
        STRANGE,
    ),
    ("3 silent about whether it is usable", {"remove": ["isUsable"]}, STRANGE),
    ("3 usable, as a text", changed_answer(isUsable="true"), STRANGE),
    ("3 usable more than once", changed_answer(isUsableOnce=False), STRANGE),
    ("3 silent about how often", {"remove": ["isUsableOnce"]}, STRANGE),
    ("3 longer than asked", changed_answer(lifetimeInMinutes=480), STRANGE),
    ("3 a lifetime as a text", changed_answer(lifetimeInMinutes="60"), STRANGE),
    ("3 without times", {"remove": ["startDateTime"]}, STRANGE),
    ("3 for somebody else", other_context(SOMEBODY), STRANGE),
    ("3 not usable, under a wrong id", changed_answer(isUsable=False, id="not-the-one"), STRANGE),
    ("4 a code of null", changed_answer(temporaryAccessPass=None), STRANGE),
    ("4 no code", {"remove": ["temporaryAccessPass"]}, STRANGE),
    ("4 an empty code", changed_answer(temporaryAccessPass=""), STRANGE),
    ("4 a code that is a number", changed_answer(temporaryAccessPass=12345678), STRANGE),
    # Without an id, only the list shows which pass it is.
    ("4 no code and no id", {"remove": ["temporaryAccessPass", "id"]}, STRANGE),
    ("5 the lifetime", error_answer(LIFETIME), REFUSED),
    ("6 single use", error_answer(ONCE), REFUSED),
    ("7 the policy leaves this person out", error_answer(NOT_IN_POLICY), REFUSED),
    ("8 a guest from elsewhere", error_answer(GUEST), REFUSED),
    # The portal does not replace a pass of another tool and does not offer to: HR and IT find out whose it is.
    ("9 there is a pass already", error_answer(EXISTS), REFUSED),
    ("10 something else", error_answer("The moon is full."), REFUSED),
    ("10 without words", {"status": 400, "body": ""}, REFUSED),
    ("10 in HTML", {"status": 400, "body": HTML}, REFUSED),
    ("10 in five megabytes", {"status": 400, "body": {"x": "x" * 5_000_000}}, REFUSED),
    ("10 not understood", {"status": 422}, REFUSED),
    # A 401 created nothing, but the portal never repeats a POST by itself.
    ("11 the token is not accepted", {"status": 401}, REFUSED),
    (
        "12 the right is missing",
        error_answer("Request Authorization failed", status=403, code="accessDenied"),
        REFUSED,
    ),
    ("12 the right is missing, in HTML", {"status": 403, "body": HTML}, REFUSED),
    # The account was read a moment ago. If a replica does not know it yet, the manager tries again.
    ("15 nobody by this id", {"status": 404}, NOT_KNOWN_YET),
    ("18 a conflict", {"status": 409}, REFUSED),
    ("18 changed meanwhile", {"status": 412}, REFUSED),
    ("19 busy for half a minute", {"status": 429, "headers": {"Retry-After": "30"}}, THROTTLED),
    ("19 busy, no time named", {"status": 429}, THROTTLED),
    ("19 busy, a time that is none", {"status": 429, "headers": {"Retry-After": "soon"}}, THROTTLED),
    ("19 busy, in HTML", {"status": 429, "body": HTML}, THROTTLED),
    ("20 no answer, nothing done", {"drop": "before"}, LOST),
    ("20 no answer, done", {"drop": "after"}, LOST_BUT_MADE),
    *((f"20 {status}, nothing done", {"status": status}, LOST) for status in (500, 503)),
    *((f"20 {status}, done", created_with(status, body=HTML), LOST_BUT_MADE) for status in (500, 502, 504)),
    ("20 503 that says when to come back", created_with(503, headers={"Retry-After": "1"}), LOST_BUT_MADE),
    ("20 408, done", created_with(408), LOST_BUT_MADE),
    ("22 200 instead of 201", created_with(200), LOST_BUT_MADE),
    ("22 202, nothing done", {"status": 202}, LOST),
    *(
        (
            f"22 {status} to another host",
            created_with(status, headers={"Location": "{elsewhere}/v1.0/x"}),
            LOST_BUT_MADE,
        )
        for status in (302, 307, 308)
    ),
    ("22 HTML", created_with(201, body=HTML), STRANGE),
    ("22 an empty body", created_with(201, body=""), STRANGE),
    ("22 a list", created_with(201, body=[1]), STRANGE),
    ("22 a text", created_with(201, body="k7+Rv&mQ"), STRANGE),
    ("22 cut in its middle", {"cut_at": 60}, LOST_BUT_MADE),
    ("22 nothing of its body", {"cut_at": 0}, LOST_BUT_MADE),
    ("22 five megabytes", changed_answer(padding="x" * 5_000_000), STRANGE),
    ("25 passes are switched off", error_answer(NOT_IN_POLICY), REFUSED),
]
IN_HRS_WORDS = {
    "5": "Microsoft does not allow the pass lifetime that is set in the portal's policy.",
    "6": "Microsoft refused to create a pass that works only once.",
    "7": "IT must add the account to the Temporary Access Pass policy.",
    "8": "The account is a guest account from another organisation. Only internal accounts can get a pass.",
    "9": "The account already has a pass. If nobody needs this pass, IT can delete it in Entra.",
    "10": "Microsoft refused to create the pass. IT can find the request in Microsoft’s logs by its ID:",
    "11": "The portal could not sign in to Microsoft. IT must check the portal’s identity in Entra.",
    "12": "The portal has no permission to create a pass for this account. IT must check the portal’s permissions.",
    "25": "The organisation’s settings in Entra do not allow passes for this account.",
}
every_row = pytest.mark.parametrize(("row", "answer", "end"), ROWS, ids=[name for name, *_ in ROWS])


@pytest.fixture(autouse=True)
def what_the_tenant_wants_is_learned_from_its_answer(policy_says: Any) -> None:
    """Skip the read of the tenant's policy, as if the policy changed between the read and the creation."""
    policy_says(pass_policy="off")


@pytest.fixture
def click(
    order: Callable[..., None], invite: Callable[..., Starter], browser_of: Any, effects_of: Any
) -> Callable[..., tuple[Effects, Any]]:
    """The manager clicks the button. Microsoft answers the POST as ordered."""

    def clicked(answer: dict[str, Any]) -> tuple[Effects, Any]:
        starter = invite("noor")
        effects = effects_of(starter)
        if answer:
            order(method="POST", path=PASSES, **answer)
        return effects, browser_of("maria").post(page_of(starter), form_of(starter))

    return clicked


@every_row
def test_every_answer_to_the_post_has_one_outcome(
    microsoft: Microsoft, click: Any, browser_of: Any, time_passes: Any, row: str, answer: Any, end: End
) -> None:
    effects, page = click(answer)

    at_once(effects, page, end)
    if end is SHOWN:
        return
    if end is LOST:
        time_passes(timedelta(seconds=30))  # one empty list proves nothing
        assert browser_of("maria").get(page_of(effects.starter)).context["page_state"].code == "unknown"
    time_passes(LONG_ENOUGH)
    in_the_end(effects, end, browser_of("maria"))
    if row.split()[0] in IN_HRS_WORDS:
        assert IN_HRS_WORDS[row.split()[0]] in effects.mails.get(kind="refused").text.replace("\n", " ")
    assert microsoft.strangers == []


@pytest.mark.parametrize("microsoft", PAIRS, ids=", ".join, indirect=True)
@pytest.mark.parametrize(
    "answer",
    [
        error_answer(LIFETIME),
        {"status": 429},
        {"drop": "before"},
        {"drop": "after"},
        changed_answer(isUsableOnce=False),
    ],
    ids=["5 refused", "19 busy", "20 lost", "20 lost but made", "3 strange"],
)
def test_the_next_click_works_under_both_documented_behaviours(
    microsoft: Microsoft, click: Any, browser_of: Any, time_passes: Any, answer: Any
) -> None:
    effects, _ = click(answer)
    time_passes(LONG_ENOUGH)

    browser = browser_of("maria")
    page = browser.post(page_of(effects.starter), form_of(effects.starter))

    issue = PassIssue.objects.get(starter=effects.starter, number=2)
    assert "data-pass" in seen(page), seen(page)
    receipt = reverse("managers:receipt", args=[effects.starter.public_id, issue.pk])
    assert browser.post(receipt).status_code == 204
    assert microsoft.live() == [issue.method_id]
    assert effects.calls["make"] == 2
    assert list(audit.verify_chain()) == []


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30), ("3600", 3600), ("Fri, 01 Jan 2100 00:00:00 GMT", 3600)]
)
def test_19_no_request_is_sent_before_retry_after(
    microsoft: Microsoft, click: Any, browser_of: Any, time_passes: Any, header: str, seconds: int
) -> None:
    effects, _ = click({"status": 429, "headers": {"Retry-After": header}})

    time_passes(timedelta(seconds=seconds - 10))
    early = browser_of("maria").post(page_of(effects.starter), form_of(effects.starter))
    asked = effects.calls["make"]
    time_passes(timedelta(seconds=15))
    late = browser_of("maria").post(page_of(effects.starter), form_of(effects.starter))

    assert (early.context["page_state"].code, asked) == ("waiting", 1), seen(early)
    assert ("data-pass" in seen(late), effects.calls["make"]) == (True, 2), seen(late)


def at_once(effects: Effects, page: Any, end: End) -> None:
    issue, starter = effects.issue, Starter.objects.get(pk=effects.starter.pk)
    assert (page.status_code, end.says in seen(page)) == (end.status, True), seen(page)
    assert ("data-pass" in seen(page)) is (end is SHOWN)
    assert (issue.state, issue.reason, issue.counted) == (end.state, end.reason, end.counted)
    assert (starter.state, starter.problem) == ("issued" if end is SHOWN else "invited", "")
    assert policy.attempts_left(starter, policy.for_site()) == 3 - end.counted
    assert (effects.events, effects.notified) == (end.events, end.notified)
    assert (effects.calls["make"], effects.calls["$batch"]) == (1, 1)
    assert effects.calls["list"] + effects.calls["delete"] + effects.calls["methods"] == 0
    effects.no_pass_in(*([] if end is SHOWN else [page]))


def in_the_end(effects: Effects, end: End, browser: Any) -> None:
    page, issue = browser.get(page_of(effects.starter)), effects.issue
    assert issue.state == end.finally_
    found = ["issue.found"] if end.finally_ == "revoked" else []
    assert effects.events == [*end.events, *found, f"issue.{end.finally_}"]
    assert effects.notified == end.notified | end.later_notified
    assert effects.microsoft.live() == []
    assert (effects.calls["make"], set(effects.calls) & {"list", "delete"}) == (1, end.calls)
    assert effects.calls["list"] <= 3 and effects.calls["delete"] <= 1
    assert (page.context["page_state"].code, end.later_says in seen(page)) == ("ready", True), seen(page)
    effects.no_pass_in(page)
