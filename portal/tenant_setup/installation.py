"""The names of this installation from its settings, each in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from portal.signin.app import issuer_url

IDENTITY, RESOURCE_GROUP = "starter-pass-portal", "starter-passes"
# As Azure names them.
IDENTITY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")
OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GROUP_NAME = re.compile(r"[A-Za-z0-9_.()-]{0,89}[A-Za-z0-9_()-]")
LONGEST_GROUP_NAME = 256
LONGEST = 100  # Microsoft takes 256 characters for a name that holds it


class Permission(Protocol):
    """One row of the table that the setting GRAPH_PERMISSIONS names."""

    @property
    def name(self) -> str: ...
    @property
    def app_role_id(self) -> str: ...
    @property
    def purpose(self) -> str | Promise: ...
    @property
    def optional(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Installation:
    """An unknown id is empty: then the script creates the object."""

    tenant_id: str
    graph_url: str
    authority_host: str
    issuer: str
    audience: str
    portal_url: str
    organisation: str
    mailbox: str  # empty where mail does not go by Graph
    identity_client_id: str
    sign_in_client_id: str
    api_client_id: str
    graph_client_id: str
    permissions: tuple[Permission, ...]
    identity_name: str = IDENTITY
    resource_group: str = RESOURCE_GROUP
    authentication_context: bool = False
    api: bool = False
    graph_registration: bool = (
        False  # an app registration calls Graph, with the managed identity as its credential
    )
    trusted: tuple[str, ...] = ()
    role_groups: tuple[tuple[str, str], ...] = ()  # an app role and a group's object id or display name

    def __post_init__(self) -> None:
        for object_id in self.trusted:
            if not OBJECT_ID.fullmatch(object_id):
                raise ImproperlyConfigured(f"--trusted must be an object id, not {object_id!r}.")
        for role, group in self.role_groups:
            if not 0 < len(group) <= LONGEST_GROUP_NAME:
                raise ImproperlyConfigured(f"The group of {role} must be an object id or a display name.")
        if not IDENTITY_NAME.fullmatch(self.identity_name):
            raise ImproperlyConfigured(
                f"--identity must be 3 to 128 letters, digits, hyphens or underscores, not {self.identity_name!r}."
            )
        if not GROUP_NAME.fullmatch(self.resource_group) or self.resource_group.startswith("-"):
            raise ImproperlyConfigured(
                "--resource-group must be up to 90 letters, digits, hyphens, underscores, points or brackets, "
                f"not {self.resource_group!r}."
            )

    @property
    def redirect_uris(self) -> list[str]:
        """The redirect URIs of sign-in and sign-out."""
        return [f"{self.portal_url}{reverse(name)}" for name in ("signin:callback", "signin:signed_out")]

    @property
    def logout_url(self) -> str:
        """The address of Entra's front-channel sign-out."""
        return f"{self.portal_url}{reverse('signin:front_channel')}"

    @property
    def optional_claims(self) -> list[str]:
        return ["auth_time", "acct", "login_hint", "sid", *(["acrs"] if self.authentication_context else [])]


def this_installation(
    *,
    identity: str,
    resource_group: str,
    authentication_context: bool,
    api: bool = False,
    graph_registration: bool = False,
    trusted: Iterable[str] = (),
    role_groups: Iterable[tuple[str, str]] = (),
) -> Installation:
    by_graph = not settings.EMAIL_BACKEND.startswith("django.core.mail.backends.smtp")
    return Installation(
        tenant_id=settings.TENANT_ID,
        graph_url=in_one_line(settings.GRAPH_RESOURCE),
        # As with Graph's audience: the sandbox plays the global cloud.
        authority_host=in_one_line(
            "https://login.microsoftonline.com" if settings.SANDBOX else settings.AUTHORITY_HOST
        ),
        issuer=in_one_line(issuer_url()),
        audience=in_one_line(settings.TOKEN_EXCHANGE_AUDIENCE),
        portal_url=in_one_line(settings.PORTAL_URL),
        organisation=in_one_line(settings.ORGANISATION_NAME)[:LONGEST].rstrip(),
        mailbox=in_one_line(parseaddr(settings.MAIL_FROM)[1]) if by_graph else "",
        identity_client_id=settings.AZURE_CLIENT_ID,
        sign_in_client_id=settings.SIGN_IN_CLIENT_ID,
        api_client_id=settings.API_CLIENT_ID,
        graph_client_id=settings.GRAPH_CLIENT_ID,
        permissions=tuple(import_string(settings.GRAPH_PERMISSIONS)),
        identity_name=identity,
        resource_group=resource_group,
        authentication_context=authentication_context,
        api=api,
        graph_registration=graph_registration or bool(settings.GRAPH_CLIENT_ID),
        trusted=tuple(object_id.strip().lower() for object_id in trusted),
        role_groups=tuple((role, in_one_line(group)) for role, group in role_groups),
    )


def in_one_line(text: str) -> str:
    """A line break would end a comment of the script, and what follows it would be run."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())
