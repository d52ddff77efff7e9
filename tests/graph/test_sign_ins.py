"""Earlier sign-ins to an account: what Graph's three times prove, alone and in a list of accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from onboarding import graph as ours
from tests.graph.graph_answers import MARIA, NOOR, USER, V1, answering, error, graph, many
from tests.support.sign_ins import CREATED, LAST, MOMENT, ROWS, SILENT, SUCCESS, activity, proven

mocked_graph = pytest.fixture(answering)
LIST = f"{V1}/users"
THIRD = "5c0ffee0-1111-4aaa-8bbb-000000000043"


@pytest.mark.parametrize(("times", "created"), ROWS, ids=str)
def test_what_the_three_times_and_the_creation_date_prove(mocked_graph, times, created):
    mocked_graph.get(USER, json={"id": NOOR, "signInActivity": activity(times)})

    assert graph().read_sign_ins(NOOR).was_used(created) is proven(times, created)


@pytest.mark.parametrize("created", CREATED, ids=str)
@pytest.mark.parametrize("more", [{}, {"signInActivity": None}], ids=["absent", "null"])
def test_missing_activity_equals_three_missing_times(mocked_graph, more, created):
    mocked_graph.get(USER, json={"id": NOOR, **more})

    assert graph().read_sign_ins(NOOR).was_used(created) is proven(("null", "null", "null"), created)


@pytest.mark.parametrize("name", [SUCCESS, LAST, SILENT])
@pytest.mark.parametrize("value", ["yesterday", 5, True, [], {}, "2023-05-04"])
def test_a_time_that_cannot_be_read_proves_nothing(mocked_graph, name, value):
    mocked_graph.get(USER, json={"id": NOOR, "signInActivity": {SUCCESS: None, name: value}})

    with pytest.raises(ours.Incomplete):
        graph().read_sign_ins(NOOR)


@pytest.mark.parametrize("value", ["never", 7, [], [{}]])
def test_an_activity_of_another_kind_proves_nothing(mocked_graph, value):
    mocked_graph.get(USER, json={"id": NOOR, "signInActivity": value})

    with pytest.raises(ours.Incomplete):
        graph().read_sign_ins(NOOR)


def test_year_one_means_that_the_time_was_never_set(mocked_graph):
    mocked_graph.get(USER, json={"id": NOOR, "signInActivity": {SUCCESS: "0001-01-01T00:00:00Z"}})

    assert graph().read_sign_ins(NOOR) == ours.SignIns(None, None)


def test_an_attempt_is_the_later_of_the_two_times(mocked_graph):
    times = {SUCCESS: None, LAST: "2026-09-01T08:00:00Z", SILENT: "2026-09-02T08:00:00Z"}
    mocked_graph.get(USER, json={"id": NOOR, "signInActivity": times})

    assert graph().read_sign_ins(NOOR) == ours.SignIns(None, datetime(2026, 9, 2, 8, tzinfo=UTC))


def test_an_answer_about_another_account_is_no_answer(mocked_graph):
    mocked_graph.get(USER, json={"id": MARIA})

    with pytest.raises(ours.Incomplete):
        graph().read_sign_ins(NOOR)


def test_a_deleted_account_does_not_count_as_never_signed_in(mocked_graph):
    mocked_graph.get(USER, json=error("Request_ResourceNotFound", "x"), status=404)

    with pytest.raises(ours.NotFound):
        graph().read_sign_ins(NOOR)


# --- Who does not tell --------------------------------------------------------------------------------------------

NO_RIGHT = error("Authentication_MSGraphPermissionMissing", "required permission(s): AuditLog.Read.All.")
NO_P1 = error(
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    "Neither tenant is B2C or tenant doesn't have premium license",
)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, NO_RIGHT),
        (403, NO_P1),
        (403, error("Authorization_RequestDenied", "Insufficient privileges.")),
        (400, error("AadPremiumLicenseRequired", "The tenant needs to have a premium license.")),
    ],
)
def test_a_missing_permission_or_licence_makes_activity_unreadable(mocked_graph, status, body):
    for address in (USER, LIST):
        mocked_graph.get(address, json=body, status=status)

    with pytest.raises(ours.ReadNotPermitted):
        graph().read_sign_ins(NOOR)
    with pytest.raises(ours.ReadNotPermitted):
        graph().list_sign_ins([NOOR, MARIA])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("Request_UnsupportedQuery", "Sign-in activity cannot be listed.")),
        (401, error("InvalidAuthenticationToken", "x")),
        (403, None),
        (404, error("Request_ResourceNotFound", "x")),
        (409, error("x", "x")),
        (429, error("TooManyRequests", "x")),
        (500, error("x", "x")),
        (302, None),
        (204, None),
    ],
)
def test_any_other_failure_leaves_it_unread(mocked_graph, status, body):
    for address in (USER, LIST):
        if body is None:
            mocked_graph.get(address, body="<html>blocked</html>", status=status)
        else:
            mocked_graph.get(address, json=body, status=status)

    for read in (lambda: graph().read_sign_ins(NOOR), lambda: graph().list_sign_ins([NOOR, MARIA])):
        with pytest.raises(ours.GraphError) as failed:
            read()
        assert not isinstance(failed.value, ours.ReadNotPermitted)


# --- Lists --------------------------------------------------------------------------------------------------------


def test_a_list_requests_only_ids_and_activity_in_one_call(mocked_graph):
    mocked_graph.get(LIST, json=many({"id": NOOR}, {"id": MARIA, "signInActivity": {SUCCESS: MOMENT}}))

    found = graph().list_sign_ins([NOOR.upper(), MARIA])

    (call,) = mocked_graph.calls
    assert parse_qs(urlsplit(call.request.url).query) == {
        "$select": ["id,signInActivity"],
        "$filter": [f"id in ('{NOOR}','{MARIA}')"],
    }
    assert found == {
        NOOR: ours.SignIns(None, None),
        MARIA: ours.SignIns(datetime(2023, 5, 4, 7, 8, 9, tzinfo=UTC), None),
    }


@pytest.mark.parametrize(
    "answer",
    [
        many({"id": NOOR}),
        many({"id": NOOR}, {"id": THIRD}),
        many({"id": NOOR}, {"id": MARIA, "signInActivity": {SUCCESS: "x"}}),
        many({"id": NOOR}, {"id": MARIA, "signInActivity": "x"}),
        many({"id": NOOR}, {"id": MARIA}, {"id": MARIA, "signInActivity": {SUCCESS: MOMENT}}),
        many({"id": NOOR}, {"id": None}),
        many({"id": NOOR}, {"signInActivity": {}}),
        many({"id": NOOR}, **{"@odata.nextLink": f"{V1}/users?next"}),
        many({"id": NOOR}, **{"@odata.nextLink": "https://evil.test/v1.0/users"}),
        many({"id": NOOR}, **{"@odata.count": 2}),
    ],
    ids=[
        "missing",
        "somebody else",
        "a time that cannot be read",
        "of another kind",
        "twice",
        "no id",
        "not named",
        "on the next page",
        "on a page elsewhere",
        "counted and not shown",
    ],
)
def test_an_account_missing_from_the_list_stays_unread(mocked_graph, answer):
    mocked_graph.get(LIST, json=answer)

    assert graph().list_sign_ins([NOOR, MARIA]) == {NOOR: ours.SignIns(None, None)}
    assert len(mocked_graph.calls) == 1


@pytest.mark.parametrize("answer", [None, [], {}, {"value": None}, {"value": {}}, {"value": ["x"]}])
def test_an_answer_without_a_list_reads_no_account(mocked_graph, answer):
    mocked_graph.get(LIST, json=answer)

    with pytest.raises(ours.Incomplete):
        graph().list_sign_ins([NOOR, MARIA])


@pytest.mark.parametrize("count", [0, 16])
def test_a_list_request_holds_one_to_fifteen_accounts(mocked_graph, count):
    with pytest.raises(ValueError, match="15"):
        graph().list_sign_ins([f"5c0ffee0-1111-4aaa-8bbb-{number:012d}" for number in range(count)])

    assert not mocked_graph.calls


def test_only_an_object_id_becomes_part_of_the_filter(mocked_graph):
    with pytest.raises(ValueError, match="object id"):
        graph().list_sign_ins(["x' or id ne 'y"])
