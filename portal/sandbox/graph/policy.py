"""The tenant's pass policy."""

from __future__ import annotations

from portal.sandbox.graph.call import CONTEXT, Call
from portal.sandbox.web import Response, json_answer

READ = ("Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod")


def read_pass_policy(call: Call) -> Response:
    call.require_any(*READ, directory=False)
    context = f"{CONTEXT}#authenticationMethodConfigurations/$entity"
    return json_answer({"@odata.context": context, **call.tenant.policy})
