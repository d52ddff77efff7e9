"""The whole first day in a browser: from adding the starter to their own passkey."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from portal.demo.process import wait_for
from tests.browser.site import ZONE, Starter

pytestmark = pytest.mark.browser


def test_the_whole_first_day_from_the_record_to_the_passkey(site, tab):
    key, name, account = site.newcomer()
    hr, manager, starter = tab(), tab(), tab()

    hr_path = records(hr, name, account)
    newcomer = Starter(key, name, account, hr_path.replace("/hr/", "/starters/"), hr_path)
    follows_the_link_from_the_mail(manager, site, name)
    assert site.passes(newcomer) == []
    code = hands_over(manager, name)
    leaves_the_page(manager)
    registers_a_passkey(starter, site, account, code)
    ends_well(hr, manager, site, newcomer)

    for who in (hr, manager, starter):
        assert who.complaints(strict=True) == []
        assert code not in "".join(request.url for request in who.asked)


def records(hr, name, account):
    """HR signs in, looks up the account, adds the starter, and sends the link."""
    now = datetime.now(ZoneInfo(ZONE))
    hr.sign_in("hanna")
    hr.follow("Add a starter")
    hr.page.get_by_label("Account").fill(account)
    hr.press("Look up")
    hr.reads("Account details")
    hr.reads("Maria Lindqvist")
    hr.page.get_by_label("Start date").fill(f"{now:%Y-%m-%d}")
    hr.page.get_by_label("Start time").fill(f"{now:%H:%M}")
    hr.press("Save this starter")
    hr.reads(f"{name} was added.")  # for today: the worker may send the link at this very moment
    hr.page.get_by_role("button", name=re.compile("^Send the link (now|again)$")).click()
    hr.reads("The portal queued the email with the link")
    return hr.page.url.removeprefix(hr.site.url)


def follows_the_link_from_the_mail(manager, site, name):
    """The manager opens the link in the mail, and signs in."""
    mail = f"Help {name} sign in on the first day"
    wait_for(lambda: any(mail in message["subject"] for message in site.seen("mail")), "the mail")
    manager.page.goto(f"{site.tenant}/mail?to=maria.lindqvist@contoso.example")
    manager.page.get_by_role("link", name=mail).first.click()
    manager.page.locator("pre a", has_text="/starters/").first.click()  # the other is for "That was not me"
    manager.pick("maria")
    manager.title(name)


def hands_over(manager, name):
    """The manager confirms and sees the pass: masked, then plain, then spelled out."""
    manager.reads(f"Is {name} with you?")
    code = manager.confirms()  # the page sends the receipt by itself
    expect(manager.output).to_be_hidden()
    manager.press_to_open("Show the pass")
    expect(manager.output).to_be_visible()
    assert manager.output.inner_text() == code
    manager.press_to_open("Spell it out")
    words = manager.page.locator(".spelled li").all_inner_texts()
    assert len(words) == len(code)
    assert all(said(word, character) for word, character in zip(words, code, strict=True)), (words, code)
    expect(manager.page.get_by_role("timer")).to_have_text(re.compile(r"^(60:00|5\d:\d\d) left$"))
    return code


def said(word, character):
    """Whether this is how the pass is spelled out."""
    if character.isalpha():
        return word == f"{'capital' if character.isupper() else 'small'} {character}"
    return word.isascii() and word.replace(" ", "").isalpha() and character not in word


def leaves_the_page(manager):
    manager.follow("Done")
    manager.reads("The pass was handed over")
    expect(manager.page.locator("[data-polls]")).to_have_count(1)  # the page updates by itself


def registers_a_passkey(starter, site, account, code):
    starter.page.goto(f"{site.tenant}/mysignins")
    first = starter.page.locator("form").first
    first.get_by_label("Account name").fill(account)
    first.get_by_label("Temporary Access Pass").fill(code)
    starter.press("Sign in")
    starter.press("Create the passkey")
    starter.title("You are signed in")


def ends_well(hr, manager, site, starter):
    """Both pages say that the onboarding is complete, and the pass is deleted."""
    wait_for(lambda: "A sign-in method was registered" in site.told_to_hr(starter), "the portal to notice")
    hr.page.reload()
    hr.reads("A sign-in method was registered")
    manager.page.reload()
    manager.reads(f"{starter.name} can sign in")
    assert site.passes(starter) == []
    assert site.passes_made(starter) == 1
