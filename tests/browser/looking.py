"""Look at a page on every screen: with our own checks, with axe, and at its HTML as it was sent.

320 px is also a desk's window at 400 % zoom. With SCREENSHOTS naming a folder, each page is put there as a picture.
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
# `make test` looks at each width once, in the one or the other colours; which ones, the page's name decides.
PARTS = (((320, "light"), (768, "dark"), (1440, "light")), ((320, "dark"), (768, "light"), (1440, "dark")))
A_FEW = ((320, "dark"), (1440, "light"))  # for pages that are made alike


def screens_of(name: str) -> tuple[tuple[int, str], ...]:
    """On which screens a page is looked at, where nothing else is said."""
    return PARTS[sum(name.encode()) % 2] if plan.EACH_ONCE else EVERY_SCREEN


class Looks:
    """What somebody sees; called with a name, and a path where they have to go there first.

    Everything that is wrong is gathered, so that a run tells all of it; the fixture asks for it at the end.
    """

    def __init__(self, someone: Tab, checker: nu.Checker | None) -> None:
        self.someone, self.checker = someone, checker
        self.wrong: dict[str, list[str]] = {}  # the complaint, and where it holds

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
        """A page of Django admin, which is made otherwise than ours: axe, the HTML, and nothing scrolls sideways."""
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
            # `make test` asks axe on the narrowest and the widest screen: between them nothing else is shown.
            if eye and not (plan.EACH_ONCE and width == 768):
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
        """What is wrong, a line each."""
        return "\n".join(f"{complaint} ({'; '.join(where[:3])})" for complaint, where in self.wrong.items())

    def _as_sent(self) -> str:
        """The HTML of the page, before any script of it ran."""
        asked = [request for request in self.someone.asked if request.is_navigation_request()]
        answer = asked[-1].response()
        assert answer is not None
        return answer.text()
