"""HR uploads a list, chooses the columns, sees what is wrong at each cell, and adds the good rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from onboarding.imports import adding, dry_run, findings
from onboarding.models import AuditEvent, Job, Starter, StarterImport
from portal.sandbox.people import BY_KEY
from tests.imports.shapes import csv
from tests.support.hr_forms import words_of

pytestmark = pytest.mark.django_db
DAY = timezone.localdate() + timedelta(days=14)
LATER = DAY + timedelta(days=7)
HEAD = ("Name", "Account", "Manager", "Start date", "Shoe size")
CHOSEN = {
    "column-0": "name",
    "column-1": "account",
    "column-2": "manager",
    "column-3": "start_date",
    "column-4": "ignored",
}
START = {"start_time": "08:30", "time_zone": "Europe/Lisbon"}


def row_of(key: str, *, day: Any = DAY, **cells: str) -> tuple[str, ...]:
    person = BY_KEY[key]
    manager = BY_KEY[person.manager].name if person.manager else ""
    given = {"name": person.name, "account": person.user_principal_name, "manager": manager} | cells
    return (given["name"], given["account"], given["manager"], f"{day}", "41")


def run_jobs() -> None:
    """Run the jobs of imports as the worker does, until none is left."""
    for stored in StarterImport.objects.all():
        while dry_run.check_next_rows(str(stored.pk)) or adding.add_next_rows(str(stored.pk)):
            pass


class Importer:
    """HR's browser during an import."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def upload(self, *rows: tuple[str, ...], head: tuple[str, ...] = HEAD) -> StarterImport:
        file = SimpleUploadedFile("list.csv", csv(head, *rows, separator=";", encoding="utf-8-sig"))
        answer = self.client.post("/hr/import/", {"file": file})
        assert answer.status_code == 302, words_of(answer)
        return StarterImport.objects.latest("pk")

    def check(self, *rows: tuple[str, ...], **columns: str) -> StarterImport:
        stored = self.upload(*rows)
        answer = self.client.post(f"/hr/import/{stored.public_id}/columns/", CHOSEN | START | columns)
        assert answer.status_code == 302, words_of(answer)
        run_jobs()
        return stored

    def add(self, stored: StarterImport, group: str = "good", **fields: Any) -> None:
        self.client.post(f"/hr/import/{stored.public_id}/add/", {"group": group, "step": "all", **fields})
        run_jobs()

    def page(self, stored: StarterImport, show: str = "") -> str:
        return words_of(self.client.get(f"/hr/import/{stored.public_id}/?show={show}"))


@pytest.fixture
def hanna(browser_of: Any, tenant: Any) -> Importer:
    return Importer(browser_of("hanna"))


def statuses(stored: StarterImport) -> list[str]:
    return [f"{row.status} {row.question}".strip() for row in stored.rows.all()]


def codes(stored: StarterImport) -> list[list[str]]:
    return [[finding.code for finding in findings.from_json(row.findings)] for row in stored.rows.all()]


def test_one_click_adds_the_good_rows_with_the_person_as_recorder(hanna, person):
    stored = hanna.check(row_of("noor"), row_of("liam"), row_of("sofia", account="not an account"))
    assert statuses(stored) == ["good", "good", "error"]

    hanna.add(stored)

    noor, liam = Starter.objects.order_by("pk")
    assert (noor.display_name, noor.recorded_by, noor.start_date, noor.time_zone) == (
        BY_KEY["noor"].name,
        person("hanna"),
        DAY,
        "Europe/Lisbon",
    )
    assert f"{noor.start_time:%H:%M}" == "08:30"
    assert statuses(stored) == ["added", "added", "error"]
    events = list(AuditEvent.objects.order_by("seq").values_list("event", flat=True))
    assert events == ["import.checked", "starter.recorded", "starter.recorded", "import.added"]
    assert Job.objects.filter(key=f"look:{liam.pk}").exists()


def test_the_same_file_twice_changes_nothing(hanna):
    rows = (
        row_of("noor"),
        row_of("robin", name="Robin", account="robin.new@contoso.example", manager="")
        if "robin" in BY_KEY
        else row_of("liam"),
    )
    hanna.add(hanna.check(*rows))
    before = list(Starter.objects.values())

    again = hanna.check(*rows)

    assert set(statuses(again)) == {"unchanged"}
    hanna.add(again)
    assert list(Starter.objects.values()) == before


def test_a_changed_date_moves_the_starter_after_a_question(hanna):
    hanna.add(hanna.check(row_of("noor"), row_of("liam")))

    again = hanna.check(row_of("noor", day=LATER), row_of("liam"))

    assert statuses(again) == ["question moved", "unchanged"]
    hanna.add(again)  # the good rows: none
    assert {starter.start_date for starter in Starter.objects.all()} == {DAY}
    hanna.add(again, "start")
    assert [starter.start_date for starter in Starter.objects.order_by("pk")] == [LATER, DAY]
    assert statuses(again) == ["moved", "unchanged"]
    assert AuditEvent.objects.filter(event="starter.rescheduled").count() == 1
