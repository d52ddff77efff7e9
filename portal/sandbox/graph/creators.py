"""Microsoft makes a person an owner of what the person creates. An application with these permissions gets no ownership."""

from __future__ import annotations

from portal.sandbox.graph.call import Call
from portal.sandbox.web import Json


def add_creator(call: Call, object_id: str) -> None:
    account = next((each for each in call.tenant.existing_accounts() if each.id == call.person), None)
    if account is not None:
        owner: Json = {
            "@odata.type": "#microsoft.graph.user",
            "id": account.id,
            "displayName": account.name,
            "userPrincipalName": account.user_principal_name,
        }
        call.tenant.registrations.owners.setdefault(object_id, []).append(owner)
