"""The manager's door: their starters, one starter's page, and the one answer that carries a pass."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from onboarding import budget, clock, guards, handover, policy, step_up, troubles
from onboarding.lifecycle import NotPermitted
from onboarding.managers import said, situation, spelling
from onboarding.managers.forms import ConfirmForm
from onboarding.managers.situation import Situation
from onboarding.models import PassIssue, Starter
from onboarding.moves import Changed
from onboarding.permissions import CannotTell, may_record, starter_of_manager
from onboarding.sheet import where_to_go

View = Callable[..., HttpResponse]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Everybody's first page: the starters who wait for this person. From the last look at the directory."""
    now, rows = clock.now(), []
    mine = (
        Starter.objects.of_manager(getattr(request.user, "oid", ""))
        .filter(erased_at=None)
        .exclude(account_id="")
    )
    shown = list(mine.prefetch_related("issues").order_by("-starts_at")[:100])
    rules = policy.of_departments(starter.department for starter in shown)
    for starter in shown:
        seen = situation.of(starter, rules[starter.department], now, signed_in_at=now)
        rows.append(
            {
                "name": starter.name,
                "when": starter.start_words,
                "url": reverse("managers:starter", args=[starter.public_id]),
                "badge": {"word": BADGES.get(seen.code, seen.title), "tone": seen.tone},
            }
        )
    return render(request, "managers/home.html", {"rows": rows, "is_hr": may_record(request.user)})


IN_MINUTES = 90  # from so many seconds on; static/js/follow.js says the same
BADGES = {
    "ready": _("Waiting for you"),
    "early": _("Not yet"),
    "late": _("Too late"),
    "held": _("Pass handed over"),
    "shown": _("Pass shown"),
    "issuing": _("Being prepared"),
    "unknown": _("Being checked"),
    "revoking": _("Being taken back"),
    "registered": _("Done"),
    "withdrawn": _("Withdrawn"),
    "frozen": _("Stopped for now"),
    "used_up": _("Ask HR"),
    "waiting": _("In line"),
}


def managers_only(view: View) -> View:
    """Give the view the starter of its address, if the signed-in person is the manager now; else 404."""

    @wraps(view)
    def checked(request: HttpRequest, public_id: str, **kwargs: Any) -> HttpResponse:
        try:
            acting = request.method == "POST"
            starter = starter_of_manager(request.user, public_id, guarded=acting, with_facts=not acting)
        except CannotTell as problem:
            address = reverse("managers:starter", args=[public_id])
            return try_again(request, *cannot_tell(problem), said.still_in_address(address, request))
        return view(request, starter, **kwargs)

    return checked


def try_again(request: HttpRequest, title: str, text: str, address: str) -> HttpResponse:
    """A page that tells nothing of the starter, since nobody knows whether this is the manager."""
    context = {"title": title, "text": text, "url": address}
    return render(request, "managers/unavailable.html", context, status=503)


def cannot_tell(problem: CannotTell) -> tuple[str, str]:
    """What the page says on which somebody waits who may be the manager: its heading, and what happened."""
    if problem.crowded:
        return gettext("The portal is busy"), gettext(
            "Too many people are waiting for Microsoft at this moment, so we did not ask whether you are this person's manager."
        )
    return gettext("The directory does not answer"), gettext(
        "We cannot check just now that you are this person's manager. Nothing is lost; try again in a minute."
    )


@require_http_methods(["GET", "HEAD", "POST"])
@managers_only
def starter_page(request: HttpRequest, starter: Starter) -> HttpResponse:
    """GET shows where things stand and changes nothing; POST is the confirmation."""
    if request.method == "POST":
        return confirm(request, starter)
    seen, told = present(request, starter), said.before(request, starter)
    if seen.action == "confirm" and told.foreign and handover.may_be_there(told.foreign, starter):
        seen = situation.foreign_pass(told.foreign, starter)  # which they chose to replace before they waited
    return page(request, starter, seen, told=told)


def present(request: HttpRequest, starter: Starter) -> Situation:
    rules, now = policy.for_starter(starter), clock.now()
    refusing: tuple[guards.Guard, ...] = ()
    if starter.facts is not None:
        refusing = guards.refusals(
            guards.Question(starter, starter.facts, request.user, None, rules, now, place=guards.Place.LOOKED)
        )
    waiting = budget.standing(starter, request.user)
    needed = situation.needed_at(waiting, now)
    return situation.of(
        starter,
        rules,
        now,
        signed_in_at=_signed_in_at(request),
        proven=step_up.holds(
            _proof(request, starter), starter=starter, person=request.user, rules=rules, now=needed
        ),
        waiting=waiting,
        refusing=refusing,
    )


