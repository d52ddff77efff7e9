"""May this account get a pass, from this person, now? A table of named guards, and where each is asked.

The portal's identity could make a pass for almost anybody, so the portal is the guard. Each guard is one
function over facts that were read a moment ago; what is missing or strange counts as a refusal. Policy may
switch some of them off, or say what follows where the tenant keeps their facts from the portal; the floor, which
has no `setting`, holds whatever a policy says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from onboarding import approvals, caps, in_charge, step_up
from onboarding.graph import Account, Facts, LivePass, Manager
from onboarding.language import Words, sentences
from onboarding.models import PolicyVersion, Starter
from onboarding.models.rules import Check, HireDate
from onboarding.policy import lifetime
from onboarding.policy_sense import lines
from onboarding.step_up import Proof


class Place(StrEnum):
    """Where guards are asked. Nothing is refused before the last but what cannot come right by itself."""

    RECORDED = "recorded"  # HR is about to save: what it says is a warning
    SENT = "sent"  # the link is about to go out
    LOOKED = "looked"  # the manager opens the page
    PRESSED = "pressed"  # immediately before the POST: all of them


# Here it may not be known yet whether somebody signed in before: the worker reads that in its own time.
EARLY = frozenset({Place.RECORDED, Place.SENT, Place.LOOKED})


@dataclass(frozen=True)
class Question:
    """All that a guard may look at."""

    starter: Starter
    facts: Facts
    person: Any  # who would confirm: tid, oid, is_admin; None while nobody is there yet
    signed_in_at: datetime | None
    policy: PolicyVersion
    now: datetime
    place: Place = Place.PRESSED
    replacing: frozenset[str] = frozenset()  # passes of other tools that the manager has chosen to replace
    proof: Proof | None = None  # of a sign-in for this starter alone, where policy asks for one

    @property
    def account(self) -> Account:
        return self.facts.account

    @property
    def in_charge(self) -> Manager | None:
        """The manager in the directory; where HR routed it and that still holds, the manager of that manager."""
        return in_charge.of(self.starter, self.facts.manager, self.facts.above)

    @property
    def confirmer(self) -> str:
        """Who confirms, or would: while nobody is there, who is in charge in the directory."""
        if self.person is not None:
            return str(self.person.oid)
        return self.in_charge.object_id if self.in_charge else ""


@dataclass(frozen=True)
class Guard:
    """A check, its code for the audit, a kind sentence for the manager, and the reason with its fix for HR."""

    code: str
    passes: Callable[[Question], bool]
    for_manager: Words
    for_hr: Words
    alarming: bool = False  # a privileged or existing account: security is told at once
    setting: str = ""  # the setting that switches it off, or says what follows where it cannot be read
    kept_from_us: Callable[[Question], bool] | None = (
        None  # the tenant does not let the portal read its facts
    )
    scarce: bool = False  # needs the account's methods, a scarce read: asked at the press only
    personal: bool = False  # about the person who confirms: asked when there is one
    at_press: bool = False  # about the moment of the press
    comes_right: bool = False  # may be false when the link is sent, and true on the day

    def is_asked_at(self, place: Place) -> bool:
        match place:
            case Place.PRESSED:
                return True
            case Place.LOOKED:
                return not self.scarce and not self.at_press
            case _:
                return not self.scarce and not self.at_press and not self.personal

    @property
    def unread(self) -> Guard:
        """The same guard where the tenant keeps its facts from the portal, and policy does not let it go on."""
        return replace(
            self, code=f"{self.code}.unread", for_manager=_UNREAD, for_hr=_UNREAD_HR, alarming=False
        )


def same_account(q: Question) -> bool:
    return bool(q.starter.account_id) and q.account.object_id == q.starter.account_id


def enabled(q: Question) -> bool:
    return q.account.enabled is True


def internal_member(q: Question) -> bool:
    return q.account.kind == "member"


def is_new(q: Question) -> bool:
    """Made around the start; or hired around it, into an account that is known never to have been signed in to.

    HR's own systems write the hire date, so that alone does not make an old account a new one.
    """
    earliest = q.starter.starts_at - timedelta(days=q.policy.new_days_before)
    latest = q.starter.starts_at + timedelta(days=q.policy.new_days_after)

    def around(moment: datetime | None) -> bool:
        return moment is not None and earliest <= moment <= latest

    told = q.starter.sign_in_told or (q.place in EARLY and q.starter.sign_in_looked_at is None)
    return around(q.account.created_at) or (told and around(q.account.hire_date))


def never_signed_in(q: Question) -> bool:
    """Judged by what the worker read before our first pass. Where the tenant does not tell, it asked in vain."""
    if q.starter.sign_in_looked_at is None:
        return q.place in EARLY
    return q.starter.last_sign_in_at is None


def sign_ins_kept_from_us(q: Question) -> bool:
    return q.starter.sign_in_looked_at is not None and not q.starter.sign_in_told


def no_own_method(q: Question) -> bool:
    return q.facts.methods is not None and not any(method.is_own for method in q.facts.methods)


def no_active_role(q: Question) -> bool:
    return not q.facts.active_roles


def no_eligible_role(q: Question) -> bool:
    return q.facts.eligible_roles == ()


def no_role_group(q: Question) -> bool:
    """Only role-assignable groups can carry a directory role, active or eligible: neither in one, then, nor its owner."""
    return not q.facts.role_groups


def no_eligible_group(q: Question) -> bool:
    """PIM for groups lets its people into a group, or make them its owner, whenever they ask."""
    return q.facts.eligible_groups == ()


def not_restricted(q: Question) -> bool:
    return q.account.restricted is False


def not_denied(q: Question) -> bool:
    return set(lines(q.policy.deny_list)).isdisjoint({q.account.object_id, *q.facts.groups})


def in_scope(q: Question) -> bool:
    """Inside every scope that policy sets: one domain, one department, one group of those named."""
    _, _, domain = q.account.user_principal_name.casefold().rpartition("@")
    department = " ".join(q.account.department.casefold().split())
    scopes: tuple[tuple[str, Iterable[str]], ...] = (
        (q.policy.scope_domains, {domain}),
        (q.policy.scope_departments, {department}),
        (q.policy.scope_groups, q.facts.groups),
    )
    return all(not named or not set(lines(named)).isdisjoint(mine) for named, mine in scopes)


def in_pass_policy(q: Question) -> bool:
    """Entra itself would give this person a pass of this length."""
    theirs, minutes = q.facts.pass_policy, lifetime(q.policy)
    if theirs is None:
        return False
    fits = theirs.shortest_minutes <= minutes <= theirs.longest_minutes
    return fits and theirs.includes(q.account.object_id, q.facts.groups)


def same_person(q: Question) -> bool:
    """Name, account name and employee number are what HR saw. A reused name may be a stranger's."""
    seen = q.starter.seen
    now = seen_of(q.account, None)
    return bool(seen) and all(
        seen[name] == now[name] for name in now if name in seen and name != "manager_id"
    )


