"""The tenant's signing key, and helpers for claims and certificates."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
import time
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key


class KeyRing:
    """One RSA key, known by a key id as in Entra. `replace_key` makes a new one and drops the old one."""

    def __init__(self, pem: str | None = None) -> None:
        loaded = serialization.load_pem_private_key(pem.encode(), None) if pem else first_key()
        assert isinstance(loaded, RSAPrivateKey)  # noqa: S101 (we wrote the file)
        self.private_key = loaded

    def replace_key(self) -> None:
        self.private_key = generate_private_key(65537, 2048)

    @property
    def key_id(self) -> str:
        der = self.private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64url(hashlib.sha256(der).digest()[:20])

    def private_pem(self) -> str:
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def sign_token(self, claims: dict[str, Any]) -> str:
        headers = {"kid": self.key_id, "x5t": self.key_id}
        return jwt.encode(claims, self.private_key, algorithm="RS256", headers=headers)

    def jwks(self, issuer: str) -> dict[str, Any]:
        """As Entra publishes it: without `alg`, so that the verifier must know the algorithm."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private_key.public_key()))
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "kid": self.key_id,
                    "x5t": self.key_id,
                    "n": key["n"],
                    "e": key["e"],
                    "issuer": issuer,
                }
            ]
        }


@functools.cache
def first_key() -> RSAPrivateKey:
    """Made once a process: a key takes a tenth of a second, and tests start many sandboxes."""
    return generate_private_key(65537, 2048)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def lifetime_claims(seconds: int) -> dict[str, int]:
    now = int(time.time())
    return {"iat": now, "nbf": now, "exp": now + seconds}


def unique_token_id() -> dict[str, str]:
    return {"uti": secrets.token_urlsafe(16)}


def certificate_thumbprints(certificate_pem: str) -> dict[str, str]:
    """A certificate's two names in the header of an assertion."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    return {
        "x5t#S256": base64url(certificate.fingerprint(hashes.SHA256())),
        "x5t": base64url(certificate.fingerprint(hashes.SHA1())),  # noqa: S303 (a name, not a proof)
    }
