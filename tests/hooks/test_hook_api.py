"""An application adds, reads and removes the webhooks of its own sources. Power Automate's form works."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from onboarding.api.authentication import HOOKS, READ, RECORD, WITHDRAW
from onboarding.hooks import events, subscriptions
from onboarding.models import AuditEvent, Hook
from tests.api.conftest import OTHER_SYSTEM, token_of
from tests.hooks.conftest import SERVICENOW, SIG, happen, send_due

pytestmark = pytest.mark.django_db
URL = f"https://hooks.contoso.example/flows/1?sig={SIG}"


@pytest.fixture
def ask(tenant, call, policy_says) -> Any:
    """Call as ServiceNow, which may manage webhooks."""
    policy_says(
        api_applications=f"{SERVICENOW} servicenow hr-system\n{OTHER_SYSTEM} topdesk",
        hook_hosts="127.0.0.1\n*.contoso.example",
    )

    def send(method: str, path: str, body: Any = None, **how: Any) -> Any:
        application = how.pop("application", SERVICENOW)
        token = token_of(tenant, application, roles=how.pop("roles", [HOOKS]))
        return call(method, path, body, token=token, **how)

    return send


def new_hook(**otherwise: Any) -> dict[str, Any]:
    body = {"url": URL, "source": "servicenow"} | otherwise
    return {name: value for name, value in body.items() if value is not None}


def test_a_new_webhook_shows_its_secret_once(ask):
    answer = ask("POST", "hooks", new_hook())

    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["secret"].startswith("whsec_")
    assert (body["host"], body["source"], body["state"]) == ("hooks.contoso.example", "servicenow", "active")
    assert body["events"] == list(events.TYPES)
    assert answer["Cache-Control"] == "no-store"
    path = urlsplit(answer["Location"]).path.removeprefix("/api/v1/")
    again = ask("GET", path)
    assert again.json() == {name: value for name, value in body.items() if name != "secret"}
    assert SIG not in answer.content.decode() + again.content.decode()
    assert AuditEvent.objects.get(event="hook.subscribed").facts["hook"] == body["id"]


def test_power_automate_subscribes_and_unsubscribes(ask, receiver, ticketed):
    """A flow posts its callback, keeps Location, and deletes it when it is turned off."""
    added = ask("POST", "hooks", new_hook(url=receiver.url, events=["starter.registered"]))
    location = added["Location"]
    assert (added.status_code, location.startswith("http")) == (201, True)
    starter = ticketed()
    happen(starter, "starter.invited", "starter.registered")
    send_due()
    assert receiver.types == ["starter.registered"]

    removed = ask("DELETE", urlsplit(location).path.removeprefix("/api/v1/"))
    happen(starter, "starter.registered")
    send_due()

    assert (removed.status_code, removed.content) == (204, b"")
    assert len(receiver.received) == 1
    assert ask("GET", urlsplit(location).path.removeprefix("/api/v1/")).status_code == 404
    assert AuditEvent.objects.get(event="hook.removed").facts["reason"] == "caller"


def test_the_list_has_own_sources_only(ask):
    mine = [ask("POST", "hooks", new_hook(source=name)).json()["id"] for name in ("servicenow", "hr-system")]
    other = ask("POST", "hooks", new_hook(source="topdesk"), application=OTHER_SYSTEM).json()["id"]

    listed = ask("GET", "hooks").json()["hooks"]

    assert [hook["id"] for hook in listed] == mine
    assert SIG not in str(listed)
    for method in ("GET", "DELETE"):
        answer = ask(method, f"hooks/{other}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_hook")
    assert Hook.objects.filter(ended_at=None).count() == 3


def test_a_webhook_that_is_not_there_is_not_found(ask):
    for name in ("A" * 22, "short", "A" * 23):
        assert ask("DELETE", f"hooks/{name}").status_code == 404


def test_the_only_source_need_not_be_named(ask):
    answer = ask("POST", "hooks", new_hook(source=None), application=OTHER_SYSTEM)

    assert answer.json()["source"] == "topdesk"


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"url": None}, "/url", "required"),
        ({"url": 1}, "/url", "not_text"),
        ({"url": "http://hooks.contoso.example/"}, "/url", "not_https"),
        ({"url": "https://evil.example/"}, "/url", "host_not_allowed"),
        ({"url": "not an address"}, "/url", "invalid"),
        ({"url": URL + "x" * 2100}, "/url", "too_long"),
        ({"source": None}, "/source", "required"),
        ({"source": "topdesk"}, "/source", "invalid_choice"),
        ({"events": "starter.invited"}, "/events", "not_a_list"),
        ({"events": ["starter.invited", "starter.unknown"]}, "/events", "invalid_choice"),
        ({"events": [{}]}, "/events", "invalid_choice"),
        ({"format": "xml"}, "/format", "invalid_choice"),
        ({"format": None, "secret": "whsec_mine"}, "/secret", "unknown"),
    ],
)
def test_each_wrong_field_of_a_webhook_has_an_error(ask, changes, pointer, code):
    answer = ask("POST", "hooks", new_hook(**changes))

    assert answer.status_code == 422, answer.content
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert not Hook.objects.exists()


def test_an_application_has_twenty_webhooks_at_most(ask):
    for _ in range(subscriptions.MOST_HOOKS):
        added = ask("POST", "hooks", new_hook())
        assert added.status_code == 201

    answer = ask("POST", "hooks", new_hook())
    assert (answer.status_code, answer.json()["code"]) == (409, "hook_limit")
    assert ask("POST", "hooks", new_hook(source="topdesk"), application=OTHER_SYSTEM).status_code == 201

    ask("DELETE", f"hooks/{added.json()['id']}")
    assert ask("POST", "hooks", new_hook()).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "hooks"), ("POST", "hooks"), ("GET", "id"), ("DELETE", "id")]
)
def test_webhooks_need_their_own_role(ask, method, path):
    added = ask("POST", "hooks", new_hook()).json()["id"]
    body = new_hook() if method == "POST" else None

    answer = ask(method, path.replace("id", f"hooks/{added}"), body, roles=[READ, RECORD, WITHDRAW])

    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert Hook.objects.filter(ended_at=None).count() == 1


def test_an_application_that_policy_drops_loses_its_webhooks(ask, policy_says):
    ask("POST", "hooks", new_hook())
    policy_says(api_applications=f"{SERVICENOW} hr-system")

    assert ask("GET", "hooks").json()["hooks"] == []
