"""Ordered faults: slow, failing or missing answers, before or after the work, or long after the caller gave up."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor

PASSES = "temporaryAccessPassMethods"


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


def live(visitor: Visitor) -> int:
    return sum(1 for found in visitor.state()["passes"] if found["person"] == "noor")


def test_connection_dropped_before_the_work_creates_no_pass(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, drop="before")

    with pytest.raises(requests.ConnectionError):
        visitor.make_pass("noor")

    assert live(visitor) == 0
    assert visitor.requests_seen()[-1]["status"] is None


def test_connection_dropped_after_the_work_leaves_a_pass(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, drop="after")

    with pytest.raises(requests.ConnectionError):
        visitor.make_pass("noor")

    assert live(visitor) == 1


def test_work_can_finish_after_the_caller_gave_up(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, drop="before", apply_after=1)

    with pytest.raises(requests.ConnectionError):
        visitor.make_pass("noor")

    assert live(visitor) == 0
    wait_until(lambda: live(visitor) == 1)


def test_reset_cancels_scheduled_work(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, drop="before", apply_after=0.2)
    with pytest.raises(requests.ConnectionError):
        visitor.make_pass("noor")

    visitor.sandbox.reset()
    time.sleep(0.4)

    assert live(visitor) == 0


def test_fault_skips_requests_then_applies_the_given_times(visitor: Visitor) -> None:
    visitor.fault(method="GET", path=PASSES, skip=1, times=2, status=503)

    statuses = [visitor.graph("GET", visitor.passes_of("noor")).status_code for _ in range(4)]

    assert statuses == [200, 503, 503, 200]


def test_error_status_skips_the_work_unless_applied(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, status=503)
    assert visitor.make_pass("noor").json()["error"]["code"] == "serviceNotAvailable"
    assert live(visitor) == 0

    visitor.fault(method="POST", path=PASSES, status=503, applied=True)
    assert visitor.make_pass("noor").status_code == 503
    assert live(visitor) == 1


def test_throttled_answer_has_the_given_header(visitor: Visitor) -> None:
    visitor.fault(path=PASSES, status=429, headers={"Retry-After": "Mon, 23 Nov 2026 09:00:00 GMT"})

    answer = visitor.make_pass("noor")

    assert answer.status_code == 429
    assert answer.headers["Retry-After"].startswith("Mon,")


@pytest.mark.parametrize(("body", "kind"), [("<html>Bad gateway</html>", "text/html"), ("", "text/plain")])
def test_a_body_can_be_html_or_empty(visitor: Visitor, body: str, kind: str) -> None:
    visitor.fault(path=PASSES, status=502, body=body)

    answer = visitor.make_pass("noor")

    assert (answer.status_code, answer.text) == (502, body)
    assert answer.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize(
    "changed",
    [
        {"isUsable": False, "methodUsabilityReason": "DisabledByPolicy"},
        {"isUsableOnce": False},
        {"lifetimeInMinutes": 480},
        {"temporaryAccessPass": None},
    ],
)
def test_fault_can_change_a_201(visitor: Visitor, changed: dict[str, object]) -> None:
    visitor.fault(method="POST", path=PASSES, mutate=changed)

    answer = visitor.make_pass("noor")

    assert answer.status_code == 201
    assert changed.items() <= answer.json().items()
    assert live(visitor) == 1


def test_fault_can_remove_a_field(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, remove=["temporaryAccessPass", "id"])

    made = visitor.make_pass("noor").json()

    assert "temporaryAccessPass" not in made and "id" not in made


def test_an_answer_can_be_cut_off(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, cut_at=40)

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        visitor.make_pass("noor")

    assert live(visitor) == 1


def test_fault_can_hide_a_new_pass_from_lists(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, hide_for=30)
    visitor.make_pass("noor")
    methods = f"/users/{BY_KEY['noor'].object_id}/authentication/methods"

    hidden = visitor.list_passes("noor"), len(visitor.graph("GET", methods).json()["value"])
    visitor.change(clock_ahead=31)

    assert hidden == ([], 1)
    assert len(visitor.list_passes("noor")) == 1


def test_fault_can_delay_before_and_after_the_work(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, delay=0.2, delay_after=0.2)

    began = time.monotonic()
    visitor.make_pass("noor")

    assert time.monotonic() - began >= 0.4


def test_slow_answer_does_not_delay_other_requests(visitor: Visitor) -> None:
    visitor.fault(method="POST", path=PASSES, delay_after=60)
    token = visitor.imds().json()["access_token"]

    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{visitor.url}/v1.0{visitor.passes_of('noor')}",
            json={},
            headers={"Authorization": f"Bearer {token}"},
            timeout=0.2,
        )
    began = time.monotonic()

    wait_until(lambda: live(visitor) == 1, seconds=50)
    assert time.monotonic() - began < 50


def test_fault_applies_inside_a_batch(visitor: Visitor) -> None:
    visitor.fault(path="/manager$", status=403)
    asked = [
        {"id": "m", "method": "GET", "url": f"/users/{BY_KEY['noor'].object_id}/manager"},
        {"id": "u", "method": "GET", "url": f"/users/{BY_KEY['noor'].object_id}"},
    ]

    answer = visitor.graph("POST", "/$batch", json={"requests": asked}).json()

    assert {entry["id"]: entry["status"] for entry in answer["responses"]} == {"m": 403, "u": 200}


def test_sign_in_and_the_identity_can_fail_too(visitor: Visitor) -> None:
    visitor.fault(path="/metadata/identity", status=500, body="<html>no</html>")
    visitor.fault(path="openid-configuration", drop="before")

    assert visitor.imds().status_code == 500
    with pytest.raises(requests.ConnectionError):
        requests.get(visitor.entra("v2.0/.well-known/openid-configuration"), timeout=30)


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": "sometimes"},
        {"path": "("},
        {"colour": "red"},
        {"delay": "long"},
        {"caller": "tickle"},
        {"caller": "kill", "moment": "never"},
        "no object",
    ],
)
def test_invalid_fault_is_refused_with_a_message(visitor: Visitor, fault: object) -> None:
    answer = requests.post(f"{visitor.url}/_control/faults", json=[fault], timeout=30)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert visitor.state()["faults"] == []


@pytest.fixture
def caller(visitor: Visitor) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Another process that sends a request to the tenant and prints the result."""
    script = (
        "import requests, sys\n"
        "answer = requests.get(sys.argv[1], headers={'Metadata': 'true'}, timeout=20)\n"
        "print('answered', flush=True)\n"
        "sys.stdin.read()\n"
    )
    begun: list[subprocess.Popen[str]] = []

    def calls() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, f"{visitor.url}/somewhere"]
        begun.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return begun[-1]

    yield calls
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("moment", "noted"), [("reading", False), ("done", True), ("answered", True)])
def test_caller_is_killed_at_the_requested_moment(
    visitor: Visitor, caller: Callable[[], subprocess.Popen[str]], moment: str, noted: bool
) -> None:
    visitor.fault(path="somewhere", caller="kill", moment=moment)

    assert caller().wait(120) == -signal.SIGKILL
    assert any(request["path"] == "/somewhere" for request in visitor.requests_seen()) is noted


def test_stopped_caller_continues_after_resume(
    visitor: Visitor, caller: Callable[[], subprocess.Popen[str]]
) -> None:
    visitor.fault(path="somewhere", caller="stop")
    process = caller()

    wait_until(lambda: state_of(process) == "T")
    visitor.change(resume=True)

    assert process.stdout is not None
    assert process.stdout.readline() == "answered\n"


def state_of(process: subprocess.Popen[str]) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("moment", ["reading", "done"])
def test_connection_is_cut_at_the_requested_moment(visitor: Visitor, moment: str) -> None:
    visitor.fault(method="POST", path=PASSES, caller="cut", moment=moment)

    with pytest.raises(requests.ConnectionError):
        visitor.make_pass("noor")

    assert live(visitor) == (moment == "done")


def test_a_reset_ends_all_faults_and_changes(visitor: Visitor) -> None:
    visitor.fault(path=".", status=500, times=None)
    visitor.change(person="noor", set={"accountEnabled": False})

    requests.post(f"{visitor.url}/_control/reset", timeout=30)

    found = visitor.graph("GET", f"/users/{BY_KEY['noor'].object_id}?$select=accountEnabled")
    assert found.json()["accountEnabled"] is True


def wait_until(true: object, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
