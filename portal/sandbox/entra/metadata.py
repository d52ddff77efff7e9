"""The OpenID Connect metadata and the signing keys."""

from __future__ import annotations

from portal.sandbox.options import LOGIN_ORIGIN
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response, json_answer


def openid_configuration(tenant: Tenant, _request: Request) -> Response:
    base = f"{LOGIN_ORIGIN}/{tenant.options.tenant_id}"
    return json_answer(
        {
            "issuer": tenant.options.issuer,
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "scopes_supported": ["openid", "profile", "email"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "nonce",
                "name",
                "oid",
                "tid",
                "ver",
            ],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "sandbox.invalid",
        }
    )


def published_keys(tenant: Tenant, _request: Request) -> Response:
    return json_answer(tenant.keys.jwks(tenant.options.issuer))
