"""The organisation's colour and logo: an unreadable colour or unsafe picture stops the start; others are served safely."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from django.conf import settings as running
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from portal.branding import colour, logo
from portal.branding.views import ONLY_A_PICTURE
from portal.environment import Environment

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 2">{}</svg>'
PLAIN = SVG.format('<style>.a{fill:red}</style><g id="b"/><path class="a" d="M0 0h2v2z"/><use href="#b"/>')
# As a drawing program saves it, with its own notes.
DRAWN = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:i="http://www.inkscape.org/namespaces/inkscape" viewBox="0 0 9 9">
<i:namedview i:export-filename="C:\\logo.png"/><metadata><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata>
<style type="text/css">.a{fill:url(#c);font-family:'DejaVu Sans'} @media (prefers-color-scheme:dark){.a{fill:#fff}}</style>
<defs><linearGradient id="c"><stop offset="0" stop-color="#a8174f"/></linearGradient></defs>
<clipPath id="d"><rect width="9"/></clipPath>
<g clip-path="url(#d)" transform="translate(1 2)"><text class="a" style="fill:url('#c')">Contoso</text></g></svg>"""
COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
BOTH = pytest.mark.parametrize("scheme", [colour.LIGHT, colour.DARK], ids=["light", "dark"])


@pytest.fixture
def start(monkeypatch):
    """Settings of the sandbox tenant, with these additional variables."""
    monkeypatch.setattr(Environment, "read_env", lambda *args, **kwargs: None)

    def read(**variables: str) -> dict[str, object]:
        with monkeypatch.context() as inner:
            for name, value in variables.items():
                inner.setenv(name, value)
            return runpy.run_path(str(Path(running.BASE_DIR) / "portal" / "settings.py"))

    return read


# --- Colour -------------------------------------------------------------------------------------------------


def test_contrast_follows_wcag():
    assert colour.contrast_ratio("#000000", "#ffffff") == pytest.approx(21)
    assert colour.contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert colour.contrast_ratio("#ffffff", "#777777") == colour.contrast_ratio("#777777", "#ffffff")


@BOTH
def test_default_accent_would_be_accepted(scheme):
    own = colour.theme_colours(scheme.name)

    assert set(own) >= {"paper", "surface", "accent", "accent-strong", "accent-wash", "on-accent"}
    assert colour.lowest_contrast(own["accent"], scheme)[0] >= colour.READABLE


@BOTH
@given(accent=COLOURS)
def test_nearest_colour_is_readable_on_all_backgrounds(scheme, accent):
    found = colour.nearest_readable(accent, scheme)

    shades = colour.accent_shades(found, scheme)
    assert colour.lowest_contrast(found, scheme)[0] >= colour.READABLE
    for ground in (*scheme.backgrounds.values(), shades["accent-wash"]):
        assert colour.contrast_ratio(found, ground) >= colour.READABLE
        assert colour.contrast_ratio(shades["accent-strong"], ground) >= colour.READABLE
    assert colour.contrast_ratio(shades["on-accent"], found) >= colour.READABLE
    assert colour.contrast_ratio(shades["on-accent"], shades["accent-strong"]) >= colour.READABLE


@pytest.mark.parametrize(
    ("name", "value", "scheme"),
    [("ACCENT_COLOUR", "#7fb2ff", colour.LIGHT), ("ACCENT_COLOUR_DARK", "#0c566b", colour.DARK)],
)
def test_unreadable_accent_is_refused_with_a_readable_suggestion(start, name, value, scheme):
    with pytest.raises(ImproperlyConfigured) as refusal:
        start(**{name: value})

    said = str(refusal.value)
    measured, ground = colour.lowest_contrast(value, scheme)
    assert said.startswith(f"{name} {value}")
    assert f"{measured:.2f}:1 on the {scheme.name} {ground}" in said
    better = said.rpartition("=")[2]
    assert start(**{name: better})[name] == better


@pytest.mark.parametrize("value", ["red", "#123", "#12345g", "rgb(0,0,0)", "#0c566b;}body{display:none"])
def test_accent_must_be_six_hexadecimal_digits(start, value):
    with pytest.raises(ImproperlyConfigured, match="ACCENT_COLOUR must be a colour"):
        start(ACCENT_COLOUR=value)


