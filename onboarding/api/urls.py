"""The addresses of the API, below `/api/v1/`."""

from __future__ import annotations

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from onboarding.api import documents, hook_views, views


class Source(StringConverter):
    """The name of another system, such as `servicenow`."""

    regex = r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?"


class TicketNumber(StringConverter):
    """A ticket's number in that system, such as `RITM0012345`."""

    regex = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,63})"


class HookId(StringConverter):
    """The ID of a webhook. It gives no access by itself."""

    regex = r"[A-Za-z0-9_-]{22}"


register_converter(Source, "ticket_source")
register_converter(TicketNumber, "ticket_number")
register_converter(HookId, "hook_id")

app_name = "api"
urlpatterns = [
    path("openapi.json", documents.document_view("3.0.3"), name="openapi"),
    path("swagger.json", documents.document_view("2.0"), name="swagger"),
    path("starters", views.starters, name="starters"),
    path("starters/<ticket_source:source>/<ticket_number:number>", views.starter, name="starter"),
    path(
        "starters/<ticket_source:source>/<ticket_number:number>/withdrawal", views.withdraw, name="withdrawal"
    ),
    path("hooks", hook_views.hooks, name="hooks"),
    path("hooks/<hook_id:hook_id>", hook_views.hook, name="hook"),
    re_path(r"^.*$", views.no_such_address, name="no-such-address"),
]
