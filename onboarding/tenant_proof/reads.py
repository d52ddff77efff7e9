"""Checks that only read: which fields come as null, which lists work, and how Microsoft refuses."""

from __future__ import annotations

from onboarding import graph
from onboarding.graph.diagnostics.probes import Diagnosis
from onboarding.graph.diagnostics.tenant_answers import Fields, Reply
from onboarding.models.tenant_proof.probe_pass import LONGEST_PROBE
from onboarding.tenant_proof.findings import Check, Finding, State, skipped
from onboarding.tenant_proof.run import ProofRun

NO_ACCOUNT = "Name a test account with --account or --probe."
NEVER_NULL = frozenset(
    {"id", "userPrincipalName", "displayName", "accountEnabled", "userType", "createdDateTime"}
)
DAY_MINUTES = 24 * 60


def check_token(run: ProofRun) -> Finding:
    """How long a token lives says how long a new grant can take: an earlier token does not contain it."""
    identity = Diagnosis(run.client).read_identity()
    facts = {"identity": identity.kind, "permissions": sorted(identity.permissions)}
    if identity.issued_at is None or identity.expires_at is None:
        return Finding(State.OPEN, "unknown", "The token does not say how long it lives.", facts)
    minutes = round((identity.expires_at - identity.issued_at).total_seconds() / 60)
    words = (
        f"The portal authenticates with: {identity.kind}. Its token lives {minutes} minutes, so a new permission counts "
        f"after {minutes} minutes at most. --watch-grant measures it."
    )
    return Finding(State.ANSWERED, f"{minutes} minutes", words, {**facts, "minutes": minutes})


def check_account_fields(run: ProofRun) -> Finding:
    """A field that the guards need and that comes as null or not at all makes them refuse."""
    if not run.first_account:
        return skipped(NO_ACCOUNT)
    fields = run.answers.read_account_fields(run.first_account)
    missing = sorted(
        (NEVER_NULL & {*fields.null, *fields.absent}) | ({*fields.absent} - {"isManagementRestricted"})
    )
    facts = {"null": sorted(fields.null), "absent": sorted(fields.absent)}
    if missing:
        words = f"The guards refuse this account, because Graph does not tell: {', '.join(missing)}."
        return Finding(State.ATTENTION, "missing", words, facts)
    return Finding(State.ANSWERED, "complete", f"All fields came. {_name_nulls(fields)}", facts)


def check_group_fields(run: ProofRun) -> Finding:
    """Graph has null for an ordinary group. Without the permission it has null for the name too."""
    if not run.first_account:
        return skipped(NO_ACCOUNT)
    fields = run.answers.read_group_fields(run.first_account)
    facts = {"null": sorted(fields.null), "absent": sorted(fields.absent)}
    if "displayName" in {*fields.null, *fields.absent} or "isAssignableToRole" in fields.absent:
        words = "Graph does not tell the names of the account's groups, so the guards refuse. Grant GroupMember.Read.All."
        return Finding(State.ATTENTION, "hidden", words, facts)
    return Finding(State.ANSWERED, "readable", f"The groups can be read. {_name_nulls(fields)}", facts)


def check_sign_in_fields(run: ProofRun) -> Finding:
    if not run.first_account:
        return skipped(NO_ACCOUNT)
    try:
        with run.sign_in_call():
            fields = run.answers.read_sign_in_fields(run.first_account)
    except graph.ReadNotPermitted as error:
        return _not_permitted(error, "the sign-in activity")
    facts = {"null": sorted(fields.null), "absent": sorted(fields.absent)}
    if "signInActivity" in {*fields.null, *fields.absent}:
        how = "null" if "signInActivity" in fields.null else "absent"
        return Finding(State.ANSWERED, f"never: {how}", f"Nobody signed in, and the field is {how}.", facts)
    return Finding(State.ANSWERED, "present", f"Somebody signed in or tried to. {_name_nulls(fields)}", facts)


def check_sign_in_list(run: ProofRun) -> Finding:
    """Does one call read the sign-in activity of several accounts? Without it, the portal reads them one by one."""
    accounts = list(run.all_accounts)
    if len(accounts) < 2:
        return skipped("Name at least two accounts with --account.")
    try:
        with run.sign_in_call():
            found = run.client.list_sign_ins(accounts[:15])
    except graph.ReadNotPermitted as error:
        return _not_permitted(error, "the sign-in activity")
    except graph.Refused as error:
        words = "The tenant does not accept a list. The portal reads the accounts one by one, ten a minute."
        return Finding(State.ANSWERED, "refused", words, _facts_of(Reply.of_error(error)))
    facts = {"asked": len(accounts[:15]), "answered": len(found)}
    if len(found) < len(accounts[:15]):
        words = "The list left out accounts. The portal counts them as not read, and reads them again."
        return Finding(State.ATTENTION, "incomplete", words, facts)
    return Finding(State.ANSWERED, "works", "One call reads the sign-in activity of several accounts.", facts)


