"""Each guard at its limits: the last value that it accepts, and the first that it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from onboarding import guards
from onboarding.graph import Account, Facts, LivePass, Manager, Method, PassPolicy
from onboarding.models import PassIssue, PolicyVersion, Starter
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db

START = datetime(2026, 9, 1, 7, tzinfo=UTC)
NOW = START + timedelta(minutes=20)
LONG_AGO = datetime(2021, 1, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
NOOR, MARIA, HANNA, AMIR, TOM = (BY_KEY[key].object_id for key in ("noor", "maria", "hanna", "amir", "tom"))


def live_pass(
    reason: str = "EnabledByPolicy", method_id: str = "not-ours", *, usable: bool = True
) -> LivePass:
    return LivePass(method_id, NOW, NOW, 60, usable_once=True, usable=usable, reason=reason)


@pytest.fixture
def question(person: Callable[[str], Any]) -> Callable[..., guards.Question]:
    """Maria requests a pass for Noor. Every guard accepts it, except for the changes of the test."""

    def asked(
        by: str = "maria",
        *,
        starter: dict[str, Any] | None = None,
        account: dict[str, Any] | None = None,
        manager: dict[str, Any] | None = None,
        facts: dict[str, Any] | None = None,
        signed_in_at: datetime | None = NOW - timedelta(minutes=1),
        rules: dict[str, Any] | None = None,
        **differently: Any,
    ) -> guards.Question:
        known: dict[str, Any] = {
            "account_id": NOOR, "start_date": date(2026, 9, 1), "start_time": time(7), "time_zone": "UTC",
            "sign_in_looked_at": NOW, "last_sign_in_at": None, "sign_in_told": True, "shaped_by": [HANNA],
            "recorded_by": person("hanna"),
            "seen": {
                "name": "Noor", "account_name": "noor@contoso.example", "employee_id": "",
                "manager_id": BY_KEY[by].object_id,
            },
            "first_manager_id": BY_KEY[by].object_id,
        }  # fmt: skip
        directory: dict[str, Any] = {
            "object_id": NOOR, "user_principal_name": "noor@contoso.example", "display_name": "Noor", "job_title": "",
            "department": "", "mail": "", "employee_id": "", "hire_date": None, "created_at": START - DAY,
            "enabled": True, "kind": "member", "restricted": False,
        }  # fmt: skip
        boss: dict[str, Any] = {
            "object_id": BY_KEY[by].object_id, "user_principal_name": "", "display_name": "", "mail": "",
            "enabled": True, "kind": "member",
        }  # fmt: skip
        nothing: dict[str, Any] = {
            "account": Account(**directory | (account or {})), "manager": Manager(**boss | (manager or {})),
            "methods": (Method("password"),), "passes": (), "active_roles": (), "eligible_roles": (),
            "role_groups": (), "groups": (), "eligible_groups": (),
            "pass_policy": PassPolicy(True, 10, 480, frozenset({"all_users"}), frozenset()),
        }  # fmt: skip
        return guards.Question(
            Starter.objects.create(**known | (starter or {})),
            Facts(**nothing | (facts or {})),
            person(by),
            signed_in_at,
            PolicyVersion(
                **{"sign_in_minutes": 5, "hire_date": "off", "same_manager": False} | (rules or {})
            ),
            NOW,
            **differently,
        )

    return asked


def codes_refusing(question: guards.Question) -> list[str]:
    return [guard.code for guard in guards.find_refusals(question)]


def account_with_hire_date(
    moment: datetime | None, *, made: datetime | None = LONG_AGO, told: bool = True
) -> dict[str, Any]:
    """An account that counts as new only because of its hire date and because nobody has signed in."""
    return {"account": {"created_at": made, "hire_date": moment}, "starter": {"sign_in_told": told}}


def account_with_attempt(*, made: datetime) -> dict[str, Any]:
    """An account that somebody tried to sign in to."""
    return {"account": {"created_at": made, "hire_date": START}, "starter": {"last_attempt_at": START}}


LET_THROUGH: dict[str, dict[str, Any]] = {
    "nothing against it": {},
    "made as early as new can be": {"account": {"created_at": START - 90 * DAY}},
    "made as late as new can be": {"account": {"created_at": START + 31 * DAY}},
    "made at a new start, hired long ago": {"account": {"hire_date": LONG_AGO}},
    "hired as early as new can be": account_with_hire_date(START - 90 * DAY),
    "hired as late as new can be": account_with_hire_date(START + 31 * DAY),
    "hired into an account as old as can be known": account_with_hire_date(
        START, made=datetime(2020, 6, 1, tzinfo=UTC)
    ),
    "tried by somebody, who need not have got in": {"starter": {"last_attempt_at": START}},
    "signed in as long ago as policy allows": {"signed_in_at": NOW - timedelta(minutes=5)},
    "signed in by a clock that is two minutes ahead": {"signed_in_at": NOW + timedelta(minutes=2)},
    "a password is the only method": {"facts": {"methods": (Method("password"), Method("password"))}},
    "an e-mail for a forgotten password": {"facts": {"methods": (Method("password"), Method("email", "m"))}},
    "a phone where HR registers phones": {
        "facts": {"methods": (Method("phone", "m", sign_in_state="ready"),)},
        "rules": {"phones_beforehand": True},
    },
    "no method at all": {"facts": {"methods": ()}},
    "a pass of somebody else that has expired": {"facts": {"passes": (live_pass("Expired", usable=False),)}},
    "a pass of somebody else that was used": {"facts": {"passes": (live_pass("OneTimeUsed", usable=False),)}},
}
REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "another account answers": ({"account": {"object_id": TOM}}, ["same_account"]),
    "no account was recorded": ({"starter": {"account_id": ""}}, ["same_account"]),
    "no account on either side": (
        {"starter": {"account_id": ""}, "account": {"object_id": ""}},
        ["same_account"],
    ),
    "disabled": ({"account": {"enabled": False}}, ["enabled"]),
    "not said whether enabled": ({"account": {"enabled": None}}, ["enabled"]),
    "a guest": ({"account": {"kind": "guest"}}, ["internal_member"]),
    "an external": ({"account": {"kind": "external"}}, ["internal_member"]),
    "not said what kind": ({"account": {"kind": None}}, ["internal_member"]),
    "made a second too early": ({"account": {"created_at": START - 90 * DAY - SECOND}}, ["is_new"]),
    "made a second too late": ({"account": {"created_at": START + 31 * DAY + SECOND}}, ["is_new"]),
    "neither made nor hired, as far as is known": (account_with_hire_date(None, made=None), ["is_new"]),
    "hired a day too early": (account_with_hire_date(START - 91 * DAY), ["is_new"]),
    "hired a day too late": (account_with_hire_date(START + 32 * DAY), ["is_new"]),
    "hired into an account of unknown past": (account_with_hire_date(START, told=False), ["is_new"]),
    "hired into an account whose age is not told": (account_with_hire_date(START, made=None), ["is_new"]),
    "hired into an account too old to be known": (
        account_with_hire_date(START, made=datetime(2020, 5, 31, tzinfo=UTC)),
        ["is_new"],
    ),
    "tried by somebody, into an account older than any record of success": (
        account_with_attempt(made=datetime(2023, 11, 30, tzinfo=UTC)),
        ["never_signed_in"],
    ),
    "not read yet whether signed in to": ({"starter": {"sign_in_looked_at": None}}, ["never_signed_in"]),
    "signed in to": ({"starter": {"last_sign_in_at": LONG_AGO}}, ["never_signed_in"]),
    "a method besides the password": (
        {"facts": {"methods": (Method("password"), Method("fido2"))}},
        ["no_own_method"],
    ),
    "methods that were not read": ({"facts": {"methods": None}}, ["no_own_method"]),
    "a phone": ({"facts": {"methods": (Method("phone", "m"),)}}, ["no_own_method"]),
    "a passkey where HR registers phones": (
        {"facts": {"methods": (Method("fido2", "m"),)}, "rules": {"phones_beforehand": True}},
        ["no_own_method"],
    ),
    "a method that nobody has heard of": ({"facts": {"methods": (Method("telepathy"),)}}, ["no_own_method"]),
    "a role": ({"facts": {"active_roles": ("Reader",)}}, ["no_active_role"]),
    "a role within reach": ({"facts": {"eligible_roles": ("Reader",)}}, ["no_eligible_role"]),
    "a group that can carry roles": ({"facts": {"role_groups": ("Operators",)}}, ["no_role_group"]),
    "no manager": ({"facts": {"manager": None}}, ["manager_now", "manager_enabled"]),
    "another manager": ({"manager": {"object_id": TOM}}, ["manager_now"]),
    "a disabled manager": ({"manager": {"enabled": False}}, ["manager_enabled"]),
    "a manager of whom that is not said": ({"manager": {"enabled": None}}, ["manager_enabled"]),
    "a guest as manager": ({"manager": {"kind": "guest"}}, ["manager_enabled"]),
    "a manager of no known kind": ({"manager": {"kind": None}}, ["manager_enabled"]),
    "confirmed by who recorded": ({"by": "hanna", "starter": {"shaped_by": []}}, ["three_people"]),
    "confirmed by who shaped it": ({"starter": {"shaped_by": [TOM, MARIA]}}, ["three_people"]),
    "confirmed by who receives": (
        {"starter": {"account_id": MARIA}, "account": {"object_id": MARIA}},
        ["three_people"],
    ),
    "recorded by who receives": (
        {"starter": {"account_id": HANNA, "shaped_by": []}, "account": {"object_id": HANNA}},
        ["three_people"],
    ),
    "shaped by who receives": ({"starter": {"shaped_by": [NOOR]}}, ["three_people"]),
    "confirmed by an admin": ({"by": "amir"}, ["not_an_admin"]),
    "not said when they signed in": ({"signed_in_at": None}, ["sign_in_is_fresh"]),
    "signed in a second too long ago": (
        {"signed_in_at": NOW - timedelta(minutes=5) - SECOND},
        ["sign_in_is_fresh"],
    ),
    "signed in too far ahead": ({"signed_in_at": NOW + timedelta(minutes=2) + SECOND}, ["sign_in_is_fresh"]),
    "a live pass of another tool": (
        {"facts": {"passes": (live_pass("Expired"), live_pass())}},
        ["no_foreign_pass"],
    ),
    "a pass that is not valid yet": ({"facts": {"passes": (live_pass("NotYetValid"),)}}, ["no_foreign_pass"]),
}


@pytest.mark.parametrize("how", LET_THROUGH.values(), ids=LET_THROUGH)
def test_what_is_just_good_enough_is_let_through(question, how):
    assert codes_refusing(question(**how)) == []


@pytest.mark.parametrize(("how", "codes"), REFUSED.values(), ids=REFUSED)
def test_each_boundary_value_is_refused_by_its_guard_alone(question, how, codes):
    asked = question(**how)

    assert codes_refusing(asked) == codes
    # Each guard refuses by itself. That a failing guard counts as a refusal is only the safety net.
    without = {guards.Verdict.OFF, guards.Verdict.SKIPPED}
    asked_now = [guard for guard in guards.GUARDS if guards.evaluate_guard(guard, asked) not in without]
    assert [guard.code for guard in asked_now if guard.passes(asked) is False] == codes


@pytest.mark.parametrize(
    ("known", "listed", "codes"),
    [("ours", "ours", []), ("ours", "theirs", ["no_foreign_pass"]), ("", "", ["no_foreign_pass"])],
    ids=["made by the portal", "made by another tool", "without an id, as an answer that was lost"],
)
def test_a_valid_pass_is_ours_only_with_its_issue(question, known, listed, codes):
    asked = question(facts={"passes": (live_pass(method_id=listed),)})
    PassIssue.objects.create(
        starter=asked.starter, account_id=NOOR, number=1, state="revoked", method_id=known, actor=asked.person,
        policy=PolicyVersion.objects.get(), lifetime_minutes=60, lease_until=NOW,
    )  # fmt: skip

    assert codes_refusing(asked) == codes


def test_refusals_come_in_the_order_of_the_table(question):
    asked = question(
        signed_in_at=None, manager={"enabled": False}, account={"kind": "guest", "enabled": False}
    )

    assert codes_refusing(asked) == ["enabled", "internal_member", "manager_enabled", "sign_in_is_fresh"]


@pytest.mark.parametrize("answer", [None, 1, "yes", object()])
def test_anything_but_a_plain_yes_is_a_no(question, monkeypatch, answer):
    unsure = guards.Guard("unsure", "a title", lambda question: answer, "a sentence", "words")  # type: ignore[arg-type,return-value]
    monkeypatch.setattr("onboarding.guards.table.GUARDS", (unsure,))

    assert codes_refusing(question()) == ["unsure"]


def test_security_is_alarmed_only_about_possible_attacks():
    assert {guard.code for guard in guards.GUARDS if guard.alarming} == {
        "same_account", "is_new", "never_signed_in", "no_own_method", "no_active_role", "no_eligible_role",
        "no_role_group", "no_eligible_group", "not_restricted", "not_denied", "same_person", "manager_now",
        "manager_enabled", "manager_has_room", "site_has_room", "no_foreign_pass",
    }  # fmt: skip


def test_a_guard_is_found_by_its_audit_code():
    assert set(guards.BY_CODE) == {
        code for guard in guards.GUARDS for code in (guard.code, f"{guard.code}.unread")
    }
    assert all(guards.BY_CODE[guard.code] is guard for guard in guards.GUARDS)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (guards.GUARDS[0], "passes"),
        (guards.Question(*[SimpleNamespace()] * 4, PolicyVersion(), NOW), "person"),  # type: ignore[arg-type]
    ],
    ids=["a guard", "a question"],
)
def test_questions_and_guards_cannot_be_changed(value, field):
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, None)


# --- Before the press ---------------------------------------------------------------------------------------------

EARLY = (guards.Place.RECORDED, guards.Place.SENT, guards.Place.OPENED)
COSTS_OR_AGES = {
    "no_own_method", "no_foreign_pass", "manager_has_room", "site_has_room", "sign_in_is_fresh", "step_up_is_for_this",
}  # fmt: skip


@pytest.mark.parametrize(
    ("place", "left_out"),
    [
        (guards.Place.RECORDED, COSTS_OR_AGES | {"manager_now", "not_an_admin"}),
        (guards.Place.SENT, COSTS_OR_AGES | {"manager_now", "not_an_admin"}),
        (guards.Place.OPENED, COSTS_OR_AGES),
        (guards.Place.CLICKED, set()),
    ],
)
def test_each_place_leaves_out_only_unknown_or_expensive_guards(place, left_out):
    assert {guard.code for guard in guards.GUARDS if not guard.is_asked_at(place)} == left_out


@pytest.mark.parametrize("place", EARLY)
def test_unread_activity_refuses_nobody_before_the_click(question, place):
    unread = account_with_hire_date(START, told=False)
    unread["starter"]["sign_in_looked_at"] = None
    asked = question(**unread, place=place)

    assert codes_refusing(asked) == []
    assert codes_refusing(replace(asked, policy=PolicyVersion(sign_ins="refuse", hire_date="off"))) == []
    assert codes_refusing(replace(asked, place=guards.Place.CLICKED)) == ["is_new", "never_signed_in"]


@pytest.mark.parametrize("place", guards.Place)
def test_what_was_asked_in_vain_makes_no_old_account_new(question, place):
    assert codes_refusing(question(**account_with_hire_date(START, told=False), place=place)) == ["is_new"]


def test_confirmer_is_the_person_at_the_click_else_the_manager(question):
    pressed = question(manager={"object_id": TOM}, starter={"shaped_by": [MARIA]})
    early = replace(pressed, person=None, place=guards.Place.RECORDED)
    nobody = replace(early, facts=replace(early.facts, manager=None))

    assert (pressed.confirmer_id, early.confirmer_id, nobody.confirmer_id) == (MARIA, TOM, "")
    assert codes_refusing(pressed) == ["manager_now", "three_people"]
    assert "three_people" not in codes_refusing(early)


def test_unreadable_facts_have_their_own_text_and_no_alarm():
    for guard in guards.GUARDS:
        unread = guards.BY_CODE[f"{guard.code}.unread"]
        assert str(unread.for_manager) != str(guard.for_manager) and "cannot complete all its checks" in str(
            unread.for_manager
        )
        assert str(unread.for_hr) != str(guard.for_hr) and "policy" in str(unread.for_hr)
        assert not unread.alarming
