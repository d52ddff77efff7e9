"""Every type of authentication method as Graph lists it, and which of them allow sign-in on their own."""

from __future__ import annotations

import secrets
from typing import Any

from portal.sandbox.clock import graph_seconds

TYPE = "#microsoft.graph.{}AuthenticationMethod"
PASSKEY_TYPE = TYPE.format("fido2")
# The ids of phones and e-mail addresses are the same for everybody (Graph v1.0).
PHONE_IDS = {
    "mobile": "3179e48a-750b-4051-897c-87b9720928f7",
    "alternateMobile": "b6332ec1-7057-4abe-9331-3d72feddfe41",
    "office": "e37fc753-ff3b-4958-9484-eaa9425c82bc",
}
EMAIL_ID = "3ddfcfc8-9383-446f-83cc-3ab9be4be18f"
PASSWORD_ID = "28c10230-6103-485e-b985-444c60001490"  # noqa: S105 (the id of a kind)
SMS_STATES = (
    "notSupported", "notAllowedByPolicy", "notEnabled", "phoneNumberNotUnique", "ready", "notConfigured",
)  # fmt: skip
# What each type has beside `@odata.type`, `id` and `createdDateTime`.
FIELDS: dict[str, dict[str, Any]] = {
    "password": {"password": None},
    "email": {"emailAddress": "someone@home.example"},
    "phone": {
        "phoneNumber": "+31 612345678", "phoneType": "mobile", "smsSignInState": "notAllowedByPolicy",
    },
    "fido2": {
        "displayName": "Passkey", "aaGuid": "de1e552d-db1d-4423-a619-566b625cdc84", "model": "Sandbox passkey",
        "attestationLevel": "attested",
    },
    "microsoftAuthenticator": {
        "displayName": "Phone", "deviceTag": "SoftwareTokenActivated", "phoneAppVersion": "6.2511.8",
    },
    "softwareOath": {"secretKey": None},
    "hardwareOath": {"device": None},
    "windowsHelloForBusiness": {"displayName": "Laptop", "keyStrength": "normal"},
    "platformCredential": {"displayName": "Mac", "platform": "macOS", "keyStrength": "normal"},
    "x509Certificate": {"displayName": "Smart card"},
    "qrCodePin": {"standardQRCode": None, "temporaryQRCode": None, "pin": None},
    "external": {"displayName": "Other authenticator", "configurationId": "7e57ab1e-0000-4000-8000-00000000ea77"},
    "resourceAccountKey": {"displayName": "Meeting room"},
}  # fmt: skip
BY_THEMSELVES = {"fido2", "windowsHelloForBusiness", "platformCredential", "x509Certificate", "qrCodePin"}


def new_method(kind: str, created: float | None, **changes: Any) -> dict[str, Any]:
    """One registered method of this type. `created` in seconds; None where Graph says no time.

    Graph says no time for an Authenticator that only approves requests. A kind that is not known here is listed too.
    """
    fields = {**FIELDS.get(kind, {}), **changes}
    return {
        "@odata.type": TYPE.format(kind),
        "id": fields.pop("id", None) or _method_id(kind, fields),
        "createdDateTime": None if created is None else graph_seconds(created),
        **fields,
    }


def _method_id(kind: str, fields: dict[str, Any]) -> str:
    match kind:
        case "password":
            return PASSWORD_ID
        case "email":
            return EMAIL_ID
        case "phone":
            return PHONE_IDS[fields["phoneType"]]
        case _:
            return secrets.token_urlsafe(16)


def signs_in_alone(method: dict[str, Any]) -> bool:
    """Whether this method alone is enough to sign in at Microsoft."""
    kind = str(method["@odata.type"]).removeprefix("#microsoft.graph.").removesuffix("AuthenticationMethod")
    if kind == "phone":
        return method.get("smsSignInState") == "ready"
    if kind == "microsoftAuthenticator":
        return method.get("createdDateTime") is not None
    return kind in BY_THEMSELVES