@pytest.mark.django_db
def test_without_an_accent_there_is_no_style_sheet(start, client, settings):
    settings.ACCENT_SHEET, settings.LOGO = "", None

    assert start()["ACCENT_SHEET"] == ""
    assert client.get("/look.css").status_code == 404
    assert "look.css" not in client.get("/sheet/").content.decode()


@pytest.fixture
def dressed(settings, start):
    """A site with its own colour and logo."""
    settings.ACCENT_SHEET = start(ACCENT_COLOUR="#a8174f")["ACCENT_SHEET"]
    settings.LOGO = logo.Logo(PLAIN.encode(), "image/svg+xml")
    return settings


@pytest.mark.django_db
def test_every_page_loads_the_cacheable_accent_sheet(dressed, client):
    page = client.get("/sheet/").content.decode()
    address = page.partition('href="/look.css')[2].partition('"')[0]

    sheet = client.get(f"/look.css{address}")

    assert sheet["Content-Type"] == "text/css; charset=utf-8"
    assert "--accent:#a8174f;" in sheet.content.decode()
    assert "prefers-color-scheme: dark" in sheet.content.decode()
    assert sheet["Cache-Control"] == "public, max-age=31536000, immutable"
    assert sheet["X-Content-Type-Options"] == "nosniff"
    assert not sheet.has_header("Vary") and not sheet.cookies
    assert client.get("/look.css?v=older")["Cache-Control"] == "no-cache"


# This test has no database mark, so any query would fail it.
def test_branding_works_without_the_database(dressed, client):
    client.cookies["sid"] = "somebody"

    assert client.get("/look.css").status_code == client.get("/logo").status_code == 200
    assert client.post("/logo").status_code == 405


# --- Logo ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_logo_is_shown_and_cannot_run_scripts(dressed, client):
    page = client.get("/sheet/").content.decode()
    assert '<img src="/logo?v=' in page and 'alt=""' in page

    picture = client.get("/logo")

    assert picture["Content-Type"] == "image/svg+xml"
    assert picture["Content-Security-Policy"] == ONLY_A_PICTURE
    assert "sandbox" in ONLY_A_PICTURE and "default-src 'none'" in ONLY_A_PICTURE
    assert picture["X-Content-Type-Options"] == "nosniff"
    assert picture["Cross-Origin-Resource-Policy"] == "same-origin"


def test_plain_svg_and_png_logos_are_accepted(start, tmp_path):
    (tmp_path / "a.svg").write_text(PLAIN)
    (tmp_path / "c.svg").write_text(DRAWN)
    (tmp_path / "b.png").write_bytes(logo.PNG + b"\0" * 20)

    assert start(LOGO_FILE=str(tmp_path / "a.svg"))["LOGO"].content_type == "image/svg+xml"
    assert start(LOGO_FILE=str(tmp_path / "c.svg"))["LOGO"].content_type == "image/svg+xml"
    assert start(LOGO_FILE=str(tmp_path / "b.png"))["LOGO"].content_type == "image/png"


