"""A pass issue: one attempt to hand one pass to one starter. What the pass was is never kept."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from onboarding.lifecycle import OPEN_ISSUE, IssueState


class IdentityCheck(models.TextChoices):
    """How the manager made sure who stands before them."""

    IN_PERSON = "in_person", "In person, with an identity document"
    BY_VIDEO = "by_video", "By video call, with an identity document"
    KNOWN = "known", "I know this person from before"


class PassIssue(models.Model):
    """Its id is the `client-request-id` that Microsoft's own logs keep beside the creation."""

    class State(models.TextChoices):
        ISSUING = IssueState.ISSUING.value, "being made"
        SHOWN = IssueState.SHOWN.value, "shown"
        HELD = IssueState.HELD.value, "handed over"
        CLOSED = IssueState.CLOSED.value, "finished"
        REJECTED = IssueState.REJECTED.value, "refused by Microsoft"
        UNKNOWN = IssueState.UNKNOWN.value, "outcome not known yet"
        VOID = IssueState.VOID.value, "none was made"
        REVOKING = IssueState.REVOKING.value, "being taken back"
        REVOKED = IssueState.REVOKED.value, "taken back"

    class Reason(models.TextChoices):
        """Why an issue is where it is."""

        NONE = "", ""
        NO_RECEIPT = "no_receipt", "the page never said that it arrived on a screen"
        NOT_SEEN = "not_seen", "the manager did not see it"
        LOST = "lost", "it was lost"
        TAKEN_BACK = "taken_back", "HR took it back"
        WITHDRAWN = "withdrawn", "the starter was withdrawn"
        FROZEN = "frozen", "issuing was frozen"
        CHANGED = "changed", "the starter was changed meanwhile"
        NO_ANSWER = "no_answer", "the answer was lost"
        STRANGE_ANSWER = "strange_answer", "the answer could not be used"
        NOT_RECORDED = "not_recorded", "it could not be recorded"
        CRASHED = "crashed", "the portal stopped in the middle"
        THROTTLED = "throttled", "Microsoft asked us to wait"
        REFUSED = "refused", "Microsoft refused"
        NOT_REPLACED = "not_replaced", "the pass of another tool could not be removed"
        UNREACHABLE = "unreachable", "Microsoft could not be reached"
        REGISTERED = "registered", "the starter set up their own way of signing in"
        USED = "used", "it was used, but no way of signing in was set up"
        EXPIRED = "expired", "it expired"
        REPLACED = "replaced", "another tool replaced it"
        GONE = "gone", "somebody else removed it"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    starter = models.ForeignKey("onboarding.Starter", on_delete=models.PROTECT, related_name="issues")
    account_id = models.CharField(max_length=36)
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.ISSUING)
    reason = models.CharField(max_length=20, choices=Reason, default=Reason.NONE, blank=True)
    counted = models.BooleanField(default=False)

    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    identity_check = models.CharField(max_length=12, choices=IdentityCheck)
    policy = models.ForeignKey("onboarding.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    override = models.ForeignKey(
        "onboarding.PolicyVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="What the starter's department had otherwise.",
    )
    lifetime_minutes = models.PositiveSmallIntegerField()

    intended_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField()
    method_id = models.CharField(max_length=128, blank=True, default="")
    seen_before = models.JSONField(default=list, help_text="Ids of dead passes on the account before ours.")
    graph_request_id = models.CharField(max_length=64, blank=True, default="")
    valid_until = models.DateTimeField(null=True, blank=True)
    shown_at = models.DateTimeField(null=True, blank=True)
    receipt_until = models.DateTimeField(null=True, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    first_empty_at = models.DateTimeField(
        null=True, blank=True, help_text="An unknown issue's first empty look."
    )
    revoking_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-intended_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["account_id"],
                condition=Q(state__in=[s.value for s in sorted(OPEN_ISSUE)]),
                name="one_open_issue_an_account",
            ),
            models.UniqueConstraint(fields=["starter", "number"], name="issues_are_numbered"),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in IssueState]), name="issue_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(lifetime_minutes__gte=10, lifetime_minutes__lte=480),
                name="issue_lifetime_within_floors",
            ),
        ]

    def __str__(self) -> str:
        return f"pass {self.number}"

    def lease_holds(self, now: datetime) -> bool:
        return self.lease_until > now
