"""The tenant's own policy for passes, against every policy of ours that is in force."""

from __future__ import annotations

from onboarding import policy
from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.reads import not_read
from onboarding.doctor.visit import Visit
from onboarding.graph.outcomes import PassRules, Target

PERMISSION = "Policy.Read.AuthenticationMethod"
WHERE = "Entra admin centre, Authentication methods, Temporary Access Pass"


def can_be_read(visit: Visit) -> Finding:
    look, rules = visit.pass_rules
    if rules is None:
        return not_read(look, visit.rules, permission=PERMISSION, rule="pass_policy")
    return Finding("ok", "Read.")


def is_on(visit: Visit) -> Finding:
    if _rules(visit).enabled:
        return Finding("ok", "Enabled.")
    return Finding("wrong", "It is disabled: Entra refuses every pass.", f"Enable it ({WHERE}).")


def bounds_hold_ours(visit: Visit) -> Finding:
    """Whoever asks for a shorter or longer life than the tenant allows is refused by Entra."""
    theirs = _rules(visit)
    low, high = theirs.shortest_minutes, theirs.longest_minutes
    outside = [
        f"{whose} asks for {minutes} minutes"
        for whose, minutes in _lifetimes(visit)
        if not low <= minutes <= high
    ]
    if outside:
        return Finding(
            "wrong",
            f"Entra gives passes of {low} to {high} minutes; {'; '.join(outside)}.",
            f"Widen the bounds ({WHERE}, Configure), or let an admin change the lifetime in the portal's policy.",
        )
    once = {True: "every pass works once", False: "whoever asks says whether a pass works once"}
    said = once.get(theirs.always_once, "nothing on single use") if theirs.always_once is not None else ""
    return Finding(
        "ok",
        f"Entra gives passes of {low} to {high} minutes{f', and {said}' if said else ''}; "
        f"{'; '.join(f'{whose}: {minutes} minutes' for whose, minutes in _lifetimes(visit))}, always single use.",
    )


def includes_somebody(visit: Visit) -> Finding:
    rules = _rules(visit)
    if not rules.included:
        return Finding(
            "wrong",
            "It includes nobody: Entra refuses every pass.",
            f"Include the group of current starters ({WHERE}, Enable and target).",
        )
    without = f"; not for {_named(rules.excluded)}" if rules.excluded else ""
    return Finding("ok", f"For {_named(rules.included)}{without}.")


def _named(targets: tuple[Target, ...]) -> str:
    return ", ".join(map(str, targets))


def _lifetimes(visit: Visit) -> list[tuple[str, int]]:
    """The site's, and that of every department which has another."""
    found = [(whose, policy.lifetime(rules)) for whose, rules in visit.policies]
    return [
        (whose, minutes) for whose, minutes in found if (whose, minutes) == found[0] or minutes != found[0][1]
    ]


def _rules(visit: Visit) -> PassRules:
    rules = visit.pass_rules[1]
    assert rules is not None  # noqa: S101 (these checks rest on the one that read it)
    return rules


CHECKS = (
    Check(
        "policy.read",
        "The tenant's pass policy can be read",
        can_be_read,
        needs=("graph.reach", f"permission.{PERMISSION}"),
    ),
    Check("policy.on", "The tenant's pass policy is on", is_on, needs=("policy.read",)),
    Check(
        "policy.bounds",
        "The tenant allows passes that live as long as ours",
        bounds_hold_ours,
        needs=("policy.read",),
    ),
    Check(
        "policy.scope", "The tenant's pass policy is for somebody", includes_somebody, needs=("policy.read",)
    ),
)