def same_manager(q: Question) -> bool:
    manager = q.facts.manager
    return manager is not None and q.starter.seen.get("manager_id") == manager.object_id


def hire_date_agrees(q: Question) -> bool:
    """By days, in the starter's own zone: HR's systems write a hire date as the beginning of a day in UTC."""
    hired = q.account.hire_date
    if hired is None:
        return q.policy.hire_date != HireDate.REQUIRED
    return abs((hired.date() - q.starter.start_date).days) <= q.policy.hire_date_days


def manager_now(q: Question) -> bool:
    """The manager; and instead of them, only where HR routed it, the manager of that very manager."""
    return q.in_charge is not None and q.in_charge.object_id == q.person.oid


def manager_enabled(q: Question) -> bool:
    """Of who confirms. A manager past whom HR routed it may be away for good."""
    manager = q.in_charge
    return manager is not None and manager.enabled is True and manager.kind == "member"


def three_people(q: Question) -> bool:
    """Who in HR recorded, chose the account, set the time or approved; who confirms; who receives."""
    hr = {q.starter.recorded_by.oid, *q.starter.shaped_by, *approvals.given_by(q.starter)}
    return q.confirmer not in hr and q.account.object_id not in {q.confirmer, *hr}


def approved(q: Question) -> bool:
    """Another person of HR has agreed wherever policy asks for that."""
    return not approvals.missing(q.starter, q.policy)


