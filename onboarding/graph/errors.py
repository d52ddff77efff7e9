"""The errors of calls to Microsoft Graph. Their texts are the portal's own and never come from an answer."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict, Unpack

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise


class Ids(TypedDict, total=False):
    """The details that support needs to find a request: Graph's error code and id, the portal's own id, and the time."""

    code: str
    request_id: str
    client_request_id: str
    answered_at: datetime | None


class GraphError(Exception):
    """An answer that the portal cannot use, or no answer.

    The text of the exception is English, for logs and failed jobs. `words` is the same text, translated for pages.
    """

    is_explained = True  # the text says all: a log line needs no stack (`onboarding/jobs.py`)

    def __init__(self, message: str | Promise, **ids: Unpack[Ids]) -> None:
        with translation.override(settings.LANGUAGE_CODE):
            super().__init__(str(message))
        self.words = message
        self.code = ids.get("code", "")
        self.request_id = ids.get("request_id", "")
        self.client_request_id = ids.get("client_request_id", "")
        self.answered_at = ids.get("answered_at")  # by Microsoft's clock; None if no answer contained it


class Unavailable(GraphError):
    """Nothing changed: the request was not sent, or only read, or is safe to repeat."""


class Overloaded(Unavailable):
    """No request was sent: too many threads of this process wait for Graph already."""


class Incomplete(Unavailable):
    """The answer lacks something that a decision needs."""


class Throttled(GraphError):
    """Graph answered 429: it did nothing, and wants no request for `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float, **ids: Unpack[Ids]) -> None:
        super().__init__(message, **ids)
        self.retry_after = retry_after


class Refused(GraphError):
    """Graph says that it did nothing. After a write this is only a hint: the list of passes is the proof.

    `reason` is one of: lifetime, once, policy, guest, exists, forbidden, unauthorised, other.
    """

    def __init__(self, message: str, *, status: int, reason: str = "other", **ids: Unpack[Ids]) -> None:
        super().__init__(message, **ids)
        self.status = status
        self.reason = reason


class ReadNotPermitted(Refused):
    """The tenant does not permit this read: the identity lacks the permission, or the tenant lacks the licence."""


class NotFound(Refused):
    """The directory does not contain the requested object."""


class OutcomeUnknown(GraphError):
    """The request was sent, and it is unknown whether Graph carried it out.

    `answered` says that Graph reported a new pass that cannot be shown. `method_id` is the pass's id, if it was readable.
    """

    def __init__(
        self, message: str, *, answered: bool = False, method_id: str | None = None, **ids: Unpack[Ids]
    ) -> None:
        super().__init__(message, **ids)
        self.answered = answered
        self.method_id = method_id