def check_pass_rules(run: ProofRun) -> Finding:
    try:
        rules = run.answers.read_pass_rules()
    except graph.ReadNotPermitted as error:
        return _not_permitted(error, "the policy for passes")
    facts = {
        "enabled": rules.enabled,
        "shortest": rules.shortest_minutes,
        "longest": rules.longest_minutes,
        "included": len(rules.included),
        "everybody": "all_users" in rules.included,
        "excluded": len(rules.excluded),
    }
    if not rules.enabled:
        return Finding(State.ATTENTION, "off", "Temporary Access Pass is switched off in this tenant.", facts)
    span = f"Passes live from {rules.shortest_minutes} to {rules.longest_minutes} minutes."
    if rules.shortest_minutes > LONGEST_PROBE:
        words = f"{span} For test passes, set the minimum in Entra to {LONGEST_PROBE} minutes while you prove the tenant."
        return Finding(State.ATTENTION, "too long for probes", words, facts)
    return Finding(State.ANSWERED, "on", span, facts)


def check_unknown_account(run: ProofRun) -> Finding:
    with run.method_calls():
        reply = run.answers.ask_about_unknown_account()
    return _expect_not_found(reply, "an account that does not exist")


def check_unknown_pass(run: ProofRun) -> Finding:
    if not run.first_account:
        return skipped(NO_ACCOUNT)
    with run.method_calls():
        reply = run.answers.ask_about_unknown_pass(run.first_account)
    return _expect_not_found(reply, "a pass that does not exist")


def _expect_not_found(reply: Reply, what: str) -> Finding:
    words = f"For {what}, Microsoft answers {reply.status} {reply.code}."
    state = State.ANSWERED if reply.status == 404 else State.ATTENTION
    return Finding(state, f"{reply.status} {reply.code}".strip(), words, _facts_of(reply))


def check_hire_dates(run: ProofRun) -> Finding:
    """The portal uses only `ge` and `le`, which Microsoft documents for this field."""
    replies = {operator: run.answers.ask_for_hire_dates(operator) for operator in ("ge", "le", "gt", "lt")}
    works = [operator for operator, reply in replies.items() if reply.status == 200]
    facts = {operator: reply.status for operator, reply in replies.items()}
    if not {"ge", "le"} <= {*works}:
        words = "Lists by hire date do not work, so the portal cannot propose starters."
        return Finding(State.ATTENTION, "refused", words, facts)
    return Finding(
        State.ANSWERED, ", ".join(works), f"Lists by hire date work with: {', '.join(works)}.", facts
    )


def _not_permitted(error: graph.GraphError, what: str) -> Finding:
    words = f"The tenant does not let the portal read {what}: a permission or a licence is missing. Run the doctor."
    return Finding(State.ATTENTION, "not permitted", words, _facts_of(Reply.of_error(error)))


def _facts_of(reply: Reply) -> dict[str, object]:
    return {
        "status": reply.status,
        "code": reply.code,
        "request_id": reply.request_id,
        "client_request_id": reply.client_request_id,
    }


def _name_nulls(fields: Fields) -> str:
    return f"Null: {', '.join(sorted(fields.null)) or 'none'}. Not sent: {', '.join(sorted(fields.absent)) or 'none'}."


READS = (
    Check("token", "How long until a new permission counts?", check_token, "reads"),
    Check("account", "Which fields of an account are null or missing?", check_account_fields, "reads"),
    Check("groups", "Which fields of its groups are null or missing?", check_group_fields, "reads"),
    Check("sign_ins", "Can the sign-in activity of one account be read?", check_sign_in_fields, "reads"),
    Check("sign_in_list", "Can the sign-in activity of several accounts be read in one call?", check_sign_in_list, "reads"),
    Check("pass_policy", "What does the tenant's policy for passes allow?", check_pass_rules, "reads"),
    Check("unknown_account", "How does Microsoft answer about an account that does not exist?", check_unknown_account, "reads"),
    Check("unknown_pass", "How does Microsoft answer about a pass that does not exist?", check_unknown_pass, "reads"),
    Check("hire_dates", "Which comparisons with a hire date work?", check_hire_dates, "reads"),
)  # fmt: skip
