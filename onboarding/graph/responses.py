"""Parse Graph's answers defensively: any field may be missing, null, of another type or hostile."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding.graph.errors import (
    GraphError,
    Ids,
    Incomplete,
    NotFound,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unavailable,
)
from onboarding.inputs.characters import clean_name

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~=+-]{0,199}")
# A gateway timed out (408), or it reports that the client closed the connection (499): the work may have been done.
DOUBTFUL = frozenset({408, 499})
# Every refusal of a pass has the code `badRequest`, so only the text tells them apart.
REASONS = (
    ("lifetimeinminutes", "lifetime", "the lifetime is outside the tenant's policy"),
    ("isusableonce", "once", "the tenant's policy wants single-use passes"),
    ("usercredentialpolicy", "policy", "the tenant's policy does not give this person a pass"),
    ("external guest", "guest", "the person is a guest from another organisation"),
    ("already", "exists", "the account has a pass already"),
)
STATUSES = {
    401: ("unauthorised", "Graph does not accept the portal's identity"),
    403: ("forbidden", "the portal lacks the right to do this"),
    409: ("exists", "something like it exists already"),
}


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """The answer to a request or to a part of a batch. It has no `repr`, because it may hold a pass."""

    status: int
    content: Any
    retry_after: float
    request_id: str
    client_request_id: str
    date: datetime | None = None  # by the server's clock
    location: str = ""

    @property
    def ids(self) -> Ids:
        error = self._error_record()
        return {
            "code": error.label("code"),
            "request_id": self.request_id or error.record("innerError", "innererror").label("request-id"),
            "client_request_id": self.client_request_id,
            "answered_at": self.date,
        }

    def record(self) -> Record:
        """Return the object in the answer. Raises Incomplete if there is none."""
        if not isinstance(self.content, dict):
            raise self.incomplete(_("readable content"))
        return Record(self.content, self)

    def incomplete(self, what: str | Promise) -> Incomplete:
        """Return the error for an answer that lacks `what`: the name of a field, or a translated text."""
        return Incomplete(
            format_lazy(_("Microsoft Graph's answer does not contain {what}."), what=what), **self.ids
        )

    def to_error(self) -> GraphError:
        """Return the error that this answer means for a read, or for a request that is safe to repeat."""
        if self.status == 429:
            message = f"Microsoft Graph is busy and asks to wait {self.retry_after:.0f} seconds."
            return Throttled(message, retry_after=self.retry_after, **self.ids)
        if self.status == 404:
            return NotFound("Microsoft Graph does not find it.", status=404, **self.ids)
        if 400 <= self.status < 500 and self.status not in DOUBTFUL:
            reason, words = self._refusal_reason()
            return Refused(
                f"Microsoft Graph refused: {words}.", status=self.status, reason=reason, **self.ids
            )
        return Unavailable(f"Microsoft Graph gave no usable answer (status {self.status}).", **self.ids)

    def to_write_error(self) -> GraphError:
        """Return the error that this answer means for a request that must not be repeated: any doubt is OutcomeUnknown."""
        error = self.to_error()
        if isinstance(error, Unavailable):
            return OutcomeUnknown(
                f"Microsoft Graph's answer (status {self.status}) does not say whether it was done.",
                **self.ids,
            )
        return error

    def _refusal_reason(self) -> tuple[str, str]:
        message = self._error_record().text("message", limit=2000).casefold()
        if self.status == 400:
            for sign, reason, words in REASONS:
                if sign in message:
                    return reason, words
        return STATUSES.get(self.status, ("other", "it gave no reason that the portal knows"))

    def _error_record(self) -> Record:
        fields = self.content if isinstance(self.content, dict) else {}
        return Record(fields, self).record("error")


class Record:
    """One JSON object. Each getter returns a value of its type, or an empty value or Incomplete if there is none."""

    __slots__ = ("_answer", "_fields")

    def __init__(self, fields: dict[str, Any], answer: Answer) -> None:
        self._fields = fields
        self._answer = answer

    def raw(self, name: str) -> Any:
        return self._fields.get(name)

    def has(self, name: str) -> bool:
        return name in self._fields

    def record(self, *names: str) -> Record:
        """Return the object under the first of these names that has one, else an empty one."""
        found = (self._fields.get(name) for name in names)
        return Record(next((value for value in found if isinstance(value, dict)), {}), self._answer)

    def text(self, name: str, *, limit: int = 256) -> str:
        """Return a text for people, at most `limit` characters, without invisible ones."""
        return clean_name(self._fields.get(name), limit=limit)

    def label(self, name: str) -> str:
        """Return an error code or id, or an empty text if it does not look like one."""
        value = self._fields.get(name)
        return value if isinstance(value, str) and IDENTIFIER.fullmatch(value) else ""

    def flag(self, name: str) -> bool | None:
        value = self._fields.get(name)
        return value if isinstance(value, bool) else None

    def number(self, name: str) -> int | None:
        value = self._fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def moment(self, name: str) -> datetime | None:
        return parse_timestamp(self._fields.get(name))

    def guid(self, name: str) -> str:
        """Return an object id in lower case. Raises Incomplete if there is none."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not GUID.fullmatch(value.lower()):
            raise self.incomplete(name)
        return value.lower()

    def identifier(self, name: str) -> str:
        return self.label(name) or self._raise_incomplete(name)

    def records(self, name: str) -> list[Record]:
        items = self._fields.get(name)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self.incomplete(name)
        return [Record(item, self._answer) for item in items]

    def all_records(self) -> list[Record]:
        """Return the whole list in the answer. Raises Incomplete if there is a next page, or the list is too short."""
        items = self.records("value")
        # The next page is never fetched: the request asks for enough rows, or the read decides nothing.
        if self._fields.get("@odata.nextLink") is not None or (self.number("@odata.count") or 0) > len(items):
            raise self.incomplete(_("the rest of the list"))
        return items

    def incomplete(self, what: str | Promise) -> Incomplete:
        return self._answer.incomplete(what)

    def _raise_incomplete(self, name: str) -> str:
        raise self.incomplete(name)


def header_date(value: str | None) -> datetime | None:
    """Return the `Date` header of an answer (RFC 9110) in UTC, or None if it is not readable."""
    try:
        parsed = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def parse_timestamp(value: object) -> datetime | None:
    """Return one of Graph's timestamps, which have seven fractional digits and are in UTC if they name no zone."""
    if not isinstance(value, str) or "T" not in value or len(value) > 40:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # Graph sends unset dates as the year 1. A date near the end of the calendar is not a real one.
    return parsed if 1900 <= parsed.year < 9000 else None
