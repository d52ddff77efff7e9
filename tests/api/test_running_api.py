"""The API of a running portal: parallel requests, the printed examples, and thousands of generated requests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from onboarding.api.examples import EXAMPLES
from portal.demo.process import raise_daily_limits
from portal.sandbox.api_registration import LOGIC_APP, SERVICE_NOW
from tests.api.system import System, request_token
from tests.faults.replicas import Portal, portal

CASES = int(os.environ.get("API_CASES", "12"))  # generated requests for each operation and phase
AT_ONCE = 20
SENT = int(os.environ.get("API_PARALLEL", "100"))


@pytest.fixture(scope="module")
def replicas() -> Iterator[Portal]:
    with portal(replicas=2) as running:
        allowed = f"{SERVICE_NOW.client_id} servicenow\n{LOGIC_APP.client_id} hr"
        raise_daily_limits(running.environment, api_applications=allowed, hook_hosts="hooks.contoso.example")
        yield running


@pytest.fixture(scope="module")
def systems(replicas: Portal) -> list[System]:
    """The same system at each replica."""
    token = request_token(replicas.tenant.url)
    return [System(url, token) for url in replicas.urls]


def test_one_ticket_sent_in_parallel_adds_one_starter(systems):
    def send(number: int):
        return systems[number % 2].put("PARALLEL-1", "parallel.one@contoso.example")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(send, range(SENT)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: SENT - 1}
    shown = [
        {name: value for name, value in answer.json().items() if name != "changedAt"} for answer in answers
    ]
    assert all(body == shown[0] for body in shown)


def test_parallel_tickets_for_one_account_add_one_starter(systems):
    def send(number: int):
        return systems[number % 2].put(f"RACE-{number}", "parallel.two@contoso.example")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(send, range(AT_ONCE)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: AT_ONCE - 1}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"already_added"}


@pytest.mark.parametrize("language", ["curl", "python"])
def test_the_printed_examples_work(replicas: Portal, systems, language: str, tmp_path: Path):
    environment = {**os.environ, "PORTAL": systems[0].portal_url, "TOKEN": systems[0].token}
    for number, example in enumerate(EXAMPLES):
        text = getattr(example, language).replace("RITM0012345", f"EXAMPLE-{language}")
        text = text.replace("noor.devries@contoso.example", f"example.{language}@contoso.example")
        script = tmp_path / f"{number}.txt"
        script.write_text(text)
        command = ["bash", str(script)] if language == "curl" else [sys.executable, str(script)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{example.title}: {done.stdout} {done.stderr}"


def test_generated_requests_find_nothing(systems, tmp_path: Path):
    """Every check of schemathesis, over good and bad requests made from the published document."""
    config = Path(__file__).with_name("schemathesis.toml")
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run",
        f"{systems[0].portal_url}/api/v1/openapi.json", "--url", f"{systems[0].portal_url}/api/v1",
        "-H", f"Authorization: Bearer {systems[0].token}",
        "--max-examples", str(CASES), "--checks", "all", "--no-color", "--generation-deterministic",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