def _signed_in_at(request: HttpRequest) -> Any:
    return getattr(request, "auth_time", None)


def _proof(request: HttpRequest, starter: Starter) -> step_up.Proof | None:
    """Of a sign-in that was made for this starter; the site keeps it in the session."""
    return step_up.proof_for(starter, getattr(request, "step_ups", {}))


@sensitive_variables()
def confirm(request: HttpRequest, starter: Starter) -> HttpResponse:
    """Ask for the pass; the answer to this very request is the only one that ever shows it."""
    if any(len(values) > 1 for _, values in request.POST.lists()):
        raise BadRequest("a field came twice")
    form = ConfirmForm(request.POST, rules=policy.for_starter(starter))
    told = replace(said.before(request, starter), check=form.data.get("identity_check", ""))
    if not form.is_valid():
        still_the_manager(request, starter)
        return page(request, starter, present(request, starter), told=told, form=form, status=400)
    outcome = handover.confirm(
        handover.Confirmation(
            starter=starter,
            person=request.user,
            signed_in_at=_signed_in_at(request),
            identity_check=form.cleaned_data["identity_check"],
            starter_version=form.cleaned_data["version"],
            policy_key=form.cleaned_data["policy"],
            replacing=frozenset(filter(None, [form.cleaned_data["replace"]])),
            proof=_proof(request, starter),
        )
    )
    if isinstance(outcome, handover.Shown):
        return pass_page(request, starter, outcome)
    return answer_without_pass(request, starter, outcome, told)


def still_the_manager(request: HttpRequest, starter: Starter) -> None:
    """The guards did not ask: then the door does, before it shows a page. While nobody answers, it may be shown."""
    with suppress(CannotTell):
        starter_of_manager(request.user, starter.public_id)


def answer_without_pass(
    request: HttpRequest, starter: Starter, outcome: handover.Outcome, told: said.Said
) -> HttpResponse:
    # Where too many wait for Microsoft the door could not ask either, and would only wait once more.
    if outcome == handover.NotNow("crowded"):
        address = reverse("managers:starter", args=[starter.public_id])
        back = said.in_address(address, starter, request.user, told)
        text = gettext("Too many people are waiting for Microsoft at this moment, so no pass was made.")
        return try_again(request, gettext("The portal is busy"), text, back)
    if not isinstance(outcome, handover.Refused):
        still_the_manager(request, starter)
    starter = Starter.objects.get(pk=starter.pk)
    now_so = present(request, starter)
    match outcome:
        case handover.Refused(step_up=True):
            return page(request, starter, situation.sign_in_again(outcome.guards), told=told, status=403)
        case handover.Refused(foreign=(live, *_)):
            told = replace(told, foreign=live)
            return page(request, starter, situation.foreign_pass(live, starter), told=told, status=403)
        case handover.Refused():
            return page(request, starter, situation.refused(outcome.guards), status=403)
        case handover.Waiting():
            return page(request, starter, situation.in_line(outcome.wait, clock.now()), told=told)
        case handover.NotNow():
            return page(request, starter, situation.not_now(outcome.code), status=503)
        case handover.Failed():
            return page(request, starter, situation.failed(outcome.issue, now_so), status=503)
        case _:
            return page(request, starter, now_so, status=409)


def page(
    request: HttpRequest,
    starter: Starter,
    seen: Situation,
    *,
    told: said.Said | None = None,
    form: ConfirmForm | None = None,
    status: int = 200,
) -> HttpResponse:
    version = policy.for_starter(starter)
    address = reverse("managers:starter", args=[starter.public_id])
    told = told or said.before(request, starter)
    back = said.in_address(address, starter, request.user, told)
    context: dict[str, Any] = {
        "starter": starter,
        "facts": {
            "name": starter.name,
            "job_title": starter.job_title,
            "department": starter.department,
            "start_words": f"{starter.start_words} ({starter.time_zone})",
        },
        "situation": seen,
        "troubles": troubles.TROUBLES if seen.code in {"shown", "held"} else (),
        "sheet_url": reverse("sheet"),
        "lifetime_minutes": policy.lifetime(version),
        "follows": seen.refresh_seconds,
        "refresh_url": back,
    }
    if seen.action == "confirm":
        fresh = {"version": starter.version, "policy": version.key, "identity_check": told.check}
        context["form"] = form if form and form.errors else ConfirmForm(initial=fresh, rules=version)
        if signed_in_at := _signed_in_at(request):  # after that it asks for a sign-in first, and says so
            context["fresh_until"] = date_format(
                (signed_in_at + version.freshness).astimezone(starter.zone), "CLOCK"
            )
    elif seen.action == "replace":
        context["replace"] = {"version": starter.version, "policy": version.key, "identity_check": told.check}
        context["replace"] |= {"method_id": seen.method_id, "address": back}
    elif seen.action == "sign_in":
        purpose = {"for": starter.public_id} if version.step_up_context else {}
        context["sign_in_url"] = f"{reverse('signin:again')}?{urlencode({'next': back, **purpose})}"
    elif seen.action == "wait" and seen.wait is not None:
        seconds = seen.wait.seconds(clock.now())
        minutes = round(seconds / 60) if seconds >= IN_MINUTES else 0
        context["wait"] = {"seconds": seconds, "minutes": minutes, "position": seen.wait.ahead + 1}
    context["actions"] = _actions(request, starter, seen)
    response = render(request, "managers/starter.html", context, status=status)
    for name, news in seen.news.items():  # a page that follows asks for the head
        response[name] = news
    return response


