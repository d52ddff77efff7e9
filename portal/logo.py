"""The organisation's logo: a small PNG or SVG file, read and checked once, when the portal starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

LARGEST = 100 * 1024
PNG = b"\x89PNG\r\n\x1a\n"
# What can run, or can load something from elsewhere.
FORBIDDEN = {"script", "foreignobject", "iframe", "object", "embed", "audio", "video", "handler", "set"}
FORBIDDEN |= {"animate", "animatemotion", "animatetransform"}


class Unfit(Exception):
    """The file is no logo that the portal would show; the words say why."""


@dataclass(frozen=True)
class Logo:
    content: bytes
    content_type: str


def read(path: str) -> Logo:
    """Raises Unfit."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        raise Unfit("must name a file that can be read") from None
    if len(content) > LARGEST:
        raise Unfit(f"names a file of {len(content) // 1024} KB; {LARGEST // 1024} KB is the most")
    if content.startswith(PNG):
        return Logo(content, "image/png")
    refuse_what_is_no_plain_drawing(content)
    return Logo(content, "image/svg+xml")


def refuse_what_is_no_plain_drawing(content: bytes) -> None:
    """Only drawing: nothing that runs, and nothing that is loaded. Raises Unfit."""
    if b"@import" in content:
        raise Unfit("names an SVG file that loads something")
    parser = ParserCreate(encoding="utf-8")
    depth = 0

    def begins(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        plain = name.rpartition(":")[2].lower()
        if depth == 0 and plain != "svg":
            raise Unfit("must name a PNG or an SVG file")
        depth += 1
        if plain in FORBIDDEN:
            raise Unfit(f"names an SVG file with <{plain}>, which is more than a drawing")
        for attribute, value in attributes.items():
            known = attribute.rpartition(":")[2].lower()
            if known.startswith("on"):
                raise Unfit(f"names an SVG file with a script in `{attribute}`")
            if known == "href" and not value.strip().startswith("#"):
                raise Unfit("names an SVG file that loads something")
            if "url(" in value.replace(" ", "").lower().replace("url(#", ""):
                raise Unfit("names an SVG file that loads something")

    def declares(*_: object) -> None:
        raise Unfit("names an SVG file with a document type or instructions; save it without")

    parser.StartElementHandler = begins
    parser.StartDoctypeDeclHandler = declares
    parser.EntityDeclHandler = declares
    parser.ProcessingInstructionHandler = declares
    try:
        parser.Parse(content, True)
    except ExpatError:
        raise Unfit("must name a PNG or an SVG file") from None
