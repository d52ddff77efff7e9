"""Account details from Entra in HR's words. Views call this module and never Graph itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import audit, clock, graph, guards, policy
from onboarding.graph.listing import people
from onboarding.guards import emergency_stop, look_up_limit
from onboarding.models import AuditEvent, EffectivePolicy, Starter
from onboarding.models.hire_date import hire_day
from onboarding.participants import Identity

# An alias, so that a view can catch it without importing Graph.
DirectoryError = graph.GraphError


NO_RESPONSE = _(
    "Microsoft Entra does not respond. Your entries are still on this page. Try again in a minute."
)
NOT_ANSWERED = _("Microsoft Entra did not respond for this account. Try again in a minute.")


@dataclass(frozen=True)
class FoundAccount:
    account: graph.Account
    manager: graph.Manager | None
    facts: graph.Facts | None = None  # for the guards; None if not everything could be read


@dataclass(frozen=True)
class LookupResult:
    """The result of a look-up: found, not found, or an error message.

    `owners` are the accounts with this email address, if no account has this name.
    """

    found: FoundAccount | None = None
    error: str = ""
    owners: tuple[graph.MailOwner, ...] = ()


def look_up(account_name_or_id: str, *, recorder: Any = None) -> LookupResult:
    """Look up one account. It also reads the employee number of the `recorder`, to compare it with the manager's.

    The look-up counts for the `recorder`. Raises LookUpLimitReached.
    """
    if recorder is not None:
        look_up_limit.count_look_ups(1, by=recorder)
    try:
        account, manager = graph.client().look_up(account_name_or_id)
    except graph.NotFound:
        return _find_by_mail([account_name_or_id])[account_name_or_id]
    except graph.GraphError:
        return LookupResult(error=str(NO_RESPONSE))
    return LookupResult(read_facts(FoundAccount(account, manager), recorder=recorder))


@dataclass(frozen=True)
class NameResult:
    """Accounts with a name, at most ten. `has_more` says that there are more; `error` that Entra did not respond."""

    accounts: Sequence[people.NamedAccount] = ()
    has_more: bool = False
    error: str = ""


def find_by_name(name: str, *, recorder: Any) -> NameResult:
    """Find accounts by the beginning of the words of a name. Every account found counts as a look-up of the `recorder`.

    HR chooses one of them, and that one is looked up again. Raises LookUpLimitReached, and then shows none.
    """
    look_up_limit.count_look_ups(1, by=recorder)
    try:
        accounts, has_more = people.find_by_name(graph.client(), name)
    except graph.GraphError:
        return NameResult(error=str(NO_RESPONSE))
    if len(accounts) > 1:
        look_up_limit.count_look_ups(len(accounts) - 1, by=recorder)
    return NameResult(accounts, has_more)


def read_facts(found: FoundAccount, *, recorder: Any = None) -> FoundAccount:
    """Read the facts for the guards, and the employee number of the `recorder`. If that fails, there are no facts."""
    try:
        facts = graph.client().issue_facts(
            found.account.object_id, scarce=False, people=_recorder_ids(recorder)
        )
    except graph.GraphError:
        return found
    return replace(found, facts=facts)


def is_another_person(person: Any, starter: Starter) -> bool:
    """Return whether this person had no part in this starter under any account with the same employee number.

    An account without a number counts as another person. Raises DirectoryError.
    """
    subjects = {starter.manager_id, starter.stand_in_id, starter.account_id}
    took_part = (starter.contributor_ids | subjects) - {"", person.oid}
    numbers = graph.client().read_employee_numbers([person.oid, *sorted(took_part)])
    known = Identity(person.oid, numbers.get(person.oid, ""))
    return not any(Identity(oid, numbers.get(oid, "")).is_same_person(known) for oid in took_part)


def connection_status() -> str:
    """Return what the last requests of this process showed: `answers`, `silent` or `not asked`. It sends no request."""
    return graph.client().connection_health.status_text


def look_up_several(names: Sequence[str], *, recorder: Any = None) -> dict[str, LookupResult]:
    """Look up several accounts, each with its own result. They count for the `recorder`. Raises LookUpLimitReached."""
    if recorder is not None and names:
        look_up_limit.count_look_ups(len(set(names)), by=recorder)
    results = {name: _result_of(answer) for name, answer in graph.client().look_up_several(names).items()}
    missing = [name for name, result in results.items() if result == LookupResult()]
    return results | _find_by_mail(missing)


def _find_by_mail(names: Sequence[str]) -> dict[str, LookupResult]:
    """Search the email addresses for names that no account has. HR decides whether that account is the right one."""
    addresses = [name for name in names if "@" in name]
    try:
        owners = graph.client().find_by_mail(addresses)
    except graph.GraphError:
        return {
            name: LookupResult(error=str(NOT_ANSWERED)) if name in addresses else LookupResult()
            for name in names
        }
    return {name: LookupResult(owners=_owners_with_other_name(name, owners.get(name, ()))) for name in names}


def _owners_with_other_name(name: str, owners: Sequence[graph.MailOwner]) -> tuple[graph.MailOwner, ...]:
    """Return the owners with another account name. The look-up by name has already missed an owner with this name."""
    return tuple(owner for owner in owners if owner.user_principal_name.casefold() != name.casefold())


def _recorder_ids(recorder: Any) -> list[str]:
    return [] if recorder is None else [recorder.oid]


def read_facts_of_several(
    found: Sequence[FoundAccount], *, seconds: float, recorder: Any = None
) -> list[FoundAccount]:
    """Read the facts for the guards for several accounts, as far as possible in about `seconds`.

    The accounts were looked up a moment ago, so they and their managers are not read again.
    """
    known = {each.account.object_id: (each.account, each.manager) for each in found}
    facts = graph.client().issue_facts_several(
        list(known), seconds=seconds, people=_recorder_ids(recorder), known=known
    )
    return [replace(each, facts=facts.get(each.account.object_id)) for each in found]


def _result_of(answer: tuple[graph.Account, graph.Manager | None] | graph.GraphError) -> LookupResult:
    if isinstance(answer, graph.NotFound):
        return LookupResult()
    if isinstance(answer, graph.GraphError):
        return LookupResult(error=str(NOT_ANSWERED))
    return LookupResult(FoundAccount(*answer))


def describe_account(found: FoundAccount, *, recorder: Any, when: dict[str, Any] | None) -> dict[str, Any]:
    """Return details for HR to check, and warnings about later refusals, as far as `when` is known.

    Without `when` the guards are not asked: the worker asks them when the starter is added.
    """
    return describe_several([(found, when)], recorder=recorder)[0]


def describe_several(
    several: Sequence[tuple[FoundAccount, dict[str, Any] | None]], *, recorder: Any
) -> list[dict[str, Any]]:
    """Describe several accounts, each with its own `when`. Read policies and earlier notes once for all."""
    return [
        _describe_one(
            found, recorder, when, guards.reasons_for_guards(refusing.guards, reference=refusing.reference)
        )
        for (found, when), refusing in zip(
            several, find_refusals_of_several(several, recorder=recorder), strict=True
        )
    ]


@dataclass(frozen=True)
class Refusals:
    """The guards that will refuse an account. `reference` is the audit event's number if IT handles the account."""

    guards: tuple[guards.Guard, ...] = ()
    reference: int | None = None


