"""The plan in words."""

from __future__ import annotations

import textwrap
from functools import singledispatch

from portal.tenant_setup.steps import (
    REFERENCE,
    AppIdUri,
    Commands,
    Grants,
    Holders,
    Mailbox,
    RoleGroups,
    Step,
    Thing,
    Variables,
    reference_to,
)

WIDTH = 100
REFERENCE_NAMES = {
    "client_id": "CLIENT-ID",
    "principal": "OBJECT-ID",
    "sign_in_client_id": "CLIENT-ID-OF-THE-REGISTRATION",
    "api_client_id": "CLIENT-ID-OF-THE-API",
    "api_principal": "OBJECT-ID-OF-THE-API",
}


def render_summary(steps: tuple[Step, ...]) -> str:
    return "\n\n".join(f"{number}. {_render_step(step)}" for number, step in enumerate(steps, 1)) + "\n"


def _render_step(step: Step) -> str:
    called = f": {step.called}" if isinstance(step, Thing) and step.called else ""
    title = f"{step.name[:1].upper()}{step.name[1:]}{called}"
    return "\n".join([title, *(fold_text(sentence) for sentence in step.words), *detail_lines(step)])


def fold_text(text: str, indent: int = 3) -> str:
    margin = " " * indent
    return textwrap.fill(name_references(text), WIDTH, initial_indent=margin, subsequent_indent=margin)


def name_references(text: str) -> str:
    """Write the name in place of an id that only the script knows."""
    return REFERENCE.sub(lambda mark: REFERENCE_NAMES.get(mark[1], mark[1].upper()), text)


@singledispatch
def detail_lines(_step: Step) -> list[str]:
    return []


@detail_lines.register
def _(step: Thing) -> list[str]:
    return [f"   - {expected.what}: {name_references(expected.value)}" for expected in step.expected]


@detail_lines.register
def _(step: RoleGroups) -> list[str]:
    return [f"   - {each.role}: {each.group}" for each in step.groups]


@detail_lines.register
def _(step: Holders) -> list[str]:
    return [
        *(f"   - {each.called}" for each in (*step.applications, *step.groups)),
        f"   - {step.identity.name}",
        *(f"   - trusted: {object_id}" for object_id in step.trusted),
    ]


@detail_lines.register
def _(step: Grants) -> list[str]:
    return [
        line
        for permission in step.permissions
        for line in (
            f"   - {permission.name}{' (optional)' if permission.optional else ''}  {permission.app_role_id}",
            fold_text(str(permission.purpose), 7),
        )
    ]


@detail_lines.register
def _(step: Mailbox) -> list[str]:
    return [f"     {name_references(line)}" for line in step.lines]


@detail_lines.register
def _(step: AppIdUri) -> list[str]:
    return [f"   - App ID URI: api://{name_references(reference_to(step.client_id))}"]


@detail_lines.register
def _(step: Commands) -> list[str]:
    return [fold_text(step.lead), *(f"     {name_references(line)}" for line in step.lines)]


@detail_lines.register
def _(step: Variables) -> list[str]:
    return [f"     {name}={name_references(value)}" for name, value in step.variables]
