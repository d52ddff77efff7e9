"""How a state is shown: a shape and a word, never colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding.doctor.runner import CheckResult, State
from onboarding.i18n import Words


@dataclass(frozen=True, slots=True)
class Mark:
    shape: str
    word: Words


MARKS: dict[State, Mark] = {
    "ok": Mark("✓", _("OK")),
    "wrong": Mark("✗", _("problem")),
    "unknown": Mark("?", _("not known")),
    "skipped": Mark("–", _("skipped")),
}


def summarise_results(results: tuple[CheckResult, ...]) -> str:
    count = {state: sum(result.state == state for result in results) for state in MARKS}
    wrong = count["wrong"]
    if wrong:
        words = ngettext(
            "%(count)s of %(all)s checks found a problem.",
            "%(count)s of %(all)s checks found problems.",
            wrong,
        )
        return words % {"count": wrong, "all": len(results)}
    counts = [f"{count[state]} {mark.word}" for state, mark in MARKS.items() if count[state] or state == "ok"]
    return gettext("No problems found: %(counts)s.") % {"counts": ", ".join(counts)}
