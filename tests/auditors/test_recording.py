"""Reading the audit log is recorded in it, and only by what somebody chose."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import audit
from onboarding.models import AuditDetail, AuditEvent
from onboarding.worker import retention
from tests.auditors.conftest import recorded, search, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_a_search_is_one_event_with_its_words(audrey, person):
    search(audrey, person="Hanna", starter="Emma", event="starter.withdrawn", since="2026-05-01")

    (event,) = recorded("audit.searched")
    assert event.facts == {
        "page": "events", "event": "starter.withdrawn", "since": "2026-05-01", "zone": "Europe/Amsterdam",
    }  # fmt: skip
    audrey = person("audrey")
    assert event.detail.values == {
        "person": "Hanna", "starter": "Emma", "by": f"{audrey.tid}/{audrey.oid}", "by_name": audrey.name,
    }  # fmt: skip


def test_a_form_without_filters_searches_nothing(audrey):
    search(audrey)

    assert recorded("audit.searched") == []


def test_a_link_to_a_search_shows_nothing_yet(audrey, emma):
    page = text_of(audrey.get("/audit/?person=Hanna"))

    assert "Choose “Search” to see the result" in page and "another job" not in page
    assert recorded("audit.searched") == []


def test_the_address_of_a_search_shows_it_again(audrey, emma):
    address = audrey.post("/audit/", {"person": "Hanna"})["Location"]

    assert "another job" in text_of(audrey.get(address))
    assert "another job" in text_of(audrey.get(address))
    assert len(recorded("audit.searched")) == 1


@pytest.mark.parametrize(
    "change", [("person=Hanna", "person=Tom"), ("person=Hanna", "starter=Emma"), ("search=", "search=1")]
)
def test_a_changed_address_shows_nothing(audrey, emma, change):
    address = audrey.post("/audit/", {"person": "Hanna"})["Location"].replace(*change)

    assert "Choose “Search”" in text_of(audrey.get(address))


def test_another_auditor_needs_their_own_search(audrey, emma, browser_of, person):
    henry = person("henry")
    henry.roles = ["Auditor"]
    henry.save()
    address = audrey.post("/audit/", {"person": "Hanna"})["Location"]

    assert "Choose “Search”" in text_of(browser_of("henry").get(address))


def test_the_address_of_a_search_ends_after_a_day(audrey, emma, time_machine, browser_of):
    address = audrey.post("/audit/", {"person": "Hanna"})["Location"]

    time_machine.move_to(timezone.now() + timedelta(days=1))

    assert "Choose “Search”" in text_of(browser_of("audrey").get(address))


def test_a_starter_is_opened_by_a_choice(audrey, emma):
    address = f"/audit/starters/{emma.public_id}/"
    assert "another job" not in text_of(audrey.get(address))
    assert recorded("audit.starter_opened") == []

    page = text_of(audrey.post(address, follow=True))

    assert "another job" in page
    assert [event.facts for event in recorded("audit.starter_opened")] == [{"opened": emma.public_id}]
    assert "another job" not in text_of(audrey.get(f"{address}?opened=1"))


def test_an_opened_starter_is_named_in_the_log(audrey, emma):
    audrey.post(f"/audit/starters/{emma.public_id}/")

    page = search(audrey, event="audit.starter_opened")

    assert "Audrey" in page and "An auditor opened the events of a starter" in page and "Emma" in page


def test_opening_a_starter_changes_nothing_of_theirs(audrey, emma):
    before = list(AuditEvent.objects.filter(starter=emma.public_id))

    audrey.post(f"/audit/starters/{emma.public_id}/")

    assert list(AuditEvent.objects.filter(starter=emma.public_id)) == before


def test_another_month_of_passes_is_a_search(audrey, held):
    held("noor")
    audrey.get("/audit/passes/")
    assert recorded("audit.searched") == []

    audrey.post("/audit/passes/", {"month": "2026-05"}, follow=True)

    assert [event.facts for event in recorded("audit.searched")] == [{"page": "passes", "month": "2026-05"}]


@pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose"])
def test_a_prefetch_and_a_head_record_nothing(audrey, emma, name):
    before = AuditEvent.objects.count()

    assert audrey.get("/audit/?person=Hanna", headers={name: "prefetch"}).status_code == 204
    assert audrey.head("/audit/?person=Hanna").status_code == 200

    assert AuditEvent.objects.count() == before


def test_search_words_are_erased_when_due(audrey, time_machine):
    search(audrey, person="Hanna")
    audrey.post("/audit/export/", {"starter": "Emma"})
    time_machine.move_to(timezone.now() + timedelta(days=366))

    retention.run_retention("forget")

    read = recorded("audit.searched") + recorded("audit.exported")
    assert len(read) == 2
    assert [AuditDetail.objects.get(event=event).values for event in read] == [{}, {}]
    assert list(audit.verify_chain()) == []


@pytest.mark.parametrize("who", ["hanna", "ada", "maria", "outsider"])
def test_only_auditors_read_the_log(browser_of, who, emma):
    browser = browser_of(who)

    for path in ("/audit/", "/audit/passes/", f"/audit/starters/{emma.public_id}/"):
        assert browser.get(path).status_code == 403
        assert browser.post(path).status_code == 403
    assert browser.post("/audit/export/").status_code == 403
    assert "/audit/" not in browser.get("/starters/").content.decode()


def test_an_auditor_lands_on_the_audit_log(audrey):
    assert audrey.get("/")["Location"] == "/audit/"
    page = audrey.get("/audit/").content.decode()
    assert 'href="/admin/"' in page


def test_an_admin_who_audits_lands_in_the_administration(browser_of, person):
    ada = person("ada")
    ada.roles = ["Admin", "Auditor"]
    ada.save()

    assert browser_of("ada").get("/")["Location"] == "/admin/"
    assert browser_of("ada").get("/audit/").status_code == 200
