"""The watch of templates notices each undefined variable."""

from __future__ import annotations

import pytest
from django.template import Context, Origin, Template, engines

from tests.site import template_variables

ASKS = (
    "{% load i18n %}{{ shown }}{{ thing.gone }}{% if asked %}{% endif %}"
    "{% blocktranslate %}{{ said }}{% endblocktranslate %}"
)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"shown": 1, "thing": {"gone": 0}, "asked": None, "said": ""}, []),
        ({"thing": {}}, ["a text: said", "a.html: asked", "a.html: shown", "a.html: thing.gone"]),
    ],
)
def test_each_name_that_is_not_given_is_noted(given, missing):
    origin = Origin(str(template_variables.TEMPLATES / "a.html"))
    template = Template(ASKS, origin=origin, engine=engines["django"].engine)

    template.render(Context(given))

    assert template_variables.take_missing() == missing
