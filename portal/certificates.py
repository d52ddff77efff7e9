"""Checks a PEM file with a private key and its certificate at the start."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


def fault_of_certificate(path: str) -> str:
    """The problem with the file, without any of its content; empty if there is none."""
    try:
        pem = Path(path).read_bytes()
    except OSError:
        return "the portal cannot read it"
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        return "its private key is encrypted"
    except (ValueError, UnsupportedAlgorithm):
        return "it contains no private key"
    if not isinstance(key, RSAPrivateKey):
        return "its private key is not RSA, which Microsoft Entra needs"
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return "it contains no certificate"
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*shape) != key.public_key().public_bytes(*shape):
        return "its certificate belongs to another private key"
    return ""