def _actions(request: HttpRequest, starter: Starter, seen: Situation) -> list[dict[str, Any]]:
    issue = starter.open_issue()
    if issue is None or issue.actor_id != request.user.pk or seen.action not in {"not_seen", "lost"}:
        return []
    lost = seen.action == "lost"
    name = "managers:lost" if lost else "managers:not-seen"
    return [
        {
            "url": reverse(name, args=[starter.public_id, issue.pk]),
            "label": gettext("It was lost: take it back")
            if lost
            else gettext("I did not see it: take it back"),
            "explain": gettext("The pass is deleted, so nobody can use it. You can then create a new one."),
            "danger": True,
        }
    ]


@sensitive_variables()
def pass_page(request: HttpRequest, starter: Starter, shown: handover.Shown) -> HttpResponse:
    """Render the pass into this answer and forget it."""
    issue = shown.issue
    code = shown.code.reveal()
    ids = [starter.public_id, issue.pk]
    now, until = clock.now(), shown.valid_until.astimezone(starter.zone)
    other_day = until.date() != now.astimezone(starter.zone).date()
    context = {
        "starter_name": starter.name,
        "account_name": starter.account_name,
        "groups": spelling.groups(code),
        "spelled": spelling.spelled(code),
        "valid_until": until,
        "valid_until_words": date_format(until, "WEEKDAY_CLOCK" if other_day else "CLOCK"),
        "zone": starter.time_zone,
        "seconds_left": max(int((until - now).total_seconds()), 0),
        "receipt_url": reverse("managers:receipt", args=ids),
        "not_seen_url": reverse("managers:not-seen", args=ids),
        "receipt_seconds": int(settings.PASS_RECEIPT.total_seconds()),
        "where_to_go": where_to_go(),
        "sheet_url": reverse("sheet"),
        "keep_page": True,
        "page_url": reverse("managers:starter", args=[starter.public_id]),
    }
    try:
        return render(request, "managers/pass.html", context)
    finally:
        shown.code.wipe()
        context.clear()


def actors_only(view: View) -> View:
    """Give the view the issue of its address, if the signed-in person is the one who was shown its pass; else 404.

    It asks nobody else: a receipt must get through even while the directory does not answer.
    """

    @wraps(view)
    def checked(request: HttpRequest, public_id: str, issue_id: Any) -> HttpResponse:
        issues = PassIssue.objects.select_related("starter").filter(
            actor=request.user, starter__public_id=public_id
        )  # type: ignore[misc]
        return view(request, get_object_or_404(issues, pk=issue_id))

    return checked


@require_POST
@actors_only
def receipt(request: HttpRequest, issue: PassIssue) -> HttpResponse:
    """The page has painted the pass. 204 keeps a page without scripts where it is; 410 tells it to wipe itself."""
    return HttpResponse(status=204 if handover.receipt(issue, by=request.user) else 410)


@require_POST
@actors_only
def not_seen(request: HttpRequest, issue: PassIssue) -> HttpResponse:
    return _take_back(request, issue, PassIssue.Reason.NOT_SEEN)


@require_POST
@actors_only
def lost(request: HttpRequest, issue: PassIssue) -> HttpResponse:
    return _take_back(request, issue, PassIssue.Reason.LOST)


def _take_back(request: HttpRequest, issue: PassIssue, reason: str) -> HttpResponse:
    # If it cannot be moved it is on its way out, or gone: the page says which.
    with suppress(NotPermitted, Changed):
        handover.take_back(issue, reason=reason, by=request.user)
    return redirect("managers:starter", public_id=issue.starter.public_id)
