"""The sandbox's data: accounts, passes and mails, as records that fit into JSON."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from portal.sandbox.clock import graph_seconds
from portal.sandbox.methods import new_method
from portal.sandbox.people import DOMAIN, Person

DAY = 86400.0
SUCCESS_RECORDED_SINCE = 1701388800.0  # 1 December 2023


@dataclass
class Account:
    """One person in the directory. `properties` are spelled as Graph spells them."""

    key: str
    properties: dict[str, Any]
    manager: str | None = None
    app_roles: list[str] = field(default_factory=list)
    directory_roles: list[str] = field(default_factory=list)
    eligible_roles: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    owned_groups: list[str] = field(default_factory=list)
    eligible_groups: list[str] = field(default_factory=list)
    methods: list[dict[str, Any]] = field(default_factory=list)
    exists: bool = True
    last_sign_in: float | None = None
    last_attempt: float | None = None  # the last sign-in that failed; anybody can cause one
    # Graph's `signInActivity` in its own spelling, exactly as it shall be shown; without it, what the two above make.
    sign_in_activity: dict[str, Any] | None = None
    home_tenant: str | None = None

    @property
    def id(self) -> str:
        return str(self.properties["id"])

    @property
    def user_principal_name(self) -> str:
        return str(self.properties["userPrincipalName"])

    def is_called(self, name: str) -> bool:
        """Whether it is there, and this is its id or its name, in small letters."""
        return self.exists and name in (self.id, self.user_principal_name.lower())

    @property
    def name(self) -> str:
        return str(self.properties["displayName"])

    def signs_in(self, now: float) -> None:
        self.last_sign_in, self.sign_in_activity = now, None

    def fails_to_sign_in(self, now: float) -> None:
        self.last_attempt, self.sign_in_activity = now, None

    @property
    def shown_sign_in_activity(self) -> dict[str, Any] | None:
        """Graph's `signInActivity`: absent for an account without any sign-in attempt.

        `lastSuccessfulSignInDateTime` was never filled in for sign-ins before 1 December 2023; the other two times
        include failed attempts.
        """
        if self.sign_in_activity is not None:
            return self.sign_in_activity
        moments = [moment for moment in (self.last_sign_in, self.last_attempt) if moment is not None]
        if not moments:
            return None
        success = self.last_sign_in
        told = success is not None and success >= SUCCESS_RECORDED_SINCE
        return {
            "lastSignInDateTime": graph_seconds(max(moments)),
            "lastSignInRequestId": "00000000-0000-4000-8000-000000000000",
            "lastNonInteractiveSignInDateTime": None if success is None else graph_seconds(success),
            "lastNonInteractiveSignInRequestId": None,
            "lastSuccessfulSignInDateTime": graph_seconds(success) if success is not None and told else None,
            "lastSuccessfulSignInRequestId": None,
        }

    @property
    def is_external(self) -> bool:
        return self.properties.get("creationType") == "Invitation"


@dataclass
class Pass:
    """A Temporary Access Pass. It keeps a salted hash of the code, and never the code itself."""

    id: str
    person: str
    created: float
    start: float
    lifetime: int  # minutes
    once: bool
    salt: str
    digest: str
    client_request_id: str = ""
    hidden_until: float = 0
    used: float | None = None
    ended: str | None = None  # "deleted" or "replaced"

    @property
    def end(self) -> float:
        return self.start + self.lifetime * 60

    def opens_with(self, code: str) -> bool:
        return hmac.compare_digest(self.digest, digest_of(code, self.salt))


@dataclass
class Mail:
    number: int
    time: float
    sender: str
    recipients: list[str]
    subject: str
    text: str
    html: str
    message_id: str
    headers: dict[str, str]
    calendar: str = ""


def digest_of(code: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", code.encode(), salt.encode(), 10_000).hex()


def new_salt() -> str:
    return secrets.token_hex(16)


@cache
def help_desk_code() -> tuple[str, str]:
    """Salt and digest of the code of the help desk's pass, which some people have from the beginning.

    They are computed once: a digest takes milliseconds, and each reset of the tenant needs one.
    """
    salt = new_salt()
    return salt, digest_of("help desk's pass", salt)


def password_method() -> dict[str, Any]:
    return new_method("password", None)


def passkey_method(name: str, created: float) -> dict[str, Any]:
    return new_method("fido2", created, displayName=name)


def _properties_of(person: Person, now: float) -> dict[str, Any]:
    """The user's properties in Graph."""
    midnight = now - now % DAY
    first, _, last = person.name.partition(" ")
    hired = None if person.hired_days_ago is None else graph_seconds(midnight - person.hired_days_ago * DAY)
    return {
        "id": person.object_id,
        "displayName": person.name,
        "givenName": first,
        "surname": last,
        "userPrincipalName": person.user_principal_name,
        "mail": person.mail,
        "proxyAddresses": [f"SMTP:{person.mail}", f"smtp:{person.key}@{DOMAIN}"],
        "jobTitle": person.job,
        "department": person.department,
        "companyName": "Partner" if person.guest else "Contoso",
        "officeLocation": None,
        "mobilePhone": None,
        "businessPhones": [],
        "preferredLanguage": None,
        "employeeId": f"{person.number:06d}",
        "employeeType": "Guest" if person.guest else "Employee",
        "employeeHireDate": None if person.guest else hired,
        "accountEnabled": person.enabled,
        "userType": "Guest" if person.guest else "Member",
        "creationType": "Invitation" if person.guest else None,
        "externalUserState": "Accepted" if person.guest else None,
        "createdDateTime": graph_seconds(now - person.created_days_ago * DAY),
        "onPremisesSyncEnabled": None,
        "usageLocation": "NL",
        "isManagementRestricted": True if person.restricted else None,
    }


def account_of(person: Person, now: float) -> Account:
    """The cast's member as an account, with dates counted back from now."""
    signed_in = person.signed_in_days_ago
    return Account(
        key=person.key,
        properties=_properties_of(person, now),
        manager=person.manager,
        app_roles=list(person.app_roles),
        directory_roles=list(person.directory_roles),
        eligible_roles=list(person.eligible_roles),
        groups=[group.name for group in person.groups],
        owned_groups=[group.name for group in person.owned_groups],
        eligible_groups=[group.name for group in person.eligible_groups],
        methods=[
            password_method(),
            *([passkey_method("Passkey", now - DAY)] if person.has_passkey else []),
            *(new_method(kind, now - DAY) for kind in person.methods),
        ],
        exists=person.exists,
        last_sign_in=None if signed_in is None else now - signed_in * DAY,
        home_tenant=person.home_tenant,
    )