def manager_has_room(q: Question) -> bool:
    return caps.manager_has_room(q.person, q.policy)


def site_has_room(q: Question) -> bool:
    return caps.site_has_room(q.policy)


def not_an_admin(q: Question) -> bool:
    return not q.person.is_admin


def is_fresh(signed_in_at: datetime | None, policy: PolicyVersion, now: datetime) -> bool:
    """By `auth_time` of the token."""
    return signed_in_at is not None and step_up.is_recent(signed_in_at, policy, now)


def sign_in_is_fresh(q: Question) -> bool:
    return is_fresh(q.signed_in_at, q.policy, q.now)


def step_up_is_for_this(q: Question) -> bool:
    return step_up.holds(q.proof, starter=q.starter, person=q.person, rules=q.policy, now=q.now)


def no_foreign_pass(q: Question) -> bool:
    """A live pass that the portal did not make is never touched, but when the manager has seen it and said so."""
    return q.facts.passes is not None and {live.method_id for live in foreign_passes(q)} <= q.replacing


def foreign_passes(q: Question) -> list[LivePass]:
    ours = set(q.starter.issues.exclude(method_id="").values_list("method_id", flat=True))
    return [live for live in q.facts.passes or () if live.method_id not in ours and _may_live(live.reason)]


def _may_live(reason: str) -> bool:
    return reason not in {"Expired", "OneTimeUsed"}


def seen_of(account: Account, manager: Manager | None) -> dict[str, str]:
    """What HR looked at when they said: this person, with this manager. Compared on the day."""
    return {
        "name": account.display_name,
        "account_name": account.user_principal_name.lower(),
        "employee_id": account.employee_id,
        "manager_id": manager.object_id if manager else "",
    }


_HELP = _("Nothing was made and nothing is lost. HR has been told and will sort it out with you.")


def _and_help(words: Words) -> Words:
    return sentences((words, _HELP))


_UNREAD = _and_help(_("The portal is not allowed to check everything about this account."))
_UNREAD_HR = _(
    "The tenant keeps something from the portal that must be checked before a pass. IT must give it the right or the "
    "licence, or an admin must say in the policy that it may go on without; `manage.py doctor` names it."
)

