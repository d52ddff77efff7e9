"""The kinds of mail with a rule of their own: which are batched, have a calendar file, or are digests.

This is not a list of all kinds. Each kind has a template in `templates/emails/`, `notifications.py` writes them, and
`docs/reference/mails.md` lists them all.
"""

from __future__ import annotations

from django.db.models import Q

from onboarding.models import Mail

Reader = Mail.Reader

# The most urgent last. Several of these for one reader are sent as one digest.
BATCHED_KINDS = ("invitation", "reminder_ahead", "moved", "reminder", "escalation")
# What the calendar file of a kind does: add the first day, or remove it from a former confirmer's calendar.
CALENDAR_METHODS = {
    **dict.fromkeys(("invitation", "reminder_ahead", "moved", "reminder"), Mail.Calendar.REQUEST),
    **dict.fromkeys(("not_asked", "account_replaced", "withdrawn"), Mail.Calendar.CANCEL),
}
DIGEST = "digest"
HR_DIGEST = "hr_digest"
DIGESTS = (DIGEST, HR_DIGEST)
# Readers who can confirm. A mail that does not reach one of them blocks the onboarding.
CONFIRMERS = frozenset({Reader.MANAGER, Reader.STAND_IN})
# An installer or an admin typed their addresses; all others come from the directory.
CONFIGURED_READERS = frozenset({Reader.HR, Reader.SECURITY, Reader.DUTY})
# The mail was sent; or the server's answer did not say whether it took the mail.
MAY_HAVE_ARRIVED = Q(sent_at__isnull=False) | Q(fault=Mail.Fault.LATER)
