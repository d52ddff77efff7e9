"""Who calls: an Entra access token, verified in full, of an application that the policy lists.

Session cookies never open the API, and there are no API keys.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.module_loading import import_string
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt

from onboarding import policy
from onboarding.api.problems import (
    INVALID_TOKEN,
    NO_SUCH_ADDRESS,
    NOT_FOUND,
    NOT_PERMITTED,
    UNAVAILABLE,
    WRONG_METHOD,
    Problem,
)
from onboarding.tickets.request import Application

log = logging.getLogger(__name__)
UNAVAILABLE_SECONDS = 30
RECORD, READ, WITHDRAW = "Starters.Record", "Starters.Read", "Starters.Withdraw"
HOOKS = "Hooks.Manage"


@dataclass(frozen=True)
class Caller:
    """A verified caller, the sources it can use, and what its token permits."""

    application: Application
    sources: frozenset[str]
    permissions: frozenset[str]

    def require_source(self, source: str) -> None:
        """Another source answers as if it did not exist."""
        if source not in self.sources:
            raise Problem(NOT_FOUND)


View = Callable[..., HttpResponse]


def api_view(**views: tuple[str, View]) -> View:
    """Return the view of one address: per HTTP method, the permission that it needs and the function that answers.

    The function gets the request and its `Caller`. What it raises as `Problem` becomes the answer.
    """
    by_method = {name.upper(): view for name, view in views.items()}

    @csrf_exempt
    @login_not_required
    @wraps(next(iter(views.values()))[1])
    def answer(request: HttpRequest, **names: str) -> HttpResponse:
        try:
            if not settings.API_CLIENT_ID:
                raise Problem(NO_SUCH_ADDRESS, gettext("This portal’s API is not set up."))
            method = "GET" if request.method == "HEAD" else request.method
            if method not in by_method:
                allowed = ", ".join(HttpResponseNotAllowed(by_method)["Allow"].split(", "))
                raise Problem(WRONG_METHOD, headers={"Allow": allowed})
            permission, view = by_method[method]
            return view(request, _authenticate(request, permission), **names)
        except Problem as problem:
            return problem.response()

    return answer


def _authenticate(request: HttpRequest, permission: str) -> Caller:
    """Verify the token and ask the policy. Raises Problem."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthorised("")
    known = _verify(token.strip())
    # For the log: the application, and the person in whose name it acts.
    request.calling_application = known.application_id  # type: ignore[attr-defined]
    request.calling_person = known.oid if known.is_person else ""  # type: ignore[attr-defined]
    rules = policy.for_site()
    sources = policy.allowed_sources(rules, known.application_id)
    if not sources or (known.is_agent and not rules.api_agents):
        log.warning(
            "API: the policy does not allow this application", extra={"application": known.application_id}
        )
        raise Problem(
            NOT_PERMITTED,
            gettext(
                "The portal’s policy does not allow this application. Ask an admin of the portal to allow it."
            ),
        )
    if permission not in known.permissions:
        raise Problem(
            NOT_PERMITTED,
            gettext("The token does not contain the permission %(name)s.") % {"name": permission},
        )
    application = Application(
        tid=known.tid,
        oid=known.oid,
        name=known.name or ", ".join(sorted(sources)),
        application_id=known.application_id,
        is_person=known.is_person,
    )
    return Caller(application, sources, known.permissions)


def _verify(token: str) -> Any:
    try:
        return import_string(settings.ACCESS_TOKEN_VERIFIER)(token)
    except Exception as error:
        reason = getattr(error, "reason", None)
        if reason is None:
            raise
        log.warning("API: a token was refused: %s", getattr(error, "detail", error))
        if reason == "unavailable":
            raise Problem(
                UNAVAILABLE,
                gettext(
                    "The portal could not read Microsoft Entra’s signing keys. Try again after the number of seconds "
                    "in the Retry-After header."
                ),
                retry_after=UNAVAILABLE_SECONDS,
            ) from None
        raise _unauthorised("invalid_token") from None


def _unauthorised(error: str) -> Problem:
    """RFC 6750: without a token, the challenge has no error code."""
    challenge = f'Bearer error="{error}"' if error else "Bearer"
    return Problem(INVALID_TOKEN, headers={"WWW-Authenticate": challenge})
