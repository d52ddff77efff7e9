"""Check a page on every screen: our own checks, axe, and the HTML as it was sent.

320 px is also a desktop window at 400 % zoom. If SCREENSHOTS names a folder, each page is saved there as a picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

from tests.browser import axe, checks, nu
from tests.browser.tab import Tab
from tests.support import plan

PICTURES = os.environ.get("SCREENSHOTS", "")
WIDTHS = {320: 640, 768: 1024, 1440: 900}
EVERY_SCREEN = tuple(product(WIDTHS, ("light", "dark")))
# `make test` checks the narrowest width and another one, light or dark. The page's name decides which.
PARTS = (
    ((320, "light"), (768, "dark")),
    ((320, "dark"), (1440, "light")),
    ((320, "light"), (1440, "dark")),
    ((320, "dark"), (768, "light")),
)
AXE = ((320, "dark"), (768, "dark"), (1440, "dark"))  # one of them is in each part
A_FEW = ((320, "dark"), (1440, "light"))  # for pages with the same layout


def screens_of(name: str) -> tuple[tuple[int, str], ...]:
    """The screens on which a page is checked by default."""
    return PARTS[sum(name.encode()) % len(PARTS)] if plan.EACH_ONCE else EVERY_SCREEN


class Looks:
    """Checks the page that a person sees. Call it with a name, and with a path to open it first.

    It collects all complaints, so that one run reports all of them. The fixture fails with them at the end.
    """

    def __init__(self, someone: Tab, checker: nu.Checker | None) -> None:
        self.someone, self.checker = someone, checker
        self.wrong: dict[str, list[str]] = {}  # each complaint, and the pages and screens where it was found

    def __call__(self, name: str, path: str = "", screens: Iterable[tuple[int, str]] = ()) -> None:
        with self.someone.updates_held():  # the page must not reload during a check
            self._look(name, path, screens)

    def _look(self, name: str, path: str, screens: Iterable[tuple[int, str]]) -> None:
        page = self.someone.page
        for where in self._screens(name, path, screens):
            self._note(where, checks.complaints(page))
        page.set_viewport_size({"width": 320, "height": 640})
        self._note(f"{name}, spaced out", checks.complaints_when_spaced_out(page))
        page.emulate_media(forced_colors="active")
        self._note(f"{name}, forced colours", checks.complaints_in_forced_colours(page))
        page.emulate_media(forced_colors="none")
        self._note(f"{name}, keyboard", checks.complaints_of_the_keyboard(page))

    def at_djangos(self, name: str, path: str = "", screens: Iterable[tuple[int, str]] = ()) -> None:
        """Check a page of Django admin, which has its own layout: axe, the HTML, and no sideways scrolling."""
        for where in self._screens(name, path, screens):
            self._note(where, checks.complaints_of_width(self.someone.page))

    def _screens(self, name: str, path: str, screens: Iterable[tuple[int, str]]) -> Iterator[str]:
        page = self.someone.page
        if path:
            page.goto(path)
        eye = axe.Axe(page) if axe.IS_HERE else None
        for width, colours in screens or screens_of(name):
            page.set_viewport_size({"width": width, "height": WIDTHS[width]})
            page.emulate_media(color_scheme=colours)
            where = f"{name}, {width} px, {colours}"
            yield where
            # `make test` runs axe on one screen only: all show the same elements.
            if eye and not (plan.EACH_ONCE and (width, colours) not in AXE):
                self._note(where, eye.violations())
            if PICTURES:
                picture = Path(PICTURES) / f"{name}-{width}-{colours}.png"
                page.screenshot(path=picture, full_page=True)
        if eye:
            eye.close()
        if self.checker:
            self._note(f"{name}, its HTML", self.checker.errors(self._as_sent()))

    def _note(self, where: str, complaints: list[str]) -> None:
        for complaint in complaints:
            self.wrong.setdefault(complaint, []).append(where)

    def told(self) -> str:
        """All complaints, one a line."""
        return "\n".join(f"{complaint} ({'; '.join(where[:3])})" for complaint, where in self.wrong.items())

    def _as_sent(self) -> str:
        """The HTML of the page as the server sent it."""
        asked = [request for request in self.someone.asked if request.is_navigation_request()]
        answer = asked[-1].response()
        assert answer is not None
        return answer.text()
