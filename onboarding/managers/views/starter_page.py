"""One starter's page for their manager, in each of its states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext

from onboarding import clock, guards, obstacles, policy
from onboarding.guards import step_up
from onboarding.guidance import troubleshooting
from onboarding.managers import page_state, saved_choice
from onboarding.managers.forms import ConfirmForm
from onboarding.managers.page_state import PageState
from onboarding.models import Starter
from onboarding.passes import graph_quota, sign_in_quota, sign_ins

MINUTES_FROM = 90  # seconds; keep it equal to the one in static/js/poll_page.js


def current_page_state(request: HttpRequest, starter: Starter) -> PageState:
    rules, now = policy.for_starter(starter), clock.now()
    reasons, hr_notified_at = _find_obstacles(request, starter)
    waiting = graph_quota.queue_position(starter, request.user)
    needed = page_state.sign_in_needed_at(waiting, now)
    return page_state.build_page_state(
        starter,
        rules,
        now,
        signed_in_at=signed_in_at(request),
        proven=step_up.is_valid_proof(
            proof_of(request, starter), starter=starter, person=request.user, rules=rules, now=needed
        ),
        waiting=waiting,
        reasons=reasons,
        hr_notified_at=hr_notified_at,
    )


def reasons_against_pass(starter: Starter, refusing: Iterable[guards.Guard]) -> tuple[guards.Reason, ...]:
    """Return the reasons to show no button. Guards that only a click can ask do not count: the manager may try again."""
    asked = [guard for guard in refusing if guard.is_asked_at(guards.Place.OPENED)]
    return guards.reasons_for_guards(asked, reference=starter.answer_event)


def _find_obstacles(
    request: HttpRequest, starter: Starter
) -> tuple[tuple[guards.Reason, ...], datetime | None]:
    """Return the reasons by the facts read now, or else by the last check, and when HR was notified of them.

    Opening a page stores no new answer: the worker checks again, stores it and notifies HR.
    """
    if starter.facts is None:
        return reasons_against_pass(
            starter, obstacles.stored_answer(starter).known_guards
        ), starter.hr_notified_at
    answer = obstacles.find_obstacle(starter, obstacles.Read.from_facts(starter.facts), person=request.user)
    is_kept = answer == obstacles.stored_answer(starter)
    if not is_kept:
        obstacles.ask_for_check(starter)
    return reasons_against_pass(starter, answer.refusing), starter.hr_notified_at if is_kept else None


def signed_in_at(request: HttpRequest) -> Any:
    return getattr(request, "auth_time", None)


def proof_of(request: HttpRequest, starter: Starter) -> step_up.Proof | None:
    """Return the proof of a sign-in made for this starter. The session keeps it."""
    return step_up.proof_for(starter, getattr(request, "step_ups", {}))


def render_page(
    request: HttpRequest,
    starter: Starter,
    state: PageState,
    *,
    choice: saved_choice.SavedChoice | None = None,
    form: ConfirmForm | None = None,
    status: int = 200,
) -> HttpResponse:
    rules = policy.for_starter(starter)
    choice = choice or saved_choice.read_saved_choice(request, starter)
    context: dict[str, Any] = {
        "starter": starter,
        "facts": {
            "name": starter.name,
            "job_title": starter.job_title,
            "department": starter.department,
            "start_words": f"{starter.start_words} ({starter.time_zone})",
        },
        "page_state": state,
        "sign_in_problems": troubleshooting.SIGN_IN_PROBLEMS if state.code in {"shown", "held"} else (),
        "sheet_url": reverse("sheet"),
        "lifetime_minutes": policy.pass_lifetime_minutes(rules),
        "poll_seconds": state.refresh_seconds,
        "refresh_url": _address_with_choice(request, starter, choice),
    }
    context["reload_url"] = _mark_as_reload(context["refresh_url"])
    context |= _action_context(request, starter, state, choice=choice, form=form)
    context["actions"] = _cancel_actions(request, starter, state)
    response = render(request, "managers/starter.html", context, status=status)
    for name, value in state.poll_headers.items():  # a page that polls sends HEAD
        response[name] = value
    return response


def _action_context(
    request: HttpRequest,
    starter: Starter,
    state: PageState,
    *,
    choice: saved_choice.SavedChoice,
    form: ConfirmForm | None,
) -> dict[str, Any]:
    """Return what the page needs for the one action that the manager can take now."""
    match state.action:
        case "confirm":
            return _confirm_context(request, starter, choice, form)
        case "replace":
            return _replace_context(request, starter, state, choice)
        case "sign_in":
            return _sign_in_context(request, starter, choice)
        case "wait" if state.wait is not None:
            return _queue_context(state.wait)
    return {}


def _confirm_context(
    request: HttpRequest, starter: Starter, choice: saved_choice.SavedChoice, form: ConfirmForm | None
) -> dict[str, Any]:
    rules = policy.for_starter(starter)
    fresh = {"version": starter.version, "policy": rules.version_key, "identity_check": choice.identity_check}
    context: dict[str, Any] = {
        "sign_ins_read": _sign_ins_read_at(starter),
        "addresses": {  # the page keeps the choice when it reloads
            check: _address_with_choice(request, starter, replace(choice, identity_check=check))
            for check in rules.identity_checks
        },
        "form": form if form and form.errors else ConfirmForm(initial=fresh, rules=rules),
    }
    if since := signed_in_at(request):  # after this time the manager must sign in again
        context["fresh_until"] = date_format(
            (since + rules.sign_in_max_age).astimezone(starter.zone_info), "CLOCK"
        )
    return context


def _replace_context(
    request: HttpRequest, starter: Starter, state: PageState, choice: saved_choice.SavedChoice
) -> dict[str, Any]:
    rules = policy.for_starter(starter)
    return {
        "replace": {
            "version": starter.version,
            "policy": rules.version_key,
            "identity_check": choice.identity_check,
            "method_id": state.method_id,
            "address": _address_with_choice(request, starter, choice),
        }
    }


def _sign_in_context(
    request: HttpRequest, starter: Starter, choice: saved_choice.SavedChoice
) -> dict[str, Any]:
    purpose = {"for": starter.public_id} if policy.for_starter(starter).step_up_context else {}
    query = urlencode({"next": _address_with_choice(request, starter, choice), **purpose})
    return {"sign_in_url": f"{reverse('signin:again')}?{query}"}


def _queue_context(wait: graph_quota.Wait) -> dict[str, Any]:
    seconds = wait.seconds_left(clock.now())
    minutes = round(seconds / 60) if seconds >= MINUTES_FROM else 0
    return {"wait": {"seconds": seconds, "minutes": minutes, "position": wait.ahead + 1}}


def _address_with_choice(request: HttpRequest, starter: Starter, choice: saved_choice.SavedChoice) -> str:
    """Return the page's address with the saved choice."""
    address = reverse("managers:starter", args=[starter.public_id])
    return saved_choice.add_to_address(address, starter, request.user, choice)


