"""`make scan` says what is missing, counts the portal's own log lines, and fails on what nobody has judged."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.scanning import __main__ as scanning


@pytest.mark.parametrize(
    ("there", "missing"), [((None, None), "wapiti, sqlmap"), (("/usr/bin/wapiti", None), "sqlmap")]
)
def test_what_is_not_installed_is_named(monkeypatch, capsys, there, missing):
    monkeypatch.setattr(scanning, "WAPITI", there[0])
    monkeypatch.setattr(scanning, "SQLMAP", there[1])

    assert scanning.main() == 1
    assert f"not installed: {missing} (on Debian: apt install" in capsys.readouterr().err


def test_requests_are_counted_from_the_log(tmp_path):
    path = tmp_path / "log"
    line = '{{"event.action": "http-request", "http.response.status_code": {}, "portal.route": "{}"}}\n'
    path.write_text(line.format(200, "hr/") + "plain text\n" + line.format(404, ""))
    log = scanning.Log(path)

    assert log.count() == (Counter({"200": 1, "404": 1}), 1)
    assert log.count() == (Counter(), 0)
    path.write_text(path.read_text() + '{"log.level": "error"}\n' + line.format(200, "hr/"))
    assert log.count() == (Counter({"200": 1}), 1) and len(log.errors()) == 1


@pytest.mark.parametrize(
    ("finding", "known"),
    [
        ("Lack of anti CSRF token at /sheet/stop/ (1)", True),
        ("Lack of anti CSRF token at /hr/new/ (1)", False),
        ("Secure flag is not set in the cookie at / (2)", True),
        ("SQL Injection at /hr/ (1)", False),
        ("no report: ", False),
    ],
)
def test_only_accepted_findings_are_ignored(finding, known):
    assert scanning.is_known(finding) is known
