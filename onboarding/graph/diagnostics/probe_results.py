"""The results of the doctor's reads, and how they are parsed from Graph's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.graph import parsing
from onboarding.graph.errors import GraphError, Incomplete, NotFound, Refused, Throttled
from onboarding.graph.responses import GUID, Answer, Record

RESTRICTED = "isManagementRestricted"


class Outcome(StrEnum):
    """How one read ended. Each outcome needs a different fix."""

    READ = "read"
    ABSENT = "absent"
    NO_RIGHT = "no right"
    NO_LICENCE = "no licence"
    REFUSED = "refused"
    BUSY = "busy"
    SILENT = "silent"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The outcome of one read, with the details that support needs to find the request."""

    outcome: Outcome
    code: str = ""
    request_id: str = ""
    seconds: float = 0.0  # to wait, if Graph is busy
    words: str | Promise = ""

    @property
    def is_read(self) -> bool:
        return self.outcome == Outcome.READ


@dataclass(frozen=True, slots=True)
class Reachability:
    """Whether Graph answers at all, and by how many seconds its clock is ahead of this machine's.

    `is_graph` is false if something else answers at its address.
    """

    answers: bool
    is_graph: bool = True
    ahead: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """The portal's identity by the claims of a token. For diagnosis only: Graph checks the token itself."""

    kind: str
    application_id: str
    object_id: str
    tenant_id: str
    permissions: frozenset[str]
    issued_at: datetime | None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A person or group that the pass policy includes or excludes. The name is empty if it cannot be read."""

    object_id: str
    name: str = ""

    @property
    def is_everybody(self) -> bool:
        return self.object_id == "all_users"

    def __str__(self) -> str:
        return gettext("all accounts") if self.is_everybody else self.name or self.object_id


@dataclass(frozen=True, slots=True)
class PassRules:
    """The tenant's policy for passes."""

    enabled: bool
    shortest_minutes: int
    longest_minutes: int
    always_once: bool | None
    included: tuple[Target, ...]
    excluded: tuple[Target, ...]

    def gives_to(self, object_id: str, groups: frozenset[str]) -> bool:
        """Whether the policy includes this account. An exclusion wins."""
        named = {object_id, *groups}
        included = any(target.is_everybody or target.object_id in named for target in self.included)
        return included and not any(target.object_id in named for target in self.excluded)


@dataclass(frozen=True, slots=True)
class Registration:
    """The optional claims, the app roles and the version of access tokens of an app registration."""

    claims: frozenset[str]  # of the id token
    roles: frozenset[str]
    access_claims: frozenset[str]  # of the access token
    token_version: int | None


def result_of_answer(answer: Answer, reader: Callable[[Answer], object]) -> ReadResult:
    """Return the result of an answer. It is complete only if `reader` can parse it."""
    code, request_id = answer.ids["code"], answer.ids["request_id"]
    if answer.status in {400, 403} and parsing.lacks_licence(answer):
        return ReadResult(Outcome.NO_LICENCE, code, request_id)
    if answer.status == 404 and reader is parsing.parse_manager:
        return ReadResult(Outcome.READ, code, request_id)
    if answer.status != 200:
        return result_of_error(answer.to_error())
    try:
        reader(answer)
    except GraphError as error:
        return result_of_error(error)
    return ReadResult(Outcome.READ, code, request_id)


def result_of_error(error: GraphError) -> ReadResult:
    code, request_id = error.code, error.request_id
    match error:
        case Throttled():
            return ReadResult(Outcome.BUSY, code, request_id, seconds=error.retry_after)
        case NotFound():
            return ReadResult(Outcome.ABSENT, code, request_id)
        case Refused():
            outcome = Outcome.NO_RIGHT if error.status in {401, 403} else Outcome.REFUSED
            return ReadResult(outcome, code, request_id)
        case Incomplete():
            return ReadResult(Outcome.INCOMPLETE, code, request_id, words=error.words)
    return ReadResult(Outcome.SILENT, code, request_id, words=error.words)


def ids_in(answer: Answer, name: str) -> set[str]:
    return {record.identifier(name).lower() for record in answer.record().all_records()}


def _require_restricted(answer: Answer) -> None:
    """Graph says null for no; a field that is not there at all is not known."""
    if not answer.record().has(RESTRICTED):
        raise answer.incomplete(RESTRICTED)


def pass_rules(answer: Answer) -> PassRules:
    record = answer.record()
    policy = parsing.pass_policy(record)
    return PassRules(
        enabled=policy.enabled,
        shortest_minutes=policy.shortest_minutes,
        longest_minutes=policy.longest_minutes,
        always_once=record.flag("isUsableOnce"),
        included=tuple(_parse_targets(record, "includeTargets")),
        excluded=tuple(_parse_targets(record, "excludeTargets")),
    )


def _parse_targets(record: Record, name: str) -> list[Target]:
    return [Target(target.identifier("id").lower()) for target in record.records(name)]


def parse_registration(answer: Answer) -> Registration:
    found = answer.record().all_records()
    if len(found) != 1:
        raise answer.incomplete(_("the requested app registration"))
    claims = found[0].record("optionalClaims")
    roles = [role for role in found[0].records("appRoles") if role.flag("isEnabled") is not False]
    return Registration(
        claims=_claim_names(claims, "idToken"),
        roles=frozenset(role.text("value") for role in roles),
        access_claims=_claim_names(claims, "accessToken"),
        token_version=found[0].record("api").number("requestedAccessTokenVersion"),
    )


def _claim_names(claims: Record, kind: str) -> frozenset[str]:
    asked = claims.records(kind) if claims.has(kind) else []
    return frozenset(claim.text("name") for claim in asked)


def guid_or_nothing(value: object) -> str:
    return value.lower() if isinstance(value, str) and GUID.fullmatch(value.lower()) else ""


def ahead_of(date: str, now: float) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - now
    except (ValueError, OverflowError):
        return None


READERS: Mapping[str, Callable[[Answer], object]] = {
    "account": lambda answer: parsing.parse_account(answer.record()),
    "restricted": _require_restricted,
    "manager": parsing.parse_manager,
    "methods": lambda answer: parsing.methods_and_passes(answer.record()),
    "roles": lambda answer: ids_in(answer, "roleTemplateId"),
    "assignments": lambda answer: ids_in(answer, "roleDefinitionId"),
    "eligible": lambda answer: ids_in(answer, "roleDefinitionId"),
    "groups": parsing.role_groups,
    "owned": parsing.role_groups,
    "eligible_groups": lambda answer: ids_in(answer, "groupId"),
    "pass_policy": pass_rules,
    "sign_ins": lambda answer: parsing.sign_ins(answer.record()),
}
