"""What admins read about the policy: that a draft waits, and who is notified of a change."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext

from onboarding.inputs.characters import clean_name
from onboarding.mail import policy_mails
from onboarding.mail.kinds import Reader
from onboarding.models import PolicyVersion

LONGEST_REASON = 300


def read_reason(request: HttpRequest) -> str:
    """Return the reason that a form has. Without one, say so and return an empty text.

    Hidden characters are removed, not refused: an invisible character must not delay an admin who stops passes.
    """
    reason = clean_name(request.POST.get("reason", ""), limit=LONGEST_REASON)
    if not reason:
        messages.error(request, gettext("Nothing was changed. Enter a reason."))
    return reason


def say_that_it_waits(request: HttpRequest, version: PolicyVersion) -> None:
    text = gettext(
        "Version %(number)s was saved as a draft, because it loosens a rule or because the policy "
        "requires a second admin. Another admin must review and activate it."
    )
    messages.warning(request, text % {"number": version.number})


def say_who_hears(request: HttpRequest, before: PolicyVersion, *, is_draft: bool = False) -> None:
    """Say which addresses get an email about a change of the policy `before`, or that nobody does."""
    found = policy_mails.list_recipients(before)
    addresses = [to for reader, to in found.items() if not is_draft or reader == Reader.SECURITY]
    if addresses:
        text = gettext("The portal emails this change to %(addresses)s.")
        messages.info(request, text % {"addresses": ", ".join(addresses)})
    else:
        messages.warning(
            request,
            gettext("Nobody gets an email about this change, because no address is set for these emails."),
        )
