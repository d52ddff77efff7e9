"""Temporary Access Passes: made, listed and deleted as the authentication-method service does it."""

from __future__ import annotations

import secrets
import string

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
# What careless escaping would break in HTML, in an address, in a template: every pass holds all of it.
AWKWARD = "+&=<\"'%"
EASY = string.ascii_letters + string.digits


def listed(call: Call, user: str) -> Response:
    account = _account(call, user, READ)
    value = [as_graph(call, found) for found in visible(call, account)]
    return json_answer({"@odata.context": _context(account), "value": value})


def read(call: Call, user: str, pass_id: str) -> Response:
    found = _pass(call, _account(call, user, READ), pass_id)
    return json_answer({"@odata.context": f"{_context(call.account(user))}/$entity", **as_graph(call, found)})


def delete(call: Call, user: str, pass_id: str) -> Response:
    _pass(call, _account(call, user, WRITE), pass_id).ended = "deleted"
    return Response(204)


def create(call: Call, user: str) -> Response:
    account = _account(call, user, WRITE)
    start, lifetime, once = _asked(call, account)
    _make_room(call, account)
    now = call.tenant.clock.now()
    code = new_code(call.tenant.policy["defaultLength"])
    made = call.tenant.add_pass(
        account, now, now if start is None else start, lifetime, once, code, call.request.client_request_id
    )
    made.hidden_until = now + call.request.hide_for
    if call.tenant.witness is not None:
        call.tenant.witness.append(code)
    shown = {**as_graph(call, made), "temporaryAccessPass": code}
    address = f"{GRAPH_RESOURCE}/v1.0/users/{account.id}/authentication/temporaryAccessPassMethods/{made.id}"
    return json_answer(
        {"@odata.context": f"{_context(account)}/$entity", **shown}, 201, {"Location": address}
    )


def new_code(length: int) -> str:
    """As long as the policy says, with every awkward character somewhere in it."""
    letters = list(AWKWARD) + [secrets.choice(EASY) for _ in range(max(8, length) - len(AWKWARD))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def visible(call: Call, account: Account) -> list[Pass]:
    found = call.tenant.pass_of(account)
    return [found] if found and call.tenant.clock.now() >= found.hidden_until else []


def as_graph(call: Call, found: Pass) -> Json:
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


def _account(call: Call, user: str, permissions: tuple[str, ...]) -> Account:
    call.spend()
    call.allow(*permissions, directory=False)
    found = call.tenant.find(user)
    if found is None:
        raise Refusal(404, "resourceNotFound", "The requested user was not found.")
    return found


def _pass(call: Call, account: Account, pass_id: str) -> Pass:
    found = call.tenant.pass_of(account)
    if found is None or found.id != pass_id:
        raise Refusal(404, "resourceNotFound", "The requested authentication method was not found.")
    return found


def _asked(call: Call, account: Account) -> tuple[float | None, int, bool]:
    """What the body asks for, within the policy; every refusal has Graph's one code for all of them."""
    body, policy = call.json(), call.tenant.policy
    unknown = sorted(set(body) - FIELDS)
    if unknown:
        raise bad(
            f"The property '{unknown[0]}' does not exist on type 'temporaryAccessPassAuthenticationMethod'."
        )
    lifetime = body.get("lifetimeInMinutes", policy["defaultLifetimeInMinutes"])
    once = body.get("isUsableOnce", policy["isUsableOnce"])
    if type(lifetime) is not int or type(once) is not bool:
        raise bad("Cannot convert a value of the request body to its type.")
    if account.external:
        raise bad("Temporary Access Pass cannot be added to an external guest user.")
    if not call.tenant.in_scope(account):
        raise bad(
            "Converged UserCredentialPolicy does not allow creating or updating this authentication method. "
            "AuthMethodType [TemporaryAccessPass]."
        )
    low, high = policy["minimumLifetimeInMinutes"], policy["maximumLifetimeInMinutes"]
    if not low <= lifetime <= high:
        raise bad(f"Invalid LifetimeInMinutes specified. The valid range between {low} and {high}.")
    if policy["isUsableOnce"] and not once:
        raise bad(
            "Invalid IsUsableOnce specified. "
            "Tenant Policy does not allow multiple use temporary access pass method."
        )
    return _start(body), lifetime, once


def _start(body: Json) -> float | None:
    if body.get("startDateTime") is None:
        return None
    try:
        return parse_time(body["startDateTime"])
    except (ValueError, TypeError):
        raise bad("Invalid StartDateTime specified.") from None


def _make_room(call: Call, account: Account) -> None:
    """Microsoft documents both: a second POST replaces the pass, or is refused while it is valid."""
    found = call.tenant.pass_of(account)
    if found is None:
        return
    if call.tenant.second_post == "refuse" and call.tenant.unusable_because(found) in (None, "NotYetValid"):
        raise bad("A Temporary Access Pass already exists for this user.")
    found.ended = "replaced"


def _context(account: Account) -> str:
    return f"{CONTEXT}#users('{account.id}')/authentication/temporaryAccessPassMethods"


def bad(message: str) -> Refusal:
    return Refusal(400, "badRequest", message)
