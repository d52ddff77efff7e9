"""The sandbox command: never with a real tenant, only on this machine, and its data is kept."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command
from pytest_django import Settings

from portal.sandbox.options import Options
from portal.sandbox.people import CAST
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def test_sandbox_refuses_to_start_with_a_real_tenant(settings: Settings) -> None:
    settings.SANDBOX = False

    with pytest.raises(CommandError, match="real tenant"):
        call_command("sandbox")


def test_sandbox_serves_only_this_machine(settings: Settings) -> None:
    settings.SANDBOX_URL = "http://localhost:8401"

    with pytest.raises(CommandError, match=r"http://127\.0\.0\.1"):
        call_command("sandbox")


def test_sandbox_explains_a_busy_port_in_one_sentence(settings: Settings, taken_port: int) -> None:
    settings.SANDBOX_URL = f"http://127.0.0.1:{taken_port}"

    with pytest.raises(CommandError, match=f"Port {taken_port} on this machine is in use"):
        call_command("sandbox")


def test_sandbox_explains_a_broken_state_file_in_one_sentence(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    file.write_text("{}")

    with pytest.raises(CommandError, match="Delete it to start again"):
        call_command("sandbox", "--state", str(file))


def test_sandbox_prints_its_address_and_stops_on_a_signal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
    environment = {**os.environ, "SANDBOX_URL": f"http://127.0.0.1:{port}", "AZURE_TENANT_ID": "sandbox"}
    command = [sys.executable, "-u", "manage.py", "sandbox", "--throttle", "off"]

    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        said = program.stdout.readline()
        answered = requests.get(f"http://127.0.0.1:{port}/_control/state", timeout=30).json()
        program.terminate()
        assert program.wait(120) == 0

    assert f"http://127.0.0.1:{port}" in said
    assert answered["tap_limit"] is None


@pytest.mark.parametrize("text", ["5", "0/10", "many/10", ""])
def test_sandbox_refuses_an_invalid_throttle(settings: Settings, text: str) -> None:
    with pytest.raises(CommandError, match="--throttle must be"):
        call_command("sandbox", f"--throttle={text}")


def test_restart_keeps_passkeys_passes_mail_and_signing_key(tmp_path: Path) -> None:
    options = Options(state_file=tmp_path / "var" / "sandbox.json")
    with Sandbox(options=options) as first, Visitor(first) as visitor:
        made = visitor.make_pass("noor").json()
        visitor.change(person="liam", set={"accountEnabled": False})
        token = visitor.imds().json()["access_token"]

    with Sandbox(options=options) as second, Visitor(second) as visitor:
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{second.url}/v1.0{visitor.passes_of('noor')}", headers=headers, timeout=30)

        assert [found["id"] for found in answer.json()["value"]] == [made["id"]]
        assert visitor.state()["people"]["liam"]["properties"]["accountEnabled"] is False


def test_state_file_is_private_and_contains_no_code(tmp_path: Path) -> None:
    options = Options(state_file=tmp_path / "sandbox.json")
    with Sandbox(options=options) as sandbox, Visitor(sandbox) as visitor:
        code = visitor.make_pass("noor").json()["temporaryAccessPass"]

    text = (tmp_path / "sandbox.json").read_text()
    assert code not in text and json.dumps(code)[1:-1] not in text
    assert (tmp_path / "sandbox.json").stat().st_mode & 0o077 == 0


def test_request_log_never_contains_bodies() -> None:
    with Sandbox() as sandbox, Visitor(sandbox) as visitor:
        code = visitor.make_pass("noor").json()["temporaryAccessPass"]
        visitor.browser.post(f"{visitor.url}/mysignins", data={"account": "a", "pass": code}, timeout=30)
        seen = visitor.requests_seen()

    assert [entry["path"] for entry in seen][-1] == "/mysignins"
    assert code not in json.dumps(seen, ensure_ascii=False) and "Bearer" not in str(seen)
    assert set(seen[0]) == {
        "time", "method", "path", "query", "status", "client_request_id", "request_id", "batched",
    }  # fmt: skip


def test_sandbox_stops_while_clients_keep_connections_open() -> None:
    with requests.Session() as session:
        with Sandbox() as sandbox:
            session.get(sandbox.url, timeout=30)
            before = threading.active_count()
        assert threading.active_count() < before


def test_parallel_posts_leave_one_pass(tmp_path: Path) -> None:
    with Sandbox(options=Options(state_file=tmp_path / "s.json")) as sandbox, Visitor(sandbox) as visitor:
        threads = [threading.Thread(target=visitor.make_pass, args=("noor",)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        state = visitor.state()
    assert sum(1 for found in state["passes"] if found["person"] == "noor") == 1
    assert len(state["past_passes"]) == 11


def test_people_have_unique_numbers_names_and_existing_managers() -> None:
    assert len({person.object_id for person in CAST}) == len({person.alias for person in CAST}) == len(CAST)
    assert {person.manager for person in CAST} - {None} <= {person.key for person in CAST}
    assert all(person.who and person.try_this and person.user_principal_name.isascii() for person in CAST)
