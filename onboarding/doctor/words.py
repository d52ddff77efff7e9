"""How a state is told: a shape, a word, and a tone for pages. Never by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding.doctor.frame import State, Told
from onboarding.language import Words


@dataclass(frozen=True, slots=True)
class Mark:
    shape: str
    word: Words


MARKS: dict[State, Mark] = {
    "ok": Mark("✓", _("well")),
    "wrong": Mark("✗", _("wrong")),
    "unknown": Mark("?", _("not known")),
    "skipped": Mark("–", _("left out")),
}


def summary(told: tuple[Told, ...]) -> str:
    count = {state: sum(one.state == state for one in told) for state in MARKS}
    wrong = count["wrong"]
    if wrong:
        words = ngettext(
            "%(count)s thing is wrong, of %(all)s looked at.",
            "%(count)s things are wrong, of %(all)s looked at.",
            wrong,
        )
        return words % {"count": wrong, "all": len(told)}
    counts = [f"{count[state]} {mark.word}" for state, mark in MARKS.items() if count[state] or state == "ok"]
    return gettext("Nothing is wrong: %(counts)s.") % {"counts": ", ".join(counts)}
