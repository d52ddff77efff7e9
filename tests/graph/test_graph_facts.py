"""The facts for a pass are read in one round trip. An incomplete answer is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from onboarding import graph as ours
from tests.graph.graph_answers import (
    BATCH,
    GLOBAL_ADMINISTRATOR,
    GROUP,
    MARIA,
    METHOD,
    NOOR,
    V1,
    answering,
    batch,
    boss,
    error,
    graph,
    listed_pass,
    many,
    method,
    parts,
    pass_policy,
    person,
)

mocked_graph = pytest.fixture(answering)
MISSING = (404, error("Request_ResourceNotFound", "Resource does not exist."))
PASS_TYPE = "#microsoft.graph.temporaryAccessPassAuthenticationMethod"


def facts(mock, **changed):
    mock.post(BATCH, json=batch(parts(**changed)))
    return graph().issue_facts(NOOR)


def asked(mock):
    return {part["id"]: part for part in json.loads(mock.calls[0].request.body)["requests"]}


def test_a_starter_with_nothing_against_her(mocked_graph):
    found = facts(mocked_graph)

    assert found.account == ours.Account(
        object_id=NOOR,
        user_principal_name="noor.devries@contoso.example",
        display_name="Noor de Vries",
        job_title="Analyst",
        department="Finance",
        mail="",
        employee_id="004711",
        hire_date=datetime(2026, 10, 5, tzinfo=UTC),
        created_at=datetime(2026, 10, 1, 9, 30, 0, 123456, tzinfo=UTC),
        enabled=True,
        kind="member",
        restricted=False,
    )
    assert found.manager is not None
    assert (found.manager.object_id, found.manager.enabled, found.manager.kind) == (MARIA, True, "member")
    assert found.methods == (ours.Method("password", "m"),)
    assert (found.passes, found.active_roles, found.eligible_roles, found.role_groups) == ((), (), (), ())


def test_all_facts_come_from_one_batch(mocked_graph):
    facts(mocked_graph)

    paths = [part["url"] for part in asked(mocked_graph).values()]
    assert len(mocked_graph.calls) == 1
    assert sum("/authentication/" in path for path in paths) == 1
    assert all(part["method"] == "GET" for part in asked(mocked_graph).values())


def test_what_graph_gives_only_when_named_is_named(mocked_graph):
    facts(mocked_graph)

    parts_asked = asked(mocked_graph)
    for name in ("accountEnabled", "userType", "createdDateTime", "employeeHireDate", "creationType"):
        assert name in parts_asked["account"]["url"]
    assert "signInActivity" not in parts_asked["account"]["url"]
    assert unquote(parts_asked["eligible"]["url"]).endswith(f"?$filter=principalId eq '{NOOR}'")


@pytest.mark.parametrize("name", ["roles", "groups", "owned"])
def test_advanced_queries_carry_their_header_and_their_option(mocked_graph, name):
    facts(mocked_graph)

    part = asked(mocked_graph)[name]
    assert part["headers"] == {"ConsistencyLevel": "eventual"}
    assert "$count=true" in part["url"]


@pytest.mark.parametrize("name", ["account", "manager", "assignments", "eligible"])
def test_other_queries_are_not_sent_to_the_staler_index(mocked_graph, name):
    facts(mocked_graph)

    assert asked(mocked_graph)[name]["headers"] == {}


def test_roles_are_found_active_and_eligible_and_through_groups(mocked_graph):
    custom = "11111111-0000-4000-8000-000000000001"
    role = {"id": "r", "roleTemplateId": GLOBAL_ADMINISTRATOR}

    found = facts(
        mocked_graph,
        roles=(200, many(role)),
        assignments=(200, many({"roleDefinitionId": custom}, {"roleDefinitionId": GLOBAL_ADMINISTRATOR})),
        eligible=(200, many({"roleDefinitionId": custom})),
        groups=(200, many({"id": GROUP, "isAssignableToRole": True})),
    )

    assert found.active_roles == tuple(sorted((custom, GLOBAL_ADMINISTRATOR)))
    assert found.eligible_roles == (custom,)
    assert found.role_groups == (GROUP,)


def test_owning_a_role_assignable_group_counts_as_being_in_it(mocked_graph):
    found = facts(mocked_graph, owned=(200, many({"id": GROUP, "isAssignableToRole": True})))

    assert found.role_groups == (GROUP,)


def test_methods_and_passes_are_separated_and_unknown_methods_kept(mocked_graph):
    registered = (
        method("password"),
        method("fido2", id="-2_GRUg2", displayName="key", createdDateTime="2026-10-05T06:00:00.1234567Z"),
        method("phone", smsSignInState="ready"),
        method("brandNew"),
        {"@odata.type": "#microsoft.graph.beta.resourceKey", "id": "m"},
        {"@odata.type": PASS_TYPE, **listed_pass(isUsable=False, methodUsabilityReason="OneTimeUsed")},
    )

    found = facts(mocked_graph, methods=(200, many(*registered)))

    made = datetime(2026, 10, 5, 6, 0, 0, 123456, tzinfo=UTC)
    assert found.methods == (
        ours.Method("password", "m"),
        ours.Method("fido2", "-2_GRUg2", made),
        ours.Method("phone", "m", None, "ready"),
        ours.Method("brandNew", "m"),
        ours.Method("resourceKey", "m"),
    )
    assert [(p.method_id, p.usable, p.reason) for p in found.passes] == [(METHOD, False, "OneTimeUsed")]


def test_no_manager_is_a_normal_answer(mocked_graph):
    assert facts(mocked_graph, manager=MISSING).manager is None


CLOSED = (403, error("Authorization_RequestDenied", "Insufficient privileges."))
NO_LICENCE = (400, error("AadPremiumLicenseRequired", "The tenant needs to have a premium license."))


@pytest.mark.parametrize("name", ["methods", "roles", "groups", "owned", "assignments"])
@pytest.mark.parametrize("answer", [CLOSED, NO_LICENCE], ids=["no right", "no licence"])
def test_a_forbidden_required_part_fails_the_whole_reading(mocked_graph, name, answer):
    with pytest.raises(ours.Refused):
        facts(mocked_graph, **{name: answer})


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("eligible", "eligible_roles"),
        ("eligible_groups", "eligible_groups"),
        ("pass_policy", "pass_policy"),
    ],
)
@pytest.mark.parametrize("answer", [CLOSED, NO_LICENCE], ids=["no right", "no licence"])
def test_a_forbidden_optional_part_is_unknown_and_the_rest_known(mocked_graph, name, field, answer):
    found = facts(mocked_graph, **{name: answer})

    assert getattr(found, field) is None
    assert found.active_roles == () and found.account.enabled is True


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "maybe"}, {"state": None}, {"minimumLifetimeInMinutes": "60"}, {"maximumLifetimeInMinutes": None},
        {"includeTargets": None}, {"excludeTargets": None}, {"includeTargets": [{"id": None}]},
    ],
    ids=str,
)  # fmt: skip
def test_an_incomplete_pass_policy_fails_the_whole_reading(mocked_graph, wrong):
    with pytest.raises(ours.Incomplete):
        facts(mocked_graph, pass_policy=(200, pass_policy(**wrong)))


def test_a_restricted_unit_is_read_and_never_guessed(mocked_graph):
    def read(account):
        mocked_graph.reset()
        return facts(mocked_graph, account=(200, account)).account.restricted

    silent = person()
    del silent["isManagementRestricted"]
    assert read(person(isManagementRestricted=True)) is True
    assert read(person(isManagementRestricted=None)) is False
    assert read(person(isManagementRestricted="no")) is None
    assert read(silent) is None


@pytest.mark.parametrize(
    "name", ["methods", "roles", "groups", "owned", "assignments", "eligible", "eligible_groups"]
)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((400, error("Request_UnsupportedQuery", "x")), ours.Refused),
        ((401, error("InvalidAuthenticationToken", "x")), ours.Refused),
        ((424, error("FailedDependency", "x")), ours.Refused),
        ((429, error("TooManyRequests", "x")), ours.Throttled),
        ((500, error("x", "x")), ours.Unavailable),
        ((503, "<html>"), ours.Unavailable),
        ((204, None), ours.Unavailable),
        ((302, None), ours.Unavailable),
        ((200, None), ours.Incomplete),
        ((200, "PGh0bWw+"), ours.Incomplete),
        ((200, []), ours.Incomplete),
        ((200, {}), ours.Incomplete),
        ((200, {"value": None}), ours.Incomplete),
        ((200, {"value": {}}), ours.Incomplete),
        ((200, {"value": [None]}), ours.Incomplete),
        ((200, {"value": ["x"]}), ours.Incomplete),
        ((200, many({})), ours.Incomplete),
        ((200, many({"id": GROUP})), ours.Incomplete),
        ((200, many(**{"@odata.nextLink": f"{V1}/next"})), ours.Incomplete),
        ((200, many(**{"@odata.nextLink": "https://evil.test/v1.0/users"})), ours.Incomplete),
        ((200, many(**{"@odata.nextLink": ""})), ours.Incomplete),
        ((200, many(**{"@odata.count": 3})), ours.Incomplete),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_part_that_failed_or_lacks_something_fails_the_whole(mocked_graph, name, answer, kind):
    with pytest.raises(kind):
        facts(mocked_graph, **{name: answer})

    assert len(mocked_graph.calls) == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("account", ours.NotFound),
        ("methods", ours.NotFound),
        ("eligible", ours.Incomplete),
        ("roles", ours.Incomplete),
    ],
)
def test_only_a_404_for_the_account_means_it_is_gone(mocked_graph, name, kind):
    with pytest.raises(kind):
        facts(mocked_graph, **{name: (404, error("Request_ResourceNotFound", "x"))})


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("groups", {"@odata.type": "#microsoft.graph.group", "id": GROUP, "isAssignableToRole": None}),
        ("groups", {"id": GROUP, "isAssignableToRole": "false", "displayName": "All employees"}),
        ("groups", {"id": GROUP, "displayName": "All employees"}),
        ("groups", {"id": GROUP, "isAssignableToRole": None, "displayName": None}),
        ("groups", {"id": None, "isAssignableToRole": True}),
        ("owned", {"id": GROUP, "isAssignableToRole": None}),
        ("roles", {"@odata.type": "#microsoft.graph.directoryRole", "id": "r", "roleTemplateId": None}),
        ("roles", {"id": "r", "roleTemplateId": ""}),
        ("assignments", {"id": "a", "roleDefinitionId": None}),
        ("eligible", {"id": "e", "roleDefinitionId": 7}),
        ("methods", {"id": "m"}),
        ("methods", {"id": "m", "@odata.type": None}),
        ("methods", {"id": "m", "@odata.type": "#"}),
        ("methods", {"@odata.type": PASS_TYPE, **listed_pass(startDateTime=None)}),
        ("methods", {"@odata.type": PASS_TYPE, **listed_pass(createdDateTime="x")}),
        ("methods", {"@odata.type": PASS_TYPE, **listed_pass(lifetimeInMinutes=10**9)}),
        ("methods", {"@odata.type": PASS_TYPE, **listed_pass(id="../..")}),
    ],
    ids=str,
)
def test_null_where_a_permission_is_missing_is_not_a_no(mocked_graph, name, item):
    with pytest.raises(ours.Incomplete):
        facts(mocked_graph, **{name: (200, many(item))})


def test_null_for_a_readable_group_means_an_ordinary_group(mocked_graph):
    everyone = {"id": GROUP, "displayName": "All employees", "isAssignableToRole": None}

    assert facts(mocked_graph, groups=(200, many(everyone))).role_groups == ()


def test_a_deleted_account_is_not_found_despite_other_answers(mocked_graph):
    denied = (403, error("Authorization_RequestDenied", "x"))

    with pytest.raises(ours.NotFound):
        facts(mocked_graph, account=MISSING, manager=MISSING, methods=denied, roles=denied)


def test_an_unreadable_manager_does_not_count_as_no_manager(mocked_graph):
    with pytest.raises(ours.Refused):
        facts(mocked_graph, manager=(403, error("Authorization_RequestDenied", "x")))


@pytest.mark.parametrize("changed", [{"id": MARIA}, {"id": None}, {"id": "7"}, {"id": ["x"]}])
def test_an_answer_about_someone_else_is_refused(mocked_graph, changed):
    with pytest.raises(ours.Incomplete):
        facts(mocked_graph, account=(200, person(**changed)))


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"userType": "Guest"}, "guest"),
        ({"userType": "Guest", "creationType": "Invitation"}, "external"),
        ({"userType": "Member", "creationType": "Invitation"}, "external"),
        ({"externalUserState": "Accepted"}, "external"),
        ({"userPrincipalName": "g_other.example#EXT#@contoso.example"}, "external"),
        ({"userType": None}, None),
        ({"userType": "Robot"}, None),
        ({"userType": True}, None),
    ],
)
def test_where_someone_belongs(mocked_graph, changed, kind):
    assert facts(mocked_graph, account=(200, person(**changed))).account.kind == kind


@pytest.mark.parametrize("value", [None, "true", 1, [], {}])
def test_a_field_of_another_type_is_not_known(mocked_graph, value):
    changed = dict.fromkeys(("accountEnabled", "createdDateTime", "employeeHireDate", "department"), value)
    if isinstance(value, str):
        changed["department"] = None

    found = facts(mocked_graph, account=(200, person(**changed))).account

    assert (found.enabled, found.created_at, found.hire_date, found.department) == (None, None, None, "")


def test_fields_that_graph_left_out_are_not_known(mocked_graph):
    found = facts(mocked_graph, account=(200, {"id": NOOR}), manager=(200, {"id": MARIA}))

    assert (found.account.enabled, found.account.kind, found.account.created_at) == (None, None, None)
    assert found.manager is not None
    assert (found.manager.enabled, found.manager.kind, found.manager.display_name) == (None, None, "")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-10-02T13:45:10.1234567Z", datetime(2026, 10, 2, 13, 45, 10, 123456, tzinfo=UTC)),
        ("2026-10-02T13:45:11", datetime(2026, 10, 2, 13, 45, 11, tzinfo=UTC)),
        ("2026-10-02T13:45:11.9999999", datetime(2026, 10, 2, 13, 45, 11, 999999, tzinfo=UTC)),
        ("2026-10-02T15:45:11+02:00", datetime(2026, 10, 2, 13, 45, 11, tzinfo=UTC)),
        ("2026-10-02T13:45Z", datetime(2026, 10, 2, 13, 45, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("2026-10-02", None),
        ("2026-13-02T00:00:00Z", None),
        ("T" * 1000, None),
        ("", None),
    ],
)
def test_times_are_read_in_every_form_that_graph_uses(mocked_graph, said, meant):
    found = facts(mocked_graph, account=(200, person(createdDateTime=said)))

    assert found.account.created_at == meant


def test_words_lose_what_neither_a_page_nor_a_database_takes(mocked_graph):
    name = "No\x00or\r\n\x1b[31m \ud800de <b>Vries</b>" + "x" * 5000

    found = facts(mocked_graph, account=(200, person(displayName=name)))

    assert found.account.display_name.startswith("Noor[31m de <b>Vries</b>x")
    assert len(found.account.display_name) <= 256
    found.account.display_name.encode()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer["responses"].pop(),
        lambda answer: answer["responses"].append(answer["responses"][0]),
        lambda answer: answer["responses"][0].update(id="other"),
        lambda answer: answer["responses"][0].update(id=None),
        lambda answer: answer["responses"][0].update(status="200"),
        lambda answer: answer["responses"][0].pop("status"),
        lambda answer: answer["responses"].append("x"),
        lambda answer: answer.update(responses=None),
        lambda answer: answer.pop("responses"),
    ],
)
def test_a_batch_with_a_part_missing_or_doubled_is_refused(mocked_graph, spoil):
    answer = batch(parts())
    spoil(answer)
    mocked_graph.post(BATCH, json=answer)

    with pytest.raises(ours.Incomplete):
        graph().issue_facts(NOOR)


def test_a_throttled_part_says_how_long_to_wait(mocked_graph):
    answer = batch(parts(methods=(429, error("TooManyRequests", "x"))))
    for part in answer["responses"]:
        part["headers"] = {"retry-after": "9"} if part["status"] == 429 else None
    mocked_graph.post(BATCH, json=answer)

    with pytest.raises(ours.Throttled) as complaint:
        graph().issue_facts(NOOR)

    assert complaint.value.retry_after == 9


@pytest.mark.parametrize(
    "name", ["noor", "", "me", "..", f"{NOOR}/manager", "../me", "a@b@c", "a b@contoso.example"]
)
def test_only_an_object_id_becomes_part_of_a_path(mocked_graph, name):
    with pytest.raises(ValueError, match="object id"):
        graph().issue_facts(name)


def look_up(mock, name, **changed):
    answers = {"account": (200, person()), "manager": (200, boss()), **changed}
    mock.post(BATCH, json=batch(answers))
    return graph().look_up(name)


@pytest.mark.parametrize(
    "name", [NOOR, NOOR.upper(), "noor.devries@contoso.example", " Noor.deVries@CONTOSO.example "]
)
def test_look_up_by_name_or_id_includes_the_manager(mocked_graph, name):
    account, manager = look_up(mocked_graph, name)

    assert account.object_id == NOOR
    assert manager is not None
    assert manager.object_id == MARIA


def test_an_account_without_a_manager_is_found_too(mocked_graph):
    assert look_up(mocked_graph, NOOR, manager=MISSING)[1] is None


def test_an_account_that_does_not_exist_is_not_found(mocked_graph):
    with pytest.raises(ours.NotFound):
        look_up(mocked_graph, NOOR, account=MISSING, manager=MISSING)


def test_a_name_that_leads_to_someone_else_is_refused(mocked_graph):
    with pytest.raises(ours.Incomplete):
        look_up(mocked_graph, "lotte.vos@contoso.example")


def test_an_unreadable_manager_fails_the_look_up(mocked_graph):
    with pytest.raises(ours.Refused):
        look_up(mocked_graph, NOOR, manager=(403, error("Authorization_RequestDenied", "x")))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("g_other.example#EXT#@contoso.example", "/users/g_other.example%23EXT%23@contoso.example"),
        ("liam.o'brien@contoso.example", "/users/liam.o%27brien@contoso.example"),
        ("$x'y@contoso.example", "/users('%24x%27%27y%40contoso.example')"),
    ],
)
def test_a_name_is_quoted_in_the_path(mocked_graph, name, path):
    look_up(mocked_graph, name, account=(200, person(userPrincipalName=name)))

    assert asked(mocked_graph)["account"]["url"].partition("?")[0] == path


@pytest.mark.parametrize(
    "name", ["", " ", "noor", "a/../b@contoso.example", "a?b@contoso.example", "a@b@c", "\n@c", "é@c"]
)
def test_an_impossible_name_is_not_found_without_a_call(mocked_graph, name):
    with pytest.raises(ours.NotFound):
        graph().look_up(name)

    assert len(mocked_graph.calls) == 0


def test_the_manager_is_read_alone(mocked_graph):
    mocked_graph.get(f"{V1}/users/{NOOR}/manager", json=boss(accountEnabled=False))

    manager = graph().read_manager(NOOR)

    assert manager is not None
    assert (manager.object_id, manager.enabled) == (MARIA, False)


def test_a_404_for_the_manager_alone_means_no_manager(mocked_graph):
    mocked_graph.get(f"{V1}/users/{NOOR}/manager", json=MISSING[1], status=404)

    assert graph().read_manager(NOOR) is None


@pytest.mark.parametrize("status", [400, 403])
def test_an_unreadable_manager_alone_is_an_error(mocked_graph, status):
    mocked_graph.get(f"{V1}/users/{NOOR}/manager", json={}, status=status)

    with pytest.raises(ours.Refused):
        graph().read_manager(NOOR)
