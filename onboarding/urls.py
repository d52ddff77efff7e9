"""Addresses of the work."""

from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from onboarding.managers.views import home


class PublicId(StringConverter):
    """What names a starter in an address; nothing else of that shape reaches the database."""

    regex = "[A-Za-z0-9_-]{22}"


register_converter(PublicId, "public_id")

urlpatterns = [
    path("", home, name="home"),
    path("starters/", include("onboarding.managers.urls")),
    path("hr/", include("onboarding.hr.urls")),
]
