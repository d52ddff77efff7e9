"""All authentication methods of a person; a pass is one of them."""

from __future__ import annotations

from portal.sandbox.graph.call import CONTEXT, Call, Refusal
from portal.sandbox.graph.passes import pass_as_graph, visible_passes
from portal.sandbox.web import Response, json_answer

# The granular permissions for passes do not cover this address.
READ = ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All")
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