GUARDS: tuple[Guard, ...] = (
    Guard(
        "same_account",
        same_account,
        _and_help(_("The account in the directory is not the one that HR recorded.")),
        _(
            "The directory answers with another account than the one recorded. Look at it and record the right one."
        ),
        alarming=True,
    ),
    Guard(
        "not_denied",
        not_denied,
        _and_help(_("Passes for this kind of account are handled by IT.")),
        _(
            "The account, or a group it is in, is on the list of those that never get a pass. Only an admin can change that."
        ),
        alarming=True,
    ),
    Guard(
        "enabled",
        enabled,
        _and_help(_("The account is not switched on yet.")),
        _("The account is disabled. Ask IT to enable it; the manager can then confirm again."),
        comes_right=True,
    ),
    Guard(
        "internal_member",
        internal_member,
        _and_help(_("This kind of account signs in with its own organisation.")),
        _("The account is a guest. Only internal members can get a pass."),
    ),
    Guard(
        "is_new",
        is_new,
        _and_help(_("This does not look like a new account.")),
        _(
            "The account was neither made nor hired around the start date. Is it the right account, and is the date right?"
        ),
        alarming=True,
    ),
    Guard(
        "never_signed_in",
        never_signed_in,
        _and_help(_("Somebody has signed in with this account before.")),
        _("The account was signed in to before its first pass. Ask security who it was."),
        alarming=True,
        setting="sign_ins",
        kept_from_us=sign_ins_kept_from_us,
    ),
    Guard(
        "no_own_method",
        no_own_method,
        _and_help(_("This person can already sign in by their own means, so they need no pass.")),
        _(
            "The account has its own sign-in method already. If the starter cannot use it, IT must remove it first."
        ),
        alarming=True,
        scarce=True,
    ),
    Guard(
        "no_active_role",
        no_active_role,
        _and_help(_("Passes for this kind of account are handled by IT.")),
        _(
            "The account holds an administrator role. The portal never makes a pass for one; IT hands it over."
        ),
        alarming=True,
    ),
    Guard(
        "no_eligible_role",
        no_eligible_role,
        _and_help(_("Passes for this kind of account are handled by IT.")),
        _(
            "The account can activate an administrator role. The portal never makes a pass for one; IT hands it over."
        ),
        alarming=True,
        setting="eligible_roles",
        kept_from_us=lambda q: q.facts.eligible_roles is None,
    ),
    Guard(
        "no_role_group",
        no_role_group,
        _and_help(_("Passes for this kind of account are handled by IT.")),
        _("The account is in a group that can carry administrator roles. IT hands its pass over."),
        alarming=True,
    ),
    Guard(
        "no_eligible_group",
        no_eligible_group,
        _and_help(_("Passes for this kind of account are handled by IT.")),
        _(
            "The account can become a member or owner of a managed group whenever it asks. IT hands its pass over."
        ),
        alarming=True,
        setting="eligible_groups",
        kept_from_us=lambda q: q.facts.eligible_groups is None,
    ),
    Guard(
        "not_restricted",
        not_restricted,
        _and_help(_("Passes for this kind of account are handled by IT.")),
        _(
            "The account is in a restricted administrative unit, where the portal may not act. IT hands its pass over."
        ),
        alarming=True,
        setting="restricted_unit",
    ),
    Guard(
        "in_scope",
        in_scope,
        _and_help(_("This account is not among those that the portal may make passes for.")),
        _(
            "The account is outside the groups, domains or departments that policy names. IT adds it to the right group, "
            "or an admin widens the policy."
        ),
        comes_right=True,
    ),
    Guard(
        "in_pass_policy",
        in_pass_policy,
        _and_help(_("Microsoft would not make a pass for this account yet.")),
        _(
            "The tenant's own pass policy leaves this account out, or does not allow the portal's lifetime. IT must add it "
            "to the group of that policy; that takes some minutes to be known."
        ),
        setting="pass_policy",
        kept_from_us=lambda q: q.facts.pass_policy is None,
        comes_right=True,
    ),
    Guard(
        "same_person",
        same_person,
        _and_help(_("This account is no longer the one that HR looked at.")),
        _(
            "The name, the account name or the employee number has changed since HR looked. Look again on the starter's "
            "page: is it still the same person?"
        ),
        alarming=True,
        setting="same_person",
    ),
    Guard(
        "hire_date_agrees",
        hire_date_agrees,
        _and_help(_("The date of the start does not agree with the directory.")),
        _(
            "The hire date in the directory is far from the start that was recorded, or missing. Is it the right account, "
            "and the right date?"
        ),
        setting="hire_date",
    ),
    Guard(
        "same_manager",
        same_manager,
        _and_help(_("The directory names another manager than HR saw.")),
        _(
            "The manager has changed since HR looked. Look again on the starter's page, and say whether that is right."
        ),
        setting="same_manager",
    ),
    Guard(
        "manager_now",
        manager_now,
        _and_help(_("The directory no longer names you as this person's manager.")),
        _(
            "Who confirmed is not the manager in the directory, nor who stands in for them now. Whoever is can confirm."
        ),
        alarming=True,
        personal=True,
    ),
    Guard(
        "manager_enabled",
        manager_enabled,
        _and_help(_("Your own account cannot do this.")),
        _(
            "The account of the manager, or of who stands in for them, is disabled or a guest; or nobody is above the manager "
            "any more."
        ),
        alarming=True,
    ),
    Guard(
        "three_people",
        three_people,
        _and_help(_("Who recorded a starter cannot also confirm them.")),
        _("Recorder, manager and starter must be three people. Another HR person must record this starter."),
    ),
    Guard(
        "approved",
        approved,
        _and_help(_("Somebody else in HR must agree first.")),
        _(
            "Policy asks for another person of HR, who did not record or change this starter, to approve on their page."
        ),
    ),
    Guard(
        "not_an_admin",
        not_an_admin,
        _and_help(_("Whoever sets the portal's policy cannot make a pass.")),
        _(
            "The manager is an admin of this portal. Name another manager in the directory, or take the role away."
        ),
        personal=True,
    ),
    Guard(
        "manager_has_room",
        manager_has_room,
        _and_help(_("You have created as many passes today as one manager may.")),
        _(
            "This manager has created as many passes today as policy allows one manager. If they really receive so many "
            "people, an admin can raise the number."
        ),
        alarming=True,
        personal=True,
        at_press=True,
    ),
    Guard(
        "site_has_room",
        site_has_room,
        _and_help(_("As many passes have been created today as may be.")),
        _(
            "All together have created as many passes today as policy allows. If so many people really start, an admin can "
            "raise the number."
        ),
        alarming=True,
        at_press=True,
    ),
    Guard(
        "sign_in_is_fresh",
        sign_in_is_fresh,
        _("You signed in too long ago for this step. Sign in again and confirm; nothing was made."),
        _("The manager's sign-in was too old. They are asked to sign in again."),
        personal=True,
        at_press=True,
    ),
    Guard(
        "step_up_is_for_this",
        step_up_is_for_this,
        _(
            "Each pass needs a sign-in of its own, made from this page and not long ago. Sign in once more and confirm; "
            "nothing was made."
        ),
        _("The manager had not signed in for this very pass. They are asked to sign in again."),
        personal=True,
        at_press=True,
    ),
    Guard(
        "no_foreign_pass",
        no_foreign_pass,
        _and_help(_("There is already a pass for this account that was made elsewhere.")),
        _(
            "A live pass made by another tool is on the account. Ask who made it; IT can delete it, then the manager "
            "can confirm."
        ),
        alarming=True,
        scarce=True,
    ),
)
BY_CODE = {one.code: one for guard in GUARDS for one in (guard, guard.unread)}
# What a new sign-in mends by itself: nobody else need hear of it.
MENDED_BY_SIGNING_IN = frozenset({"sign_in_is_fresh", "step_up_is_for_this"})


