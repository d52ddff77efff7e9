"""Parse Graph's records into the portal's values."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from urllib.parse import unquote

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from onboarding.graph.entities import (
    Account,
    CreatedPass,
    Facts,
    Kind,
    LivePass,
    MailOwner,
    Manager,
    Method,
    PassPolicy,
    SignIns,
)
from onboarding.graph.errors import GraphError, NotFound, OutcomeUnknown, ReadNotPermitted
from onboarding.graph.pass_code import PassCode
from onboarding.graph.responses import Answer, Record
from onboarding.inputs.addresses import single_address

CODE = re.compile(r"[!-~]{8,48}")
SOMEONE_IN_CONTEXT = re.compile(r"#users\((?:'|%27)([^'%)]*)", re.IGNORECASE)
LONGEST_MINUTES = 43200
PASS_IN_LOCATION = re.compile(r"temporaryAccessPassMethods(?:/|\(')([^/?()']+)", re.IGNORECASE)
# The answer to a POST has three times of the new pass: `Date`, creation and start. The request has no start time, so they
# must be the same moment. Without a `Date`, the portal's own clock is used, which can be wrong by more.
ONE_MOMENT, ONE_MOMENT_BY_OUR_CLOCK = timedelta(minutes=5), timedelta(minutes=15)
PEOPLE = "people "  # the parts of a batch that read employee numbers begin with this


def parse_account(record: Record) -> Account:
    return Account(
        object_id=record.guid("id"),
        user_principal_name=record.text("userPrincipalName"),
        display_name=record.text("displayName"),
        job_title=record.text("jobTitle"),
        department=record.text("department"),
        mail=single_address(record.raw("mail")),
        employee_id=record.text("employeeId"),
        hire_date=record.moment("employeeHireDate"),
        created_at=record.moment("createdDateTime"),
        enabled=record.flag("accountEnabled"),
        kind=_account_kind(record),
        restricted=_is_restricted(record),
    )


def parse_manager(answer: Answer) -> Manager | None:
    """Return the manager. Graph answers 404 if there is none."""
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise answer.to_error()
    record = answer.record()
    return Manager(
        object_id=record.guid("id"),
        user_principal_name=record.text("userPrincipalName"),
        display_name=record.text("displayName"),
        mail=single_address(record.raw("mail")),
        enabled=record.flag("accountEnabled"),
        kind=_account_kind(record),
        employee_id=record.text("employeeId"),
    )


def methods_and_passes(record: Record) -> tuple[tuple[Method, ...], tuple[LivePass, ...]]:
    """Split the registered methods into lasting methods and passes."""
    methods, passes = [], []
    for item in record.all_records():
        name = _method_type(item)
        if name == "temporaryAccessPass":
            passes.append(live_pass(item))
        else:
            methods.append(
                Method(
                    name,
                    method_id=item.text("id"),
                    created_at=item.moment("createdDateTime"),
                    sign_in_state=item.text("smsSignInState", limit=60),
                )
            )
    return tuple(methods), tuple(passes)


def live_pass(record: Record) -> LivePass:
    created_at, starts_at = record.moment("createdDateTime"), record.moment("startDateTime")
    lifetime = record.number("lifetimeInMinutes")
    if created_at is None or starts_at is None or lifetime is None or not 0 < lifetime <= LONGEST_MINUTES:
        raise record.incomplete(_("the times of a pass"))
    return LivePass(
        method_id=record.identifier("id"),
        created_at=created_at,
        starts_at=starts_at,
        lifetime_minutes=lifetime,
        usable_once=record.flag("isUsableOnce"),
        usable=record.flag("isUsable"),
        reason=record.text("methodUsabilityReason", limit=60),
    )


def parse_facts(
    answers: Mapping[str, Answer],
    object_id: str,
    known: tuple[Account, Manager | None] | None = None,
) -> Facts:
    """Combine the parts of one batch. `known` are the account and the manager if the batch has no part for them.

    Raises GraphError if a part failed.
    """
    person, manager = known or _parse_identity(answers, object_id)
    for name, answer in answers.items():
        if name == "sign_ins":
            continue
        if answer.status == 404 and name not in {"manager", "above", "methods"}:
            raise answer.incomplete(name)
        if not (name in MAY_BE_CLOSED and is_closed(answer)):
            refuse_unless_read(answer, absence_is_fine=name in {"manager", "above"})
    methods, passes = (
        methods_and_passes(answers["methods"].record()) if "methods" in answers else (None, None)
    )
    groups = {**role_groups(answers["groups"]), **role_groups(answers["owned"])}
    active = {
        *_parse_ids(answers["roles"], "roleTemplateId"),
        *_parse_ids(answers["assignments"], "roleDefinitionId"),
    }
    return Facts(
        account=person,
        manager=manager,
        methods=methods,
        passes=passes,
        active_roles=tuple(sorted(active)),
        eligible_roles=_ids_where_open(answers["eligible"], "roleDefinitionId"),
        groups=tuple(sorted(record.guid("id") for record in answers["groups"].record().all_records())),
        role_groups=tuple(sorted(groups)),
        eligible_groups=_ids_where_open(answers["eligible_groups"], "groupId"),
        pass_policy=None
        if is_closed(answers["pass_policy"])
        else pass_policy(answers["pass_policy"].record()),
        above=parse_manager(answers["above"]) if "above" in answers else None,
        sign_ins=_sign_ins_part(answers["sign_ins"], object_id) if "sign_ins" in answers else None,
        numbers=employee_numbers(answers),
    )


def _parse_identity(answers: Mapping[str, Answer], object_id: str) -> tuple[Account, Manager | None]:
    """Read the account and its manager. Raises GraphError.

    The account comes first: if it is missing, that is why all other parts are missing. If it exists, a part that is
    "not found" could not be read.
    """
    refuse_unless_read(answers["account"])
    refuse_unless_read(answers["manager"], absence_is_fine=True)
    person = parse_account(answers["account"].record())
    if person.object_id != object_id:
        raise answers["account"].incomplete(_("the requested account"))
    return person, parse_manager(answers["manager"])


def _sign_ins_part(answer: Answer, object_id: str) -> SignIns | GraphError:
    try:
        return sign_ins_answer(answer, object_id)
    except GraphError as error:
        return error


# Parts that a tenant need not permit: a licence or a permission may be missing. Guards decide what follows.
MAY_BE_CLOSED = frozenset({"eligible", "eligible_groups", "pass_policy"})
# Words in Graph's error if the tenant has no licence for Privileged Identity Management.
NO_LICENCE = ("licen", "premium")


def is_closed(answer: Answer) -> bool:
    """Return whether the tenant does not permit this read: the permission or the licence is missing."""
    return answer.status == 403 or (answer.status == 400 and lacks_licence(answer))


def lacks_licence(answer: Answer) -> bool:
    """Return whether Graph says that the tenant has no licence for this read."""
    error = answer.content.get("error") if isinstance(answer.content, dict) else None
    words = f"{error.get('code')} {error.get('message')}".casefold() if isinstance(error, dict) else ""
    return any(sign in words for sign in NO_LICENCE)


def pass_policy(record: Record) -> PassPolicy:
    """Parse the tenant's policy for passes. Raises Incomplete if something is missing or of another type."""
    shortest, longest = record.number("minimumLifetimeInMinutes"), record.number("maximumLifetimeInMinutes")
    state = record.text("state")
    if shortest is None or longest is None or state not in {"enabled", "disabled"}:
        raise record.incomplete(_("the limits of the pass policy"))
    return PassPolicy(
        enabled=state == "enabled",
        shortest_minutes=shortest,
        longest_minutes=longest,
        included=frozenset(target.identifier("id").lower() for target in record.records("includeTargets")),
        excluded=frozenset(target.identifier("id").lower() for target in record.records("excludeTargets")),
    )


