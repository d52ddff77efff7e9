"""Harmless reads that show how this tenant answers. They keep names of fields, codes and ids, and no values."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from onboarding.graph import parsing
from onboarding.graph.client import Graph
from onboarding.graph.entities import PassPolicy
from onboarding.graph.errors import GraphError
from onboarding.graph.paths import ACCOUNT, PASS_POLICY, SIGN_INS, build_path, passes_path, user_path
from onboarding.graph.responses import Answer, Record

GROUPS = "id,displayName,isAssignableToRole"


@dataclass(frozen=True, slots=True)
class Reply:
    """How Graph answered: the status, its error code, and the ids that support needs to find the request."""

    status: int
    code: str = ""
    request_id: str = ""
    client_request_id: str = ""

    @classmethod
    def of_answer(cls, answer: Answer) -> Reply:
        """Raises Throttled, and Unavailable for an answer that says nothing about the tenant."""
        if answer.status == 429 or answer.status >= 500:
            raise answer.to_error()
        ids = answer.ids
        return cls(answer.status, ids["code"], ids["request_id"], ids["client_request_id"])

    @classmethod
    def of_error(cls, error: GraphError) -> Reply:
        """The status is 0 if the error has none: then there was no usable answer."""
        status = getattr(error, "status", 0) or (429 if hasattr(error, "retry_after") else 0)
        return cls(status, error.code, error.request_id, error.client_request_id)


@dataclass(frozen=True, slots=True)
class Fields:
    """Which of the requested fields came as null, and which did not come at all."""

    null: tuple[str, ...]
    absent: tuple[str, ...]


class TenantAnswers:
    """The reads, sent with the transport of the portal's own calls. Each raises GraphError if there is no answer."""

    def __init__(self, graph: Graph) -> None:
        self.transport = graph.transport

    def ask_about_unknown_account(self) -> Reply:
        """List the passes of an account that does not exist. One call of the sign-in-method quota."""
        return Reply.of_answer(self.transport.get(passes_path(str(uuid4()))))

    def ask_about_unknown_pass(self, object_id: str) -> Reply:
        """Read a pass that does not exist. One call of the sign-in-method quota."""
        return Reply.of_answer(self.transport.get(f"{passes_path(object_id)}/{uuid4()}"))

    def ask_for_hire_dates(self, operator: str) -> Reply:
        """List one account by its hire date, with `ge`, `le`, `gt` or `lt`. Only the status is kept."""
        query = f"employeeHireDate {operator} 2000-01-01T00:00:00Z"
        answer = self.transport.get(build_path("/users", filter=query, count="true", select="id", top="1"))
        return Reply.of_answer(answer)

    def read_account_fields(self, object_id: str) -> Fields:
        answer = self.transport.get(build_path(user_path(object_id), select=ACCOUNT))
        parsing.refuse_unless_read(answer)
        return _fields_of(answer.record(), ACCOUNT)

    def read_group_fields(self, object_id: str) -> Fields:
        """Which fields of the account's groups are null or missing in at least one group."""
        path = build_path(
            f"{user_path(object_id)}/transitiveMemberOf/microsoft.graph.group", count="true", select=GROUPS
        )
        answer = self.transport.get(path)
        parsing.refuse_unless_read(answer)
        found = [_fields_of(record, GROUPS) for record in answer.record().records("value")]
        return Fields(
            tuple(sorted({name for each in found for name in each.null})),
            tuple(sorted({name for each in found for name in each.absent})),
        )

    def read_sign_in_fields(self, object_id: str) -> Fields:
        """One of ten calls a minute. `signInActivity` itself is absent if nobody ever signed in."""
        answer = self.transport.get(build_path(user_path(object_id), select=SIGN_INS))
        parsing.refuse_unless_permitted(answer)
        parsing.refuse_unless_read(answer)
        record = answer.record()
        if not isinstance(record.raw("signInActivity"), dict):
            return _fields_of(record, SIGN_INS)
        return _fields_of(record.record("signInActivity"), ",".join((*parsing.ATTEMPTS, parsing.SUCCESS)))

    def read_pass_rules(self) -> PassPolicy:
        """Read the tenant's policy for passes. Raises ReadNotPermitted if the tenant does not permit it."""
        answer = self.transport.get(PASS_POLICY)
        parsing.refuse_unless_permitted(answer, "the policy for passes")
        parsing.refuse_unless_read(answer)
        return parsing.pass_policy(answer.record())


def _fields_of(record: Record, names: str) -> Fields:
    asked = names.split(",")
    return Fields(
        tuple(name for name in asked if record.has(name) and record.raw(name) is None),
        tuple(name for name in asked if not record.has(name)),
    )
