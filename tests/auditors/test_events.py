"""The events page: who did what to whom, when, why and under which policy."""

from __future__ import annotations

import pytest

from onboarding import audit
from onboarding.models import AuditDetail, AuditEvent, AuditWord
from onboarding.worker.retention import erase_starter
from tests.auditors.conftest import recorded, search, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def searched(client, **filters):
    return client.post("/audit/", filters, follow=True).content.decode()


def test_an_event_names_actor_starter_and_reason(audrey, emma):
    page = search(audrey, event="starter.withdrawn")

    for words in ("Hanna Reuter", "Emma", "Withdrawn", "She took another job"):
        assert words in page


def test_the_plain_page_records_nothing(audrey, emma):
    before = AuditEvent.objects.count()

    assert "She took another job" in text_of(audrey.get("/audit/"))

    assert AuditEvent.objects.count() == before


def test_a_search_finds_what_one_person_did(audrey, emma):
    page = search(audrey, person="hanna")

    assert "She took another job" in page
    assert "The portal checked the" in page
    assert "No events found" in search(audrey, person="Tom")


def test_a_search_by_object_id_finds_a_person(audrey, emma, person):
    assert "She took another job" in search(audrey, person=person("hanna").oid)


def test_a_search_finds_a_starter_by_name_or_account(audrey, emma, held):
    held("noor")

    for words in ("Emma", emma.account_name, emma.public_id):
        page = search(audrey, starter=words)
        assert "She took another job" in page and "Noor" not in page


def test_a_manager_is_not_found_as_a_starter(audrey, emma):
    assert "No events found" in search(audrey, starter="Maria")


def test_all_filters_apply_together(audrey, emma, held):
    held("noor")

    page = search(audrey, person="Maria", starter="Noor", event="issue.intent", since="2020-01-01")

    assert "The portal checked 1 event" in page and "Identity check: In person" in page


@pytest.mark.parametrize("most", [0, 2000])
def test_a_persons_events_of_a_kind_are_found(audrey, emma, person, monkeypatch, most):
    """A rare kind is read by kind, a frequent one by person."""
    monkeypatch.setattr("onboarding.auditors.search.MAX_CANDIDATES", most)
    with audit.transaction():
        audit.record("hook.replayed", by=person("tom"))
        mine = audit.record("hook.replayed", by=person("hanna"))

    page = audrey.post("/audit/", {"person": "Hanna", "event": "hook.replayed"}, follow=True)

    assert [row.seq for row in page.context["rows"]] == [mine.seq]


def test_a_day_is_a_day_of_the_readers_zone(audrey, time_machine):
    time_machine.move_to("2026-05-31T22:30:00Z", tick=False)
    with audit.transaction():
        audit.record("hook.given_up")

    assert "No events found" in search(audrey, event="hook.given_up", until="2026-05-31")
    audrey.cookies["time_zone"] = "Europe/Lisbon"
    page = search(audrey, event="hook.given_up", until="2026-05-31")
    assert "31 May 2026, 23:30:00" in page and "Times are in Europe/Lisbon" in page


def test_an_unknown_zone_is_ignored(audrey):
    audrey.cookies["time_zone"] = "../../etc/passwd"

    assert "Times are in Europe/Amsterdam" in text_of(audrey.get("/audit/"))


def test_pages_follow_each_other_without_a_gap(audrey, monkeypatch):
    monkeypatch.setattr("onboarding.auditors.views.PAGE_SIZE", 2)
    with audit.transaction():
        for _ in range(5):
            audit.record("hook.given_up")
    numbers, page = [], audrey.post("/audit/", {"event": "hook.given_up"}, follow=True)
    while True:
        numbers.append([row.seq for row in page.context["rows"]])
        if not page.context["older_url"]:
            break
        page = audrey.get(page.context["older_url"])

    assert [len(found) for found in numbers] == [2, 2, 1]
    shown = [number for found in numbers for number in found]
    assert shown == sorted(set(shown), reverse=True)
    assert len(recorded("audit.searched")) == 1
    back = audrey.get(page.context["newer_url"])
    assert [row.seq for row in back.context["rows"]] == numbers[1]


