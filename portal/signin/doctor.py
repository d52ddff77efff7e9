"""The doctor's look at signing in: is the registration there, does it trust us, does it tell us what we must know?

Plain tuples, as the setting DOCTOR_CHECKS asks for: id, title, function, what it rests on. Each function is given the
doctor's round and answers with a state, words, and what to do. Nobody signs in, and nothing of a token is told.
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

from portal.identity import explained, http_session
from portal.models import ADMIN, AUDITOR, HR, ClaimsSeen
from portal.signin.app import application, authority, issuer
from portal.signin.seen import OPTIONAL
from portal.signin.tokens import read_json
from portal.signin.way_back import UNKNOWN_ADDRESS, UNKNOWN_CLIENT, UNKNOWN_TENANT, Answer, ask

Finding = tuple[str, str, str]

ROLES = (HR, ADMIN, AUDITOR)
WHERE = _("Entra admin centre, App registrations")


def entra_answers(_visit: Any) -> Finding:
    try:
        with http_session() as session:
            said = read_json(session, f"{issuer()}/.well-known/openid-configuration")
            keys = read_json(session, str(said.get("jwks_uri"))).get("keys")
    except (requests.RequestException, ValueError) as error:
        return (
            "wrong",
            gettext("%(address)s does not answer as Microsoft's sign-in does (%(error)s).")
            % {"address": authority(), "error": type(error).__name__},
            gettext(
                "Let this machine reach that address over https, and look at AZURE_TENANT_ID and AZURE_AUTHORITY_HOST."
            ),
        )
    if said.get("issuer") != issuer() or not keys:
        return (
            "wrong",
            gettext("It is another tenant's, or without keys."),
            gettext("Look at AZURE_TENANT_ID: it must be the tenant's id."),
        )
    words = ngettext(
        "%(address)s, with %(count)s signing key.", "%(address)s, with %(count)s signing keys.", len(keys)
    )
    return "ok", words % {"address": authority(), "count": len(keys)}, ""


def client_is_known(visit: Any) -> Finding:
    answer = _asked(visit, "signin:callback")
    if answer.numbers & (UNKNOWN_CLIENT | UNKNOWN_TENANT):
        return (
            "wrong",
            gettext("The tenant has no application %(client_id)s.")
            % {"client_id": settings.SIGN_IN_CLIENT_ID},
            gettext(
                "Set SIGN_IN_CLIENT_ID to the application (client) id of the sign-in registration (%(where)s), and let it "
                "be in this tenant."
            )
            % {"where": WHERE},
        )
    if answer.came_back or answer.numbers & UNKNOWN_ADDRESS:
        words = gettext("Application id %(client_id)s.")
        return "ok", words % {"client_id": settings.SIGN_IN_CLIENT_ID}, ""
    return _not_told(answer)


def address_is_registered(name: str, visit: Any) -> Finding:
    answer, address = _asked(visit, name), _address(name)
    if answer.came_back:
        return "ok", address, ""
    if answer.numbers & UNKNOWN_ADDRESS:
        return (
            "wrong",
            gettext("The sign-in registration does not know the redirect URI %(address)s")
            % {"address": address},
            gettext(
                "Add it, letter for letter, to the registration (%(where)s, Authentication, platform Web). If it is not "
                "the portal's address at all, PORTAL_URL is wrong."
            )
            % {"where": WHERE},
        )
    return _not_told(answer)


def _not_told(answer: Answer) -> Finding:
    said = (
        ", ".join(f"AADSTS{number}" for number in sorted(answer.numbers))
        or answer.problem
        or gettext("a page without a number")
    )
    words = gettext("Microsoft answered neither yes nor no (%(said)s).")
    return "unknown", words % {"said": said}, gettext("Sign in once: that shows it.")


def _asked(visit: Any, name: str) -> Answer:
    answer: Answer = visit.keep(f"authorize {name}", lambda: ask(_address(name)))
    return answer


def _address(name: str) -> str:
    return settings.PORTAL_URL + reverse(name)


def assertion_is_accepted(visit: Any) -> Finding:
    """The registration proves itself as it does when a code is redeemed, only without a person."""
    proof: Proof = visit.keep("sign-in proof", prove)
    if proof.is_accepted:
        return "ok", gettext("Entra takes the portal's proof for the sign-in registration."), ""
    return (
        "wrong",
        gettext("Entra does not take the portal's proof for the sign-in registration: %(problem)s.")
        % {"problem": proof.problem},
        gettext(
            "Give the registration a federated credential (%(where)s, Certificates & secrets) with issuer %(issuer)s, "
            "subject the managed identity's object (principal) id and not its client id, audience %(audience)s. On "
            "Kubernetes: the cluster's issuer and the service account. With a certificate: register it there. A new one "
            "works after some minutes."
        )
        % {"where": WHERE, "issuer": issuer(), "audience": settings.TOKEN_EXCHANGE_AUDIENCE},
    )


def registration_has_no_rights(visit: Any) -> Finding:
    roles = visit.keep("sign-in proof", prove).rights
    if roles:
        return (
            "wrong",
            gettext("The registration that signs people in has rights of its own in Graph: %(rights)s.")
            % {"rights": ", ".join(roles)},
            gettext(
                "Take them away. Only the workload identity has rights, so that what faces the browser can do nothing else."
            ),
        )
    return "ok", gettext("It has none."), ""


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of the registration's proof; the token itself is not kept."""

    is_accepted: bool
    rights: tuple[str, ...] = ()
    problem: str = ""


