"""Each admin form saves what it shows. Each other admin page has no form."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import RequestFactory
from playwright.sync_api import Locator, expect

from portal.models import ADMIN, User

pytestmark = pytest.mark.browser

# What a person types into a required field, by the type of the field.
TYPED = {"text": "By the browser", "textarea": "By the browser", "number": "5", "email": "hr@contoso.example"}
BY_NAME = sorted(admin.site._registry.items(), key=lambda registered: registered[0]._meta.label_lower)
EVERY_MODEL = pytest.mark.parametrize(
    ("model", "pages"), BY_NAME, ids=[model._meta.label_lower for model, _ in BY_NAME]
)


def may_add(pages: admin.ModelAdmin) -> bool:
    return pages.has_add_permission(as_ada())


def may_change(pages: admin.ModelAdmin) -> bool:
    return pages.has_change_permission(as_ada())


def as_ada() -> Any:
    request = RequestFactory().get("/")
    request.user = User(roles=[ADMIN])
    return request


@pytest.fixture(scope="module")
def someone_is_known(site):
    return site.starter()


@pytest.fixture
def ada(tab, someone_is_known):
    ada = tab()
    ada.is_signed_in("ada")
    return ada


def listing(model: Any) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def form(tab: Any, model: Any) -> Locator:
    return tab.page.locator(f"#{model._meta.model_name}_form")


def fill_in_and_save(tab: Any, model: Any) -> None:
    """Fill in each field that the page marks as required, check that the others are visible, and save."""
    expect(form(tab, model)).to_be_visible()
    for label in form(tab, model).locator("label.required:visible").all():
        field = tab.page.locator(f"#{label.get_attribute('for')}")
        if field.input_value() == "":
            kind = field.evaluate("one => one.type")
            field.fill(TYPED[kind])
    fields = form(tab, model).locator("input:visible, select:visible, textarea:visible")
    for field in fields.all():
        expect(field).to_be_enabled()
    tab.press("Save")
    expect(tab.page.locator(".messagelist")).to_contain_text("successfully")
    expect(tab.page.locator(".errornote")).to_have_count(0)


@EVERY_MODEL
def test_add_form_saves_what_it_shows_or_is_missing(ada, model, pages):
    ada.page.goto(listing(model))
    if not may_add(pages):
        expect(ada.page.locator(".object-tools .addlink")).to_have_count(0)
        answer = ada.page.goto(f"{listing(model)}add/")
        assert answer.status == 403
        return

    ada.page.locator(".object-tools .addlink").click()

    fill_in_and_save(ada, model)


@EVERY_MODEL
def test_change_form_saves_what_it_shows_or_is_read_only(ada, model, pages):
    ada.page.goto(listing(model))
    first = ada.page.locator("#result_list tbody th a").first
    if not first.count():  # the demo has no row of this table
        return

    first.click()
    ada.page.wait_for_url("**/change/**")

    if may_change(pages):
        fill_in_and_save(ada, model)
    else:
        expect(form(ada, model)).to_be_visible()
        expect(ada.page.locator("#content input[type=submit]")).to_have_count(0)


def test_department_selects_default_to_the_sites_value(ada):
    ada.page.goto("/admin/onboarding/departmentpolicy/add/")

    for select in ada.page.locator("#departmentpolicy_form select:visible").all():
        expect(select.locator("option:checked")).to_have_text("same as the whole organisation")
