"""The most used pages in Dutch and German: longer words are not cut off and nothing scrolls sideways."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import checks
from tests.browser.looking import PICTURES, WIDTHS

pytestmark = pytest.mark.browser
LONG = "Wilhelmina-Theodora van Oldenbarneveldt-Hohenlohe-Langenburg"  # unique, because HR gets a warning about duplicates


def complaints(page, name: str, path: str = "") -> list[str]:
    """What is wrong with a page on a phone, with normal and with wide word spacing, and on a desktop."""
    if path:
        page.goto(path)
    found = []
    for width in (320, 1440):
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        found += checks.complaints(page) + (checks.complaints_when_spaced_out(page) if width == 320 else [])
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
    return [f"{name}: {complaint}" for complaint in found]


@pytest.fixture(scope="module")
def long_name(site):
    return site.starter(display_name=LONG)


@pytest.mark.parametrize(
    ("language", "list_title", "pass_title"),
    [
        ("nl", "Alle nieuwe medewerkers", "De pas voor"),
        ("de", "Alle neuen Teammitglieder", "Der Zugangspass für"),
    ],
)
def test_the_main_pages_fit(tab, site, long_name, language, list_title, pass_title):
    hr, manager = tab(locale=language, reduced_motion="reduce"), tab(locale=language, reduced_motion="reduce")
    starter = site.starter(display_name=f"{LONG} ({language})")
    hr.is_signed_in("hanna")
    wrong = complaints(hr.page, f"{language}-hr-list", "/hr/")
    expect(hr.page.locator("h1")).to_have_text(list_title)
    wrong += complaints(hr.page, f"{language}-hr-starter", long_name.hr_path)
    manager.is_signed_in("maria")
    wrong += complaints(manager.page, f"{language}-manager", starter.path)
    manager.page.locator("[name=identity_check]").first.check()
    manager.page.locator("main form button.primary").click()
    expect(manager.page.locator("h1")).to_contain_text(pass_title)
    manager.page.locator("details.mask summary").click()
    wrong += complaints(manager.page, f"{language}-pass")
    wrong += complaints(manager.page, f"{language}-sheet", "/sheet/")

    assert wrong == []


def test_language_change_without_scripts_stays_on_the_page(tab):
    reader = tab(java_script_enabled=False, locale="fr")
    reader.page.goto("/sheet/?with=key")
    reader.page.get_by_role("button", name="Nederlands").click()

    expect(reader.page).to_have_url(f"{reader.site.url}/sheet/?with=key")
    expect(reader.page.locator("html")).to_have_attribute("lang", "nl")
    expect(reader.page.get_by_role("button", name="Nederlands")).to_have_attribute("aria-current", "true")
