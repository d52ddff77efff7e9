"""Every marked text is translated completely and compiled in every language."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings

TOP = Path(settings.BASE_DIR)
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
# The parts that a translation must keep unchanged: placeholders and markup.
KEPT = re.compile(r"%\(\w+\)s|\{\w*\}|</?\w+[^>]*>")


def words_of(language: str, kind: str = "po") -> polib.POFile | polib.MOFile:
    read = polib.pofile if kind == "po" else polib.mofile
    return read(str(TOP / "locale" / language / "LC_MESSAGES" / f"django.{kind}"))


def pairs(entry: polib.POEntry) -> Iterator[tuple[str, str]]:
    """Each English text with its translation."""
    if not entry.msgid_plural:
        yield entry.msgid, entry.msgstr
        return
    for number, said in entry.msgstr_plural.items():
        yield entry.msgid if number == 0 else entry.msgid_plural, said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language, capsys):
    words = [entry for entry in words_of(language) if not entry.obsolete]
    missing = [entry.msgid for entry in words for _, said in pairs(entry) if not said.strip()]
    doubtful = [entry.msgid for entry in words if "fuzzy" in entry.flags]

    done = len(words) - len({*missing, *doubtful})
    with capsys.disabled():  # print the numbers in every run
        print(f"\n{language}: {done} of {len(words)} texts, {done / len(words):.0%}")  # noqa: T201
    assert (missing, doubtful) == ([], [])
    assert len(words) > 1000


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_plural_has_all_its_forms(language):
    catalog = words_of(language)
    count = int(re.search(r"nplurals=(\d+)", catalog.metadata["Plural-Forms"])[1])
    plurals = [entry for entry in catalog if entry.msgid_plural]

    assert [entry.msgid for entry in plurals if set(entry.msgstr_plural) != set(range(count))] == []
    assert len(plurals) > 10


def test_all_languages_have_the_same_texts():
    texts = [
        {(entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in words_of(language)}
        for language in LANGUAGES
    ]

    assert all(translated == texts[0] for translated in texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_same_placeholders_and_markup(language):
    differ = [
        (english, said)
        for entry in words_of(language)
        for english, said in pairs(entry)
        if Counter(KEPT.findall(english)) != Counter(KEPT.findall(said))
    ]

    assert differ == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_begin_and_end_like_the_english(language):
    """A sentence that is joined from several texts keeps its full stop, and gets no extra spaces."""
    ends = re.compile(r"[.?!:…]?$")
    differ = [
        (english, said)
        for entry in words_of(language)
        for english, said in pairs(entry)
        if said != said.strip() or ends.search(english)[0] != ends.search(said)[0]
    ]

    assert differ == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_translations_match_their_sources(language):
    written, compiled = (
        {
            (entry.msgctxt, entry.msgid, entry.msgid_plural): (entry.msgstr, dict(entry.msgstr_plural))
            for entry in words_of(language, kind)
        }
        for kind in ("po", "mo")
    )

    assert written == compiled, "run `make messages`"


def test_no_text_is_marked_inside_an_f_string():
    """gettext does not extract texts from f-strings: nobody would translate them."""
    names = {"gettext", "gettext_lazy", "ngettext", "pgettext", "_"}
    hidden = [
        f"{path.relative_to(TOP)}:{call.lineno}"
        for package in ("portal", "onboarding")
        for path in (TOP / package).rglob("*.py")
        for joined in ast.walk(ast.parse(path.read_text()))
        if isinstance(joined, ast.JoinedStr)
        for call in ast.walk(joined)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names
    ]

    assert hidden == []


@pytest.mark.skipif(
    not shutil.which("xgettext"), reason="gettext is not installed (on Debian: apt install gettext)"
)
def test_every_text_was_extracted(tmp_path):
    for part in ("portal", "onboarding", "templates", "locale"):
        shutil.copytree(TOP / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "manage.py", tmp_path)
    how = re.search(r"manage\.py (makemessages .*?) &&", (TOP / "Makefile").read_text())[1]
    done = subprocess.run(
        [sys.executable, "manage.py", *how.replace("'", "").split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    found = polib.pofile(str(tmp_path / "locale" / "nl" / "LC_MESSAGES" / "django.po"))
    now = {(entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in found if not entry.obsolete}
    kept = {
        (entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in words_of("nl") if not entry.obsolete
    }
    assert now == kept, "run `make messages`, and translate what is new"


# What the glossary calls these in each language, and the words that a translator may not take over from the English.
FOREIGN_WORDS = {
    "nl": r"\b[Ss]tarters?\b|\b[Dd]e manager\b",
    "de": r"\bStarters?\b|\bHR\b|\bPass\b|\bManager\b",
}


@pytest.mark.parametrize("language", FOREIGN_WORDS)
def test_translations_use_the_words_of_their_language(language):
    texts = [text for entry in words_of(language) for _, text in pairs(entry)]

    assert [text for text in texts if re.search(FOREIGN_WORDS[language], KEPT.sub("", text))] == []
