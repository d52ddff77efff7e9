"""What processes count, because no row has it, and how it gets into the database."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import OperationalError

from onboarding import clock, counters, graph
from onboarding.graph.calls import CALL_NAMES, name_call, name_status
from onboarding.hooks import delivery as hook_delivery
from onboarding.hooks.sending import Outcome
from onboarding.metrics import storing
from onboarding.metrics.catalogue import BY_NAME
from onboarding.metrics.exposition import render_samples
from onboarding.metrics.samples import read_samples
from onboarding.metrics.storing import store_counts
from onboarding.models import Hook, HookDelivery, MetricCount
from portal.demo.visitor import shown_pass
from tests.conftest import BY_KEY
from tests.metrics.page import value_of


@pytest.fixture(autouse=True)
def nothing_was_counted() -> None:
    counters.take_pending()


def counted(name: str) -> dict[tuple[str, ...], int]:
    """What this process has counted of one metric since the test began. The counts stay."""
    taken = counters.take_pending()
    counters.put_back(taken)
    return {series[1:]: number for series, number in taken.items() if series[0] == name}


# --- Calls to Microsoft -------------------------------------------------------------------------------------------


def test_calls_are_counted_by_name_and_status(tenant):
    graph.client().list_passes(BY_KEY["noor"].object_id)
    tenant.tenant.faults.add({"path": "temporaryAccessPassMethods$", "status": 429})
    with pytest.raises(graph.Throttled):
        graph.client().list_passes(BY_KEY["noor"].object_id)
    tenant.tenant.faults.add({"path": "temporaryAccessPassMethods$", "status": 418})
    with pytest.raises(graph.GraphError):
        graph.client().list_passes(BY_KEY["noor"].object_id)

    calls = counted("graph_calls")

    assert calls == {("list_passes", "200"): 1, ("list_passes", "429"): 1, ("list_passes", "4xx"): 1}


def test_a_call_without_an_answer_is_counted(tenant):
    tenant.tenant.faults.add({"path": "temporaryAccessPassMethods$", "drop": "before", "times": None})

    with pytest.raises(graph.Unavailable):
        graph.client().list_passes(BY_KEY["noor"].object_id)

    assert counted("graph_calls") == {("list_passes", "none"): 1}


def test_parts_of_a_batch_are_counted_too(tenant):
    graph.client().look_up(BY_KEY["noor"].object_id)

    calls = counted("graph_calls")

    assert calls["batch", "200"] == calls["read_accounts", "200"] == calls["read_manager", "200"] == 1


def test_no_part_of_a_path_becomes_a_name():
    odd = "/users/noor.devries@contoso.example/unheard/of"

    assert name_call("PATCH", odd) == "other"
    assert {name_call(method, odd) for method in ("GET", "POST", "DELETE")} <= {*CALL_NAMES}
    assert [name_status(status) for status in (201, 299, 302, 418, 599, 999, 0)] == [
        "201", "2xx", "3xx", "4xx", "5xx", "odd", "odd",
    ]  # fmt: skip


# --- Confirmations ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_pass_is_counted_with_its_time(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    address = f"/starters/{starter.public_id}/"

    shown = maria.post(address, {"identity_check": "in_person", **seen})
    again = maria.post(address, {"identity_check": "in_person", **seen})

    assert shown_pass(shown.content.decode()) and not shown_pass(again.content.decode())
    assert counted("pass_requests") == {("shown",): 1, ("outdated",): 1}
    assert sum(counted("pass_seconds_bucket").values()) == 1
    assert counted("pass_seconds_milliseconds")[()] > 0


@pytest.mark.django_db
def test_a_refused_confirmation_is_counted_without_a_time(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    tenant.tenant.accounts["noor"].properties["accountEnabled"] = False

    maria.post(f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen})

    assert counted("pass_requests") == {("refused",): 1}
    assert counted("pass_seconds_bucket") == {}


def test_a_time_goes_into_one_bucket():
    for seconds in (0.1, 0.25, 0.3, 3, 100):
        counters.observe("pass_seconds", seconds)

    assert counted("pass_seconds_bucket") == {("0.25",): 2, ("0.5",): 1, ("4",): 1, ("+Inf",): 1}


# --- Mail and webhooks --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_sent_mails_are_counted(invite, run_jobs):
    invite("noor")

    run_jobs()

    assert counted("mails")["sent",] >= 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("outcome", "results"),
    [
        (Outcome(status=204), {("delivered",): 1}),
        (Outcome(status=500), {("failed",): 1, ("given_up",): 1}),
    ],
)
def test_deliveries_are_counted(record, outcome, results):
    hook = Hook.objects.create(source="hr", application_id=str(uuid4()), host="hooks.contoso.example")
    delivery = HookDelivery.objects.create(
        message_id="1", hook=hook, starter=record("noor"), event="starter.added", give_up_at=clock.now()
    )

    hook_delivery._store_outcome(hook, delivery, outcome)

    assert counted("webhooks") == results


# --- Into the database --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_counts_of_all_processes_add_up():
    for number in (2, 3):  # two processes, one after the other
        counters.count("mails", "sent", amount=number)
        counters.count("graph_calls", "batch", "200")
        assert store_counts()
    counters.observe("pass_seconds", 1.5)
    counters.observe("pass_seconds", 0.1)
    store_counts()

    text = render_samples(read_samples())

    assert counters.take_pending() == Counter()
    assert value_of(text, "mails_total", result="sent") == 5
    assert value_of(text, "graph_calls_total", call="batch", status="200") == 2
    buckets = [value_of(text, "pass_seconds_bucket", le=limit) for limit in ("0.25", "1", "2", "+Inf")]
    assert buckets == [1, 1, 2, 2]
    assert value_of(text, "pass_seconds_sum") == 1.6
    assert value_of(text, "pass_seconds_count") == 2


@pytest.mark.django_db
def test_a_series_that_is_not_counted_yet_is_zero():
    text = render_samples(read_samples())

    for outcome in BY_NAME["pass_requests_total"].labels["outcome"]:
        assert value_of(text, "pass_requests_total", outcome=outcome) == 0


@pytest.mark.django_db
def test_counts_wait_while_the_database_fails(monkeypatch):
    counters.count("mails", "sent", amount=7)

    def fail(*_):
        raise OperationalError("away")

    with monkeypatch.context() as away:
        away.setattr(storing, "_add", fail)
        assert not store_counts()
    counters.count("mails", "sent")

    assert store_counts()
    assert MetricCount.objects.get(series="mails sent").value == 8


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_parallel_processes_lose_no_count():
    def one_process(_: int) -> None:
        with storing.transaction.atomic():
            for series in ("graph_calls batch 200", "mails sent"):
                storing._add(series, 1)
        storing.connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(one_process, range(12)))

    assert dict(MetricCount.objects.values_list("series", "value")) == {
        "graph_calls batch 200": 12,
        "mails sent": 12,
    }


def test_a_forked_process_starts_at_zero():
    counters.count("mails", "sent")
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, str(sum(counters.take_pending().values())).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 10) == b"0"
    assert counted("mails") == {("sent",): 1}
