"""The shared mailbox that the portal's mail comes from: an account of the directory that nobody signs in with."""

from __future__ import annotations

from portal.sandbox.graph.call import CONTEXT, Call
from portal.sandbox.graph.odata import selected
from portal.sandbox.web import Json, Response, json_answer

OBJECT_ID = "5c0ffee0-0000-4000-8000-0000000000f1"


def is_named(call: Call, user: str) -> bool:
    return user.lower() in {OBJECT_ID, call.tenant.options.mailbox.lower()}


def shown(call: Call) -> Response:
    mailbox = call.tenant.options.mailbox
    properties: Json = {
        "id": OBJECT_ID,
        "displayName": "Starters",
        "userPrincipalName": mailbox,
        "mail": mailbox,
        "accountEnabled": False,
        "userType": "Member",
    }
    return json_answer(
        {"@odata.context": f"{CONTEXT}#users/$entity", **selected(call, properties, tuple(properties))}
    )
