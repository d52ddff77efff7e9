"""HR downloads what the list shows, as CSV or XLSX: in its order, with its filters, and no value is a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time, timedelta

import openpyxl
import pytest

from onboarding.hr.lists import export
from onboarding.models import AuditEvent, Starter

pytestmark = pytest.mark.django_db
FORMULA = '=HYPERLINK("https://evil.example","Anna")'


@pytest.fixture
def listed(person):
    """Three starters of one department and one of another. The first one's name is a formula."""
    names = [FORMULA, "+49 Bo", "Zoë Ångström", "Somebody Else"]
    return Starter.objects.bulk_create(
        Starter(
            account_name=f"person{number}@contoso.example",
            account_id=f"70000000-0000-4000-8000-{number:012}",
            display_name=name,
            department="Legal" if name == "Somebody Else" else "Finance",
            start_date=date(2027, 1, 4) + timedelta(days=number),
            start_time=time(9),
            starts_at=datetime(2027, 1, 4, 8, tzinfo=UTC) + timedelta(days=number),
            time_zone="Europe/Amsterdam",
            recorded_by=person("hanna"),
        )
        for number, name in enumerate(names)
    )


def download(browser, kind, query=""):
    return browser.post("/hr/export/", {"format": kind, "query": query})


def test_csv_has_the_rows_of_the_list_and_no_formula(browser_of, listed):
    answer = download(browser_of("hanna"), "csv", "department=Finance&sort=-start")

    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:2] == ["Name", "Account"]
    assert [row[0] for row in rows[1:]] == ["Zoë Ångström", "'+49 Bo", f"'{FORMULA}"]
    assert rows[1][4:8] == ["2027-01-06", "09:00", "Europe/Amsterdam", "Finance"]
    assert answer["Content-Disposition"].startswith('attachment; filename="starters-')


def test_xlsx_has_dates_as_dates_and_texts_as_texts(browser_of, listed):
    answer = download(browser_of("hanna"), "xlsx")

    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    first = [sheet.cell(2, column) for column in (1, 5)]
    assert sheet.max_row == 5
    assert (first[0].value, first[0].data_type) == (FORMULA, "s")
    assert f"{first[1].value:%Y-%m-%d}" == "2027-01-04" and first[1].is_date


def test_each_download_is_an_audit_event_without_names(browser_of, listed):
    download(browser_of("hanna"), "csv", "q=somebody&state=all")

    event = AuditEvent.objects.get(event="list.exported")
    assert event.facts == {"format": "csv", "rows": 1, "filters": ["q", "state"]}


def test_list_that_is_too_long_gives_no_file(browser_of, listed, monkeypatch):
    monkeypatch.setattr(export, "MAX_ROWS", 3)
    hanna = browser_of("hanna")

    answer = download(hanna, "csv", "state=all")

    assert answer["Location"] == "/hr/?state=all"
    assert "A file can contain at most 3 starters" in hanna.get("/hr/?state=all").content.decode()
    assert not AuditEvent.objects.filter(event="list.exported").exists()
