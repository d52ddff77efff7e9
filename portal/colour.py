"""The accent colour: whether words in it can be read, which colour near it can, and the shades that go with it."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HEX = re.compile(r"#[0-9a-f]{6}")
READABLE = 4.5  # to one, for words of any size: WCAG 2.2 AA
TOKENS = Path(__file__).resolve().parent.parent / "static" / "css" / "tokens.css"
Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Scheme:
    """Light or dark: the grounds that words in the accent stand on, and where more contrast is."""

    name: str
    towards: float  # the lightness that every colour reaches in the end
    tint: float  # how much of the accent is in its wash

    @property
    def grounds(self) -> dict[str, str]:
        return {name: tokens(self.name)[name] for name in ("surface", "paper")}


LIGHT, DARK = Scheme("light", 0.0, 0.12), Scheme("dark", 1.0, 0.18)


@cache
def tokens(scheme: str) -> dict[str, str]:
    """The colours of the site as its own style sheet has them."""
    light, dark = TOKENS.read_text().split("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def least_contrast(accent: str, scheme: Scheme) -> tuple[float, str]:
    """The worst that words in this colour have to bear, and where."""
    grounds = scheme.grounds | {"wash": wash(accent, scheme)}
    return min((contrast(accent, ground), name) for name, ground in grounds.items())


def nearest(accent: str, scheme: Scheme) -> str:
    """The same hue, as much darker or lighter as it takes to be read."""
    for step in range(201):
        tried = moved(accent, towards=scheme.towards, by=step / 200)
        if least_contrast(tried, scheme)[0] >= READABLE:
            return tried
    raise AssertionError("black and white are always read")


def shades(accent: str, scheme: Scheme) -> dict[str, str]:
    """What the style sheets call them."""
    return {
        "accent": accent,
        "accent-strong": moved(accent, towards=scheme.towards, by=0.3),
        "accent-wash": wash(accent, scheme),
        "on-accent": "#ffffff" if scheme is LIGHT else tokens("dark")["paper"],
    }


def sheet(light: str, dark: str) -> str:
    """A style sheet that puts these accents in the place of the site's own. Admin keeps the light one always."""
    day, night = shades(light, LIGHT), shades(dark, DARK)
    fixed = {name.replace("accent", "brand"): value for name, value in day.items() if name != "on-accent"}
    return (
        f":root{{{declared(day | fixed)}}}\n"
        f"@media (prefers-color-scheme: dark){{:root{{{declared(night)}}}}}\n"
    )


def declared(values: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in values.items())


def wash(accent: str, scheme: Scheme) -> str:
    ground = rgb(scheme.grounds["surface"])
    mixed = (below + (above - below) * scheme.tint for below, above in zip(ground, rgb(accent), strict=True))
    return written(*mixed)


def moved(colour: str, *, towards: float, by: float) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*rgb(colour))
    return written(*colorsys.hls_to_rgb(hue, lightness + (towards - lightness) * by, saturation))


def rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def written(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in (red, green, blue))
