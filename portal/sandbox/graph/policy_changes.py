"""Changing the tenant's pass policy: within Microsoft's bounds, for groups and people that exist."""

from __future__ import annotations

from portal.sandbox.graph.call import Call, Refusal
from portal.sandbox.web import Json, Response

CHANGE = "Policy.ReadWrite.AuthenticationMethod"
WHOLE = {
    "minimumLifetimeInMinutes": (10, 43200),
    "maximumLifetimeInMinutes": (10, 43200),
    "defaultLifetimeInMinutes": (10, 43200),
    "defaultLength": (8, 48),
}


def change_pass_policy(call: Call) -> Response:
    """Lists of targets are replaced whole."""
    call.require_any(CHANGE, directory=False)
    body, policy = call.json(), call.tenant.policy
    if body.get("@odata.type") != policy["@odata.type"]:
        raise bad_request("The property '@odata.type' must name the type of the configuration.")
    for name in body:
        if name not in policy or name == "id":
            raise bad_request(f"The property '{name}' does not exist on the type of the configuration.")
    wanted = {**policy, **body}
    for name, (low, high) in WHOLE.items():
        if type(wanted[name]) is not int or not low <= wanted[name] <= high:
            raise bad_request(f"Invalid {name} specified. The valid range between {low} and {high}.")
    lifetimes = [wanted[f"{name}LifetimeInMinutes"] for name in ("minimum", "default", "maximum")]
    if lifetimes != sorted(lifetimes):
        raise bad_request("Invalid DefaultLifetimeInMinutes specified.")
    if wanted["state"] not in ("enabled", "disabled") or type(wanted["isUsableOnce"]) is not bool:
        raise bad_request("Cannot convert a value of the request body to its type.")
    for target in [*wanted["includeTargets"], *wanted["excludeTargets"]]:
        _check_target(call, target)
    for target in wanted["includeTargets"]:
        target.setdefault("isRegistrationRequired", False)
    policy.update(wanted)
    return Response(204)


def _check_target(call: Call, target: Json) -> None:
    tenant = call.tenant
    known = {"all_users", *(group.object_id for group in tenant.groups)}
    known |= (
        {account.id for account in tenant.existing_accounts()}
        if target.get("targetType") == "user"
        else set()
    )
    if target.get("targetType") not in ("group", "user") or target.get("id") not in known:
        raise bad_request(f"The target '{target.get('id')}' was not found.")
    if not set(target) <= {"id", "targetType", "isRegistrationRequired", "@odata.type"}:
        raise bad_request("A target has a property that does not exist.")


def bad_request(message: str) -> Refusal:
    return Refusal(400, "badRequest", message)
