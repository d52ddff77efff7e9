"""The Nu HTML checker as a local server: the errors that it reports in a page as it was sent."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from portal.demo.process import free_port, wait_for
from tests.browser.axe import NODE

JAR = NODE / "vnu-jar" / "build" / "dist" / "vnu.jar"
JAVA = shutil.which("java")
IS_HERE = bool(JAVA) and JAR.is_file()
BARE = "<!DOCTYPE html><html lang=en><title>A page</title><p>Words"


class Checker:
    def __init__(self, address: str) -> None:
        self.address = address

    def errors(self, html: str) -> list[str]:
        """The errors with their place in the HTML. Advice of the checker is ignored."""
        answer = requests.post(
            self.address, data=html.encode(), headers={"Content-Type": "text/html; charset=utf-8"}, timeout=60
        )
        told = [message for message in answer.json()["messages"] if message["type"] != "info"]
        return [f"{message['message']} {' '.join(message.get('extract', '').split())}" for message in told]


@contextmanager
def checker() -> Iterator[Checker]:
    port = free_port()
    own = f"-Dnu.validator.servlet.bind-address=127.0.0.1 -cp {JAR} nu.validator.servlet.Main {port}"
    server = subprocess.Popen(  # small and quick to start; the schemas need a deep stack
        [str(JAVA), "-Xss4m", "-Xmx300m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *own.split(" ")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running = Checker(f"http://127.0.0.1:{port}/?out=json")
        wait_for(lambda: _answers(running), "the HTML checker to start")
        yield running
    finally:
        server.terminate()
        server.wait(20)


def _answers(running: Checker) -> bool:
    try:
        return running.errors(BARE) == []
    except requests.RequestException:
        return False
