"""Every answer to the read before a pass. Only a complete and valid answer leads to a POST."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from onboarding import guards
from onboarding.models import AuditEvent, Starter
from tests.answers.conftest import Effects, Microsoft, seen
from tests.answers.fake_graph import PASS_TYPE, maria, noor
from tests.conftest import BY_KEY
from tests.graph.graph_answers import (
    GLOBAL_ADMINISTRATOR,
    GROUP,
    batch,
    error,
    listed_pass,
    many,
    method,
    parts,
)
from tests.promises.test_6_the_outcome_is_always_known import form_of, page_of

pytestmark = pytest.mark.django_db

HR, SECURITY = "hr@contoso.example", "security@contoso.example"
BATCH, ACCOUNT, MANAGER, METHODS = r"\$batch$", r"/users/[^/]+$", "/manager$", "/authentication/methods$"
ROLES, GROUPS, OWNED = (
    "/microsoft.graph.directoryRole$",
    "/transitiveMemberOf/microsoft.graph.group$",
    "/owned",
)
ACTIVE, ELIGIBLE = "/roleAssignments$", "/roleEligibilityScheduleInstances$"
ELIGIBLE_GROUPS = "/privilegedAccess/group/eligibilityScheduleInstances$"
PEOPLE = r"/v1.0/users$"
HTML = "<html><title>Welcome to our proxy</title></html>"
SOMEBODY = "5c0ffee0-0000-4000-8000-000000000040"


@dataclass(frozen=True)
class End:
    status: int
    says: str
    codes: list[str] = field(default_factory=list)
    notified: set[tuple[str, str]] = field(default_factory=set)
    problem: str = ""


SHOWN = End(200, "data-pass")
BUSY = End(200, "Microsoft creates only a few passes at a time.")
NOT_CHECKABLE = End(503, "The portal could not check the account. Try again in a minute.", ["not_checkable"])
GONE = End(503, "Microsoft did not find the account.", ["account_gone"])  # one 404 proves nothing


def refused_by(*codes: str) -> End:
    """These guards refuse. The manager reads the text of the first. HR gets a mail, and security may get one."""
    refusing = [guards.BY_CODE[code] for code in codes]
    alarmed = {("refused", SECURITY)} if any(guard.alarming for guard in refusing) else set()
    says = str(guards.reasons_for_codes(codes, reference=1)[0].for_manager).partition(".")[0]
    return End(403, says, list(codes), {("refused", HR)} | alarmed, "refused")


FOREIGN = End(
    403,
    "It works once",
    ["no_foreign_pass"],
    {("refused", HR), ("refused", SECURITY)},
    "refused",
)
NO_LICENCE = error("AadPremiumLicenseRequired", "The tenant needs to have a premium licence.")


def answer_to(path: str, status: int | None = None, **answer: Any) -> dict[str, Any]:
    return {"path": path, **({"status": status} if status else {}), **answer}


def changed_answer(path: str, **fields: Any) -> dict[str, Any]:
    return answer_to(path, mutate=fields)


def list_answer(path: str, *items: object, **more: object) -> dict[str, Any]:
    return changed_answer(path, value=list(items), **more)


def by_the_book(*extra: str, without: str = "", **changed: tuple[int, object]) -> dict[str, Any]:
    """The complete answer with one part added or removed."""
    hanna = {"id": BY_KEY["hanna"].object_id, "employeeId": "000001"}
    asked = {"account": (200, noor()), "manager": (200, maria()), "people 0": (200, many(hanna))}
    whole = parts(**{**asked, **changed})
    listed = batch(whole)["responses"]
    assert isinstance(listed, list)
    again = [part for part in listed if part["id"] in extra]
    return answer_to(
        BATCH, 200, body={"responses": [part for part in listed if part["id"] != without] + again}
    )


def listed_item(**changed: object) -> dict[str, object]:
    return {"@odata.type": PASS_TYPE, **listed_pass(**changed)}


ELSEWHERE = {"Location": "{elsewhere}/v1.0/x"}
ROWS: list[tuple[str, Any, End]] = [
    ("1 everything in order", {}, SHOWN),
    ("1 everything in order, by the book", by_the_book, SHOWN),
    (
        "1 a pass that was used is no pass",
        list_answer(METHODS, listed_item(isUsable=False, methodUsabilityReason="OneTimeUsed")),
        SHOWN,
    ),
    (
        "1 a pass that expired is no pass",
        list_answer(METHODS, listed_item(isUsable=False, methodUsabilityReason="Expired")),
        SHOWN,
    ),
    (
        "9 a pass that is usable and expired",
        list_answer(METHODS, listed_item(methodUsabilityReason="Expired")),
        FOREIGN,
    ),
    # The page shows a pass of another tool. The portal does not change it, and notifies HR and security.
    ("9 a pass made elsewhere", list_answer(METHODS, listed_item()), FOREIGN),
    (
        "9 a pass with an unknown reason",
        list_answer(METHODS, listed_item(methodUsabilityReason="Eclipse")),
        FOREIGN,
    ),
    ("9 a pass without times", list_answer(METHODS, listed_item(startDateTime=None)), NOT_CHECKABLE),
    ("11 the token is refused once", answer_to(BATCH, 401), SHOWN),
    ("11 the token is refused twice", answer_to(BATCH, 401, times=2), NOT_CHECKABLE),
    ("12 the right to anything is missing", answer_to(BATCH, 403), NOT_CHECKABLE),
    *(
        (f"13 no right to read {path.strip('$')}", answer_to(path, 403), NOT_CHECKABLE)
        for path in (METHODS, ROLES, GROUPS, OWNED, ACTIVE, ACCOUNT, MANAGER)
    ),
    ("13 no right to read roles to take up", answer_to(ELIGIBLE, 403), refused_by("no_eligible_role.unread")),
    (
        "13 no licence for them",
        answer_to(ELIGIBLE, 400, body=NO_LICENCE),
        refused_by("no_eligible_role.unread"),
    ),
    (
        "13 no right to read groups to take up",
        answer_to(ELIGIBLE_GROUPS, 403),
        refused_by("no_eligible_group.unread"),
    ),
    (
        "13 no right, and an empty list beside it",
        answer_to(ELIGIBLE, 403, body={"value": []}),
        refused_by("no_eligible_role.unread"),
    ),
    (
        "13 a group of which only the id is seen",
        list_answer(GROUPS, {"id": GROUP, "displayName": None, "isAssignableToRole": None}),
        NOT_CHECKABLE,
    ),
    (
        "13 a group that says nothing",
        list_answer(OWNED, {"id": GROUP, "displayName": "Sales"}),
        NOT_CHECKABLE,
    ),
    (
        "13 an ordinary group",
        list_answer(GROUPS, {"id": GROUP, "displayName": "Sales", "isAssignableToRole": None}),
        SHOWN,
    ),
    (
        "13 a role of which only the id is seen",
        list_answer(ROLES, {"id": "r", "roleTemplateId": None}),
        NOT_CHECKABLE,
    ),
    *(
        (
            f"13 {path.strip('$')} goes on elsewhere",
            changed_answer(path, **{"@odata.nextLink": "{elsewhere}/v1.0/next"}),
            NOT_CHECKABLE,
        )
        for path in (METHODS, ROLES, GROUPS, OWNED, ACTIVE, ELIGIBLE)
    ),
    ("13 more than are listed", changed_answer(GROUPS, **{"@odata.count": 7}), NOT_CHECKABLE),
    ("13 no list", changed_answer(ACTIVE, value=None), NOT_CHECKABLE),
    ("13 a list of texts", list_answer(ELIGIBLE, "x"), NOT_CHECKABLE),
    # The portal does not retry after five, ten or twenty seconds: the manager does, with the same button.
    ("15 nobody by this id", answer_to(ACCOUNT, 404), GONE),
    ("15 not known to every service yet", answer_to(METHODS, 404), GONE),
    # The account exists, so "not found" for a part of it means that the part could not be read.
    (
        "15 not found, and an empty list beside it",
        answer_to(ELIGIBLE, 404, body={"value": []}),
        NOT_CHECKABLE,
    ),
    ("16 no manager", answer_to(MANAGER, 404), refused_by("same_manager", "manager_now", "manager_enabled")),
    ("16 another manager", changed_answer(MANAGER, id=SOMEBODY), refused_by("same_manager", "manager_now")),
    ("16 a manager without an id", answer_to(MANAGER, remove=["id"]), NOT_CHECKABLE),
    ("19 busy", answer_to(BATCH, 429, headers={"Retry-After": "20"}), BUSY),
    ("19 busy, no time named", answer_to(BATCH, 429), BUSY),
    ("19 one part is busy", answer_to(METHODS, 429, headers={"Retry-After": "20"}), BUSY),
    ("21 no answer", answer_to(BATCH, drop="before"), NOT_CHECKABLE),
    ("21 an answer that is lost", answer_to(BATCH, drop="after"), NOT_CHECKABLE),
    *((f"21 {status}, once", answer_to(BATCH, status), SHOWN) for status in (500, 502, 503, 504)),
    *(
        (f"21 {status}, again and again", answer_to(BATCH, status, times=4), NOT_CHECKABLE)
        for status in (500, 503)
    ),
    ("21 one part fails", answer_to(ELIGIBLE, 503), NOT_CHECKABLE),
    ("21 one part depends on another that failed", answer_to(ROLES, 424), NOT_CHECKABLE),
    ("22 HTML", answer_to(BATCH, 200, body=HTML), NOT_CHECKABLE),
    ("22 HTML in one part", answer_to(METHODS, 200, body=HTML), NOT_CHECKABLE),
    ("22 nothing", answer_to(BATCH, 200, body=""), NOT_CHECKABLE),
    ("22 a list", answer_to(BATCH, 200, body=[]), NOT_CHECKABLE),
    ("22 no parts", answer_to(BATCH, 200, body={}), NOT_CHECKABLE),
    ("22 cut in its middle", answer_to(BATCH, cut_at=200), NOT_CHECKABLE),
    ("22 five megabytes", changed_answer(BATCH, padding="x" * 5_000_000), NOT_CHECKABLE),
    *(
        (f"22 {status} to another host", answer_to(BATCH, status, headers=ELSEWHERE), NOT_CHECKABLE)
        for status in (302, 307, 308)
    ),
    ("22 a part that says it is elsewhere", answer_to(ELIGIBLE, 302, headers=ELSEWHERE), NOT_CHECKABLE),
    ("22 the employee numbers are refused", answer_to(PEOPLE, 403), NOT_CHECKABLE),
    ("22 the employee numbers are no list", answer_to(PEOPLE, body={"value": {}}), NOT_CHECKABLE),
    (
        "22 the employee numbers go on elsewhere",
        changed_answer(PEOPLE, **{"@odata.nextLink": "https://x"}),
        NOT_CHECKABLE,
    ),
    ("22 an employee number of nobody", list_answer(PEOPLE, {"employeeId": "1"}), NOT_CHECKABLE),
    (
        "22 the recorder has no employee number",
        list_answer(PEOPLE, {"id": SOMEBODY, "employeeId": None}),
        SHOWN,
    ),
    ("22 a part too few", lambda: by_the_book(without="eligible"), NOT_CHECKABLE),
    ("22 a part that comes twice", lambda: by_the_book("roles"), NOT_CHECKABLE),
    ("22 somebody else's account", lambda: by_the_book(account=(200, noor(id=SOMEBODY))), NOT_CHECKABLE),
    ("22 an account without an id", answer_to(ACCOUNT, remove=["id"]), NOT_CHECKABLE),
    ("23 disabled", changed_answer(ACCOUNT, accountEnabled=False), refused_by("enabled")),
    ("23 null", changed_answer(ACCOUNT, accountEnabled=None), refused_by("enabled")),
    ("23 absent", answer_to(ACCOUNT, remove=["accountEnabled"]), refused_by("enabled")),
    ("23 a text", changed_answer(ACCOUNT, accountEnabled="true"), refused_by("enabled")),
    (
        "23 the manager is disabled",
        changed_answer(MANAGER, accountEnabled=False),
        refused_by("manager_enabled"),
    ),
    ("23 the manager, absent", answer_to(MANAGER, remove=["accountEnabled"]), refused_by("manager_enabled")),
    (
        "24 a role",
        list_answer(ROLES, {"id": "r", "roleTemplateId": GLOBAL_ADMINISTRATOR}),
        refused_by("no_active_role"),
    ),
    (
        "24 a role of the tenant's own",
        list_answer(ACTIVE, {"roleDefinitionId": "own"}),
        refused_by("no_active_role"),
    ),
    (
        "24 a role to take up",
        list_answer(ELIGIBLE, {"roleDefinitionId": "own"}),
        refused_by("no_eligible_role"),
    ),
    (
        "24 a group to take up",
        list_answer(ELIGIBLE_GROUPS, {"groupId": GROUP}),
        refused_by("no_eligible_group"),
    ),
    (
        "24 in a restricted unit",
        changed_answer(ACCOUNT, isManagementRestricted=True),
        refused_by("not_restricted"),
    ),
    (
        "24 not told whether in one",
        answer_to(ACCOUNT, remove=["isManagementRestricted"]),
        refused_by("not_restricted"),
    ),
    ("24 another name", changed_answer(ACCOUNT, displayName="Somebody else"), refused_by("same_person")),
    ("24 another number", changed_answer(ACCOUNT, employeeId="999999"), refused_by("same_person")),
    (
        "24 hired next year",
        changed_answer(ACCOUNT, employeeHireDate="2099-01-01T00:00:00Z"),
        refused_by("hire_date_agrees"),
    ),
    (
        "24 a group for roles",
        list_answer(GROUPS, {"id": GROUP, "isAssignableToRole": True}),
        refused_by("no_role_group"),
    ),
    (
        "24 owns such a group",
        list_answer(OWNED, {"id": GROUP, "isAssignableToRole": True}),
        refused_by("no_role_group"),
    ),
    ("24 a guest", changed_answer(ACCOUNT, userType="Guest"), refused_by("internal_member")),
    ("24 a member of no known kind", changed_answer(ACCOUNT, userType=None), refused_by("internal_member")),
    (
        "24 invited from elsewhere",
        changed_answer(ACCOUNT, creationType="Invitation"),
        refused_by("internal_member"),
    ),
    ("24 a passkey", list_answer(METHODS, method("fido2")), refused_by("no_own_method")),
    # A method of an unknown type counts as a way to sign in.
    (
        "24 a method of an unknown type",
        list_answer(METHODS, method("telepathy")),
        refused_by("no_own_method"),
    ),
    ("24 a method of no type", list_answer(METHODS, {"id": "m"}), NOT_CHECKABLE),
]


@pytest.mark.parametrize(("answer", "end"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_every_answer_before_the_post_has_one_outcome(
    microsoft: Microsoft,
    order: Callable[..., None],
    invite: Callable[..., Starter],
    browser_of: Any,
    effects_of: Callable[[Starter], Effects],
    time_passes: Any,
    answer: Any,
    end: End,
) -> None:
    starter = invite("noor")
    effects = effects_of(starter)
    if answer:
        order(**(answer() if callable(answer) else answer))

    page = browser_of("maria").post(page_of(starter), form_of(starter))

    assert (page.status_code, end.says in seen(page)) == (end.status, True), seen(page)
    if end is SHOWN:
        assert effects.events == ["issue.intent", "issue.shown", "starter.issued"]
        assert (effects.calls["make"], len(microsoft.live())) == (1, 1)
        return
    assert "data-pass" not in seen(page)
    assert (effects.calls["make"], starter.issues.count(), microsoft.live()) == (0, 0, [])
    assert effects.events == (["issue.refused"] if end.codes else [])
    assert codes_in_the_trail() == end.codes
    assert effects.notified == end.notified
    assert Starter.objects.get(pk=starter.pk).problem == end.problem
    assert effects.calls["$batch"] <= 4

    time_passes(timedelta(seconds=30))
    assert (effects.calls["make"], microsoft.strangers) == (0, [])
    assert browser_of("maria").get(page_of(starter)).context["page_state"].code == "ready"


@pytest.mark.parametrize(
    "answer",
    [
        answer_to(BATCH, 403),
        answer_to(ACCOUNT, 404),
        answer_to(BATCH, 429),
        changed_answer(ACCOUNT, accountEnabled=False),
    ],
    ids=str,
)
def test_the_same_button_works_once_the_answer_is_valid(
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
    order(**answer)
    browser_of("maria").post(page_of(starter), form_of(starter))
    time_passes(timedelta(seconds=30))

    page = browser_of("maria").post(page_of(starter), form_of(starter))

    assert "data-pass" in seen(page), seen(page)
    assert (effects.calls["make"], len(microsoft.live())) == (1, 1)
    assert Starter.objects.get(pk=starter.pk).problem == ""


def codes_in_the_trail() -> list[str]:
    refused = AuditEvent.objects.filter(event="issue.refused").first()
    return list(refused.facts["codes"]) if refused else []


def test_the_audit_log_keeps_the_error_code_of_each_part(
    microsoft: Microsoft, order: Any, invite: Any, browser_of: Any
) -> None:
    starter = invite("noor")
    order(path=ACTIVE, status=403, body=error("Authorization_RequestDenied", "Insufficient privileges."))

    browser_of("maria").post(page_of(starter), form_of(starter))

    facts = AuditEvent.objects.get(event="issue.refused").facts
    assert facts["graph"] == "Authorization_RequestDenied" and facts["graph_request_id"]
