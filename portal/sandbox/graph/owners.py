"""Owners of app registrations, enterprise applications and groups."""

from __future__ import annotations

from portal.sandbox.graph import applications
from portal.sandbox.graph.applications import find_application
from portal.sandbox.graph.call import Call, Page
from portal.sandbox.graph.containers import find_group
from portal.sandbox.graph.groups import SEE
from portal.sandbox.graph.principals import find_principal
from portal.sandbox.web import Json, Response

SERVICE_PRINCIPAL = "#microsoft.graph.servicePrincipal"


def list_application_owners(call: Call, application: str) -> Response:
    call.require_any(*applications.READ)
    return _page_of_owners(call, _owners_of(call, find_application(call, application)["id"]))


def list_principal_owners(call: Call, principal: str) -> Response:
    call.require_any(*applications.READ)
    return _page_of_owners(call, _owners_of(call, find_principal(call, principal)["id"]))


def list_group_owners(call: Call, group: str) -> Response:
    """Graph v1.0 does not list service principals as owners of groups."""
    call.require_any(*SEE)
    found = _owners_of(call, find_group(call, group).object_id)
    return _page_of_owners(call, [each for each in found if each["@odata.type"] != SERVICE_PRINCIPAL])


def _owners_of(call: Call, object_id: str) -> list[Json]:
    return call.tenant.registrations.owners.get(object_id, [])


def _page_of_owners(call: Call, found: list[Json]) -> Response:
    return Page(call, "directoryObjects", found, shortest_page=call.tenant.list_page).response()
