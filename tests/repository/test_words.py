"""The words that this project does not use: a reminder to write plain English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings

TOP = Path(settings.BASE_DIR)
# On the left the words to avoid, on the right what to write instead.
NOT_ON_SCREEN = {
    r"whoever|whom": "the person who …, or another sentence",
    r"anew": "again",
    r"besides": "also",
    r"naught|none but": "nothing",
    r"(is|are) told": "we notify …",
    r"puts? it right": "how to fix it",
    r"tak(e|es|en|ing) (it )?back": "cancel",
    r"needs a hand": "needs attention",
    r"press again|the press": "try again, the click",
    r"directory names": "… in Entra",
    r"put in force": "activate",
    r"pretend tenant": "sandbox tenant",
    r"record a starter": "add a starter",
    r"once more|begin again": "again",
    r"nothing (is|was) (lost|done|made)": "what was saved, or: no pass was created",
    r"audit trail|the trail": "audit log, on screen; audit chain, for the check",
    r"(the|your) directory|directory's": "Entra",
    r"first page": "home page",
    r"goes? on|going on": "continue",
    r"is asked|(was|is) asked for": "the screen asks for …, the requested …",
    r"(a|an|one|each|this|no) mail(?! server)|mails": "email",
    r"sign of life": "report",
    r"under way": "in progress",
    r"for ever": "endlessly",
    r"whatever|wherever|whichever|whether or not": "another sentence",
    r"somebody|anybody": "the person, or: nobody, someone",
    r"just now": "now, at the moment",
    r"holds?": "has, contains",
    r"beforehand": "before …",
    r"which is what": "on which …",
    r"any more": "no longer",
    r"switched (on|off)": "turned on, turned off",
    r"may (become|join|not be)": "can",
    r"in the same go": "also",
}
# Texts that are not translated: commands, the tenant's plan and script, sandbox pages, start-up errors.
UNTRANSLATED = (
    "onboarding/management",
    "portal/branding",
    "portal/certificates.py",
    "portal/environment.py",
    "portal/management",
    "portal/sandbox/pages",
    "portal/sandbox/people.py",
    "portal/service_urls.py",
    "portal/settings.py",
    "portal/tenant_setup",
)
NOT_IN_DOCUMENTS = {
    pattern: NOT_ON_SCREEN[pattern]
    for pattern in (
        "anew",
        r"puts? it right",
        "pretend tenant",
        "for ever",
        "in the same go",
        "which is what",
    )
}


def texts_on_screen() -> list[str]:
    """Each English text that is translated, with its plural."""
    entries = polib.pofile(str(TOP / "locale/de/LC_MESSAGES/django.po"))
    return [
        text for entry in entries if not entry.obsolete for text in (entry.msgid, entry.msgid_plural) if text
    ]


def untranslated_texts() -> list[str]:
    """Each string of several words in those modules, without docstrings, and the messages of the tenant script."""
    modules = [path for part in UNTRANSLATED for path in sorted([TOP / part, *(TOP / part).rglob("*.py")])]
    scripts = [path.read_text() for path in (TOP / "portal/tenant_setup").glob("*.sh")]
    return [
        *(text for path in modules if path.suffix == ".py" for text in _strings(path)),
        *(
            line
            for script in scripts
            for line in script.splitlines()
            if re.search(r"\b(say|stop|differs) ", line)
        ),
    ]


def _strings(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    literals = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings
    ]
    yield from (node.value for node in literals if isinstance(node.value, str) and " " in node.value)


@pytest.mark.parametrize("pattern", NOT_ON_SCREEN)
def test_a_text_on_screen_uses_plain_words(pattern):
    stiff = re.compile(rf"\b({pattern})\b", re.IGNORECASE)
    texts = texts_on_screen()

    assert len(texts) > 1000
    assert [text for text in texts if stiff.search(text)] == []


@pytest.mark.parametrize("pattern", NOT_ON_SCREEN)
def test_a_command_uses_plain_words(pattern):
    stiff = re.compile(rf"\b({pattern})\b", re.IGNORECASE)
    texts = untranslated_texts()

    assert len(texts) > 300
    assert [text for text in texts if stiff.search(text)] == []


@pytest.mark.parametrize("pattern", NOT_IN_DOCUMENTS)
def test_a_document_uses_plain_words(pattern):
    stiff = re.compile(rf"\b({pattern})\b", re.IGNORECASE)
    papers = [*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md"), *(TOP / "connectors").rglob("*.md")]

    assert papers
    assert [path.name for path in papers if stiff.search(path.read_text())] == []
