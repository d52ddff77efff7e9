"""How a state is told: a shape, a word, and a tone for pages. Never by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from onboarding.doctor.frame import State, Told


@dataclass(frozen=True, slots=True)
class Mark:
    shape: str
    word: str


MARKS: dict[State, Mark] = {
    "ok": Mark("✓", "well"),
    "wrong": Mark("✗", "wrong"),
    "unknown": Mark("?", "not known"),
    "skipped": Mark("–", "left out"),
}


def summary(told: tuple[Told, ...]) -> str:
    count = {state: sum(one.state == state for one in told) for state in MARKS}
    wrong = count["wrong"]
    if wrong:
        return f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong, of {len(told)} looked at."
    rest = [f"{count[state]} {MARKS[state].word}" for state in ("unknown", "skipped") if count[state]]
    return f"Nothing is wrong: {count['ok']} well{''.join(f', {words}' for words in rest)}."
