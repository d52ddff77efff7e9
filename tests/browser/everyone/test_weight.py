"""A manager's page takes less than 20 KB over the network."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
import requests

from portal.demo.visitor import Visitor

pytestmark = pytest.mark.browser

MOST = 20_000


def weight(session: requests.Session, address: str) -> int:
    """The size in bytes of a response body, as sent to a browser that supports brotli."""
    answer = session.get(address, headers={"Accept-Encoding": "br"}, stream=True, timeout=30)
    assert answer.ok, address
    is_file = "/static/" in address
    assert answer.headers.get("Content-Encoding") == ("br" if is_file else None), address
    return len(answer.raw.read(decode_content=False))


@pytest.mark.parametrize("moment", ["before the press", "after it"])
def test_a_managers_page_weighs_less_than_20_kb(site, tab, moment):
    starter, manager = site.starter(), tab()
    if moment == "after it":  # the page of a pass that was handed over is the longest
        manager.opens(starter)
        manager.confirms()
    maria = Visitor(site.url)
    maria.sign_in("maria", starter.path)
    assert ("Troubleshooting" in maria.text) == (moment == "after it")
    files = re.findall(r'<(?:link|script)[^>]* (?:href|src)="([^"]+)"', maria.page.text)

    weights = {file: weight(maria.http, urljoin(site.url, file)) for file in files}
    weights["the page"] = weight(maria.http, urljoin(site.url, starter.path))

    print(f"{sum(weights.values())} bytes {moment}: {weights}")  # noqa: T201  (pytest -s shows it)
    assert len(files) > 6
    assert sum(weights.values()) < MOST