def test_erased_names_are_pseudonyms(erased, browser_of):
    page = search(browser_of("audrey"), starter=erased.public_id)
    event = AuditEvent.objects.get(event="starter.withdrawn")

    assert f"erased {event.commitments['by'][:8]}" in page
    assert f"erased {erased.public_id}" in page
    assert "The reason was erased." in page
    assert "Emma" not in page and "another job" not in page


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Emma Nowak", "nowak emma"),
        ("Aoife O'Brien", "obrien"),
        ("Anne-Marie Post", "annemarie"),
        ("Jörg Müller", "mueller jorg"),
    ],
)
def test_a_name_that_only_the_log_has_is_found(audrey, record, name, typed):
    starter = record("noor")
    event = AuditEvent.objects.select_related("detail").get(event="starter.recorded")
    AuditDetail.objects.filter(event=event).update(values={**event.detail.values, "name": name})
    erase_starter(starter)
    audit.index_erased_starters()

    assert f"{starter.public_id}/" in searched(audrey, starter=typed)
    assert f"{starter.public_id}/" not in searched(audrey, starter=f"{typed} smith")


def test_the_search_words_are_erased_with_the_details(emma, person):
    erase_starter(emma)
    audit.index_erased_starters()
    assert AuditWord.objects.filter(starter=emma.public_id, word="nowak").exists()

    audit.erase_details(emma, kept_days=365)

    audit.index_erased_starters()
    assert not AuditWord.objects.exists()


def test_a_name_in_hrs_list_needs_no_words(emma):
    audit.index_erased_starters()

    assert not AuditWord.objects.exists()


def alter_values(event):
    AuditDetail.objects.filter(event=event).update(values={**event.detail.values, "reason": "No reason"})


TAMPERINGS = {
    "The details of this event were changed.": alter_values,
    "The details of this event are missing.": lambda event: AuditDetail.objects.filter(event=event).delete(),
    "This event was changed.": lambda event: AuditEvent.objects.filter(pk=event.pk).update(facts={}),
    "This event’s hash does not match the previous event.": lambda event: AuditEvent.objects.filter(
        pk=event.pk - 1
    ).update(hash="0" * 64),
}


@pytest.mark.parametrize("words", TAMPERINGS)
def test_a_changed_event_says_so(audrey, emma, words):
    event = AuditEvent.objects.select_related("detail").get(event="starter.withdrawn")

    TAMPERINGS[words](event)

    page = search(audrey, event="starter.withdrawn")
    assert words in page
    assert "1 event on this page failed the check" in page


@pytest.mark.parametrize(
    "change",
    [
        {"at": "yesterday"}, {"at": "2026-05-01"}, {"issue": "no pass"}, {"facts": {"codes": 1}},
        {"facts": {"codes": [[]]}}, {"facts": [1]}, {"facts": {"policy": "x", "reason": []}}, {"commitments": []},
        {"facts": {"problem": {}, "identity_check": 3}}, {"starter": "nobody"}, {"event": "no.event"},
    ],
)  # fmt: skip
def test_an_event_of_any_shape_can_be_read(audrey, emma, change):
    AuditEvent.objects.filter(event="starter.withdrawn").update(**change)

    assert "This event was changed." in text_of(audrey.get("/audit/"))


@pytest.mark.parametrize("values", [[1], {"by": 1, "name": {}}, "x", {}])
def test_details_of_any_shape_can_be_read(audrey, emma, values):
    AuditDetail.objects.filter(event__event="starter.recorded").update(values=values)

    page = text_of(audrey.get("/audit/"))

    assert "The details of this event were changed." in page


def test_names_cannot_write_on_the_page(audrey, person):
    hanna = person("hanna")
    hanna.name = "<script>alert(1)</script>"
    with audit.transaction():
        audit.record("hook.given_up", by=hanna, facts={"host": "<b>x</b>"})

    page = audrey.get("/audit/").content.decode()

    assert "<script>alert" not in page and "<b>x" not in page


def test_an_event_names_the_policy_of_its_time(audrey, emma, policy_says):
    before = AuditEvent.objects.get(event="starter.withdrawn")
    policy_says(attempts=3)
    with audit.transaction():
        audit.record("hook.given_up")

    rows = {row.event: row for row in audrey.get("/audit/").context["rows"]}

    assert rows["hook.given_up"].policies != rows[before.event].policies
    assert f"/admin/onboarding/policyversion/{rows['hook.given_up'].policies[0]}/change/" in (
        audrey.get("/audit/").content.decode()
    )
