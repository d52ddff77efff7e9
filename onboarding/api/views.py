"""The addresses of the API. Each turns a request into a call of a service, and its result into JSON."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt

from onboarding.api import listing
from onboarding.api.authentication import READ, RECORD, UNAVAILABLE_SECONDS, WITHDRAW, Caller, api_view
from onboarding.api.fields import read_starter, read_withdrawal_reason
from onboarding.api.problems import (
    ALREADY_ADDED,
    DAILY_LIMIT,
    INVALID_FIELDS,
    NO_SUCH_ADDRESS,
    NOT_CHANGEABLE,
    NOT_FOUND,
    UNAVAILABLE,
    VERSION_MISMATCH,
    FieldError,
    Problem,
)
from onboarding.errors import ConcurrentUpdate, OnboardingError
from onboarding.guards import daily_limits
from onboarding.lifecycle import IssueState, NotPermitted, StarterState
from onboarding.models import PassIssue, Ticket
from onboarding.starters import duplicates, withdrawal
from onboarding.starters.errors import (
    AlreadyRecorded,
    DirectoryUnavailable,
    OwnStarter,
    TicketError,
)
from onboarding.tickets import put
from onboarding.tickets.representation import describe, etag_of, url_of

ETAG = re.compile(r'"(\d{1,18})"')
WITHDRAWING_SECONDS = 10  # until a pass that may still work is deleted, usually


def put_starter(request: HttpRequest, caller: Caller, *, source: str, number: str) -> JsonResponse:
    caller.require_source(source)
    sent = read_starter(request, source, number)
    earlier = put.find_ticket(source, number)
    if earlier is not None and earlier.starter.erased_at is not None:
        raise Problem(NOT_FOUND)
    try:
        _require_any_version(request, earlier)
        result = put.put_ticket(
            sent,
            earlier,
            by=caller.application,
            only_adds=_only_adds(request),
            expected_version=_expected_version(request),
        )
    except put.VersionMismatch:
        raise Problem(VERSION_MISMATCH) from None
    except TicketError as error:
        errors = (FieldError(f"/{error.field}", error.code, str(error.message)),)
        raise Problem(INVALID_FIELDS, errors=errors) from None
    except AlreadyRecorded as error:
        raise _already_added(error) from None
    except daily_limits.DailyLimitReached:
        raise Problem(DAILY_LIMIT, retry_after=daily_limits.seconds_until_tomorrow()) from None
    except DirectoryUnavailable as error:
        raise Problem(UNAVAILABLE, str(error.message), retry_after=UNAVAILABLE_SECONDS) from None
    except (ConcurrentUpdate, OwnStarter) as error:
        raise _not_changeable(source, number, error) from None
    except NotPermitted:
        raise _not_changeable(source, number, ConcurrentUpdate("another state meanwhile")) from None
    ticket = _read_ticket(source, number)
    response = _answer(ticket, 201 if result.created else 200, describe(ticket, result.refusing))
    if result.created:
        response["Location"] = url_of(ticket)
    return response


def get_starter(_request: HttpRequest, caller: Caller, *, source: str, number: str) -> JsonResponse:
    caller.require_source(source)
    ticket = _read_ticket(source, number)
    return _answer(ticket, 200, describe(ticket))


def withdraw_starter(request: HttpRequest, caller: Caller, *, source: str, number: str) -> JsonResponse:
    """202 while a pass that may still work is being deleted; the caller asks again later."""
    caller.require_source(source)
    ticket = _read_ticket(source, number)
    reason = read_withdrawal_reason(request)
    expected = _expected_version(request)
    if expected is not None and expected != ticket.starter.version:
        raise Problem(VERSION_MISMATCH)
    is_done = ticket.starter.state == StarterState.WITHDRAWN
    if not is_done and not _is_being_withdrawn(ticket):
        try:
            is_done = withdrawal.withdraw_starter(
                starter=ticket.starter, by=caller.application, reason=reason
            )
        except (ConcurrentUpdate, NotPermitted):
            error = ConcurrentUpdate("finished, or another state meanwhile")
            raise _not_changeable(source, number, error) from None
    fresh = _read_ticket(source, number)
    response = _answer(fresh, 200 if is_done else 202, describe(fresh))
    if not is_done:
        response["Retry-After"] = str(WITHDRAWING_SECONDS)
    return response


def _is_being_withdrawn(ticket: Ticket) -> bool:
    """Whether an earlier request has asked for it, and the pass is still being deleted."""
    issue = ticket.starter.open_issue()
    return (
        issue is not None
        and issue.state == IssueState.REVOKING
        and issue.reason == PassIssue.Reason.WITHDRAWN
    )


def list_starters(request: HttpRequest, caller: Caller) -> JsonResponse:
    query = listing.read_query(request.GET)
    page = listing.read_page(query, caller.sources)
    again = {"cursor": page.cursor} | ({"state": query.state} if query.state else {})
    return JsonResponse(
        {
            "starters": [describe(ticket) for ticket in page.tickets],
            "cursor": str(page.cursor),
            "next": f"{request.path}?{urlencode(again)}" if page.has_more else None,
        }
    )


starter = api_view(put=(RECORD, put_starter), get=(READ, get_starter))
withdraw = api_view(post=(WITHDRAW, withdraw_starter))
starters = api_view(get=(READ, list_starters))


@csrf_exempt
@login_not_required
def no_such_address(_request: HttpRequest, **_names: Any) -> JsonResponse:
    return Problem(NO_SUCH_ADDRESS).response()


def _read_ticket(source: str, number: str) -> Ticket:
    """Raises Problem. An erased starter is gone."""
    ticket = put.find_ticket(source, number)
    if ticket is None or ticket.starter.erased_at is not None:
        raise Problem(NOT_FOUND)
    return ticket


def _answer(ticket: Ticket, status: int, body: dict[str, Any]) -> JsonResponse:
    return JsonResponse(body, status=status, headers={"ETag": etag_of(ticket.starter)})


def _expected_version(request: HttpRequest) -> int | None:
    """Return the version in If-Match; None where it names none."""
    sent = request.headers.get("If-Match", "").strip()
    if sent in {"", "*"}:
        return None
    match = ETAG.fullmatch(sent)
    return int(match[1]) if match else -1


def _require_any_version(request: HttpRequest, earlier: Ticket | None) -> None:
    """`If-Match: *` only changes. Raises VersionMismatch."""
    if earlier is None and request.headers.get("If-Match", "").strip() == "*":
        raise put.VersionMismatch


def _only_adds(request: HttpRequest) -> bool:
    return request.headers.get("If-None-Match", "").strip() == "*"


def _already_added(error: AlreadyRecorded) -> Problem:
    """Name the other starter's state, and nothing else of it."""
    if error.person is None:
        return Problem(ALREADY_ADDED)
    found = duplicates.find_unfinished_of_several([error.person])
    other = found.get(duplicates.duplicate_key(error.person))
    return Problem(ALREADY_ADDED, more={"otherState": other.state} if other else {})


def _not_changeable(source: str, number: str, error: OnboardingError) -> Problem:
    ticket = put.find_ticket(source, number)
    state = {"state": ticket.starter.state} if ticket else {}
    if isinstance(error, ConcurrentUpdate):  # its message is about a page
        return Problem(
            NOT_CHANGEABLE,
            gettext(
                "Possible reasons: someone requested a pass, the onboarding is finished, or HR or "
                "another system withdrew the starter."
            ),
            more=state,
        )
    return Problem(NOT_CHANGEABLE, str(error.message), more=state)
