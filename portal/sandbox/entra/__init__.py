"""Sign-in as Entra does it: OpenID Connect metadata, the people picker, tokens, sign-out."""

from __future__ import annotations

from portal.sandbox.entra import authorize, logout, metadata, token
from portal.sandbox.entra.errors import error_page
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response

HANDLERS = {
    ("GET", "v2.0/.well-known/openid-configuration"): metadata.openid_configuration,
    ("GET", "discovery/v2.0/keys"): metadata.published_keys,
    ("GET", "oauth2/v2.0/authorize"): authorize.show_sign_in,
    ("POST", "oauth2/v2.0/authorize"): authorize.sign_in_as_chosen,
    ("POST", "oauth2/v2.0/token"): token.answer_token_request,
    ("GET", "oauth2/v2.0/logout"): logout.sign_out,
}
PATHS = {place for _, place in HANDLERS}


def answer_entra(tenant: Tenant, request: Request) -> Response | None:
    """None when the address is not one of Entra's."""
    named_tenant, _, place = request.path.lstrip("/").partition("/")
    handler = HANDLERS.get((request.method, place))
    if handler is None:
        return Response(405) if place in PATHS else None
    if named_tenant != tenant.options.tenant_id:
        return error_page(90002, f"Tenant '{named_tenant}' not found. This sandbox has only one.")
    with tenant.lock:
        return handler(tenant, request)
