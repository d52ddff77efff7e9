"""Groups a person is in or owns."""

from __future__ import annotations

from portal.sandbox.graph.call import Call, Page
from portal.sandbox.graph.odata import require_advanced_query, select_properties
from portal.sandbox.graph.users import READ
from portal.sandbox.people import Group
from portal.sandbox.web import Json, Response

SEE = ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All", "Group.ReadWrite.All")


def member_of(call: Call, user: str) -> Response:
    call.require_any(*READ)
    account = call.get_account(user)
    require_advanced_query(call)
    mine = call.tenant.group_ids(account)
    return _page_of_groups(call, [group for group in call.tenant.groups if group.object_id in mine])


def owned_groups(call: Call, user: str) -> Response:
    call.require_any(*READ)
    account = call.get_account(user)
    return _page_of_groups(
        call, [group for group in call.tenant.groups if group.name in account.owned_groups]
    )


def _page_of_groups(call: Call, groups: list[Group]) -> Response:
    return Page(
        call, "groups", [_as_graph(call, group) for group in groups], counted="$count" in call.query
    ).response()


def _as_graph(call: Call, group: Group) -> Json:
    """Without a right to read groups only type and id are filled in; the status is 200 all the same."""
    properties: Json = {
        "id": group.object_id,
        "displayName": group.name,
        "isAssignableToRole": True if group.role_assignable else None,  # null for an ordinary group
        "securityEnabled": True,
        "mailEnabled": False,
        "groupTypes": [],
    }
    if call.roles.isdisjoint(SEE):
        properties = {name: value if name == "id" else None for name, value in properties.items()}
    return {"@odata.type": "#microsoft.graph.group", **select_properties(call, properties, tuple(properties))}
