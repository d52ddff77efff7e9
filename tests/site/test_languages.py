"""Pages in the reader's language: the one that they chose, otherwise the one of their browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone, translation
from django.utils.formats import date_format, get_format

from onboarding import policy
from onboarding.models import AuditEvent, Mail, Starter
from portal.formats.en import formats as english
from tests.support.hr_forms import version_of

pytestmark = pytest.mark.django_db
DUTCH, GERMAN = "Uw eerste keer aanmelden", "Ihre erste Anmeldung"


def get_page(client, path="/sheet/", language="", **headers):
    if language:
        headers["Accept-Language"] = language
    return client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("asked", "says", "tag"),
    [
        ("nl-BE,nl;q=0.9,en;q=0.5", DUTCH, "nl"),
        ("de-AT", GERMAN, "de"),
        ("en-US,en;q=0.9,nl;q=0.5", "Your first sign-in", "en-GB"),
        ("fr,ja;q=0.5", "Your first sign-in", "en-GB"),
        ("", "Your first sign-in", "en-GB"),
    ],
)
def test_browser_language_is_the_default(client, asked, says, tag):
    page = get_page(client, language=asked)

    assert says in page.content.decode() and f'<html lang="{tag}">' in page.content.decode()
    assert page["Content-Language"] == tag
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in page["Vary"].split(",")}


def test_chosen_language_goes_before_the_browsers(client):
    page = "http://localhost:8000/sheet/?with=phone"
    chosen = client.post("/language/", {"language": "nl"}, headers={"Referer": page})

    assert chosen.status_code == 302 and chosen["Location"] == "/sheet/?with=phone"
    assert DUTCH in get_page(client, language="de").content.decode()


def test_language_choice_needs_no_session(client):
    cookie = client.post("/language/", {"language": "de"}).cookies["language"]

    assert (
        cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/" and not cookie["domain"]
    )
    assert not Session.objects.exists()


@pytest.mark.parametrize("odd", ["", "xx", "de-AT", "nl\r\nSet-Cookie: a=b", "../nl"])
def test_unknown_language_changes_nothing(client, odd):
    answer = client.post("/language/", {"language": odd, "next": "//elsewhere.example/"})

    assert answer.status_code == 302 and answer["Location"] == "/" and not answer.cookies


def test_another_site_cannot_choose_the_language(client):
    answer = client.post("/language/", {"language": "nl"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403 and not answer.cookies


def test_early_refusals_use_the_visitors_language(client):
    refused = client.post("/language/", headers={"Sec-Fetch-Site": "cross-site", "Accept-Language": "nl"})

    assert '<html lang="nl">' in refused.content.decode() and refused["Content-Language"] == "nl"


def test_files_are_the_same_in_every_language(client):
    picture = get_page(client, "/static/favicon.svg", language="nl")
    picture.close()

    assert picture.status_code == 200
    assert not picture.has_header("Content-Language") and "Language" not in picture.get("Vary", "")


def test_language_names_are_native_and_the_choice_is_marked(client):
    page = get_page(client, language="nl").content.decode()
    buttons = re.findall(r'value="(en-gb|nl|de)"\s+lang="([\w-]+)"( aria-current="true")?>([^<]+)<', page)

    assert buttons == [
        ("en-gb", "en-GB", "", "English"),
        ("nl", "nl", ' aria-current="true"', "Nederlands"),
        ("de", "de", "", "Deutsch"),
    ]


def test_pass_page_has_no_language_menu(browser_of, invite):
    starter, manager = invite("noor"), browser_of("maria")
    before = manager.get(f"/starters/{starter.public_id}/")
    form = {"identity_check": "in_person", "version": starter.version, "policy": policy.for_site().number}

    page = manager.post(f"/starters/{starter.public_id}/", form, headers={"Accept-Language": "nl"})

    assert "data-secret" in page.content.decode() and '<html lang="nl">' in page.content.decode()
    assert 'class="languages"' in before.content.decode() and 'class="languages"' not in page.content.decode()
    assert page["Cache-Control"] == "no-store" == before["Cache-Control"]


def test_a_thread_speaks_english_again_when_a_page_is_done(client):
    get_page(client, language="nl")

    assert translation.get_language() == "en-gb"


@pytest.mark.parametrize("language", ["nl", "de"])
def test_every_date_format_exists_in_every_language(language):
    names = [name for name, shape in vars(english).items() if name.isupper() and isinstance(shape, str)]

    with translation.override(language):
        assert [name for name in names if get_format(name) == name] == []
    assert len(names) >= 10


def test_dates_are_written_as_the_language_writes_them():
    then, written = datetime(2026, 11, 30, 9, 0, tzinfo=UTC), {}
    for language in ("en-gb", "nl", "de"):
        with translation.override(language):
            written[language] = date_format(then, "LONG")

    assert written == {
        "en-gb": "Monday 30 November 2026, 09:00",
        "nl": "maandag 30 november 2026, 09:00",
        "de": "Montag, 30. November 2026, 09:00",
    }


@pytest.mark.parametrize(("language", "says"), [("", "1000+"), ("nl", "1.000+"), ("de", "1.000+")])
def test_a_large_number_is_grouped_as_the_language_does(browser_of, monkeypatch, language, says):
    monkeypatch.setattr("onboarding.hr.counts.ListCounts.count_all", lambda _: 1234)

    page = get_page(browser_of("hanna"), "/hr/", language=language)

    assert says in page.content.decode()


def test_mails_use_the_organisations_language(browser_of, invite, run_jobs, settings):
    settings.ORGANISATION_LANGUAGE = "de"
    starter = invite("noor")
    run_jobs()
    Mail.objects.update(
        sent_at=timezone.now() - timedelta(minutes=11)
    )  # within ten minutes the link is not sent again
    browser_of("hanna").post(
        f"/hr/{starter.public_id}/send/", {"version": version_of(starter)}, headers={"Accept-Language": "nl"}
    )

    mails = Mail.objects.filter(kind="invitation")
    assert len(mails) == 2
    assert all(
        mail.subject.startswith("Helfen Sie Noor de Vries am ersten Tag bei der Anmeldung (")
        for mail in mails
    )
    assert all(
        '<html lang="de">' in mail.html and "Bitte leiten Sie diesen Link nicht weiter" in mail.text
        for mail in mails
    )


def test_stored_texts_do_not_depend_on_the_readers_language(browser_of, record, person):
    starter, hanna = record("noor"), browser_of("hanna")
    hanna.post(
        f"/hr/{starter.public_id}/send/", {"version": version_of(starter)}, headers={"Accept-Language": "nl"}
    )
    hanna.post(
        f"/hr/{starter.public_id}/withdraw/",
        {"reason": "Not coming", "version": Starter.objects.get(pk=starter.pk).version},
        headers={"Accept-Language": "de"},
    )

    events = [
        *AuditEvent.objects.values_list("event", "facts"),
        *Starter.objects.values_list("state", "problem"),
    ]
    told = str(events)
    assert "starter.withdrawn" in told
    assert not re.search(r"zurück|ingetrokken|leidinggevende|Führungskraft|Teammitglied", told, re.IGNORECASE)