def mail_owners(answer: Answer) -> tuple[MailOwner, ...]:
    """Return the accounts with a mail address, sorted by name."""
    refuse_unless_read(answer)
    owners = [
        MailOwner(record.guid("id"), record.text("userPrincipalName"), record.text("displayName"))
        for record in answer.record().all_records()
    ]
    return tuple(sorted(owners, key=lambda owner: (owner.display_name, owner.object_id)))


def refuse_unless_read(answer: Answer, *, absence_is_fine: bool = False) -> None:
    if answer.status != 200 and not (absence_is_fine and answer.status == 404):
        raise answer.to_error()


@sensitive_variables()
def created_pass(answer: Answer, *, object_id: str, lifetime_minutes: int) -> CreatedPass:
    """Return the pass if the answer to the POST is the requested pass, and usable now. Raises OutcomeUnknown."""
    record = Record(answer.content if isinstance(answer.content, dict) else {}, answer)
    method_id = record.label("id")
    problem = _problem_with(record, answer, object_id=object_id, lifetime_minutes=lifetime_minutes)
    starts_at, lifetime = record.moment("startDateTime"), record.number("lifetimeInMinutes")
    if problem or not method_id or starts_at is None or lifetime is None:
        message = f"A pass was created and cannot be shown: {problem or 'its answer is not complete'}."
        raise OutcomeUnknown(message, answered=True, method_id=method_id or None, **answer.ids)
    return CreatedPass(
        method_id=method_id,
        code=PassCode(record.raw("temporaryAccessPass")),
        starts_at=starts_at,
        lifetime_minutes=lifetime,
        request_id=answer.request_id,
    )


