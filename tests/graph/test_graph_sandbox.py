"""The Graph client works with the sandbox over real HTTP: tokens, permissions, formats, limits and mail."""

from __future__ import annotations

from uuid import uuid4

import pytest
import requests
from django.core.mail import EmailMessage

from onboarding import graph as ours
from onboarding.graph.mail import GraphMailBackend
from portal import identity
from portal.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(port=0) as running:
        yield running


@pytest.fixture
def client(sandbox, settings, monkeypatch):
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.url)
    settings.GRAPH_URL = sandbox.url
    sandbox.reset()
    forget()
    yield ours.client()
    forget()


def forget():
    ours.forget_client()
    identity.forget_workload_identity()


def control(sandbox, verb, what):
    requests.post(f"{sandbox.url}/_control/{verb}", json=what, timeout=30).raise_for_status()


def starter(sandbox, key="noor"):
    people = requests.get(f"{sandbox.url}/_control/state", timeout=30).json()["people"]
    return people[key]["properties"]["id"]


def test_a_pass_is_created_listed_and_deleted(client, sandbox):
    person = starter(sandbox)

    made = client.create_pass(person, lifetime_minutes=60, request_id=uuid4())
    (listed,) = client.list_passes(person)
    client.delete_pass(person, made.method_id)

    assert made.code.reveal()
    assert (listed.method_id, listed.usable, listed.ends_at) == (made.method_id, True, made.ends_at)
    assert client.list_passes(person) == ()


def test_someone_with_nothing_against_them_is_read_whole(client, sandbox):
    found = client.issue_facts(starter(sandbox))

    assert (found.account.enabled, found.account.kind) == (True, "member")
    assert found.manager is not None
    assert [method.type for method in found.methods] == ["password"]
    assert (found.passes, found.active_roles, found.eligible_roles, found.role_groups) == ((), (), (), ())


@pytest.mark.parametrize(
    ("key", "shows"),
    [
        ("ceo", lambda found: found.active_roles),
        ("groupadmin", lambda found: found.active_roles),
        ("eligible", lambda found: found.eligible_roles),
        ("rolegroup", lambda found: found.role_groups),
        ("guest", lambda found: found.account.kind == "external"),
        ("disabled", lambda found: found.account.enabled is False),
        ("passkey", lambda found: any(method.type == "fido2" for method in found.methods)),
        ("haspass", lambda found: found.passes),
        ("ben", lambda found: found.manager is None),
    ],
)
def test_each_risky_account_is_visible_in_the_facts(client, sandbox, key, shows):
    assert shows(client.issue_facts(starter(sandbox, key)))


@pytest.mark.parametrize(
    ("permission", "kind"),
    [
        ("GroupMember.Read.All", ours.Incomplete),
        ("RoleManagement.Read.Directory", ours.Refused),
        ("UserAuthenticationMethod.Read.All", ours.Refused),
    ],
)
def test_a_missing_permission_is_never_an_empty_answer(client, sandbox, permission, kind):
    control(sandbox, "change", {"revoke": [permission]})

    with pytest.raises(kind):
        client.issue_facts(starter(sandbox))


def test_the_bounds_of_the_tenants_policy_are_a_refusal(client, sandbox):
    with pytest.raises(ours.Refused) as complaint:
        client.create_pass(starter(sandbox), lifetime_minutes=5, request_id=uuid4())

    assert complaint.value.reason == "lifetime"


def test_a_second_pass_is_refused_where_the_tenant_refuses_it(client, sandbox):
    control(sandbox, "change", {"second_post": "refuse"})
    client.create_pass(starter(sandbox), lifetime_minutes=60, request_id=uuid4())

    with pytest.raises(ours.Refused) as complaint:
        client.create_pass(starter(sandbox), lifetime_minutes=60, request_id=uuid4())

    assert complaint.value.reason == "exists"


@pytest.mark.parametrize(("dropped", "made"), [("before", 0), ("after", 1)])
def test_a_lost_answer_is_unknown_with_and_without_a_pass(client, sandbox, dropped, made):
    fault = {"method": "POST", "path": "temporaryAccessPassMethods", "drop": dropped, "times": 1}
    control(sandbox, "faults", [fault])

    with pytest.raises(ours.OutcomeUnknown):
        client.create_pass(starter(sandbox), lifetime_minutes=60, request_id=uuid4())

    assert len(client.list_passes(starter(sandbox))) == made


def test_a_missing_account_is_not_found(client):
    with pytest.raises(ours.NotFound):
        client.look_up("lotte.vos@contoso.example")


def test_mail_arrives_in_the_mailbox_page(client, sandbox, settings):
    settings.MAIL_FROM = "starters@contoso.example"
    message = EmailMessage("A starter", "Open.", settings.MAIL_FROM, ["maria.lindqvist@contoso.example"])

    GraphMailBackend().send_messages([message])

    assert "A starter" in requests.get(f"{sandbox.url}/_control/mail", timeout=30).text
