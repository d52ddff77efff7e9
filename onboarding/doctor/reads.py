"""Why something could not be read, in words, and what to do: each cause has its own cure."""

from __future__ import annotations

from onboarding.doctor.frame import Finding
from onboarding.doctor.policy_words import goes_on_without, how_policy_asks
from onboarding.graph.outcomes import Look, Outcome
from onboarding.models import PolicyVersion


def not_read(
    look: Look, rules: PolicyVersion, *, permission: str, rule: str = "", licence: str = ""
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
    words = f" {how_policy_asks(rules, rule)}" if closed else ""
    return Finding(
        "wrong", f"{detail}{words}", fix + (" Or an admin lets policy go on without." if closed else "")
    )


def _cause(look: Look, permission: str, licence: str) -> tuple[str, str]:
    match look.outcome:
        case Outcome.NO_RIGHT:
            return (
                "Missing permission: Graph refuses it, though the token names the permission",
                (
                    f"Look whether {permission} was really granted, and is of the kind “application”. A grant that is "
                    "new, or a restricted management administrative unit, can be the cause."
                ),
            )
        case Outcome.NO_LICENCE:
            return (
                "Missing licence: the tenant does not have what this needs",
                f"Buy {licence or 'the licence that Microsoft names'} for those whom it concerns.",
            )
        case Outcome.BUSY:
            return f"Graph is busy and asks to wait {look.seconds:.0f} seconds", "Run the doctor again later."
        case Outcome.SILENT:
            return (
                "Graph does not answer this, though it answers other questions",
                "Wait, and run the doctor again.",
            )
        case Outcome.ABSENT:
            return "Graph does not find it", "Look whether it was deleted."
        case Outcome.INCOMPLETE:
            return (
                f"Graph answers, and not with what is needed. {look.words}".rstrip("."),
                f"Look whether {permission} was granted: what it opens is left out without it.",
            )
    return "Graph refuses the question", "Look up the code in Microsoft's documentation."
