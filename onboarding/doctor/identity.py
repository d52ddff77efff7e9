"""Who the portal is to Microsoft Graph, and which rights it was given: as the token says, for diagnosis only."""

from __future__ import annotations

from functools import partial

from django.conf import settings

from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.installation import CLOCKS_AGREE
from onboarding.doctor.policy_words import RULE_OF_PERMISSION, goes_on_without, how_policy_asks
from onboarding.doctor.visit import Visit
from onboarding.graph import GraphError
from onboarding.graph.outcomes import Heard
from onboarding.graph.permissions import PERMISSIONS, TOO_WIDE, Permission

NEW_GRANTS = (
    "A managed identity's tokens show a new grant within about a day, a registration's within the hour."
)
CHANGES_THINGS = ("write", "send", "fullcontrol", "manage", "accessasuser")


def graph_answers(visit: Visit) -> Finding:
    heard = _heard(visit)
    if heard.answers:
        return Finding("ok", f"At {settings.GRAPH_URL}.")
    return Finding(
        "wrong",
        f"Nothing usable comes from {settings.GRAPH_URL} ({heard.problem}).",
        "Let this machine reach that address over https, and look at GRAPH_URL and at the proxy's settings. If both "
        "are right, Microsoft has an outage: wait.",
    )


def clock_agrees(visit: Visit) -> Finding:
    ahead = _heard(visit).ahead
    if ahead is None:
        return Finding("unknown", "Graph's answer did not say the time.")
    if abs(ahead) > CLOCKS_AGREE:
        where = "behind" if ahead > 0 else "ahead of"
        return Finding(
            "wrong",
            f"This machine's clock is {abs(ahead):.0f} seconds {where} Microsoft's.",
            "Let this machine take the time from a time server. Sign-ins and passes are judged by it.",
        )
    return Finding("ok", "Within a minute of Microsoft's.")


def _heard(visit: Visit) -> Heard:
    return visit.keep("heard", lambda: visit.diagnosis.hear())


def token_is_given(visit: Visit) -> Finding:
    try:
        identity = visit.identity
    except GraphError as error:
        return Finding(
            "wrong",
            str(error),
            "Look at AZURE_CLIENT_ID and at what proves the identity: the managed identity that is attached to this "
            "machine, the projected token file, or the certificate, which must be registered and not expired. An "
            "AADSTS number above can be looked up at https://login.microsoftonline.com/error.",
        )
    return Finding("ok", f"By {identity.kind}.")


def token_is_ours(visit: Visit) -> Finding:
    identity = visit.identity
    who = (
        f"application id {identity.application_id or 'unknown'}, object id {identity.object_id or 'unknown'}"
    )
    if identity.application_id != settings.AZURE_CLIENT_ID:
        return Finding(
            "wrong",
            f"The token is for another identity: {who}. AZURE_CLIENT_ID is {settings.AZURE_CLIENT_ID}.",
            "Set AZURE_CLIENT_ID to the identity that has the permissions, and attach that one to this machine.",
        )
    if identity.tenant_id != settings.TENANT_ID:
        return Finding(
            "wrong",
            f"The token is of the tenant {identity.tenant_id or 'unknown'}, and not of {settings.TENANT_ID}.",
            "Set AZURE_TENANT_ID to the tenant in which the identity lives.",
        )
    return Finding("ok", f"{who.capitalize()}, by {identity.kind}.")


def permission_is_given(permission: Permission, visit: Visit) -> Finding:
    identity, name, purpose = visit.identity, permission.name, permission.purpose.replace("*", "")
    if name in identity.permissions:
        return Finding("ok", f"Given, for this: {purpose}.")
    issued = f", issued {identity.issued_at:%d %B %Y, %H:%M} UTC" if identity.issued_at else ""
    missing = f"Not among the permissions in the token{issued}. It is for this: {purpose}."
    grant = (
        f"Grant the application permission {name} of Microsoft Graph (app role {permission.app_role_id}) to the "
        f"service principal {identity.object_id or identity.application_id}. {NEW_GRANTS}"
    )
    rule = RULE_OF_PERMISSION.get(name) if permission.optional else None
    if rule is None:
        return Finding("wrong", missing, grant)
    if goes_on_without(visit.rules, rule):
        return Finding("skipped", f"{missing} {how_policy_asks(visit.rules, rule)}")
    return Finding(
        "wrong",
        f"{missing} {how_policy_asks(visit.rules, rule)}",
        f"{grant} Or an admin lets policy go on without.",
    )


def no_permission_is_too_wide(visit: Visit) -> Finding:
    asked_for = {permission.name for permission in PERMISSIONS}
    others = sorted(visit.identity.permissions - asked_for)
    wide = {name: why for name in others if (why := _why_too_wide(name))}
    if wide:
        return Finding(
            "wrong",
            "; ".join(f"{name}: {why}" for name, why in wide.items()) + ".",
            f"Take away {', '.join(wide)} from the identity. The portal works without.",
        )
    if others:
        return Finding("ok", f"Besides what the portal needs, it may read: {', '.join(others)}.")
    return Finding("ok", "Nothing beyond what the portal asks for.")


def _why_too_wide(name: str) -> str:
    said = TOO_WIDE.get(name, "")
    changes = any(word in name.casefold() for word in CHANGES_THINGS)
    return said or ("it changes what the portal has no business with" if changes else "")


CHECKS = (
    Check("graph.reach", "Microsoft Graph answers", graph_answers),
    Check(
        "graph.clock",
        "This machine's clock agrees with Microsoft's",
        clock_agrees,
        needs=("graph.reach",),
    ),
    Check("identity.token", "Microsoft Entra gives the portal a token", token_is_given),
    Check(
        "identity.who",
        "The token is for the identity that was set",
        token_is_ours,
        needs=("identity.token",),
    ),
    *(
        Check(
            f"permission.{permission.name}",
            f"Permission {permission.name}{' (optional)' if permission.optional else ''}",
            partial(permission_is_given, permission),
            needs=("identity.who", "database.migrations") if permission.optional else ("identity.who",),
        )
        for permission in PERMISSIONS
    ),
    Check(
        "permission.too_wide",
        "No permission is too wide",
        no_permission_is_too_wide,
        needs=("identity.who",),
    ),
)
