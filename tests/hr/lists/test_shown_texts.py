"""What HR's pages show around the list: account names that break well, chosen filters on paper, and ways on."""

from __future__ import annotations

import re
from html import unescape

import pytest

from onboarding.hr.filters import ManagerChoices, StarterFilters
from onboarding.hr.lists.printed import describe_fields
from onboarding.models import Starter
from onboarding.templatetags.accounts import FITS, breakable

LONG = "maximiliane-alexandrina.von_wuerttemberg@eu.contoso.example"


def test_a_long_account_breaks_only_behind_its_separators():
    shown = breakable(LONG)

    assert shown.split("<wbr>") == [
        "maximiliane-", "alexandrina.", "von_", "wuerttemberg@", "eu.", "contoso.", "example"
    ]  # fmt: skip
    assert shown.replace("<wbr>", "") == LONG
    assert breakable("noor.devries@contoso.example") == "noor.devries@contoso.example"
    assert breakable("x" * (FITS + 1)) == "x" * (FITS + 1)


@pytest.mark.parametrize("name", ['<b>"o\'brien&co"</b>', '<b>"o\'brien&co"</b>.and-more@contoso.example'])
def test_an_account_is_only_ever_text(name):
    assert unescape(breakable(name).replace("<wbr>", "")) == name
    assert "<b>" not in breakable(name)


@pytest.mark.django_db
def test_hrs_pages_show_accounts_that_can_break(browser_of, record):
    starter, hanna = record("noor"), browser_of("hanna")
    Starter.objects.filter(pk=starter.pk).update(account_name=LONG)

    for path in (f"{starter.public_id}/", f"{starter.public_id}/account/", ""):
        page = hanna.get(f"/hr/{path}").content.decode()
        assert f"<bdi>{breakable(LONG)}</bdi>" in page, path


def test_paper_names_the_chosen_filters():
    managers = ManagerChoices([("m-1", "Maria (Sales) (12)")])
    chosen = {"q": "noor", "since": "2026-12-07", "department": "Finance", "manager": "m-1", "mine": "1"}

    assert describe_fields(StarterFilters.from_query({}), managers) == []
    assert describe_fields(StarterFilters.from_query(chosen), managers) == [
        "Find a starter: noor",
        "Starts from: 7 December 2026",
        "Department: Finance",
        "Manager: Maria (Sales)",
        "Added by me",
    ]
    assert describe_fields(StarterFilters.from_query({"source": "hr"}), managers) == ["Added by: HR"]


@pytest.mark.django_db
def test_printed_filters_are_on_the_page(browser_of):
    page = browser_of("hanna").get("/hr/", {"department": "Finance"}).content.decode()

    assert '<p class="printed small"><bdi>Department: Finance</bdi></p>' in page


@pytest.mark.django_db
def test_hrs_pages_lead_on(browser_of, record):
    hanna, starter = browser_of("hanna"), record("noor")

    assert re.search(r'or <a href="/hr/import/">import a list</a>', hanna.get("/hr/new/").content.decode())
    assert '<a href="/hr/">← All starters</a>' in hanna.get(f"/hr/{starter.public_id}/").content.decode()
    empty = hanna.get("/hr/to-accept/").content.decode()
    assert "No starters are waiting for HR</h2>" in empty and "Other systems added these" not in empty
