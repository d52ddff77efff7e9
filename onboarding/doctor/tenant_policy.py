"""The tenant's own policy for passes, against every policy of ours that is in force."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import policy
from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.reads import not_read
from onboarding.doctor.visit import Visit
from onboarding.graph.outcomes import PassRules, Target

PERMISSION = "Policy.Read.AuthenticationMethod"
WHERE = _("Entra admin centre, Authentication methods, Temporary Access Pass")


def can_be_read(visit: Visit) -> Finding:
    look, rules = visit.pass_rules
    if rules is None:
        return not_read(look, visit.rules, permission=PERMISSION, rule="pass_policy")
    return Finding("ok", gettext("Read."))


def is_on(visit: Visit) -> Finding:
    if _rules(visit).enabled:
        return Finding("ok", gettext("Enabled."))
    return Finding(
        "wrong",
        gettext("It is disabled: Entra refuses every pass."),
        gettext("Enable it (%(where)s).") % {"where": WHERE},
    )


def bounds_hold_ours(visit: Visit) -> Finding:
    """Whoever asks for a shorter or longer life than the tenant allows is refused by Entra."""
    theirs = _rules(visit)
    low, high, ours = theirs.shortest_minutes, theirs.longest_minutes, _lifetimes(visit)
    outside = [_asks(department, minutes) for department, minutes in ours if not low <= minutes <= high]
    if outside:
        return Finding(
            "wrong",
            gettext("Entra gives passes of %(low)s to %(high)s minutes; %(outside)s.")
            % {"low": low, "high": high, "outside": "; ".join(outside)},
            gettext(
                "Widen the bounds (%(where)s, Configure), or let an admin change the lifetime in the portal's policy."
            )
            % {"where": WHERE},
        )
    words = {
        True: gettext(
            "Entra gives passes of %(low)s to %(high)s minutes, and every pass works once; %(ours)s, always single use."
        ),
        False: gettext(
            "Entra gives passes of %(low)s to %(high)s minutes, and whoever asks says whether a pass works once; "
            "%(ours)s, always single use."
        ),
        None: gettext("Entra gives passes of %(low)s to %(high)s minutes; %(ours)s, always single use."),
    }
    told = "; ".join(_has(department, minutes) for department, minutes in ours)
    return Finding("ok", words[theirs.always_once] % {"low": low, "high": high, "ours": told})


def includes_somebody(visit: Visit) -> Finding:
    rules = _rules(visit)
    if not rules.included:
        return Finding(
            "wrong",
            gettext("It includes nobody: Entra refuses every pass."),
            gettext("Include the group of current starters (%(where)s, Enable and target).")
            % {"where": WHERE},
        )
    words = (
        gettext("For %(included)s; not for %(excluded)s.") if rules.excluded else gettext("For %(included)s.")
    )
    return Finding("ok", words % {"included": _named(rules.included), "excluded": _named(rules.excluded)})


def _named(targets: tuple[Target, ...]) -> str:
    return ", ".join(map(str, targets))


def _lifetimes(visit: Visit) -> list[tuple[str, int]]:
    """The site's, and that of every department which has another."""
    found = [(department, policy.lifetime(rules)) for department, rules in visit.policies]
    return [
        (department, minutes)
        for department, minutes in found
        if (department, minutes) == found[0] or minutes != found[0][1]
    ]


def _asks(department: str, minutes: int) -> str:
    words = (
        gettext("the department “%(department)s” asks for %(minutes)s minutes")
        if department
        else gettext("the site's policy asks for %(minutes)s minutes")
    )
    return words % {"department": department, "minutes": minutes}


def _has(department: str, minutes: int) -> str:
    words = (
        gettext("the department “%(department)s”: %(minutes)s minutes")
        if department
        else gettext("the site's policy: %(minutes)s minutes")
    )
    return words % {"department": department, "minutes": minutes}


def _rules(visit: Visit) -> PassRules:
    rules = visit.pass_rules[1]
    assert rules is not None  # noqa: S101 (these checks rest on the one that read it)
    return rules


CHECKS = (
    Check(
        "policy.read",
        _("The tenant's pass policy can be read"),
        can_be_read,
        needs=("graph.reach", f"permission.{PERMISSION}"),
    ),
    Check("policy.on", _("The tenant's pass policy is on"), is_on, needs=("policy.read",)),
    Check(
        "policy.bounds",
        _("The tenant allows passes that live as long as ours"),
        bounds_hold_ours,
        needs=("policy.read",),
    ),
    Check(
        "policy.scope",
        _("The tenant's pass policy is for somebody"),
        includes_somebody,
        needs=("policy.read",),
    ),
)
