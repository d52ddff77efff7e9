"""A pass issue: one attempt to hand over one pass to one starter. The pass itself is never stored."""

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
    """How the manager checked the starter's identity."""

    IN_PERSON = "in_person", _("In person, with an identity document")
    BY_VIDEO = "by_video", _("By video call, with an identity document")
    KNOWN = "known", _("I already know this person")


class PassIssue(models.Model):
    """One issue. Its id is the `client-request-id` of the creation in Microsoft's logs."""

    class State(models.TextChoices):
        ISSUING = IssueState.ISSUING.value, _("being created")
        SHOWN = IssueState.SHOWN.value, _("shown")
        HELD = IssueState.HELD.value, _("handed over")
        CLOSED = IssueState.CLOSED.value, _("finished")
        REJECTED = IssueState.REJECTED.value, _("refused by Microsoft")
        UNKNOWN = IssueState.UNKNOWN.value, _("result not known yet")
        VOID = IssueState.VOID.value, _("no pass was created")
        REVOKING = IssueState.REVOKING.value, _("being cancelled")
        REVOKED = IssueState.REVOKED.value, _("cancelled")

    class Reason(models.TextChoices):
        """Why an issue is in its state."""

        NONE = "", ""
        NO_RECEIPT = "no_receipt", _("the page did not confirm that the pass arrived")
        NOT_SEEN = "not_seen", _("the manager or stand-in did not see the pass")
        LOST = "lost", _("the manager or stand-in cancelled the pass")
        TAKEN_BACK = "taken_back", _("HR cancelled the pass")
        WITHDRAWN = "withdrawn", _("HR or another system withdrew the starter")
        FROZEN = "frozen", _("someone stopped all new passes")
        STOPPED = "stopped", _("someone used the emergency stop")
        SESSIONS_ENDED = "sessions_ended", _("an admin ended the sessions of the manager or stand-in")
        OWN_SESSION_ENDED = (
            "own_session_ended",
            _("the manager or stand-in ended one of their other sessions"),
        )
        CHANGED = "changed", _("someone changed the starter while the pass was being created")
        NO_ANSWER = "no_answer", _("Microsoft did not respond")
        STRANGE_ANSWER = "strange_answer", _("Microsoft’s response was not usable")
        NOT_RECORDED = "not_recorded", _("the portal could not save the result")
        CRASHED = "crashed", _("the request was interrupted before the portal knew the result")
        THROTTLED = "throttled", _("Microsoft asked the portal to wait")
        REFUSED = "refused", _("Microsoft refused")
        NOT_KNOWN_YET = "not_known_yet", _("Microsoft did not know the account yet")
        NOT_REPLACED = (
            "not_replaced",
            _("the portal could not delete a pass that was created outside the portal"),
        )
        UNREACHABLE = "unreachable", _("the portal could not reach Microsoft")
        REGISTERED = "registered", _("a sign-in method was registered")
        USED = "used", _("the pass was used, but no sign-in method was registered")
        EXPIRED = "expired", _("the pass expired")
        REPLACED = "replaced", _("a pass created outside the portal replaced this pass")
        OVERTAKEN = (
            "overtaken",
            _("an earlier attempt created a pass after all, and that pass replaced this one"),
        )
        GONE = "gone", _("someone deleted the pass outside the portal")

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    starter = models.ForeignKey(
        "onboarding.Starter", on_delete=models.PROTECT, related_name="issues", verbose_name=_("starter")
    )
    account_id = models.CharField(_("object ID of the account"), max_length=36)
    number = models.PositiveSmallIntegerField(_("number"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ISSUING)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, default=Reason.NONE, blank=True)
    counted = models.BooleanField(_("counts towards the starter’s pass limit"), default=False)

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("identity confirmed by"),
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
        help_text=_(
            "The version of the department’s own policy that applied to the pass. Empty if no "
            "department policy applied."
        ),
        verbose_name=_("policy of the department"),
    )
    lifetime_minutes = models.PositiveSmallIntegerField(_("lifetime in minutes"))

    intended_at = models.DateTimeField(_("identity confirmed"), default=timezone.now)
    lease_until = models.DateTimeField(_("deadline to create the pass"))
    method_id = models.CharField(_("id of the pass in Entra"), max_length=128, blank=True, default="")
    seen_before = models.JSONField(
        _("earlier passes"),
        default=list,
        help_text=_(
            "IDs of the account’s earlier passes, which no longer worked when the portal created this pass."
        ),
    )
    methods_before = models.JSONField(
        _("earlier sign-in methods"),
        default=list,
        db_default=[],
        help_text=_("IDs of the sign-in methods that the account had before this pass was used."),
    )
    graph_request_id = models.CharField(_("Graph request ID"), max_length=64, blank=True, default="")
    answered_at = models.DateTimeField(
        _("refused by Microsoft at"), null=True, blank=True, help_text=_("The time on Microsoft's clock.")
    )
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    shown_at = models.DateTimeField(_("shown"), null=True, blank=True)
    receipt_until = models.DateTimeField(
        _("time by which the page must confirm that it showed the pass"), null=True, blank=True
    )
    held_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    used_at = models.DateTimeField(_("used"), null=True, blank=True)
    first_empty_at = models.DateTimeField(
        _("first check that found no pass"),
        null=True,
        blank=True,
        help_text=_("The time when the portal first found no pass, after an unclear answer from Microsoft."),
    )
    revoking_at = models.DateTimeField(_("cancellation started"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        ordering = ["-intended_at"]
        verbose_name = _("pass attempt")
        verbose_name_plural = _("pass attempts")
        indexes = [models.Index(fields=["state", "reason"], name="issue_by_outcome")]
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

    @property
    def is_denied_by_microsoft(self) -> bool:
        """Whether Microsoft refused the request. That is only a hint: its list of passes decides."""
        return self.answered_at is not None

    @property
    def is_throttled(self) -> bool:
        """Whether Microsoft asked to wait; until then the list of passes is not read either."""
        return self.state == IssueState.UNKNOWN and self.reason == self.Reason.THROTTLED

    def is_lease_valid(self, now: datetime) -> bool:
        return self.lease_until > now


class StepUpUsed(models.Model):
    """One used proof of a step-up sign-in, kept for a day. The unique index allows one pass for each proof, even for two
    clicks at the same time."""

    proof = models.CharField(max_length=32, unique=True)
    used_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("step-up sign-in used for a pass")

    def __str__(self) -> str:
        return f"step-up used {self.used_at:%Y-%m-%d %H:%M:%S}"
