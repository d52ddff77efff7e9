"""The accent colour: its contrast, the nearest readable colour, and its shades."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HEX = re.compile(r"#[0-9a-f]{6}")
READABLE = 4.5  # to one, for words of any size: WCAG 2.2 AA
TOKENS = Path(__file__).resolve().parents[2] / "static" / "css" / "tokens.css"
Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Scheme:
    """The light or dark scheme: its backgrounds, and the lightness that gives more contrast."""

    name: str
    towards: float  # the lightness that every colour reaches in the end
    tint: float  # how much of the accent is in its wash

    @property
    def backgrounds(self) -> dict[str, str]:
        return {name: theme_colours(self.name)[name] for name in ("surface", "paper")}


LIGHT, DARK = Scheme("light", 0.0, 0.12), Scheme("dark", 1.0, 0.18)


@cache
def theme_colours(scheme: str) -> dict[str, str]:
    """The colours of one scheme, read from tokens.css, by name."""
    light, dark = TOKENS.read_text().split("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def contrast_ratio(one: str, other: str) -> float:
    lighter, darker = sorted((relative_luminance(one), relative_luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def relative_luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parse_colour(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def lowest_contrast(accent: str, scheme: Scheme) -> tuple[float, str]:
    """The lowest contrast of this colour on the backgrounds of the scheme, and the background's name."""
    grounds = scheme.backgrounds | {"wash": accent_wash(accent, scheme)}
    return min((contrast_ratio(accent, ground), name) for name, ground in grounds.items())


def nearest_readable(accent: str, scheme: Scheme) -> str:
    """The nearest readable colour of the same hue: darker or lighter in small steps."""
    for step in range(201):
        tried = shift_lightness(accent, towards=scheme.towards, by=step / 200)
        if lowest_contrast(tried, scheme)[0] >= READABLE:
            return tried
    raise AssertionError("black and white are always read")


def accent_shades(accent: str, scheme: Scheme) -> dict[str, str]:
    """The accent and its shades, by their names in the style sheets."""
    return {
        "accent": accent,
        "accent-strong": shift_lightness(accent, towards=scheme.towards, by=0.3),
        "accent-wash": accent_wash(accent, scheme),
        "on-accent": "#ffffff" if scheme is LIGHT else theme_colours("dark")["paper"],
    }


def accent_stylesheet(light: str, dark: str) -> str:
    """A style sheet that replaces the site's accents. Django admin always uses the light one."""
    day, night = accent_shades(light, LIGHT), accent_shades(dark, DARK)
    fixed = {name.replace("accent", "brand"): value for name, value in day.items() if name != "on-accent"}
    return (
        f":root{{{css_declarations(day | fixed)}}}\n"
        f"@media (prefers-color-scheme: dark){{:root{{{css_declarations(night)}}}}}\n"
    )


def css_declarations(values: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in values.items())


def accent_wash(accent: str, scheme: Scheme) -> str:
    ground = parse_colour(scheme.backgrounds["surface"])
    mixed = (
        below + (above - below) * scheme.tint
        for below, above in zip(ground, parse_colour(accent), strict=True)
    )
    return format_colour(*mixed)


def shift_lightness(colour: str, *, towards: float, by: float) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*parse_colour(colour))
    return format_colour(*colorsys.hls_to_rgb(hue, lightness + (towards - lightness) * by, saturation))


def parse_colour(colour: str) -> Rgb:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def format_colour(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in (red, green, blue))
