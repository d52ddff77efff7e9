"""HR saves the filters of the list under a name, opens them again, and deletes them. Nobody else sees them."""

from __future__ import annotations

import re

import pytest
from django.db import IntegrityError, transaction

from onboarding.hr.lists.saved import MOST_SAVED
from onboarding.models import SavedFilter, Starter
from onboarding.privacy.people import erase_person
from portal.demo.visitor import forms_of

pytestmark = pytest.mark.django_db


def list_page(browser, query=""):
    return browser.get(f"/hr/{query}").content.decode()


def chips(page):
    part = re.search(r'<nav aria-label="Saved filters">.*?</nav>', page, re.S)
    return re.findall(r'<a href="([^"]*)"[^>]*><bdi>(.*?)</bdi>', part[0]) if part else []


def save(browser, name, query):
    """Fill in the form that the list shows."""
    form = next(form for form in forms_of(list_page(browser, query)) if "name" in form.fields)
    return browser.post(form.action, {**form.fields, "name": name}, follow=True)


def test_saved_filters_open_the_same_list_again(browser_of):
    hanna = browser_of("hanna")

    response = save(hanna, "Late in Finance", "?state=problem&department=Finance&mine=1")

    assert "were saved as “Late in Finance”" in response.content.decode()
    ((url, name),) = chips(list_page(hanna))
    assert name == "Late in Finance" and url == "/hr/?state=problem&amp;department=Finance&amp;mine=1"
    assert 'aria-current="true"><bdi>Late in Finance' in list_page(hanna, url[4:].replace("&amp;", "&"))


def test_each_person_sees_and_deletes_only_their_own(browser_of):
    hanna, henry = browser_of("hanna"), browser_of("henry")
    save(hanna, "Mine", "?mine=1")
    saved = SavedFilter.objects.get()

    assert chips(list_page(henry)) == []
    assert henry.post("/hr/saved/delete/", {"filter": saved.pk}).status_code == 404
    assert SavedFilter.objects.exists()
    hanna.post("/hr/saved/delete/", {"filter": saved.pk})
    assert not SavedFilter.objects.exists()


def test_search_words_are_not_saved(browser_of):
    """They can be a starter's name, and the starter is erased one day."""
    save(browser_of("hanna"), "Noor", "?q=Noor+de+Vries&department=Finance&after=abc")

    assert SavedFilter.objects.get().query == "department=Finance"


def test_the_same_name_takes_the_new_filters(browser_of):
    hanna = browser_of("hanna")
    save(hanna, "Mine", "?mine=1")

    save(hanna, "Mine", "?mine=1&day=today")

    assert [saved.query for saved in SavedFilter.objects.all()] == ["day=today&mine=1"]


@pytest.mark.parametrize(
    ("name", "query", "error"),
    [
        ("", "mine=1", "Enter a name"),
        (" \u200b ", "mine=1", "Enter a name"),
        ("All", "q=noor", "Choose a filter"),
    ],
)
def test_unusable_filter_is_an_error_and_keeps_the_list(browser_of, name, query, error):
    response = browser_of("hanna").post("/hr/saved/", {"name": name, "query": query}, follow=True)

    assert error in response.content.decode() and not SavedFilter.objects.exists()
    assert response.redirect_chain == [(f"/hr/?{query}", 302)]


def test_one_person_saves_only_a_few(browser_of, person):
    hanna = browser_of("hanna")
    owner = person("hanna")
    SavedFilter.objects.bulk_create(
        SavedFilter(owner=owner, name=f"{n}", query="mine=1") for n in range(MOST_SAVED)
    )

    assert "at most 20" in save(hanna, "More", "?mine=1").content.decode()
    assert SavedFilter.objects.count() == MOST_SAVED


def test_a_query_that_leads_elsewhere_leads_nowhere(browser_of):
    response = browser_of("hanna").post(
        "/hr/saved/", {"name": "x", "query": "https://evil.example/?mine=1&next=//evil.example"}
    )

    assert response["Location"].startswith("/hr/")


def test_they_go_with_their_owner(browser_of, person):
    save(browser_of("hanna"), "Mine", "?mine=1")
    owner = person("hanna")
    owner.refresh_from_db()

    erase_person(owner)

    assert not SavedFilter.objects.exists()


@pytest.mark.both_databases
def test_a_person_has_each_name_once(person):
    owner = person("hanna")
    SavedFilter.objects.create(owner=owner, name="Mine", query="mine=1")
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedFilter.objects.create(owner=owner, name="Mine", query="")


def test_they_cost_one_query_however_many(browser_of, person, django_assert_max_num_queries, record):
    record("noor")
    hanna, owner = browser_of("hanna"), person("hanna")
    list_page(hanna)
    with django_assert_max_num_queries(100) as before:
        list_page(hanna)
    SavedFilter.objects.bulk_create(SavedFilter(owner=owner, name=f"{n}", query="mine=1") for n in range(20))

    with django_assert_max_num_queries(len(before)):
        assert len(chips(list_page(hanna))) == 20
    assert Starter.objects.exists()
