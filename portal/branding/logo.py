"""The organisation's logo: a small PNG or SVG file, read and checked once, when the portal starts.

An SVG file can have what draws a picture, and nothing else: elements and styles that are not known are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

LARGEST = 100 * 1024
PNG = b"\x89PNG\r\n\x1a\n"
SVG = "http://www.w3.org/2000/svg"
# What draws, in SVG. Nothing that runs, moves, leads elsewhere or holds HTML.
DRAWS = {
    "svg", "g", "defs", "symbol", "use", "title", "desc", "style", "path", "rect", "circle", "ellipse", "line", "polyline",
    "polygon", "text", "tspan", "textPath", "switch", "linearGradient", "radialGradient", "stop", "pattern", "clipPath",
    "mask", "marker", "filter", "feBlend", "feColorMatrix", "feComponentTransfer", "feComposite", "feDropShadow", "feFlood",
    "feFuncA", "feFuncB", "feFuncG", "feFuncR", "feGaussianBlur", "feMerge", "feMergeNode", "feMorphology", "feOffset",
    "metadata", "a",
}  # fmt: skip
# Drawing programs keep notes in namespaces of their own, which browsers ignore. Those of the W3C can mean something.
IGNORED_BY_W3C = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ADDRESSES = {"href", "src", "base"}
# A style can load a file with a function or a rule. A backslash could spell either in another way.
LOADS = re.compile(
    r"\\|@(?!media\b)|\burl\(\s*+(?![\"']?#)|\b(?:image|image-set|cross-fade|src|element|expression)\(", re.I
)
OTHER_FILE = "is an SVG file that loads another file or address"


class InvalidLogo(Exception):
    """The portal cannot use this logo file; the message says why."""


@dataclass(frozen=True)
class Logo:
    content: bytes
    content_type: str


def read_logo(path: str) -> Logo:
    """Read and check the logo file. Raises InvalidLogo."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        raise InvalidLogo("must be the path of a readable file") from None
    if len(content) > LARGEST:
        raise InvalidLogo(f"is a file of {len(content) // 1024} KB, but the limit is {LARGEST // 1024} KB")
    if content.startswith(PNG):
        return Logo(content, "image/png")
    refuse_unsafe_svg(content)
    return Logo(content, "image/svg+xml")


def refuse_unsafe_svg(content: bytes) -> None:
    """Refuse an SVG file that can do anything but draw. Raises InvalidLogo."""
    reader = _SvgReader()
    parser = ParserCreate(encoding="utf-8", namespace_separator=" ")
    parser.StartElementHandler = reader.start_element
    parser.EndElementHandler = reader.end_element
    parser.CharacterDataHandler = reader.read_text
    parser.XmlDeclHandler = _refuse_other_encoding
    parser.StartDoctypeDeclHandler = _refuse_declaration
    parser.EntityDeclHandler = _refuse_declaration
    parser.ProcessingInstructionHandler = _refuse_declaration
    try:
        parser.Parse(content, True)
    except ExpatError:
        raise InvalidLogo("must be the path of a PNG or SVG file") from None


class _SvgReader:
    """Checks each element as it begins, and each style when it has ended."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._style = ""

    def start_element(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, plain = name.rpartition(" ")
        if not self._open and (namespace, plain) != (SVG, "svg"):
            raise InvalidLogo("must be the path of a PNG or SVG file")
        is_note = namespace == IGNORED_BY_W3C or not namespace.startswith(
            ("http://www.w3.org/", "https://www.w3.org/")
        )
        if (plain not in DRAWS) if namespace == SVG else not (namespace and is_note):
            raise InvalidLogo(f"is an SVG file with <{plain}>, which the portal does not allow")
        self._open.append(plain if namespace == SVG else "")
        for attribute, value in attributes.items():
            _refuse_script_or_load(attribute, value)

    def end_element(self, _name: str) -> None:
        if self._open.pop() == "style":
            _refuse_style_that_loads(self._style)
            self._style = ""

    def read_text(self, text: str) -> None:
        if self._open[-1] == "style":
            self._style += text


def _refuse_script_or_load(attribute: str, value: str) -> None:
    namespace, _, plain = attribute.rpartition(" ")
    known = plain.lower()
    if known.startswith("on"):
        raise InvalidLogo(f"is an SVG file with a script in `{plain}`")
    if known in ADDRESSES and not value.strip().startswith("#"):
        raise InvalidLogo(OTHER_FILE)
    if not namespace:
        _refuse_style_that_loads(value)


def _refuse_style_that_loads(style: str) -> None:
    if LOADS.search(style):
        raise InvalidLogo(OTHER_FILE)


def _refuse_other_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    """A browser would read the file in the encoding that it names, and could find other elements than this check."""
    if encoding and encoding.lower() not in {"utf-8", "us-ascii"}:
        raise InvalidLogo("is an SVG file in another encoding than UTF-8. Save it as UTF-8")


def _refuse_declaration(*_: object) -> None:
    raise InvalidLogo("is an SVG file with a document type or instructions. Save it without them")
