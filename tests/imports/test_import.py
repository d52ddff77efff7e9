"""HR uploads a list, chooses the columns, sees what is wrong at each cell, and adds the good rows."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone, translation

from onboarding.hr.importing.labels import FIELD_LABELS, PROBLEMS_TITLE
from onboarding.imports import adding, dry_run, findings
from onboarding.imports.header_names import find_field
from onboarding.models import AuditEvent, ImportRow, Job, Starter, StarterImport
from onboarding.worker import retention
from portal.models import User
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


@pytest.mark.both_databases
def test_one_click_adds_the_good_rows(hanna, person):
    stored = hanna.check(row_of("noor"), row_of("liam"), row_of("sofia", account="not an account"))
    assert statuses(stored) == ["good", "good", "error"]

    hanna.add(stored)

    noor, liam = Starter.objects.order_by("pk")
    assert (noor.display_name, noor.recorded_by) == (BY_KEY["noor"].name, person("hanna"))
    assert (noor.start_date, f"{noor.start_time:%H:%M}", noor.time_zone) == (DAY, "08:30", "Europe/Lisbon")
    assert statuses(stored) == ["added", "added", "error"]
    events = list(AuditEvent.objects.order_by("seq").values_list("event", flat=True))
    assert events == ["import.checked", "starter.recorded", "starter.recorded", "import.added"]
    assert Job.objects.filter(key=f"look:{liam.pk}").exists()


@pytest.mark.both_databases
def test_the_same_file_twice_changes_nothing(hanna):
    rows = row_of("noor"), row_of("liam", account="robin.new@contoso.example", manager="", name="")
    first = hanna.check(*rows)
    assert statuses(first) == ["good", "question expected"]
    hanna.add(first)
    hanna.add(first, "expected")
    assert Starter.objects.count() == 2
    Starter.objects.filter(account_id="").update(state="registered")  # one of them can sign in already
    before = list(Starter.objects.values())

    again = hanna.check(*rows)

    assert set(statuses(again)) == {"unchanged"}
    hanna.add(again)
    hanna.add(again, "unchanged")
    assert list(Starter.objects.values()) == before


@pytest.mark.both_databases
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


def test_what_differs_is_asked_and_never_added_silently(hanna):
    Starter.objects.create(**withdrawn("emma", hanna))
    stored = hanna.check(
        row_of("noor", manager="Tom Becker"),
        row_of("liam", name="William Smith"),
        row_of("emma"),
        row_of("ben"),
        row_of("sofia", name="Sofia de Wit", manager="Tom Becker"),
        row_of("sofia"),
        row_of("yusuf", day=timezone.localdate() - timedelta(days=90)),
        row_of("hanna"),
    )

    assert codes(stored)[:7] == [
        ["other_manager"],
        ["other_name"],
        ["added_before"],
        ["no_manager"],
        ["other_name", "other_manager"],
        ["repeated"],
        ["too_early"],
    ]
    assert codes(stored)[7][0] == "own_account"
    assert statuses(stored)[:4] == [
        "question differs",
        "question differs",
        "question rehire",
        "question warned",
    ]
    assert "The manager in Entra is Maria Lindqvist." in hanna.page(stored, "differs")
    hanna.add(stored)
    hanna.add(stored, "differs")  # these are answered one by one
    assert Starter.objects.exclude(state="withdrawn").count() == 0
    hanna.add(stored, "earlier", step="selected", row=[stored.rows.get(number=4).pk])
    assert Starter.objects.exclude(state="withdrawn").get().display_name == BY_KEY["emma"].name


def withdrawn(key: str, importer: Importer) -> dict[str, Any]:
    who, hr = BY_KEY[key], User.objects.get()
    return {
        "state": "withdrawn", "account_name": who.user_principal_name, "account_id": who.object_id,
        "display_name": who.name, "start_date": DAY, "start_time": time(9), "time_zone": "UTC", "recorded_by": hr,
    }  # fmt: skip


def test_a_privileged_account_has_only_the_neutral_code(hanna):
    stored = hanna.check(row_of("eligible"))

    assert [finding[1] for finding in stored.rows.get().findings] == [findings.HANDLED_BY_IT]
    event = AuditEvent.objects.get(event="account.looked_up")
    assert f"reference number {event.seq}" in hanna.page(stored)
    assert "role" not in str(stored.rows.get().findings)


def test_an_email_address_is_looked_up_and_never_guessed(hanna, tenant):
    for key, mail in (
        ("noor", "n.devries@contoso.example"),
        ("liam", "shared@contoso.example"),
        ("sofia", "shared@contoso.example"),
    ):
        tenant.tenant.accounts[key].properties["mail"] = mail
    stored = hanna.check(
        row_of("noor", account="n.devries@contoso.example"),
        row_of("liam", account="shared@contoso.example", name=""),
    )
    assert codes(stored) == [["by_mail"], ["several_owners"]]

    as_mail = hanna.check(row_of("noor", account="n.devries@contoso.example"), **{"column-1": "mail"})

    assert codes(as_mail) == [[]]
    hanna.add(as_mail)
    assert Starter.objects.get().account_name == BY_KEY["noor"].user_principal_name


def test_what_changed_since_the_check_is_not_added(hanna, tenant):
    stored = hanna.check(row_of("noor"), row_of("liam"))
    tenant.tenant.accounts["noor"].manager = "tom"

    hanna.add(stored)

    assert [starter.display_name for starter in Starter.objects.all()] == [BY_KEY["liam"].name]
    assert statuses(stored) == ["question differs", "added"]


def test_the_rows_to_mend_come_back_as_a_file(hanna):
    stored = hanna.check(
        row_of("noor"), row_of("liam", account="=cmd()", name="+Liam"), row_of("sofia", day="31-02-2027")
    )
    hanna.add(stored)

    answer = hanna.client.get(f"/hr/import/{stored.public_id}/rest/")

    written = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert written[0] == "Name;Account;Manager;Start date;Shoe size;Problems (ignored on import)"
    assert written[1].startswith("'+Liam;'=cmd();Maria Lindqvist;")
    assert written[2].endswith(";31-02-2027;41;Start date: This date does not exist.")
    mended = (
        "\r\n".join(written)
        .replace("31-02-2027", f"{DAY}")
        .replace("'=cmd()", BY_KEY["liam"].user_principal_name)
    )
    hanna.client.post("/hr/import/", {"pasted": mended.replace("'+Liam", BY_KEY["liam"].name)})
    again = StarterImport.objects.latest("pk")
    assert again.layout["fields"][-1] == "ignored"
    address, chosen = f"/hr/import/{again.public_id}/columns/", CHOSEN | {"column-5": "ignored"}
    form = hanna.client.get(address).context["form"]
    assert {name: form[name].value() for name in chosen} == chosen  # the first file's, with the new column
    hanna.client.post(address, chosen | START)
    run_jobs()
    assert statuses(again) == ["good", "good"]


def test_the_columns_are_asked_and_remembered(hanna):
    stored = hanna.upload(("Noor", BY_KEY["noor"].user_principal_name, "", "03/04/2027", "41"))
    address = f"/hr/import/{stored.public_id}/columns/"
    asked = hanna.client.post(address, CHOSEN | START | {"column-4": ""})
    assert asked.status_code == 400 and "Choose what this column contains" in words_of(asked)
    assert "Choose whether the day or the month comes first." in words_of(asked)
    hanna.client.post(address, CHOSEN | START | {"day_order": "dmy"})

    again = hanna.client.get(f"/hr/import/{hanna.upload(row_of('noor')).public_id}/columns/")

    assert [again.context["form"][name].value() for name in CHOSEN] == [*CHOSEN.values()]
    assert StarterImport.objects.get(pk=stored.pk).choices["day_order"] == "dmy"


def test_a_daily_limit_stops_an_import(hanna, policy_says):
    policy_says(import_daily=3)
    hanna.check(row_of("noor"), row_of("liam"))

    answer = hanna.client.post(
        "/hr/import/", {"pasted": "Account\nnoor@contoso.example\nliam@contoso.example"}
    )

    assert answer.status_code == 400 and "at most 3 rows a day" in words_of(answer)
    assert "liam@contoso.example" in words_of(answer)
    assert StarterImport.objects.count() == 1


def test_the_daily_limit_for_starters_leaves_rows_for_tomorrow(hanna, policy_says):
    policy_says(hr_daily=1)
    stored = hanna.check(row_of("noor"), row_of("liam"))

    hanna.add(stored)

    assert statuses(stored) == ["added", "good"] and Starter.objects.count() == 1
    assert "you have reached the daily limit for adding starters" in hanna.page(stored)


@pytest.mark.parametrize("lost", ["role", "session"])
def test_nothing_is_added_without_the_role_or_session(hanna, lost):
    stored = hanna.check(row_of("noor"))
    hanna.client.post(f"/hr/import/{stored.public_id}/add/", {"group": "good"})
    later = timezone.now() + timedelta(minutes=1)
    User.objects.update(**({"roles": []} if lost == "role" else {"sessions_ended_at": later}))

    run_jobs()

    assert not Starter.objects.exists()
    stored.refresh_from_db()
    assert stored.stopped == "not_permitted"


def test_progress_counts_the_rows_added_so_far(hanna, monkeypatch):
    stored = hanna.check(row_of("noor"), row_of("liam"), row_of("sofia", account="not an account"))
    hanna.client.post(f"/hr/import/{stored.public_id}/add/", {"group": "good"})
    address = f"/hr/import/{stored.public_id}/"
    monkeypatch.setattr(adding, "BATCH", 1)

    def progress() -> tuple[str, str]:
        headers = hanna.client.head(address).headers
        return headers["Import-Done"], headers["Import-Total"]

    assert progress() == ("0", "2") and 'value="0" max="2"' in hanna.client.get(address).content.decode()
    adding.add_next_rows(str(stored.pk))
    assert progress() == ("1", "2")
    run_jobs()
    assert "2 rows of this list were added or changed." in hanna.page(stored)


@pytest.mark.both_databases
def test_a_worker_that_stops_midway_adds_no_row_twice(hanna, monkeypatch):
    stored = hanna.check(row_of("noor"), row_of("liam"))
    hanna.client.post(f"/hr/import/{stored.public_id}/add/", {"group": "good"})
    saved, save_rows = [], adding.save_rows

    def stop_at_second(rows: Any) -> None:
        saved.extend(rows)
        if len(saved) == 2:
            raise RuntimeError("the worker stops")
        save_rows(rows)

    monkeypatch.setattr(adding, "save_rows", stop_at_second)
    with pytest.raises(RuntimeError):
        adding.add_next_rows(str(stored.pk))
    assert (
        statuses(stored) == ["good", "good"] and not Starter.objects.exists()
    )  # all of a transaction, or nothing
    monkeypatch.setattr(adding, "save_rows", save_rows)

    run_jobs()

    assert statuses(stored) == ["added", "added"] and Starter.objects.count() == 2


def test_rows_wait_while_the_directory_does_not_answer(hanna, tenant):
    stored = hanna.upload(row_of("noor"))
    hanna.client.post(f"/hr/import/{stored.public_id}/columns/", CHOSEN | START)
    tenant.tenant.faults.add({"path": "/users/", "status": 503, "times": 50})

    due = dry_run.check_next_rows(str(stored.pk))

    assert due is not None and statuses(stored) == ["waiting"]
    assert "The portal will try again." in hanna.page(stored)
    tenant.reset()
    run_jobs()
    assert statuses(stored) == ["good"]


def test_only_the_uploader_changes_a_list_and_hr_reads_it(hanna, browser_of):
    stored = hanna.check(row_of("noor"))
    address, henry, maria = f"/hr/import/{stored.public_id}/", browser_of("henry"), browser_of("maria")

    assert henry.get(address).status_code == 200 and henry.get(f"{address}rest/").status_code == 200
    assert "Add 1 row that is ready" not in words_of(henry.get(address))
    for step in ("columns/", "add/", "delete/"):
        assert henry.post(f"{address}{step}", {"group": "good"}).status_code == 404
        assert maria.post(f"{address}{step}", {"group": "good"}).status_code == 403
    assert maria.get(address).status_code == maria.get(f"{address}rest/").status_code == 403


@pytest.mark.both_databases
def test_a_list_is_deleted_a_week_after_its_last_change(hanna):
    kept, old = hanna.check(row_of("noor")), hanna.check(row_of("liam"))
    StarterImport.objects.filter(pk=old.pk).update(touched_at=timezone.now() - timedelta(days=7, minutes=1))
    by_hand = hanna.upload(row_of("noor"))
    hanna.client.post(f"/hr/import/{by_hand.public_id}/delete/")

    retention.run_retention("forget")

    assert {row.starter_import_id for row in ImportRow.objects.all()} == {kept.pk}
    assert not StarterImport.objects.filter(pk=old.pk).exists()
    assert StarterImport.objects.get(pk=by_hand.pk).file_name == ""


def test_each_label_of_a_column_is_recognised_in_each_language():
    for language in ("en", "nl", "de"):
        with translation.override(language):
            assert {find_field(str(label)): name for name, label in FIELD_LABELS.items()} == {
                name: name for name in FIELD_LABELS
            }
            assert find_field(str(PROBLEMS_TITLE)) == "ignored"
