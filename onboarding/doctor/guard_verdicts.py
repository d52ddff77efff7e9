"""What each guard would say about the test account if its manager confirmed now.

The real guards decide, with a starter that exists only here. The guards for accounts that IT handles are one check,
because the doctor must show admins no more about such an account than HR sees.
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

from onboarding import clock, guards, policy
from onboarding.doctor.account import FACTS
from onboarding.doctor.context import DoctorRun
from onboarding.doctor.runner import Check, Finding
from onboarding.graph import GraphError
from onboarding.graph.permissions import PERMISSIONS
from onboarding.guards import GUARDS, Guard, Question, Verdict
from onboarding.guards.step_up import Proof
from onboarding.i18n import join_sentences
from onboarding.models import Starter
from onboarding.starters import directory_sync

NO_PERSON_ID = "00000000-0000-0000-0000-000000000000"
NO_ROW = -1  # a key without a row, so that queries for related rows work and find nothing
# What the guards cannot work without.
REQUIRED_FACTS = tuple(fact.id for fact in FACTS if not fact.rule)
# Each of these has a check of its own; a verdict would report the same fault twice.
REPORTED_CHECKS = (
    *(f"permission.{permission.name}" for permission in PERMISSIONS),
    *(fact.id for fact in FACTS),
    *(f"policy.{what}" for what in ("read", "on", "bounds", "scope")),
    "account.scope",
)


def check_guard(guard: Guard, run: DoctorRun) -> Finding:
    """Return the verdict of one guard. For an account that IT handles, only `check_handled_by_it` has a finding."""
    verdicts = _read_verdicts(run)
    if isinstance(verdicts, Finding):
        return verdicts
    if _is_handled_by_it(verdicts):
        return Finding("skipped", gettext("Skipped: the portal cannot create a pass for this account."))
    match verdicts[guard.code]:
        case Verdict.HOLDS:
            return Finding("ok", gettext("This check allows a pass."))
        case Verdict.OFF:
            return Finding("skipped", gettext("The policy turns this check off."))
        case Verdict.SKIPPED:
            return Finding(
                "skipped",
                gettext(
                    "The portal cannot read the data for this check. The policy allows passes without this "
                    "check."
                ),
            )
        case Verdict.UNREAD:
            return _unread_finding(guard)
    return Finding(
        "wrong", gettext("This check does not allow a pass for this account."), _text_for_hr(guard)
    )


def check_handled_by_it(run: DoctorRun) -> Finding:
    """What the guards for accounts that IT handles say together, without saying which one refuses."""
    verdicts = _read_verdicts(run)
    if isinstance(verdicts, Finding):
        return verdicts
    if _is_handled_by_it(verdicts):
        return Finding("wrong", str(guards.CANNOT), _ask_it_text(run))
    for guard in GUARDS:
        if guard.code in guards.FOR_IT and verdicts[guard.code] is Verdict.UNREAD:
            return _unread_finding(guard)
    return Finding("ok", gettext("This check allows a pass."))


def _read_verdicts(run: DoctorRun) -> dict[str, Verdict] | Finding:
    """The verdict of each guard by its code; or why no guard was asked."""
    states = run.states
    if any(states[name] in {"wrong", "unknown"} for name in REPORTED_CHECKS) or any(
        states[name] != "ok" for name in REQUIRED_FACTS
    ):
        return Finding(
            "skipped",
            gettext("Skipped, because another check found a problem or has no result."),
        )
    try:
        question = run.cached("question", lambda: _build_question(run))
    except GraphError:
        return Finding("skipped", gettext("Skipped: the account's details are incomplete."))
    return run.cached(
        "verdicts", lambda: {guard.code: guards.evaluate_guard(guard, question) for guard in GUARDS}
    )


def _is_handled_by_it(verdicts: dict[str, Verdict]) -> bool:
    return any(verdicts[code] is Verdict.REFUSES for code in guards.FOR_IT)


def _unread_finding(guard: Guard) -> Finding:
    return Finding(
        "wrong",
        gettext("The portal cannot read the data for this check."),
        _text_for_hr(guard.unread_variant),
    )


def _text_for_hr(guard: Guard) -> str:
    return str(guards.reasons_for_guards([guard], reference=None)[0].for_hr)


def _ask_it_text(run: DoctorRun) -> str:
    """Ask IT, with HR's reference if a starter has this account. The doctor itself records no event."""
    refused = Starter.objects.filter(
        account_id=run.parts.object_id, problem=Starter.Problem.REFUSED, answer_event__isnull=False
    )
    found = [
        starter
        for starter in refused.order_by("-answer_event")
        if not guards.FOR_IT.isdisjoint(starter.refused_for)
    ]
    if found:
        return str(guards.describe_it_referral(found[0].answer_event))
    hint = gettext(
        "There is no reference number yet. If IT needs one, ask HR to look up the account in the portal. HR then sees "
        "the number."
    )
    return str(join_sentences((guards.describe_it_referral(None), hint)))


def _build_question(run: DoctorRun) -> Question:
    facts, now = run.parts.build_facts(), clock.now()
    starter, manager = _build_starter(run), _build_manager(run)
    rules = policy.for_department(facts.account.department)
    contexts = (rules.step_up_context,) if rules.step_up_context else ()
    return Question(
        starter=starter,
        facts=facts,
        person=manager,
        signed_in_at=now,
        policy=rules,
        now=now,
        # As if the manager had just signed in for this starter as policy requires: that does not depend on the account.
        proof=Proof(NO_PERSON_ID, starter.public_id, manager.oid, contexts, now),
    )


def _build_starter(run: DoctorRun) -> Starter:
    """A starter as if HR had added the account yesterday, to start now. Never saved."""
    account, manager, now = run.parts.account, run.parts.manager, clock.now()
    local = now.astimezone(ZoneInfo(settings.TIME_ZONE))
    can_read_sign_ins = run.states["fact.sign_ins"] == "ok"
    starter = Starter(
        pk=NO_ROW,
        account_id=account.object_id,
        start_date=local.date(),
        start_time=local.time().replace(second=0, microsecond=0),
        time_zone=settings.TIME_ZONE,
        starts_at=now,
        recorded_by=get_user_model()(pk=NO_ROW, tid=settings.TENANT_ID, oid=NO_PERSON_ID),
        recorded_at=now - timedelta(days=1),
        sign_in_looked_at=now,
        sign_in_told=can_read_sign_ins,
        last_sign_in_at=run.parts.sign_ins.succeeded_at if can_read_sign_ins else None,
        last_attempt_at=run.parts.sign_ins.attempted_at if can_read_sign_ins else None,
    )
    for name, value in directory_sync.directory_facts(account, manager).items():
        setattr(starter, name, value)
    starter.seen = guards.identity_snapshot(account, manager)
    return starter


def _build_manager(run: DoctorRun) -> Any:
    """The manager in the directory, with their roles if the portal knows them."""
    manager, people = run.parts.manager, get_user_model().objects
    oid = manager.object_id if manager else NO_PERSON_ID
    known = people.filter(tid=settings.TENANT_ID, oid=oid).first()
    return known or get_user_model()(pk=NO_ROW, tid=settings.TENANT_ID, oid=oid)


CHECKS = (
    Check(
        f"guard.{guards.HANDLED_BY_IT}",
        _("Kind of account"),
        check_handled_by_it,
        needs=("fact.account",),
    ),
    *(
        Check(f"guard.{guard.code}", guard.title, partial(check_guard, guard), needs=("fact.account",))
        for guard in GUARDS
        if guard.code not in guards.FOR_IT
    ),
)
