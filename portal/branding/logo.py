"""The organisation's logo: a small PNG or SVG file, read and checked once, when the portal starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

LARGEST = 100 * 1024
PNG = b"\x89PNG\r\n\x1a\n"
# Elements that can run a script or load something from elsewhere.
FORBIDDEN = {"script", "foreignobject", "iframe", "object", "embed", "audio", "video", "handler", "set"}
FORBIDDEN |= {"animate", "animatemotion", "animatetransform"}


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


def _refuse_script_or_load(attribute: str, value: str) -> None:
    known = attribute.rpartition(":")[2].lower()
    if known.startswith("on"):
        raise InvalidLogo(f"is an SVG file with a script in `{attribute}`")
    is_other_file = known == "href" and not value.strip().startswith("#")
    if is_other_file or "url(" in value.replace(" ", "").lower().replace("url(#", ""):
        raise InvalidLogo("is an SVG file that loads another file or address")


def refuse_unsafe_svg(content: bytes) -> None:
    """Refuse an SVG file that can run a script or load anything. Raises InvalidLogo."""
    if b"@import" in content:
        raise InvalidLogo("is an SVG file that loads another file or address")
    parser = ParserCreate(encoding="utf-8")
    depth = 0

    def start_element(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        plain = name.rpartition(":")[2].lower()
        if depth == 0 and plain != "svg":
            raise InvalidLogo("must be the path of a PNG or SVG file")
        depth += 1
        if plain in FORBIDDEN:
            raise InvalidLogo(f"is an SVG file with <{plain}>, which the portal does not allow")
        for attribute, value in attributes.items():
            _refuse_script_or_load(attribute, value)

    def refuse_declaration(*_: object) -> None:
        raise InvalidLogo("is an SVG file with a document type or instructions. Save it without them")

    parser.StartElementHandler = start_element
    parser.StartDoctypeDeclHandler = refuse_declaration
    parser.EntityDeclHandler = refuse_declaration
    parser.ProcessingInstructionHandler = refuse_declaration
    try:
        parser.Parse(content, True)
    except ExpatError:
        raise InvalidLogo("must be the path of a PNG or SVG file") from None
