"""Why something could not be read, and how to fix it: each cause has its own fix."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext

from onboarding.doctor.policy_text import continues_without, policy_setting_text
from onboarding.doctor.runner import Finding
from onboarding.graph.diagnostics.probe_results import Outcome, ReadResult
from onboarding.i18n import Words
from onboarding.models import SitePolicy


def unreadable_finding(
    look: ReadResult, rules: SitePolicy, *, permission: str, rule: str = "", licence: Words = ""
) -> Finding:
    """The finding for a failed read. `rule` is the policy setting that may let the portal continue without it."""
    what, fix = _cause_and_fix(look, permission, licence)
    reference = f" ({', '.join(part for part in (look.code, look.request_id) if part)})"
    detail = what + (reference if look.code or look.request_id else "") + "."
    if look.outcome == Outcome.BUSY:
        return Finding("unknown", detail, fix)
    if not rule:
        return Finding("wrong", detail, fix)
    closed = look.outcome in {Outcome.NO_RIGHT, Outcome.NO_LICENCE}
    # Policy can only excuse a missing right or licence; any other failure stops every pass.
    if closed and continues_without(rules, rule):
        return Finding("skipped", f"{detail} {policy_setting_text(rules, rule)}")
    if closed:
        words = gettext(
            "Or ask an admin to change the policy so that the portal continues without this check."
        )
        return Finding("wrong", f"{detail} {policy_setting_text(rules, rule)}", f"{fix} {words}")
    return Finding("wrong", detail, fix)


def _cause_and_fix(look: ReadResult, permission: str, licence: Words) -> tuple[str, str]:
    """What happened, without a full stop because a code may follow, and what to do."""
    match look.outcome:
        case Outcome.NO_RIGHT:
            return (
                gettext("Graph refuses the request, although the token contains the permission"),
                gettext(
                    "Check that %(permission)s is still granted. Other possible causes: the permission was "
                    "granted only recently, or the account is in a restricted management administrative unit."
                )
                % {"permission": permission},
            )
        case Outcome.NO_LICENCE:
            return (
                gettext("The tenant has no licence for this data"),
                gettext("Buy %(licence)s. Microsoft's licence terms say which accounts need it.")
                % {"licence": licence}
                if licence
                else gettext("Buy the licence that Microsoft requires for this data."),
            )
        case Outcome.BUSY:
            seconds = round(look.seconds)
            words = ngettext(
                "Graph is busy and asks the portal to wait %(seconds)s second",
                "Graph is busy and asks the portal to wait %(seconds)s seconds",
                seconds,
            )
            return words % {"seconds": seconds}, gettext("Run the doctor again later.")
        case Outcome.SILENT:
            return (
                gettext("Graph does not answer this request, although it answers other requests"),
                gettext("Wait, then run the doctor again."),
            )
        case Outcome.ABSENT:
            return gettext("Graph cannot find the object that this check reads"), gettext(
                "Check in Entra whether someone has deleted the object."
            )
        case Outcome.INCOMPLETE:
            words = gettext("Graph's answer does not contain the required data.")
            return (
                f"{words} {look.words}".rstrip("."),
                gettext(
                    "Check that %(permission)s is granted. Without this permission, Graph leaves out the data."
                )
                % {"permission": permission},
            )
    return gettext("Graph refuses the request"), gettext(
        "Look up the error code in Microsoft's documentation."
    )
