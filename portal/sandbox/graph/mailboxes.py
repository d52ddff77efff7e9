"""The shared mailbox that the portal's mail comes from: a directory account without sign-in."""

from __future__ import annotations

from portal.sandbox.graph.call import CONTEXT, Call
from portal.sandbox.graph.odata import select_properties
from portal.sandbox.web import Json, Response, json_answer

OBJECT_ID = "5c0ffee0-0000-4000-8000-0000000000f1"


def is_shared_mailbox(call: Call, user: str) -> bool:
    return user.lower() in {OBJECT_ID, call.tenant.options.mailbox.lower()}


def read_shared_mailbox(call: Call) -> Response:
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
        {
            "@odata.context": f"{CONTEXT}#users/$entity",
            **select_properties(call, properties, tuple(properties)),
        }
    )
