"""The OpenAPI 3.0.3 and Swagger 2.0 documents, written from one table.

ServiceNow imports either. The custom connectors of Power Automate import Swagger 2.0 only, so no schema uses `oneOf` or
`anyOf`. No schema has a field that could hold a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from apispec import APISpec
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from onboarding.api import problems
from onboarding.api.authentication import HOOKS, READ, RECORD, WITHDRAW
from onboarding.api.fields import MAX_ACCOUNT, MAX_BODY
from onboarding.hooks import payloads
from onboarding.hooks.events import TYPES
from onboarding.lifecycle import StarterState
from onboarding.models import Hook

Version = Literal["3.0.3", "2.0"]
Schema = dict[str, Any]


def text(description: str, example: str = "", **more: Any) -> Schema:
    return {"type": "string", "description": description, **({"example": example} if example else {}), **more}


STATES = [state.value for state in StarterState]
ACTORS = ["hr", "it", "portal", "manager", "starter", "nobody"]

SENT: dict[str, Schema] = {
    "account": text(
        "The account name (userPrincipalName) or object ID. The account may not exist yet.",
        "noor.devries@contoso.example", minLength=1, maxLength=MAX_ACCOUNT,
    ),
    "startDate": text("The first day, as YYYY-MM-DD.", "2026-12-07", format="date"),
    "startTime": text("The start in the time zone below, as HH:MM. Without it: 09:00.", "09:00"),
    "timeZone": text("The starter's time zone, by its name in the IANA database.", "Europe/Amsterdam"),
    "note": text(
        "A note that the manager sees on the starter's page. Send no personal details.", "Desk 3.14", maxLength=500
    ),
    "requestedBy": text(
        "Who asked for the starter: an account name or object ID. HR and auditors see it.",
        "hanna.hr@contoso.example", maxLength=320,
    ),
}  # fmt: skip

SHOWN: dict[str, Schema] = {
    "source": text("The system that has the ticket.", "servicenow"),
    "ticket": text("The ticket's number in that system.", "RITM0012345"),
    "state": text("How far the starter is.", "recorded", enum=STATES),
    "version": {"type": "integer", "description": "Counts the changes. The ETag has it too.", "example": 1},
    "acceptance": text("Whether HR has accepted the starter.", "waiting", enum=["waiting", "accepted"]),
    "nextActor": text("Who acts next.", "hr", enum=ACTORS),
    "obstacles": {
        "type": "array",
        "description": "What is in the way now. Empty if nothing is.",
        "items": {"$ref": "Obstacle"},
    },
    **SENT,
    "startsAt": text("The start in UTC.", "2026-12-07T08:00:00Z", format="date-time"),
    "changedAt": text("The last change in UTC.", "2026-11-30T12:00:00Z", format="date-time"),
    "url": text("The address of this starter in the API.", "/api/v1/starters/servicenow/RITM0012345"),
}


EVENT = text("What happened.", TYPES[0], enum=list(TYPES))
# The custom connectors of Power Automate find the callback address and the event by these two names.
IS_CALLBACK, EVENT_OF_TRIGGER = "x-ms-notification-url", "x-ms-notification-content"
HOOK_SENT: dict[str, Schema] = {
    "source": text(
        "The system whose starters it follows. Not needed if the application can use only one.", "servicenow"
    ),
    "events": {"type": "array", "description": "The events to send. Without them: all.", "items": EVENT},
    "format": text("The form of what is sent.", "standard", enum=list(Hook.Format.values)),
}
HOOK_SHOWN: dict[str, Schema] = {
    "id": text("Names the webhook.", "Zr3mH0cRSVqf4Cz3wUQ9vg"),
    "host": text(
        "The host of the callback address. The address itself is never shown.", "hooks.contoso.example"
    ),
    **HOOK_SENT,
    "state": text("Whether the last event was delivered.", "active", enum=["active", "failing"]),
    "createdAt": text("When it was added, in UTC.", "2026-11-30T12:00:00Z", format="date-time"),
}


def obj(properties: dict[str, Schema], required: list[str], **more: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": required, **more}


SCHEMAS: dict[str, Schema] = {
    "StarterRequest": obj(SENT, ["account", "startDate", "timeZone"], additionalProperties=False),
    "Starter": obj(SHOWN, list(SHOWN)),
    "Obstacle": obj(
        {
            "code": text("A code that programs can compare.", "account_missing"),
            "text": text("The same for people.", "The account does not exist yet"),
        },
        ["code", "text"],
    ),
    "StarterList": obj(
        {
            "starters": {"type": "array", "description": "In the order of their changes.", "items": {"$ref": "Starter"}},
            "cursor": text("Send it to read what changes after this answer.", "1042"),
            "next": text("The address of the next page. Without more to read: null.", nullable=True),
        },
        ["starters", "cursor", "next"],
    ),
    "WithdrawalRequest": obj(
        {"reason": text("The reason, for the audit log.", "Ticket cancelled", minLength=1, maxLength=300)},
        ["reason"],
        additionalProperties=False,
    ),
    "HookRequest": obj(
        {
            "url": text(
                "The https address that gets the events. The portal’s policy must list its host.",
                "https://hooks.contoso.example/starters", maxLength=2048, **{IS_CALLBACK: True},
            ),
            **HOOK_SENT,
        },
        ["url"],
        additionalProperties=False,
    ),
    "Hook": obj(HOOK_SHOWN, list(HOOK_SHOWN)),
    "NewHook": obj(
        {
            **HOOK_SHOWN,
            "secret": text("Verifies the signatures of what is sent. The portal shows it only now.", "whsec_…"),
        },
        [*HOOK_SHOWN, "secret"],
    ),
    "HookList": obj({"hooks": {"type": "array", "description": "The webhooks.", "items": {"$ref": "Hook"}}}, ["hooks"]),
    "HookEvent": obj(
        {
            "type": EVENT,
            "timestamp": text("The time of the event, in UTC.", "2026-11-30T12:00:00.000Z", format="date-time"),
            "data": {"$ref": "HookData"},
        },
        ["type", "timestamp", "data"],
    ),
    "HookData": obj({name: SHOWN[name] for name in (*payloads.SENT, "url")}, [*payloads.SENT, "url"]),
    "FieldError": obj(
        {
            "pointer": text("The field, as a JSON pointer; for a parameter its name.", "/startDate"),
            "code": text("A code that programs can compare.", "invalid"),
            "detail": text("The same for people.", "Send the date as YYYY-MM-DD."),
        },
        ["pointer", "code", "detail"],
    ),
    "Problem": obj(
        {
            "type": text("The address of an explanation.", "https://starters.contoso.example/api/#invalid_fields"),
            "title": text("What is wrong.", "Some fields are missing or not valid"),
            "status": {"type": "integer", "description": "The HTTP status.", "example": 422},
            "code": text("A code that programs can compare.", "invalid_fields"),
            "detail": text("More about this case."),
            "errors": {"type": "array", "description": "One for each wrong field.", "items": {"$ref": "FieldError"}},
            "state": text("For `not_changeable`: the starter's state."),
            "otherState": text("For `already_added`: the other starter's state."),
        },
        ["type", "title", "status", "code"],
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    name: str
    where: Literal["path", "query", "header"]
    description: str
    schema: Schema
    example: str

    def written(self, version: Version) -> dict[str, Any]:
        common: dict[str, Any] = {"name": self.name, "in": self.where, "description": self.description}
        common |= {"required": True} if self.where == "path" else {}
        if version == "2.0":
            return {**common, **self.schema, "x-example": self.example}
        return {**common, "schema": self.schema, "example": self.example}


SOURCE = Parameter(
    "source", "path", "The system that has the ticket.",
    {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$"}, "servicenow",
)  # fmt: skip
TICKET = Parameter(
    "ticket", "path", "The ticket's number in that system.",
    {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}, "RITM0012345",
)  # fmt: skip
IF_MATCH = Parameter(
    "If-Match", "header", "The ETag that you read. If the starter has changed since, nothing is changed.",
    {"type": "string"}, '"1"',
)  # fmt: skip
STATE = Parameter(
    "state", "query", "Only starters in this state.", {"type": "string", "enum": STATES}, "invited"
)
SINCE = Parameter(
    "since", "query", "Only starters that changed since this time.",
    {"type": "string", "format": "date-time"}, "2026-11-30T00:00:00Z",
)  # fmt: skip
CURSOR = Parameter(
    "cursor",
    "query",
    "The cursor of an earlier answer.",
    {"type": "string", "pattern": "^[0-9]{1,18}$"},
    "1042",
)


HOOK_ID = Parameter(
    "hook", "path", "The ID of the webhook.", {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"}, "Zr3mH0cRSVqf4Cz3wUQ9vg"
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One method of one address. `statuses` maps each good status to its schema and what it means."""

    path: str
    method: str
    name: str
    summary: str
    description: str
    role: str
    parameters: tuple[Parameter, ...]
    statuses: Mapping[int, tuple[str, str]]
    problems: tuple[problems.Kind, ...] = ()
    body: str = ""
    headers: tuple[str, ...] = field(default=("ETag",))
    is_trigger: bool = False  # of Power Automate