class Verdict(StrEnum):
    HOLDS = "holds"
    REFUSES = "refuses"
    UNREAD = "unread"  # the tenant keeps the facts from the portal, and policy wants them
    SKIPPED = "skipped"  # the tenant keeps the facts from the portal, and policy goes on without
    OFF = "off"


def verdict(guard: Guard, question: Question) -> Verdict:
    """What one guard says. A guard that fails refuses."""
    try:
        if (without := _without_asking(guard, question)) is not None:
            return without
        return Verdict.HOLDS if guard.passes(question) is True else Verdict.REFUSES
    except Exception:  # fail closed: a guard that cannot answer has said no
        return Verdict.REFUSES


def _without_asking(guard: Guard, question: Question) -> Verdict | None:
    """What is known before the guard itself is asked: that policy does without it, or the tenant keeps its facts."""
    wanted = getattr(question.policy, guard.setting) if guard.setting else True
    if wanted in {False, Check.OFF, HireDate.OFF}:
        return Verdict.OFF
    if guard.kept_from_us is not None and guard.kept_from_us(question):
        return Verdict.SKIPPED if wanted == Check.SKIP else Verdict.UNREAD
    return None


def refusals(question: Question) -> tuple[Guard, ...]:
    """The guards that refuse at this place, in the order of the table."""
    asked = [guard for guard in GUARDS if guard.is_asked_at(question.place)]
    found = [(guard, verdict(guard, question)) for guard in asked]
    return tuple(
        guard.unread if said == Verdict.UNREAD else guard
        for guard, said in found
        if said in {Verdict.REFUSES, Verdict.UNREAD}
    )


def blocking(refusing: Iterable[Guard]) -> tuple[Guard, ...]:
    """Of those that refuse, the ones that the passing of time will not put right."""
    return tuple(guard for guard in refusing if not guard.comes_right)


def not_checked(question: Question) -> list[str]:
    """Codes of the guards that policy switched off, or lets the portal go on without: it is written with the pass."""
    without = {Verdict.SKIPPED, Verdict.OFF}
    return [guard.code for guard in GUARDS if _without_asking(guard, question) in without]
