"""The pass is only text on one page: in no attribute, address, title, storage or cookie."""

from __future__ import annotations

import re
from html import unescape

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WHERE_A_BROWSER_KEEPS_THINGS = """async () => JSON.stringify({
  address: location.href,
  referrer: document.referrer,
  title: document.title,
  state: history.state,
  name: window.name,
  local: { ...localStorage },
  session: { ...sessionStorage },
  cookies: document.cookie,
  databases: await indexedDB.databases(),
  caches: await caches.keys(),
  workers: (await navigator.serviceWorker.getRegistrations()).length,
  attributes: [...document.querySelectorAll("*")].flatMap((one) => [...one.attributes].map((a) => a.value)),
  comments: document.evaluate("count(//comment())", document).numberValue,
})"""


@pytest.fixture
def shown(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    code = manager.confirms()
    manager.press_to_open("Show the pass")
    return manager, starter, code


def without_escapes(json):
    return json.replace('\\"', '"').replace("\\\\", "\\")


def test_the_pass_is_text_of_the_page_and_nothing_else(shown):
    manager, _starter, code = shown

    kept = without_escapes(manager.page.evaluate(WHERE_A_BROWSER_KEEPS_THINGS))
    cookies = str(manager.context.cookies())
    stored = str(manager.context.storage_state())

    assert '"comments":0' in kept
    for place in (kept, cookies, stored):
        assert code not in unescape(place)


def test_only_the_answer_to_the_button_carries_the_pass(shown):
    manager, starter, code = shown

    methods = [request.method for request in manager.asked]
    since_the_button = manager.asked[methods.index("POST") :]
    carrying = []
    for request in since_the_button:
        answer = request.response()
        asked = f"{request.url} {request.all_headers()} {request.post_data or ''} {answer.all_headers()}"
        assert code not in unescape(asked), request.url
        words = re.sub("<[^>]*>", "", answer.text() if answer.status != 204 else "")
        carrying += [request.url] if code in unescape(words) else []
    assert carrying == [f"{manager.site.url}{starter.path}"]
    assert len(since_the_button) > 5


def test_the_pages_load_nothing_from_elsewhere(site, shown):
    manager, _starter, _code = shown

    assert {request.url.startswith(f"{site.url}/") for request in manager.asked} == {True}
    assert any(request.resource_type == "stylesheet" for request in manager.asked)
    assert any(request.resource_type == "script" for request in manager.asked)


def test_browser_blocks_and_reports_what_the_policy_forbids(site, tab):
    """The control: the tests above rely on these reports."""
    someone = tab()
    someone.is_signed_in("maria")
    someone.page.goto("/starters/")

    someone.page.evaluate("""() => {
      const picture = document.createElement("img");
      picture.src = "https://elsewhere.invalid/pixel.png";
      document.body.append(picture);
    }""")

    expect(someone.page.locator("img")).to_have_count(1)
    someone.waits_for(
        lambda: any("The policy stopped img-src" in text for text in someone.complaints()), "the complaint"
    )
    someone.waits_for(lambda: someone.from_elsewhere, "the request")
    assert [request.failure for request in someone.asked if "elsewhere" in request.url] == ["csp"]
    assert len(someone.from_elsewhere) == 1
    someone.said.clear()
    someone.from_elsewhere.clear()
