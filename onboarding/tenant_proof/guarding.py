"""May this account get a probe pass, now? The guards of every pass decide, and some rules that only probe passes have.

No guard is switched off or skipped for a probe pass. Left out are only the guards about people: nobody confirms a probe
pass and nobody sees it, so there is no manager, and HR added nobody.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

from onboarding import clock, graph, guards, jobs, policy
from onboarding.graph.diagnostics.probe_results import Outcome
from onboarding.graph.diagnostics.probes import Diagnosis
from onboarding.guards import Question, Verdict, daily_limits
from onboarding.models import EffectivePolicy, ProbePass, Starter
from onboarding.models.tenant_proof.probe_pass import LONGEST_PROBE
from onboarding.restored import use
from onboarding.tenant_proof.run import ProofRun

# The guards about the manager who confirms and about HR, who added the starter. A new guard is asked by default.
ABOUT_PEOPLE = frozenset(
    {
        "same_manager", "manager_now", "manager_enabled", "recorder_is_a_person", "three_people", "approved",
        "not_an_admin", "manager_has_room", "sign_in_is_fresh", "step_up_is_for_this",
    }
)  # fmt: skip
# An account with a role, active or eligible, gets no probe pass, whatever the policy says.
ABOUT_ROLES = frozenset(
    {
        "not_denied", "no_active_role", "no_eligible_role", "no_role_group", "no_eligible_group", "not_restricted",
    }
)  # fmt: skip
# The part of the facts that a tenant without the licence for PIM does not have.
PART_OF = {"no_eligible_role": "eligible", "no_eligible_group": "eligible_groups"}

NOT_NAMED, NOT_IN_USE, FROZEN, NO_WORKER, IS_A_STARTER, NO_ROOM = (
    "not_named", "not_in_use", "frozen", "no_worker", "is_a_starter", "no_room_for_probes",
)  # fmt: skip
OWN_RULES = {
    NOT_NAMED: (
        "The policy does not name this account. An admin adds it to “test accounts for test passes”, and a second admin "
        "activates that version. That counts for one hour."
    ),
    NOT_IN_USE: "The database is a restored copy that nobody has adopted yet.",
    FROZEN: "The portal is frozen.",
    NO_WORKER: "No worker runs, so nobody would delete the pass if this command were stopped.",
    IS_A_STARTER: "The account belongs to a starter whose onboarding is going on. Use a test account.",
    NO_ROOM: "The daily limit of passes is reached.",
}


def rules_for(account: graph.Account) -> EffectivePolicy:
    """Return the policy for this account, with the lifetime of a probe pass. Never saved."""
    rules = copy(policy.for_department(account.department))
    rules.lifetime_minutes = LONGEST_PROBE
    return rules


def read_facts(run: ProofRun, account_id: str) -> graph.Facts:
    """Read all that the guards need, within the shared quotas. Raises GraphError and QuotaUnavailable."""
    with run.sign_in_call(), run.method_calls():
        return run.client.issue_facts(account_id, sign_ins=True)


def build_question(facts: graph.Facts, ours: frozenset[str] = frozenset()) -> Question:
    """Return the question as at the click of a manager. `ours` are the probe passes that are live now."""
    now, account = clock.now(), facts.account
    starter = Starter(
        pk=0,  # no starter has it, so the account has no passes of an earlier attempt
        account_id=account.object_id,
        account_name=account.user_principal_name,
        department=account.department,
        seen=guards.identity_snapshot(account, facts.manager),
        starts_at=now,
        start_date=now.date(),
        start_time=now.time(),
        time_zone="UTC",
    )
    known = facts.sign_ins
    if isinstance(known, graph.SignIns):
        starter.sign_in_looked_at, starter.sign_in_told = now, True
        starter.last_sign_in_at, starter.last_attempt_at = known.succeeded_at, known.attempted_at
    elif isinstance(known, graph.ReadNotPermitted):
        starter.sign_in_looked_at, starter.sign_in_told = now, False
    return Question(starter, facts, None, None, rules_for(account), now, replacing=ours)


def find_refusals(question: Question) -> list[str]:
    """Return the codes of the guards that refuse, and of the extra rules for probe passes."""
    asked = [guard for guard in guards.GUARDS if guard.code not in ABOUT_PEOPLE]
    return [guard.code for guard in asked if not _holds(guard, question)]


def _holds(guard: guards.Guard, question: Question) -> bool:
    """A guard about roles must hold. Of the others, the policy can continue without one that cannot be read."""
    verdict = guards.evaluate_guard(guard, question)
    if guard.code not in ABOUT_ROLES:
        return verdict in {Verdict.HOLDS, Verdict.SKIPPED, Verdict.OFF}
    if verdict == Verdict.OFF:  # asked all the same
        asked = guards.evaluate_guard(replace(guard, setting=""), question)
        verdict = Verdict.SKIPPED if asked == Verdict.UNREAD else asked
    if verdict == Verdict.SKIPPED:
        return _lacks_licence(question, PART_OF.get(guard.code, ""))
    return verdict == Verdict.HOLDS


def list_unchecked_codes(question: Question) -> list[str]:
    """Return the codes of the guards that the policy switched off or skips, as the audit log has them for each pass."""
    return [code for code in guards.list_unchecked_codes(question) if code not in ABOUT_PEOPLE | ABOUT_ROLES]


def _lacks_licence(question: Question, part: str) -> bool:
    """Whether Graph says that the tenant has no licence for this part: then no account can be eligible for a role."""
    parts = Diagnosis(graph.client()).read_account(question.account.object_id)
    return bool(part) and parts.missing is None and parts.read_result(part).outcome == Outcome.NO_LICENCE


def find_own_refusals(account_id: str, rules: EffectivePolicy) -> list[str]:
    """Return the codes of the rules that only probe passes have, and that do not hold now."""
    starters = Starter.objects.unfinished().filter(account_id=account_id)
    holds = {
        NOT_NAMED: policy.find_end_of_probes(account_id) is not None,
        NOT_IN_USE: use.find_cause() is None,
        FROZEN: not rules.frozen,
        NO_WORKER: jobs.has_live_worker(),
        IS_A_STARTER: not starters.exists(),
        NO_ROOM: daily_limits.are_probes_below_limit(rules),
    }
    return [code for code, is_true in holds.items() if not is_true]


def live_probe_ids(account_id: str) -> frozenset[str]:
    """Return the ids in Entra of this account's probe passes that Microsoft's list may still show."""
    rows = ProbePass.objects.filter(account_id=account_id, ended_at=None).exclude(method_id="")
    return frozenset(rows.values_list("method_id", flat=True))


def describe(codes: list[str]) -> str:
    """Return a sentence for the operator, for each code."""
    titles = {guard.code: f"This check refuses a pass: {guard.title}." for guard in guards.GUARDS}
    return " ".join(OWN_RULES.get(code) or titles.get(code, code) for code in codes)
