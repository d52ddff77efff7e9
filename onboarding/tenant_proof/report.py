"""The report of a run, for people in Markdown and for machines in JSON. It holds no code of a pass, no token and no name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from onboarding.tenant_proof.findings import State
from onboarding.tenant_proof.runner import Result, is_proven
from onboarding.tenant_proof.watching import FOR_A_PERSON

TITLE = "Proof of the tenant"
ORDER = (State.ATTENTION, State.OPEN, State.ANSWERED, State.SKIPPED, State.PERSON)
HEADINGS = {
    State.ATTENTION: "Needs attention",
    State.OPEN: "No answer",
    State.ANSWERED: "Answered",
    State.SKIPPED: "Skipped",
    State.PERSON: "For a person",
}


def as_json(results: Sequence[Result], *, tenant_id: str, at: datetime) -> str:
    report: dict[str, Any] = {
        "tenant_id": tenant_id,
        "at": at.isoformat(timespec="seconds"),
        "proven": is_proven(results),
        "checks": [
            {
                "name": check.name,
                "question": check.question,
                "state": str(finding.state),
                "answer": finding.answer,
                "words": finding.words,
                "facts": dict(finding.facts),
            }
            for check, finding in results
        ],
        "for_a_person": list(FOR_A_PERSON),
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def as_markdown(results: Sequence[Result], *, tenant_id: str, at: datetime) -> str:
    lines = [f"# {TITLE}", "", f"Tenant {tenant_id}, {at:%Y-%m-%d %H:%M} UTC.", ""]
    lines += [
        "Nothing needs attention." if is_proven(results) else "Something needs attention, or has no answer."
    ]
    for state in ORDER:
        found = [(check, finding) for check, finding in results if finding.state == state]
        if found:
            lines += ["", f"## {HEADINGS[state]}", ""]
        for check, finding in found:
            lines += [f"* **{check.question}** `{check.name}`: {finding.answer}", f"  {finding.words}"]
            lines += [f"  `{json.dumps(dict(finding.facts), ensure_ascii=False)}`"] if finding.facts else []
    lines += ["", "## What only a person can find out", "", *(f"* {words}" for words in FOR_A_PERSON), ""]
    return "\n".join(lines)
