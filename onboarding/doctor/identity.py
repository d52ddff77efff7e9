"""Who the portal is to Microsoft Graph, and which rights it was given: as the token says, for diagnosis only."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.installation import CLOCKS_AGREE
from onboarding.doctor.policy_words import RULE_OF_PERMISSION, goes_on_without, how_policy_asks
from onboarding.doctor.visit import Visit
from onboarding.graph import GraphError
from onboarding.graph.outcomes import Heard
from onboarding.graph.permissions import PERMISSIONS, TOO_WIDE, Permission
from onboarding.language import Words

NEW_GRANTS = _(
    "A managed identity's tokens show a new grant within about a day, a registration's within the hour."
)
NONE_TOO_WIDE = _("No permission is too wide")
CHANGES_THINGS = ("write", "send", "fullcontrol", "manage", "accessasuser")


def graph_answers(visit: Visit) -> Finding:
    heard = _heard(visit)
    if heard.answers:
        return Finding("ok", gettext("At %(address)s.") % {"address": settings.GRAPH_URL})
    return Finding(
        "wrong",
        gettext("Nothing usable comes from %(address)s (%(problem)s).")
        % {"address": settings.GRAPH_URL, "problem": heard.problem},
        gettext(
            "Let this machine reach that address over https, and look at GRAPH_URL and at the proxy's settings. If both "
            "are right, Microsoft has an outage: wait."
        ),
    )


def clock_agrees(visit: Visit) -> Finding:
    ahead = _heard(visit).ahead
    if ahead is None:
        return Finding("unknown", gettext("Graph's answer did not say the time."))
    if abs(ahead) > CLOCKS_AGREE:
        words = (
            gettext("This machine's clock is %(seconds)s seconds behind Microsoft's.")
            if ahead > 0
            else gettext("This machine's clock is %(seconds)s seconds ahead of Microsoft's.")
        )
        return Finding(
            "wrong",
            words % {"seconds": round(abs(ahead))},
            gettext(
                "Let this machine take the time from a time server. Sign-ins and passes are judged by it."
            ),
        )
    return Finding("ok", gettext("Within a minute of Microsoft's."))


def _heard(visit: Visit) -> Heard:
    return visit.keep("heard", lambda: visit.diagnosis.hear())


def token_is_given(visit: Visit) -> Finding:
    try:
        identity = visit.identity
    except GraphError as error:
        return Finding(
            "wrong",
            str(error.words),
            gettext(
                "Look at AZURE_CLIENT_ID and at what proves the identity: the managed identity that is attached to this "
                "machine, the projected token file, or the certificate, which must be registered and not expired. An "
                "AADSTS number above can be looked up at https://login.microsoftonline.com/error."
            ),
        )
    return Finding("ok", gettext("By %(kind)s.") % {"kind": identity.kind})


def token_is_ours(visit: Visit) -> Finding:
    identity, nothing = visit.identity, gettext("unknown")
    who = {
        "application_id": identity.application_id or nothing,
        "object_id": identity.object_id or nothing,
        "kind": identity.kind,
    }
    if identity.application_id != settings.AZURE_CLIENT_ID:
        return Finding(
            "wrong",
            gettext(
                "The token is for another identity: application id %(application_id)s, object id %(object_id)s. "
                "AZURE_CLIENT_ID is %(expected)s."
            )
            % {**who, "expected": settings.AZURE_CLIENT_ID},
            gettext(
                "Set AZURE_CLIENT_ID to the identity that has the permissions, and attach that one to this machine."
            ),
        )
    if identity.tenant_id != settings.TENANT_ID:
        return Finding(
            "wrong",
            gettext("The token is of the tenant %(tenant_id)s, and not of %(expected)s.")
            % {"tenant_id": identity.tenant_id or nothing, "expected": settings.TENANT_ID},
            gettext("Set AZURE_TENANT_ID to the tenant in which the identity lives."),
        )
    return Finding(
        "ok", gettext("Application id %(application_id)s, object id %(object_id)s, by %(kind)s.") % who
    )


def permission_is_given(permission: Permission, visit: Visit) -> Finding:
    identity, name, purpose = visit.identity, permission.name, str(permission.purpose).replace("*", "")
    if name in identity.permissions:
        return Finding("ok", gettext("Given, for this: %(purpose)s.") % {"purpose": purpose})
    missing = (
        gettext("Not among the permissions in the token, issued %(moment)s UTC. It is for this: %(purpose)s.")
        if identity.issued_at
        else gettext("Not among the permissions in the token. It is for this: %(purpose)s.")
    ) % {"purpose": purpose, "moment": date_format(identity.issued_at, "ENDED") if identity.issued_at else ""}
    grant = gettext(
        "Grant the application permission %(permission)s of Microsoft Graph (app role %(app_role_id)s) to the service "
        "principal %(principal)s."
    ) % {
        "permission": name,
        "app_role_id": permission.app_role_id,
        "principal": identity.object_id or identity.application_id,
    }
    grant = f"{grant} {NEW_GRANTS}"
    rule = RULE_OF_PERMISSION.get(name) if permission.optional else None
    if rule is None:
        return Finding("wrong", missing, grant)
    if goes_on_without(visit.rules, rule):
        return Finding("skipped", f"{missing} {how_policy_asks(visit.rules, rule)}")
    words = gettext("Or an admin lets policy go on without.")
    return Finding("wrong", f"{missing} {how_policy_asks(visit.rules, rule)}", f"{grant} {words}")


def no_permission_is_too_wide(visit: Visit) -> Finding:
    asked_for = {permission.name for permission in PERMISSIONS}
    others = sorted(visit.identity.permissions - asked_for)
    wide = {name: why for name in others if (why := _why_too_wide(name))}
    if wide:
        return Finding(
            "wrong",
            "; ".join(f"{name}: {why}" for name, why in wide.items()) + ".",
            gettext("Take away %(permissions)s from the identity. The portal works without.")
            % {"permissions": ", ".join(wide)},
        )
    if others:
        words = gettext("Besides what the portal needs, it may read: %(permissions)s.")
        return Finding("ok", words % {"permissions": ", ".join(others)})
    return Finding("ok", gettext("Nothing beyond what the portal asks for."))


def _why_too_wide(name: str) -> str:
    said = str(TOO_WIDE.get(name, ""))
    changes = any(word in name.casefold() for word in CHANGES_THINGS)
    return said or (gettext("it changes what the portal has no business with") if changes else "")


def _titled(permission: Permission) -> Words:
    words = _("Permission {name} (optional)") if permission.optional else _("Permission {name}")
    return format_lazy(words, name=permission.name)


CHECKS = (
    Check("graph.reach", _("Microsoft Graph answers"), graph_answers),
    Check(
        "graph.clock",
        _("This machine's clock agrees with Microsoft's"),
        clock_agrees,
        needs=("graph.reach",),
    ),
    Check("identity.token", _("Microsoft Entra gives the portal a token"), token_is_given),
    Check(
        "identity.who",
        _("The token is for the identity that was set"),
        token_is_ours,
        needs=("identity.token",),
    ),
    *(
        Check(
            f"permission.{permission.name}",
            _titled(permission),
            partial(permission_is_given, permission),
            needs=("identity.who", "database.migrations") if permission.optional else ("identity.who",),
        )
        for permission in PERMISSIONS
    ),
    Check(
        "permission.too_wide",
        NONE_TOO_WIDE,
        no_permission_is_too_wide,
        needs=("identity.who",),
    ),
)
