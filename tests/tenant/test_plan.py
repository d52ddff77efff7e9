"""The plan for a tenant as text and as a script: both describe the same steps for this installation, without secrets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as some

from onboarding.graph.permissions import PERMISSIONS, TOO_WIDE
from onboarding.models import PolicyVersion
from portal.sandbox.graph.app_roles import APP_ROLES
from portal.tenant_setup.installation import in_one_line, this_installation
from portal.tenant_setup.plan import LIFETIME, setup_plan
from portal.tenant_setup.script import comment_lines
from portal.tenant_setup.shell import quote_word
from portal.tenant_setup.steps import reference_to
from tests.site.test_settings import REAL

ROOT = Path(__file__).resolve().parent.parent.parent
PERMISSION = re.compile(r"\b[A-Z][A-Za-z]+(?:[.-][A-Z][A-Za-z]+){2,}\b|\b[A-Z]\w+\.Send\b")


@pytest.fixture(autouse=True)
def installation(settings: LazySettings) -> None:
    settings.AZURE_CLIENT_ID = settings.SIGN_IN_CLIENT_ID = settings.API_CLIENT_ID = ""
    settings.PORTAL_URL, settings.ORGANISATION_NAME = "https://starters.contoso.example", "Contoso"


def output_of(*options: str) -> str:
    out = StringIO()
    call_command("setup_tenant", *options, stdout=out, stderr=StringIO())
    return out.getvalue()


def as_script(*options: str) -> str:
    return output_of("--script", "-", *options)


# --- What it names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--script", "-")], ids=["words", "script"])
def test_plan_contains_every_permission_and_no_other(options: tuple[str, ...]) -> None:
    text = output_of(*options).replace("'Application Mail.Send'", "")  # a role of Exchange, for one mailbox

    named = {name for name in PERMISSION.findall(text) if name in APP_ROLES or name in TOO_WIDE}

    assert named == {permission.name for permission in PERMISSIONS}
    for permission in PERMISSIONS:
        assert permission.app_role_id in text
        assert APP_ROLES[permission.name] == permission.app_role_id  # as Microsoft publishes it


def test_summary_and_script_have_the_same_steps() -> None:
    in_words = re.findall(r"^(\d+)\. ([^:\n]+)", output_of(), re.M)
    in_script = re.findall(r"^# ---- (\d+)\. (.+?) -+$", as_script(), re.M)

    assert in_words == in_script and len(in_words) == 13


def test_script_contains_every_sentence_of_the_summary() -> None:
    script = " ".join(as_script().replace("\n# ", " ").split())
    here = this_installation(identity="i-d-e", resource_group="r-g", authentication_context=False)

    assert not [
        sentence
        for step in setup_plan(here)
        for sentence in step.words
        if "i-d-e" not in sentence and " ".join(sentence.split()) not in script
    ]


def test_plan_is_for_this_installation(settings: LazySettings) -> None:
    settings.TENANT_ID = "11111111-2222-3333-4444-555555555555"
    settings.AUTHORITY_HOST, settings.SANDBOX = "https://login.microsoftonline.us", False
    settings.GRAPH_RESOURCE = "https://graph.microsoft.us"
    settings.TOKEN_EXCHANGE_AUDIENCE = "api://AzureADTokenExchangeUSGov"
    settings.PORTAL_URL = "https://first.day.example"

    for text in (output_of("--identity", "our-identity", "--resource-group", "our-group"), as_script()):
        assert "https://login.microsoftonline.us/11111111-2222-3333-4444-555555555555/v2.0" in text
        assert "https://first.day.example/signin/callback/" in text
        assert "https://first.day.example/signout/done/" in text
        assert "AZURE_AUTHORITY_HOST=https://login.microsoftonline.us" in text
        assert "GRAPH_URL=https://graph.microsoft.us" in text
        assert "TOKEN_EXCHANGE_AUDIENCE=api://AzureADTokenExchangeUSGov" in text
        assert "sandbox tenant" not in text
    assert "our-identity, in the resource group our-group" in output_of(
        "--identity", "our-identity", "--resource-group", "our-group"
    )


def test_global_cloud_needs_three_ids_and_the_address() -> None:
    named = re.findall(r"^ +([A-Z_]+)=", output_of(), re.M)

    assert named == ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "SIGN_IN_CLIENT_ID", "PORTAL_URL"]


def test_authentication_context_is_planned_on_request() -> None:
    assert '"name": "acrs"' not in as_script()
    assert '"name": "acrs"' in as_script("--acrs") and "acrs" in output_of("--acrs")


def test_smtp_mail_needs_no_mailbox_step(settings: LazySettings) -> None:
    assert "New-ManagementRoleAssignment" in output_of()

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"

    assert "Exchange Online" not in output_of() + as_script()


def test_plan_checks_the_portals_default_lifetime() -> None:
    assert PolicyVersion().lifetime_minutes == LIFETIME


# --- What it never holds -------------------------------------------------------------------------------------------


def test_plan_contains_no_secret(settings: LazySettings) -> None:
    settings.SECRET_KEY = "a-secret-of-the-site-" * 3
    settings.EMAIL_HOST_PASSWORD = "the-password-of-the-mail-server"

    for text in (output_of(), as_script()):
        assert "a-secret-of-the-site" not in text and "the-password" not in text
        assert not re.search(r"addPassword|credential reset|get-access-token", text)


def test_script_deletes_and_overwrites_nothing() -> None:
    methods = re.findall(r"\bgraph (\w+)", as_script())

    assert set(methods) == {"get", "post", "patch"} and methods.count("patch") == 1
    assert not re.search(r"\baz \w+ (delete|update|remove)", as_script())


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_script_is_valid_and_stops_at_the_first_error(shell: str, tmp_path: Path) -> None:
    file = tmp_path / "setup.sh"
    call_command("setup_tenant", "--script", str(file), stderr=StringIO())

    assert subprocess.run([shell, "-n", str(file)], capture_output=True, check=False).stderr == b""
    assert file.read_text().startswith("#!/bin/sh\n") and "\nset -eu\n" in file.read_text()


# Any text without NUL, which an argument cannot contain. Characters that are special in a shell occur often, and
# together.
ANY = some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
PIECES = [
    "'",
    '"',
    "$",
    "`",
    "\\",
    "$(x)",
    "${x}",
    "$x",
    "`x`",
    "!",
    " ",
    "\n",
    "\t",
    "a",
    ";",
    "&",
    "#",
    "*",
    "%s",
    "-",
]
TEXT = ANY | some.lists(some.sampled_from(PIECES) | ANY, max_size=12).map("".join)


def as_the_shell_reads(texts: list[str]) -> list[str]:
    printed = "".join(f"printf '%s\\0' {quote_word(text)}\n" for text in texts)
    out = subprocess.run(["/bin/sh", "-eu"], input=printed.encode(), capture_output=True, check=True).stdout
    return out.decode().split("\0")[:-1]


def test_quoted_words_keep_special_characters_in_any_order() -> None:
    texts = ["".join(pieces) for pieces in product(PIECES, repeat=3)]

    assert as_the_shell_reads(texts) == texts


@given(some.lists(TEXT, min_size=1, max_size=60))
@how(deadline=None, max_examples=40)
def test_any_text_is_one_word_to_the_shell(texts: list[str]) -> None:
    # Names lose the marks of a reference, because the shell would read them as a variable.
    texts = [text.replace("\ue000", "").replace("\ue001", "") for text in texts]

    assert as_the_shell_reads(texts) == texts


@given(TEXT, TEXT)
@how(deadline=None, max_examples=40)
def test_id_reference_works_inside_any_text(before: str, after: str) -> None:
    before, after = in_one_line(before), in_one_line(after)
    script = f"the_id=17\nprintf %s {quote_word(before + reference_to('the_id') + after)}"

    out = subprocess.run(["/bin/sh", "-eu"], input=script.encode(), capture_output=True, check=True).stdout

    assert out.decode() == f"{before}17{after}"


@pytest.mark.parametrize(
    "name", ["ORGANISATION_NAME", "PORTAL_URL", "MAIL_FROM", "TOKEN_EXCHANGE_AUDIENCE", "GRAPH_RESOURCE"]
)
def test_no_setting_begins_a_line_of_its_own(settings: LazySettings, name: str) -> None:
    setattr(settings, name, f"{getattr(settings, name)}\ntouch owned\r\n\u2028touch owned")

    assert not re.search(r"^\s*touch", output_of() + as_script(), re.M)


@given(TEXT)
@how(deadline=None, max_examples=100)
def test_no_text_leaves_a_comment_of_the_script(text: str) -> None:
    for line in comment_lines(in_one_line(text), text):
        assert line.startswith("# ") and "\n" not in line and "\r" not in line


# --- The command ---------------------------------------------------------------------------------------------------


def test_invalid_azure_name_is_refused() -> None:
    with pytest.raises(CommandError, match="--identity must be"):
        output_of("--identity", "no'; rm -rf /")
    for name in ("", "$(touch owned)", "-group", "point.", "a b", "x" * 91):
        with pytest.raises(CommandError, match="--resource-group must be"):
            output_of(f"--resource-group={name}")

    assert "in the resource group RG.portal-(weu)" in output_of("--resource-group", "RG.portal-(weu)")


def test_unwritable_script_file_is_explained_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"Could not write .*: No such file or directory\."):
        output_of("--script", str(tmp_path / "nowhere" / "setup.sh"))


def test_plan_for_the_sandbox_is_marked_as_an_example() -> None:
    err = StringIO()

    call_command("setup_tenant", stdout=StringIO(), stderr=err)

    assert "this is an example plan for the sandbox tenant" in err.getvalue()


def run_manage(*arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    variables: dict[str, Any] = {name: value for name, value in REAL.items() if name not in without}
    environment = {"PATH": os.environ["PATH"], **variables}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )


IDS = ("AZURE_CLIENT_ID", "SIGN_IN_CLIENT_ID", "SECRET_KEY")


def test_only_set_up_runs_before_the_registrations_exist() -> None:
    planned = run_manage("setup_tenant", without=IDS)
    checked = run_manage("check", without=IDS)

    assert planned.returncode == 0 and "A user-assigned managed identity" in planned.stdout
    assert "sandbox tenant" not in planned.stdout + planned.stderr
    assert checked.returncode != 0 and "AZURE_CLIENT_ID is not set" in checked.stderr


def test_set_up_needs_the_names_in_the_registrations() -> None:
    without_address = run_manage("setup_tenant", without=(*IDS, "PORTAL_URL"))

    assert without_address.returncode != 0 and "PORTAL_URL is not set" in without_address.stderr
