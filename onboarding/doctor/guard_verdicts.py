"""What each guard would say of the test account, were its manager to confirm now.

The guards themselves are asked, all of their table, with a starter who exists only here.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import clock, guards, policy, services
from onboarding.doctor.account import FACTS
from onboarding.doctor.frame import Check, Finding
from onboarding.doctor.visit import Visit
from onboarding.graph import GraphError
from onboarding.graph.permissions import PERMISSIONS
from onboarding.guards import GUARDS, Guard, Question, Verdict
from onboarding.models import Starter
from onboarding.step_up import Proof

NOBODY = "00000000-0000-0000-0000-000000000000"
NO_ROW = -1  # so that what belongs to the starter, or to the manager, can be asked for, and is not there
# What the guards cannot do without.
NEEDED = tuple(fact.id for fact in FACTS if not fact.rule)
# Each of these is named by itself where it is wrong; a verdict on top would name it twice.
NAMED = (
    *(f"permission.{permission.name}" for permission in PERMISSIONS),
    *(fact.id for fact in FACTS),
    *(f"policy.{what}" for what in ("read", "on", "bounds", "scope")),
    "account.scope",
)
TITLES = {
    "same_account": _("Guard same account"),
    "not_denied": _("Guard not denied"),
    "enabled": _("Guard enabled"),
    "internal_member": _("Guard internal member"),
    "is_new": _("Guard is new"),
    "never_signed_in": _("Guard never signed in"),
    "no_own_method": _("Guard no own method"),
    "no_active_role": _("Guard no active role"),
    "no_eligible_role": _("Guard no eligible role"),
    "no_role_group": _("Guard no role group"),
    "no_eligible_group": _("Guard no eligible group"),
    "not_restricted": _("Guard not restricted"),
    "in_scope": _("Guard in scope"),
    "in_pass_policy": _("Guard in pass policy"),
    "same_person": _("Guard same person"),
    "hire_date_agrees": _("Guard hire date agrees"),
    "same_manager": _("Guard same manager"),
    "manager_now": _("Guard manager now"),
    "manager_enabled": _("Guard manager enabled"),
    "three_people": _("Guard three people"),
    "approved": _("Guard approved"),
    "not_an_admin": _("Guard not an admin"),
    "manager_has_room": _("Guard manager has room"),
    "site_has_room": _("Guard site has room"),
    "sign_in_is_fresh": _("Guard sign in is fresh"),
    "step_up_is_for_this": _("Guard step up is for this"),
    "no_foreign_pass": _("Guard no foreign pass"),
}


def verdict(guard: Guard, visit: Visit) -> Finding:
    states = visit.states
    if any(states[name] in {"wrong", "unknown"} for name in NAMED) or any(
        states[name] != "ok" for name in NEEDED
    ):
        return Finding(
            "skipped",
            gettext("Not asked: something that it looks at could not be read, or is not as it should be."),
        )
    try:
        question = visit.keep("question", lambda: _question(visit))
    except GraphError:
        return Finding("skipped", gettext("Not asked: the facts about the account are not complete."))
    match guards.verdict(guard, question):
        case Verdict.HOLDS:
            return Finding("ok", gettext("It would let the pass be made."))
        case Verdict.OFF:
            return Finding("skipped", gettext("Policy switches it off."))
        case Verdict.SKIPPED:
            return Finding("skipped", gettext("What it looks at cannot be read, and policy goes on without."))
        case Verdict.UNREAD:
            return Finding("wrong", gettext("What it looks at cannot be read."), str(guard.unread.for_hr))
    return Finding("wrong", gettext("It would refuse this account."), str(guard.for_hr))


def _question(visit: Visit) -> Question:
    facts, now = visit.parts.facts(), clock.now()
    starter, manager = _starter(visit), _manager(visit)
    rules = policy.of_department(facts.account.department)
    contexts = (rules.step_up_context,) if rules.step_up_context else ()
    return Question(
        starter=starter,
        facts=facts,
        person=manager,
        signed_in_at=now,
        policy=rules,
        now=now,
        # The manager has just signed in, for this starter, as policy wants it: that is theirs to do, not the account's.
        proof=Proof(NOBODY, starter.public_id, manager.oid, contexts, now),
    )


def _starter(visit: Visit) -> Starter:
    """As HR would have recorded the account a day ago, to start now. Never saved."""
    account, manager, now = visit.parts.account, visit.parts.manager, clock.now()
    local = now.astimezone(ZoneInfo(settings.TIME_ZONE))
    told = visit.states["fact.sign_ins"] == "ok"
    starter = Starter(
        pk=NO_ROW,
        account_id=account.object_id,
        start_date=local.date(),
        start_time=local.time().replace(second=0, microsecond=0),
        time_zone=settings.TIME_ZONE,
        starts_at=now,
        recorded_by=get_user_model()(tid=settings.TENANT_ID, oid=NOBODY),
        recorded_at=now - timedelta(days=1),
        sign_in_looked_at=now,
        sign_in_told=told,
        last_sign_in_at=visit.parts.last_sign_in if told else None,
    )
    for name, value in services.directory_facts(account, manager).items():
        setattr(starter, name, value)
    starter.seen = guards.seen_of(account, manager)
    return starter


def _manager(visit: Visit) -> Any:
    """Whom the directory names; with their roles, where the portal knows them."""
    manager, people = visit.parts.manager, get_user_model().objects
    oid = manager.object_id if manager else NOBODY
    known = people.filter(tid=settings.TENANT_ID, oid=oid).first()
    return known or get_user_model()(pk=NO_ROW, tid=settings.TENANT_ID, oid=oid)


CHECKS = tuple(
    Check(
        f"guard.{guard.code}",
        TITLES[guard.code],
        partial(verdict, guard),
        needs=("fact.account",),
    )
    for guard in GUARDS
)
