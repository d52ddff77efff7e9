"""Several starters chosen on the list: their first day is moved, or their managers are sent the link, one by one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from onboarding import services
from onboarding.hr import words
from onboarding.hr.forms import MoveForm
from onboarding.hr.views.answers import said
from onboarding.hr.wanted import LONG_PAGE, Wanted
from onboarding.models import Starter
from onboarding.permissions import hr_only

SEEN_OTHERWISE = _("Not done: it has changed since you chose it. Look at it again.")


@require_POST
@hr_only
def together(request: HttpRequest) -> HttpResponse:
    """First which and what, which changes nothing; then each is done, or the answer says why not."""
    chosen = _chosen(request)
    back = Wanted.of(QueryDict(request.POST.get("back", "")[:2000])).url()
    if not chosen:
        messages.error(
            request, gettext("Tick those that you mean, at the start of their lines, then choose what to do.")
        )
        return redirect(back)
    match request.POST.get("step"):
        case "send":
            return _page(request, chosen, back, form=None)
        case "do-send":
            return _outcome(request, _send(request, chosen), back)
        case "do-move":
            form = MoveForm(request.POST)
            if not form.is_valid():
                return _page(request, chosen, back, form=form, status=400)
            return _outcome(request, _move(request, chosen, form), back)
        case _:
            return _page(request, chosen, back, form=MoveForm())


def _chosen(request: HttpRequest) -> list[Any]:
    invitations = Count("mails", filter=Q(mails__kind="invitation"))
    rows = Starter.objects.filter(public_id__in=list(_named(request))[:LONG_PAGE], erased_at=None)
    found = rows.select_related("recorded_by").annotate(invitations=invitations)
    return list(found.order_by("starts_at", "id"))


def _named(request: HttpRequest) -> dict[str, str]:
    """Who was ticked, and on the second page what was seen of each: `public id:seen`, one field for each."""
    pairs = [value.partition(":") for value in request.POST.getlist("starter")]
    return {public_id: seen for public_id, _, seen in pairs}


def _seen(one: Any) -> str:
    """What HR was looking at: sent twice, the same page does nothing twice."""
    return f"{one.version}.{one.invitations}"


def _page(
    request: HttpRequest, chosen: list[Any], back: str, *, form: MoveForm | None, status: int = 200
) -> HttpResponse:
    context = {
        "rows": [_row(one) | {"seen": _seen(one)} for one in chosen],
        "form": form,
        "count": len(chosen),
        "back_url": back,
        "back": back.partition("?")[2],
    }
    return render(request, "hr/together.html", context, status=status)


def _row(one: Starter) -> dict[str, Any]:
    return {
        "public_id": one.public_id,
        "name": one.name,
        "when": words.when(one),
        "manager_name": one.manager_name,
        "badge": words.badge(one),
        "problem": one.get_problem_display() if one.is_unfinished else "",
        "url": reverse("hr:starter", args=[one.public_id]),
    }


def _outcome(request: HttpRequest, outcomes: list[dict[str, Any]], back: str) -> HttpResponse:
    failed = sum(not one["is_done"] for one in outcomes)
    # What could not be done stands first: it is what somebody has to look at.
    rows = sorted(outcomes, key=lambda one: one["is_done"])
    context = {"rows": rows, "failed": failed, "count": len(rows), "back_url": back}
    return render(request, "hr/together_done.html", context)


def _move(request: HttpRequest, chosen: list[Any], form: MoveForm) -> list[dict[str, Any]]:
    def move(one: Any) -> None:
        services.reschedule(starter=one, note=one.note, by=request.user, **form.for_one(one))

    return [_each(request, one, lambda one=one: move(one), gettext("Moved.")) for one in chosen]


def _send(request: HttpRequest, chosen: list[Any]) -> list[dict[str, Any]]:
    """One after the other: everything that the guards look at is read for each, in one round trip."""

    def send(one: Any) -> None:
        services.send_link(starter=one, by=request.user, together=True)

    return [
        _each(request, one, lambda one=one: send(one), gettext("The link is on its way to the manager."))
        for one in chosen
    ]


def _each(request: HttpRequest, one: Any, act: Any, success: str) -> dict[str, Any]:
    if _named(request).get(one.public_id) != _seen(one):
        return {**_row(one), "is_done": False, "words": SEEN_OTHERWISE}
    is_done, told = said(act, success)
    return {**_row(one), "is_done": is_done, "words": told}
