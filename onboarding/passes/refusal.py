"""Refusing a pass: by a missing sign-in, by the guards, or because a fact could not be read. Each is recorded.

The texts of a refusal are in the guards: `onboarding/guards/engine.py` says where.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, NoReturn

from onboarding import audit, clock, graph, guards, obstacles, participants
from onboarding.guards import approvals, daily_limits, step_up
from onboarding.guards.daily_limits import DailyLimitReached, Use
from onboarding.models import EffectivePolicy, Starter
from onboarding.passes import graph_quota
from onboarding.passes.confirmation import Confirmation, ForeignPass
from onboarding.passes.errors import PageOutdated, RefusedByGuards, TryAgainLater
from onboarding.passes.foreign_passes import calls_to_replace

log = logging.getLogger(__name__)


def require_sign_in(confirmation: Confirmation, rules: EffectivePolicy) -> None:
    """Refuse if the manager must sign in again, before any quota is spent. The guards check this again later."""
    now = clock.now()
    checks = {
        "sign_in_is_fresh": guards.is_sign_in_fresh(confirmation.signed_in_at, rules, now),
        "step_up_is_for_this": step_up.is_valid_proof(
            confirmation.proof,
            starter=confirmation.starter,
            person=confirmation.person,
            rules=rules,
            now=now,
        ),
    }
    refusing = tuple(guards.BY_CODE[code] for code, holds in checks.items() if not holds)
    if refusing:
        refuse_pass(confirmation, rules, refusing)


def refuse_before_queueing(confirmation: Confirmation, rules: EffectivePolicy) -> None:
    """Refuse at once a request that would wait in the queue only to be refused. This costs none of the quota.

    The facts are read only if the last check or the portal's own records suggest a refusal. All other requests queue
    without a further call to Graph.
    """
    starter, person = confirmation.starter, confirmation.person
    if not _is_likely_refused(confirmation, rules):
        return
    if not graph_quota.would_join_queue(starter, person, more=calls_to_replace(confirmation)):
        return
    try:
        facts = participants.read_facts(starter, rules, clock.now())
    except graph.Throttled as error:
        graph_quota.back_off(error.retry_after)
        raise TryAgainLater("not_checkable") from None
    except graph.GraphError as error:
        raise record_unreadable(confirmation, error) from None
    require_guards(confirmation, rules, facts, scarce=False)


def _is_likely_refused(confirmation: Confirmation, rules: EffectivePolicy) -> bool:
    """Whether the portal's own records suggest a refusal. Makes no call to Graph."""
    starter, person = confirmation.starter, confirmation.person
    return bool(
        starter.problem
        or participants.find_admin_involvement(person, rules, clock.now())
        or approvals.list_missing_approvals(starter, rules)
        or not daily_limits.are_both_below_limit(person, rules)
    )


def require_guards(
    confirmation: Confirmation, rules: EffectivePolicy, facts: graph.Facts, *, scarce: bool = True
) -> None:
    """Refuse unless every guard holds. With `scarce=False`, skip the guards that need a read within the quota."""
    question = guard_question(confirmation, rules, facts)
    refusing = tuple(guard for guard in guards.find_refusals(question) if scarce or not guard.scarce)
    if refusing:
        unchanged = Starter.objects.filter(pk=confirmation.starter.pk, version=confirmation.starter.version)
        if not unchanged.exists():
            raise PageOutdated  # another request was faster: its pass looks foreign, and there is nothing to alarm
        refuse_pass(
            confirmation,
            rules,
            refusing,
            tuple(map(ForeignPass.from_live_pass, guards.foreign_passes(question))),
        )


def guard_question(confirmation: Confirmation, rules: EffectivePolicy, facts: graph.Facts) -> guards.Question:
    """Return the question that every guard answers, as of this moment."""
    return guards.Question(
        confirmation.starter,
        facts,
        confirmation.person,
        confirmation.signed_in_at,
        rules,
        clock.now(),
        replacing=confirmation.replacing,
        proof=confirmation.proof,
    )


def refuse_pass(
    confirmation: Confirmation,
    rules: EffectivePolicy,
    refusing: tuple[guards.Guard, ...],
    foreign: tuple[ForeignPass, ...] = (),
) -> NoReturn:
    """Record the refusal, notify HR unless a new sign-in is enough, and raise RefusedByGuards."""
    codes = [guard.code for guard in refusing]
    with audit.transaction():
        event = audit.record(
            "issue.refused",
            by=confirmation.person,
            starter=confirmation.starter,
            facts={"codes": codes, "policy": rules.version_key},
        )
        if not guards.FIXED_BY_SIGNING_IN.issuperset(codes):
            _count_refusal(confirmation, rules)
            obstacles.store_refusal(confirmation.starter, refusing, event)
    raise RefusedByGuards(refusing, foreign if codes == ["no_foreign_pass"] else ())


def _count_refusal(confirmation: Confirmation, rules: EffectivePolicy) -> None:
    with suppress(DailyLimitReached):  # parallel requests: these are refused for a reason of their own
        daily_limits.count_use(Use.REFUSALS, confirmation.person.oid, most=rules.manager_refusals_daily)


def require_below_refusal_limit(person: Any, rules: EffectivePolicy) -> None:
    """Stop a person whose requests were refused too often today. This costs no call to Graph. Raises TryAgainLater."""
    if daily_limits.used_today(Use.REFUSALS, person.oid) >= rules.manager_refusals_daily:
        log.warning("no pass was created, since too many requests of this person were refused today")
        raise TryAgainLater("refusal_limit")


def record_unreadable(confirmation: Confirmation, error: graph.GraphError) -> TryAgainLater:
    """Record that a fact could not be read, which counts as a refusal. Returns the error to raise."""
    code = "account_gone" if isinstance(error, graph.NotFound) else "not_checkable"
    log.warning("no pass was created, since a check could not read its data: %s", error)
    facts = {"codes": [code], "graph": error.code, "graph_request_id": error.request_id}
    with audit.transaction():
        audit.record("issue.refused", by=confirmation.person, starter=confirmation.starter, facts=facts)
    return TryAgainLater(code)
