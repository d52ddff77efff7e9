"""A pass issue: one attempt to hand one pass to one starter. What the pass was is never kept."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.lifecycle import OPEN_ISSUE, IssueState


class IdentityCheck(models.TextChoices):
    """How the manager made sure who stands before them."""

    IN_PERSON = "in_person", _("In person, with an identity document")
    BY_VIDEO = "by_video", _("By video call, with an identity document")
    KNOWN = "known", _("I know this person from before")


class PassIssue(models.Model):
    """Its id is the `client-request-id` that Microsoft's own logs keep beside the creation."""

    class State(models.TextChoices):
        ISSUING = IssueState.ISSUING.value, _("being made")
        SHOWN = IssueState.SHOWN.value, _("shown")
        HELD = IssueState.HELD.value, _("handed over")
        CLOSED = IssueState.CLOSED.value, _("finished")
        REJECTED = IssueState.REJECTED.value, _("refused by Microsoft")
        UNKNOWN = IssueState.UNKNOWN.value, _("outcome not known yet")
        VOID = IssueState.VOID.value, _("none was made")
        REVOKING = IssueState.REVOKING.value, _("being taken back")
        REVOKED = IssueState.REVOKED.value, _("taken back")

    class Reason(models.TextChoices):
        """Why an issue is where it is."""

        NONE = "", ""
        NO_RECEIPT = "no_receipt", _("the page never said that it arrived on a screen")
        NOT_SEEN = "not_seen", _("the manager did not see it")
        LOST = "lost", _("it was lost")
        TAKEN_BACK = "taken_back", _("HR took it back")
        WITHDRAWN = "withdrawn", _("the starter was withdrawn")
        FROZEN = "frozen", _("issuing was frozen")
        CHANGED = "changed", _("the starter was changed meanwhile")
        NO_ANSWER = "no_answer", _("the answer was lost")
        STRANGE_ANSWER = "strange_answer", _("the answer could not be used")
        NOT_RECORDED = "not_recorded", _("it could not be recorded")
        CRASHED = "crashed", _("the portal stopped in the middle")
        THROTTLED = "throttled", _("Microsoft asked us to wait")
        REFUSED = "refused", _("Microsoft refused")
        NOT_REPLACED = "not_replaced", _("the pass of another tool could not be removed")
        UNREACHABLE = "unreachable", _("Microsoft could not be reached")
        REGISTERED = "registered", _("the starter set up their own way of signing in")
        USED = "used", _("it was used, but no way of signing in was set up")
        EXPIRED = "expired", _("it expired")
        REPLACED = "replaced", _("another tool replaced it")
        GONE = "gone", _("somebody else removed it")

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    starter = models.ForeignKey(
        "onboarding.Starter", on_delete=models.PROTECT, related_name="issues", verbose_name=_("starter")
    )
    account_id = models.CharField(_("object id of the account"), max_length=36)
    number = models.PositiveSmallIntegerField(_("number"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ISSUING)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, default=Reason.NONE, blank=True)
    counted = models.BooleanField(_("counts as an attempt"), default=False)

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("confirmed by")
    )
    identity_check = models.CharField(_("identity check"), max_length=12, choices=IdentityCheck)
    policy = models.ForeignKey(
        "onboarding.PolicyVersion",
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("policy in force"),
    )
    override = models.ForeignKey(
        "onboarding.PolicyVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("What the starter's department had otherwise."),
        verbose_name=_("policy of the department"),
    )
    lifetime_minutes = models.PositiveSmallIntegerField(_("lifetime in minutes"))

    intended_at = models.DateTimeField(_("confirmed"), default=timezone.now)
    lease_until = models.DateTimeField(_("lease until"))
    method_id = models.CharField(_("id of the pass in Entra"), max_length=128, blank=True, default="")
    seen_before = models.JSONField(
        _("passes seen before"), default=list, help_text=_("Ids of dead passes on the account before ours.")
    )
    graph_request_id = models.CharField(_("request id of Graph"), max_length=64, blank=True, default="")
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    shown_at = models.DateTimeField(_("shown"), null=True, blank=True)
    receipt_until = models.DateTimeField(_("receipt awaited until"), null=True, blank=True)
    held_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    used_at = models.DateTimeField(_("used"), null=True, blank=True)
    first_empty_at = models.DateTimeField(
        _("first not found"), null=True, blank=True, help_text=_("An unknown issue's first empty look.")
    )
    revoking_at = models.DateTimeField(_("being taken back since"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        ordering = ["-intended_at"]
        verbose_name = _("pass issue")
        verbose_name_plural = _("pass issues")
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
