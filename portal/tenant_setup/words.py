"""The plan in words."""

from __future__ import annotations

import textwrap
from functools import singledispatch

from portal.tenant_setup.steps import REFERENCE, Grants, Mailbox, Step, Thing, Variables

WIDTH = 100
NAMES = {
    "client_id": "CLIENT-ID",
    "principal": "OBJECT-ID",
    "sign_in_client_id": "CLIENT-ID-OF-THE-REGISTRATION",
}


def words(steps: tuple[Step, ...]) -> str:
    return "\n\n".join(f"{number}. {_step(step)}" for number, step in enumerate(steps, 1)) + "\n"


def _step(step: Step) -> str:
    called = f": {step.called}" if isinstance(step, Thing) and step.called else ""
    title = f"{step.name[:1].upper()}{step.name[1:]}{called}"
    return "\n".join([title, *(folded(sentence) for sentence in step.words), *details(step)])


def folded(text: str, indent: int = 3) -> str:
    margin = " " * indent
    return textwrap.fill(plain(text), WIDTH, initial_indent=margin, subsequent_indent=margin)


def plain(text: str) -> str:
    """What stands for an id that only the script finds out is written as its name."""
    return REFERENCE.sub(lambda mark: NAMES.get(mark[1], mark[1].upper()), text)


@singledispatch
def details(_step: Step) -> list[str]:
    return []


@details.register
def _(step: Thing) -> list[str]:
    return [f"   - {one.what}: {plain(one.value)}" for one in step.expected]


@details.register
def _(step: Grants) -> list[str]:
    return [
        line
        for one in step.permissions
        for line in (
            f"   - {one.name}{' (optional)' if one.optional else ''}  {one.app_role_id}",
            folded(str(one.purpose), 7),
        )
    ]


@details.register
def _(step: Mailbox) -> list[str]:
    return [f"     {plain(line)}" for line in step.lines]


@details.register
def _(step: Variables) -> list[str]:
    return [f"     {name}={plain(value)}" for name, value in step.variables]
