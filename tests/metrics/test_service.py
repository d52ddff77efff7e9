"""The address that Prometheus reads: who answers there, in what time, and that no request ever waits for it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.db import OperationalError, ProgrammingError

from onboarding.metrics import scrape, service
from onboarding.metrics.scrape import Scrape
from onboarding.metrics.service import MetricsServer
from portal.demo.process import free_port, wait_for
from portal.demo.visitor import shown_pass
from tests.faults.replicas import Portal, portal
from tests.metrics.page import parse_page, value_of


@pytest.fixture(scope="module")
def site() -> Iterator[Portal]:
    with portal(METRICS_ADDRESS=str(free_port())) as running:
        yield running


def read_page(site: Portal) -> str:
    address = f"http://127.0.0.1:{site.environment['METRICS_ADDRESS']}/metrics"
    try:
        return requests.get(address, timeout=30).text
    except requests.ConnectionError:
        return ""


def number(site: Portal, name: str, **labels: str) -> float:
    return value_of(read_page(site), name, **labels) or 0


def listener(site: Portal) -> int:
    """The process that listens at the address for metrics."""
    port = f":{int(site.environment['METRICS_ADDRESS']):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(port) and row[3] == "0A"}
    for process in site.processes(""):
        for link in Path(f"/proc/{process}/fd").glob("*"):
            try:
                if str(link.readlink()) in sockets:
                    return process
            except OSError:
                continue
    return 0


def test_numbers_of_all_processes_are_on_one_page(site):
    maria = site.person("maria")
    for starter in site.starters(4):  # whichever process answers
        assert shown_pass(site.click(maria, starter, receipt=True).page)

    wait_for(lambda: number(site, "pass_requests_total", outcome="shown") == 4, "both processes to store")
    wait_for(lambda: number(site, "mails_total", result="sent") >= 4, "the worker to store")

    page = read_page(site)
    assert value_of(page, "up") == value_of(page, "workers_alive") == value_of(page, "issuing_possible") == 1
    assert value_of(page, "passes_open", state="held") == 4
    assert value_of(page, "pass_seconds_count") == 4
    assert value_of(page, "graph_calls_total", call="create_pass", status="201") == 4


def test_another_process_takes_over_the_address(site):
    wait_for(lambda: listener(site), "a process to listen")
    before = listener(site)

    os.kill(before, signal.SIGKILL)

    wait_for(lambda: listener(site) not in {0, before}, "another process to listen")
    assert number(site, "up") == 1


def test_a_process_waits_for_the_address(monkeypatch):
    monkeypatch.setattr(scrape, "read_samples", list)
    monkeypatch.setattr(service, "BIND_EVERY", 0.05)
    tried, port = threading.Event(), free_port()
    original = service.MetricsServer

    def try_to_listen(host: str, number: int) -> MetricsServer:
        try:
            return original(host, number)
        finally:
            tried.set()

    monkeypatch.setattr(service, "MetricsServer", try_to_listen)

    with socket.create_server(("127.0.0.1", port)):
        threading.Thread(target=service._answer, args=("127.0.0.1", port), daemon=True).start()
        assert tried.wait(60)

    def answers() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).ok
        except requests.ConnectionError:
            return False

    wait_for(answers, "the waiting process to answer")


def test_the_public_address_has_no_metrics(site):
    answer = requests.get(f"{site.urls[0]}/metrics", timeout=30)

    assert answer.status_code in {302, 404} and "starter_portal_" not in answer.text


# --- Without a database --------------------------------------------------------------------------------------------


@pytest.fixture
def server(settings) -> Iterator[MetricsServer]:
    running = MetricsServer("127.0.0.1", 0)
    running.scrape.cache_seconds = 0.0
    threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def url(server: MetricsServer, path: str = "/metrics") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OperationalError("connection refused by 10.1.2.3"), "no_answer"),
        (OperationalError('password authentication failed for user "portal"'), "login"),
        (ProgrammingError('relation "onboarding_metriccount" does not exist'), "schema"),
        (OperationalError("no such table: onboarding_metriccount"), "schema"),
        (ValueError("anything"), "error"),
    ],
)
def test_without_its_database_it_answers_why(server, monkeypatch, error, reason):
    def fail() -> None:
        raise error

    monkeypatch.setattr(scrape, "read_samples", fail)

    answer = requests.get(url(server), timeout=30)

    assert answer.status_code == 200
    shown = parse_page(answer.text)
    assert shown.pop(("up", frozenset())) == 0
    assert [dict(labels)["reason"] for (_, labels), value in shown.items() if value] == [reason]
    assert "10.1.2.3" not in answer.text


def test_a_hanging_database_delays_only_this_page(server, monkeypatch):
    hanging, asked = threading.Event(), []

    def hang() -> list:
        asked.append(threading.current_thread().name)
        hanging.wait(60)
        return []

    monkeypatch.setattr(scrape, "read_samples", hang)
    monkeypatch.setattr(Scrape, "timeout", 0.2)
    try:
        pages = [requests.get(url(server), timeout=30).text for _ in range(3)]
    finally:
        hanging.set()

    assert [value_of(page, "up") for page in pages] == [0, 0, 0]
    assert value_of(pages[0], "database_problem", reason="no_answer") == 1
    assert asked == ["metrics-scrape"]


# --- Who else could reach it ----------------------------------------------------------------------------------------


def test_silent_clients_do_not_keep_others_out(server, monkeypatch):
    monkeypatch.setattr(scrape, "read_samples", list)
    monkeypatch.setattr(service, "CONNECTION_SECONDS", 0.2)
    monkeypatch.setattr(service.MetricsHandler, "timeout", 600.0)  # as if they sent a byte now and then
    silent = [socket.create_connection(server.server_address) for _ in range(3 * service.MOST_CONNECTIONS)]

    def answers() -> bool:
        try:
            return requests.get(url(server), timeout=30).ok
        except requests.ConnectionError:  # too many at this moment
            return False

    try:
        wait_for(answers, "the silent ones to be cut off")
        assert len(server._began) <= service.MOST_CONNECTIONS
        for connection in silent:
            connection.settimeout(20)
            assert connection.recv(1) == b"", "still open"
    finally:
        for connection in silent:
            connection.close()


def test_it_answers_one_path_and_one_method(server, monkeypatch):
    monkeypatch.setattr(scrape, "read_samples", list)

    answers = [
        requests.get(url(server, "/"), timeout=30),
        requests.get(url(server, "/admin/"), timeout=30),
        requests.post(url(server), timeout=30),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 501]
    assert {answer.headers["Server"] for answer in answers} == {"portal"}


def test_nothing_listens_unless_it_is_set(settings, monkeypatch):
    began = []
    monkeypatch.setattr(service.threading, "Thread", lambda **how: began.append(how))
    settings.METRICS_ADDRESS = None

    service.start()

    assert began == []
