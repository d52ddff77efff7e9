"""What one pass costs: round trips to Graph, calls of its quota, and queries."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding.models import GraphBudget
from portal.demo.visitor import shown_pass

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_a_pass_costs_two_round_trips_and_few_queries(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    tenant.tenant.requests.clear()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = maria.post(f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen})

    assert shown_pass(answer.content.decode())
    trips = [
        call for call in tenant.tenant.requests if call["path"].endswith("/$batch") or not call.get("batched")
    ]
    assert [call["path"].rsplit("/", 1)[-1] for call in trips if call["method"] == "POST"] == [
        "$batch",
        "temporaryAccessPassMethods",
    ]
    assert len(GraphBudget.objects.get().recent) == 2
    around = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
    asked = [query for query in queries if not query["sql"].startswith(around)]
    assert len(asked) <= 86, len(asked)  # with the advisory locks of PostgreSQL; each late check is one query


def test_reading_pages_uses_no_quota(tenant, invite, browser_of):
    starter = invite("noor")

    browser_of("maria").get("/starters/")
    browser_of("maria").get(f"/starters/{starter.public_id}/")
    browser_of("hanna").get("/hr/")
    browser_of("hanna").get(f"/hr/{starter.public_id}/")

    assert GraphBudget.objects.get().recent == []
    assert not [call for call in tenant.tenant.requests if "/authentication/" in call["path"]]


def test_the_lists_need_constant_queries(tenant, invite, browser_of):
    hanna, maria = browser_of("hanna"), browser_of("maria")

    def queries_of(browser, path: str) -> int:
        browser.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(path).status_code == 200
        return len(queries)

    invite("noor")
    few = queries_of(hanna, "/hr/"), queries_of(maria, "/starters/")
    for key in ("liam", "sofia", "yusuf", "emma"):
        invite(key)
    many = queries_of(hanna, "/hr/"), queries_of(maria, "/starters/")

    assert many[0] == few[0]
    assert many[1] == few[1]
