"""HR's actions that take one click: send the link, accept an account, cancel a pass.

Each form carries the version of the starter that its page showed. A form of an older page is refused.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from onboarding.errors import ConcurrentUpdate
from onboarding.hr.views.feedback import check_version, describe_recent_link, run_and_report, starter_or_404
from onboarding.lifecycle import StarterState
from onboarding.models import PassIssue
from onboarding.passes import cancellation
from onboarding.permissions import hr_only
from onboarding.starters import accounts, invitations


@require_POST
@hr_only
def send_link(request: HttpRequest, public_id: str) -> HttpResponse:
    starter = starter_or_404(public_id)

    def send_or_explain() -> str | None:
        try:
            check_version(request, starter)
            sent_at = invitations.send_link(starter=starter, by=request.user)
        except ConcurrentUpdate:
            return _resolve_sent_meanwhile(request, public_id)
        if sent_at is not None:
            return describe_recent_link(sent_at)
        return (
            None
            if starter.confirmer_mail
            else gettext("No email was sent, because the manager or stand-in has no mailbox.")
        )

    run_and_report(
        request, send_or_explain, gettext("The portal is emailing the link to the manager or stand-in.")
    )
    return redirect("hr:starter", public_id=public_id)


def _resolve_sent_meanwhile(request: HttpRequest, public_id: str) -> str | None:
    """Answer a click on a page that is out of date only because the portal has written the link since.

    A waiting link is sent now. A link that was sent a moment ago is not sent again. Raises ConcurrentUpdate for any
    other change.
    """
    now = starter_or_404(public_id)
    if now.state != StarterState.INVITED:
        raise ConcurrentUpdate("the link is no longer needed")
    # Only the link turns a recorded starter of the version before into an invited starter.
    was_recorded = request.POST.get("state") == StarterState.RECORDED
    is_version_before = request.POST.get("version") == str(now.version - 1)
    if was_recorded and is_version_before and invitations.send_waiting_link_now(starter=now, by=request.user):
        return None
    sent_at = invitations.link_sent_just_now(now)
    if sent_at is None:
        raise ConcurrentUpdate("the page was opened on another version")
    return describe_recent_link(sent_at)


@require_POST
@hr_only
def accept_account(request: HttpRequest, public_id: str) -> HttpResponse:
    starter = starter_or_404(public_id)
    found = request.POST.get("found", "")  # the account that HR was shown, or none

    def accept_shown_account() -> None:
        check_version(request, starter)
        accounts.accept_account(starter=starter, found_account_id=found, by=request.user)

    run_and_report(request, accept_shown_account, gettext("You accepted the account."))
    return redirect("hr:starter", public_id=public_id)


@require_POST
@hr_only
def cancel_pass(request: HttpRequest, public_id: str) -> HttpResponse:
    """Cancel the pass that the page showed. A newer pass is refused: HR has not seen it."""
    starter = starter_or_404(public_id)

    def cancel_shown_pass() -> None:
        check_version(request, starter)
        issue = starter.open_issue()
        if issue is None or request.POST.get("issue") != str(issue.number):
            raise ConcurrentUpdate("this pass is gone, or a newer starter was made")
        cancellation.cancel_pass(issue, reason=PassIssue.Reason.TAKEN_BACK, by=request.user)

    run_and_report(
        request,
        cancel_shown_pass,
        gettext("The pass is being cancelled. It may still work until the portal has deleted it."),
    )
    return redirect("hr:starter", public_id=public_id)
