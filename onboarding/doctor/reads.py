"""Why something could not be read, in words, and what to do: each cause has its own cure."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext

from onboarding.doctor.frame import Finding
from onboarding.doctor.policy_words import goes_on_without, how_policy_asks
from onboarding.graph.outcomes import Look, Outcome
from onboarding.language import Words
from onboarding.models import PolicyVersion


def not_read(
    look: Look, rules: PolicyVersion, *, permission: str, rule: str = "", licence: Words = ""
) -> Finding:
    """`rule` is the setting of policy that says whether passes are made without this, where there is one."""
    what, fix = _cause(look, permission, licence)
    reference = f" ({', '.join(said for said in (look.code, look.request_id) if said)})"
    detail = what + (reference if look.code or look.request_id else "") + "."
    if look.outcome == Outcome.BUSY:
        return Finding("unknown", detail, fix)
    if not rule:
        return Finding("wrong", detail, fix)
    closed = look.outcome in {Outcome.NO_RIGHT, Outcome.NO_LICENCE}
    # Only what the tenant keeps closed can be done without; what fails in another way stops every pass.
    if closed and goes_on_without(rules, rule):
        return Finding("skipped", f"{detail} {how_policy_asks(rules, rule)}")
    if closed:
        words = gettext("Or an admin lets policy go on without.")
        return Finding("wrong", f"{detail} {how_policy_asks(rules, rule)}", f"{fix} {words}")
    return Finding("wrong", detail, fix)


def _cause(look: Look, permission: str, licence: Words) -> tuple[str, str]:
    """What happened, without its full stop: the code of the answer stands before that. And what to do."""
    match look.outcome:
        case Outcome.NO_RIGHT:
            return (
                gettext("Missing permission: Graph refuses it, though the token names the permission"),
                gettext(
                    "Look whether %(permission)s was really granted, and is of the kind “application”. A grant that is "
                    "new, or a restricted management administrative unit, can be the cause."
                )
                % {"permission": permission},
            )
        case Outcome.NO_LICENCE:
            return (
                gettext("Missing licence: the tenant does not have what this needs"),
                gettext("Buy %(licence)s for those whom it concerns.") % {"licence": licence}
                if licence
                else gettext("Buy the licence that Microsoft names for those whom it concerns."),
            )
        case Outcome.BUSY:
            seconds = round(look.seconds)
            words = ngettext(
                "Graph is busy and asks to wait %(seconds)s second",
                "Graph is busy and asks to wait %(seconds)s seconds",
                seconds,
            )
            return words % {"seconds": seconds}, gettext("Run the doctor again later.")
        case Outcome.SILENT:
            return (
                gettext("Graph does not answer this, though it answers other questions"),
                gettext("Wait, and run the doctor again."),
            )
        case Outcome.ABSENT:
            return gettext("Graph does not find it"), gettext("Look whether it was deleted.")
        case Outcome.INCOMPLETE:
            words = gettext("Graph answers, and not with what is needed.")
            return (
                f"{words} {look.words}".rstrip("."),
                gettext("Look whether %(permission)s was granted: what it opens is left out without it.")
                % {"permission": permission},
            )
    return gettext("Graph refuses the question"), gettext("Look up the code in Microsoft's documentation.")
