"""The plan as a script that an administrator reads, then runs: POSIX sh, and the Azure CLI."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from functools import singledispatch
from pathlib import Path

from portal.tenant_setup.shell import as_json, quote_word
from portal.tenant_setup.steps import (
    AppIdUri,
    ByHand,
    Commands,
    Grants,
    Holders,
    Identity,
    Mailbox,
    PassPolicy,
    RoleAssignments,
    RoleGroups,
    SignedIn,
    Step,
    Thing,
    Variables,
    filter_by_name,
    filter_by_name_or_client_id,
    reference_to,
)

FUNCTIONS = Path(__file__).parent
WIDTH = 116
HEAD = """\
#!/bin/sh
# Sets up a Microsoft Entra tenant for the starter pass portal at {portal}.
# Written by `manage.py setup_tenant`. Without --script, the command prints this plan in words.
#
# Read it, sign in with `az login --tenant {tenant}`, and run it: sh THIS-FILE > tenant.env
# You can run it again: it compares what already exists and leaves it unchanged. It contains no secret.
# It stops before any change if a person or application that you did not name owns these objects or has their roles.
# Exit status: 0 everything is as planned, 2 something differs or is left for you to do, 1 the script stopped.
set -eu
GRAPH={graph}

"""


def render_script(steps: tuple[Step, ...], *, portal: str, tenant: str, graph: str) -> str:
    head = HEAD.format(portal=portal, tenant=tenant, graph=quote_word(graph))
    blocks = [f"\n{headline_of(number, step)}\n{lines_of(step)}\n" for number, step in enumerate(steps, 1)]
    return head + "".join(read_functions(steps)) + "".join(blocks)


def read_functions(steps: tuple[Step, ...]) -> list[str]:
    """The functions that these steps call."""
    kinds = {type(step) for step in steps}
    needed = {
        "prelude.sh": True,
        "holders.sh": Holders in kinds,
        "groups.sh": RoleGroups in kinds,
        "api.sh": AppIdUri in kinds,
    }
    return [(FUNCTIONS / name).read_text() for name, is_needed in needed.items() if is_needed]


def headline_of(number: int, step: Step) -> str:
    title = f"# ---- {number}. {capitalize_first(step.name)} "
    return "\n".join([title.ljust(WIDTH, "-"), *comment_lines(*step.words)])


def comment_lines(*sentences: str) -> list[str]:
    """Comment lines. Every line begins with #, so a text of the settings cannot leave the comment."""
    one_line = " ".join(" ".join(sentences).split())
    return [f"# {line}" for line in textwrap.wrap(one_line, WIDTH - 2)]


def capitalize_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def call_function(*words: str) -> str:
    """A function of the prelude with its arguments, each one word."""
    return " ".join([words[0], *(quote_word(word) for word in words[1:])])


def begin_call(step: Step) -> str:
    called = step.called if isinstance(step, Thing | Identity) else ""
    return call_function("begin", capitalize_first(step.name) + (f": {called}" if called else ""))


def indent_lines(block: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in block]


@singledispatch
def lines_of(step: Step) -> str:
    raise NotImplementedError(type(step).__name__)


@lines_of.register
def _(step: SignedIn) -> str:
    return f"{begin_call(step)}\n{call_function('right_tenant', step.tenant_id)}"


@lines_of.register
def _(step: RoleGroups) -> str:
    return "\n".join(
        [
            begin_call(step),
            *(
                line
                for each in step.groups
                for line in (
                    call_function("find_group", each.group, "" if each.by_id else filter_by_name(each.group)),
                    call_function("name_group", each.role),
                    f"{each.key}=$found",
                )
            ),
        ]
    )


