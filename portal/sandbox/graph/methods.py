"""All authentication methods of a person; a pass is one of them. After abuse, an administrator deletes methods."""

from __future__ import annotations

from portal.sandbox.graph.call import CONTEXT, Call, Refusal
from portal.sandbox.graph.passes import pass_as_graph, visible_passes
from portal.sandbox.methods import TYPE
from portal.sandbox.web import Response, json_answer

# The granular permissions for passes do not cover this address.
READ = ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All")
WRITE = "UserAuthenticationMethod.ReadWrite.All"
REVOKE = ("User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All")
# The types that Graph deletes at addresses of their own: `fido2Methods` and so on. A password is none of them.
DELETABLE = (
    "email", "fido2", "hardwareOath", "microsoftAuthenticator", "phone", "platformCredential", "softwareOath",
    "windowsHelloForBusiness",
)  # fmt: skip
PASS_TYPE = "#microsoft.graph.temporaryAccessPassAuthenticationMethod"  # noqa: S105 (a type's name)


def list_methods(call: Call, user: str) -> Response:
    call.take_from_method_limit()
    call.require_any(*READ, directory=False)
    account = call.tenant.find_account(user)
    if account is None:
        raise Refusal(404, "resourceNotFound", "The requested user was not found.")
    passes = [
        {"@odata.type": PASS_TYPE, **pass_as_graph(call, found)} for found in visible_passes(call, account)
    ]
    context = f"{CONTEXT}#users('{account.id}')/authentication/methods"
    return json_answer({"@odata.context": context, "value": [*account.methods, *passes]})


def delete_method(call: Call, user: str, kind: str, method_id: str) -> Response:
    call.take_from_method_limit()
    call.require_any(WRITE, directory=False)
    account = call.tenant.find_account(user)
    if account is None:
        raise Refusal(404, "resourceNotFound", "The requested user was not found.")
    types = {TYPE.format(known).lower() for known in DELETABLE if known.lower() == kind.lower()}
    left = [
        method
        for method in account.methods
        if not (method["id"] == method_id and str(method["@odata.type"]).lower() in types)
    ]
    if len(left) == len(account.methods):
        raise Refusal(404, "resourceNotFound", "The requested authentication method was not found.")
    account.methods[:] = left
    return Response(204)


def revoke_sessions(call: Call, user: str) -> Response:
    """End the sign-in sessions of a person. Passes and methods stay, so they can sign in again."""
    call.require_any(*REVOKE)
    call.tenant.sessions.revoke(call.get_account(user).key)
    return json_answer({"@odata.context": f"{CONTEXT}#Edm.Boolean", "value": True})
