"""A policy can require a step-up: a sign-in for one starter that met an authentication context and counts once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
import time_machine
from django.conf import settings as running
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding import guards, policy
from onboarding.guards import step_up
from onboarding.models import (
    AuditEvent,
    GraphBudget,
    Mail,
    PassIssue,
    PolicyVersion,
    Starter,
    StepUpUsed,
)
from onboarding.models.policy import DepartmentPolicy
from onboarding.passes import graph_quota, handover
from onboarding.passes.claim import claim_issue
from onboarding.passes.confirmation import Confirmation, Shown
from onboarding.passes.errors import PassNotIssued
from onboarding.passes.handover import check_ready
from onboarding.worker import retention
from portal.signin.step_up import MAX_PROOFS, SESSION_KEY
from tests.conftest import BY_KEY, creations
from tests.passes.test_confirm import PASSES, form_of, page_of, words
from tests.support.lying_entra import begun_sign_ins
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CREATE = "Create the pass and show it once"


@pytest.fixture(autouse=True)
def traveller() -> Any:
    with time_machine.travel(datetime.now(UTC)) as traveller:
        yield traveller


@pytest.fixture
def rules(adopt: Any) -> Callable[..., PolicyVersion]:
    """Activate a policy that requires c1, unless `values` say otherwise."""

    def added(**values: Any) -> PolicyVersion:
        version = PolicyVersion(**{"step_up_context": "c1", "reason": "A strong sign-in"} | values)
        return adopt(version)

    return added


@pytest.fixture
def microsoft() -> requests.Session:
    """The manager's browser at Microsoft, with cookies of its own."""
    return requests.Session()


def asked_at_microsoft(client: Client, link: str) -> dict[str, str]:
    """The parameters with which the portal sends the browser to Microsoft."""
    leaving = client.get(link)
    assert leaving.status_code == 302, words(leaving)
    return dict(parse_qsl(urlsplit(leaving["Location"]).query))


def return_from_microsoft(
    client: Client, microsoft: requests.Session, asked: dict[str, str], who: str = "maria", **more: str
) -> Any:
    """Sign in at Microsoft, and return to the portal."""
    address = f"{running.SANDBOX_URL}/{running.TENANT_ID}/oauth2/v2.0/authorize"
    answer = microsoft.post(address, asked | {"person": who} | more, allow_redirects=False)
    return client.get(answer.headers["Location"].removeprefix(running.PORTAL_URL))


def step_up_by(
    client: Client, microsoft: requests.Session, page: Any, who: str = "maria", **more: str
) -> Any:
    """Follow the page's link to Microsoft, and return with the answer."""
    return return_from_microsoft(
        client, microsoft, asked_at_microsoft(client, page.context["sign_in_url"]), who, **more
    )


def stored_proof(client: Client, starter: Starter) -> dict[str, Any]:
    return dict(client.session.get(SESSION_KEY, {}).get(starter.public_id, {}))


def link_for(starter: Starter, **query: str) -> str:
    return (
        f"{reverse('signin:again')}?{urlencode({'next': page_of(starter), 'for': starter.public_id} | query)}"
    )


# --- Off by default ---------------------------------------------------------------------------------------------------


