"""axe-core on the page as it is now: violations of WCAG 2.2 A and AA and of axe's best practices.

It runs in an isolated world beside the page's scripts, so the page's content security policy stays as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page

NODE = Path(__file__).resolve().parents[2] / "var" / "node" / "pages" / "node_modules"
FILE = NODE / "axe-core" / "axe.min.js"
IS_HERE = FILE.is_file()
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
RUN = """axe.run(document, %s).then((told) => JSON.stringify(told.violations.map((one) =>
  `${one.id}: ${one.help}: ` + one.nodes.map((node) => `${node.target} ${node.html.slice(0, 120)} ` +
    node.any.concat(node.all, node.none).map((check) => check.message).join(", ")).join(" | "))))"""


class Axe:
    """axe in one isolated world, until the page is left. Every call checks again."""

    def __init__(self, page: Page, *, without: tuple[str, ...] = ()) -> None:
        """`without` names rules that do not apply to this page."""
        self.session: CDPSession = page.context.new_cdp_session(page)
        frame = self.session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = self.session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
        self.world = world["executionContextId"]
        self._evaluate(FILE.read_text())
        options = {
            "runOnly": list(RULES),
            "resultTypes": ["violations"],
            "iframes": False,
            "preload": False,  # it would add imported styles to the page, which the policy blocks
            "rules": {name: {"enabled": False} for name in without},
        }
        self.run = RUN % json.dumps(options)

    def violations(self) -> list[str]:
        return list(json.loads(self._evaluate(self.run)))

    def close(self) -> None:
        self.session.detach()

    def _evaluate(self, script: str) -> Any:
        asked = {"expression": script, "contextId": self.world, "awaitPromise": True, "returnByValue": True}
        answer = self.session.send("Runtime.evaluate", asked)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")
