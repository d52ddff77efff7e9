"""Values from Entra are text: no page runs, loads or reverses them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from portal.demo.process import wait_for

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=alert(1)>"
SCRIPT = "</title></script><script>alert(2)</script>{{7*7}}{% now %}"
TURNED = "\u202eAda \u2066\u200f"
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.fixture(scope="module")
def strange(site):
    """A starter whose name, job and department contain markup and characters that reverse text."""
    name = f"{MARKUP} {TURNED}"
    starter = site.starter(display_name=name)
    site.change(person=starter.key, set={"jobTitle": SCRIPT, "department": f"{TURNED}{MARKUP}"})
    return starter


def stands_as_text(someone, *words):
    page = someone.page
    shown = page.evaluate("document.documentElement.textContent")
    assert not set(TURNING) & set(shown), page.url  # they would reverse the rest of a sentence
    for word in words:
        assert word in shown, (page.url, word, shown)
    assert page.locator("img, script:not([src]):not([type='application/json'])").count() == 0
    assert page.evaluate("[...document.querySelectorAll('*')].every((one) => !one.onerror)")


def test_the_mail_shows_it_as_text(site, tab, strange):
    reader = tab()
    site.hr.get(strange.hr_path)
    site.hr.send(site.hr.form_to("/send/"))  # the first may wait to be sent with others to the same manager
    found = wait_for(lambda: [m for m in site.seen("mail") if MARKUP in m["subject"]], "the mail")

    reader.page.goto(f"{site.tenant}/mail/{found[0]['number']}/html")

    expect(reader.page.locator("body")).to_contain_text(MARKUP)
    assert reader.page.locator("img[src=x]").count() == 0


def test_the_managers_pages_show_it_as_text(site, tab, strange):
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto("/starters/")
    stands_as_text(manager, MARKUP, "Ada")
    manager.page.goto(strange.path)
    stands_as_text(manager, MARKUP, "Ada")
    name = manager.page.get_by_role("heading", level=1).locator("bdi")
    expect(name).to_contain_text(MARKUP)

    manager.confirms()

    stands_as_text(manager, MARKUP)
    expect(manager.page.locator("h1 bdi")).to_contain_text(MARKUP)
    manager.follow("Done")
    manager.reads("The pass was handed over")
    stands_as_text(manager, MARKUP)


def test_hrs_pages_show_it_as_text(tab, site, strange):
    hr = tab()
    hr.is_signed_in("hanna")
    hr.page.goto("/hr/new/")
    hr.page.get_by_label("Account").fill(strange.account)

    hr.press("Look up")

    hr.reads("Account details")
    stands_as_text(hr, MARKUP, SCRIPT)
    for path in ("/hr/", f"/hr/?q={MARKUP}", strange.hr_path, f"{strange.hr_path}withdraw/"):
        hr.page.goto(path)
        stands_as_text(hr, MARKUP)


def test_the_admins_pages_show_it_as_text(tab, strange):
    admin = tab()
    admin.is_signed_in("ada")
    admin.page.goto("/admin/onboarding/starter/")
    expect(admin.page.locator("#result_list")).to_contain_text(MARKUP)

    admin.page.get_by_role("link", name=MARKUP).click()

    expect(admin.page.locator("#content")).to_contain_text(MARKUP)
    assert admin.page.locator("img[src=x], script:not([src], [type='application/json'])").count() == 0