def test_by_default_a_fresh_sign_in_is_enough(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    assert policy.for_site().step_up_context == ""
    stale = browser_of("maria", ago=6 * MINUTE).get(page_of(starter))

    asked = asked_at_microsoft(maria, stale.context["sign_in_url"])
    named = asked_at_microsoft(maria, link_for(starter))  # an address alone starts no step-up
    pressed = maria.post(page_of(starter), form_of(starter))

    assert "for=" not in stale.context["sign_in_url"]
    assert "claims" not in asked and "claims" not in named
    assert {(begun["made_for"], begun["context"]) for begun in begun_sign_ins(maria)} == {("", "")}
    assert "data-pass" in words(pressed)
    assert "step_up" not in AuditEvent.objects.get(event="issue.intent").facts
    assert not StepUpUsed.objects.exists()


# --- The way ----------------------------------------------------------------------------------------------------------


def test_the_page_leads_to_step_up_and_back(tenant, rules, invite, browser_of, microsoft):
    rules()
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(page_of(starter))
    assert page.context["page_state"].code == "sign_in" and CREATE not in words(page)

    asked = asked_at_microsoft(maria, page.context["sign_in_url"])
    returned = return_from_microsoft(maria, microsoft, asked)
    ready = maria.get(returned["Location"])
    pressed = maria.post(page_of(starter), form_of(starter))

    assert asked["claims"] == '{"id_token": {"acrs": {"essential": true, "value": "c1"}}}'
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    assert asked["login_hint"] == BY_KEY["maria"].user_principal_name
    assert returned["Location"] == page_of(starter)
    assert ready.context["page_state"].code == "ready"
    assert "data-pass" in words(pressed)
    assert AuditEvent.objects.get(event="issue.intent").facts["step_up"] == "c1"
    assert StepUpUsed.objects.count() == 1


def test_a_sign_in_without_the_context_creates_no_pass(tenant, rules, invite, browser_of):
    rules()
    starter = invite("noor")

    answer = browser_of("maria").post(page_of(starter), form_of(starter))

    assert answer.status_code == 403
    assert "you must sign in from this page for each pass" in words(answer)
    assert answer.context["sign_in_url"].endswith(f"for={starter.public_id}")
    assert AuditEvent.objects.get(event="issue.refused").facts["codes"] == ["step_up_is_for_this"]
    assert not Mail.objects.filter(kind="refused").exists()  # HR gets no mail about it
    assert Starter.objects.get(pk=starter.pk).problem == ""
    assert GraphBudget.objects.get().recent == []
    assert creations(tenant) == []


def test_step_up_keeps_the_managers_choice(tenant, rules, invite, browser_of, microsoft):
    rules()
    starter, maria = invite("noor"), browser_of("maria")
    refused = maria.post(page_of(starter), form_of(starter, identity_check="by_video"))

    returned = step_up_by(maria, microsoft, refused)
    ready = maria.get(returned["Location"])
    pressed = maria.post(returned["Location"], ready.context["form"].initial)

    assert 'value="by_video" id="id_identity_check_1" required checked' in words(ready)
    assert "data-pass" in words(pressed)
    assert starter.issues.get().identity_check == "by_video"


def test_an_expired_step_up_keeps_the_choice(tenant, rules, invite, browser_of, microsoft, traveller):
    rules()
    starter, maria = invite("noor"), browser_of("maria")
    step_up_by(maria, microsoft, maria.get(page_of(starter)))
    assert maria.get(page_of(starter)).context["page_state"].code == "ready"
    traveller.shift(5 * MINUTE + 2 * SECOND)

    refused = maria.post(page_of(starter), form_of(starter, identity_check="known"))
    ready = maria.get(step_up_by(maria, microsoft, refused)["Location"])

    assert refused.status_code == 403 and "Sign in again, then create the pass" in words(refused)
    codes = AuditEvent.objects.get(event="issue.refused").facts["codes"]
    assert codes == ["sign_in_is_fresh", "step_up_is_for_this"]
    assert creations(tenant) == []
    assert ready.context["form"]["identity_check"].value() == "known"


def test_a_sign_in_that_is_too_old_keeps_the_choice(tenant, invite, browser_of, microsoft):
    starter, maria = invite("noor"), browser_of("maria", ago=6 * MINUTE)
    refused = maria.post(page_of(starter), form_of(starter, identity_check="by_video"))

    ready = maria.get(step_up_by(maria, microsoft, refused)["Location"])

    assert ready.context["form"]["identity_check"].value() == "by_video"


def test_a_department_may_ask_for_what_the_site_does_not(tenant, adopt, invite, browser_of, microsoft):
    starter, maria = invite("noor"), browser_of("maria")
    Starter.objects.filter(pk=starter.pk).update(department="The  Vault")
    own = DepartmentPolicy(
        department="the vault", step_up_context="c7", overrides=["step_up_context"], reason="Keys"
    )
    adopt(own)

    page = maria.get(page_of(starter))
    asked = asked_at_microsoft(maria, page.context["sign_in_url"])
    return_from_microsoft(maria, microsoft, asked)

    assert '"value": "c7"' in asked["claims"]
    assert maria.get(page_of(starter)).context["page_state"].code == "ready"


@pytest.mark.parametrize(
    "more",
    [{"context": "c9"}, {"acrs": "c9"}, {"claims": '{"id_token":{"acrs":{"value":"c9"}}}'}, {"max_age": "9"}],
)
def test_an_address_cannot_say_which_context_is_asked_for(tenant, rules, invite, browser_of, more):
    rules()
    starter = invite("noor")

    asked = asked_at_microsoft(browser_of("maria"), link_for(starter, **more))

    assert asked["claims"] == '{"id_token": {"acrs": {"essential": true, "value": "c1"}}}'
    assert asked["max_age"] == "0"


@pytest.mark.parametrize("purpose", ["", "../x", "x" * 65, "noor's", "<b>"])
def test_a_purpose_that_makes_no_sense_is_no_purpose(tenant, rules, invite, browser_of, purpose):
    rules()
    starter = invite("noor")

    maria = browser_of("maria")

    asked = asked_at_microsoft(maria, link_for(starter, **{"for": purpose}))

    assert "claims" not in asked
    assert [begun["made_for"] for begun in begun_sign_ins(maria)] == [""]


def test_other_people_cannot_see_whether_a_starter_exists(tenant, rules, invite, browser_of):
    rules()
    starter, tom = invite("noor"), browser_of("tom")

    assert tom.get(link_for(starter)).status_code == 404
    assert tom.get(link_for(starter, **{"for": "A" * 22})).status_code == 404
    assert begun_sign_ins(tom) == []


# --- This starter, this person, once ------------------------------------------------------------------------------------


def test_a_step_up_for_one_starter_opens_nothing_for_another(tenant, rules, invite, browser_of, microsoft):
    rules()
    noor, liam, maria = invite("noor"), invite("liam"), browser_of("maria")
    step_up_by(maria, microsoft, maria.get(page_of(noor)))

    answer = maria.post(page_of(liam), form_of(liam))

    assert answer.status_code == 403
    assert answer.context["sign_in_url"].endswith(f"for={liam.public_id}")
    assert maria.get(page_of(liam)).context["page_state"].code == "sign_in"
    assert creations(tenant) == []
    assert "data-pass" in words(maria.post(page_of(noor), form_of(noor)))


def test_step_up_for_another_starter_renews_no_earlier_one(
    tenant, rules, invite, browser_of, microsoft, traveller, settings
):
    settings.SESSION_CHECK_AGE = timedelta(hours=1)
    rules()
    noor, liam, maria = invite("noor"), invite("liam"), browser_of("maria")
    step_up_by(maria, microsoft, maria.get(page_of(noor)))
    traveller.shift(5 * MINUTE + 2 * SECOND)
    step_up_by(maria, microsoft, maria.get(page_of(liam)))

    answer = maria.post(page_of(noor), form_of(noor))

    assert answer.status_code == 403
    assert AuditEvent.objects.get(event="issue.refused").facts["codes"] == ["step_up_is_for_this"]
    assert creations(tenant) == []


def test_step_ups_in_two_tabs_for_two_starters_both_count(
    tenant, rules, invite, browser_of, microsoft, settings
):
    settings.GRAPH_BUDGET_CALLS = 1000
    rules()
    noor, liam, maria = invite("noor"), invite("liam"), browser_of("maria")
    first = asked_at_microsoft(maria, maria.get(page_of(noor)).context["sign_in_url"])
    second = asked_at_microsoft(maria, maria.get(page_of(liam)).context["sign_in_url"])

    assert return_from_microsoft(maria, microsoft, second)["Location"] == page_of(liam)
    assert return_from_microsoft(maria, microsoft, first)["Location"] == page_of(noor)

    assert stored_proof(maria, noor)["id"] != stored_proof(maria, liam)["id"]
    for starter in (noor, liam):
        assert "data-pass" in words(maria.post(page_of(starter), form_of(starter)))


def test_a_step_up_keeps_the_forms_of_other_tabs_good(tenant, rules, invite, browser_of, microsoft):
    rules()
    noor, liam, maria = invite("noor"), invite("liam"), browser_of("maria")
    maria.handler.enforce_csrf_checks = True
    step_up_by(maria, microsoft, maria.get(page_of(noor)))
    page = maria.get(page_of(noor))
    token = page.content.decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    before = maria.session.session_key

    step_up_by(maria, microsoft, maria.get(page_of(liam)))

    assert maria.session.session_key != before
    form = {**form_of(noor), "csrfmiddlewaretoken": token}
    answer = maria.post(page_of(noor), form, headers={"Origin": running.PORTAL_URL})
    assert "data-pass" in words(answer)


def test_a_step_up_counts_once_also_when_microsoft_then_refused(
    tenant, rules, invite, browser_of, microsoft, run_jobs
):
    rules()
    starter, maria = invite("noor"), browser_of("maria")
    step_up_by(maria, microsoft, maria.get(page_of(starter)))
    tenant.tenant.faults.add({"path": PASSES, "method": "POST", "status": 403})
    assert maria.post(page_of(starter), form_of(starter)).status_code == 503
    run_jobs(ahead=timedelta(seconds=10))  # the worker finds no pass in Microsoft's list

    looked = maria.get(page_of(starter))
    pressed = maria.post(page_of(starter), form_of(starter))

    assert looked.context["page_state"].code == "sign_in"
    assert pressed.status_code == 403 and "you must sign in from this page for each pass" in words(pressed)
    assert len(creations(tenant)) == 1
    step_up_by(maria, microsoft, pressed)
    assert "data-pass" in words(maria.post(page_of(starter), form_of(starter)))


@pytest.fixture
def proven(rules: Any, invite: Any, confirmation: Any) -> Callable[..., Confirmation]:
    """Maria's confirmation with a valid proof, except for the changes of the test."""

    def said_with(**differently: Any) -> Confirmation:
        rules()
        starter = invite("noor")
        good = step_up.Proof("a" * 32, starter.public_id, BY_KEY["maria"].object_id, ("c1",), timezone.now())
        return confirmation(starter, proof=replace(good, **differently))

    return said_with


def test_two_simultaneous_clicks_create_one_pass(tenant, proven):
    said = proven()
    first, second = check_ready(said, graph_quota.IssueCalls()), check_ready(said, graph_quota.IssueCalls())

    claim_issue(said, *first)
    with pytest.raises(PassNotIssued) as stopped:
        claim_issue(Confirmation(**{**vars(said), "starter": Starter.objects.get()}), *second)

    assert stopped.value.guards == (guards.BY_CODE["step_up_is_for_this"],)
    assert (PassIssue.objects.count(), StepUpUsed.objects.count()) == (1, 1)


def test_a_proof_that_was_used_meanwhile_leaves_no_claim_behind(tenant, proven):
    said = proven()
    with pytest.raises(PassNotIssued) as stopped, graph_quota.IssueCalls() as calls:
        ready = check_ready(said, calls)
        assert len(GraphBudget.objects.get().on_their_way) == 2
        StepUpUsed.objects.create(proof=said.proof.id, used_at=timezone.now())
        claim_issue(said, *ready)

    assert stopped.value.needs_only_sign_in
    assert not PassIssue.objects.exists()
    assert Starter.objects.get().version == said.starter_version
    assert not AuditEvent.objects.filter(event="issue.intent").exists()
    assert GraphBudget.objects.get().on_their_way == []  # no POST was sent


def test_the_database_itself_takes_a_proof_once(tenant, proven, monkeypatch):
    said = proven()
    ready = check_ready(said, graph_quota.IssueCalls())
    StepUpUsed.objects.create(proof=said.proof.id, used_at=timezone.now())
    # The view of a request that checks a moment too early.
    monkeypatch.setattr(step_up, "is_valid_proof", lambda *args, **how: True)

    with pytest.raises(PassNotIssued) as stopped:
        claim_issue(said, *ready)

    assert stopped.value.needs_only_sign_in and not PassIssue.objects.exists()


def test_a_step_up_that_expires_before_the_claim_is_refused(tenant, proven, traveller):
    said = proven()
    ready = check_ready(said, graph_quota.IssueCalls())
    traveller.shift(5 * MINUTE + SECOND)

    with pytest.raises(PassNotIssued) as stopped:
        claim_issue(said, *ready)

    assert stopped.value.needs_only_sign_in
    assert not PassIssue.objects.exists() and not StepUpUsed.objects.exists()


WRONG: dict[str, dict[str, Any]] = {
    "another starter": {"starter": "B" * 22},
    "another person": {"oid": BY_KEY["tom"].object_id},
    "no context": {"contexts": ()},
    "another context": {"contexts": ("c2", "c10", "C1")},
    "too old": {"at": -5 * MINUTE - SECOND},
    "too far ahead": {"at": 2 * MINUTE + SECOND},
}
GOOD: dict[str, dict[str, Any]] = {
    "as it is made": {},
    "with other contexts": {"contexts": ("c2", "c1")},
}


def with_absolute_time(values: dict[str, Any]) -> dict[str, Any]:
    return {name: timezone.now() + value if name == "at" else value for name, value in values.items()}


@pytest.mark.parametrize("values", WRONG.values(), ids=WRONG)
def test_a_step_up_for_something_else_is_refused_twice(tenant, proven, values):
    said = proven(**with_absolute_time(values))

    refused = outcome_of(said)
    question = guards.Question(
        said.starter, None, said.person, said.signed_in_at, policy.for_site(), timezone.now(), said.proof
    )

    assert refused.guards == (guards.BY_CODE["step_up_is_for_this"],)
    assert guards.BY_CODE["step_up_is_for_this"].passes(question) is False
    with pytest.raises(step_up.ProofAlreadyUsed):
        step_up.consume_proof(
            said.proof, starter=said.starter, person=said.person, rules=policy.for_site(), now=timezone.now()
        )
    assert creations(tenant) == []


@pytest.mark.parametrize("values", GOOD.values(), ids=GOOD)
def test_a_proof_that_is_just_good_enough_makes_a_pass(tenant, proven, values):
    assert isinstance(handover.confirm(proven(**values)), Shown)


@pytest.mark.parametrize(
    ("age", "good"),
    [
        (5 * MINUTE, True),
        (5 * MINUTE + SECOND, False),
        (-2 * MINUTE, True),  # a clock that is ahead
        (-2 * MINUTE - SECOND, False),
    ],
)
def test_a_step_up_lasts_as_long_as_a_sign_in(tenant, proven, age, good):
    said, rules = proven(), policy.for_site()
    now = said.proof.at + age

    assert (
        step_up.is_valid_proof(said.proof, starter=said.starter, person=said.person, rules=rules, now=now)
        is good
    )


def test_a_step_up_for_a_former_context_is_refused(tenant, rules, proven, confirmation):
    said = proven()
    rules(step_up_context="c2", reason="A stronger one")

    refused = outcome_of(confirmation(said.starter, proof=said.proof))

    assert refused.guards == (guards.BY_CODE["step_up_is_for_this"],)


def test_without_any_proof_nothing_holds(tenant, proven, confirmation):
    said = proven()

    assert outcome_of(confirmation(said.starter)).needs_only_sign_in
    assert step_up.proof_for(said.starter, {}) is None


@pytest.mark.parametrize(
    "kept", ["x", {}, {"id": "a"}, {"id": "a", "for": "b", "oid": "c", "contexts": None, "at": 1}, None, 7]
)
def test_a_session_that_holds_nonsense_holds_no_proof(kept):
    starter = Starter(public_id="A" * 22)

    assert step_up.proof_for(starter, {starter.public_id: kept}) is None


def test_a_session_drops_its_oldest_step_ups(tenant, rules, invite, browser_of, microsoft):
    rules()
    starter, maria = invite("noor"), browser_of("maria")
    session = maria.session
    session[SESSION_KEY] = {f"other-{number}": {} for number in range(MAX_PROOFS)}
    session.save()

    step_up_by(maria, microsoft, maria.get(page_of(starter)))

    kept = list(maria.session[SESSION_KEY])
    assert len(kept) == MAX_PROOFS and kept[-1] == starter.public_id
    assert "other-0" not in kept and f"other-{MAX_PROOFS - 1}" in kept


def test_used_proofs_are_forgotten_after_a_day(tenant, proven, traveller):
    outcome_of(proven())

    retention.run_retention("")
    assert StepUpUsed.objects.count() == 1
    traveller.shift(timedelta(days=1, seconds=1))
    retention.run_retention("")

    assert not StepUpUsed.objects.exists()


# --- Where it does not succeed --------------------------------------------------------------------------------------------


def deny_context(tenant: Any) -> None:
    tenant.tenant.contexts = {"c1": ["tom"]}


FAILS: dict[str, tuple[Callable[[Any], object], str, dict[str, str], int, str]] = {
    # name: the tenant's fault, who answers with what, the status, and words of the page
    "cancelled": (lambda tenant: None, "cancel", {}, 400, "You did not confirm your identity"),
    "not met": (deny_context, "maria", {}, 403, "This step needs a stronger sign-in"),
    "somebody else": (lambda tenant: None, "tom", {}, 403, "You signed in with a different account"),
    "an earlier sign-in": (lambda tenant: None, "maria", {"signed_in_ago": "600"}, 403, "Please sign in again"),
    "Microsoft is away": (
        lambda tenant: tenant.tenant.faults.add({"path": "/oauth2/v2.0/token", "method": "POST", "status": 503}),
        "maria", {}, 503, "You cannot sign in at the moment",
    ),
    "forged": (
        lambda tenant: setattr(tenant.tenant, "id_token_changes", {"signature": "foreign"}),
        "maria", {}, 403, "Your identity was not confirmed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILS)
def test_a_failed_step_up_keeps_everything_and_links_back(tenant, rules, invite, browser_of, microsoft, name):
    happens, who, more, status, title = FAILS[name]
    rules()
    starter, maria = invite("noor"), browser_of("maria")
    refused = maria.post(page_of(starter), form_of(starter, identity_check="by_video"))
    happens(tenant)

    answer = step_up_by(maria, microsoft, refused, who, **more)

    assert answer.status_code == status and title in words(answer)
    assert "Nothing was changed" in words(answer) or name == "an earlier sign-in"
    assert not stored_proof(maria, starter)
    assert maria.session["_auth_user_id"]  # still signed in
    # Back leads to the same page. Continue starts another step-up for the same starter, with the saved choice.
    assert maria.get(answer.context["back_url"]).context["page_state"].code == "sign_in"
    tenant.tenant.contexts, tenant.tenant.id_token_changes = {}, {}
    returned = return_from_microsoft(maria, microsoft, asked_at_microsoft(maria, answer.context["url"]))
    assert maria.get(returned["Location"]).context["form"]["identity_check"].value() == "by_video"
    assert stored_proof(maria, starter)["contexts"] == ["c1"]


@pytest.mark.parametrize("acrs", ["c1", ["c1"], ["c2", "c1"]], ids=["as text", "as a list", "among others"])
def test_the_context_may_come_as_text_or_in_a_list(tenant, rules, invite, browser_of, microsoft, acrs):
    rules()
    starter, maria = invite("noor"), browser_of("maria")
    tenant.tenant.id_token_changes = {"set": {"acrs": acrs}}

    step_up_by(maria, microsoft, maria.get(page_of(starter)))

    assert maria.get(page_of(starter)).context["page_state"].code == "ready"


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (
            {"error": "interaction_required", "error_description": "AADSTS50158: more is needed"},
            "needs a stronger sign-in",
        ),
        (
            {"error": "access_denied", "error_description": "AADSTS53003: blocked by policy"},
            "needs a stronger sign-in",
        ),
        (
            {"error": "access_denied", "error_description": "AADSTS65004: declined"},
            "You did not confirm your identity",
        ),
        ({"error": "server_error"}, "Your identity was not confirmed"),
    ],
)
def test_what_microsoft_says_no_with_becomes_words(tenant, rules, invite, browser_of, answer, title):
    rules()
    starter, maria = invite("noor"), browser_of("maria")
    asked = asked_at_microsoft(maria, link_for(starter))

    page = maria.get("/signin/callback/", answer | {"state": asked["state"]})

    assert title in words(page)
    again = parse_qs(urlsplit(page.context["url"]).query)
    assert again == {"next": [page_of(starter)], "for": [starter.public_id]}


def test_step_up_without_microsoft_shows_links_forward_and_back(
    tenant, rules, invite, browser_of, monkeypatch
):
    def unreachable(*args: Any, **how: Any) -> Any:
        raise requests.ConnectionError("no route")

    rules()
    starter, maria = invite("noor"), browser_of("maria")
    monkeypatch.setattr("portal.signin.flows.msal_application", unreachable)

    page = maria.get(link_for(starter))

    assert page.status_code == 503 and "could not reach" in words(page)
    assert page.context["url"].startswith(reverse("signin:again"))
    assert page.context["back_url"] == page_of(starter)
