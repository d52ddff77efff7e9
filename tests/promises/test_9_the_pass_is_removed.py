"""Promise 9: the portal deletes the pass once the starter has registered a method."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

from onboarding.models import Mail, PassIssue, Starter
from onboarding.passes.receipt import confirm_receipt
from portal.demo.visitor import Visitor
from portal.sandbox.methods import new_method

pytestmark = pytest.mark.django_db


def passes_of(tenant, key: str = "noor") -> list:
    """All passes that Graph lists for the account, used or not."""
    return [found for found in tenant.tenant.passes if found.person == key and not found.ended]


def sign_in_with(tenant, code: str) -> Visitor:
    starter = Visitor(tenant.url)
    answer = starter.post(
        f"{tenant.url}/mysignins", {"account": "noor.devries@contoso.example", "pass": code}
    )
    assert answer.status_code == 200, answer.text
    return starter


@pytest.fixture
def handed_over(tenant, shown):
    """A pass that was handed over and acknowledged by the manager's page."""

    outcome = shown("noor")
    code = outcome.code.reveal()
    assert confirm_receipt(outcome.issue, by=outcome.issue.actor)
    return outcome.issue, code


def test_registering_a_passkey_removes_the_pass(tenant, handed_over, run_jobs):
    _, code = handed_over
    starter = sign_in_with(tenant, code)
    assert starter.post(f"{tenant.url}/mysignins/register", {"name": "My phone"}).ok

    run_jobs(timedelta(seconds=15))

    assert passes_of(tenant) == []
    assert Starter.objects.get().state == "registered"
    assert PassIssue.objects.get().state == "closed"
    assert set(Mail.objects.filter(kind="registered").values_list("to", flat=True)) == {
        "maria.lindqvist@contoso.example",
        "hr@contoso.example",
    }


def test_registering_another_method_removes_an_unused_pass(tenant, handed_over, run_jobs):
    tenant.tenant.accounts["noor"].methods.append(
        new_method("windowsHelloForBusiness", tenant.tenant.clock.now())
    )

    run_jobs(timedelta(seconds=15))

    assert passes_of(tenant) == []
    assert Starter.objects.get().state == "registered"


@pytest.mark.parametrize("kind", ["email", "phone", "softwareOath", "microsoftAuthenticator", "telepathy"])
def test_the_pass_stays_while_no_method_allows_sign_in(tenant, handed_over, run_jobs, kind):
    tenant.tenant.accounts["noor"].methods.append(new_method(kind, tenant.tenant.clock.now()))

    run_jobs(timedelta(seconds=15))

    assert len(passes_of(tenant)) == 1
    assert (Starter.objects.get().state, PassIssue.objects.get().state) == ("issued", "held")


def test_registering_an_authenticator_removes_the_pass(tenant, handed_over, run_jobs):
    _, code = handed_over
    starter = sign_in_with(tenant, code)
    assert starter.post(f"{tenant.url}/mysignins/register", {"method": "authenticator"}).ok

    run_jobs(timedelta(seconds=15))

    assert passes_of(tenant) == []
    assert Starter.objects.get().state == "registered"


def test_a_used_pass_without_a_registration_is_removed(tenant, handed_over, run_jobs):
    _, code = handed_over
    sign_in_with(tenant, code)

    run_jobs(timedelta(seconds=15))
    assert PassIssue.objects.get().used_at is not None
    run_jobs(timedelta(minutes=14))

    assert passes_of(tenant) == []
    assert Starter.objects.get().state == "invited"
    assert PassIssue.objects.get().reason == "used"


def test_the_deletion_is_retried_until_graph_responds(tenant, handed_over, run_jobs):
    tenant.tenant.accounts["noor"].methods.append(
        {"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "id": "f"}
    )
    requests.post(
        f"{tenant.url}/_control/faults",
        json=[{"method": "DELETE", "path": ".*temporaryAccessPassMethods.*", "status": 503, "times": 4}],
        timeout=30,
    )

    run_jobs(timedelta(seconds=15))
    assert len(passes_of(tenant)) == 1
    assert Starter.objects.get().state == "issued"
    run_jobs(timedelta(minutes=2))

    assert passes_of(tenant) == []
    assert Starter.objects.get().state == "registered"
