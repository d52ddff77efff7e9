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

from portal.deadline import Punctual

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
AADSTS = re.compile(r"AADSTS\d{4,9}")
ERROR = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}")
PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class TokenUnavailable(ConnectionError):
    """There is no token now. The message is for an operator and holds nothing of any token.

    It goes into logs, so it is English; `words` say the same to whoever reads a page.
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
            self.forget()
        return self._token(self._ask_for_graph)

    def forget(self) -> None:
        """Drop every token, and MSAL's memory of refusals with them."""
        self._application = None

    def sign_in_credential(self) -> dict[str, Any]:
        """Say, in MSAL's words, how the registration that signs people in proves itself."""
        # A certificate of its own was put there on purpose; otherwise the workload identity vouches.
        own = settings.SIGN_IN_CERTIFICATE_PATH
        if own and own != settings.AZURE_CLIENT_CERTIFICATE_PATH:
            return certificate(own)
        return self._vouch()

    @abstractmethod
    def _build(self) -> Any:
        """Make the MSAL client. It may go to the network, so it is made on first use."""

    @abstractmethod
    def _ask_for_graph(self, application: Any) -> Any: ...

    @abstractmethod
    def _vouch(self) -> dict[str, Any]: ...

    @sensitive_variables()
    def _token(self, ask: Callable[[Any], Any]) -> str:
        # MSAL answers with a dictionary, or raises whatever it met on the way: each means that there is no
        # token. The exception ends here, since its text may be a whole answer of the token endpoint.
        try:
            answer = ask(self._msal())
        except TokenUnavailable:
            raise
        except Exception as error:
            answer = {"error": type(error).__name__}
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            words = _("Microsoft Entra gave the {kind} no token: {why}.")
            raise TokenUnavailable(format_lazy(words, kind=self.kind, why=explained(answer)))
        return token

    def _msal(self) -> Any:
        # Two threads may each build one at first. That costs a token request; a lock would make everybody
        # wait in line while Entra cannot be reached.
        application = self._application
        if application is None:
            application = self._application = self._build()
        return application


class ManagedIdentity(WorkloadIdentity):
    """What Azure gives a workload by itself: App Service, Container Apps, a virtual machine, Arc."""

    kind = _("managed identity")

    def _build(self) -> msal.ManagedIdentityClient:
        session = http_session()
        session.trust_env = False  # its endpoint is on this machine, and never behind a proxy
        return msal.ManagedIdentityClient(self._which(), http_client=session)

    def _which(self) -> Any:
        # Without an id Azure would silently take the system-assigned identity, so it is taken by name only.
        if settings.AZURE_CLIENT_ID:
            return msal.UserAssignedManagedIdentity(client_id=settings.AZURE_CLIENT_ID)
        return msal.SystemAssignedManagedIdentity()

    def _ask_for_graph(self, application: Any) -> Any:
        return application.acquire_token_for_client(resource=settings.GRAPH_RESOURCE)

    def _vouch(self) -> dict[str, Any]:
        return {"client_assertion": self._assertion}

    @sensitive_variables()
    def _assertion(self) -> str:
        audience = settings.TOKEN_EXCHANGE_AUDIENCE
        return self._token(lambda application: application.acquire_token_for_client(resource=audience))


class Registration(WorkloadIdentity):
    """An application (or user-assigned identity) in Entra, which the portal proves to be by `_vouch`."""

    def _build(self) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            settings.AZURE_CLIENT_ID,
            authority=f"{settings.AUTHORITY_HOST}/{settings.TENANT_ID}",
            client_credential=self._vouch(),
            http_client=http_session(),
            instance_discovery=False,  # else MSAL asks a host that a filtered network may not reach
        )

    def _ask_for_graph(self, application: Any) -> Any:
        return application.acquire_token_for_client(scopes=[f"{settings.GRAPH_RESOURCE}/.default"])


class FederatedTokenFile(Registration):
    """Workload identity federation: a token that the platform (Kubernetes) puts in a file and renews."""

    kind = _("federated token file")

    def _vouch(self) -> dict[str, Any]:
        return {"client_assertion": self._assertion}

    @sensitive_variables()
    def _assertion(self) -> str:
        # Read each time: the platform writes a new one every hour.
        try:
            token = Path(settings.AZURE_FEDERATED_TOKEN_FILE).read_text().strip()
        except (OSError, ValueError):
            token = ""
        if not token:
            raise TokenUnavailable(_("The file that AZURE_FEDERATED_TOKEN_FILE names holds no token."))
        return token


class Certificate(Registration):
    """A certificate and its private key, for a server outside Azure."""

    kind = _("certificate")

    def _vouch(self) -> dict[str, Any]:
        return certificate(settings.AZURE_CLIENT_CERTIFICATE_PATH)


@sensitive_variables()
def certificate(path: str) -> dict[str, Any]:
    """Read one PEM file that holds a private key and its certificate, as Azure's own SDKs take it."""
    try:
        pem = Path(path).read_text()
    except (OSError, ValueError):
        pem = ""
    key, chain = PRIVATE_KEY.search(pem), CERTIFICATE.findall(pem)
    if key is None or not chain:
        words = _("{path} must hold a private key and its certificate, in PEM.")
        raise TokenUnavailable(format_lazy(words, path=path))
    return {"private_key": key[0], "public_certificate": "\n".join(chain)}


def explained(answer: object) -> str | Promise:
    """Say why there is no token, from the parts of an answer that are codes and not free text."""
    fields = answer if isinstance(answer, dict) else {}
    error, said = fields.get("error"), str(fields.get("error_description"))
    named = error if isinstance(error, str) and ERROR.fullmatch(error) else _("an answer that makes no sense")
    parts: list[str | Promise] = [named, *sorted(set(AADSTS.findall(said[:2000])))]
    if "dentity not found" in said or "No User Assigned" in said:
        parts.append(_("(no identity with this AZURE_CLIENT_ID is attached)"))
    correlation = str(fields.get("correlation_id"))
    if GUID.fullmatch(correlation):
        parts.append(format_lazy(_("correlation id {id}"), id=correlation))
    return format_lazy(" ".join(["{}"] * len(parts)), *parts)


class TimedSession(requests.Session):
    """A session that gives up: `requests` and MSAL wait for ever by themselves."""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", (settings.GRAPH_CONNECT_TIMEOUT, settings.GRAPH_READ_TIMEOUT))
        return super().request(method, url, *args, **kwargs)


def http_session() -> requests.Session:
    """Return a session for Microsoft's sign-in addresses, which knows the pretend ones in the sandbox."""
    session = TimedSession()
    session.mount("https://", Punctual())
    session.mount("http://", Punctual())
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
    """Make the next use choose afresh, with the settings of that moment."""
    global _identity
    with _lock:
        _identity = None


def _kind_offered() -> type[WorkloadIdentity]:
    if settings.AZURE_FEDERATED_TOKEN_FILE:
        return FederatedTokenFile
    if settings.AZURE_CLIENT_CERTIFICATE_PATH:
        return Certificate
    return ManagedIdentity
