"""The doctor's checks of sign-in: the registration, its credential, its claims and roles.

Plain tuples, as the setting DOCTOR_CHECKS asks for: id, title, function, what it rests on. Each function gets the
doctor's visit and returns a state, a text, and what to do. The checks need no sign-in and show nothing of a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jwt
import requests
from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from portal.identity import error_description, http_session
from portal.models import ADMIN, AUDITOR, HR, ClaimsSeen
from portal.signin.app import authority_url, issuer_url, msal_application
from portal.signin.claims_seen import OPTIONAL_CLAIMS
from portal.signin.redirect_check import (
    UNKNOWN_ADDRESS,
    UNKNOWN_CLIENT,
    UNKNOWN_TENANT,
    AuthorizeAnswer,
    check_redirect_uri,
)
from portal.signin.tokens import read_json

Finding = tuple[str, str, str]

ROLES = (HR, ADMIN, AUDITOR)
WHERE = _("Entra admin centre, App registrations")


def entra_answers(_visit: Any) -> Finding:
    try:
        with http_session() as session:
            said = read_json(session, f"{issuer_url()}/.well-known/openid-configuration")
            keys = read_json(session, str(said.get("jwks_uri"))).get("keys")
    except (requests.RequestException, ValueError) as error:
        return (
            "wrong",
            gettext("The server at %(address)s does not answer like Microsoft's sign-in service (%(error)s).")
            % {"address": authority_url(), "error": type(error).__name__},
            gettext(
                "Make sure that this machine can reach that address over https, and check AZURE_TENANT_ID and "
                "AZURE_AUTHORITY_HOST."
            ),
        )
    if said.get("issuer") != issuer_url() or not keys:
        return (
            "wrong",
            gettext("Microsoft’s answer is for another tenant, or contains no signing keys."),
            gettext("Check AZURE_TENANT_ID. It must be the tenant's ID."),
        )
    words = ngettext(
        "%(address)s, with %(count)s signing key.", "%(address)s, with %(count)s signing keys.", len(keys)
    )
    return "ok", words % {"address": authority_url(), "count": len(keys)}, ""


def client_is_known(visit: Any) -> Finding:
    answer = _authorize_answer(visit, "signin:callback")
    if answer.numbers & (UNKNOWN_CLIENT | UNKNOWN_TENANT):
        return (
            "wrong",
            gettext("The tenant has no application %(client_id)s.")
            % {"client_id": settings.SIGN_IN_CLIENT_ID},
            gettext(
                "Set SIGN_IN_CLIENT_ID to the application (client) ID of the sign-in registration (%(where)s). "
                "The registration must be in this tenant."
            )
            % {"where": WHERE},
        )
    if answer.came_back or answer.numbers & UNKNOWN_ADDRESS:
        words = gettext("Application ID %(client_id)s.")
        return "ok", words % {"client_id": settings.SIGN_IN_CLIENT_ID}, ""
    return _unclear_answer(answer)


def address_is_registered(name: str, visit: Any) -> Finding:
    answer, address = _authorize_answer(visit, name), _absolute_url(name)
    if answer.came_back:
        return "ok", address, ""
    if answer.numbers & UNKNOWN_ADDRESS:
        return (
            "wrong",
            gettext("The redirect URI %(address)s is missing from the sign-in registration.")
            % {"address": address},
            gettext(
                "Add exactly this URI to the registration (%(where)s, Authentication, platform Web). If "
                "the URI does not start with the portal's address, fix PORTAL_URL."
            )
            % {"where": WHERE},
        )
    return _unclear_answer(answer)


def _unclear_answer(answer: AuthorizeAnswer) -> Finding:
    return "unknown", describe_unclear_answer(answer), gettext("To check the registration, sign in once.")


def describe_unclear_answer(answer: AuthorizeAnswer) -> str:
    said = (
        ", ".join(f"AADSTS{number}" for number in sorted(answer.numbers))
        or answer.problem
        or gettext("a page without an error code")
    )
    return gettext("Microsoft gave no clear answer (%(said)s).") % {"said": said}


def _authorize_answer(visit: Any, name: str) -> AuthorizeAnswer:
    answer: AuthorizeAnswer = visit.cached(
        f"authorize {name}", lambda: check_redirect_uri(_absolute_url(name))
    )
    return answer


def _absolute_url(name: str) -> str:
    return settings.PORTAL_URL + reverse(name)


def assertion_is_accepted(visit: Any) -> Finding:
    """Request a token with the credential that also redeems codes, without a person."""
    proof: CredentialCheck = visit.cached("sign-in proof", request_sign_in_token)
    if proof.is_accepted:
        return "ok", gettext("Entra accepts the portal's credential for the sign-in registration."), ""
    return (
        "wrong",
        gettext("Entra does not accept the portal's credential for the sign-in registration: %(problem)s.")
        % {"problem": proof.problem},
        gettext(
            "Add a federated credential to the registration (%(where)s, Certificates & secrets). Issuer: "
            "%(issuer)s. Subject: the managed identity's object (principal) ID, not its client ID. Audience: "
            "%(audience)s. On Kubernetes, the issuer is the cluster's and the subject is the service account. If "
            "the portal uses a certificate instead, add the certificate to the same registration. Changes take "
            "effect after some minutes."
        )
        % {"where": WHERE, "issuer": issuer_url(), "audience": settings.TOKEN_EXCHANGE_AUDIENCE},
    )


def registration_has_no_rights(visit: Any) -> Finding:
    roles = visit.cached("sign-in proof", request_sign_in_token).rights
    if roles:
        return (
            "wrong",
            gettext("The sign-in registration has permissions in Graph: %(rights)s.")
            % {"rights": ", ".join(roles)},
            gettext("Remove these permissions. Only the portal’s own identity needs permissions in Graph."),
        )
    return "ok", gettext("The sign-in registration has no permissions in Graph."), ""


@dataclass(frozen=True, slots=True)
class CredentialCheck:
    """The result of that token request; the token itself is not kept."""

    is_accepted: bool
    rights: tuple[str, ...] = ()
    problem: str = ""


@sensitive_variables()
def request_sign_in_token() -> CredentialCheck:
    try:
        result: Any = msal_application().acquire_token_for_client(
            scopes=[f"{settings.GRAPH_RESOURCE}/.default"]
        )
        token = result.get("access_token")
        if not isinstance(token, str):
            return CredentialCheck(False, problem=str(error_description(result)))
        roles = jwt.decode(token, options={"verify_signature": False}).get("roles") or []
        return CredentialCheck(True, rights=tuple(sorted(str(role)[:100] for role in roles)))
    except Exception as error:  # MSAL raises many kinds, and their texts may hold a whole answer
        return CredentialCheck(False, problem=type(error).__name__)


def claims_are_present(visit: Any) -> Finding:
    registered = visit.registration(settings.SIGN_IN_CLIENT_ID)
    last = ClaimsSeen.objects.filter(id=1).first()
    if registered is not None:
        there, moment = registered.claims, ""
        lacks, has = (
            gettext("The registration lacks these claims: %(claims)s."),
            gettext("The registration has these claims: %(claims)s."),
        )
        fix = gettext("Add the optional claims %(claims)s to the ID token (%(where)s, Token configuration).")
    elif last is not None:
        there, moment = frozenset(last.names), date_format(timezone.localtime(last.at), "ENDED")
        lacks = gettext("The last sign-in (%(moment)s) lacks these claims: %(claims)s.")
        has = gettext("The last sign-in (%(moment)s) has these claims: %(claims)s.")
        fix = gettext(
            "Add the optional claims %(claims)s to the ID token (%(where)s, Token configuration), then sign "
            "in again."
        )
    else:
        return (
            "unknown",
            gettext("The portal can check the claims only after someone has signed in."),
            gettext("Sign in once, then run the doctor again."),
        )
    # A token has acrs only if the sign-in requested it, so its absence there proves nothing.
    needed = (
        [*OPTIONAL_CLAIMS, "acrs"] if registered is not None and visit.asks_for_context else OPTIONAL_CLAIMS
    )
    missing = [name for name in needed if name not in there]
    if missing:
        return (
            "wrong",
            lacks % {"moment": moment, "claims": ", ".join(missing)},
            fix % {"claims": ", ".join(needed), "where": WHERE},
        )
    return "ok", has % {"moment": moment, "claims": ", ".join(needed)}, ""


def roles_are_defined(visit: Any) -> Finding:
    registered = visit.registration(settings.SIGN_IN_CLIENT_ID)
    if registered is not None:
        missing = [role for role in ROLES if role not in registered.roles]
        if not missing:
            return "ok", gettext("The registration has all three roles."), ""
        values = {"roles": ", ".join(missing), "where": WHERE}
        fix = gettext(
            "Create an app role for users with each of these values: %(roles)s (%(where)s, App roles). Then assign "
            "people to each role (Entra admin centre, Enterprise applications, Users and groups)."
        )
        return "wrong", gettext("The registration lacks these app roles: %(roles)s.") % values, fix % values
    people = get_user_model().objects.exclude(roles=[]).values_list("roles", flat=True)
    seen = {role for roles in people.distinct()[:1000] for role in roles}
    unseen = [role for role in ROLES if role not in seen]
    if not unseen:
        return "ok", gettext("At least one person with each role has signed in."), ""
    words, either = gettext("Nobody with the role %(roles)s has signed in yet."), gettext("or")
    fix = gettext(
        "Check that the app roles exist (%(where)s, App roles), and that people are assigned to them (Entra admin "
        "centre, Enterprise applications, Users and groups)."
    )
    return "unknown", words % {"roles": f" {either} ".join(unseen)}, fix % {"where": WHERE}


_KNOWN = ("signin.client",)
CHECKS = (
    ("signin.entra", _("Connection to Microsoft’s sign-in service"), entra_answers, ()),
    ("signin.client", _("Sign-in registration"), client_is_known, ("signin.entra",)),
    (
        "signin.redirect",
        _("Redirect URI for sign-in"),
        partial(address_is_registered, "signin:callback"),
        _KNOWN,
    ),
    (
        "signin.signed_out",
        _("Redirect URI for sign-out"),
        partial(address_is_registered, "signin:signed_out"),
        _KNOWN,
    ),
    (
        "signin.assertion",
        _("Credential for the sign-in registration"),
        assertion_is_accepted,
        ("identity.token", *_KNOWN),
    ),
    (
        "signin.no_rights",
        _("Permissions of the sign-in registration in Graph"),
        registration_has_no_rights,
        ("signin.assertion",),
    ),
    (
        "signin.claims",
        _("Claims in sign-ins"),
        claims_are_present,
        ("database.migrations",),
    ),
    ("signin.roles", _("App roles"), roles_are_defined, ("database.migrations",)),
)
