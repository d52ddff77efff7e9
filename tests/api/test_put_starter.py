"""A ticket adds one starter, however often its system sends it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from onboarding.lifecycle import StarterState
from onboarding.models import AuditEvent, PolicyVersion, Starter, Ticket
from onboarding.tickets import put
from tests.api.conftest import OTHER_SYSTEM, SERVICENOW, starter_body, token_of

PATH = "starters/servicenow/RITM0000001"
pytestmark = pytest.mark.django_db


def test_a_ticket_adds_a_starter_that_waits_for_hr(add):
    answer = add()

    assert answer.status_code == 201, answer.content
    assert answer["Location"] == f"/api/v1/{PATH}"
    assert answer["ETag"] == '"1"'
    body = answer.json()
    assert (body["state"], body["acceptance"], body["nextActor"]) == ("recorded", "waiting", "hr")
    assert "recorder_is_a_person" in [obstacle["code"] for obstacle in body["obstacles"]]
    starter = Starter.objects.get()
    assert starter.recorded_by is None
    assert str(starter.ticket) == "servicenow/RITM0000001"


def test_the_same_ticket_again_changes_nothing(add):
    add()
    events = AuditEvent.objects.count()

    answer = add()

    assert answer.status_code == 200
    assert answer["ETag"] == '"1"'
    assert Starter.objects.count() == 1
    assert AuditEvent.objects.count() == events


def test_a_changed_date_moves_the_starter(add):
    add()

    answer = add(startTime="10:30")

    assert answer.status_code == 200
    assert answer.json()["startTime"] == "10:30"
    assert answer["ETag"] == '"2"'
    event = AuditEvent.objects.filter(event="starter.rescheduled").get()
    assert event.detail.values["by"].endswith("ca12")


def test_the_answer_repeats_only_what_was_sent(add):
    body = add().content.decode()

    assert "Noor" not in body
    assert "Maria" not in body
    assert Starter.objects.get().display_name not in body


def test_an_expected_account_is_added_too(add):
    answer = add(account="not.yet@contoso.example")

    assert answer.status_code == 201
    codes = [obstacle["code"] for obstacle in answer.json()["obstacles"]]
    assert codes == ["recorder_is_a_person", "account_missing"]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"account": None}, "/account", "required"),
        ({"account": "two words"}, "/account", "invalid"),
        ({"account": "00000000-0000-4000-8000-00000000dead"}, "/account", "not_found"),
        ({"account": "a@b.example\u202e"}, "/account", "hidden_characters"),
        ({"account": "a\x00@contoso.example"}, "/account", "null_characters_not_allowed"),
        ({"account": "x" * 400}, "/account", "max_length"),
        ({"account": f"{'a' * 60}@{'b' * 60}.example"}, "/account", "max_length"),
        ({"account": "noor@\u212aontoso.example"}, "/account", "invalid"),
        ({"startDate": None}, "/startDate", "required"),
        ({"startDate": "2026-02-30"}, "/startDate", "invalid"),
        ({"startDate": "30.11.2026"}, "/startDate", "invalid"),
        ({"startDate": "1999-01-01"}, "/startDate", "too_early"),
        ({"startDate": "2199-01-01"}, "/startDate", "too_late"),
        ({"startDate": 20261130}, "/startDate", "not_text"),
        ({"startTime": "25:00"}, "/startTime", "invalid"),
        ({"startTime": "9 o'clock"}, "/startTime", "invalid"),
        ({"timeZone": "Mars/Olympus"}, "/timeZone", "invalid_choice"),
        ({"timeZone": None}, "/timeZone", "required"),
        ({"note": "x" * 501}, "/note", "max_length"),
        ({"note": ["a"]}, "/note", "not_text"),
        ({"requestedBy": "nobody.here@contoso.example"}, "/requestedBy", "not_found"),
        ({"requestedBy": "Hanna <hanna.hr@contoso.example>"}, "/requestedBy", "invalid"),
        ({"requestedBy": "hanna.hr@contoso.example,eve@evil.example"}, "/requestedBy", "invalid"),
        ({"requestedBy": "hanna\u200b@contoso.example"}, "/requestedBy", "hidden_characters"),
        ({"pass": "x"}, "/pass", "unknown"),
        ({"a/b~c": "x"}, "/a~1b~0c", "unknown"),
    ],
)
def test_each_wrong_field_has_its_own_error(add, changes, pointer, code):
    answer = add(**changes)

    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert not Starter.objects.exists()


def test_response_lists_all_wrong_fields(add):
    answer = add(account=None, startDate="x", timeZone=None)

    assert {error["pointer"] for error in answer.json()["errors"]} == {"/account", "/startDate", "/timeZone"}


@pytest.mark.usefixtures("no_collection_at_full_depth")
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "not_json", 400),
        ("[]", "not_json", 400),
        ("null", "not_json", 400),
        ('{"account": "a", "account": "b"}', "not_json", 400),
        (b"\xff\xfe", "not_json", 400),
        ("[" * 5000, "not_json", 400),
        ("x" * 17_000, "too_large", 413),
        ("x" * 70_000, "too_large", 413),
    ],
)
def test_a_body_that_is_no_small_json_object_is_refused(call, body, kind, status):
    answer = call("PUT", PATH, body)

    assert (answer.status_code, answer.json()["code"]) == (status, kind)
    assert answer["Content-Type"] == "application/problem+json"


def test_another_content_type_is_refused(call):
    answer = call("PUT", PATH, "account=x", **{"Content-Type": "application/x-www-form-urlencoded"})

    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_type")


@pytest.mark.parametrize(("sent", "status"), [('"1"', 200), ('"7"', 412), ("nonsense", 412), ('W/"1"', 412)])
def test_a_stale_version_changes_nothing(call, add, sent, status):
    add()

    answer = call("PUT", PATH, starter_body(startTime="11:00"), **{"If-Match": sent})

    assert answer.status_code == status
    assert f"{Starter.objects.get().start_time:%H:%M}" == ("11:00" if status == 200 else "09:00")


def test_a_version_of_a_starter_that_is_not_there_fails(call):
    assert call("PUT", PATH, starter_body(), **{"If-Match": '"1"'}).status_code == 412
    assert not Starter.objects.exists()


def test_if_none_match_only_adds(call, add):
    assert call("PUT", PATH, starter_body(), **{"If-None-Match": "*"}).status_code == 201
    assert call("PUT", PATH, starter_body(startTime="12:00"), **{"If-None-Match": "*"}).status_code == 412


def test_only_adding_leaves_a_parallel_tickets_starter_as_it_is(call, add, monkeypatch):
    add()
    find, reads = put.find_ticket, [None]  # the other request adds the starter after the first read
    monkeypatch.setattr(put, "find_ticket", lambda *key: reads.pop() if reads else find(*key))

    answer = call("PUT", PATH, starter_body(startTime="12:00"), **{"If-None-Match": "*"})

    assert answer.status_code == 412
    assert f"{Starter.objects.get().start_time:%H:%M}" == "09:00"


def test_second_ticket_for_an_account_gets_its_state(add):
    add()

    answer = add(ticket="RITM0000002")

    assert answer.status_code == 409
    assert answer.json()["code"] == "already_added"
    assert answer.json()["otherState"] == "recorded"
    assert Ticket.objects.count() == 1


def test_an_application_reaches_only_its_own_sources(tenant, call, add):
    add()
    other = token_of(tenant, OTHER_SYSTEM)

    assert call("GET", PATH, token=other).status_code == 404
    assert call("PUT", PATH, starter_body(), token=other).status_code == 404
    assert call("POST", f"{PATH}/withdrawal", {"reason": "x"}, token=other).status_code == 404
    assert call("GET", "starters", token=other).json()["starters"] == []


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [("PUT", PATH, "Starters.Record"), ("GET", PATH, "Starters.Read"), ("GET", "starters", "Starters.Read"),
     ("POST", f"{PATH}/withdrawal", "Starters.Withdraw")],
)  # fmt: skip
def test_each_action_needs_its_own_role(tenant, call, add, method, path, role):
    add()
    others = [name for name in ("Starters.Record", "Starters.Read", "Starters.Withdraw") if name != role]
    body = {"reason": "x"} if method == "POST" else starter_body() if method == "PUT" else None

    refused = call(method, path, body, token=token_of(tenant, roles=others))

    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert call(method, path, body, token=token_of(tenant, roles=[role])).status_code == 200


def test_a_call_without_a_good_token_is_challenged(call):
    for token, challenge in (("", "Bearer"), ("nonsense", 'Bearer error="invalid_token"')):
        answer = call("GET", "starters", token=token)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, challenge)


def test_a_session_does_not_open_the_api(browser_of, allowed):
    answer = browser_of("hanna").get("/api/v1/starters")

    assert answer.status_code == 401


def test_an_application_that_policy_drops_is_shut_out_at_once(call, add, policy_says):
    add()
    policy_says(api_applications=f"{OTHER_SYSTEM} servicenow")

    assert call("GET", PATH).status_code == 403


def test_an_agent_needs_the_policy(tenant, call, add, policy_says):
    add()
    agent = token_of(tenant, xms_act_fct="3 11")

    assert call("GET", PATH, token=agent).status_code == 403
    policy_says(api_agents=True)
    assert call("GET", PATH, token=agent).status_code == 200


def test_without_a_registration_there_is_no_api(call, settings):
    settings.API_CLIENT_ID = ""

    answer = call("GET", "starters")

    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_address")


def test_unknown_addresses_and_methods_answer_in_the_same_form(call):
    for method, path, status in (("GET", "starter", 404), ("DELETE", "starters", 405), ("POST", PATH, 405)):
        answer = call(method, path)
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_the_daily_limit_of_an_application_has_a_time(add, policy_says):
    policy_says(hr_daily=1)
    add()

    answer = add(ticket="RITM0000002", account="liam.byrne@contoso.example")

    assert (answer.status_code, answer.json()["code"]) == (429, "daily_limit")
    assert 1 <= int(answer["Retry-After"]) <= 86400


def test_a_silent_directory_is_no_mistake_of_the_caller(add, tenant):
    tenant.tenant.faults.add({"path": "/users", "status": 503, "times": 20})

    answer = add()

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer["Retry-After"]) > 0
    assert not Starter.objects.exists()


def test_withdrawal_needs_a_reason_and_is_final(call, add):
    add()
    missing = call("POST", f"{PATH}/withdrawal", {})
    assert [error["pointer"] for error in missing.json()["errors"]] == ["/reason"]

    assert call("POST", f"{PATH}/withdrawal", {"reason": "Ticket cancelled"}).json()["state"] == "withdrawn"
    assert call("POST", f"{PATH}/withdrawal", {"reason": "again"}).status_code == 200
    changed = add(startTime="15:00")
    assert (changed.status_code, changed.json()["state"]) == (409, StarterState.WITHDRAWN)


def test_no_policy_lists_an_application_at_first(call):
    assert PolicyVersion.objects.order_by("number").first().api_applications == ""


def test_the_api_needs_no_csrf_token_and_sets_no_cookie(add, call):
    assert not add().cookies
    assert not call("GET", "starters", token="").cookies


def test_if_match_with_a_star_only_changes(call, add):
    assert call("PUT", PATH, starter_body(), **{"If-Match": "*"}).status_code == 412
    add()
    assert call("PUT", PATH, starter_body(startTime="12:00"), **{"If-Match": "*"}).status_code == 200


def test_a_registered_starter_cannot_be_withdrawn(call, add):
    add()
    Starter.objects.update(state="registered")

    answer = call("POST", f"{PATH}/withdrawal", {"reason": "late"})

    assert (answer.status_code, answer.json()["code"]) == (409, "not_changeable")


def test_the_limit_answers_before_anything_is_looked_up(add, policy_says, tenant):
    policy_says(hr_daily=1)
    add()
    asked = len(tenant.tenant.requests)

    answer = add(ticket="RITM0000002", account="liam.byrne@contoso.example", requestedBy="nobody@x.example")

    assert answer.status_code == 429
    assert len(tenant.tenant.requests) == asked


def test_changes_of_one_day_are_limited(add, policy_says):
    policy_says(hr_daily=1)
    add()

    statuses = [add(startTime=f"{hour}:00").status_code for hour in (10, 11, 12)]

    assert statuses == [200, 200, 429]


def test_every_event_names_the_application(call, add):
    add()
    add(startTime="10:00")
    call("POST", f"{PATH}/withdrawal", {"reason": "x"})

    for name in ("starter.recorded", "starter.rescheduled", "starter.withdrawn"):
        assert AuditEvent.objects.get(event=name).facts["application"] == SERVICENOW


def test_an_erased_starter_is_gone_for_every_method(call, add):
    add()
    Starter.objects.update(erased_at=timezone.now(), state="withdrawn")

    assert call("GET", PATH).status_code == call("PUT", PATH, starter_body()).status_code == 404


def test_chunked_body_gets_a_clear_refusal(call):
    answer = call("PUT", PATH, starter_body(), **{"Transfer-Encoding": "chunked"})

    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
