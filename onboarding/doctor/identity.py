"""The portal's identity and permissions in Microsoft Graph, as its token shows them; for diagnosis only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from django.conf import settings
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.doctor.context import DoctorRun
from onboarding.doctor.installation import MAX_CLOCK_SKEW
from onboarding.doctor.policy_text import SETTING_OF_PERMISSION, continues_without, policy_setting_text
from onboarding.doctor.runner import Check, Finding
from onboarding.graph import GraphError
from onboarding.graph.diagnostics.probe_results import Reachability
from onboarding.graph.permissions import PERMISSIONS, TOO_WIDE, Permission
from onboarding.i18n import Words

NEW_GRANTS = _(
    "A new permission takes time to appear in tokens: up to a day for a managed identity, up to an hour "
    "for an app registration."
)
NONE_TOO_WIDE = _("Unnecessary permissions")
READS = re.compile(r"[A-Za-z-]+\.Read(?:Basic)?(?:\.[A-Za-z0-9.]+)?")
# Permissions that only read the directory, its roles and its rules. Any other unneeded permission is too wide: the portal
# has no business with mail and files, and reading some data, such as recovery keys, is worse than changing other data.
READS_THE_DIRECTORY = re.compile(
    r"(?:AdministrativeUnit|Application|AuditLog|Device|Directory|Domain|Group|GroupMember|GroupSettings|Organization"
    r"|OrgContact|Policy|PrivilegedAccess|PrivilegedAssignmentSchedule|PrivilegedEligibilitySchedule|Reports"
    r"|RoleAssignmentSchedule|RoleEligibilitySchedule|RoleManagement|RoleManagementPolicy|ServiceHealth|User"
    r"|UserAuthMethod-[A-Za-z0-9]+|UserAuthenticationMethod)\.Read(?:Basic)?(?:\.[A-Za-z0-9.]+)?"
)


def check_graph_answers(run: DoctorRun) -> Finding:
    reached = _reach_graph(run)
    if reached.answers and not reached.is_graph:
        return Finding(
            "wrong",
            gettext("The server at %(address)s is not Microsoft Graph.") % {"address": settings.GRAPH_URL},
            gettext(
                "Remove GRAPH_URL, or set it to Microsoft Graph in your cloud, for example "
                "https://graph.microsoft.com. If GRAPH_URL is already correct, a proxy answers instead of "
                "Graph. In that case, let this machine reach Graph without the proxy."
            ),
        )
    if reached.answers:
        return Finding("ok", gettext("Address: %(address)s.") % {"address": settings.GRAPH_URL})
    return Finding(
        "wrong",
        gettext("The portal gets no usable answer from %(address)s (%(problem)s).")
        % {"address": settings.GRAPH_URL, "problem": reached.problem},
        gettext(
            "Make sure that this machine can reach that address over https. Check GRAPH_URL and the proxy "
            "settings. If both are correct, Microsoft may have an outage. Wait, then run the doctor again."
        ),
    )


def check_clock(run: DoctorRun) -> Finding:
    ahead = _reach_graph(run).ahead
    if ahead is None:
        return Finding(
            "unknown",
            gettext("The portal cannot check the clock, because Microsoft Graph’s answer contains no time."),
        )
    if abs(ahead) > MAX_CLOCK_SKEW:
        words = (
            gettext("This machine's clock is %(seconds)s seconds behind Microsoft's.")
            if ahead > 0
            else gettext("This machine's clock is %(seconds)s seconds ahead of Microsoft's.")
        )
        return Finding(
            "wrong",
            words % {"seconds": round(abs(ahead))},
            gettext(
                "Synchronise this machine's clock with a time server. Sign-ins and passes depend on a correct clock."
            ),
        )
    return Finding("ok", gettext("This machine’s clock and Microsoft’s differ by less than a minute."))


def _reach_graph(run: DoctorRun) -> Reachability:
    return run.cached("reachability", lambda: run.diagnosis.check_reachability())


def check_token(run: DoctorRun) -> Finding:
    try:
        identity = run.identity
    except GraphError as error:
        return Finding(
            "wrong",
            str(error.words),
            gettext(
                "Check AZURE_CLIENT_ID. Then check the credential that you use: the managed identity attached to "
                "this machine, the federated token file, or the certificate. A certificate must be registered "
                "and must not have expired. With GRAPH_CLIENT_ID, that app registration must trust the managed "
                "identity. Look up AADSTS error codes at https://login.microsoftonline.com/error."
            ),
        )
    return Finding("ok", gettext("The portal authenticates with: %(kind)s.") % {"kind": identity.kind})


def check_token_identity(run: DoctorRun) -> Finding:
    identity, nothing = run.identity, gettext("unknown")
    who = {
        "application_id": identity.application_id or nothing,
        "object_id": identity.object_id or nothing,
        "kind": identity.kind,
    }
    if identity.application_id != settings.GRAPH_APPLICATION_ID:
        return _another_identity(who)
    if identity.tenant_id != settings.TENANT_ID:
        return Finding(
            "wrong",
            gettext("The token is for tenant %(tenant_id)s, not %(expected)s.")
            % {"tenant_id": identity.tenant_id or nothing, "expected": settings.TENANT_ID},
            gettext("Set AZURE_TENANT_ID to the identity's tenant."),
        )
    return Finding(
        "ok",
        gettext(
            "Application ID %(application_id)s, object ID %(object_id)s. The portal authenticates with: "
            "%(kind)s."
        )
        % who,
    )


def _another_identity(who: Mapping[str, Words]) -> Finding:
    setting = "GRAPH_CLIENT_ID" if settings.GRAPH_CLIENT_ID else "AZURE_CLIENT_ID"
    return Finding(
        "wrong",
        gettext(
            "The token is for another identity: application ID %(application_id)s, object ID "
            "%(object_id)s. But %(setting)s is set to %(expected)s."
        )
        % {**who, "setting": setting, "expected": settings.GRAPH_APPLICATION_ID},
        gettext(
            "Set GRAPH_CLIENT_ID to the app registration that has the permissions and trusts the managed identity in "
            "AZURE_CLIENT_ID. Attach that identity to this machine."
        )
        if settings.GRAPH_CLIENT_ID
        else gettext(
            "Set AZURE_CLIENT_ID to the identity that has the permissions, and attach that identity to this "
            "machine."
        ),
    )


def check_permission(permission: Permission, run: DoctorRun) -> Finding:
    identity, name, purpose = run.identity, permission.name, str(permission.purpose).replace("*", "")
    if name in identity.permissions:
        return Finding(
            "ok", gettext("Granted. The portal needs this permission to %(purpose)s.") % {"purpose": purpose}
        )
    missing = (
        gettext(
            "The token issued on %(moment)s UTC does not contain this permission. The portal needs this "
            "permission to %(purpose)s."
        )
        if identity.issued_at
        else gettext(
            "The token does not contain this permission. The portal needs this permission to %(purpose)s."
        )
    ) % {"purpose": purpose, "moment": date_format(identity.issued_at, "ENDED") if identity.issued_at else ""}
    grant = gettext(
        "Grant the Microsoft Graph application permission %(permission)s (app role %(app_role_id)s) to the "
        "service principal %(principal)s."
    ) % {
        "permission": name,
        "app_role_id": permission.app_role_id,
        "principal": identity.object_id or identity.application_id,
    }
    grant = f"{grant} {NEW_GRANTS}"
    rule = SETTING_OF_PERMISSION.get(name) if permission.optional else None
    if rule is None:
        return Finding("wrong", missing, grant)
    if continues_without(run.rules, rule):
        return Finding("skipped", f"{missing} {policy_setting_text(run.rules, rule)}")
    words = gettext("Or ask an admin to change the policy so that the portal continues without this check.")
    return Finding("wrong", f"{missing} {policy_setting_text(run.rules, rule)}", f"{grant} {words}")


def check_excess_permissions(run: DoctorRun) -> Finding:
    asked_for = {permission.name for permission in PERMISSIONS}
    others = sorted(run.identity.permissions - asked_for)
    wide = {name: why for name in others if (why := _why_too_wide(name))}
    if wide:
        return Finding(
            "wrong",
            "; ".join(f"{name}: {why}" for name, why in wide.items()) + ".",
            gettext(
                "Remove these permissions from the portal’s own identity in Entra. The portal does not "
                "need them: %(permissions)s."
            )
            % {"permissions": ", ".join(wide)},
        )
    if others:
        words = gettext(
            "The portal’s own identity has these read permissions, which it does not need: %(permissions)s."
        )
        return Finding("ok", words % {"permissions": ", ".join(others)})
    return Finding("ok", gettext("The portal’s own identity has only the permissions that the portal needs."))


def _why_too_wide(name: str) -> str:
    if reason := str(TOO_WIDE.get(name, "")):
        return reason
    if READS_THE_DIRECTORY.fullmatch(name):
        return ""
    if READS.fullmatch(name):
        return gettext("lets the portal read data that it does not need")
    return gettext("lets the portal change data that it must not change")


def _permission_title(permission: Permission) -> Words:
    words = _("Permission {name} (optional)") if permission.optional else _("Permission {name}")
    return format_lazy(words, name=permission.name)


CHECKS = (
    Check("graph.reach", _("Connection to Microsoft Graph"), check_graph_answers),
    Check(
        "graph.clock",
        _("This machine’s clock"),
        check_clock,
        needs=("graph.reach",),
    ),
    Check(
        "identity.token",
        _("Token from Microsoft Entra"),
        check_token,
        needs=("graph.reach",),
    ),
    Check(
        "identity.who",
        _("Identity in the token"),
        check_token_identity,
        needs=("identity.token",),
    ),
    *(
        Check(
            f"permission.{permission.name}",
            _permission_title(permission),
            partial(check_permission, permission),
            needs=("identity.who", "database.migrations") if permission.optional else ("identity.who",),
        )
        for permission in PERMISSIONS
    ),
    Check(
        "permission.too_wide",
        NONE_TOO_WIDE,
        check_excess_permissions,
        needs=("identity.who",),
    ),
)