COMMON = (problems.BAD_REQUEST, problems.INVALID_TOKEN, problems.NOT_PERMITTED, problems.UNAVAILABLE)
OF_BODY = (
    problems.NOT_JSON,
    problems.LENGTH_REQUIRED,
    problems.TOO_LARGE,
    problems.WRONG_TYPE,
    problems.INVALID_FIELDS,
)
STARTER_PATH = "/starters/{source}/{ticket}"
HOOK_PATH = "/hooks/{hook}"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        STARTER_PATH, "put", "PutStarter", "Add or change a starter",
        "Adds the starter of a ticket, or changes it. The same request again changes nothing. HR accepts each new "
        "starter. Another account or requester needs HR's acceptance again.",
        RECORD, (SOURCE, TICKET, IF_MATCH),
        {200: ("Starter", "Changed, or as before"), 201: ("Starter", "Added")},
        (*OF_BODY, problems.NOT_FOUND, problems.VERSION_MISMATCH, problems.ALREADY_ADDED, problems.DAILY_LIMIT),
        body="StarterRequest",
    ),
    Operation(
        STARTER_PATH, "get", "GetStarter", "Read a starter",
        "Returns the state, who acts next and what is in the way.",
        READ, (SOURCE, TICKET), {200: ("Starter", "The starter")}, (problems.NOT_FOUND,),
    ),
    Operation(
        f"{STARTER_PATH}/withdrawal", "post", "WithdrawStarter", "Withdraw a starter",
        "Stops the onboarding. While a pass that may still work is being deleted, the answer is 202: send the request "
        "again after the time in Retry-After.",
        WITHDRAW, (SOURCE, TICKET, IF_MATCH),
        {200: ("Starter", "Withdrawn"), 202: ("Starter", "A pass is being deleted first")},
        (*OF_BODY, problems.NOT_FOUND, problems.VERSION_MISMATCH, problems.NOT_CHANGEABLE),
        body="WithdrawalRequest",
    ),
    Operation(
        "/starters", "get", "ListStarters", "List what changed",
        "Returns starters in the order of their last change. Keep the cursor and send it next time.",
        READ, (STATE, SINCE, CURSOR), {200: ("StarterList", "One page")}, (problems.INVALID_QUERY,), headers=(),
    ),
    Operation(
        "/hooks", "post", "AddHook", "When something happens to a starter",
        "Sends each event of the starters of one system to your address, signed as Standard Webhooks describes. The "
        "answer has the secret for the signatures.",
        HOOKS, (), {201: ("NewHook", "Added")}, (*OF_BODY, problems.HOOK_LIMIT),
        body="HookRequest", headers=("Location",), is_trigger=True,
    ),
    Operation(
        "/hooks", "get", "ListHooks", "List the webhooks", "Returns the webhooks of your systems, without their addresses.",
        HOOKS, (), {200: ("HookList", "The webhooks")}, headers=(),
    ),
    Operation(
        HOOK_PATH, "get", "GetHook", "Read a webhook", "Returns one webhook, without its address.",
        HOOKS, (HOOK_ID,), {200: ("Hook", "The webhook")}, (problems.NO_SUCH_HOOK,), headers=(),
    ),
    Operation(
        HOOK_PATH, "delete", "DeleteHook", "Remove a webhook", "Ends a webhook. What has not been sent is not sent.",
        HOOKS, (HOOK_ID,), {204: ("", "Removed")}, (problems.NO_SUCH_HOOK,), headers=(),
    ),
)  # fmt: skip


