"""Against the sandbox in each of its modes, the command finds exactly what was set."""

from __future__ import annotations

from typing import Any

import pytest

from onboarding.tenant_proof.findings import State
from portal.sandbox import control
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db

PASSES = "temporaryAccessPassMethods"
NOOR = BY_KEY["noor"].object_id
POST = {"method": "POST", "path": PASSES}
LISTS = {"method": "GET", "path": f"{PASSES}$"}


def change(tenant: Sandbox, wanted: dict[str, Any]) -> None:
    for name, apply in control.CHANGES.items():
        if name in wanted:
            apply(tenant.tenant, wanted[name], wanted)
    tenant.tenant.faults.add(wanted.get("faults", []))


# What the sandbox is told, the check, and what it finds. Without a change: how a well tenant answers.
READS: list[tuple[str, dict[str, Any], str, State, str]] = [
    ("a managed identity", {}, "token", State.ANSWERED, "1440 minutes"),
    ("short tokens", {"token_lifetime": 3600}, "token", State.ANSWERED, "60 minutes"),
    ("a starter's account", {}, "account", State.ANSWERED, "complete"),
    (
        "an account without a creation time",
        {"person": "noor", "set": {"createdDateTime": None}},
        "account",
        State.ATTENTION,
        "missing",
    ),
    (
        "readable groups",
        {"person": "noor", "set": {"groups": ["Marketing"]}},
        "groups",
        State.ANSWERED,
        "readable",
    ),
    (
        "hidden groups",
        {"person": "noor", "set": {"groups": ["Marketing"]}, "revoke": ["GroupMember.Read.All"]},
        "groups",
        State.ATTENTION,
        "hidden",
    ),
    ("nobody signed in", {}, "sign_ins", State.ANSWERED, "never: absent"),
    (
        "somebody signed in",
        {"person": "noor", "set": {"last_sign_in": "2026-11-01T08:00:00Z"}},
        "sign_ins",
        State.ANSWERED,
        "present",
    ),
    ("no right to sign-ins", {"revoke": ["AuditLog.Read.All"]}, "sign_ins", State.ATTENTION, "not permitted"),
    ("lists allowed", {}, "sign_in_list", State.ANSWERED, "works"),
    ("lists refused", {"sign_in_lists": False}, "sign_in_list", State.ANSWERED, "refused"),
    ("short pages", {"list_page": 1}, "sign_in_list", State.ATTENTION, "incomplete"),
    (
        "no right to lists",
        {"revoke": ["AuditLog.Read.All"]},
        "sign_in_list",
        State.ATTENTION,
        "not permitted",
    ),
    (
        "sign-ins throttled",
        {"faults": [{"path": "/users$", "status": 429}]},
        "sign_in_list",
        State.OPEN,
        "Throttled",
    ),
    ("passes on", {}, "pass_policy", State.ANSWERED, "on"),
    ("passes off", {"policy": {"state": "disabled"}}, "pass_policy", State.ATTENTION, "off"),
    (
        "Microsoft's default lifetimes",
        {"policy": {"minimumLifetimeInMinutes": 60}},
        "pass_policy",
        State.ATTENTION,
        "too long for probes",
    ),
    (
        "no right to the policy",
        {"revoke": ["Policy.Read.AuthenticationMethod", "Policy.Read.All"]},
        "pass_policy",
        State.ATTENTION,
        "not permitted",
    ),
    ("an unknown account", {}, "unknown_account", State.ANSWERED, "404 resourceNotFound"),
    ("an unknown pass", {}, "unknown_pass", State.ANSWERED, "404 resourceNotFound"),
    (
        "throttled passes",
        {"faults": [{"path": PASSES, "status": 429}]},
        "unknown_pass",
        State.OPEN,
        "Throttled",
    ),
    ("hire dates", {}, "hire_dates", State.ANSWERED, "ge, le"),
]


@pytest.mark.parametrize(
    ("wanted", "check", "state", "answer"), [row[1:] for row in READS], ids=[row[0] for row in READS]
)
def test_a_read_finds_what_was_set(tenant, prove, wanted, check, state, answer):
    change(tenant, wanted)

    found = prove(check, accounts=("noor", "liam"))[check]

    assert (found.state, found.answer) == (state, answer), found


