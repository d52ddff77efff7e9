"""Who the portal is to Microsoft Entra: an identity without a secret, of the kind the environment offers."""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msal
import requests
from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from portal.http_deadline import DeadlineAdapter

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
AADSTS = re.compile(r"AADSTS\d{4,9}")
ERROR = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}")
PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class TokenUnavailable(ConnectionError):
    """No token is available. The message is for an operator and contains nothing of any token.

    It goes into logs, so it is English; `words` is the same text for a page, translated.
    """

    def __init__(self, message: str | Promise) -> None:
        with translation.override(settings.LANGUAGE_CODE):
            super().__init__(str(message))
        self.words = message


class WorkloadIdentity(ABC):
    """Gives tokens from a cache of its own, and asks Entra only when they run out."""

    kind: str | Promise

    def __init__(self) -> None:
        self._application: Any = None

    @sensitive_variables()
    def graph_token(self, *, fresh: bool = False) -> str:
        """Return a token for Microsoft Graph; `fresh` where Graph refused the one in the cache."""
        if fresh:
            self.clear_tokens()
        return self._request_token(
            lambda application: self._acquire_token(application, settings.GRAPH_RESOURCE)
        )

    @sensitive_variables()
    def database_token(self) -> str:
        """Return a token that Azure Database for PostgreSQL takes as a password."""
        return self._request_token(
            lambda application: self._acquire_token(application, settings.DATABASE_TOKEN_RESOURCE)
        )

    def clear_tokens(self) -> None:
        """Drop every token and MSAL's cached refusals."""
        self._application = None

    def sign_in_credential(self) -> dict[str, Any]:
        """Say, in MSAL's words, how the registration that signs people in proves itself."""
        # A separate certificate is deliberate; otherwise use the workload identity's credential.
        own = settings.SIGN_IN_CERTIFICATE_PATH
        if own and own != settings.AZURE_CLIENT_CERTIFICATE_PATH:
            return certificate_credential(own)
        return self._credential()

    @abstractmethod
    def _build_application(self) -> Any:
        """Make the MSAL client. It may go to the network, so it is made on first use."""

    @abstractmethod
    def _acquire_token(self, application: Any, resource: str) -> Any:
        """Ask MSAL for a token of the portal itself for this resource."""

    @abstractmethod
    def _credential(self) -> dict[str, Any]: ...

    @sensitive_variables()
    def _request_token(self, ask: Callable[[Any], Any]) -> str:
        # MSAL returns a dictionary or raises any exception. The exception ends here, because its text can be
        # a whole answer of the token endpoint.
        try:
            answer = ask(self._msal_application())
        except TokenUnavailable:
            raise
        except Exception as error:
            answer = {"error": type(error).__name__}
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            words = _("Microsoft Entra did not issue a token ({kind}): {why}.")
            raise TokenUnavailable(format_lazy(words, kind=self.kind, why=error_description(answer)))
        return token

    def _msal_application(self) -> Any:
        # Two threads may each build one at first. That costs a token request; a lock would make everybody
        # wait in line while Entra cannot be reached.
        application = self._application
        if application is None:
            application = self._application = self._build_application()
        return application


class ManagedIdentity(WorkloadIdentity):
    """What Azure gives a workload by itself: App Service, Container Apps, a virtual machine, Arc."""

    kind = _("managed identity")

    def _build_application(self) -> msal.ManagedIdentityClient:
        session = http_session()
        session.trust_env = False  # its endpoint is on this machine, and never behind a proxy
        return msal.ManagedIdentityClient(self._managed_identity(), http_client=session)

    def _managed_identity(self) -> Any:
        # Without an id Azure would silently take the system-assigned identity, so it is taken by name only.
        if settings.AZURE_CLIENT_ID:
            return msal.UserAssignedManagedIdentity(client_id=settings.AZURE_CLIENT_ID)
        return msal.SystemAssignedManagedIdentity()

    def _acquire_token(self, application: Any, resource: str) -> Any:
        return application.acquire_token_for_client(resource=resource)

    def _credential(self) -> dict[str, Any]:
        return {"client_assertion": self._client_assertion}

    @sensitive_variables()
    def _client_assertion(self) -> str:
        audience = settings.TOKEN_EXCHANGE_AUDIENCE
        return self._request_token(lambda application: self._acquire_token(application, audience))


class Registration(WorkloadIdentity):
    """An application (or user-assigned identity) in Entra, which the portal proves to be with `_credential`."""

    @property
    def _client_id(self) -> str:
        return str(settings.AZURE_CLIENT_ID)

    def _build_application(self) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            self._client_id,
            authority=f"{settings.AUTHORITY_HOST}/{settings.TENANT_ID}",
            client_credential=self._credential(),
            http_client=http_session(),
            instance_discovery=False,  # else MSAL asks a host that a filtered network may not reach
        )

    def _acquire_token(self, application: Any, resource: str) -> Any:
        return application.acquire_token_for_client(scopes=[f"{resource}/.default"])


