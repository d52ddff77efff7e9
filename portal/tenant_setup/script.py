"""The plan as a script that an administrator reads, then runs: POSIX sh, and the Azure CLI."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from functools import singledispatch
from pathlib import Path

from portal.tenant_setup.shell import as_json, quoted
from portal.tenant_setup.steps import (
    ByHand,
    Grants,
    Identity,
    Mailbox,
    PassPolicy,
    SignedIn,
    Step,
    Thing,
    Variables,
)

PRELUDE = Path(__file__).with_name("prelude.sh")
WIDTH = 116
HEAD = """\
#!/bin/sh
# Sets up a Microsoft Entra tenant for the starter pass portal at {portal}.
# Written by `manage.py setup_tenant`; the plan in words is what that says without --script.
#
# Read it, sign in with `az login --tenant {tenant}`, and run it: sh THIS-FILE > tenant.env
# What is there already is found, compared and left as it is; run it as often as you like. It holds no secret.
# It ends with 0 when everything is as planned, 2 when something differs or is left for you, 1 when it stopped.
set -eu
GRAPH={graph}

"""


def script(steps: tuple[Step, ...], *, portal: str, tenant: str, graph: str) -> str:
    head = HEAD.format(portal=portal, tenant=tenant, graph=quoted(graph))
    blocks = [f"\n{headline(number, step)}\n{lines(step)}\n" for number, step in enumerate(steps, 1)]
    return head + PRELUDE.read_text() + "".join(blocks)


def headline(number: int, step: Step) -> str:
    title = f"# ---- {number}. {capital(step.name)} "
    return "\n".join([title.ljust(WIDTH, "-"), *comment(*step.words)])


def comment(*sentences: str) -> list[str]:
    """Every line of it begins with #: a text of the settings cannot leave it."""
    one_line = " ".join(" ".join(sentences).split())
    return [f"# {line}" for line in textwrap.wrap(one_line, WIDTH - 2)]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def call(*words: str) -> str:
    """A function of the prelude with its arguments, each one word."""
    return " ".join([words[0], *(quoted(word) for word in words[1:])])


def begin(step: Step) -> str:
    called = step.called if isinstance(step, Thing | Identity) else ""
    return call("begin", capital(step.name) + (f": {called}" if called else ""))


def indented(block: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in block]


@singledispatch
def lines(step: Step) -> str:
    raise NotImplementedError(type(step).__name__)


@lines.register
def _(step: SignedIn) -> str:
    return f"{begin(step)}\n{call('right_tenant', step.tenant_id)}"


@lines.register
def _(step: Identity) -> str:
    known = [f"client_id={quoted(step.client_id)}", "keep_identity"]
    made = [call("make_identity", step.resource_group, step.called)]
    return "\n".join([begin(step), *(known if step.client_id else made), "check_identity"])


@lines.register
def _(step: Thing) -> str:
    refused = f"by_hand $? {quoted(step.by_hand)}" if step.by_hand else "exit 1"
    body = as_json(step.body)
    if step.must_exist:
        make = [call("stop", step.must_exist)]
    else:
        make = [f"{call('make', step.place, body, step.place)} || {refused}"]
    compared = [
        call("compare", one.what, one.address or step.address, one.query, one.value) for one in step.expected
    ]
    return "\n".join(
        [
            begin(step),
            f"{call('look_for', step.place, step.look, step.pick)} || {refused}",
            "case $found in",
            "  '')",
            *indented(make),
            "    ;;",
            *(["  'by hand') ;;"] if step.by_hand else []),
            "  *)",
            "    keep",
            f"    {step.key}=$found",
            *indented([call("owners", step.address)] if step.has_owners else []),
            *indented(compared),
            "    ;;",
            "esac",
            f"{step.key}=$found",
            *(
                f"{variable}=$({call('read_of', step.address, query)}) || exit 1"
                for variable, query in step.also
            ),
        ]
    )


@lines.register
def _(step: Grants) -> str:
    return "\n".join(
        [
            begin(step),
            """given=$(graph get "/servicePrincipals/$principal/appRoleAssignments" --url-parameters "\\$top=500" \\""",
            """  --query "value[?resourceId=='$microsoft_graph'].appRoleId" --output tsv) || exit 1""",
            "planned=''",
            *(
                line
                for one in step.permissions
                for line in [
                    *comment(f"{'Optional: ' if one.optional else ''}{one.purpose}"),
                    call("grant", one.app_role_id, one.name, "optional" if one.optional else "needed"),
                ]
            ),
            "others",
        ]
    )


@lines.register
def _(step: PassPolicy) -> str:
    return f"{begin(step)}\n{call('in_pass_policy', step.by_hand, str(step.lifetime))}"


@lines.register
def _(step: Mailbox) -> str:
    return "\n".join(
        [
            begin(step),
            call("say", "In Exchange Online PowerShell, once:"),
            *(call("say", f"  {line}") for line in step.lines),
        ]
    )


@lines.register
def _(step: ByHand) -> str:
    return "\n".join([begin(step), *(call("say", sentence) for sentence in step.words)])


@lines.register
def _(step: Variables) -> str:
    return "\n".join(
        [*(call("print_variable", f"{name}={value}") for name, value in step.variables), "finish"]
    )
