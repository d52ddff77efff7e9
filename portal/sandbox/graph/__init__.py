"""The used part of Microsoft Graph v1.0: which address is answered by which function."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from portal.sandbox.graph import (
    applications,
    batch,
    containers,
    groups,
    mail,
    methods,
    passes,
    policy,
    policy_changes,
    principals,
    roles,
    users,
)
from portal.sandbox.graph.call import Call, Refusal
from portal.sandbox.graph.permissions import roles_of_token
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response

Handler = Callable[..., Response]
USER = r"/users/(?P<user>[^/]+)"
PASSES = f"{USER}/authentication/temporaryAccessPassMethods"
APPLICATION = r"/applications/(?P<application>[^/]+)"
PRINCIPAL = r"/servicePrincipals/(?P<principal>[^/]+)"
PASS_POLICY = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass"  # noqa: S105
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(f"/v1.0{path}", re.IGNORECASE), handler)
    for method, path, handler in (
        ("GET", "/users", users.search),
        ("GET", USER, users.read),
        ("GET", f"{USER}/manager", users.manager),
        ("GET", f"{USER}/transitiveMemberOf/microsoft.graph.group", groups.member_of),
        ("GET", f"{USER}/ownedObjects/microsoft.graph.group", groups.owned),
        ("GET", f"{USER}/transitiveMemberOf/microsoft.graph.directoryRole", roles.member_of),
        ("GET", f"{USER}/authentication/methods", methods.listed),
        ("GET", PASSES, passes.listed),
        ("POST", PASSES, passes.create),
        ("GET", rf"{PASSES}/(?P<pass_id>[^/]+)", passes.read),
        ("DELETE", rf"{PASSES}/(?P<pass_id>[^/]+)", passes.delete),
        ("POST", f"{USER}/sendMail", mail.send),
        ("GET", "/roleManagement/directory/roleAssignments", roles.assignments),
        ("GET", "/roleManagement/directory/roleEligibilityScheduleInstances", roles.eligibilities),
        (
            "GET",
            "/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances",
            roles.eligible_groups,
        ),
        ("GET", PASS_POLICY, policy.read),
        # What only whoever sets the tenant up asks for.
        ("PATCH", PASS_POLICY, policy_changes.change),
        ("GET", "/applications", applications.listed),
        ("POST", "/applications", applications.create),
        ("GET", APPLICATION, applications.read),
        ("GET", f"{APPLICATION}/owners", applications.owners),
        ("GET", f"{APPLICATION}/federatedIdentityCredentials", applications.trusted),
        ("POST", f"{APPLICATION}/federatedIdentityCredentials", applications.trust),
        ("GET", rf"{APPLICATION}/federatedIdentityCredentials/(?P<name>[^/]+)", applications.trusted_one),
        ("GET", "/servicePrincipals", principals.listed),
        ("POST", "/servicePrincipals", principals.create),
        ("GET", PRINCIPAL, principals.read),
        ("GET", f"{PRINCIPAL}/appRoleAssignments", principals.granted),
        ("POST", f"{PRINCIPAL}/appRoleAssignedTo", principals.grant),
        ("GET", "/groups", containers.groups),
        ("POST", "/groups", containers.create_group),
        ("GET", r"/groups/(?P<group>[^/]+)", containers.group),
        ("GET", r"/groups/(?P<group>[^/]+)/owners", containers.owners),
        ("GET", "/directory/administrativeUnits", containers.units),
        ("POST", "/directory/administrativeUnits", containers.create_unit),
        ("GET", r"/directory/administrativeUnits/(?P<unit>[^/]+)", containers.unit),
    )
]


def answer(tenant: Tenant, request: Request, each: Callable[[Request], Response]) -> Response:
    """One request to Graph. `each` answers a request of a batch as if it had come alone."""
    try:
        if request.path == "/v1.0/$batch" and request.method == "POST":
            roles_of_token(tenant, request)
            response = batch.answer(request, each)
        else:
            with tenant.lock:
                response = _dispatch(tenant, request)
    except Refusal as refusal:
        response = refusal.response(request)
    response.headers["request-id"] = request.id
    if request.client_request_id:
        response.headers["client-request-id"] = request.client_request_id
    return response


def _dispatch(tenant: Tenant, request: Request) -> Response:
    call = Call(tenant, request, roles_of_token(tenant, request))
    for method, pattern, handler in ROUTES:
        parts = pattern.fullmatch(request.raw_path)
        if parts and method == request.method:
            return handler(call, **{name: unquote(part) for name, part in parts.groupdict().items()})
    segment = request.path.rstrip("/").rpartition("/")[2]
    raise Refusal(400, "BadRequest", f"Resource not found for the segment '{segment}'.")