@lines_of.register
def _(step: Holders) -> str:
    identity = step.identity
    known = f"identity_client={quote_word(identity.client_id)}"
    by_name = call_function("identity_called", identity.resource_group, identity.called)
    return "\n".join(
        [
            begin_call(step),
            "who_runs_it",
            *(call_function("trust", object_id) for object_id in step.trusted),
            known if identity.client_id else f"identity_client=$({by_name}) || exit 1",
            *(call_function("plan_permission", each.app_role_id, each.name) for each in step.permissions),
            'check_workload_identity "$identity_client"',
            *(
                call_function(
                    "check_application",
                    each.called,
                    filter_by_name(each.called),
                    filter_by_name_or_client_id(each.called, each.client_id),
                )
                for each in step.applications
            ),
            *(call_function("check_group", each.called, filter_by_name(each.called)) for each in step.groups),
            "stop_for_strangers",
        ]
    )


@lines_of.register
def _(step: RoleAssignments) -> str:
    given = [call_function("assign_role", each.role, reference_to(each.key)) for each in step.groups]
    return "\n".join([begin_call(step), "read_role_holders", *given])


@lines_of.register
def _(step: Identity) -> str:
    known = [f"client_id={quote_word(step.client_id)}", "keep_identity"]
    made = [call_function("make_identity", step.resource_group, step.called)]
    return "\n".join([begin_call(step), *(known if step.client_id else made), "check_identity"])


@lines_of.register
def _(step: Thing) -> str:
    refused = f"by_hand $? {quote_word(step.by_hand)}" if step.by_hand else "exit 1"
    body = as_json(step.body)
    if step.must_exist:
        make = [call_function("stop", step.must_exist)]
    else:
        make = [f"{call_function('make', step.place, body, step.place)} || {refused}"]
    compared = [
        call_function(
            "compare", expected.what, expected.address or step.address, expected.query, expected.value
        )
        for expected in step.expected
    ]
    return "\n".join(
        [
            begin_call(step),
            f"{call_function('look_for', step.place, step.look, step.pick)} || {refused}",
            "case $found in",
            "  '')",
            *indent_lines(make),
            "    ;;",
            *(["  'by hand') ;;"] if step.by_hand else []),
            "  *)",
            "    keep",
            f"    {step.key}=$found",
            *indent_lines(compared),
            "    ;;",
            "esac",
            f"{step.key}=$found",
            *(
                f"{variable}=$({call_function('read_of', step.address, query)}) || exit 1"
                for variable, query in step.also
            ),
        ]
    )


@lines_of.register
def _(step: Grants) -> str:
    return "\n".join(
        [
            begin_call(step),
            f"grantee=${step.holder}",
            """given=$(all_of "/servicePrincipals/$grantee/appRoleAssignments" \\""",
            """  "value[?resourceId=='$microsoft_graph'].appRoleId") || exit 1""",
            *(
                line
                for permission in step.permissions
                for line in [
                    *comment_lines(f"{'Optional: ' if permission.optional else ''}{permission.purpose}"),
                    call_function(
                        "grant",
                        permission.app_role_id,
                        permission.name,
                        "optional" if permission.optional else "needed",
                    ),
                ]
            ),
        ]
    )


@lines_of.register
def _(step: PassPolicy) -> str:
    return f"{begin_call(step)}\n{call_function('in_pass_policy', step.by_hand, str(step.lifetime))}"


@lines_of.register
def _(step: Mailbox) -> str:
    return "\n".join(
        [
            begin_call(step),
            call_function("say", "In Exchange Online PowerShell, once:"),
            *(call_function("say", f"  {line}") for line in step.lines),
        ]
    )


@lines_of.register
def _(step: AppIdUri) -> str:
    named = call_function("name_api", reference_to(step.application), reference_to(step.client_id))
    return f"{begin_call(step)}\n{named}"


@lines_of.register
def _(step: Commands) -> str:
    said = [call_function("say", step.lead), *(call_function("say", f"  {line}") for line in step.lines)]
    return "\n".join([begin_call(step), *said])


@lines_of.register
def _(step: ByHand) -> str:
    return "\n".join([begin_call(step), *(call_function("say", sentence) for sentence in step.words)])


@lines_of.register
def _(step: Variables) -> str:
    return "\n".join(
        [*(call_function("print_variable", f"{name}={value}") for name, value in step.variables), "finish"]
    )