@sensitive_variables()
def _problem_with(record: Record, answer: Answer, *, object_id: str, lifetime_minutes: int) -> str:
    code, whose = record.raw("temporaryAccessPass"), _context_of(record)
    checks = (
        (whose in {"", object_id}, "it is for another account"),
        (isinstance(code, str) and CODE.fullmatch(code), "its code cannot be read"),
        (record.flag("isUsable") is True, "the tenant's policy prevents its use"),
        (record.flag("isUsableOnce") is True, "it can be used more than once"),
        (0 < (record.number("lifetimeInMinutes") or 0) <= lifetime_minutes, "it lasts longer than asked"),
        (_starts_now(record, answer), "it does not start now, and yet is called usable"),
        (_named_as_in(answer.location, record.label("id")), "it has two ids"),
    )
    return next((problem for holds, problem in checks if not holds), "")


def _starts_now(record: Record, answer: Answer) -> bool:
    """Return whether the times of a new pass agree with each other and with the server's clock."""
    starts_at, created_at = record.moment("startDateTime"), record.moment("createdDateTime")
    if starts_at is None:
        return False
    now, margin = answer.date or timezone.now(), ONE_MOMENT if answer.date else ONE_MOMENT_BY_OUR_CLOCK
    return abs(starts_at - now) <= margin and abs((created_at or starts_at) - starts_at) <= ONE_MOMENT


def _named_as_in(location: str, method_id: str) -> bool:
    """Return whether `Location` names the pass in the body. It may be missing or name no pass."""
    found = PASS_IN_LOCATION.search(location)
    return found is None or unquote(found[1]) == method_id


def _context_of(record: Record) -> str:
    context = record.raw("@odata.context")
    found = SOMEONE_IN_CONTEXT.search(context) if isinstance(context, str) else None
    return found[1].lower() if found else ""


def _account_kind(record: Record) -> Kind | None:
    """Return the kind of account. An invited person is external, whatever the directory calls them now."""
    invited = record.text("creationType").casefold() == "invitation"
    if (
        invited
        or record.raw("externalUserState") is not None
        or "#EXT#" in record.text("userPrincipalName").upper()
    ):
        return "external"
    kinds: dict[str, Kind] = {"member": "member", "guest": "guest"}
    return kinds.get(record.text("userType").casefold())


def _is_restricted(record: Record) -> bool | None:
    """Return whether the account is in a restricted unit. Graph's null means no; a missing field means unknown."""
    if record.has("isManagementRestricted") and record.raw("isManagementRestricted") is None:
        return False
    return record.flag("isManagementRestricted")


def _method_type(record: Record) -> str:
    prefix, _dot, name = record.text("@odata.type").rpartition(".")
    if not prefix or not name:
        raise record.incomplete(_("the type of an authentication method"))
    return name.removesuffix("AuthenticationMethod")


def employee_numbers(answers: Mapping[str, Answer]) -> dict[str, str]:
    """Return employee numbers by object id. Accounts without one are left out."""
    people = [
        person
        for name, answer in answers.items()
        if name.startswith(PEOPLE)
        for person in answer.record().all_records()
    ]
    found = {person.guid("id"): person.text("employeeId") for person in people}
    return {object_id: number for object_id, number in found.items() if number}


def _ids_where_open(answer: Answer, name: str) -> tuple[str, ...] | None:
    return None if is_closed(answer) else tuple(sorted(_parse_ids(answer, name)))


def _parse_ids(answer: Answer, name: str) -> set[str]:
    return {record.identifier(name) for record in answer.record().all_records()}