def _mark_as_reload(address: str) -> str:
    """The address for a page that reloads itself: the portal does not count it as activity of a person."""
    return f"{address}{'&' if '?' in address else '?'}reloaded=1"


def _sign_ins_read_at(starter: Starter) -> str:
    """Return when the portal last read that nobody has signed in, if a click could not read it again."""
    known = sign_ins.known_since(starter)
    return "" if sign_in_quota.has_room_for_click() else format_clock(known, starter)


def format_clock(moment: datetime | None, starter: Starter) -> str:
    """Format a time in the starter's zone, with the day if that is not today."""
    if moment is None:
        return ""
    local, now = moment.astimezone(starter.zone_info), clock.now().astimezone(starter.zone_info)
    return date_format(local, "CLOCK" if local.date() == now.date() else "WEEKDAY_CLOCK")


def _cancel_actions(request: HttpRequest, starter: Starter, state: PageState) -> list[dict[str, Any]]:
    issue = starter.open_issue()
    if issue is None or issue.actor_id != request.user.pk or state.action not in {"not_seen", "lost"}:
        return []
    lost = state.action == "lost"
    name = "managers:lost" if lost else "managers:not-seen"
    return [
        {
            "url": reverse(name, args=[starter.public_id, issue.pk]),
            "label": gettext("Cancel this pass") if lost else gettext("I did not see the pass"),
            "explain": gettext(
                "Cancelling deletes the pass, so nobody can use it. This page then shows whether you can "
                "create a new one."
            ),
            "danger": True,
        }
    ]