def write_document(version: Version) -> dict[str, Any]:
    """Return the whole document as JSON."""
    spec = APISpec(
        title="Starter Pass Portal",
        version="1",
        openapi_version=version,
        info={"description": "Add, change, withdraw and follow starters. No answer ever contains a pass."},
        **_servers(version),
    )
    for name, schema in SCHEMAS.items():
        spec.components.schema(name, _adapted(schema, version))
    spec.components.security_scheme("entra", _security(version))
    by_path: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = _written(operation, version)
        if operation.is_trigger and version == "2.0":
            content = {"description": "One event.", "schema": {"$ref": _reference("HookEvent", version)}}
            by_path[operation.path][EVENT_OF_TRIGGER] = content
    for path, operations in by_path.items():
        spec.path(path, operations=operations)
    written: dict[str, Any] = spec.to_dict()
    return written


def _servers(version: Version) -> dict[str, Any]:
    scheme, _, host = settings.PORTAL_URL.partition("://")
    if version == "2.0":
        return {"host": host, "basePath": "/api/v1", "schemes": [scheme]}
    return {"servers": [{"url": f"{settings.PORTAL_URL}/api/v1"}]}


def _security(version: Version) -> dict[str, Any]:
    """Client credentials of an application. A connector in a person's name has a scheme of its own."""
    url = f"{settings.AUTHORITY_HOST}/{settings.TENANT_ID}/oauth2/v2.0/token"
    scopes = {f"api://{settings.API_CLIENT_ID}/.default": "the roles that the application has"}
    if version == "2.0":
        return {"type": "oauth2", "flow": "application", "tokenUrl": url, "scopes": scopes}
    return {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": url, "scopes": scopes}}}


def _written(operation: Operation, version: Version) -> dict[str, Any]:
    parameters = [parameter.written(version) for parameter in operation.parameters]
    written: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.description} Needs the role {operation.role}.",
        "parameters": parameters,
        "responses": _responses(operation, version),
        "security": [{"entra": [f"api://{settings.API_CLIENT_ID}/.default"]}],
    }
    if version == "2.0":
        written["produces"] = ["application/json", problems.CONTENT_TYPE]
        written |= {"x-ms-trigger": "single"} if operation.is_trigger else {}
    if operation.body:
        schema = {"$ref": _reference(operation.body, version)}
        if version == "2.0":
            written["consumes"] = ["application/json"]
            parameters.append({"name": "body", "in": "body", "required": True, "schema": schema})
        else:
            written["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
            written["requestBody"]["description"] = f"At most {MAX_BODY} bytes."
    return written


def _responses(operation: Operation, version: Version) -> dict[str, Any]:
    found = {
        str(status): _response(schema, words, "application/json", version, operation.headers)
        for status, (schema, words) in operation.statuses.items()
    }
    by_status: dict[int, list[str]] = {}
    for kind in (*operation.problems, *COMMON, problems.WRONG_METHOD):
        by_status.setdefault(kind.status, []).append(f"{kind.title} (`{kind.code}`)")
    for status, words in sorted(by_status.items()):
        headers = ("Retry-After",) if status in {429, 503} else ()
        found[str(status)] = _response("Problem", ". ".join(words), problems.CONTENT_TYPE, version, headers)
    return found


HEADER_WORDS = {
    "Location": "The address that removes the webhook.",
    "ETag": "The version, for If-Match.",
    "Retry-After": "Seconds to wait before the next request.",
}


def _response(
    schema: str, words: str, content_type: str, version: Version, headers: tuple[str, ...]
) -> dict[str, Any]:
    if not schema:
        return {"description": words}
    reference = {"$ref": _reference(schema, version)}
    typed = {"type": "string"} if version == "2.0" else {"schema": {"type": "string"}}
    described = {name: {"description": HEADER_WORDS[name], **typed} for name in headers}
    body = {"schema": reference} if version == "2.0" else {"content": {content_type: {"schema": reference}}}
    return {"description": words, **body, **({"headers": described} if described else {})}


def _reference(name: str, version: Version) -> str:
    return f"#/definitions/{name}" if version == "2.0" else f"#/components/schemas/{name}"


def _adapted(schema: Any, version: Version) -> Any:
    """Spell references and nullable values as this version does."""
    if isinstance(schema, list):
        return [_adapted(each, version) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _adapted(value, version) for name, value in schema.items()}
    if isinstance(found.get("$ref"), str):
        found["$ref"] = _reference(found["$ref"], version)
    if version == "2.0" and found.pop("nullable", False):
        found["x-nullable"] = True
    if version != "2.0":
        found.pop(IS_CALLBACK, None)
    return found


def document_view(version: Version) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view that publishes one document. Importers read it without a token."""

    @login_not_required
    @require_safe
    def publish(_request: HttpRequest) -> HttpResponse:
        if not settings.API_CLIENT_ID:
            return problems.Problem(problems.NO_SUCH_ADDRESS).response()
        return JsonResponse(write_document(version))

    return publish
