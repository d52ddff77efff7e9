"""Temporary Access Passes: made, listed and deleted as the authentication-method service does it."""

from __future__ import annotations

import secrets
import string

from portal.sandbox.audit_log import DELETED_BY_ADMIN, PASS, REGISTERED_BY_ADMIN
from portal.sandbox.clock import graph_time, parse_time
from portal.sandbox.graph.call import CONTEXT, Call, Refusal
from portal.sandbox.options import GRAPH_RESOURCE
from portal.sandbox.records import Account, Pass
from portal.sandbox.web import Json, Response, json_answer

READ = (
    "UserAuthMethod-TAP.Read.All",
    "UserAuthMethod-TAP.ReadWrite.All",
    "UserAuthenticationMethod.Read.All",
    "UserAuthenticationMethod.ReadWrite.All",
)
WRITE = ("UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All")
FIELDS = {"startDateTime", "lifetimeInMinutes", "isUsableOnce", "@odata.type"}
# Characters that missing escaping breaks in HTML, addresses or templates. Every pass contains all of them.
AWKWARD = "+&=<\"'%"
EASY = string.ascii_letters + string.digits


def list_passes(call: Call, user: str) -> Response:
    account = _authorized_account(call, user, READ)
    value = [pass_as_graph(call, found) for found in visible_passes(call, account)]
    return json_answer({"@odata.context": _odata_context(account), "value": value})


def read_pass(call: Call, user: str, pass_id: str) -> Response:
    found = _find_pass(call, _authorized_account(call, user, READ), pass_id)
    return json_answer(
        {"@odata.context": f"{_odata_context(call.get_account(user))}/$entity", **pass_as_graph(call, found)}
    )


def delete_pass(call: Call, user: str, pass_id: str) -> Response:
    account = _authorized_account(call, user, WRITE)
    _find_pass(call, account, pass_id).ended = "deleted"
    call.tenant.log_activity(
        DELETED_BY_ADMIN,
        f"Admin deleted {PASS} method for user",
        account,
        by=call.principal,
        operation="Delete",
    )
    return Response(204)


def create_pass(call: Call, user: str) -> Response:
    account = _authorized_account(call, user, WRITE)
    start, lifetime, once = _read_pass_request(call, account)
    _replace_earlier_pass(call, account)
    now = call.tenant.clock.now()
    code = new_code(call.tenant.policy["defaultLength"])
    made = call.tenant.add_pass(
        account, now, now if start is None else start, lifetime, once, code, call.request.client_request_id
    )
    made.hidden_until = now + call.request.hide_for
    call.tenant.log_activity(
        REGISTERED_BY_ADMIN,
        f"Admin registered {PASS} method for user",
        account,
        by=call.principal,
    )
    if call.tenant.witness is not None:
        call.tenant.witness.append(code)
    shown = {**pass_as_graph(call, made), "temporaryAccessPass": code}
    address = f"{GRAPH_RESOURCE}/v1.0/users/{account.id}/authentication/temporaryAccessPassMethods/{made.id}"
    return json_answer(
        {"@odata.context": f"{_odata_context(account)}/$entity", **shown}, 201, {"Location": address}
    )


def new_code(length: int) -> str:
    """A code of the policy's length that contains every awkward character."""
    letters = list(AWKWARD) + [secrets.choice(EASY) for _ in range(max(8, length) - len(AWKWARD))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def visible_passes(call: Call, account: Account) -> list[Pass]:
    found = call.tenant.pass_of(account)
    return [found] if found and call.tenant.clock.now() >= found.hidden_until else []


def pass_as_graph(call: Call, found: Pass) -> Json:
    reason = call.tenant.unusable_because(found)
    return {
        "id": found.id,
        "temporaryAccessPass": None,
        "createdDateTime": graph_time(found.created),
        "startDateTime": graph_time(found.start),
        "lifetimeInMinutes": found.lifetime,
        "isUsableOnce": found.once,
        "isUsable": reason is None,
        "methodUsabilityReason": reason or "EnabledByPolicy",
    }


def _authorized_account(call: Call, user: str, permissions: tuple[str, ...]) -> Account:
    call.take_from_method_limit()
    call.require_any(*permissions, directory=False)
    found = call.tenant.find_account(user)
    if found is None:
        raise Refusal(404, "resourceNotFound", "The requested user was not found.")
    return found


def _find_pass(call: Call, account: Account, pass_id: str) -> Pass:
    found = call.tenant.pass_of(account)
    if found is None or found.id != pass_id:
        raise Refusal(404, "resourceNotFound", "The requested authentication method was not found.")
    return found


def _read_pass_request(call: Call, account: Account) -> tuple[float | None, int, bool]:
    """Start, lifetime and single use from the body, checked against the policy. Every refusal has the same code."""
    body, policy = call.json(), call.tenant.policy
    unknown = sorted(set(body) - FIELDS)
    if unknown:
        raise bad_request(
            f"The property '{unknown[0]}' does not exist on type 'temporaryAccessPassAuthenticationMethod'."
        )
    lifetime = body.get("lifetimeInMinutes", policy["defaultLifetimeInMinutes"])
    once = body.get("isUsableOnce", policy["isUsableOnce"])
    if type(lifetime) is not int or type(once) is not bool:
        raise bad_request("Cannot convert a value of the request body to its type.")
    if account.is_external:
        raise bad_request("Temporary Access Pass cannot be added to an external guest user.")
    if not call.tenant.in_scope(account):
        raise bad_request(
            "Converged UserCredentialPolicy does not allow creating or updating this authentication method. "
            "AuthMethodType [TemporaryAccessPass]."
        )
    low, high = policy["minimumLifetimeInMinutes"], policy["maximumLifetimeInMinutes"]
    if not low <= lifetime <= high:
        raise bad_request(f"Invalid LifetimeInMinutes specified. The valid range between {low} and {high}.")
    if policy["isUsableOnce"] and not once:
        raise bad_request(
            "Invalid IsUsableOnce specified. "
            "Tenant Policy does not allow multiple use temporary access pass method."
        )
    return _read_start(body), lifetime, once


def _read_start(body: Json) -> float | None:
    if body.get("startDateTime") is None:
        return None
    try:
        return parse_time(body["startDateTime"])
    except (ValueError, TypeError):
        raise bad_request("Invalid StartDateTime specified.") from None


def _replace_earlier_pass(call: Call, account: Account) -> None:
    """Microsoft documents both: a second POST replaces the pass, or is refused while it is valid."""
    found = call.tenant.pass_of(account)
    if found is None:
        return
    if call.tenant.second_post == "refuse" and call.tenant.unusable_because(found) in (None, "NotYetValid"):
        raise bad_request("A Temporary Access Pass already exists for this user.")
    found.ended = "replaced"


def _odata_context(account: Account) -> str:
    return f"{CONTEXT}#users('{account.id}')/authentication/temporaryAccessPassMethods"


def bad_request(message: str) -> Refusal:
    return Refusal(400, "badRequest", message)
