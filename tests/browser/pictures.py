"""`make pictures`: takes the pictures in README.md and docs/explanation/pages.md, from the running demo, and makes them small.

python -m tests.browser.pictures
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
LARGEST = 60_000  # bytes, each
SHADES = 64  # colours; enough for text and a few backgrounds
DESK, PHONE = (1120, 700), (390, 780)


def take() -> Iterator[tuple[str, bytes]]:
    """Each picture with its name. The imports are here because the demo's settings must be set first."""
    from playwright.sync_api import sync_playwright

    from portal.demo.process import running_demo
    from tests.browser.conftest import ARGUMENTS, CHROMIUM
    from tests.browser.site import Site
    from tests.browser.tab import Tab
    from tests.support.databases import fresh_database

    quiet = {"reduced_motion": "reduce", "color_scheme": "light"}
    with (
        fresh_database() as database,
        running_demo(
            "--throttle",
            "off",
            GRAPH_BUDGET_CALLS="1000",
            GRAPH_SIGN_IN_CALLS="1000",
            DATABASE_URL=database.url,
        ) as demo,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        site = Site(demo, database.at(demo.folder))
        starter = site.starter()
        for days in (1, 2, 3):  # soon enough for the worker to send the link
            site.starter(starts_in=timedelta(days=days))
        manager = Tab(chromium, site, **quiet)
        manager.page.set_viewport_size(size(DESK))
        manager.opens(starter)
        yield "confirm", manager.page.screenshot(full_page=True)
        manager.confirms()
        manager.press_to_open("Show the pass")
        yield "pass", manager.page.screenshot(full_page=True)
        manager.page.set_viewport_size(size(PHONE))
        manager.page.emulate_media(color_scheme="dark")
        manager.page.evaluate("scrollTo(0, 0)")
        yield "pass-on-a-phone", manager.page.screenshot()
        manager.page.emulate_media(color_scheme="light")
        manager.page.set_viewport_size(size(DESK))
        manager.follow("Done")
        manager.reads("Troubleshooting")
        yield "handed-over", manager.page.screenshot()
        hr = Tab(chromium, site, **quiet)
        hr.is_signed_in("hanna")
        hr.page.set_viewport_size(size(DESK))
        hr.page.goto("/hr/?state=all")
        yield "list", hr.page.screenshot()
        hr.page.goto("/sheet/?with=phone")
        yield "sheet", hr.page.screenshot()
        chromium.close()


def size(of: tuple[int, int]) -> dict[str, int]:
    return {"width": of[0], "height": of[1]}


# --- Making them small: a page has few colours, and a table of them is a quarter of the size --------------------------


def smaller(png: bytes) -> bytes:
    width, height, pixels = opened(png)
    counted = Counter(pixels)
    table = [colour for colour, _ in counted.most_common(SHADES)]
    number = {colour: at for at, colour in enumerate(table)}
    for colour in counted:
        if colour not in number:
            number[colour] = min(range(len(table)), key=lambda at, colour=colour: distance(table[at], colour))
    rows = (
        b"\0" + bytes(number[colour] for colour in pixels[at : at + width])
        for at in range(0, width * height, width)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", b"".join(bytes(colour) for colour in table)),
            chunk(b"IDAT", zlib.compress(b"".join(rows), 9)),
            chunk(b"IEND", b""),
        )
    )


def distance(colour: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum((a - b) ** 2 for a, b in zip(colour, other, strict=True))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def opened(png: bytes) -> tuple[int, int, list[tuple[int, ...]]]:
    """Read the pixels of a PNG as Chromium writes it: eight bits a colour, not interlaced."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in {2, 6}, "not as Chromium writes it"
    step = 3 if kind == 2 else 4
    packed, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += length + 12
    raw, stride = zlib.decompress(packed), width * step
    above, pixels = bytearray(stride), []
    for row in range(height):
        start = row * (stride + 1)
        above = unfiltered(raw[start], raw[start + 1 : start + 1 + stride], above, step)
        pixels += [tuple(above[x : x + 3]) for x in range(0, stride, step)]
    return width, height, pixels


def unfiltered(how: int, row: bytes, above: bytearray, step: int) -> bytearray:
    line = bytearray(row)
    for x, value in enumerate(row):
        left = line[x - step] if x >= step else 0
        corner = above[x - step] if x >= step else 0
        line[x] = (value + predicted(how, left, above[x], corner)) & 255
    return line


def predicted(how: int, left: int, up: int, corner: int) -> int:
    if how < 4:
        return (0, left, up, (left + up) // 2)[how]
    guess = left + up - corner
    return min((left, up, corner), key=lambda neighbour: abs(guess - neighbour))


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    FOLDER.mkdir(exist_ok=True)
    for name, picture in take():
        small = smaller(picture)
        if len(small) > LARGEST:
            sys.exit(f"{name} has {len(small)} bytes; {LARGEST} is the most.")
        (FOLDER / f"{name}.png").write_bytes(small)
        sys.stdout.write(f"docs/pictures/{name}.png  {len(small)} bytes\n")


if __name__ == "__main__":
    main()
