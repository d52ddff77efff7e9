"""Characters that nobody sees: named where a person types them, removed from names that a directory sends."""

from __future__ import annotations

import unicodedata

import pytest

from onboarding.inputs.characters import clean_name, find_hidden
from onboarding.inputs.fields import describe_hidden

RANGES = (
    (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAE), (0x61C, 0x61D), (0x200B, 0x2010), (0x2028, 0x202F), (0x2060, 0x2070),
    (0xFEFF, 0xFF00), (0xFFF9, 0xFFFC), (0xE000, 0xE010), (0xE0000, 0xE0100), (0xD800, 0xD810),
)  # fmt: skip
HIDDEN = [chr(code) for first, end in RANGES for code in range(first, end)]
HIDDEN += list("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180e\u2800\u3164\uffa0\ufe0f\U000e0100")

SPELLED = {
    "Persian": "نیک‌نام",
    "Persian, before a letter that joins on one side": "ده‌آبادی",
    "Sinhala": "ශ්‍රී",
    "Bengali, before the virama": "র‍্যাচেল",
    "Bengali, after the virama": "ক্‌ষ",
    "Marathi": "ऱ्‍हास",
    "a picture": "Welcome ❤️",
    "a Han character with a variant": "葛󠄀城",
    "letters with marks": "Zoë Nguyễn Jose\u0301",
    "an Arabic number sign": "\u0600٤٢",
    "right to left without any control": "מיכל كريم",
    "apostrophes, dashes and spaces": "O’Brien–\u00a0van\u3000’t Hof",
}


@pytest.mark.parametrize("name", SPELLED.values(), ids=SPELLED)
def test_a_name_keeps_what_spells_it(name):
    assert clean_name(name) == name
    assert describe_hidden(name) == ""


def test_hidden_characters_are_removed_from_names_and_refused_in_text():
    for character in HIDDEN:
        assert clean_name(f"No{character}or") == "Noor", hex(ord(character))
        if character not in "\n\t":
            assert f"character 3: U+{ord(character):04X}" in describe_hidden(f"No{character}or")


def test_the_error_has_the_characters_name():
    assert "character 6: U+202E, right-to-left override." in describe_hidden("never\u202e mind")
    assert "character 5: U+E0041, tag latin capital letter a." in describe_hidden("a\r\nbc\U000e0041")
    assert describe_hidden("Line\r\nand\tline\n") == ""


def test_a_joiner_between_latin_letters_hides_nothing():
    assert clean_name("Ma\u200cria\u200d") == "Maria"
    assert [found.code for found in find_hidden("Ma\u200cri\u200da")] == ["U+200C", "U+200D"]
    assert clean_name("\u200cنام\u200c") == "نام"  # at the end of a word it joins nothing


def test_only_text_is_a_name_and_its_length_is_limited():
    assert [clean_name(value) for value in (None, 7, ["Noor"], {"a": 1}, "\u200b \u202e")] == [""] * 5
    assert clean_name("x" * 300) == "x" * 256
    assert clean_name("  Noor ", limit=3) == "N"


def test_every_format_of_unicode_is_decided():
    """What a later Unicode adds as a format counts as hidden, until somebody decides otherwise."""
    formats = {chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"}
    kept = {letter for letter in formats if clean_name(f"a{letter}b") != "ab"}

    assert kept == set(
        "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    )