class FederatedTokenFile(Registration):
    """Workload identity federation: a token that the platform (Kubernetes) puts in a file and renews."""

    kind = _("federated token file")

    def _credential(self) -> dict[str, Any]:
        return {"client_assertion": self._client_assertion}

    @sensitive_variables()
    def _client_assertion(self) -> str:
        # Read each time: the platform writes a new one every hour.
        try:
            token = Path(settings.AZURE_FEDERATED_TOKEN_FILE).read_text().strip()
        except (OSError, ValueError):
            token = ""
        if not token:
            raise TokenUnavailable(_("The file in AZURE_FEDERATED_TOKEN_FILE contains no token."))
        return token


class Certificate(Registration):
    """A certificate and its private key, for a server outside Azure."""

    kind = _("certificate")

    def _credential(self) -> dict[str, Any]:
        return certificate_credential(settings.AZURE_CLIENT_CERTIFICATE_PATH)


class RegistrationOfManagedIdentity(Registration):
    """An app registration whose only credential is the managed identity: it trusts the identity's tokens.

    The identity's token for the token exchange is the client assertion (Microsoft Entra, "Configure an application to
    trust a managed identity"). Graph sees the registration. The database and the sign-in registration see the identity.
    """

    kind = _("app registration with the managed identity as its credential")

    def __init__(self) -> None:
        super().__init__()
        self._identity = ManagedIdentity()

    def clear_tokens(self) -> None:
        super().clear_tokens()
        self._identity.clear_tokens()

    @sensitive_variables()
    def database_token(self) -> str:
        return self._identity.database_token()

    @property
    def _client_id(self) -> str:
        return str(settings.GRAPH_CLIENT_ID)

    def _credential(self) -> dict[str, Any]:
        return self._identity._credential()


@sensitive_variables()
def certificate_credential(path: str) -> dict[str, Any]:
    """Read one PEM file that holds a private key and its certificate, as Azure's own SDKs take it."""
    try:
        pem = Path(path).read_text()
    except (OSError, ValueError):
        pem = ""
    key, chain = PRIVATE_KEY.search(pem), CERTIFICATE.findall(pem)
    if key is None or not chain:
        words = _("{path} must contain a private key and its certificate in PEM format.")
        raise TokenUnavailable(format_lazy(words, path=path))
    return {"private_key": key[0], "public_certificate": "\n".join(chain)}


def error_description(answer: object) -> str | Promise:
    """Say why there is no token, from the parts of an answer that are codes and not free text."""
    fields = answer if isinstance(answer, dict) else {}
    error, said = fields.get("error"), str(fields.get("error_description"))
    named = error if isinstance(error, str) and ERROR.fullmatch(error) else _("an invalid answer")
    parts: list[str | Promise] = [named, *sorted(set(AADSTS.findall(said[:2000])))]
    if "dentity not found" in said or "No User Assigned" in said:
        parts.append(_("(no identity with this AZURE_CLIENT_ID is attached to this machine)"))
    correlation = str(fields.get("correlation_id"))
    if GUID.fullmatch(correlation):
        parts.append(format_lazy(_("correlation id {id}"), id=correlation))
    return format_lazy(" ".join(["{}"] * len(parts)), *parts)


class TimedSession(requests.Session):
    """A session with a default timeout: `requests` and MSAL have none."""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", (settings.GRAPH_CONNECT_TIMEOUT, settings.GRAPH_READ_TIMEOUT))
        return super().request(method, url, *args, **kwargs)


def http_session() -> requests.Session:
    """Return a session for Microsoft's sign-in addresses, which knows the pretend ones in the sandbox."""
    session = TimedSession()
    session.mount("https://", DeadlineAdapter())
    session.mount("http://", DeadlineAdapter())
    session.max_redirects = 0  # an assertion goes where it was sent, and nowhere else
    if settings.SANDBOX:
        from portal.sandbox.transport import SandboxLoginAdapter

        session.mount(f"{settings.SANDBOX_LOGIN_ORIGIN}/", SandboxLoginAdapter(settings.SANDBOX_URL))
    return session


_lock = threading.Lock()
_identity: WorkloadIdentity | None = None


def workload_identity() -> WorkloadIdentity:
    """Return this process's identity, made on first use, of the kind that the environment offers."""
    global _identity
    with _lock:
        if _identity is None:
            _identity = _kind_offered()()
        return _identity


def forget_workload_identity() -> None:
    """Drop the identity; the next use builds one from the current settings."""
    global _identity
    with _lock:
        _identity = None


def _kind_offered() -> type[WorkloadIdentity]:
    if settings.AZURE_FEDERATED_TOKEN_FILE:
        return FederatedTokenFile
    if settings.AZURE_CLIENT_CERTIFICATE_PATH:
        return Certificate
    return RegistrationOfManagedIdentity if settings.GRAPH_CLIENT_ID else ManagedIdentity
