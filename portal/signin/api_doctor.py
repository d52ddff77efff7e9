"""The doctor's checks of the API registration, in the form of `portal/signin/doctor.py`.

Whether the registration exists, Entra's sign-in says without any permission. The rest needs `Application.Read.All`, which
the portal does not ask for; without it those checks are skipped.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.models import HR
from portal.signin.access_tokens import PERMISSIONS
from portal.signin.doctor import WHERE, Finding, describe_unclear_answer
from portal.signin.redirect_check import UNKNOWN_ADDRESS, UNKNOWN_CLIENT, UNKNOWN_TENANT, check_redirect_uri

ACCESS_TOKEN_CLAIMS = ("idtyp", "acct")
ROLES = (*PERMISSIONS, HR)
# Nothing is registered there: for a known application Entra then refuses only the address.
UNREGISTERED = "/api/doctor"


def api_is_known(_visit: Any) -> Finding:
    if not settings.API_CLIENT_ID:
        return "skipped", gettext("API_CLIENT_ID is not set, so the portal has no API."), ""
    answer = check_redirect_uri(settings.PORTAL_URL + UNREGISTERED, client_id=settings.API_CLIENT_ID)
    if answer.numbers & (UNKNOWN_CLIENT | UNKNOWN_TENANT):
        return (
            "wrong",
            gettext("The tenant has no application %(client_id)s.") % {"client_id": settings.API_CLIENT_ID},
            gettext(
                "Set API_CLIENT_ID to the application (client) ID of the API registration (%(where)s). If "
                "you do not use the API, remove API_CLIENT_ID. To see what to register, run `manage.py "
                "setup_tenant --api`."
            )
            % {"where": WHERE},
        )
    if answer.came_back or answer.numbers & UNKNOWN_ADDRESS:
        words = gettext("Application ID %(client_id)s.")
        return "ok", words % {"client_id": settings.API_CLIENT_ID}, ""
    words, fix = describe_unclear_answer(answer), gettext("To check the registration, call the API once.")
    return "unknown", words, fix


def tokens_are_usable(visit: Any) -> Finding:
    registered = visit.registration(settings.API_CLIENT_ID)
    if registered is None:
        return _unreadable()
    if registered.token_version != 2:
        return (
            "wrong",
            gettext(
                "The registration does not request access tokens of version 2, so the API refuses all tokens."
            ),
            gettext("Set requestedAccessTokenVersion to 2 (%(where)s, Manifest).") % {"where": WHERE},
        )
    missing = [name for name in ACCESS_TOKEN_CLAIMS if name not in registered.access_claims]
    if missing:
        return (
            "wrong",
            gettext("The registration lacks these claims: %(claims)s.") % {"claims": ", ".join(missing)},
            gettext(
                "Add the optional claims %(claims)s to the access token (%(where)s, Token configuration)."
            )
            % {"claims": ", ".join(ACCESS_TOKEN_CLAIMS), "where": WHERE},
        )
    words = gettext("The registration requests access tokens of version 2, with %(claims)s.")
    return "ok", words % {"claims": ", ".join(ACCESS_TOKEN_CLAIMS)}, ""


def api_roles_are_defined(visit: Any) -> Finding:
    registered = visit.registration(settings.API_CLIENT_ID)
    if registered is None:
        return _unreadable()
    missing = [role for role in ROLES if role not in registered.roles]
    if missing:
        return (
            "wrong",
            gettext("The registration lacks these app roles: %(roles)s.") % {"roles": ", ".join(missing)},
            gettext(
                "Add app roles for applications with the values %(roles)s, and one for users with the value "
                "%(person_role)s (%(where)s, App roles)."
            )
            % {"roles": ", ".join(PERMISSIONS), "person_role": HR, "where": WHERE},
        )
    return "ok", gettext("The registration has all app roles: %(roles)s.") % {"roles": ", ".join(ROLES)}, ""


def _unreadable() -> Finding:
    words = gettext("To read the registration, the portal needs the optional permission %(permission)s.")
    fix = gettext(
        "To check the registration yourself, run `manage.py setup_tenant --api --script FILE`, then run the "
        "script in FILE. The script also creates what is missing."
    )
    return "skipped", words % {"permission": "Application.Read.All"}, fix


_KNOWN = ("api.client",)
CHECKS = (
    ("api.client", _("API registration"), api_is_known, ("signin.entra",)),
    ("api.tokens", _("Claims in tokens for the API"), tokens_are_usable, _KNOWN),
    ("api.roles", _("App roles of the API"), api_roles_are_defined, _KNOWN),
)
