"""Every answer to the worker that looks for a pass and deletes it. It continues until no pass works."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from onboarding import audit
from onboarding.models import PassIssue, Starter
from tests.answers.conftest import PASSES, Effects, Microsoft, seen
from tests.graph.graph_answers import error
from tests.promises.test_6_the_outcome_is_always_known import form_of, page_of

pytestmark = pytest.mark.django_db

HTML = "<html><title>Gateway</title></html>"
ELSEWHERE = {"Location": "{elsewhere}/v1.0/x"}
SECURITY = "security@contoso.example"


def list_answer(status: int | None = None, **answer: Any) -> dict[str, Any]:
    return {"method": "GET", "path": f"{PASSES}$", **({"status": status} if status else {}), **answer}


def deletion_answer(status: int | None = None, **answer: Any) -> dict[str, Any]:
    return {"method": "DELETE", "path": PASSES, **({"status": status} if status else {}), **answer}


LISTS = {
    "11 the token is refused once": list_answer(401),
    "11 the token is refused twice": list_answer(401, times=2),
    "12 the right is missing for a while": list_answer(403, times=3),
    "15 nobody by this id, for a moment": list_answer(404),
    "19 busy": list_answer(429, headers={"Retry-After": "30"}),
    "21 failing": list_answer(503, times=8),
    "21 no answer": list_answer(drop="before", times=3),
    "21 an answer that is lost": list_answer(drop="after"),
    "22 HTML": list_answer(200, body=HTML),
    "22 nothing": list_answer(200, body=""),
    "22 a list of texts": list_answer(mutate={"value": ["x"]}),
    "22 cut in its middle": list_answer(cut_at=40),
    "22 five megabytes": list_answer(mutate={"padding": "x" * 5_000_000}),
    "22 to another host": list_answer(307, headers=ELSEWHERE),
    "22 goes on elsewhere": list_answer(mutate={"@odata.nextLink": "{elsewhere}/v1.0/next"}),
    "22 a pass without times": list_answer(mutate={"value": [{"id": "7e57ab1e", "createdDateTime": None}]}),
}
DELETIONS = {
    # So soon, 404 may mean that not every replica knows the pass yet.
    "17 not found, and there": deletion_answer(404),
    "17 not found, since it is gone": deletion_answer(404, applied=True),
    "12 the right is missing for a while": deletion_answer(403, times=3),
    "19 busy": deletion_answer(429, headers={"Retry-After": "30"}),
    "21 failing": deletion_answer(503, times=8),
    "21 failing, and done": deletion_answer(500, applied=True, times=4),
    "21 no answer": deletion_answer(drop="before", times=3),
    "21 an answer that is lost": deletion_answer(drop="after"),
    "22 HTML instead of 204": deletion_answer(200, body=HTML),
    "22 to another host": deletion_answer(308, headers=ELSEWHERE),
}


@pytest.mark.parametrize("answer", [*LISTS.values(), *DELETIONS.values()], ids=[*LISTS, *DELETIONS])
def test_a_lost_pass_is_deleted_in_the_end(
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
    order(method="POST", path=PASSES, drop="after")
    browser_of("maria").post(page_of(starter), form_of(starter))
    order(**answer)

    time_passes(timedelta(minutes=6))

    assert effects.issue.state in {"revoked", "void"}
    everything_is_over(effects, browser_of("maria"))


@pytest.mark.parametrize("answer", DELETIONS.values(), ids=DELETIONS)
def test_a_cancelled_pass_is_deleted_in_the_end(
    microsoft: Microsoft,
    order: Any,
    invite: Any,
    browser_of: Any,
    effects_of: Any,
    time_passes: Any,
    answer: Any,
) -> None:
    starter, maria = invite("noor"), browser_of("maria")
    effects = effects_of(starter)
    maria.post(page_of(starter), form_of(starter))
    order(**answer)
    maria.post(f"{page_of(starter)}{effects.issue.pk}/not-seen/")

    time_passes(timedelta(minutes=6))

    assert (effects.issue.state, effects.issue.reason) == ("revoked", "not_seen")
    everything_is_over(effects, browser_of("maria"))


def everything_is_over(effects: Effects, browser: Any) -> None:
    assert (effects.microsoft.live(), effects.microsoft.strangers) == ([], [])
    assert effects.calls["make"] == 1
    assert effects.calls["list"] + effects.calls["delete"] <= 20  # the list is read after each deletion
    page = browser.get(page_of(effects.starter))
    assert page.context["page_state"].code == "ready", seen(page)
    assert "no longer works" in seen(page) or "did not create a pass" in seen(page)
    effects.no_pass_in(page)
    assert list(audit.verify_chain()) == []


def test_security_hears_of_a_pass_that_cannot_be_deleted(
    microsoft: Microsoft, order: Any, invite: Any, browser_of: Any, effects_of: Any, time_passes: Any
) -> None:
    starter = invite("noor")
    effects = effects_of(starter)
    browser_of("maria").post(page_of(starter), form_of(starter))
    order(**deletion_answer(403, times=40))

    time_passes(timedelta(minutes=15))
    page, calls = browser_of("maria").get(page_of(starter)), effects.calls["delete"]
    time_passes(timedelta(minutes=30))

    assert "The pass is being cancelled" in seen(page)
    assert ("problem", SECURITY) in effects.notified
    assert 10 < calls <= 40  # at most half a minute apart, and never in quick succession
    assert (microsoft.live(), effects.issue.state, effects.calls["make"]) == ([], "revoked", 1)


def test_a_pass_on_the_screen_is_followed_until_it_expires(
    microsoft: Microsoft, order: Any, invite: Any, browser_of: Any, effects_of: Any, time_passes: Any
) -> None:
    """An expired pass that stays listed does not work: it blocks no other pass."""
    starter, maria = invite("noor"), browser_of("maria")
    effects = effects_of(starter)
    maria.post(page_of(starter), form_of(starter))
    assert maria.post(f"{page_of(starter)}{effects.issue.pk}/receipt/").status_code == 204
    held = maria.get(page_of(starter))
    order(path="/authentication/methods$", status=200, body=error("x", "no list at all"), times=2)
    assert microsoft.live() == [effects.issue.method_id]

    time_passes(timedelta(minutes=62))
    page = browser_of("maria").post(page_of(starter), form_of(starter))

    assert "The pass was shown at" in seen(held) and held.context["page_state"].action == "lost"
    first, second = PassIssue.objects.order_by("number")
    assert (first.state, first.reason, second.state) == ("closed", "expired", "shown")
    assert "data-pass" in seen(page)
    assert microsoft.live() == [second.method_id]
    assert Starter.objects.get(pk=starter.pk).state == "issued"