UNFIT = {
    "a script": SVG.format("<script>alert(1)</script>"),
    "a script by another name": '<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:script/></s:svg>',
    "a handler": SVG.format('<path onload="alert(1)" d="M0 0"/>'),
    "a handler in capitals": SVG.format('<path ONclick="alert(1)" d="M0 0"/>'),
    "HTML inside": SVG.format("<foreignObject/>"),
    "a link that runs": SVG.format('<a href="javascript:alert(1)"><path d="M0 0"/></a>'),
    "a picture from elsewhere": SVG.format('<image href="https://elsewhere.example/a.png"/>'),
    "an old link": '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<use xlink:href="https://elsewhere.example/a.svg#b"/></svg>',
    "a filling from elsewhere": SVG.format('<path fill="url(https://elsewhere.example/a)" d="M0 0"/>'),
    "a sheet from elsewhere": SVG.format("<style>@import 'https://elsewhere.example/a.css'</style>"),
    "what changes links": SVG.format('<a href="#b"><set attributeName="href" to="javascript:alert(1)"/></a>'),
    "an instruction": f'<?xml-stylesheet href="a.css"?>{PLAIN}',
    "entities": f'<!DOCTYPE svg [<!ENTITY a "aaaa">]>{PLAIN}',
    "a style that loads": SVG.format("<style>.a{fill:url(https://elsewhere.example/a)}</style>"),
    "a style that loads, spelled in another way": SVG.format(
        r"<style>.a{fill:\75 rl(https://elsewhere.example/a)}</style>"
    ),
    "a style with another function": SVG.format(
        "<style>.a{background:image-set('https://elsewhere.example/a' 1x)}</style>"
    ),
    "a sheet by its character": SVG.format("<style>&#64;import '//elsewhere.example/a.css';</style>"),
    "a style in two parts": SVG.format("<style>.a{fill:u<![CDATA[rl(//elsewhere.example/a)}]]></style>"),
    "a font": SVG.format("<style>@font-face{font-family:a;src:local(b)}</style>"),
    "a style of one shape": SVG.format(
        '<path style="fill:image(&quot;//elsewhere.example/a&quot;)" d="M0 0"/>'
    ),
    "another base": SVG.format('<g xml:base="https://elsewhere.example/"><use href="#b"/></g>'),
    "a picture of HTML": SVG.format(
        '<h:img xmlns:h="http://www.w3.org/1999/xhtml" src="//elsewhere.example/a"/>'
    ),
    "a refresh of HTML": SVG.format(
        '<h:meta xmlns:h="http://www.w3.org/1999/xhtml" http-equiv="refresh" content="0"/>'
    ),
    "MathML": SVG.format('<m:math xmlns:m="http://www.w3.org/1998/Math/MathML"/>'),
    "an element without a namespace": SVG.format('<b xmlns="">bold</b>'),
    "an animation": SVG.format('<animate attributeName="x" dur="1s"/>'),
    "an unknown element": SVG.format("<picture/>"),
    "another encoding": f'<?xml version="1.0" encoding="UTF-7"?>{PLAIN}',
    "UTF-16": "\ufeff" + PLAIN.replace("<", "\x00<"),
    "HTML": "<html><body>hello</body></html>",
    "a web page that is not XML": "<!doctype html><p>hello",
    "words": "hello",
    "nothing": "",
    "too much": SVG.format("<g/>" * 30_000),
}


@pytest.mark.parametrize("what", UNFIT)
def test_unsafe_logo_stops_the_start(start, tmp_path, what):
    file = tmp_path / "logo.svg"
    file.write_text(UNFIT[what])

    with pytest.raises(ImproperlyConfigured, match=r"^LOGO_FILE (must be|is) "):
        start(LOGO_FILE=str(file))


def test_missing_logo_stops_the_start(start):
    with pytest.raises(ImproperlyConfigured, match="LOGO_FILE must be the path of a readable file"):
        start(LOGO_FILE="/nowhere/logo.svg")


# --- Links --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HELP_URL", "PRIVACY_NOTICE_URL"])
@pytest.mark.parametrize(
    "value", ["http://contoso.example", "javascript:alert(1)", "contoso.example", "https://"]
)
def test_a_link_is_an_https_address(start, name, value):
    with pytest.raises(ImproperlyConfigured, match=f"{name} must be an https address"):
        start(**{name: value})


@pytest.mark.django_db
def test_footer_shows_contact_help_and_privacy_links(client, settings):
    settings.SUPPORT_CONTACT = "help@contoso.example"
    settings.HELP_URL, settings.PRIVACY_NOTICE_URL = (
        "https://contoso.example/help",
        "https://contoso.example/p",
    )

    foot = client.get("/sheet/").content.decode().partition("<footer")[2]

    for wanted in (
        "mailto:help@contoso.example",
        "https://contoso.example/help",
        "https://contoso.example/p",
    ):
        assert f'href="{wanted}"' in foot


# --- The parts, on one page -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_style_guide_is_shown_with_the_sandbox_tenant(client):
    page = client.get("/components/").content.decode()

    for tone in ("todo", "wait", "done", "problem", "stopped", "info"):
        assert f'data-tone="{tone}"' in page


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "?page=500.html"])
def test_style_guide_is_missing_with_a_real_tenant(client, settings, query):
    settings.SANDBOX = settings.DEBUG = False

    assert client.get(f"/components/{query}").status_code == 404