def role_groups(answer: Answer) -> dict[str, None]:
    """Return the role-assignable groups. Raises Incomplete if the portal may not read groups.

    Graph returns null for an ordinary group. Without the permission to read groups it returns null for every property
    except the id. The name tells the two apart: every group has one, and reading it needs the same permission.
    """
    found: dict[str, None] = {}
    for record in answer.record().all_records():
        assignable = record.flag("isAssignableToRole")
        ordinary = record.raw("isAssignableToRole") is None and record.has("isAssignableToRole")
        if assignable is None and not (ordinary and record.text("displayName")):
            raise record.incomplete("isAssignableToRole")
        if assignable:
            found[record.guid("id")] = None
    return found


def found_account(answer: Answer, name: str) -> Account:
    """Return a looked-up account. Raises NotFound, and Incomplete if it is not the requested account."""
    if answer.status == 404:
        raise NotFound("The directory has no such account.", status=404, **answer.ids)
    refuse_unless_read(answer)
    person = parse_account(answer.record())
    if name.casefold() not in {person.object_id, person.user_principal_name.casefold()}:
        raise answer.incomplete(_("the requested account"))
    return person


# --- Sign-in activity ---------------------------------------------------------------------------------------------

SUCCESS, ATTEMPTS = (
    "lastSuccessfulSignInDateTime",
    ("lastSignInDateTime", "lastNonInteractiveSignInDateTime"),
)
NEVER_SET = "0001-01-01T"  # Graph can also write a date that was never set as year 1


def sign_ins_answer(answer: Answer, object_id: str) -> SignIns:
    """Return the sign-in activity of one account from the answer about it.

    Raises ReadNotPermitted if the tenant does not permit the read. After any other error the account stays unread.
    """
    refuse_unless_permitted(answer)
    refuse_unless_read(answer)
    record = answer.record()
    if record.guid("id") != object_id:
        raise answer.incomplete(_("the requested account"))
    return sign_ins(record)


def refuse_unless_permitted(answer: Answer, what: str = "when somebody signed in") -> None:
    """Raise ReadNotPermitted only if a permission or a licence is missing.

    A 403 counts only with a JSON body, which Graph sends: a proxy's error page says nothing about the tenant.
    """
    if is_closed(answer) and isinstance(answer.content, dict):
        raise ReadNotPermitted(
            f"Microsoft Graph does not let the portal read {what}.",
            status=answer.status,
            reason="forbidden",
            **answer.ids,
        )


def sign_ins_listed(answer: Answer, object_ids: Collection[str]) -> dict[str, SignIns]:
    """Return the sign-in activity of the accounts in a list.

    Accounts that the list lacks, contains twice or does not describe in full are left out, so they stay unread.
    The rest of a paged list is not fetched. Accounts on a later page are missing from the result, so they stay unread.
    """
    refuse_unless_permitted(answer)
    refuse_unless_read(answer)
    found: dict[str, SignIns | None] = {}
    for record in answer.record().records("value"):
        try:
            name, seen = record.guid("id"), sign_ins(record)
        except GraphError:
            name, seen = str(record.raw("id")).lower(), None
        found[name] = None if name in found else seen
    return {name: seen for name, seen in found.items() if seen is not None and name in object_ids}


def sign_ins(record: Record) -> SignIns:
    """Return the sign-in activity from its three times. Graph leaves the whole object out if there was none.

    If the field for the last success is missing, and not only null, an attempt counts as a success: it may be one.
    """
    activity = record.record("signInActivity")
    if record.raw("signInActivity") is not None and not isinstance(record.raw("signInActivity"), dict):
        raise record.incomplete("signInActivity")
    attempts = [_parse_time(activity, name) for name in ATTEMPTS]
    attempted_at = max((moment for moment in attempts if moment is not None), default=None)
    succeeded_at = _parse_time(activity, SUCCESS) if activity.has(SUCCESS) else attempted_at
    return SignIns(succeeded_at, attempted_at)


def _parse_time(activity: Record, name: str) -> datetime | None:
    """Return the time, or None if it was never set. Raises Incomplete if it cannot be read."""
    value, moment = activity.raw(name), activity.moment(name)
    if moment is None and value is not None and not str(value).startswith(NEVER_SET):
        raise activity.incomplete(name)
    return moment