def find_refusals_of_several(
    several: Sequence[tuple[FoundAccount, dict[str, Any] | None]], *, recorder: Any
) -> list[Refusals]:
    """Ask the guards about several accounts, without those that are also warnings about the account or its manager."""
    asked = [found for found, when in several if when is not None and found.facts]
    rules, now = policy.for_departments({found.account.department for found in asked}), clock.now()
    stopped = emergency_stop.find_stopped_accounts([found.account for found in asked])
    refusing = [
        () if when is None else _refusing_guards(found, recorder, when, rules, now, stopped)
        for found, when in several
    ]
    notes = [_note_of(found, refused_by) for (found, _), refused_by in zip(several, refusing, strict=True)]
    references = _record_notes([note for note in notes if _is_for_it(note)], recorder)
    return [
        Refusals(refused_by, references.get(note)) for refused_by, note in zip(refusing, notes, strict=True)
    ]


def _describe_one(
    found: FoundAccount, recorder: Any, when: dict[str, Any] | None, reasons: Sequence[guards.Reason]
) -> dict[str, Any]:
    account, manager = found.account, found.manager
    unchecked = gettext(
        "The portal could not check everything yet. It will check again before it sends the link."
    )
    return {
        "account_name": account.user_principal_name,
        "name": account.display_name,
        "job_title": account.job_title,
        "department": account.department,
        "hired_on": _hired_on(account, when),
        "manager_name": manager.display_name if manager else "",
        "warnings": [
            *_list_warnings(account, manager, recorder),
            *([unchecked] if when is not None and found.facts is None else []),
            *[str(reason.for_hr) for reason in reasons],
        ],
    }


def _hired_on(account: graph.Account, when: dict[str, Any] | None) -> date | None:
    """Return the hire date as a day in the zone that HR chose, or else in the zone of the organisation."""
    zone = (when or {}).get("time_zone") or settings.TIME_ZONE
    return hire_day(account.hire_date, ZoneInfo(zone)) if account.hire_date else None


def guards_refusing(starter: Starter, found: FoundAccount) -> tuple[guards.Guard, ...]:
    """Return the guards that refuse a starter before it is saved."""
    if found.facts is None:
        return ()
    return _ask_guards(starter, found.facts, policy.for_department(found.account.department), clock.now())


