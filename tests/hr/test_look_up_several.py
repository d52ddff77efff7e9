"""Several accounts are looked up in few round trips, each with its own result."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from threading import Barrier, Lock

import pytest

from onboarding import graph
from onboarding.graph.client import TRIPS_AT_ONCE, Graph
from portal.settings import GRAPH_AT_ONCE
from tests.conftest import BY_KEY

NOOR, BEN, LATE = (BY_KEY[key] for key in ("noor", "ben", "late"))


def batches(tenant):
    return [request for request in tenant.tenant.requests if request["path"].endswith("/$batch")]


def test_each_account_gets_its_own_answer(tenant):
    names = [NOOR.user_principal_name, BEN.object_id, LATE.user_principal_name, "not an account"]

    found = graph.client().look_up_several(names)

    assert list(found) == names
    (noor, maria), (ben, nobody) = found[names[0]], found[names[1]]
    assert (noor.object_id, maria.object_id) == (NOOR.object_id, BY_KEY["maria"].object_id)
    assert (ben.object_id, nobody) == (BEN.object_id, None)
    assert all(isinstance(found[name], graph.NotFound) for name in names[2:])
    assert len(batches(tenant)) == 1


def test_they_say_the_same_as_one_by_one(tenant):
    several = graph.client().look_up_several([NOOR.object_id, BEN.object_id])

    assert several == {
        account_id: graph.client().look_up(account_id) for account_id in (NOOR.object_id, BEN.object_id)
    }


@pytest.mark.parametrize(("count", "trips"), [(10, 1), (11, 2), (25, 3)])
def test_ten_people_fit_in_a_round_trip(tenant, count, trips):
    names = [f"person.{n:03}@contoso.example" for n in range(count)]

    found = graph.client().look_up_several([*names, *names[:3]])  # a name that is given twice is read once

    assert len(found) == count and len(batches(tenant)) == trips


def test_an_empty_list_makes_no_call(tenant):
    assert graph.client().look_up_several([]) == {}
    assert not batches(tenant)


@pytest.mark.parametrize(("fault", "error"), [({"status": 429}, "Throttled"), ({"status": 403}, "Refused")])
def test_busy_graph_is_left_alone_and_found_accounts_are_kept(tenant, monkeypatch, fault, error):
    monkeypatch.setitem(Graph.look_up_several.__globals__, "TRIPS_AT_ONCE", 1)  # so that one is the first
    names = [NOOR.user_principal_name, *[f"person.{n:03}@contoso.example" for n in range(29)]]
    tenant.tenant.faults.add([{"path": r"/\$batch", "times": None, "skip": 1, **fault}])

    found = graph.client().look_up_several(names)

    assert type(found[names[-1]]).__name__ == error
    assert list(found) == names
    assert not isinstance(found[NOOR.user_principal_name], graph.GraphError)
    assert len(batches(tenant)) == (2 if error == "Throttled" else 3)


def test_one_part_that_cannot_be_read_is_that_ones_alone(tenant):
    tenant.tenant.faults.add([{"path": f"/users/{BEN.object_id}", "status": 403, "times": None}])

    found = graph.client().look_up_several([NOOR.object_id, BEN.object_id])

    assert isinstance(found[BEN.object_id], graph.GraphError)
    assert found[NOOR.object_id][0].display_name == NOOR.name


# --- What decides about a pass, of many ---------------------------------------------------------------------------


def test_what_decides_of_many_is_what_decides_of_each(tenant):
    """Two accounts fit in a round trip: three would need more than the twenty requests of a batch."""
    ids = [
        NOOR.object_id,
        BEN.object_id,
        *(BY_KEY[key].object_id for key in ("ceo", "eligible", "groupowner")),
    ]

    several = graph.client().issue_facts_several([*ids, NOOR.object_id], seconds=10)

    assert len(batches(tenant)) == 3
    assert several == {account_id: graph.client().issue_facts(account_id, scarce=False) for account_id in ids}


def test_what_a_look_up_read_is_not_read_again(tenant):
    """Three accounts fit in a round trip if the account and the manager of each are known."""
    ids = [BY_KEY[key].object_id for key in ("noor", "ben", "ceo", "eligible")]
    known = graph.client().look_up_several(ids)
    plain = graph.client().issue_facts_several(ids, seconds=10, people=[NOOR.object_id])
    tenant.tenant.requests.clear()

    facts = graph.client().issue_facts_several(ids, seconds=10, people=[NOOR.object_id], known=known)

    assert facts == plain and len(batches(tenant)) == 2


def test_two_hundred_accounts_take_thirteen_rounds(tenant, monkeypatch):
    """With Graph at 0.3 s a round trip, thirteen one after the other are 3.9 s. It counts round trips, not time."""
    client, gate, at_once, lock = graph.client(), Barrier(TRIPS_AT_ONCE), Counter(), Lock()
    trips, plain = [], client.transport.batch

    def batch(paths, **more):
        with lock:
            trips.append(len(paths))
            at_once["now"] += 1
            at_once["most"] = max(at_once["now"], at_once["most"])
            is_first = len(trips) <= TRIPS_AT_ONCE
        if is_first:
            gate.wait(30)  # so many are under way together, or this fails
        answers = plain(paths, **more)
        with lock:
            at_once["now"] -= 1
        return answers

    monkeypatch.setattr(client.transport, "batch", batch)
    names = [tenant.tenant.add_starter(f"p{n}", f"Pasted Person{n}").user_principal_name for n in range(200)]

    known = client.look_up_several(names)
    looked_up = len(trips)
    ids = {account.object_id: (account, manager) for account, manager in known.values()}
    facts = client.issue_facts_several(list(ids), seconds=60, people=[NOOR.object_id], known=ids)

    rounds = ceil(looked_up / TRIPS_AT_ONCE) + ceil((len(trips) - looked_up) / TRIPS_AT_ONCE)
    assert (len(facts), looked_up, len(trips), rounds) == (200, 20, 87, 13)
    assert at_once["most"] == TRIPS_AT_ONCE and max(trips) <= 20  # Graph takes at most twenty parts
    assert GRAPH_AT_ONCE - TRIPS_AT_ONCE >= 3  # slots for managers meanwhile


def test_long_lists_share_the_same_round_trips(tenant, monkeypatch):
    client, under_way, most, lock = graph.client(), [], [], Lock()
    plain = client.transport.batch

    def batch(paths, **more):
        with lock:
            under_way.append(1)
            most.append(len(under_way))
        answers = plain(paths, **more)
        with lock:
            under_way.pop()
        return answers

    monkeypatch.setattr(client.transport, "batch", batch)
    names = [f"person.{n:03}@contoso.example" for n in range(200)]
    with ThreadPoolExecutor(3) as people:
        list(people.map(client.look_up_several, [names] * 3))

    assert len(most) == 60 and max(most) <= TRIPS_AT_ONCE


def test_the_scarce_call_is_left_alone(tenant):
    graph.client().issue_facts_several([NOOR.object_id, BEN.object_id], seconds=10)

    assert not [request for request in tenant.tenant.requests if "/authentication/" in request["path"]]


def test_missing_account_is_left_out_and_the_others_stay(tenant):
    nobody = "5c0ffee0-0000-4000-8000-00000000dead"

    assert list(graph.client().issue_facts_several([nobody, NOOR.object_id], seconds=10)) == [NOOR.object_id]


def test_no_further_look_up_starts_after_the_deadline(tenant):
    assert graph.client().issue_facts_several([NOOR.object_id], seconds=-1) == {}
    assert not batches(tenant)
