"""The used part of Microsoft Graph v1.0: which address is answered by which function."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from portal.sandbox.graph import (
    applications,
    assignments,
    batch,
    containers,
    directory_audits,
    groups,
    mail,
    methods,
    owners,
    passes,
    policy,
    policy_changes,
    principals,
    roles,
    users,
)
from portal.sandbox.graph.call import Call, Refusal
from portal.sandbox.graph.permissions import permissions_of_token, person_of_token, verify_token
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
        ("GET", "/me", users.read_me),
        ("GET", "/users", users.list_users),
        ("GET", USER, users.read_user),
        ("GET", f"{USER}/manager", users.read_manager),
        ("GET", f"{USER}/transitiveMemberOf/microsoft.graph.group", groups.member_of),
        ("GET", f"{USER}/ownedObjects/microsoft.graph.group", groups.owned_groups),
        ("GET", f"{USER}/transitiveMemberOf/microsoft.graph.directoryRole", roles.member_of),
        ("GET", f"{USER}/authentication/methods", methods.list_methods),
        # After abuse, an administrator uses these three: docs/how-to/a-pass-was-stolen.md.
        (
            "DELETE",
            rf"{USER}/authentication/(?P<kind>{'|'.join(methods.DELETABLE)})Methods/(?P<method_id>[^/]+)",
            methods.delete_method,
        ),
        ("PATCH", USER, users.block_or_unblock),
        ("POST", f"{USER}/revokeSignInSessions", methods.revoke_sessions),
        ("GET", PASSES, passes.list_passes),
        ("POST", PASSES, passes.create_pass),
        ("GET", rf"{PASSES}/(?P<pass_id>[^/]+)", passes.read_pass),
        ("DELETE", rf"{PASSES}/(?P<pass_id>[^/]+)", passes.delete_pass),
        ("POST", f"{USER}/sendMail", mail.send_mail),
        ("GET", "/roleManagement/directory/roleAssignments", roles.list_role_assignments),
        ("GET", "/roleManagement/directory/roleEligibilityScheduleInstances", roles.list_role_eligibilities),
        (
            "GET",
            "/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances",
            roles.list_eligible_groups,
        ),
        ("GET", PASS_POLICY, policy.read_pass_policy),
        ("GET", "/auditLogs/directoryAudits", directory_audits.list_directory_audits),
        # Only the tenant's set-up uses these.
        ("PATCH", PASS_POLICY, policy_changes.change_pass_policy),
        ("GET", "/applications", applications.list_applications),
        ("POST", "/applications", applications.create_application),
        ("GET", APPLICATION, applications.read_application),
        ("PATCH", APPLICATION, applications.name_application),
        ("GET", f"{APPLICATION}/owners", owners.list_application_owners),
        ("GET", f"{APPLICATION}/federatedIdentityCredentials", applications.list_federated_credentials),
        ("POST", f"{APPLICATION}/federatedIdentityCredentials", applications.create_federated_credential),
        ("GET", rf"{APPLICATION}/federatedIdentityCredentials/(?P<name>[^/]+)", applications.trusted_one),
        ("GET", "/servicePrincipals", principals.list_principals),
        ("POST", "/servicePrincipals", principals.create_principal),
        ("GET", PRINCIPAL, principals.read_principal),
        ("GET", f"{PRINCIPAL}/owners", owners.list_principal_owners),
        ("GET", f"{PRINCIPAL}/appRoleAssignments", assignments.list_roles_of_principal),
        ("GET", f"{PRINCIPAL}/appRoleAssignedTo", assignments.list_role_holders),
        ("POST", f"{PRINCIPAL}/appRoleAssignedTo", assignments.assign_role),
        ("GET", "/groups", containers.list_groups),
        ("POST", "/groups", containers.create_group),
        ("GET", r"/groups/(?P<group>[^/]+)", containers.read_group),
        ("GET", r"/groups/(?P<group>[^/]+)/owners", owners.list_group_owners),
        ("GET", "/directory/administrativeUnits", containers.list_administrative_units),
        ("POST", "/directory/administrativeUnits", containers.create_administrative_unit),
        ("GET", r"/directory/administrativeUnits/(?P<unit>[^/]+)", containers.read_administrative_unit),
    )
]


def answer_graph(tenant: Tenant, request: Request, each: Callable[[Request], Response]) -> Response:
    """One request to Graph. `each` answers a request of a batch as if it had come alone."""
    try:
        if request.path == "/v1.0/$batch" and request.method == "POST":
            verify_token(tenant, request)
            response = batch.answer_batch(request, each)
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
    claims = verify_token(tenant, request)
    call = Call(
        tenant, request, permissions_of_token(claims), person_of_token(claims), str(claims.get("oid", ""))
    )
    for method, pattern, handler in ROUTES:
        parts = pattern.fullmatch(request.raw_path)
        if parts and method == request.method:
            return handler(call, **{name: unquote(part) for name, part in parts.groupdict().items()})
    segment = request.path.rstrip("/").rpartition("/")[2]
    raise Refusal(400, "BadRequest", f"Resource not found for the segment '{segment}'.")
