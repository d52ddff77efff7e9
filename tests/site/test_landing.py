"""After sign-in people land on the page with their work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.demo.process import running_demo
from portal.demo.visitor import Visitor
from portal.models import ADMIN, HR
from tests.support.databases import give_static_files

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def demo():
    with running_demo("--throttle", "off", furnish=give_static_files) as site:
        yield site


@pytest.mark.parametrize(
    ("person", "path"),
    [
        ("hanna", "/hr/day/"),
        ("ada", "/admin/"),
        ("audrey", "/audit/"),
        ("maria", "/starters/"),
        ("outsider", "/starters/"),
    ],
)
def test_sign_in_leads_to_the_page_of_the_persons_role(demo, person, path):
    visitor = Visitor(demo.portal_url)

    answer = visitor.sign_in(person)

    assert (answer.status_code, answer.url) == (200, f"{demo.portal_url}{path}")


@pytest.mark.parametrize("path", ["/hr/new/", "/starters/", "/sheet/", "/hr/?q=noor"])
def test_a_link_that_was_opened_before_signing_in_is_followed(demo, path):
    visitor = Visitor(demo.portal_url)

    answer = visitor.sign_in("hanna", path)

    assert (answer.status_code, answer.url) == (200, f"{demo.portal_url}{path}")


def leads_to(browser) -> str:
    return browser.get("/")["Location"]


def test_a_starter_to_help_now_comes_before_hrs_own_page(invite, browser_of):
    henry = browser_of("henry")
    assert leads_to(henry) == "/hr/day/"

    invite("nadia")

    assert leads_to(henry) == "/starters/"


def test_later_starter_does_not_replace_hrs_landing_page(record, browser_of):
    record("nadia", starts_in=timedelta(days=10))

    assert leads_to(browser_of("henry")) == "/hr/day/"


def test_admin_with_a_starter_now_lands_on_starters(invite, browser_of):
    invite("olga")

    assert leads_to(browser_of("amir")) == "/starters/"


def test_hr_admin_lands_on_hrs_page(person, browser_of):
    browser = browser_of("hanna")
    hanna = person("hanna")
    hanna.roles = [HR, ADMIN]
    hanna.save()

    assert leads_to(browser) == "/hr/day/"


def test_landing_page_asks_visitors_to_sign_in(client):
    assert leads_to(client) == "/signin/?next=/"
