"""The manager confirms. The answer is the pass, or the page that says why there is none."""

from __future__ import annotations

from dataclasses import replace

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from onboarding import clock, guards, policy
from onboarding.guards import daily_limits
from onboarding.managers import page_state, saved_choice
from onboarding.managers.forms import ConfirmForm
from onboarding.managers.views.access import (
    managers_only,
    require_current_manager,
    show_account_gone,
    show_unavailable,
)
from onboarding.managers.views.pass_page import show_pass
from onboarding.managers.views.starter_page import current_page_state, proof_of, render_page, signed_in_at
from onboarding.models import Starter
from onboarding.passes import handover, sign_ins
from onboarding.passes.confirmation import Confirmation
from onboarding.passes.errors import PassNotCreated, PassNotIssued, Queued, RefusedByGuards, TryAgainLater
from onboarding.passes.foreign_passes import may_still_exist
from onboarding.permissions import AccountGone, answers_unchecked


@answers_unchecked("POST")  # without a proof there is no pass: the page asks for a new sign-in
@require_http_methods(["GET", "HEAD", "POST"])
@managers_only
def starter_page(request: HttpRequest, starter: Starter) -> HttpResponse:
    """Show the page on GET, and ask the worker to read sign-ins if the page waits for that. POST confirms."""
    if request.method == "POST":
        return confirm_pass(request, starter)
    state, choice = current_page_state(request, starter), saved_choice.read_saved_choice(request, starter)
    if state.code == "not_read_yet":
        sign_ins.request_reading(starter)
    if state.action == "confirm" and choice.foreign_pass and may_still_exist(choice.foreign_pass, starter):
        # The manager chose to replace it before the wait.
        state = page_state.foreign_pass_state(choice.foreign_pass, starter)
    return render_page(request, starter, state, choice=choice)


@sensitive_variables()
def confirm_pass(request: HttpRequest, starter: Starter) -> HttpResponse:
    """Create the pass. Only the answer to this request ever shows it."""
    if any(len(values) > 1 for _, values in request.POST.lists()):
        raise BadRequest("a field came twice")
    form = ConfirmForm(request.POST, rules=policy.for_starter(starter))
    choice = replace(
        saved_choice.read_saved_choice(request, starter), identity_check=form.data.get("identity_check", "")
    )
    if not form.is_valid():
        require_current_manager(request, starter)
        return render_page(
            request, starter, current_page_state(request, starter), choice=choice, form=form, status=400
        )
    confirmation = Confirmation(
        starter=starter,
        person=request.user,
        signed_in_at=signed_in_at(request),
        identity_check=form.cleaned_data["identity_check"],
        starter_version=form.cleaned_data["version"],
        policy_key=form.cleaned_data["policy"],
        replacing=frozenset(filter(None, [form.cleaned_data["replace"]])),
        proof=proof_of(request, starter),
        session_key=request.session.session_key,
    )
    try:
        shown = handover.confirm(confirmation)
    except PassNotIssued as error:
        return show_why_no_pass(request, starter, error, choice)
    return show_pass(request, starter, shown)


def show_why_no_pass(
    request: HttpRequest, starter: Starter, error: PassNotIssued, choice: saved_choice.SavedChoice
) -> HttpResponse:
    """Answer with the page that says why there is no pass."""
    # While too many requests wait for Microsoft, the check of the manager would only wait as well.
    if isinstance(error, TryAgainLater) and error.code == "crowded":
        address = reverse("managers:starter", args=[starter.public_id])
        back = saved_choice.add_to_address(address, starter, request.user, choice)
        text = gettext("Too many requests to Microsoft are waiting, so no pass was created.")
        return show_unavailable(request, gettext("The portal is busy"), text, back)
    if not isinstance(error, RefusedByGuards):
        try:
            require_current_manager(request, starter)
        except AccountGone as gone:
            return show_account_gone(request, gone.starter)
    starter = Starter.objects.get(pk=starter.pk)
    current = current_page_state(request, starter)
    match error:
        case RefusedByGuards(needs_only_sign_in=True):
            return render_page(
                request, starter, page_state.sign_in_again_state(error.guards), choice=choice, status=403
            )
        case RefusedByGuards(foreign=(live, *_)):
            choice = replace(choice, foreign_pass=live)
            return render_page(
                request, starter, page_state.foreign_pass_state(live, starter), choice=choice, status=403
            )
        case RefusedByGuards():
            found = guards.reasons_for_guards(error.guards, reference=starter.answer_event)
            return render_page(
                request, starter, page_state.refused_state(starter, found, starter.hr_notified_at), status=403
            )
        case Queued():
            return render_page(
                request, starter, page_state.queue_state(error.wait, clock.now()), choice=choice
            )
        case TryAgainLater():
            return show_unavailable_state(request, starter, error.code)
        case PassNotCreated():
            return render_page(request, starter, page_state.failed_state(error.issue, current), status=503)
        case _:
            return render_page(request, starter, current, status=409)


def show_unavailable_state(request: HttpRequest, starter: Starter, code: str) -> HttpResponse:
    """Answer 503 for what passes by itself, and 429 after too many refused requests today."""
    is_limit = code == "refusal_limit"
    answer = render_page(
        request, starter, page_state.unavailable_state(code), status=429 if is_limit else 503
    )
    if is_limit:
        answer["Retry-After"] = str(daily_limits.seconds_until_tomorrow())
    return answer
