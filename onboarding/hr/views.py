"""HR's door: the list, recording a starter, one starter's page, and what can be done there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from onboarding import clock, directory, handover, policy, services
from onboarding.hr import words
from onboarding.hr.forms import EditForm, RecordForm, WithdrawForm
from onboarding.lifecycle import UNFINISHED, IssueState, NotPermitted, StarterState
from onboarding.models import PassIssue, Starter
from onboarding.moves import Changed
from onboarding.permissions import hr_only

PAGE = 50
CHANGED = "Somebody or something changed this starter meanwhile. This is how it stands now; nothing of yours was saved."


def starter_or_404(public_id: str) -> Starter:
    found: Starter = get_object_or_404(Starter.objects.select_related("recorded_by"), public_id=public_id)
    return found


# --- The list ---------------------------------------------------------------------------------------------------


@require_safe
@hr_only
def starters(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", "").strip()[:100]
    # Who searches wants to find, also what is finished; who only looks wants to see what is to be done.
    state = request.GET.get("state") or ("all" if query else "")
    found = Starter.objects.matching(query).filter(erased_at=None)
    filters = _filters(found, query, state)
    shown = _of_filter(found, state).order_by("starts_at", "id")
    page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    page.object_list = [_row(starter) for starter in page.object_list]
    context = {
        "page": page,
        "filters": filters,
        "query": query,
        "state": state,
        "new_url": reverse("hr:record"),
        "count": page.paginator.count,
        "count_all": next(one["count"] for one in filters if one["word"] == "All"),
        "previous_url": _list_url(query, state, page.previous_page_number()) if page.has_previous() else None,
        "next_url": _list_url(query, state, page.next_page_number()) if page.has_next() else None,
    }
    return render(request, "hr/list.html", context)


FILTERS = (
    ("", "Unfinished"),
    ("problem", "Needs a hand"),
    ("all", "All"),
    *((s.value, Starter.State(s.value).label) for s in StarterState),
)


def _of_filter(found: Any, state: str) -> Any:
    if state == "problem":
        return found.needing_a_hand(_lapsed_before())
    if state == "all":
        return found
    return found.filter(state=state) if state in Starter.State.values else found.unfinished()


def _lapsed_before() -> datetime:
    return clock.now() - policy.in_force().after


def _filters(found: Any, query: str, current: str) -> list[dict[str, Any]]:
    counts = {row["state"]: row["n"] for row in found.order_by().values("state").annotate(n=Count("pk"))}
    counts["all"] = sum(counts.values())
    counts[""] = sum(counts.get(s, 0) for s in UNFINISHED)
    counts["problem"] = found.needing_a_hand(_lapsed_before()).count()
    known = current if current in dict(FILTERS) else ""
    return [
        {"word": word, "count": counts.get(code, 0), "url": _list_url(query, code), "current": code == known}
        for code, word in FILTERS
    ]


def _list_url(query: str, state: str, page: int = 1) -> str:
    parts = {"q": query, "state": state, "page": "" if page == 1 else str(page)}
    given = {name: value for name, value in parts.items() if value}
    return reverse("hr:list") + (f"?{urlencode(given)}" if given else "")


def _row(starter: Starter) -> dict[str, Any]:
    return {
        "name": starter.name,
        "account_name": starter.account_name,
        "department": starter.department,
        "manager_name": starter.manager_name,
        "when": f"{starter.start_local:%a} {starter.start_local.day} {starter.start_local:%b %Y, %H:%M}",
        "url": reverse("hr:starter", args=[starter.public_id]),
        "badge": words.badge(starter),
        "problem": starter.get_problem_display() if starter.is_unfinished else "",
    }


# --- Recording --------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def record(request: HttpRequest) -> HttpResponse:
    """Look up first, save what was seen. Each step shows the form again with all that was typed."""
    if request.method != "POST":
        return _record_page(request, RecordForm())
    form = RecordForm(request.POST)
    looking = request.POST.get("step") == "look"
    if not form.is_valid() and not (looking and form.look_only()):
        return _record_page(request, form, status=400)
    looked = directory.look_up(form.cleaned_data["account"])
    if looked.trouble:
        form.add_error("account", looked.trouble)
        return _record_page(request, form, status=503)
    if looked.found is None:
        return _not_found(request, form)
    return _found(request, form, looked.found)


def _not_found(request: HttpRequest, form: RecordForm) -> HttpResponse:
    if form.is_object_id:
        form.add_error(
            "account", "No account has this object id. Check it, or type the account name instead."
        )
        return _record_page(request, form, status=400)
    if request.POST.get("step") == "expect":
        return _save(request, form, None)
    return _record_page(request, form, expected=True)


def _found(request: HttpRequest, form: RecordForm, found: directory.Found) -> HttpResponse:
    seen = form.cleaned_data["seen"] == found.account.object_id
    if request.POST.get("step") == "save" and seen:
        return _save(request, form, found)
    # Whatever was pressed: nothing is saved before HR has seen what the directory says of this very account.
    shown = RecordForm({**request.POST.dict(), "seen": found.account.object_id})
    shown.look_only()
    return _record_page(request, shown, found=found)


def _save(request: HttpRequest, form: RecordForm, found: directory.Found | None) -> HttpResponse:
    try:
        starter = services.record_starter(
            account_name=found.account.user_principal_name if found else form.cleaned_data["account"],
            account=found.account if found else None,
            manager=found.manager if found else None,
            by=request.user,
            **form.when(),
        )
    except services.AlreadyRecorded:
        form.add_error(
            "account", "This account is already recorded, and not finished. Look for it in the list."
        )
        return _record_page(request, form, found=found, status=409)
    messages.success(request, f"{starter.name} is recorded.")
    return redirect("hr:starter", public_id=starter.public_id)


def _record_page(
    request: HttpRequest,
    form: RecordForm,
    *,
    found: directory.Found | None = None,
    expected: bool = False,
    status: int = 200,
) -> HttpResponse:
    told = directory.in_words(found, recorder=request.user) if found else None
    return render(
        request, "hr/record.html", {"form": form, "found": told, "expected": expected}, status=status
    )


# --- One starter --------------------------------------------------------------------------------------------------


@require_safe
@hr_only
def starter(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    version = policy.in_force()
    context = {
        "starter": one,
        "badge": words.badge(one),
        "problem": one.get_problem_display() if one.is_unfinished else "",
        "next_step": {"text": words.next_step(one, version, clock.now())},
        "found": bool(one.is_unfinished and one.found_account_id and not one.account_id),
        "accept_url": reverse("hr:accept", args=[public_id]),
        "link": settings.PORTAL_URL + reverse("managers:starter", args=[public_id]) if one.account_id else "",
        "urls": _urls(one),
        "send_label": "Send the link now" if one.state == StarterState.RECORDED else "Send the link again",
        "issues": words.issues(one),
        "history": words.history(one),
        "mails": [_mail(mail) for mail in one.mails.all()[:50]],
    }
    return render(request, "hr/starter.html", context)


def _urls(one: Starter) -> dict[str, str | None]:
    """What can be done now; what cannot is absent."""
    state, issue = StarterState(one.state), one.open_issue()
    possible = {
        "edit": one.is_unfinished and state != StarterState.ISSUED,
        "send": bool(one.account_id) and state in {StarterState.RECORDED, StarterState.INVITED},
        "withdraw": one.is_unfinished,
        "allow": services.may_allow_another(one),
        "take_back": issue is not None and issue.state in {IssueState.SHOWN, IssueState.HELD},
    }
    names = {"take_back": "take-back"}
    return {
        name: reverse(f"hr:{names.get(name, name)}", args=[one.public_id]) if may else None
        for name, may in possible.items()
    }


def _mail(mail: Any) -> dict[str, Any]:
    told = "sent" if mail.sent_at else "no longer needed, not sent" if mail.dropped_at else "not yet sent"
    return {"at": mail.sent_at or mail.written_at, "to": mail.to, "subject": mail.subject, "words": told}


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    form = EditForm(request.POST) if request.method == "POST" else EditForm.of(one)
    if form.is_bound and form.is_valid():
        when = {name: form.cleaned_data[name] for name in ("start_date", "start_time", "time_zone", "note")}
        one.version = form.cleaned_data["version"]
        if _done(request, lambda: services.reschedule(starter=one, by=request.user, **when), "Saved."):
            return redirect("hr:starter", public_id=public_id)
        form = EditForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {"form": form, "starter_name": one.name, "back_url": reverse("hr:starter", args=[public_id])}
    return render(request, "hr/edit.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    form = (
        WithdrawForm(request.POST)
        if request.method == "POST"
        else WithdrawForm(initial={"version": one.version})
    )
    if form.is_bound and form.is_valid():
        one.version = form.cleaned_data["version"]

        def act() -> str:
            done = services.withdraw_starter(starter=one, by=request.user, reason=form.cleaned_data["reason"])
            return (
                "Withdrawn."
                if done
                else "A pass is out. It is being deleted, and then the starter is withdrawn."
            )

        if _done(request, act):
            return redirect("hr:starter", public_id=public_id)
        form = WithdrawForm({**request.POST.dict(), "version": starter_or_404(public_id).version})
    context = {
        "form": form,
        "starter_name": one.name,
        "back_url": reverse("hr:starter", args=[public_id]),
        "consequence": "The manager can no longer create a pass, and a pass that is out is deleted. This cannot be undone.",
    }
    return render(request, "hr/withdraw.html", context, status=400 if form.errors else 200)


@require_POST
@hr_only
def send(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)

    def act() -> str | None:
        try:
            services.send_link(starter=one, by=request.user)
        except Changed:
            if starter_or_404(public_id).state != StarterState.INVITED:
                raise
            return "The portal sent the link a moment ago."
        return None

    _done(request, act, "The link is on its way to the manager.")
    return redirect("hr:starter", public_id=public_id)


@require_POST
@hr_only
def accept(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    found = request.POST.get("found", "")  # the one that HR was shown, or none

    def act() -> None:
        services.accept_account(starter=one, found_account_id=found, by=request.user)

    _done(request, act, "The account is accepted.")
    return redirect("hr:starter", public_id=public_id)


@require_POST
@hr_only
def allow(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    _done(request, lambda: services.allow_another(starter=one, by=request.user), "Another pass is allowed.")
    return redirect("hr:starter", public_id=public_id)


@require_POST
@hr_only
def take_pass_back(request: HttpRequest, public_id: str) -> HttpResponse:
    one = starter_or_404(public_id)
    issue = one.open_issue()
    if issue is not None:
        _done(
            request,
            lambda: handover.take_back(issue, reason=PassIssue.Reason.TAKEN_BACK, by=request.user),
            "The pass is being taken back; in a moment nobody can use it.",
        )
    return redirect("hr:starter", public_id=public_id)


def _done(request: HttpRequest, act: Callable[[], str | None], success: str = "") -> bool:
    """Do it, and say how it went: in the words that `act` returns, else in those given."""
    try:
        success = act() or success
    except (Changed, NotPermitted, services.AccountMoved):
        messages.error(request, CHANGED)
    except services.CannotInvite as problem:
        messages.error(request, f"The link was not sent. {problem}.")
    except services.OwnStarter:
        messages.error(request, "You are this person's manager: somebody else in HR must do this.")
    except services.AlreadyRecorded:
        messages.error(request, "Another unfinished starter has this account. Withdraw one of the two.")
    except directory.Trouble:
        messages.error(request, "The directory does not answer. Nothing was changed; try again in a minute.")
    else:
        messages.success(request, success)
        return True
    return False
