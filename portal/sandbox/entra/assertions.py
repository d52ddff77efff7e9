"""How an application proves who it is: managed identity, cluster, certificate. Only other products have secrets."""

from __future__ import annotations

import base64
import secrets
from typing import Any
from urllib.parse import unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from portal.sandbox.api_registration import digest_of_secret
from portal.sandbox.entra.errors import TokenRefused
from portal.sandbox.options import (
    CLUSTER_ISSUER,
    SERVICE_ACCOUNT,
    TOKEN_EXCHANGE_AUDIENCE,
)
from portal.sandbox.tenant import Tenant
from portal.sandbox.tokens import certificate_thumbprints, lifetime_claims, unique_token_id
from portal.sandbox.web import Request

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REQUIRED_CLAIMS = {"require": ["exp", "iss", "sub", "aud"]}


def authenticated_client(tenant: Tenant, request: Request) -> str:
    """The client id that the form proves; TokenRefused otherwise."""
    form, options = {**request.form, **_basic_authentication(request)}, tenant.options
    client_id = form.get("client_id", "").lower()
    if client_id != options.identity_client_id and not tenant.registrations.application_of(client_id):
        raise TokenRefused(
            "unauthorized_client", 700016, f"Application with identifier '{client_id}' was not found."
        )
    if "client_secret" in form:
        _check_secret(tenant, client_id, form["client_secret"])
        return client_id
    if form.get("client_assertion_type") != ASSERTION_TYPE or not form.get("client_assertion"):
        raise TokenRefused("invalid_client", 7000218, "The request body must contain client_assertion.", 401)
    assertion = form["client_assertion"]
    try:
        issuer = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
        if str(issuer).lower() == client_id:
            _check_certificate(tenant, client_id, assertion)
        else:
            _check_federated_credential(tenant, client_id, assertion, str(issuer))
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
        raise TokenRefused(
            "invalid_client", 700024, "Client assertion is not within its valid time range.", 401
        ) from None
    except jwt.InvalidAudienceError:
        raise TokenRefused(
            "invalid_client", 700212, "No matching federated identity record found for the audience.", 401
        ) from None
    except jwt.InvalidTokenError:
        raise TokenRefused(
            "invalid_client", 700027, "The signature of the client assertion does not verify.", 401
        ) from None
    return client_id


def _basic_authentication(request: Request) -> dict[str, str]:
    """Client id and secret from the header, where ServiceNow can send them."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}


def _check_secret(tenant: Tenant, client_id: str, secret: str) -> None:
    """Never for the portal's own identities: they have none."""
    expected = tenant.registrations.secrets.get(client_id, "")
    if not secrets.compare_digest(expected, digest_of_secret(secret)):
        raise TokenRefused("invalid_client", 7000215, "Invalid client secret provided.", 401)


def _check_federated_credential(tenant: Tenant, client_id: str, assertion: str, issuer: str) -> None:
    """Accept the registration's federated credentials, and the cluster's service account.

    Entra compares issuer, audience and subject with each credential, and has an error of its own for each (AADSTS700211,
    700212 and 700213).
    """
    if issuer not in (tenant.options.issuer, CLUSTER_ISSUER):
        raise TokenRefused(
            "invalid_client", 700211, "No matching federated identity record found for the issuer.", 401
        )
    claims = jwt.decode(
        assertion,
        tenant.keys.private_key.public_key(),
        algorithms=["RS256"],
        audience=TOKEN_EXCHANGE_AUDIENCE,
        options=REQUIRED_CLAIMS,  # type: ignore[arg-type]
    )
    by_cluster = issuer == CLUSTER_ISSUER and claims["sub"] == SERVICE_ACCOUNT
    trusted = any(
        (credential["issuer"], credential["subject"], credential["audiences"])
        == (issuer, claims["sub"], [claims["aud"]])
        for credential in tenant.registrations.trusted_by(client_id)
    )
    if not by_cluster and not trusted:
        raise TokenRefused(
            "invalid_client",
            700213,
            "No matching federated identity record found for the assertion's subject.",
            401,
        )


def _check_certificate(tenant: Tenant, client_id: str, assertion: str) -> None:
    header = jwt.get_unverified_header(assertion)
    for certificate in tenant.certificates:
        # MSAL pads the base64, the standard does not.
        if any(
            header.get(name, "").rstrip("=") == value
            for name, value in certificate_thumbprints(certificate).items()
        ):
            _verify_certificate_assertion(tenant, client_id, assertion, certificate)
            return
    raise TokenRefused(
        "invalid_client", 700027, "The certificate of the client assertion is not registered.", 401
    )


def _verify_certificate_assertion(tenant: Tenant, client_id: str, assertion: str, certificate: str) -> None:
    key = load_pem_x509_certificate(certificate.encode()).public_key()
    if not isinstance(key, RSAPublicKey):
        raise jwt.InvalidKeyError
    claims = jwt.decode(
        assertion,
        key,
        algorithms=["RS256", "PS256"],
        audience=tenant.options.token_endpoint,
        options=REQUIRED_CLAIMS,  # type: ignore[arg-type]
    )
    if claims["iss"].lower() != client_id or claims["sub"].lower() != client_id:
        raise jwt.InvalidIssuerError


def projected_token(tenant: Tenant, seconds: int = 3600) -> str:
    """What a Kubernetes cluster would project into the portal's pod."""
    claims: dict[str, Any] = {
        "iss": CLUSTER_ISSUER,
        "sub": SERVICE_ACCOUNT,
        "aud": [TOKEN_EXCHANGE_AUDIENCE],
        **lifetime_claims(seconds),
        **unique_token_id(),
    }
    return tenant.keys.sign_token(claims)
