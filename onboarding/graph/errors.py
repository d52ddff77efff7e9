"""What can go wrong when Microsoft Graph is asked, in the portal's words and never in the answer's."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict, Unpack

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise


class Ids(TypedDict, total=False):
    """What support needs to find a request again: Graph's error code and id, the portal's own id, and when."""

    code: str
    request_id: str
    client_request_id: str
    answered_at: datetime | None


class GraphError(Exception):
    """Any answer, or lack of one, that the portal cannot use.

    Its text goes into logs and stands with jobs, so it is English; `words` say the same to whoever reads a page.
    """

    def __init__(self, message: str | Promise, **ids: Unpack[Ids]) -> None:
        with translation.override(settings.LANGUAGE_CODE):
            super().__init__(str(message))
        self.words = message
        self.code = ids.get("code", "")
        self.request_id = ids.get("request_id", "")
        self.client_request_id = ids.get("client_request_id", "")
        self.answered_at = ids.get("answered_at")  # by Microsoft's clock; None where no answer said it


class Unavailable(GraphError):
    """Nothing changed: the request did not leave, or it only read, or it may be sent again safely."""


class Overloaded(Unavailable):
    """Nothing was asked: too many of this process wait for Graph already."""


class Incomplete(Unavailable):
    """An answer came, without something that a decision needs."""


class Throttled(GraphError):
    """Graph did nothing and wants to be left alone for `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float, **ids: Unpack[Ids]) -> None:
        super().__init__(message, **ids)
        self.retry_after = retry_after


class Refused(GraphError):
    """A no: Graph says that nothing was done. After a write it is a hint, and only the list of passes is proof.

    `reason` is one of: lifetime, once, policy, guest, exists, forbidden, unauthorised, other.
    """

    def __init__(self, message: str, *, status: int, reason: str = "other", **ids: Unpack[Ids]) -> None:
        super().__init__(message, **ids)
        self.status = status
        self.reason = reason


class ReadNotPermitted(Refused):
    """The tenant does not let the portal read this at all: the identity lacks the right, or the tenant the licence."""


class NotFound(Refused):
    """What was asked for is not in the directory."""


class OutcomeUnknown(GraphError):
    """The request left, and nobody can say whether it was carried out.

    `answered` where a pass was said to be made that cannot be shown; `method_id` where its id could be read.
    """

    def __init__(
        self, message: str, *, answered: bool = False, method_id: str | None = None, **ids: Unpack[Ids]
    ) -> None:
        super().__init__(message, **ids)
        self.answered = answered
        self.method_id = method_id
