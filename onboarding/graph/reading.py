"""From Graph's records to the portal's values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from onboarding.graph.answers import Answer, Record
from onboarding.graph.errors import NotFound, OutcomeUnknown
from onboarding.graph.passcode import PassCode
from onboarding.graph.values import Account, CreatedPass, Facts, Kind, LivePass, Manager, Method, PassPolicy

CODE = re.compile(r"[!-~]{8,48}")
SOMEONE_IN_CONTEXT = re.compile(r"#users\((?:'|%27)([^'%)]*)", re.IGNORECASE)
LONGEST_MINUTES = 43200


def account(record: Record) -> Account:
    return Account(
        object_id=record.guid("id"),
        user_principal_name=record.text("userPrincipalName"),
        display_name=record.text("displayName"),
        job_title=record.text("jobTitle"),
        department=record.text("department"),
        mail=record.text("mail"),
        employee_id=record.text("employeeId"),
        hire_date=record.moment("employeeHireDate"),
        created_at=record.moment("createdDateTime"),
        enabled=record.flag("accountEnabled"),
        kind=_kind(record),
        restricted=_restricted(record),
    )


def manager(answer: Answer) -> Manager | None:
    """Read the manager; 404 is Graph's way to say that there is none."""
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise answer.complaint()
    record = answer.record()
    return Manager(
        object_id=record.guid("id"),
        user_principal_name=record.text("userPrincipalName"),
        display_name=record.text("displayName"),
        mail=record.text("mail"),
        enabled=record.flag("accountEnabled"),
        kind=_kind(record),
    )


def methods_and_passes(record: Record) -> tuple[tuple[Method, ...], tuple[LivePass, ...]]:
    """Split what is registered into ways to sign in that last, and passes."""
    methods, passes = [], []
    for item in record.every():
        name = _method_type(item)
        if name == "temporaryAccessPass":
            passes.append(live_pass(item))
        else:
            methods.append(Method(name))
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


def facts(answers: Mapping[str, Answer], object_id: str) -> Facts:
    """Put the parts of the one batch together; a part that failed fails the whole."""
    # First the account: where it is missing, everything else is missing because of it. Where it is not, a part
    # that is "not found" could not be read.
    refuse_unless_read(answers["account"])
    for name, answer in answers.items():
        if answer.status == 404 and name not in {"manager", "above", "methods"}:
            raise answer.incomplete(name)
        if not (name in MAY_BE_CLOSED and is_closed(answer)):
            refuse_unless_read(answer, absence_is_fine=name in {"manager", "above"})
    person = account(answers["account"].record())
    if person.object_id != object_id:
        raise answers["account"].incomplete(_("the account that was asked for"))
    methods, passes = (
        methods_and_passes(answers["methods"].record()) if "methods" in answers else (None, None)
    )
    groups = {**_role_groups(answers["groups"]), **_role_groups(answers["owned"])}
    active = {*_ids(answers["roles"], "roleTemplateId"), *_ids(answers["assignments"], "roleDefinitionId")}
    return Facts(
        account=person,
        manager=manager(answers["manager"]),
        methods=methods,
        passes=passes,
        active_roles=tuple(sorted(active)),
        eligible_roles=_ids_where_open(answers["eligible"], "roleDefinitionId"),
        groups=tuple(sorted(record.guid("id") for record in answers["groups"].record().every())),
        role_groups=tuple(sorted(groups)),
        eligible_groups=_ids_where_open(answers["eligible_groups"], "groupId"),
        pass_policy=None
        if is_closed(answers["pass_policy"])
        else pass_policy(answers["pass_policy"].record()),
        above=manager(answers["above"]) if "above" in answers else None,
    )


# What a tenant may keep from the portal, for want of a licence or a right; a guard says what follows from that.
MAY_BE_CLOSED = frozenset({"eligible", "eligible_groups", "pass_policy"})
# How Graph says that a tenant has no licence for Privileged Identity Management.
NO_LICENCE = ("licen", "premium")


def is_closed(answer: Answer) -> bool:
    """True where the tenant does not let the portal read this at all: no right, or no licence for it."""
    if answer.status == 403:
        return True
    error = answer.content.get("error") if isinstance(answer.content, dict) else None
    said = f"{error.get('code')} {error.get('message')}".casefold() if isinstance(error, dict) else ""
    return answer.status == 400 and any(sign in said for sign in NO_LICENCE)


