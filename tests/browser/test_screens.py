"""The main pages on a small phone, a phone in the dark and a desk: nothing is cut off, nothing scrolls sideways.

With SCREENSHOTS naming a folder, each page is also put there as a picture.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("SCREENSHOTS", "")
SCREENS = {
    "small": (320, 640, "light"),
    "phone-dark": (390, 844, "dark"),
    "desk-light": (1280, 800, "light"),
}
SIDEWAYS = """() => {
  const root = document.documentElement;
  const wide = [...document.querySelectorAll("body *")].filter((one) =>
    one.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(one).clipPath === "none");
  return root.scrollWidth > root.clientWidth ? wide.map((one) => one.outerHTML.slice(0, 120)) : [];
}"""
TOO_SMALL = """() => [...document.querySelectorAll("main button, main .button, main summary, main select")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.5)
  .map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def starters(site):
    """Names that want more room than others, and one who starts next week."""
    long = "Maximiliane-Alexandrina von Württemberg-Hohenlohe-Langenburg"
    return site.starter(display_name=long), site.starter(starts_in=timedelta(days=2))


@pytest.fixture
def looks(tab):
    """Look at a page on every screen."""
    someone = tab(reduced_motion="reduce")  # a picture shows no half-done change of colours

    def at(name, path=""):
        if path:
            someone.page.goto(path)
        for screen, (width, height, colours) in SCREENS.items():
            someone.page.set_viewport_size({"width": width, "height": height})
            someone.page.emulate_media(color_scheme=colours)
            assert someone.page.evaluate(SIDEWAYS) == [], f"{name} on {screen}"
            assert someone.page.evaluate(TOO_SMALL) == [], f"{name} on {screen}"
            if PICTURES:
                someone.page.screenshot(path=Path(PICTURES) / f"{name}-{screen}.png", full_page=True)

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
