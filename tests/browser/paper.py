"""Reads the text of a PDF that Chromium printed. It supports only the parts of PDF that Chromium writes."""

from __future__ import annotations

import re
import zlib

OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)endobj", re.S)
DRAWN = re.compile(r"/F(\d+) [\d.]+ Tf|<([0-9A-F]+)>")  # from here on this font; these characters of it
ONE = re.compile(r"^<(\w{4})> <(\w+)>$", re.M)
RANGE = re.compile(r"^<(\w{4})> <(\w{4})> <(\w{4})>$", re.M)


def words_of(pdf: bytes) -> str:
    """All text of the PDF, without spaces."""
    objects = {number.decode(): body for number, body in OBJECT.findall(pdf)}
    contents = [unpacked(objects[number.decode()]) for number in re.findall(rb"/Contents (\d+) 0 R", pdf)]
    written: list[str] = []
    letters: dict[str, str] = {}
    for font, characters in DRAWN.findall("\n".join(contents)):
        if font:
            letters = letters_of(objects, font)
        written += (letters[characters[at : at + 4]] for at in range(0, len(characters), 4))
    return "".join("".join(written).split())


def letters_of(objects: dict[str, bytes], font: str) -> dict[str, str]:
    """Which letter each character of a font is."""
    named = re.search(rb"/ToUnicode (\d+) 0 R", objects[font])
    assert named, "a font without letters"
    table = unpacked(objects[named[1].decode()])
    letters = {code: bytes.fromhex(letter).decode("utf-16-be") for code, letter in ONE.findall(table)}
    for first, last, letter in RANGE.findall(table):
        for step in range(int(last, 16) - int(first, 16) + 1):
            letters[f"{int(first, 16) + step:04X}"] = chr(int(letter, 16) + step)
    return letters


def unpacked(body: bytes) -> str:
    return zlib.decompressobj().decompress(body.partition(b"stream\n")[2]).decode("latin-1")
