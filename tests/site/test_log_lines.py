"""Each line of the log has its time in UTC, and crashes and silent services leave a line."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timedelta

import pytest
from django.test import override_settings
from django.urls import include, path

from portal.logs.log_format import JsonFormatter

pytestmark = pytest.mark.django_db
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def crashing(request):
    raise RuntimeError("kaputt")


urlpatterns = [path("crash/", crashing), path("", include("portal.urls"))]
handler500 = "portal.views.server_error"


def line_of(record: logging.LogRecord) -> dict[str, object]:
    return json.loads(JsonFormatter().format(record))


def test_the_time_of_a_line_is_in_utc():
    line = line_of(logging.makeLogRecord({"msg": "x", "created": 1_790_000_000.25}))

    times = [value for value in line.values() if isinstance(value, str) and MOMENT.match(value)]
    assert len(times) == 1
    moment = datetime.fromisoformat(times[0])
    assert moment.utcoffset() == timedelta(0) and moment.timestamp() == 1_790_000_000.25


@override_settings(ROOT_URLCONF=__name__)
def test_a_crash_of_a_page_is_logged_with_its_place(browser_of, caplog):
    client = browser_of("maria")
    client.raise_request_exception = False

    assert client.get("/crash/").status_code == 500

    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "in crashing" in json.dumps(line_of(record))


def test_a_silent_microsoft_is_logged(tenant, invite, browser_of, fault, caplog):
    starter = invite("noor")
    fault(path="", drop="before", times=50)

    browser_of("maria").get(f"/starters/{starter.public_id}/")

    assert [
        record
        for record in caplog.records
        if record.name.startswith("onboarding") and record.levelno >= logging.WARNING
    ]
