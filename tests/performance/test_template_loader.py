"""The portal's template loader shows exactly what Django's own shows, and keeps nothing that a page was given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.template import Context, Engine
from django.template.base import Node, NodeList
from django.test import RequestFactory
from django.utils import translation

from portal.rendering.template_loader import ChoiceNode, ConstantNode
from tests.site import template_variables

OWN = "portal.rendering.template_loader.ConstantsLoader"
DJANGOS = "django.template.loaders.cached.Loader"
PIECES = {
    "labels": '{% load i18n static %}<a href="{% url "hr:list" %}">{% translate "Name" %} &amp; {{ _("Yes") }}</a>',
    "icon": '{% if tone == "done" %}<b>{% else %}<i>{% endif %}',
    "icons": '{% include "icon" with tone="done" only %}{% include "icon" with tone=tone only %}',
    "named": "<p>{{ title }}: {{ name }}</p>",
    "with": '{% load i18n %}{% include "named" with title=_("Name") %}{{ title }}{% include "named" %}',
    "only": '{% include "named" with title="T" only %}{% include "named" with title=name only %}',
    "cycles": '{% cycle "c" "d" %}',
    "loop": '{% for name in names %}{% include "named" %}{% cycle "a" "b" %}{% include "cycles" %}{% endfor %}{{ name }}',
    "sets": '{% load i18n %}{% translate "Name" as title %}{{ title }}',
    "set_inside": '{% include "sets" %}{{ title }}',
    "text": '{% load i18n %}{% autoescape off %}{{ _("Yes") }} {{ "<" }}{% endautoescape %}{{ "<" }}{{ name }}',
    "plural": '{% load i18n %}{% blocktranslate count n=names|length %}{{ n }} a{% plural %}{{ n }} b{% endblocktranslate %}',
    "whole": '{% load i18n %}{% blocktranslate trimmed %} Sign\n out {% endblocktranslate %}{% translate "Name" noop %}',
    "base": '{% load i18n %}{% block head %}{{ _("Yes") }}{% endblock %}{% block main %}{% endblock %}',
    "child": '{% extends "base" %}{% block main %}{% include "icons" %}{{ name }}{% endblock %}',
    "grandchild": '{% extends "child" %}{% block head %}{{ block.super }}, {% include "labels" %}{% endblock %}',
}  # fmt: skip
GIVEN = {"name": "<Lena>", "names": ["Lena", "Max"], "title": "Dr", "tone": "done"}


def engine_with(loader: str, pieces: dict[str, str]) -> Engine:
    libraries = {
        name: f"django.templatetags.{module}" for name, module in (("i18n", "i18n"), ("static", "static"))
    }
    engine = Engine(
        loaders=[(loader, [("django.template.loaders.locmem.Loader", pieces)])],
        libraries=libraries,
        builtins=[
            "django.template.defaulttags",
            "django.template.defaultfilters",
            "django.template.loader_tags",
        ],
    )
    for name in pieces:
        engine.get_template(name)
    return engine


@pytest.mark.parametrize("name", PIECES)
def test_a_template_shows_the_same_as_with_djangos_loader(name: str) -> None:
    own, djangos = engine_with(OWN, PIECES), engine_with(DJANGOS, PIECES)

    for given in (GIVEN, {**GIVEN, "tone": "todo", "name": "Max"}, {}):
        for language in ("en-gb", "nl", "de", "en-gb"):
            with translation.override(language):
                shown = own.get_template(name).render(Context(given))
                assert shown == djangos.get_template(name).render(Context(given))


@pytest.mark.parametrize("name", ["base.html", "components/masthead.html", "hr/list_results.html"])
def test_real_templates_show_the_same_as_with_djangos_loader(name: str) -> None:
    folders = [
        (loader, [str(settings.BASE_DIR / "templates")])
        for loader in ("django.template.loaders.filesystem.Loader",)
    ]
    libraries = {"i18n": "django.templatetags.i18n", "static": "django.templatetags.static"}
    given: dict[str, Any] = {
        "request": RequestFactory().get("/hr/"), "csrf_token": "t", "session": {"idle": 1, "ends": 2}, "languages": [],
        "user": {"name": "<Hanna>", "is_authenticated": True, "is_hr": True}, "language_url": "/", "messages": ["<m>"],
        "rows": [{"name": "<Lena>", "badge": "B", "problem": "P"}], "column_heads": [{"word": "Name"}], "sandbox": True,
    }  # fmt: skip

    shown = {
        Engine(loaders=[(loader, folders)], libraries=libraries).get_template(name).render(Context(given))
        for loader in (OWN, DJANGOS, OWN)
    }

    assert len(shown) == 1
    template_variables.take_missing()  # the page above is given little


def test_nothing_that_a_page_was_given_is_kept() -> None:
    engine = engine_with(OWN, PIECES)
    for name in PIECES:
        engine.get_template(name).render(Context({**GIVEN, "tone": "secret tone"}))

    kept = [text for name in PIECES for text in kept_texts(engine.get_template(name).nodelist)]

    assert any("Name" in text for text in kept)
    assert not [text for text in kept for value in ("Lena", "Max", "Dr") if value in text]


def test_a_template_keeps_a_bounded_number_of_choices() -> None:
    engine = engine_with(OWN, PIECES)
    template = engine.get_template("icons")

    shown = {template.render(Context({"tone": f"tone {number}"})) for number in range(300)}

    assert shown == {"<b><i>"}
    assert len([*kept_texts(template.nodelist)]) <= 201


def kept_texts(nodes: NodeList | list[Node]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, (ConstantNode, ChoiceNode)):
            yield from node.kept.values()
        for inner in node.child_nodelists:
            yield from kept_texts(getattr(node, inner, []))
