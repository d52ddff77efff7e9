"""The main pages in their states, narrow and wide, light and dark: nothing is cut off, everything can be read and used.

320 px is also a desk's window at 400 % zoom. With SCREENSHOTS naming a folder, each page is put there as a picture.
"""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from portal.components import REFUSALS
from tests.browser import checks

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("SCREENSHOTS", "")
WIDTHS = {320: 640, 768: 1024, 1440: 900}
SCREENS = tuple(product(WIDTHS, ("light", "dark")))
A_FEW = ((320, "dark"), (1440, "light"))  # for pages that are made alike


@pytest.fixture(scope="module")
def starters(site):
    """Names that want more room than others, and one who starts next week."""
    long = "Maximiliane-Alexandrina von Württemberg-Hohenlohe-Langenburg"
    return site.starter(display_name=long), site.starter(starts_in=timedelta(days=2))


@pytest.fixture
def looks(tab):
    """Look at a page on every screen."""
    someone = tab(reduced_motion="reduce")  # a picture shows no half-done change of colours

    def at(name, path="", screens=SCREENS):
        if path:
            someone.page.goto(path)
        for width, colours in screens:
            someone.page.set_viewport_size({"width": width, "height": WIDTHS[width]})
            someone.page.emulate_media(color_scheme=colours)
            assert checks.complaints(someone.page) == [], f"{name}, {width} px, {colours}"
            if PICTURES:
                picture = Path(PICTURES) / f"{name}-{width}-{colours}.png"
                someone.page.screenshot(path=picture, full_page=True)
        someone.page.set_viewport_size({"width": 320, "height": 640})
        assert checks.complaints_when_spaced_out(someone.page) == [], name
        someone.page.emulate_media(forced_colors="active")
        assert checks.complaints_in_forced_colours(someone.page) == [], name
        someone.page.emulate_media(forced_colors="none")
        assert checks.complaints_of_the_keyboard(someone.page) == [], name

    at.someone = someone
    return at


def test_a_managers_pages_fit(looks, site, starters):
    manager, starter = looks.someone, site.starter(display_name="Ng")
    manager.is_signed_in("maria")
    looks("manager-home", "/")
    looks("manager-early", starters[1].path)
    looks("manager-confirm", starters[0].path)
    looks("manager-nobody", "/starters/nobody/")
    looks("manager-ready", starter.path)
    manager.press("Create the pass and show it once")
    manager.reads("Choose how you checked who they are.")
    looks("manager-mistake")
    manager.confirms()
    looks("pass-masked")
    manager.press_to_open("Show the pass")
    manager.press_to_open("Spell it out")
    looks("pass-shown")
    manager.follow("Done")
    manager.reads("The pass was handed over")
    looks("manager-handed-over")
    manager.press("It was lost: take it back")
    manager.reads("The pass is")
    looks("manager-taken-back")
    manager.press("Sign out")
    manager.title("You are signed out")
    looks("signed-out")


def test_hrs_pages_fit(looks, starters):
    hr, (starter, _) = looks.someone, starters
    hr.is_signed_in("hanna")
    looks("hr-list", "/hr/")
    looks("hr-nothing-found", "/hr/?q=nobody-is-called-that")
    looks("hr-starter", starter.hr_path)
    looks("hr-edit", f"{starter.hr_path}edit/")
    looks("hr-withdraw", f"{starter.hr_path}withdraw/")
    looks("hr-record", "/hr/new/")
    hr.page.get_by_label("Account").fill("nobody at all")
    hr.press("Look up")
    hr.reads("Please check this")
    looks("hr-record-mistake")
    hr.page.get_by_label("Account").fill("somebody.new@contoso.example")
    hr.press("Look up")
    hr.reads("There is no such account yet")
    looks("hr-record-expected")
    hr.page.get_by_label("Account").fill("ben.carter@contoso.example")
    hr.press("Look up")
    hr.reads("The directory says")
    looks("hr-record-found")


def test_hrs_pages_for_many_fit(looks, site, starters):
    hr = looks.someone
    hr.is_signed_in("hanna")
    looks("hr-day", "/hr/day/")
    hr.press_to_open("The same as a table")
    looks("hr-day-table")
    looks("hr-day-empty", "/hr/day/2030-01-01/")
    looks("hr-account", f"{starters[0].hr_path}account/")
    hr.page.goto("/hr/new/several/")
    hr.page.get_by_label("Accounts").fill(f"{starters[0].account}\nben.carter@contoso.example\nwhat is this")
    hr.press("Look them all up")
    hr.reads("2 cannot be recorded as they are")
    looks("hr-several")
    hr.page.goto("/hr/")
    hr.page.locator("[name=starter]").first.check()
    hr.press("Move the first day…")
    hr.reads("Those you chose")
    looks("hr-move")
    hr.press("Move this starter")
    hr.reads("Say what to change")
    looks("hr-move-mistake")


def test_the_pages_for_everybody_fit(looks):
    looks("sheet", "/sheet/")
    looks("sheet-windows", "/sheet/?with=windows")
    looks("components", "/components/")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_page_that_says_why_not_fits(looks, refusal):
    looks(f"refusal-{refusal.replace('/', '-')}", f"/components/?page={refusal}", A_FEW)
