"""The letter with the stop code fits one sheet of paper, and the pages of the emergency stop fit every screen."""

from __future__ import annotations

import re

import pytest

from tests.browser.looking import A_FEW
from tests.browser.paper import words_of

pytestmark = pytest.mark.browser


def test_the_letter_and_the_pages_of_a_stop(looks, site):
    starter = site.starter(display_name="Wilhelmina-Josephine van Oranje-Nassau-Lippe-Biesterfeld")
    somebody = looks.someone
    somebody.is_signed_in("hanna")
    somebody.page.goto(starter.hr_path)
    somebody.submits("Create a stop code")
    somebody.reads("Print this letter now")
    looks("hr-stop-letter", "", A_FEW)
    code = somebody.page.locator("[data-stop-code]").inner_text()
    assert re.fullmatch(r"\w{4}-\w{4}-\w{4}", code)
    paper = somebody.page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", paper)) == 1
    assert code in words_of(paper) and "/sheet/stop/" in words_of(paper)

    somebody.is_signed_in("maria")
    not_me = starter.path.replace("/starters/", "/starters/not-me/")
    looks("manager-not-me", not_me, A_FEW)
    somebody.page.goto("/sheet/stop/")
    somebody.page.get_by_label("Stop code").fill("not a code")
    somebody.submits("Stop everything")
    somebody.reads("A stop code has twelve letters and digits")
    looks("stop-mistake", "", A_FEW)
    somebody.page.get_by_label("Stop code").fill(code.lower())
    somebody.submits("Stop everything")
    somebody.reads("An emergency stop is in force")
    looks("stop-done", "", A_FEW)
    looks("manager-not-me-stopped", not_me, A_FEW)
    looks("manager-stopped", starter.path, A_FEW)
    somebody.is_signed_in("hanna")
    looks("hr-restart", f"{starter.hr_path}restart/", A_FEW)