# What is set, which faults are ordered, and what the four checks with probe passes find.
PROBES: list[tuple[str, dict[str, Any], list[dict[str, Any]], dict[str, str]]] = [
    (
        "a second POST replaces",
        {"second_post": "replace"},
        [],
        {"creation": "created", "listing": "listed", "second_post": "replaced", "deletion": "seen"},
    ),
    (
        "a second POST is refused",
        {"second_post": "refuse"},
        [],
        {"creation": "created", "listing": "listed", "second_post": "refused", "deletion": "seen"},
    ),
    ("the usual refusal of a lifetime", {}, [], {"refused_lifetime": "lifetime"}),
    (
        "another refusal of a lifetime",
        {},
        [{**POST, "status": 400}],
        {"refused_lifetime": "other"},
    ),
    ("no right to create", {"revoke": ["UserAuthMethod-TAP.ReadWrite.All"]}, [], {"creation": "forbidden"}),
    ("created and not usable", {}, [{**POST, "mutate": {"isUsable": False}}], {"creation": "unknown"}),
    ("created without a code", {}, [{**POST, "remove": ["temporaryAccessPass"]}], {"creation": "unknown"}),
    ("no answer", {}, [{**POST, "drop": "after"}], {"creation": "unknown"}),
    ("throttled", {}, [{**POST, "status": 429, "headers": {"Retry-After": "2"}}], {"creation": "refused"}),
    (
        "a deletion that Microsoft does not do at once",
        {},
        [{"method": "DELETE", "path": PASSES, "status": 503, "times": 4}],
        {"creation": "created", "deletion": "seen"},
    ),
    (
        "passes for members of a group only",
        {"policy": {"includeTargets": []}},
        [],
        {"creation": "refused by the portal", "deletion": "skipped"},
    ),
]


@pytest.mark.parametrize(
    ("wanted", "faults", "answers"), [row[1:] for row in PROBES], ids=[row[0] for row in PROBES]
)
def test_probe_passes_find_what_was_set(tenant, prove, named, wanted, faults, answers):
    named("noor")
    change(tenant, wanted)
    tenant.tenant.faults.add(faults)

    found = prove(*answers, probe="noor")

    assert {name: finding.answer for name, finding in found.items()} == answers, found


def test_mail_that_leaves_is_accepted(tenant, prove):
    found = prove("mail", sends_mail=True)["mail"]

    assert (found.state, found.answer) == (State.ANSWERED, "accepted")
    assert [mail.recipients for mail in tenant.tenant.mails] == [["starters@contoso.example"]]


def test_mail_that_is_refused_needs_attention(tenant, prove):
    tenant.tenant.faults.add({"path": "sendMail", "status": 403})

    found = prove("mail", sends_mail=True)["mail"]

    assert (found.state, found.answer) == (State.ATTENTION, "403 accessDenied")


def test_without_the_option_no_mail_is_sent(tenant, prove):
    assert prove("mail")["mail"].state == State.SKIPPED and not tenant.tenant.mails


def test_a_grant_is_seen_in_the_token(tenant, prove):
    change(tenant, {"revoke": ["AuditLog.Read.All"]})
    waits = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            change(tenant, {"grant": ["AuditLog.Read.All"]})

    found = prove("grant", watched_permission="AuditLog.Read.All", pause=pause)["grant"]

    assert (found.state, found.answer, len(waits)) == (State.ANSWERED, "counts", 3)


def test_a_grant_that_never_counts_has_no_answer(tenant, prove):
    change(tenant, {"revoke": ["AuditLog.Read.All"]})

    found = prove("grant", watched_permission="AuditLog.Read.All", watch_seconds=0.0)["grant"]

    assert (found.state, found.answer) == (State.OPEN, "not yet")


@pytest.mark.parametrize(
    ("key", "codes"),
    [
        ("noor", []),
        ("guest", ["internal_member"]),
        ("disabled", ["enabled"]),
        ("ceo", ["no_active_role"]),
        ("eligible", ["no_eligible_role"]),
        ("rolegroup", ["no_role_group"]),
        ("passkey", ["no_own_method"]),
        ("haspass", ["no_foreign_pass"]),
    ],
)
def test_it_says_for_whom_a_pass_is_refused(prove, named, key, codes):
    found = prove("eligibility", accounts=(key,))["eligibility"]

    refused = found.facts["refused"][BY_KEY[key].object_id]
    assert set(codes) <= set(refused) and bool(codes) == bool(refused), refused


def test_every_check_has_a_test():
    from onboarding.tenant_proof.runner import CHECKS

    in_tables = {row[2] for row in READS} | {name for row in PROBES for name in row[3]}
    assert {check.name for check in CHECKS} - in_tables == {"eligibility", "mail", "grant", "handover"}
