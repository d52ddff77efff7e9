"""The portal as an application of Microsoft Entra: its MSAL client and Entra's addresses."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any
from urllib.parse import urlencode

import msal
from django.conf import settings

from portal.identity import http_session, workload_identity

# The return is a GET on purpose: a form posted from another site would arrive without our Lax cookies.
warnings.filterwarnings("ignore", message="response_mode='form_post' is recommended", category=UserWarning)

# Entra's published addresses, remembered for a day in MSAL's own form. Nothing of any person.
_published: dict[str, Any] = {}


def msal_application() -> msal.ConfidentialClientApplication:
    """Build MSAL's client for one sign-in: a shared one would collect everyone's tokens. It can make requests."""
    global _published
    known = deepcopy(_published)  # MSAL guards a cache within one client only, so none is shared
    built = msal.ConfidentialClientApplication(
        settings.SIGN_IN_CLIENT_ID,
        authority=authority_url(),
        client_credential=workload_identity().sign_in_credential(),
        http_client=http_session(),
        http_cache=known,
        token_cache=msal.TokenCache(),
        exclude_scopes=["offline_access"],
        instance_discovery=False,  # else MSAL asks a host that a filtered network may not reach
    )
    _published = deepcopy(known)
    return built


def clear_metadata_cache() -> None:
    """Clear cached metadata; the next sign-in fetches it again."""
    global _published
    _published = {}


def authority_url() -> str:
    return f"{settings.AUTHORITY_HOST}/{settings.TENANT_ID}"


def issuer_url() -> str:
    return f"{authority_url()}/v2.0"


def end_session_url(*, back_to: str, login_hint: str) -> str:
    """The address that ends Microsoft's own session. With a hint, Microsoft does not ask which account."""
    query = {"post_logout_redirect_uri": back_to} | ({"logout_hint": login_hint} if login_hint else {})
    return browser_url(f"{authority_url()}/oauth2/v2.0/logout?{urlencode(query)}")


def browser_url(url: str) -> str:
    """The sandbox's https name exists only inside this process, because MSAL insists on https; a browser
    needs the port behind it."""
    if settings.SANDBOX and url.startswith(f"{settings.SANDBOX_LOGIN_ORIGIN}/"):
        return settings.SANDBOX_URL + url.removeprefix(settings.SANDBOX_LOGIN_ORIGIN)
    return url