def _ask_guards(
    starter: Starter,
    facts: graph.Facts,
    rules: EffectivePolicy,
    now: datetime,
    stopped: frozenset[str] | None = None,
) -> tuple[guards.Guard, ...]:
    place = guards.Place.RECORDED
    question = guards.Question(starter, facts, None, None, rules, now, place=place, stopped_accounts=stopped)
    return guards.find_refusals(question)


def _refusing_guards(
    found: FoundAccount,
    recorder: Any,
    when: dict[str, Any],
    rules: Mapping[str, EffectivePolicy],
    now: datetime,
    stopped: frozenset[str],
) -> tuple[guards.Guard, ...]:
    """Return the guards that will refuse, without those whose text `_list_warnings` already has."""
    if found.facts is None:
        return ()
    dated = {"start_date", "start_time", "time_zone"} <= set(when)
    start = when if dated else {"start_date": now.date(), "start_time": time(9), "time_zone": "UTC"}
    starter = Starter(
        account_id=found.account.object_id,
        recorded_by=recorder,
        shaped_by=[recorder.oid],
        seen=guards.identity_snapshot(found.account, found.manager),
        **{name: start[name] for name in ("start_date", "start_time", "time_zone")},
    )
    starter.starts_at = starter.start_local
    covered = (
        _codes_in_warnings(found, recorder)
        | (set() if found.manager else MANAGER_GUARDS)
        | (set() if dated else DATE_GUARDS)
    )
    asked = _ask_guards(starter, found.facts, rules[found.account.department], now, stopped)
    return tuple(guard for guard in asked if guard.code not in covered)


LOOK_UP_EVENT = "account.looked_up"
NOTE_INTERVAL = timedelta(days=1)
MOST_NOTES = 1000  # of the newest notes, to find those that are there already
Note = tuple[str, tuple[str, ...]]  # an account that IT handles, and the codes of the guards that say so


def _note_of(found: FoundAccount, refusing: Sequence[guards.Guard]) -> Note:
    return found.account.object_id, tuple(guard.code for guard in refusing)


def _is_for_it(note: Note) -> bool:
    return any(code in guards.FOR_IT for code in note[1])


def _record_notes(notes: Collection[Note], person: Any) -> dict[Note, int]:
    """Return the numbers of the audit events that say why IT handles these accounts and who looked them up.

    Each account gets one event a day. One query reads the events of all accounts.
    """
    if not notes:
        return {}
    known = _recent_notes(person)
    if any(note not in known for note in notes):
        with audit.transaction():
            known = _recent_notes(person)  # another request may have recorded them meanwhile
            for account, codes in dict.fromkeys(notes):
                if (account, codes) not in known:
                    known[account, codes] = audit.record(
                        LOOK_UP_EVENT, by=person, facts={"codes": list(codes)}, personal={"account": account}
                    ).seq
    return {note: known[note] for note in notes}


def _recent_notes(person: Any) -> dict[Note, int]:
    since, by = clock.now() - NOTE_INTERVAL, f"{person.tid}/{person.oid}"
    newest = (
        AuditEvent.objects.filter(event=LOOK_UP_EVENT).select_related("detail").order_by("-seq")[:MOST_NOTES]
    )
    found: dict[Note, int] = {}
    for event in newest:
        values = event.detail.values
        if values.get("by") == by and datetime.fromisoformat(event.at) > since:
            found.setdefault((values.get("account", ""), tuple(event.facts.get("codes", ()))), event.seq)
    return found


def _codes_in_warnings(found: FoundAccount, recorder: Any) -> set[str]:
    """Return the guard codes that `_list_warnings` covers."""
    manager_id = found.manager.object_id if found.manager else ""
    is_same_account = recorder.oid in {manager_id, found.account.object_id}
    return {"enabled", "internal_member"} | ({"three_people"} if is_same_account else set())


MANAGER_GUARDS = {"manager_enabled", "same_manager"}
DATE_GUARDS = {"is_new", "hire_date_agrees"}


def _list_warnings(account: graph.Account, manager: graph.Manager | None, recorder: Any) -> list[str]:
    checks = [
        (
            account.enabled is not True,
            gettext("The account is disabled. Ask IT to enable it before the start date."),
        ),
        (account.kind != "member", gettext("This is a guest account. Guests cannot get a pass.")),
        (
            manager is None,
            gettext("No manager is set in Entra. Without a manager, no one can create a pass."),
        ),
        (
            manager is not None and not manager.mail,
            gettext(
                "The manager has no mailbox, so the portal cannot email the link. You must give the manager "
                "the link yourself. You will find the link on the starter’s page."
            ),
        ),
        (
            manager is not None and manager.object_id == recorder.oid,
            gettext("You cannot add someone you manage. Ask an HR colleague to add them."),
        ),
        (
            account.object_id == recorder.oid,
            gettext("This is your own account. Ask an HR colleague to add you."),
        ),
    ]
    return [warning for applies, warning in checks if applies]