@sensitive_variables()
def prove() -> Proof:
    try:
        result: Any = application().acquire_token_for_client(scopes=[f"{settings.GRAPH_RESOURCE}/.default"])
        token = result.get("access_token")
        if not isinstance(token, str):
            return Proof(False, problem=str(explained(result)))
        roles = jwt.decode(token, options={"verify_signature": False}).get("roles") or []
        return Proof(True, rights=tuple(sorted(str(role)[:100] for role in roles)))
    except Exception as error:  # MSAL raises many kinds, and their texts may hold a whole answer
        return Proof(False, problem=type(error).__name__)


def claims_are_told(visit: Any) -> Finding:
    registered = visit.registration(settings.SIGN_IN_CLIENT_ID)
    last = ClaimsSeen.objects.filter(id=1).first()
    if registered is not None:
        there, moment = registered.claims, ""
        lacks, has = (
            gettext("The registration lacks %(claims)s."),
            gettext("The registration has %(claims)s."),
        )
        fix = gettext("Add the optional claims %(claims)s to the ID token (%(where)s, Token configuration).")
    elif last is not None:
        there, moment = frozenset(last.names), date_format(timezone.localtime(last.at), "ENDED")
        lacks = gettext("The last sign-in (%(moment)s) lacks %(claims)s.")
        has = gettext("The last sign-in (%(moment)s) has %(claims)s.")
        fix = gettext(
            "Add the optional claims %(claims)s to the ID token (%(where)s, Token configuration), then sign in once more."
        )
    else:
        return (
            "unknown",
            gettext("Not known until somebody signs in."),
            gettext("Sign in once, and run the doctor again."),
        )
    # A sign-in brings it only when it was asked for: its absence in the last one says nothing.
    needed = [*OPTIONAL, "acrs"] if registered is not None and visit.asks_for_context else OPTIONAL
    missing = [name for name in needed if name not in there]
    if missing:
        return (
            "wrong",
            lacks % {"moment": moment, "claims": ", ".join(missing)},
            fix % {"claims": ", ".join(needed), "where": WHERE},
        )
    return "ok", has % {"moment": moment, "claims": ", ".join(needed)}, ""


def roles_are_there(visit: Any) -> Finding:
    registered = visit.registration(settings.SIGN_IN_CLIENT_ID)
    fix = gettext(
        "Add app roles for users with the values %(roles)s (%(where)s, App roles), and assign people to them."
    ) % {"roles": ", ".join(ROLES), "where": WHERE}
    if registered is not None:
        missing = [role for role in ROLES if role not in registered.roles]
        lacks = gettext("The registration lacks %(roles)s.") % {"roles": ", ".join(missing)}
        return ("wrong", lacks, fix) if missing else ("ok", gettext("All three."), "")
    people = get_user_model().objects.exclude(roles=[]).values_list("roles", flat=True)
    seen = {role for roles in people.distinct()[:1000] for role in roles}
    unseen = [role for role in ROLES if role not in seen]
    if not unseen:
        return "ok", gettext("People with each of them have signed in."), ""
    words, either = gettext("Nobody with the role %(roles)s has signed in yet."), gettext("or")
    return "unknown", words % {"roles": f" {either} ".join(unseen)}, fix


_KNOWN = ("signin.client",)
CHECKS = (
    ("signin.entra", _("Microsoft's sign-in answers"), entra_answers, ()),
    ("signin.client", _("The sign-in registration is known"), client_is_known, ("signin.entra",)),
    (
        "signin.redirect",
        _("People can come back from signing in"),
        partial(address_is_registered, "signin:callback"),
        _KNOWN,
    ),
    (
        "signin.signed_out",
        _("People can come back from signing out"),
        partial(address_is_registered, "signin:signed_out"),
        _KNOWN,
    ),
    (
        "signin.assertion",
        _("The sign-in registration trusts the portal"),
        assertion_is_accepted,
        ("identity.token", *_KNOWN),
    ),
    (
        "signin.no_rights",
        _("The sign-in registration has no rights in Graph"),
        registration_has_no_rights,
        ("signin.assertion",),
    ),
    (
        "signin.claims",
        _("Sign-ins tell what the portal must know"),
        claims_are_told,
        ("database.migrations",),
    ),
    ("signin.roles", _("The app roles are there"), roles_are_there, ("database.migrations",)),
)