def pass_policy(record: Record) -> PassPolicy:
    """Read the tenant's policy for passes; what is missing or of another kind makes it unreadable."""
    shortest, longest = record.number("minimumLifetimeInMinutes"), record.number("maximumLifetimeInMinutes")
    state = record.text("state")
    if shortest is None or longest is None or state not in {"enabled", "disabled"}:
        raise record.incomplete(_("the bounds of the pass policy"))
    return PassPolicy(
        enabled=state == "enabled",
        shortest_minutes=shortest,
        longest_minutes=longest,
        included=frozenset(target.identifier("id").lower() for target in record.records("includeTargets")),
        excluded=frozenset(target.identifier("id").lower() for target in record.records("excludeTargets")),
    )


def refuse_unless_read(answer: Answer, *, absence_is_fine: bool = False) -> None:
    if answer.status != 200 and not (absence_is_fine and answer.status == 404):
        raise answer.complaint()


@sensitive_variables()
def created_pass(answer: Answer, *, object_id: str, lifetime_minutes: int) -> CreatedPass:
    """Accept the answer to a POST only if it is the very pass that was asked for, and usable now."""
    record = Record(answer.content if isinstance(answer.content, dict) else {}, answer)
    method_id = record.label("id")
    problem = _problem_with(record, object_id=object_id, lifetime_minutes=lifetime_minutes)
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
def _problem_with(record: Record, *, object_id: str, lifetime_minutes: int) -> str:
    code, whose = record.raw("temporaryAccessPass"), _whose(record)
    checks = (
        (whose in {"", object_id}, "it is for another account"),
        (isinstance(code, str) and CODE.fullmatch(code), "its code cannot be read"),
        (record.flag("isUsable") is True, "the tenant's policy prevents its use"),
        (record.flag("isUsableOnce") is True, "it can be used more than once"),
        (0 < (record.number("lifetimeInMinutes") or 0) <= lifetime_minutes, "it lasts longer than asked"),
    )
    return next((problem for holds, problem in checks if not holds), "")


def _whose(record: Record) -> str:
    context = record.raw("@odata.context")
    found = SOMEONE_IN_CONTEXT.search(context) if isinstance(context, str) else None
    return found[1].lower() if found else ""


def _kind(record: Record) -> Kind | None:
    """Tell where someone's home is. An invited person is external, whatever the directory calls them now."""
    invited = record.text("creationType").casefold() == "invitation"
    if (
        invited
        or record.raw("externalUserState") is not None
        or "#EXT#" in record.text("userPrincipalName").upper()
    ):
        return "external"
    kinds: dict[str, Kind] = {"member": "member", "guest": "guest"}
    return kinds.get(record.text("userType").casefold())


def _restricted(record: Record) -> bool | None:
    """Graph says null for an account in no restricted unit; nothing at all means that it was not told."""
    if record.has("isManagementRestricted") and record.raw("isManagementRestricted") is None:
        return False
    return record.flag("isManagementRestricted")


def _method_type(record: Record) -> str:
    prefix, _dot, name = record.text("@odata.type").rpartition(".")
    if not prefix or not name:
        raise record.incomplete(_("the type of an authentication method"))
    return name.removesuffix("AuthenticationMethod")


def _ids_where_open(answer: Answer, name: str) -> tuple[str, ...] | None:
    return None if is_closed(answer) else tuple(sorted(_ids(answer, name)))


def _ids(answer: Answer, name: str) -> set[str]:
    return {record.identifier(name) for record in answer.record().every()}


def _role_groups(answer: Answer) -> dict[str, None]:
    """Return the groups that can hold directory roles; where the portal may not see it, nobody can say.

    Graph says null for an ordinary group, and null for every property but the id where the right to read
    groups is missing. The name tells the two apart: a group has one, and it is seen by the same right.
    """
    found: dict[str, None] = {}
    for record in answer.record().every():
        assignable = record.flag("isAssignableToRole")
        ordinary = record.raw("isAssignableToRole") is None and record.has("isAssignableToRole")
        if assignable is None and not (ordinary and record.text("displayName")):
            raise record.incomplete("isAssignableToRole")
        if assignable:
            found[record.guid("id")] = None
    return found


def found_account(answer: Answer, name: str) -> Account:
    """Read a looked-up account, and make sure that it is the one whose name or id was asked for."""
    if answer.status == 404:
        raise NotFound("The directory has no such account.", status=404, **answer.ids)
    refuse_unless_read(answer)
    person = account(answer.record())
    if name.casefold() not in {person.object_id, person.user_principal_name.casefold()}:
        raise answer.incomplete(_("the account that was asked for"))
    return person


def last_sign_in(record: Record) -> datetime | None:
    """Read the last time that someone really got in; without that field, the last time that someone tried."""
    activity = record.record("signInActivity")
    if activity.has("lastSuccessfulSignInDateTime"):
        return activity.moment("lastSuccessfulSignInDateTime")
    tries = map(activity.moment, ("lastSignInDateTime", "lastNonInteractiveSignInDateTime"))
    return max(filter(None, tries), default=None)
